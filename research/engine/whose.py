"""Whose work the code that runs now is: the person and the run, so that a shared model server can be shared fairly.

research/tasks.py sets `current` before it researches a run; all that the run starts on the loop inherits it. Decides
nothing. Read by reasoning/turns.py and reasoning/talk.py.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field


async def nobody_listens(*_texts: str) -> None:
    """What is said where no run is under way."""


@dataclass(frozen=True)
class Whose:
    """A person and their run; `say` tells whoever looks at the run what it waits for, and "" that it waits no more;
    `think` gets (call, text): what a model thinks in one of its calls, piece by piece."""

    owner: str = ""
    run: str = ""
    say: Callable[[str], Awaitable[None]] = field(default=nobody_listens, compare=False)
    think: Callable[[str, str], Awaitable[None]] = field(default=nobody_listens, compare=False)


NOBODY = Whose()
current: ContextVar[Whose] = ContextVar("whose", default=NOBODY)
