"""How things are timed and told. Called by the benchmarks beside it."""

import time
from collections.abc import Callable, Sequence
from statistics import quantiles
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def timed(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, float]:
    """What the work comes to, and the seconds that it took by the clock."""
    began = time.perf_counter()
    result = work(*args, **kwargs)
    return result, time.perf_counter() - began


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """The median and the 95th percentile, in milliseconds."""
    ranked = quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else [*seconds] * 19
    return {"p50_ms": round(1000 * ranked[9], 2), "p95_ms": round(1000 * ranked[18], 2)}


def per_second(count: int, seconds: float) -> float:
    return round(count / seconds, 2) if seconds else 0.0
