"""The trail of a hunt without a model: which name in what was found to ask for next, and how likely a passage belongs
to the answer by the way that led to it.

Who asks for "the language of the director of Tiffany Memorandum" means two passages: one that the question's words
find, and one that only a name in it finds ("directed by Sergio Grieco"). So each name that the question does not have,
in a passage that was found, is a bridge to a next query: the name with those words of the question that its passage
leaves open. The likeliest bridge is crossed first, whatever hop it belongs to: with enough searches a chain of any
length is followed, and both sides of a comparison. A passage is as likely as the likeliest way to it: the chance of the
passage that its bridge stands in times the chance that this bridge leads here.

Pure, and of no state: all it needs is the evidence with its chances. Called by reasoning/extractive.py.
The numbers were found on half of three sets of multi-hop questions (LOG.md); only their order of size matters.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp

from research.engine.names import mentions, names, subject
from research.engine.terms import plain, rarity, terms
from research.engine.values import Candidate, Evidence, Workspace

PASSAGES = 10  # of what is known, the likeliest: only from them a bridge leads on
BRIDGES = 6  # names of a passage that are followed at most, those first that stand closest to the question's words
NEAR = 0.6  # how much of a bridge's weight depends on how many of the question's words stand around its name

# Of the first look: a passage found by the question itself.
FOUND, FOUND_SCORE, FOUND_FIRST, FOUND_WORDS = -4.0, 2.0, 4.0, 1.0
# Of a hop: a passage found by a bridge.
HOP, HOP_SCORE, HOP_FIRST, HOP_NAMED, HOP_TITLED, HOP_WORDS = -3.0, 1.0, 4.0, 0.8, 0.7, 1.2


# Of the sifting.
CORE = 5  # pieces of evidence, the likeliest, that others are held against
LINK = 1.0  # the logarithm of what a chance is multiplied by that shares names with all of them


@dataclass(frozen=True)
class Bridge:
    """A name in known evidence that a next search can start from. `chance`, 0..1, is that of its passage; `weight` is
    what bridges are ordered by."""

    name: str
    query: str
    wanted: frozenset[str]  # terms of the question that its passage leaves open
    snapshot: int
    chance: float
    weight: float


def bridges(question: str, known: Sequence[Evidence]) -> list[Bridge]:
    """The bridges in what is known, best first, each query once; none where the likeliest passage has all the words of
    the question, and so leaves nothing to be asked."""
    weights = rarity([*terms(one.title), *terms(one.quote)] for one in known)
    likeliest = sorted(known, key=lambda one: (-one.score, one.number))[:PASSAGES]
    if likeliest and {*terms(likeliest[0].title), *terms(likeliest[0].quote)}.issuperset(terms(question)):
        return []
    found: dict[str, Bridge] = {}
    for one in likeliest:
        for bridge in _of(question, one, weights):
            key = plain(bridge.query)
            if key not in found or found[key].weight < bridge.weight:
                found[key] = bridge
    return sorted(found.values(), key=lambda bridge: (-bridge.weight, bridge.query))


def chances(workspace: Workspace) -> dict[int, float]:
    """The chance of each passage in view, by its number: by the way that led to it."""
    view = workspace.candidates
    weights = rarity([*map(_terms, view), *([*terms(one.title), *terms(one.quote)] for one in workspace.known)])
    gap, asked = workspace.gap.question, workspace.queries[-1:]
    if workspace.opened and len({one.snapshot for one in view}) == 1:
        return _of_page(gap, workspace.known, view, weights)
    bridge = next((one for one in bridges(gap, workspace.known) if (one.query,) == asked), None)
    if bridge is None:
        return {one.number: found_by_question(gap, one, one.number, weights) for one in view}
    return {one.number: found_by_bridge(bridge, one, one.number, weights) for one in view}


def found_by_question(question: str, candidate: Candidate, rank: int, weights: Mapping[str, float]) -> float:
    """The chance, 0..1, of a passage that the question itself found as its `rank`th (from 1)."""
    words = share(terms(question), _terms(candidate), weights)
    return _chance(FOUND + FOUND_SCORE * candidate.score + FOUND_FIRST / rank + FOUND_WORDS * words)


def found_by_bridge(bridge: Bridge, candidate: Candidate, rank: int, weights: Mapping[str, float]) -> float:
    """The chance, 0..1, of a passage that a bridge's query found as its `rank`th (from 1)."""
    text = f"{candidate.title}. {candidate.text}"
    titled = plain(subject(candidate.title)) == plain(bridge.name)
    words = share(bridge.wanted, _terms(candidate), weights)
    sure = HOP + HOP_SCORE * candidate.score + HOP_FIRST / rank + HOP_WORDS * words
    return bridge.chance * _chance(sure + HOP_NAMED * mentions(text, bridge.name) + HOP_TITLED * titled)


def woven(question: str, known: Sequence[Evidence]) -> list[Evidence]:
    """The evidence with chances that count what it has to do with the rest: what shares names, that the question does
    not have, with much of the likeliest evidence belongs to the same chain. The likeliest itself stays first."""
    asked = set(map(plain, names(question)))
    named = {one.number: {plain(subject(one.title)), *map(plain, names(one.quote))} - asked for one in known}
    ranked = sorted(known, key=lambda one: (-one.score, one.number))
    core, rest = ranked[:CORE], ranked[CORE:]

    def links(one: Evidence) -> float:
        return sum(not named[one.number].isdisjoint(named[other.number]) for other in core) / CORE

    first = [replace(one, score=one.score + exp(LINK)) for one in core]
    return first + [replace(one, score=one.score * exp(LINK * links(one))) for one in rest]


def share(wanted: Collection[str], has: Collection[str], weights: Mapping[str, float]) -> float:
    """The share, 0..1, of the weight of the wanted terms that are there. A term without a weight is a rarest one."""
    rarest = max(weights.values(), default=1.0)
    there, each = set(has), {term: weights.get(term, rarest) for term in wanted}
    whole = sum(each.values())
    return sum(weight for term, weight in each.items() if term in there) / whole if whole else 0.0


def _of_page(
    gap: str, known: Sequence[Evidence], view: Sequence[Candidate], weights: Mapping[str, float]
) -> dict[int, float]:
    """The chances of the passages of a page that was opened: as of hits of its own name, those first that have most of
    the gap's words."""
    wanted = frozenset(terms(gap))
    chance = max((one.score for one in known if one.snapshot == view[0].snapshot), default=0.5)
    bridge = Bridge(subject(view[0].title), "", wanted, view[0].snapshot, chance, chance)
    by_words = sorted(view, key=lambda one: (-share(wanted, _terms(one), weights), one.number))
    return {one.number: found_by_bridge(bridge, one, rank, weights) for rank, one in enumerate(by_words, start=1)}


def _of(question: str, one: Evidence, weights: Mapping[str, float]) -> Iterator[Bridge]:
    """The bridges of a piece of evidence: the names in it that the question does not have, its page's own too."""
    asked = set(terms(question))
    about = subject(one.title)
    around: dict[str, tuple[float, str, set[str]]] = {}
    for sentence in re.split(r"(?<=[.!?;])\s+(?=\W*[A-Z])", one.quote):
        has = {*terms(about), *terms(sentence)}
        near = share(asked, has, weights)
        for name in names(sentence):
            if near > around.get(plain(name), (-1.0,))[0]:
                around[plain(name)] = near, name, has
    has = {*terms(about), *terms(one.quote)}
    around[plain(about)] = share(asked, set(terms(one.quote)), weights), about, has
    new = [found for found in around.values() if terms(found[1]) and not asked.issuperset(terms(found[1]))]
    for near, name, has in sorted(new, key=lambda found: -found[0])[:BRIDGES]:
        left = [
            word for word in re.findall(r"[\w'’.-]*\w", question) if (own := terms(word)) and not has.issuperset(own)
        ]
        yield Bridge(
            name=name,
            query=" ".join([name, *left]),
            wanted=frozenset(terms(" ".join(left))),
            snapshot=one.snapshot,
            chance=one.score,
            weight=one.score * (1 - NEAR + NEAR * near),
        )


def _terms(candidate: Candidate) -> list[str]:
    return [*terms(candidate.title), *terms(candidate.text)]


def _chance(sure: float) -> float:
    return 1 / (1 + exp(-sure))
