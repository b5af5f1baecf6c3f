"""The lease by which one worker owns a crawl: claimed, kept and given back by the database's clock.

Every write on behalf of a crawl is conditional on the epoch of the lease, so a worker that was paused or cut off cannot
write after another one has taken over. Blocking; async code calls it in a thread.
Called by crawl.py and frontier.py.
"""

import asyncio
import os
import socket
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from config.loop import in_thread
from search_index.errors import LostLease
from search_index.models import Crawl, Source
from search_index.stages import Stages

CRAWLS_AT_ONCE = 4  # on all workers together: embedding takes every core, and runs want threads, too


class Paused(Exception):
    """The operator has paused the source, or deleted it: the crawl is given back."""


class PutOff(Exception):
    """Nothing of the source can be had for `seconds`: the crawl is given back, to be taken up again after that."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class Held:
    """A crawl that this process owns while the epoch is its own; `stages` is where its seconds go."""

    crawl: Crawl
    source: Source
    epoch: int
    stages: Stages = field(default_factory=Stages)


def claim(crawl_id: int) -> Held | None:
    """Take the crawl over if it waits, or if the lease of its owner has run out; None where it is not to be had."""
    running = Crawl.objects.filter(state=Crawl.State.RUNNING, lease_until__gt=Now()).exclude(id=crawl_id)
    if running.count() >= CRAWLS_AT_ONCE:
        return None
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    claimed = claimable(Crawl.objects.filter(id=crawl_id)).update(
        state=Crawl.State.RUNNING, lease_owner=owner, lease_epoch=F("lease_epoch") + 1, lease_until=_until(), error=""
    )
    crawl = Crawl.objects.select_related("source").filter(id=crawl_id, lease_owner=owner).first() if claimed else None
    return Held(crawl, crawl.source, crawl.lease_epoch, Stages(crawl.seconds)) if crawl else None


def claimable(crawls: QuerySet[Crawl]) -> QuerySet[Crawl]:
    """Those of the crawls that are to be worked on and that nobody works on."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return crawls.filter(free, source__paused=False, state__in=[Crawl.State.QUEUED, Crawl.State.RUNNING])


async def keep(held: Held) -> None:
    """Prolong the lease for as long as this runs. Raises LostLease."""
    while True:
        await asyncio.sleep(settings.LEASE_SECONDS / 3)
        await in_thread(write, held, lease_until=_until(), seconds=held.stages.seconds)


def count(held: Held, **counts: int) -> None:
    """Add to the crawl's counts; inside a transaction this makes the rest of it conditional. Raises LostLease."""
    write(held, **{name: F(name) + number for name, number in counts.items()})


def check(held: Held) -> None:
    """Make the transaction conditional on the lease where it counts nothing. Raises LostLease."""
    write(held, lease_epoch=held.epoch)


def release(held: Held, seconds: float = 0.0) -> None:
    """Give the crawl back unfinished, to be taken up again (the worker stops, or the source is paused), but not within
    so many seconds."""
    until = Now() + timedelta(seconds=seconds) if seconds else None
    write(held, state=Crawl.State.QUEUED, seconds=held.stages.seconds, lease_until=until, lease_owner="")


def finish(held: Held, state: Crawl.State, error: str = "") -> None:
    """End the crawl. Raises LostLease."""
    ended = {"state": state, "error": error, "finished_at": Now(), "lease_until": None, "lease_owner": ""}
    write(held, **ended, seconds=held.stages.seconds)


def write(held: Held, **values: object) -> None:
    """Change the crawl's row, if it is still ours. Raises LostLease."""
    ours = Crawl.objects.filter(id=held.crawl.pk, lease_epoch=held.epoch, state=Crawl.State.RUNNING)
    if not ours.update(**values):
        raise LostLease("lease", _("Another worker has taken the crawl over, or it was stopped."))


def begin(held: Held) -> bool:
    """Note the crawl's beginning; False where it had begun before (it is being resumed)."""
    if held.crawl.started_at is not None:
        return False
    write(held, started_at=Coalesce("started_at", Now()))
    return True


def _until() -> object:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)
