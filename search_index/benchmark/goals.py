"""What the figures are to be, on a machine with two cores: every goal of the index, in one place. Pure.

They are meant for the sizes that the benchmarks take by themselves; at others they are shown all the same.
Called by `manage.py benchmark`.
"""

import operator
from typing import Any, NamedTuple

_COMPARE = {">=": operator.ge, "<=": operator.le, "<": operator.lt, "=": operator.eq}


class Goal(NamedTuple):
    """A figure's place in its benchmark's document, and what it is to be."""

    what: str
    at: str  # keys, with slashes between; of a list, the place
    sign: str
    limit: float


GOALS: dict[str, tuple[Goal, ...]] = {
    "crawl": (
        Goal("pages a second, without vectors", "reading/pages_per_second", ">=", 60),
        Goal("share of a full crawl's time that goes into vectors", "full/embedding_share", ">=", 0.80),
        Goal("second crawl, share of the first one's time", "again/share_of_first", "<=", 0.10),
        Goal("second crawl, share of pages answered by 304 or hash", "again/share_unchanged", ">=", 0.95),
        Goal("second crawl, passages embedded again", "again/embedded", "=", 0),
        Goal("requests that robots.txt forbids", "asked/robots", "=", 0),
        Goal("requests beyond the source", "asked/scope", "=", 0),
    ),
    "index": (),
    "search": (
        Goal("recall@10 of the approximate search", "recall/all/recall@10", ">=", 0.97),
        Goal("recall@10 in a tenth of the passages", "recall/tenth/recall@10", ">=", 0.95),
        Goal("recall@10 in a hundredth", "recall/hundredth/recall@10", ">=", 0.95),
        Goal("recall@10 in a thousandth", "recall/thousandth/recall@10", ">=", 0.95),
        Goal("hybrid search without embedding and reranking, p95 ms", "hybrid/p95_ms", "<=", 40),
    ),
    "growth": (
        Goal("hybrid search, times as long at the last size as before it, p95", "growth/hybrid_p95", "<", 2.5),
        Goal("recall@10 at the last size", "sizes/-1/recall/all/recall@10", ">=", 0.95),
        Goal("six common terms at the last size, p95 ms", "sizes/-1/common_terms/p95_ms", "<=", 150),
    ),
    "quality": (),
}


def judged(name: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    """The benchmark's goals beside its figures; a figure that the document has not is None, and met is none by it."""
    return [_judged(goal, document) for goal in GOALS[name]]


def _judged(goal: Goal, document: dict[str, Any]) -> dict[str, Any]:
    value = _at(document, goal.at.split("/"))
    met = value is not None and bool(_COMPARE[goal.sign](value, goal.limit))
    return {"what": goal.what, "value": value, "goal": f"{goal.sign} {goal.limit:g}", "met": met}


def _at(document: Any, keys: list[str]) -> Any:
    """What stands there; None where the document has no such place."""
    try:
        for key in keys:
            document = document[int(key) if isinstance(document, list) else key]
    except (KeyError, IndexError):
        return None
    return document
