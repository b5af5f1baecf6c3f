"""What a page that the person pointed to says outright: one line with what the question asks for and of the form it
asks for. Who finds that need not look any further, and has the short answer.

A question with an address leaves out what the page is about: "How high is the lighthouse of Orrin?" is answered there
by "The tower is 41 metres high". So on that page its names are taken as said; on other pages of the site they are not,
and elsewhere nothing is said outright. By rules of English. Pure. Called by extractive.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from research.engine.names import names
from research.engine.terms import stem, terms
from research.engine.values import Evidence, is_page_of, is_site_of
from research.reasoning.exactly import exactly, valued
from research.reasoning.shortest import form_of
from search_index.api import sentences

MOST = 0.5  # more of what is asked has to stand in the line or the title; or so much, with what is asked of the thing
LEAST = 4  # words of a line that is the answer itself, where no form is asked for: fewer are a label
_OPEN = re.compile(r"^(?:what|how|why)\b", re.IGNORECASE)
_KEY = re.compile(r"\b(?:who|whom|how)\s+(\w+)", re.IGNORECASE)  # who BUILT it, how HIGH it is
_COUNTED = re.compile(
    r"\bhow (?:many|much)\s+(?!(?:is|are|was|were|does?|did|has|have|can|may|must|will)\b)(\w+)", re.I
)


@dataclass(frozen=True)
class Outright:
    """The evidence that answers, and the answer: words of it."""

    evidence: Evidence
    answer: str


def outright(question: str, known: Sequence[Evidence], addresses: Sequence[str]) -> Outright | None:
    """What the evidence from the sites of these addresses says outright, by the line that has most of the question's
    words; None where it does not. `question` has no addresses in it."""
    best, most = None, 0.0
    for one in sorted(known, key=lambda one: (-one.score, one.number)):
        if is_site_of(one.url, addresses):
            wanted = _Wanted.of(question, is_given=is_page_of(one.url, addresses))
            for start, end in sentences(one.quote):
                line = " ".join(one.quote[start:end].split())
                share = wanted.share(one.title, line)
                if share > most and (answer := wanted.answer(line, share)):
                    best, most = Outright(one, answer), share
    return best


@dataclass(frozen=True)
class _Wanted:
    """What a line has to have: stems of the question, but for the kind of thing that it asks for."""

    question: str
    stems: frozenset[str]
    sure: frozenset[str]  # those of them that have to be there: numbers, and names where they are not taken as said
    named: frozenset[str]
    key: str  # the stem of what is asked of the thing; empty where no rule tells
    counted: str  # the stem of what is counted; empty where nothing is

    @classmethod
    def of(cls, question: str, *, is_given: bool) -> "_Wanted":
        key, counted = _KEY.search(question), _COUNTED.search(question)
        named, numbers = set(terms(" ".join(names(question)))), set(filter(_is_number, terms(question)))
        left_out = {stem(form_of(question)[1]), *([stem(counted[1].casefold())] if counted else [])}
        left_out |= named - numbers if is_given else set()
        stems = frozenset(terms(question)) - left_out
        return cls(
            question,
            stems,
            stems & (numbers if is_given else numbers | named),
            frozenset(named),
            stem(key[1].casefold()) if key else "",
            stem(counted[1].casefold()) if counted else "",
        )

    def share(self, title: str, line: str) -> float:
        """How much, 0..1, of what is asked the line has, with the title of its page; 0 where that is too little."""
        own = set(terms(line))
        has = self.stems & {*own, *terms(title)}
        if not self.sure <= has or (self.counted and self.counted not in own):
            return 0.0
        if self.counted:
            share = (1 + len(has)) / (1 + len(self.stems))
            return share if share >= MOST else 0.0
        share = len(has) / len(self.stems) if self.stems else 0.0
        if valued(self.question, line):
            return max(share, MOST)
        is_said = self.stems & own and (share > MOST or (share == MOST and self.key in own))
        return share if is_said else 0.0

    def answer(self, line: str, share: float) -> str:
        """The words of the line that answer; empty where it has none of the form that is asked for. Where none is, all
        of a sentence that has every word of the question."""
        is_sentence = line[-1:] in (".", "!") and len(line.split()) >= LEAST
        is_all = share == 1 and _OPEN.search(self.question) is not None and self.named <= set(terms(line))
        is_answer = form_of(self.question)[0] is None and is_sentence and is_all
        return exactly(self.question, line) or (line if is_answer else "")


def _is_number(term: str) -> bool:
    return any(map(str.isdigit, term))
