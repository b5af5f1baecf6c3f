"""The index's rows: Source -> Page -> Snapshot -> Passage -> Vector; Crawl, a pass over a source; Host, a web host;
Departure, a request at the egress door."""

from search_index.models.departure import Departure
from search_index.models.page import Page, Passage, Snapshot
from search_index.models.source import Boost, Crawl, Host, Source, SourceClass
from search_index.models.vector import EmbeddingModel, Vector

__all__ = [
    "Boost",
    "Crawl",
    "Departure",
    "EmbeddingModel",
    "Host",
    "Page",
    "Passage",
    "Snapshot",
    "Source",
    "SourceClass",
    "Vector",
]
