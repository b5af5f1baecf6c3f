"""Who asks: on whose behalf a request leaves this machine. The door is told, and logs, counts and shuts by it.

Whoever begins a piece of work says so once (research/tasks.py for a run, crawl.py for a source), and all that the work
starts on the loop inherits it: a fetch deep inside cannot forget whose it is. That of a sealed run carries SEALED, for
which the door passes nothing, whatever the code before it has checked. Decides nothing.
Read by egress.door_url and robots.py.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SITE = "site"  # what is asked for nobody in particular
SEALED = ".sealed"
# As the user name that the door is given, also by the SearXNG of docker-compose.yml: nothing that a log, a header or a
# URL could read in two ways.
NAME = re.compile(r"(?:run-[0-9a-f-]{1,36}|source-[0-9]{1,19}|site|searxng)(?:\.sealed)?")

_current: ContextVar[str] = ContextVar("whose", default=SITE)


def current() -> str:
    """Who asks: "run-<id>", "source-<id>" or "site", with SEALED appended in a sealed run."""
    return _current.get()


def sealed() -> bool:
    """Whether what runs here belongs to a sealed run."""
    return _current.get().endswith(SEALED)


@contextmanager
def asking(whose: str, *, sealed: bool = False) -> Iterator[None]:
    """In the block, and in all that it starts, `whose` asks ("run-<id>", "source-<id>"). What is sealed stays so."""
    name = whose + SEALED if sealed or _current.get().endswith(SEALED) else whose
    before = _current.set(name)
    try:
        yield
    finally:
        _current.reset(before)
