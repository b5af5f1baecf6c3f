"""The frozen values that the index hands out through api.py. No row of the database crosses that door."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Control:
    """Something on a live page that can be acted upon. `role` is its accessible role (link, button, textbox, searchbox,
    combobox, checkbox, tab, menuitem ...), `name` its accessible name, `value` what it holds and `options` what can be
    selected of it, where the page says so before it is opened: all three are page text.

    `number` names the control in the next deed, on this very state of the page and on no other.
    """

    number: int  # from 1
    role: str
    name: str
    value: str = ""
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Deed:
    """One act on a live page. `control` is the number of the control it is done to, as the state before it gave it (0
    for scroll, next and back); `text` is what is filled in, the key that is pressed ("Enter", "ArrowDown" ...) or the
    option that is selected, as the control shows it. `name` is the name that the control had: a page that is opened
    anew may count its controls otherwise.
    """

    kind: str  # click, fill, press, select, scroll, next, back
    control: int = 0
    text: str = ""
    name: str = ""


@dataclass(frozen=True)
class Browsed:
    """A live page as it stands after a deed. What can be read on it is `opened`: stored, and in the index under the
    source of kind `live`; `opened.url` tells this state of the page from others at the same address.
    """

    opened: Opened
    controls: tuple[Control, ...]
    address: str  # where the tab is; of a document that was downloaded, the document's
    shot: bytes  # JPEG, 640 pixels wide, 40 KB at most; empty where there was nothing to see (a document)
    refused: str  # why the last deed was not done, in a sentence; "" where it was
    did: str  # the last deed in a few words, for the trail: 'clicked the link "Next page"'; "" where there was none
    held: tuple[str, ...] = ()  # why requests of its scripts were held back since, a sentence each
    sent: dict[str, int] = field(default_factory=dict)  # how often they sent something otherwise than by GET, by host
