"""The hosts that the operator keeps out of the index: what it would cost, doing it, and undoing it.

A host is blocked by its row (Host.standing), which is what a crawl asks before it fetches; what the search has of it
goes in the same transaction. Snapshots stay, because reports cite them. Blocking; never fetches.
Called by search_index/admin.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from search_index import crawl, policy
from search_index.errors import Refused
from search_index.models import Host, Page, Passage, Source

# The reasons for which a host's pages are refused because of its standing: such pages come back with it.
BY_STANDING = frozenset({str(Host.Standing.BLOCKED), str(Host.Standing.TRAP), str(Host.Standing.POISON)})


@dataclass(frozen=True)
class Consequence:
    """What leaves the search if a host is blocked, or what is read again if it is opened; with the hosts below it."""

    host: str
    standing: str
    pages: int
    passages: int
    below: tuple[str, ...]  # hosts below it that the search has pages of

    @property
    def blocked(self) -> bool:
        return self.standing == Host.Standing.BLOCKED


def named(text: str) -> tuple[list[str], list[str]]:
    """The hosts in a pasted list, one a line (addresses will do; # begins a remark), and the lines that name none."""
    hosts: dict[str, None] = {}
    wrong = []
    for line in text.splitlines():
        entry = line.partition("#")[0].strip().lower()
        if not entry:
            continue
        try:
            hosts[policy.parse(entry if "://" in entry else f"http://{entry}/").host] = None
        except Refused:
            wrong.append(entry)
    return list(hosts), wrong


def consequences(hosts: Sequence[str]) -> list[Consequence]:
    """For each host, what the search has of it and of the hosts below it; three queries, however many there are."""
    there = Passage.objects.filter(_below(hosts)).order_by().values("host")
    counted = there.annotate(pages=Count("snapshot", distinct=True), passages=Count("pk"))
    rows = list(counted.values_list("host", "pages", "passages"))
    standings = dict(Host.objects.filter(name__in=hosts).values_list("name", "standing"))
    found = []
    for host in hosts:
        of_it = [row for row in rows if row[0] == host or row[0].endswith(f".{host}")]
        below = [row[0] for row in of_it if row[0] != host]
        pages, passages = sum(row[1] for row in of_it), sum(row[2] for row in of_it)
        found.append(Consequence(host, standings.get(host, ""), pages, passages, tuple(sorted(below))))
    return found


def block(hosts: Sequence[str], why: str = "") -> int:
    """Keep the hosts, and all hosts below them, out from now on, and take what there is of them out of the search.
    Returns how many pages that were."""
    blocked = Host.Standing.BLOCKED
    with transaction.atomic():
        Host.objects.bulk_create(
            [Host(name=host, standing=blocked, reason=why) for host in hosts],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["standing", "reason"],
        )
        passages = Passage.objects.filter(_below(hosts))
        pages = list(Page.objects.filter(snapshot__in=passages.values("snapshot")).values_list("pk", flat=True))
        passages.delete()
        Page.objects.filter(pk__in=pages).update(
            state=Page.State.REFUSED,
            reason=str(blocked),
            detail=why or _("The operator has blocked its host."),
            due_at=None,
            snapshot=None,
        )
    return len(pages)


def unblock(hosts: Sequence[str]) -> int:
    """Open the hosts, whatever closed them; their pages are queued, and crawls of their sources begin. Returns how many
    pages that are."""
    with transaction.atomic():
        Host.objects.filter(name__in=hosts).update(standing=Host.Standing.OPEN, reason="")
        pages = Page.objects.filter(_at(hosts), state=Page.State.REFUSED, reason__in=BY_STANDING)
        concerned = list(Source.objects.filter(pk__in=pages.values("source"), paused=False).exclude(kind="live"))
        count = pages.update(
            state=Page.State.QUEUED, reason="", detail="", attempts=0, etag="", last_modified="", body_sha256=""
        )
        for source in concerned:
            crawl.start(source)
    return count


def _below(hosts: Sequence[str]) -> Q:
    """Passages of the hosts and of those below them."""
    return reduce(or_, (Q(host__endswith=f".{host}") for host in hosts), Q(host__in=hosts))


def _at(hosts: Sequence[str]) -> Q:
    """Pages at an address of the hosts or of one below them."""
    names = "|".join(re.escape(host) for host in hosts)
    return Q(url__regex=rf"^https?://([^/]*\.)?({names})(:[0-9]+)?(/|\?|$)") if hosts else Q(pk__in=[])
