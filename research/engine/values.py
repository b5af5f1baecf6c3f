"""The values that the engine's steps take and return: frozen, JSON-able, no database row among them."""

from dataclasses import dataclass, field
from typing import Literal

GapState = Literal["open", "closed", "given_up"]
Verdict = Literal["supported", "partly", "struck", "quoted"]


@dataclass(frozen=True)
class Question:
    """What the person asked, and the limits they set."""

    run: str
    text: str
    sources: tuple[int, ...]  # empty: all of them
    sealed: bool


@dataclass(frozen=True)
class Gap:
    """A sub-question not yet answered; `outcome` is the finding in one line once it is closed."""

    number: int
    question: str
    state: GapState = "open"
    outcome: str = ""


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
    number of a link whose address, is to be read. answer: the evidence suffices; `outcome` says the finding in a line.
    give_up: `outcome` says why.
    """

    kind: Literal["search", "open", "answer", "give_up"]
    query: str = ""
    reasoning: str = ""
    target: int = 0
    outcome: str = ""


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
    noted: frozenset[tuple[int, int, int]] = frozenset()  # (snapshot, start, end) of passages that were read already


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


@dataclass(frozen=True)
class CheckedClaim:
    """A sentence of the report with its verdict; `section` is the heading it stands under."""

    section: str
    text: str
    evidence: tuple[int, ...]
    verdict: Verdict
    reason: str = ""


@dataclass
class Cost:
    """What a step spent. Reasoners and the kit add to it while the step runs; journal.py stores it with the step.

    Steps of older runs lack what was counted later: every field has a default.
    """

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
