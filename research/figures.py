"""The figures of research for those who watch over it: runs, steps, what they cost, what waits.

Everything in them comes from PostgreSQL and the broker, so that they are the same whichever process is asked. Cheap
however long the journal is: steps are never changed, so what was added up once is kept in the process, and only newer
ones are read; a run that is deleted leaves what it has spent in the sums, until the process ends. Reads only.
Called by views/metrics.py.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Any

from django.conf import settings
from django.db.models import Count, F, FloatField, Max, Min, Q, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Now
from django.utils import timezone
from redis import Redis, RedisError

from research.engine.cost import COUNTED
from research.models import Run, Step
from search_index import api

SETTLED = timedelta(minutes=2)  # a step's number is given before it is committed: older ones are all there
QUEUE = "celery"  # the list of messages that no worker has taken


@dataclass
class Sums:
    """What steps add up to: by kind and whether they failed, and by what they cost."""

    steps: Counter[tuple[str, bool]] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)  # by kind
    spent: Counter[str] = field(default_factory=Counter)  # by the names of Cost's fields

    def add(self, rows: Iterable[dict[str, Any]]) -> "Sums":
        for row in rows:
            self.steps[row["kind"], False] += row["made"] - row["failed"]
            self.steps[row["kind"], True] += row["failed"]
            self.seconds[row["kind"]] += row["seconds"] or 0
            for name in COUNTED:
                self.spent[name] += row[f"sum_{name}"] or 0
        return self


@dataclass(frozen=True)
class Figures:
    """All of it, as of now. `messages` is None where the broker does not answer."""

    runs: dict[str, int]  # by state
    abandoned: int  # runs whose worker is gone, and that no other has taken over yet
    oldest_wait: float  # seconds; 0 where none waits
    takeovers: int  # times that a run's lease was taken anew
    sums: Sums
    index: list[api.Table]
    messages: int | None


class Ledger:
    """The sums over all steps, of which those up to number `upto` are kept."""

    def __init__(self) -> None:
        self._kept, self._upto, self._lock = Sums(), 0, Lock()

    def sums(self) -> Sums:
        """Blocking: two queries over the steps of the last minutes; the first time over all of them."""
        with self._lock:
            newer = Step.objects.filter(pk__gt=self._upto)
            settled = newer.filter(finished_at__lt=Now() - SETTLED).aggregate(last=Max("pk"))["last"]
            if settled:
                self._kept.add(_summed(newer.filter(pk__lte=settled)))
                self._upto = settled
            together = Sums(self._kept.steps.copy(), self._kept.seconds.copy(), self._kept.spent.copy())
            return together.add(_summed(Step.objects.filter(pk__gt=self._upto)))


def figures(ledger: Ledger) -> Figures:
    """Blocking. Raises what the database raises."""
    runs = Run.objects.order_by().aggregate(
        **{str(state): Count("pk", filter=Q(state=state)) for state in Run.State},
        abandoned=Count("pk", filter=Q(state=Run.State.RUNNING, lease_until__lt=Now())),
        oldest=Min("created_at", filter=Q(state=Run.State.QUEUED)),
        takeovers=Sum(F("lease_epoch") - 1, filter=Q(lease_epoch__gt=1)),
    )
    return Figures(
        runs={str(state): runs[str(state)] for state in Run.State},
        abandoned=runs["abandoned"],
        oldest_wait=(timezone.now() - runs["oldest"]).total_seconds() if runs["oldest"] else 0.0,
        takeovers=runs["takeovers"] or 0,
        sums=ledger.sums(),
        index=api.sizes(),
        messages=_messages(),
    )


def _summed(steps: QuerySet[Step]) -> Iterable[dict[str, Any]]:
    """The sums of these steps by kind."""
    sums = {f"sum_{name}": Sum(Cast(KT(f"cost__{name}"), FloatField())) for name in COUNTED}
    rows: Any = (  # the checker cannot name rows with sums made by name
        steps.order_by()
        .values("kind")
        .annotate(
            made=Count("pk"),
            failed=Count("pk", filter=~Q(error="")),
            seconds=Sum(Cast(KT("cost__seconds"), FloatField())),
            **sums,
        )
    )
    return list(rows)


def _messages() -> int | None:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as broker:
            return int(broker.llen(QUEUE))
    except (RedisError, OSError):
        return None
