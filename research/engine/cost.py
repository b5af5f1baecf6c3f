"""What the step that runs now has spent so far.

journal.py sets `current` to a fresh Cost before each step and stores it with the step's result; whatever works inside
the step (a model client, the kit's index) adds to it with `spend` and `waiting`. Never read to decide anything: budgets
are counted from the journal (limits.py).
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from typing import Literal

from research.engine.values import Cost

current: ContextVar[Cost] = ContextVar("cost")
COUNTED = tuple(field.name for field in fields(Cost) if field.name not in {"seconds", "thinking"})  # what adds up


def spend(*, thinking: str = "", **amounts: float) -> None:
    """Add to the cost of the step that runs now, by the names of Cost's fields (COUNTED). Outside a step (a shell, a
    test of a part) nothing is counted."""
    cost = current.get(None)
    if cost is None:
        return
    for name, amount in amounts.items():
        setattr(cost, name, getattr(cost, name) + amount)
    if thinking:
        cost.thinking.append(thinking)


@contextmanager
def waiting(what: Literal["model", "page", "index"]) -> Iterator[None]:
    """Counts the block's seconds as waited for a model, for pages or for the index."""
    began = time.monotonic()
    try:
        yield
    finally:
        seconds = {f"{what}_seconds": time.monotonic() - began}
        spend(thinking="", **seconds)


def total(costs: Iterable[Cost]) -> Cost:
    """What the steps cost together; `seconds` and thoughts are left alone."""
    together = Cost()
    for cost in costs:
        for name in COUNTED:
            setattr(together, name, getattr(together, name) + getattr(cost, name))
    return together
