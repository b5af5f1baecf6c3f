"""Contrast: where the evidence of a run disagrees, which sources are on which side, and which side is outvoted.

Every sentence of the evidence is held against those of other independent sources (stated.py). What the rules are sure
of is a disagreement; of pairs that are less alike the judge decides, where there is one. The side with most independent
sources comes first; of as many, the one whose sources are better; else it is undecided, and both are said. The newest
is not believed for being new. Evidence that was set aside comes back where it disagrees with what goes on.
Called by loop.py between sifting and writing; what it found is read by findings.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from django.utils.translation import gettext as _

from config.loop import in_thread
from research import models
from research.engine.agreement import Point, comparable, compare, compatible
from research.engine.exhibits import exhibits
from research.engine.findings import collected, contrasted, evidence, set_aside
from research.engine.findings import gaps as known_gaps
from research.engine.independence import RANK, Origin, independent, registrable, weighed
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.parallel import unless
from research.engine.stated import Statement, Value, stated
from research.engine.values import CheckedClaim, Evidence, Question, Rivals
from research.errors import StepFailed
from search_index import api

ASKED = 12  # pairs that the judge is shown: the likeliest

Node = tuple[int, int, int]  # a value: evidence, its sentence, the value's place in it (-1: that it denies)


@dataclass(frozen=True)
class _Said:
    """A sentence of the evidence."""

    evidence: Evidence
    place: int
    statement: Statement


@dataclass(frozen=True)
class _Pair:
    """Two sentences in one respect."""

    one: _Said
    other: _Said
    point: Point

    @property
    def nodes(self) -> tuple[Node, Node]:
        first, second = self.point.places
        return (
            (self.one.evidence.number, self.one.place, first),
            (self.other.evidence.number, self.other.place, second),
        )


async def contrast(question: Question, kit: Kit, journal: Journal) -> None:
    """Record where the evidence disagrees, and which pieces come from one source."""
    known = collected(journal)
    if not known:
        return
    going_on = {one.number for one in known} - set_aside(journal)  # before anything comes back: a resumed run's too
    await journal.activity(_("Holding the sources against each other"))
    kept = await exhibits(journal.run_id, (one.snapshot for one in known))
    origins = {
        snapshot: Origin(snapshot, page.host, page.source, page.cluster, page.source_class, page.author, page.text)
        for snapshot, page in kept.items()
    }
    gaps = {gap.number: gap.text for gap in known_gaps(journal)}
    found = [one for one in known if one.snapshot in origins]
    pairs = await in_thread(lambda: list(_pairs(found, going_on, origins, gaps)))
    confirmed = await unless(journal.stop, _confirmed(question, pairs, kit, journal)) or []
    sure = [pair for pair in pairs if pair.point.verdict == "disagree"] + confirmed

    async def step() -> Result:
        return await in_thread(_result, found, origins, pairs, sure, gaps)

    def keep(result: Result) -> Result:
        named = [number for one in result["disagreements"] for side in one["sides"] for number in side["evidence"]]
        models.Evidence.objects.filter(run_id=journal.run_id, number__in=named).update(aside=False)
        return result

    inputs = [[asdict(one) for one in known], sorted(going_on), [pair.nodes for pair in confirmed]]
    await journal.once(f"report/{question.leg}/contrast", "contrast", inputs, step, keep)


async def all_weighed(claims: Sequence[CheckedClaim], journal: Journal) -> list[CheckedClaim]:
    """The claims, each with how many independent sources say it, and what a reader has to know of these."""
    found = contrasted(journal)
    known = evidence(journal)
    gaps = {gap.number: gap.text for gap in known_gaps(journal)}

    def all_of_them() -> list[CheckedClaim]:
        statements = {one.number: [said.statement for said in _said(one, gaps.get(one.gap, ""))] for one in known}
        sources = {int(number): source for number, source in found["sources"].items()}
        origins = {int(number): origin for number, origin in found["origins"].items()}
        return [
            weighed(
                claim,
                sources=sources,
                origins=origins,
                statements=statements,
                outvoted=frozenset(found["outvoted"]),
            )
            for claim in claims
        ]

    return await in_thread(all_of_them) if found else list(claims)


async def _confirmed(question: Question, pairs: Sequence[_Pair], kit: Kit, journal: Journal) -> list[_Pair]:
    """Those pairs of which the rules are not sure that the judge says disagree."""
    unsure = [pair for pair in pairs if pair.point.verdict == "perhaps"]
    unsure.sort(key=lambda pair: -(pair.one.evidence.score + pair.other.evidence.score))
    shown = list(
        {frozenset((pair.one.evidence.number, pair.other.evidence.number)): pair for pair in reversed(unsure)}.values()
    )
    shown = shown[::-1][:ASKED]
    if not shown:
        return []
    gaps = {gap.number: gap.text for gap in known_gaps(journal)}
    rivals = [
        Rivals(
            gaps.get(pair.one.evidence.gap, question.text), _sentence(pair.one), _sentence(pair.other), pair.point.says
        )
        for pair in shown
    ]

    async def step() -> Result:
        places = await kit.reasoner.contrast(rivals)
        return {"asked": len(rivals), "disagree": sorted({place for place in places if 0 <= place < len(rivals)})}

    try:
        key = f"report/{question.leg}/confirm"
        result = await journal.once(key, "confirm", [asdict(one) for one in rivals], step)
    except StepFailed:
        return []
    return [shown[place] for place in result["disagree"]]


def _sentence(said: _Said) -> Evidence:
    return replace(said.evidence, quote=said.statement.text)


def _said(one: Evidence, asked: str) -> list[_Said]:
    """The sentences of a piece of evidence that was kept for what was `asked`."""
    texts = [" ".join(one.quote[start:end].split()) for start, end in api.sentences(one.quote)]
    return [_Said(one, place, stated(text, one.title, asked)) for place, text in enumerate(texts)]


def _pairs(
    known: Sequence[Evidence], going_on: set[int], origins: Mapping[int, Origin], gaps: Mapping[int, str]
) -> Iterator[_Pair]:
    """What any two sentences of different sources are to each other, at least one of which goes on to the report."""
    owner = {
        snapshot: registrable(page.host) if page.host else f"source {page.source}" for snapshot, page in origins.items()
    }
    said = [one for piece in known for one in _said(piece, gaps.get(piece.gap, ""))]
    for place, other in enumerate(said):
        for one in said[:place]:
            if owner[one.evidence.snapshot] == owner[other.evidence.snapshot]:
                continue
            if not going_on & {one.evidence.number, other.evidence.number}:
                continue
            for point in compare(one.statement, other.statement):
                yield _Pair(one, other, point)


def _result(
    known: Sequence[Evidence],
    origins: Mapping[int, Origin],
    pairs: Sequence[_Pair],
    sure: Sequence[_Pair],
    gaps: Mapping[int, str],
) -> Result:
    apart = [(pair.one.evidence.snapshot, pair.other.evidence.snapshot) for pair in sure]
    sources = independent([one for one in known if one.snapshot in origins], origins, apart)
    classes = {one.number: origins[one.snapshot].source_class for one in known if one.snapshot in origins}
    statements = {(one.evidence.number, one.place): one.statement for pair in pairs for one in (pair.one, pair.other)}
    found: list[Result] = []
    outvoted, undecided = set[int](), []
    gap_of = {one.number: one.gap for one in known}
    for sides in _sides(pairs, sure, statements):
        ranked = sorted(sides, key=lambda side: (*_weight(side, sources, classes), min(side)[0]))
        numbers = [sorted({number for number, _sentence, _value in side}) for side in ranked]
        weights = [_weight(side, sources, classes) for side in ranked]
        if len({sources[number] for own in numbers for number in own}) < 2:
            continue
        about = gaps.get(min(gap_of[number] for own in numbers for number in own), "")
        entry: Result = {
            "about": about,
            "sides": [
                {
                    "says": _says(side, statements),
                    "sources": len({sources[number] for number in own}),
                    "evidence": own,
                }
                for own, side in zip(numbers, ranked, strict=True)
            ],
        }
        if any(other["sides"] == entry["sides"] for other in found):
            continue
        found.append(entry)
        best = [side for side, weight in zip(entry["sides"], weights, strict=True) if weight == weights[0]]
        outvoted |= {number for side in entry["sides"] if side not in best for number in side["evidence"]}
        if len(best) > 1:
            undecided.append(best)
    return {
        "disagreements": found,
        "outvoted": sorted(outvoted),
        "undecided": undecided,
        "sources": {str(number): source for number, source in sources.items()},
        "origins": {
            str(one.number): {
                "host": origins[one.snapshot].host,
                "class": origins[one.snapshot].source_class,
                "author": origins[one.snapshot].author,
            }
            for one in known
            if one.snapshot in origins
        },
    }


def _weight(side: Iterable[Node], sources: Mapping[int, int], classes: Mapping[int, str]) -> tuple[int, int]:
    """By what sides are ordered: how many independent sources they have, then the best class of these."""
    numbers = {number for number, _sentence, _value in side}
    return -len({sources[number] for number in numbers}), -max(RANK.get(classes[number], 1) for number in numbers)


def _sides(
    pairs: Sequence[_Pair], sure: Sequence[_Pair], statements: Mapping[tuple[int, int], Statement]
) -> Iterator[list[list[Node]]]:
    """The sides of each disagreement: values that disagree, and those that agree with one of them."""
    against: dict[Node, set[Node]] = defaultdict(set)
    beside: dict[Node, set[Node]] = defaultdict(set)
    for pair in sure:
        one, other = pair.nodes
        against[one].add(other)
        against[other].add(one)
    for pair in pairs:
        if pair.point.verdict == "agree":
            one, other = pair.nodes
            beside[one].add(other)
            beside[other].add(one)
    left = set(against)
    while left:
        reached, waiting = set[Node](), [min(left)]
        while waiting:
            node = waiting.pop()
            if node not in reached:
                reached.add(node)
                waiting += [*against[node], *beside[node]]
        left -= reached
        sides: list[list[Node]] = []
        for node in sorted(reached, key=lambda node: (-len(against[node]), node)):
            fitting = [
                side for side in sides if not against[node] & set(side) and _fits(node, side, beside, statements)
            ]
            if fitting:
                fitting[0].append(node)
            else:
                sides.append([node])
        on = [{number for number, _sentence, _value in side} for side in sides]
        both = {number for place, own in enumerate(on) for other in on[:place] for number in own & other}
        sides = [[node for node in side if node[0] not in both] for side in sides]  # who says both is on neither
        sides = [side for side in sides if side]
        if len(sides) > 1:
            yield sides


def _fits(
    node: Node, side: Sequence[Node], beside: Mapping[Node, set[Node]], statements: Mapping[tuple[int, int], Statement]
) -> bool:
    if beside[node] & set(side):
        return True
    own = _value(node, statements)
    others = [_value(other, statements) for other in side]
    if own is None or None in others:
        return own is None and all(
            other is None and statements[node[:2]].denies == statements[one[:2]].denies
            for other, one in zip(others, side, strict=True)
        )
    return all(other is not None and comparable(own, other) and compatible(own, other) for other in others)


def _value(node: Node, statements: Mapping[tuple[int, int], Statement]) -> Value | None:
    return statements[node[:2]].values[node[2]] if node[2] >= 0 else None


def _says(side: Sequence[Node], statements: Mapping[tuple[int, int], Statement]) -> str:
    """What a side says, in its own words: the value, or the sentence where it says or denies."""
    value = _value(side[0], statements)
    return value.text if value else statements[side[0][:2]].text
