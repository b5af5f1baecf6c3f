"""Passages as a model sees them, their sentences numbered through, and numbers back into verbatim spans.

Pure. What comes back is a span of a snapshot by construction: a model that picks numbers cannot misquote.
Called by reasoning/model.py when it reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from research.engine.values import Candidate, Kept
from search_index.api import sentences

KEPT = 5  # spans from one reading
TOGETHER = 3  # sentences that follow each other and are kept as one span


@dataclass(frozen=True)
class Passage:
    """A candidate as it is shown: a title, and the spans of its sentences by the numbers they are shown with."""

    title: str
    candidate: Candidate
    spans: Mapping[int, tuple[int, int]]

    @property
    def sentences(self) -> list[tuple[int, str]]:
        """(number, text) of each sentence."""
        return [(number, self.text(*span)) for number, span in self.spans.items()]

    def text(self, start: int, end: int) -> str:
        """The text of a span of the snapshot that lies in this passage."""
        return self.candidate.text[start - self.candidate.start : end - self.candidate.start]


def numbered(candidates: Sequence[Candidate]) -> list[Passage]:
    """The candidates as passages, their sentences numbered from 1 through all of them."""
    passages, number = [], 1
    for candidate in candidates:
        spans = candidate.sentences or [
            (candidate.start + start, candidate.start + end) for start, end in sentences(candidate.text)
        ]
        title = " — ".join(part for part in (candidate.title, candidate.heading) if part)
        passages.append(Passage(title, candidate, dict(enumerate(spans, number))))
        number += len(spans)
    return passages


def kept(gap: int, picked: Sequence[int], passages: Sequence[Passage]) -> tuple[Kept, ...]:
    """The picked sentences as spans to keep, best first. Those that follow each other in a passage become one span;
    numbers that were not shown are left out."""
    home = {number: passage for passage in passages for number in passage.spans}
    groups: list[list[int]] = []
    for number in dict.fromkeys(picked):
        if number not in home:
            continue
        for group in groups:
            adjacent = number in (group[0] - 1, group[-1] + 1)
            if adjacent and len(group) < TOGETHER and home[number] is home[group[0]]:
                group[:] = sorted([*group, number])
                break
        else:
            groups.append([number])
    return tuple(_span(gap, rank, group, home[group[0]]) for rank, group in enumerate(groups[:KEPT]))


def _span(gap: int, rank: int, group: Sequence[int], passage: Passage) -> Kept:
    start, end = passage.spans[group[0]][0], passage.spans[group[-1]][1]
    # The score only keeps the model's order: it gives none, and ranks of different readings are alike.
    return Kept(gap, passage.candidate.snapshot, start, end, passage.text(start, end), 1 - rank / (2 * KEPT))
