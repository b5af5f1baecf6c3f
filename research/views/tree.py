"""The plan as a tree: which sub-question hangs under which, and in which order. Pure; reads no rows.

A sub-question that builds on the findings of others (#1, #2) hangs under the last of them. Called by views/picture.py
(to draw it) and views/wishes.py (to move a sub-question up or down).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from research.engine.values import Gap, Planned
from research.models import Gap as GapRow

DEEPEST = 4  # levels that are indented; a chain goes on below them without, or a phone has no room for its words


@dataclass(frozen=True)
class Counts:
    """What was done for a gap."""

    queries: int = 0
    pages: int = 0
    evidence: int = 0


@dataclass(frozen=True)
class Branch:
    """A gap of the plan with those that build on it. `typed` is what stands in its fields for rewording."""

    gap: Gap
    state: str  # in words
    counts: Counts
    typed: Planned
    is_first: bool  # among those that hang beside it
    is_last: bool
    is_deep: bool
    children: tuple["Branch", ...]

    @property
    def number(self) -> int:
        return self.gap.number

    @property
    def is_unsaved(self) -> bool:
        """Whether something else stands in its fields than in the plan."""
        return self.typed != self.gap.wording

    @property
    def save(self) -> str:
        """The id of the button that keeps what was typed."""
        return f"save-{self.gap.number}"


def tree(
    gaps: Sequence[Gap], counts: Mapping[int, Counts], typed: Mapping[int, Planned] | None = None
) -> tuple[Branch, ...]:
    """The branches that hang under nothing, with all the others under them. `typed` is what stands in fields instead of
    what the plan says."""
    hanging = _hanging(gaps)

    def branches(under: int, depth: int) -> tuple[Branch, ...]:
        beside = hanging.get(under, [])
        return tuple(
            Branch(
                gap=gap,
                state=str(GapRow.State(gap.state).label),
                counts=counts.get(gap.number, Counts()),
                typed=(typed or {}).get(gap.number, gap.wording),
                is_first=gap is beside[0],
                is_last=gap is beside[-1],
                is_deep=depth >= DEEPEST,
                children=branches(gap.number, depth + 1),
            )
            for gap in beside
        )

    return branches(0, 1)


def in_order(branches: Iterable[Branch]) -> Iterator[Branch]:
    """All branches as they stand on the page, from top to bottom."""
    for branch in branches:
        yield branch
        yield from in_order(branch.children)


def moved(gaps: Sequence[Gap], number: int, by: int) -> list[int]:
    """The numbers of all gaps in order, once the gap has changed places with the one beside it: above (`by` -1) or
    below (1). As it was where there is none."""
    hanging = _hanging(gaps)
    beside = next((row for row in hanging.values() if any(gap.number == number for gap in row)), [])
    at = next((place for place, gap in enumerate(beside) if gap.number == number), 0)
    if 0 <= at + by < len(beside):
        beside[at], beside[at + by] = beside[at + by], beside[at]

    def numbers(under: int) -> Iterator[int]:
        for gap in hanging.get(under, []):
            yield gap.number
            yield from numbers(gap.number)

    return list(numbers(0))


def _hanging(gaps: Sequence[Gap]) -> dict[int, list[Gap]]:
    """The gaps by the number of the one they hang under (0: none), in the person's order."""
    known = {gap.number for gap in gaps}
    hanging: dict[int, list[Gap]] = {}
    for gap in sorted(gaps, key=lambda gap: (gap.place, gap.number)):
        hanging.setdefault(max(known.intersection(gap.needs), default=0), []).append(gap)
    return hanging
