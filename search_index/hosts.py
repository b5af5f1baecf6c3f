"""How web hosts are treated: which of them nothing is asked of, and when the next request to one may begin.

A host's manners lie in its row, so all workers share them: turns at it are taken by the database's clock, further apart
the longer it takes to answer; one that says that it is busy is left alone. A host is closed by the operator
(blocklist.py), or because it was found to be a trap or to contradict itself (trap.py): what the search has of it goes
with that. Never fetches. Blocking, but for manners(): async code calls it in a thread.
Called by visit.py, reading.py, feed.py, sitemap.py, blocklist.py and why.py.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from config.loop import in_thread
from search_index import likeness, policy
from search_index.errors import Refused, RetryLater
from search_index.models import Host, Page, Passage
from search_index.sql import SQL

# From one request to the next it is so many times what an answer takes, up to MOST_DELAY seconds: Heritrix's rule
# (factor 5, at most 30 s), so that a host is at work for us a fifth of the time at most.
DELAY_FACTOR, MOST_DELAY = 5.0, 30.0
LEARNING = 0.3  # the weight of the last answer in what is thought of the next
PATIENCE = 30.0  # seconds that a request waits for its turn; for a host that rests longer, it is put off
FIRST_REST, LONGEST_REST = 30.0, 86_400.0  # seconds that a busy host (429, 503) is left alone
POISONED = 3  # pages of a host that contradict other copies of theirs, from which it is closed
HOSTS_REMEMBERED = 10_000


class Resting(RetryLater):
    """The host has asked to be left alone for `after` seconds more, `busy` times in a row: nothing was asked of it."""

    def __init__(self, name: str, after: float, busy: int) -> None:
        said = {"host": name, "seconds": round(after)}
        super().__init__("busy", _("%(host)s has asked to be left alone for %(seconds)d seconds more.") % said, after)
        self.after: float = after
        self.busy = busy


# --- Closed hosts ----------------------------------------------------------------------------------------------------
def closed(name: str) -> Host | None:
    """What closes a host: its own row, or that of a host above it; None where it is open."""
    return Host.objects.filter(name__in=_above(name), standing__in=Host.CLOSED).first()


def sentence(host: Host) -> str:
    """Why nothing is read from a closed host."""
    said = {"host": host.name, "standing": host.get_standing_display(), "why": host.reason}
    return (_("Nothing is read from %(host)s: %(standing)s. %(why)s") % said).strip()


def check(name: str) -> bool:
    """Let a host pass that is open, and say whether the operator vouches for it; raise Refused, by its standing, for
    one that is closed itself or lies below one."""
    known = list(Host.objects.filter(name__in=_above(name)).exclude(standing=Host.Standing.OPEN))
    for host in known:
        if host.standing in Host.CLOSED:
            raise Refused(host.standing, sentence(host))
    return any(host.name == name for host in known)


def close(names: Sequence[str], standing: Host.Standing, why: str) -> int:
    """Close the hosts, and all hosts below them, and take what there is of them out of the search, in one transaction;
    nothing of them that waits will be read. Snapshots stay, because reports cite them. Returns how many pages leave
    the search."""
    if not names:
        return 0
    with transaction.atomic():
        Host.objects.bulk_create(
            [Host(name=name, standing=standing, reason=why) for name in names],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["standing", "reason"],
        )
        passages = Passage.objects.filter(passages_of(names))
        pages = list(Page.objects.filter(snapshot__in=passages.values("snapshot")).values_list("pk", flat=True))
        passages.delete()
        waiting = Page.objects.filter(pages_of(names), state=Page.State.QUEUED)
        for gone in (Page.objects.filter(pk__in=pages), waiting):
            gone.update(
                state=Page.State.REFUSED,
                reason=str(standing),
                detail=why or str(standing.label),
                due_at=None,
                snapshot=None,
            )
    return len(pages)


def check_copies(name: str) -> None:
    """Close a host that contradicts itself in copies, and raise Refused("poison") then. Asked when a page of it was
    stored that contradicts another one."""
    count = likeness.conflicts_on(name)
    if count >= POISONED and not check(name):
        why = _("%d of its pages are copies of others of its own, with other numbers or negations.") % count
        close([name], Host.Standing.POISON, why)
        raise Refused(Host.Standing.POISON, why)


def _above(name: str) -> list[str]:
    """The host and those above it."""
    parts = name.split(".")
    return [".".join(parts[start:]) for start in range(len(parts))]


def passages_of(names: Sequence[str]) -> Q:
    """Passages of the hosts and of those below them."""
    return reduce(or_, (Q(host__endswith=f".{name}") for name in names), Q(host__in=names))


def pages_of(names: Sequence[str]) -> Q:
    """Pages at an address of the hosts or of one below them."""
    either = "|".join(re.escape(name) for name in names)
    return Q(url__regex=rf"^https?://([^/]*\.)?({either})(:[0-9]+)?(/|\?|$)") if names else Q(pk__in=[])


# --- Manners ---------------------------------------------------------------------------------------------------------
@dataclass
class _Gate:
    """One host's gate in this process: one request at a time."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Gate]] = WeakKeyDictionary()


@dataclass
class Turn:
    """A host's turn, while it is held. `took`: seconds that the host has taken to answer, which a block that does more
    than wait for it says; 0 where nothing was asked."""

    took: float | None = None


@asynccontextmanager
async def manners(name: str, delay: float, *, patience: float = PATIENCE) -> AsyncIterator[Turn]:
    """Hold the block's request back until the host's turn: one at a time, `delay` seconds or more from start to start,
    whatever worker asks. What the block raises as RetryLater("busy") sends the host to rest.

    Raises Resting where the turn is more than `patience` seconds away. With a delay of 0 a host of the operator's own
    (EGRESS_ALLOW) is not held back at all. `name` is a name or address, without a port.
    """
    turn = Turn()
    if delay <= 0 and own(name):
        yield turn
        return
    gates = _gates.setdefault(asyncio.get_running_loop(), {})
    gate = gates.setdefault(name, _Gate())
    gate.users += 1
    try:
        async with gate.lock:
            await asyncio.sleep(await in_thread(_turn, name, delay, patience))
            began = time.monotonic()
            try:
                yield turn
            except RetryLater as failure:
                if failure.reason == "busy":
                    await in_thread(_rest, name, failure.after)
                else:  # no answer in time, an error: it is in trouble, and asked more slowly
                    await in_thread(_answered, name, time.monotonic() - began)
                raise
            if took := time.monotonic() - began if turn.took is None else turn.took:
                await in_thread(_answered, name, took)
    finally:
        gate.users -= 1
        if len(gates) > HOSTS_REMEMBERED:
            for idle in [host for host, other in gates.items() if not other.users]:
                del gates[idle]


def own(name: str) -> bool:
    """Whether the host is the operator's own (EGRESS_ALLOW)."""
    return policy.Allow.parse(settings.EGRESS_ALLOW).knows(name)


def is_public(url: str) -> bool:
    """Whether what stands at a page's address is there for anybody: on the web, and not on a host of the operator's."""
    return url.startswith(("http://", "https://")) and not own(urlsplit(url).hostname or "")


def _turn(name: str, delay: float, patience: float) -> float:
    """Take the host's next turn; the seconds until it comes. Raises Resting."""
    asked: dict[str, str | float] = {
        "name": name,
        "delay": delay,
        "factor": DELAY_FACTOR,
        "most": MOST_DELAY,
        "patience": patience,
    }
    with connection.cursor() as cursor:
        cursor.execute(SQL["turn"], asked)
        if (taken := cursor.fetchone()) is not None:
            return max(float(taken[0]), 0.0)
        cursor.execute(
            "SELECT extract(epoch FROM free_at - now())::float, busy FROM search_index_host WHERE name = %s", [name]
        )
        wait, busy = cursor.fetchone()
    raise Resting(name, wait, busy)


def _answered(name: str, took: float) -> None:
    learned: dict[str, str | float] = {
        "name": name,
        "took": took,
        "factor": DELAY_FACTOR,
        "most": MOST_DELAY,
        "weight": LEARNING,
    }
    with connection.cursor() as cursor:
        cursor.execute(SQL["answered"], learned)


def _rest(name: str, after: float | None) -> None:
    asked: dict[str, str | float] = {"name": name, "after": after or 0.0, "first": FIRST_REST, "longest": LONGEST_REST}
    with connection.cursor() as cursor:
        cursor.execute(SQL["rest"], asked)
