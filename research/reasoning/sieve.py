"""Which evidence goes on to the report when there is more than it can hold: a rule, the same for every reasoner.

Pure. Called by reasoning/extractive.py and reasoning/model.py.
"""

from collections.abc import Sequence
from itertools import zip_longest

from research.engine.values import Evidence, Gap


def best_documents(gaps: Sequence[Gap], known: Sequence[Evidence], most: int) -> tuple[int, ...]:
    """The numbers of the evidence of at most `most` documents: in turns the next best document of each gap, so that no
    gap is crowded out by another; of a document that goes on, all evidence does."""
    ranked = sorted(known, key=lambda one: (-one.score, one.number))
    turns = zip_longest(*([one.snapshot for one in ranked if one.gap == gap.number] for gap in gaps))
    documents = list(dict.fromkeys(snapshot for turn in turns for snapshot in turn if snapshot is not None))[:most]
    return tuple(one.number for one in known if one.snapshot in documents)
