"""Keeps what came to the egress door, for the operator's page: a row a request, some days long.

The door must never wait for the database: a passage that is over is put into a list, which a thread of its own writes
once a second. Where the database does not answer, the lines wait; more than WAITING of them, and the oldest are dropped
and counted in the log. The door's own log has them all.
`Keeper` is used by `manage.py egress`, `forget` by tasks.py.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

import psycopg
from django.db import DataError, Error, IntegrityError, connections
from django.utils import timezone

from search_index.models import Departure
from search_index.relay import Passage

EVERY = 1.0  # seconds between two writes
AT_ONCE = 1_000  # rows of one INSERT
WAITING = 20_000  # lines that wait for a database, at most: some 10 MB
CLOSING_SECONDS = 3.0  # for the last lines; the door does not wait longer
KEPT = timedelta(days=14)
FORGOTTEN = 20_000  # rows that one DELETE takes: some 100 ms

log = logging.getLogger(__name__)


class Keeper:
    """The list of what is to be written, and the thread that writes it while the block is open."""

    def __init__(self, write: "Callable[[Sequence[Departure]], None] | None" = None, every: float = EVERY) -> None:
        self._write = write or store
        self._every = every
        self._waiting: deque[Departure] = deque()
        self._dropped = 0
        self._down = False  # whether the database did not answer the last time
        self._closing = threading.Event()
        # A daemon: a database that hangs must not keep the door from ending.
        self._thread = threading.Thread(target=self._work, name="departures", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join(CLOSING_SECONDS)

    def keep(self, passage: Passage) -> None:
        """Have a passage written that is over. Returns at once."""
        row = Departure(
            at=timezone.now() - timedelta(seconds=passage.seconds),
            whose=passage.whose,
            host=passage.host,
            port=passage.port,
            address=passage.address,
            verdict=passage.verdict,
            up=passage.up,
            down=passage.down,
            milliseconds=round(passage.seconds * 1000),
        )
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(row)

    def _work(self) -> None:
        while not self._closing.wait(self._every):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        """Write what waits; what cannot be written waits on."""
        while self._waiting:
            rows = [self._waiting.popleft() for _number in range(min(AT_ONCE, len(self._waiting)))]
            try:
                self._write(rows)
            except (DataError, IntegrityError) as error:  # it would never be taken
                log.error("%d lines about requests are dropped: %s", len(rows), error)
            except (Error, psycopg.Error) as error:
                self._waiting.extendleft(reversed(rows[max(0, len(self._waiting) + len(rows) - WAITING) :]))
                if not self._down:
                    log.warning("Requests are not written down while the database does not answer: %s", error)
                self._down = True
                return
            if self._dropped:
                log.warning("%d lines about requests were dropped: the database did not answer.", self._dropped)
            self._down, self._dropped = False, 0


def store(rows: Sequence[Departure]) -> None:
    """Write the rows, and give the connection back."""
    try:
        Departure.objects.bulk_create(rows)
    finally:
        connections.close_all()


def forget() -> int:
    """Delete what is older than KEPT, a part at a time; how many rows."""
    old = Departure.objects.filter(at__lt=timezone.now() - KEPT).order_by("at")
    deleted = 0
    while part := list(old.values_list("pk", flat=True)[:FORGOTTEN]):
        deleted += Departure.objects.filter(pk__in=part).delete()[0]
    return deleted
