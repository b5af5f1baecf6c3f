"""The watch over all runs of a worker process: one look a second at what their people wish, one beat for all leases.

A run costs no query of its own while it waits for a model. Each loop has one watch, which lives as long as a journal is
open on it. All times are the database's: no lease is kept or lost by a worker's clock. Never decides what a run does
about what is seen. Called by journal.py.
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import Error, connection

from config.loop import in_pool
from research.models import Run

logger = logging.getLogger(__name__)

# A thread of its own: a beat that waits behind searches and pages loses leases that are in use.
_thread = ThreadPoolExecutor(1, thread_name_prefix="watch")
LOOK_SECONDS = 1.0  # how soon "Stop", "Answer now" and changes of the plan reach a step that is under way


@dataclass(frozen=True)
class Seen:
    """What a run's row says while it is ours."""

    stop_requested: bool
    answer_now: bool
    wishes: int
    last_seq: int


class Watched(Protocol):
    """A journal, as the watch sees it."""

    run_id: str
    epoch: int

    def seen(self, row: Seen | None) -> None:
        """Take note of the row; None: the run is over, or another worker's."""

    def news(self) -> str | None:
        """The activity, if it is to be written; asked for once a look."""


class Watch:
    """The watch of one loop."""

    def __init__(self) -> None:
        self._over: set[Watched] = set()
        self._watching: asyncio.Task[None] | None = None

    def begin(self, journal: Watched) -> None:
        self._over.add(journal)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())

    def end(self, journal: Watched) -> None:
        self._over.discard(journal)
        if not self._over and self._watching:
            self._watching.cancel()

    async def _watch(self) -> None:
        beat = time.monotonic()
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, settings.LEASE_SECONDS / 3))
            due = time.monotonic() - beat >= settings.LEASE_SECONDS / 3
            journals = list(self._over)
            written = [(journal, news) for journal in journals if (news := journal.news()) is not None or due]
            try:
                if written:
                    await in_pool(_thread, write, [(one.run_id, one.epoch, news) for one, news in written])
                if due:
                    beat = time.monotonic()
                rows = await in_pool(_thread, look, [(one.run_id, one.epoch) for one in journals])
            except Error as error:  # the database is away for a moment; the leases are long enough for that
                logger.warning("%d runs cannot be watched: %s", len(journals), error)
                continue
            for journal in journals:
                if journal in self._over:
                    journal.seen(rows.get(journal.run_id))


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def watch() -> Watch:
    """The watch of the running loop."""
    return _watches.setdefault(asyncio.get_running_loop(), Watch())


def look(held: list[tuple[str, int]]) -> dict[str, Seen]:
    """What the rows of these runs say, by id; without those that are not held any more. Blocking."""
    epochs = dict(held)
    rows = Run.objects.filter(pk__in=epochs, state=Run.State.RUNNING)
    fields = rows.values_list("pk", "lease_epoch", "stop_requested", "answer_now", "wishes", "last_seq")
    return {
        str(pk): Seen(stop, answer_now, wishes, seq)
        for pk, epoch, stop, answer_now, wishes, seq in fields
        if epoch == epochs[str(pk)]
    }


def write(held: list[tuple[str, int, str | None]]) -> None:
    """Keep the leases of these runs alive, and write what they do now where that has changed. Blocking.

    In the order of the ids, as two workers that believe to hold the same runs would otherwise lock them crosswise.
    """
    with connection.cursor() as cursor:
        runs, epochs, activities = zip(*sorted(held, key=lambda one: one[0]), strict=True)
        cursor.execute(_WRITE, [settings.LEASE_SECONDS, list(runs), list(epochs), list(activities)])


_WRITE = """
UPDATE research_run AS run
SET lease_until = now() + make_interval(secs => %s), activity = coalesce(held.activity, run.activity)
FROM unnest(%s::uuid[], %s::integer[], %s::text[]) AS held (id, epoch, activity)
WHERE run.id = held.id AND run.lease_epoch = held.epoch AND run.state = 'running' AND run.lease_owner <> ''
"""
