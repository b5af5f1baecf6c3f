"""The hosts that the operator keeps out of the index: what it would cost, doing it, and undoing it.

A host is blocked by its row (Host.standing), which is what a crawl asks before it fetches (hosts.py). Blocking; never
fetches.
Called by search_index/admin.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Case, Count, Q, Value, When
from django.utils.translation import gettext as _

from search_index import crawl, policy
from search_index.errors import Refused
from search_index.hosts import close, pages_of, passages_of
from search_index.models import Host, Page, Passage, Source

# The reasons for which a host's pages are refused because of its standing: such pages come back with it.
BY_STANDING = frozenset(str(standing) for standing in Host.CLOSED)


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
    there = Passage.objects.filter(passages_of(hosts)).order_by().values("host")
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
    return close(hosts, Host.Standing.BLOCKED, why or _("The operator has blocked its host."))


def unblock(hosts: Sequence[str]) -> int:
    """Open the hosts, whatever closed them; their pages are queued, and crawls of their sources begin. One that was
    taken for a trap is trusted from now on, or the next crawl would close it again. Returns how many pages that are."""
    with transaction.atomic():
        found_out = Q(standing__in=[Host.Standing.TRAP, Host.Standing.POISON])
        standing = Case(When(found_out, then=Value(Host.Standing.TRUSTED)), default=Value(Host.Standing.OPEN))
        Host.objects.filter(name__in=hosts).update(standing=standing, reason="")
        pages = Page.objects.filter(pages_of(hosts), state=Page.State.REFUSED, reason__in=BY_STANDING)
        concerned = list(Source.objects.filter(pk__in=pages.values("source"), paused=False).exclude(kind="live"))
        count = pages.update(
            state=Page.State.QUEUED, reason="", detail="", attempts=0, etag="", last_modified="", body_sha256=""
        )
        for source in concerned:
            crawl.start(source)
    return count
