"""The index's rows: Source -> Page -> Snapshot -> Passage, and Crawl, one pass over a source."""

from search_index.models.page import Page, Passage, Snapshot
from search_index.models.source import Crawl, Source

__all__ = ["Crawl", "Page", "Passage", "Snapshot", "Source"]
