"""Which sentences of the evidence tell most of what a question asks for, at the end of its chain of hops.

The sentence that is closest to a question of several hops as a whole is that of its first hop, and tells only the way.
The one that answers says what the question asks beyond the thing it names, of something that the first hop names.
Pure. Called by reasoning/extractive.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from research.engine.names import mentions, names
from research.engine.terms import overlap, rarity, terms
from research.reasoning.relations import Page, named

LINKED = 0.25  # for a sentence of a page that the named one leads to
STOPPED = 0.6  # of a signature or a heading's weight: it says less than a sentence does


@dataclass(frozen=True)
class Said:
    """A sentence of the evidence, the title of its page, and the chance of the passage it stands in."""

    title: str
    text: str
    chance: float


def telling(question: str, said: Sequence[Said], close: Sequence[float]) -> list[Said]:
    """The sentences, most telling first. `close` is each one's cosine similarity to the question."""
    pages = {one.title: Page(one.title, "") for one in said}
    known = {page.title for _start, _end, page in named(question, list(pages.values()))}
    given = {term for title in known for term in terms(title)}
    wanted = [term for term in terms(question) if term not in given] or terms(question)
    stems = [terms(one.text) for one in said]
    weights = rarity(stems)
    bridges = {name for one in said if one.title in known for name in names(one.text)} - known

    def score(place: int) -> float:
        one = said[place]
        linked = one.title not in known and any(mentions(f"{one.title}. {one.text}", name) for name in bridges)
        words = overlap(wanted, [*stems[place], *terms(one.title)], weights)
        return sqrt(one.chance) * whole(one.text) * (words + max(0.0, close[place] - 0.5) + LINKED * linked)

    return [said[place] for place in sorted(range(len(said)), key=lambda place: (-score(place), place))]


def whole(sentence: str) -> float:
    """What a sentence's form counts for: a word or two name a thing, but say nothing about it."""
    says = min(1.0, 0.4 + 0.1 * len(re.findall(r"\w+", sentence)))
    return says if sentence.rstrip("\"')”’")[-1:] in (".", "!", "?") else STOPPED * says
