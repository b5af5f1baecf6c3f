"""The frozen values that the index hands out through api.py. No row of the database crosses that door."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Filters:
    """What a search is narrowed to; what is empty asks for nothing."""

    sources: tuple[int, ...] = ()  # ids
    hosts: tuple[str, ...] = ()  # with their subdomains
    languages: tuple[str, ...] = ()  # "en"
    classes: tuple[str, ...] = ()  # of SourceClass
    since: date | None = None  # published; what has no date is left out
    until: date | None = None


@dataclass(frozen=True)
class Hit:
    """One search result: a passage with its scores. `text` is `snapshot text[start:end]`, verbatim.

    `score` is what it ranks by: the fused relevance, 0..1, times `weight`, which is what is known of the page besides:
    who speaks there, how recent it is where the query asks for the latest, and what the operator wants.
    """

    rank: int  # 1 is best
    score: float
    dense: float  # cosine similarity of query and passage, -1..1
    lexical: float  # weighted term score, >= 0
    passage: int
    snapshot: int
    start: int
    end: int
    text: str
    heading: str
    title: str
    url: str
    host: str  # empty for files
    source: str  # the source's name
    weight: float = 1.0
    source_class: str = ""  # of SourceClass; empty where it is not known
    language: str = ""
    published_on: date | None = None
    reranked: float | None = None  # the reranker's score, on a scale of its own; None where it was not asked


@dataclass(frozen=True)
class Opened:
    """A snapshot of a page: everything about it that a reader or a run may see."""

    snapshot: int
    url: str
    host: str
    title: str
    author: str
    published_on: date | None
    fetched_at: datetime
    source: str
    text: str
    links: tuple[str, ...]
    headings: tuple[tuple[int, int, int], ...] = ()  # (start, end, level 1..6), spans into `text`
    sha256: str = ""  # of the text
    source_class: str = ""  # of SourceClass; empty where it is not known
    language: str = ""
    cluster: int | None = None  # what all near-duplicates of the text have in common
    flags: tuple[str, ...] = ()  # what a reader has to know of it: "hidden", "invisible", "instructions"

    @property
    def is_web(self) -> bool:
        """Whether `url` is an address that a browser can open (files of a folder or dataset have none)."""
        return self.url.startswith(("http://", "https://"))


@dataclass(frozen=True)
class Span:
    """A passage's place in its snapshot, and its verbatim text."""

    snapshot: int
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class SourceSummary:
    """A source as the ask page shows it. `activity` is empty, or says that it is being crawled and how far it is."""

    id: int
    name: str
    kind: str
    pages: int
    passages: int
    activity: str
    collection: str = ""
