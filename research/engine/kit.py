"""What a run works with, handed to the engine from outside: the reasoner, the index, the browser, the clock.

The engine's modules take a Kit and never reach for a global; tests and the two reasoners differ only here.
Built by research/tasks.py.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from research.engine.budget import Budget
from research.engine.values import (
    Action,
    Candidate,
    Computation,
    Evidence,
    Filled,
    Gap,
    Judgement,
    Kept,
    Listed,
    Plan,
    Planned,
    Question,
    Rivals,
    Section,
    Sentence,
    Shape,
    Workspace,
)
from search_index.api import Browsed, Deed, Hit, Opened, Span, Suggested

Delta = Callable[[str], Awaitable[None]]  # receives pieces of text while they are written


class Reasoner(Protocol):
    """What thinks: `extractive` (rules, no model) or `model` (any OpenAI-compatible endpoint). One interface, one loop.

    Each method is one step of the journal. It raises research.errors.RetryLater, BadReply or RunFailed, and returns
    only numbers of what it was shown: it never makes an address, a title or a date.
    """

    name: str
    hits: int  # passages of one search that it looks at
    varies: bool  # asked again it may decide otherwise: only then several attempts are worth anything

    async def plan(self, question: Question, most: int) -> Plan:
        """The kind of question, and the sub-questions (1..most) whose answers together answer it."""

    async def act(self, workspace: Workspace) -> Action:
        """The next action for a gap."""

    async def note(self, workspace: Workspace, candidates: Sequence[Candidate]) -> tuple[Kept, ...]:
        """The sentences of these passages that are worth keeping for the gap: verbatim spans, best first."""

    async def revise(
        self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence], most: int, remarks: Sequence[str]
    ) -> tuple[Planned, ...]:
        """New sub-questions that what was found, or what the person said, shows to be needed; empty when the plan is
        complete."""

    async def choose(self, task: str, criteria: Sequence[str], options: Sequence[str]) -> int:
        """The place (from 0) of the text that fulfils the task best by the criteria, of at least two."""

    async def shape(self, question: Question) -> Shape:
        """What a survey looks for."""

    async def items(self, shape: Shape, candidates: Sequence[Candidate]) -> tuple[Listed, ...]:
        """The things of the survey's kind that these passages name, each with the sentence that names it."""

    async def cell(self, shape: Shape, item: str, column: str, candidates: Sequence[Candidate]) -> Filled:
        """What these passages say of one thing in one respect."""

    async def sift(
        self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence], most: int
    ) -> tuple[int, ...]:
        """The numbers of the evidence that goes on to the report, of at most `most` documents."""

    async def contrast(self, pairs: Sequence[Rivals]) -> tuple[int, ...]:
        """The places (from 0) of the pairs that disagree about one and the same thing."""

    async def outline(self, question: Question, gaps: Sequence[Gap], known: Sequence[Evidence]) -> tuple[Section, ...]:
        """The report's sections, each with the evidence it may use."""

    async def draft(
        self,
        question: Question,
        section: Section,
        known: Sequence[Evidence],
        computed: Sequence[Computation],
        delta: Delta,
    ) -> tuple[Sentence, ...]:
        """The sentences of a section, written from its own evidence and from what was computed of it only; pieces go
        to `delta` as they come."""

    async def judge(self, sentence: Sentence, known: Sequence[Evidence]) -> Judgement:
        """Whether the cited evidence supports the sentence (entailment only; code checks quotes and numbers before)."""

    async def rewrite(self, sentence: Sentence, known: Sequence[Evidence], reason: str) -> Sentence | None:
        """The sentence again, claiming only what its evidence says, or None to drop it. Asked for once."""

    async def answer(self, question: Question, claims: Sequence[Sentence], known: Sequence[Evidence]) -> str:
        """The short direct answer, a few words where the question asks for a fact; empty where nothing answers it."""


class Index(Protocol):
    """The index and the live web, as a run may use them. What fails raises research.errors.StepFailed."""

    async def search(self, query: str, reasoning: str, sources: Sequence[int], limit: int) -> list[Hit]:
        """Passages for a query, best first."""

    @property
    def asks_the_web(self) -> bool:
        """Whether the operator has set up an endpoint that is asked for addresses on the web."""

    async def web(self, query: str) -> Suggested:
        """Addresses on the web for a query, judged by what the index knows of them."""

    async def open(self, url: str, sealed: bool, named: bool) -> Opened:
        """The page at an address that the run has seen: from the index where it is fresh, else from the live web.
        `named`: the person wrote this very address into the question. Raises NextToNothing where there is nothing to
        read on it as it stands."""

    async def browse(self, run: str, url: str, deeds: Sequence[Deed], sealed: bool, named: bool) -> Browsed:
        """The page at `url` in the run's browser after these deeds; asked again it gives the same. `named` as above."""

    async def picture(self, run: str, url: str, quote: str) -> bytes:
        """A JPEG of the page that the run has open in its browser, where it shows the quote; b"" where it does not."""

    async def leave(self, run: str) -> None:
        """The run is over, or goes on elsewhere: what it has open in the browser is closed."""

    async def passages(self, snapshot: int) -> list[Span]:
        """The passages of a snapshot, in the order of the text."""

    async def similarity(self, query: str, texts: Sequence[str]) -> list[float]:
        """Cosine similarity of the query and each text, -1..1."""


class Sandbox(Protocol):
    """Where calculations run (research/sandbox)."""

    def works(self) -> bool:
        """Whether calculations can be offered here."""

    def is_ready(self) -> bool:
        """Whether one would be run at once. Where not, `run` first waits until the sandbox is made."""

    async def run(self, code: str, inputs: Mapping[str, Sequence[Any]]) -> Any:
        """What the code leaves under the name `result`. What fails raises research.errors.StepFailed."""


@dataclass(frozen=True)
class Kit:
    """Everything a run works with."""

    reasoner: Reasoner
    index: Index
    budget: Budget
    sandbox: Sandbox
