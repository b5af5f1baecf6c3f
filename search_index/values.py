"""The frozen values that the index hands out through api.py. No row of the database crosses that door."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Hit:
    """One search result: a passage with its scores. `text` is `snapshot text[start:end]`, verbatim."""

    rank: int  # 1 is best
    score: float  # fused, 0..1
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
