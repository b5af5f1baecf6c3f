"""The values that the engine's steps take and return: frozen, JSON-able, no database row among them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from search_index.api import Control, Deed

GapState = Literal["open", "closed", "given_up", "dropped"]
Verdict = Literal["supported", "partly", "contradicted", "unsupported", "uncheckable", "quoted"]
STRUCK: frozenset[Verdict] = frozenset({"contradicted", "unsupported"})  # taken out of the report
QuestionKind = Literal["fact", "chain", "comparison", "survey", "latest", "essay"]
DeedKind = Literal["", "look", "click", "fill", "press", "select", "scroll", "next", "back"]

_ADDRESS = re.compile(r"https?://(?:\[[\da-fA-F:.]+\][^\s<>\"')\]]*|[^\s<>\"')\]]+)")  # of IPv6, too
REFERENCE = re.compile(r"#(\d+)")  # in a sub-question: the finding of another one


@dataclass(frozen=True)
class Candidate:
    """A passage that a run has in view: of a hit, or of a page it opened. The model names it by `number` only.

    `sentences` are (start, end) spans into the snapshot's text, so that what is kept of it is verbatim by construction.
    """

    number: int
    snapshot: int
    start: int
    end: int
    text: str
    heading: str
    title: str
    url: str
    source: str
    score: float
    sentences: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Question:
    """What the person asked, and the limits they set."""

    run: str
    text: str
    sources: tuple[int, ...]  # empty: all of them
    sealed: bool
    today: str = ""  # the day it was asked, as 2026-11-26: "latest" means nothing without it
    auto: bool = False  # its effort is to be settled by calibrate.py
    review: bool = False  # the person wants to see the plan before anything is searched
    limits: Mapping[str, int] = field(default_factory=dict)  # of the budget, that the person set
    leg: int = 1  # how often it was set going; each leg ends in a report of that version
    earlier: str = ""  # a follow-up: the earlier question and its short answer, in a line
    inherited: tuple[Candidate, ...] = ()  # a follow-up: the evidence of the earlier run, to be read first

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that the person wrote into it: they may be opened at any time."""
        return addresses(self.text)


def addresses(text: str) -> tuple[str, ...]:
    """The addresses in a text, in order, each once."""
    return tuple(dict.fromkeys(address.rstrip(".,;:?!") for address in _ADDRESS.findall(text)))


def is_page_of(url: str, given: Collection[str]) -> bool:
    """Whether it is one of the given pages, whatever its query says or deeds have made of it."""
    return bool(given) and page_of(url) in map(page_of, given)


def is_site_of(url: str, given: Collection[str]) -> bool:
    """Whether it is of the same site as one of the given pages."""
    site = page_of(url)[:2]
    return all(site) and site in (page_of(one)[:2] for one in given)


def page_of(url: str) -> tuple[str, str, str]:
    """An address's scheme, host with port, and path. Of what is none ("http://[half", which a person may well write),
    all of it is the path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "", url
    return parts.scheme, parts.netloc.casefold(), parts.path.rstrip("/")


@dataclass(frozen=True)
class Planned:
    """A sub-question as a plan, or the person, puts it: `criterion` says what an answer has to say to count."""

    question: str
    criterion: str = ""


@dataclass(frozen=True)
class Plan:
    """What kind of question it is, and the sub-questions that have to be answered."""

    kind: QuestionKind
    gaps: tuple[Planned, ...]


@dataclass(frozen=True)
class Gap:
    """A sub-question not yet answered; `outcome` is the finding in one line once it is closed.

    It may name the findings of others as #1, #2: it waits for those, and is asked with them in their place.
    """

    number: int
    question: str
    state: GapState = "open"
    outcome: str = ""
    criterion: str = ""
    since: int = 0  # the round after which it was added; 0 for the first plan and for the person's own
    place: int = 0
    asked: str = ""  # the question with the findings that it builds on in place of their numbers

    @property
    def text(self) -> str:
        """The question as it is to be read."""
        return self.asked or self.question

    @property
    def wording(self) -> Planned:
        """As it stands in the plan."""
        return Planned(self.question, self.criterion)

    @property
    def needs(self) -> tuple[int, ...]:
        """The gaps whose findings it builds on; only earlier ones count, so that none waits in a circle."""
        return tuple(number for one in REFERENCE.findall(self.question) if (number := int(one)) < self.number)


def moved(question: str, first: int, ahead: int) -> str:
    """The question with its references to gaps from number `first` on moved up by `ahead`."""
    return REFERENCE.sub(lambda one: f"#{int(one[1]) + ahead}" if int(one[1]) >= first else one[0], question)


@dataclass(frozen=True)
class Kept:
    """A verbatim span that a step wants kept as evidence for a gap. Its number is given when it is stored."""

    gap: int
    snapshot: int
    start: int
    end: int
    quote: str
    score: float


@dataclass(frozen=True)
class Evidence:
    """A kept span with its number: the only thing that a report may cite. Title and url come from the snapshot."""

    number: int
    gap: int
    snapshot: int
    start: int
    end: int
    quote: str
    score: float
    title: str
    url: str


@dataclass(frozen=True)
class Action:
    """What to do next for a gap.

    search: `query`, with the `reasoning` that led to it. open: `target`, the number of a candidate whose page, or the
    number of a link whose address, is to be read; below 0 the page of the evidence with that number. find: `query` is
    looked for in the page `target`. more: the next passages of the last search or page. compute: `query` is short
    Python over numbers and dates that are known. act: `deed` is done in the browser. answer: the evidence suffices;
    `outcome` says the finding in a line. give_up: `outcome` says why.

    Of the deeds, look opens the page `target` (numbered as for open; 0: the page in view) in the browser, and shows its
    controls. The others are done on that page as it stands: click, to the control `target`; fill, which types `query`
    into the control and presses Enter; press, of the key `query`; select, of its option `query`; scroll, next and back
    need neither.
    """

    kind: Literal["search", "open", "find", "more", "act", "compute", "answer", "give_up"]
    query: str = ""
    reasoning: str = ""
    target: int = 0
    outcome: str = ""
    deed: DeedKind = ""


@dataclass(frozen=True)
class View:
    """What `more` goes on from: the query or the page that is in view, and how many of its passages were shown. And
    what a deed goes on from: the page that is open in the browser, as it stands there after what was done on it."""

    query: str = ""
    reasoning: str = ""
    address: str = ""
    snapshot: int = 0
    shown: int = 0
    tab: str = ""  # the address that was opened in the browser; empty: nothing is open there
    deeds: tuple[Deed, ...] = ()  # done since, in order
    controls: tuple[Control, ...] = ()  # that can be used now; the names and values are the page's words
    tried: tuple[str, ...] = ()  # what was wanted of it since, done or not: "click link Next page" (controls.py)


@dataclass(frozen=True)
class Workspace:
    """All that is known and tried for one gap: what the reasoner sees instead of a transcript."""

    question: Question
    gap: Gap
    known: tuple[Evidence, ...]
    queries: tuple[str, ...]  # tried already; a repeat is refused
    opened: tuple[str, ...]  # addresses read already
    candidates: tuple[Candidate, ...]  # in view now: passages of the last search or of the page just opened
    links: tuple[tuple[int, str], ...]  # (number, address) of links on the page just opened
    observation: str  # what the last action brought, in a line
    turns_left: int
    may_answer: bool  # the effort's least number of distinct queries is done
    may_compute: bool = False  # there is a sandbox to compute in
    turn: int = 0  # how many turns it has had
    dead_ends: frozenset[str] = frozenset()  # queries and addresses that brought nothing
    computed: tuple[str, ...] = ()  # "1991 - 1947 = 44"
    remarks: tuple[str, ...] = ()  # what the person said while it ran
    view: View = View()
    approach: str = ""  # how an independent attempt is to begin
    noted: frozenset[tuple[int, int, int]] = frozenset()  # (snapshot, start, end) of passages that were read already
    looked: tuple[str, ...] = ()  # addresses that were opened in the browser
    done: frozenset[tuple[str, str]] = frozenset()  # (page, words looked for in it), ("", calculation): not done twice
    wasted: int = 0  # turns in a row whose action was refused, or could not be decided


@dataclass(frozen=True)
class Shape:
    """What a survey looks for: the kind of thing, what to say of each, and the first queries."""

    item: str
    columns: tuple[str, ...]
    queries: tuple[str, ...]


@dataclass(frozen=True)
class Listed:
    """A thing that a passage names: `kept` is where it says so."""

    name: str
    kept: Kept


@dataclass(frozen=True)
class Filled:
    """A cell of a survey's table: its value, and the span it stands in; or why it is empty."""

    value: str
    kept: Kept | None
    why: str = ""


@dataclass(frozen=True)
class Rivals:
    """Two sentences of different sources that may disagree; `says` is what each has in the place where they differ."""

    about: str  # the sub-question that the first was kept for
    one: Evidence
    other: Evidence
    says: tuple[str, str]


@dataclass(frozen=True)
class Computation:
    """A calculation whose numbers are all in the evidence; "years(1991-05-12, 1947-01-01) = 44.36". `code` is what ran,
    `inputs` are the numbers, dates and lists that it took, each with the evidence that has it."""

    text: str
    evidence: tuple[int, ...]
    code: str = ""
    inputs: tuple[tuple[str, int], ...] = ()

    @property
    def span(self) -> str:
        """What a sentence may rest on: the result and its unit, not the words that the code's writer chose."""
        expression, _sign, value = self.text.rpartition(" = ")
        return " ".join([*re.findall(r"\b(?:days|years)\b", expression), value])

    @property
    def value(self) -> str:
        return self.text.rpartition(" = ")[2]


@dataclass(frozen=True)
class Section:
    """A part of the report: its heading, and the numbers of the evidence it may use."""

    heading: str
    evidence: tuple[int, ...]


@dataclass(frozen=True)
class Sentence:
    """A drafted sentence and the numbers of the evidence it rests on."""

    text: str
    evidence: tuple[int, ...]


@dataclass(frozen=True)
class Judgement:
    """What checking a sentence against its evidence found."""

    verdict: Verdict
    reason: str = ""
    judge: str = ""  # who said so: model, checker, rules; empty where code alone did


@dataclass(frozen=True)
class CheckedClaim:
    """A sentence of the report with its verdict; `section` is the heading it stands under."""

    section: str
    text: str
    evidence: tuple[int, ...]
    verdict: Verdict
    reason: str = ""
    judge: str = ""
    confidence: float | None = None
    independent: int = 0
    caution: str = ""

    @property
    def is_struck(self) -> bool:
        """Whether it is taken out of the report."""
        return self.verdict in STRUCK


@dataclass
class Cost:
    """What a step spent. Reasoners and the kit add to it while the step runs; journal.py stores it with the step. A
    person's wish costs nothing."""

    seconds: float = 0.0
    model_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    pages: int = 0
    thinking: list[str] = field(default_factory=list)  # of reasoning models: shown in a fold, never cited
    cached_tokens: int = 0  # of the prompts' tokens, those that the server had already
    model_seconds: float = 0.0  # spent waiting: for a turn and for the reply (side by side calls count each)
    page_seconds: float = 0.0
    index_seconds: float = 0.0
    money: float = 0.0  # in the operator's currency, by the prices at the time
    shortened: int = 0  # pieces of evidence and passages that had no room whole in a prompt
    left_out: int = 0  # and those that had none at all: their number was said in the prompt
