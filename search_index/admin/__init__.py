"""The operator's pages: what is wrong, why, and one click to do something about it.

Sources (sources.py) are added, set, crawled, paused, resumed, stopped and deleted here; pages, snapshots, passages and
crawls (stored.py) can only be read: what is stored is never edited by hand. Called by Django's admin.
"""

from search_index.admin import sources, stored

__all__ = ["sources", "stored"]
