"""Bytes of a page or file to its text, title, author, date, language, headings and links.

What the rest of the index needs is the value, `Extracted`, and sandbox.py, which makes it in a process of its own; the
extractors and the libraries below them (extractors.py) are loaded in that process only.
"""

from search_index.extract.document import Extracted

__all__ = ["Extracted"]
