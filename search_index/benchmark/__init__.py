"""What the index does on a machine, in figures: crawling, indexing, search, growth, and quality on BEIR datasets.

Each benchmark is a module with one function that measures through the code that people and crawls use, and returns one
document; goals.py holds what the figures are to be. What they fill the index with is made up, the same on every machine
(prose.py, space.py), and lies in an index of their own. Nothing of the application imports this package.
Called by `manage.py benchmark`, which is what script/benchmark runs.
"""
