"""The frontier of a crawl: the Page rows of its source in state queued; and what becomes of a page without a text.

Every change is made in one transaction with the crawl's counts, conditional on its lease: a killed crawl goes on where
it was. Blocking; async code calls it in a thread. Fetches nothing.
Called by crawl.py and reading.py.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Min, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from search_index import hosts, lease
from search_index.errors import IndexFailure, Refused, RetryLater
from search_index.lease import Held
from search_index.models import Page, Passage, Source

if TYPE_CHECKING:
    from search_index.fetch import Fetched

FETCHED = ("etag", "last_modified", "body_sha256", "http_status", "content_type")  # what give_up() notes of a fetch
ATTEMPTS = 3  # of what may succeed later
BACK_OFF = 30.0  # seconds before the second attempt, four times as many before the third
LONGEST_WAIT = 3600.0  # seconds: a host that asks for more is left to the next pass
REDIRECTS = 5  # one after the other that are followed beyond the source's depth
SEED_BATCH = 2000
State = Page.State


def requeue(held: Held) -> None:
    """At the beginning of a pass: everything known is looked at again."""
    Page.objects.filter(source=held.source).exclude(state=State.QUEUED).update(
        state=State.QUEUED, crawl=held.crawl, attempts=0, due_at=None
    )


def add(
    held: Held,
    urls: Iterable[str],
    *,
    depth: int = 0,
    found_on: str = "",
    days: Mapping[str, date | None] | None = None,
) -> None:
    """Queue the addresses that the source does not know yet. They have to be canonical and in scope. `days` are the
    days on which they were published, as far as that is known from where they were found."""
    known = {"source": held.source, "crawl": held.crawl, "depth": depth, "found_on": found_on}
    pages = [Page(**known, url=url, published_on=(days or {}).get(url)) for url in urls]
    for start in range(0, len(pages), SEED_BATCH):
        Page.objects.bulk_create(pages[start : start + SEED_BATCH], ignore_conflicts=True)


def known(source: Source) -> Iterator[str]:
    """The addresses of all pages that the source knows."""
    return Page.objects.filter(source=source).values_list("url", flat=True).iterator()


def take(held: Held, in_hand: Collection[int], most: int) -> list[Page]:
    """The next pages that are due: near the start first, then in the order in which they were found."""
    due = Q(due_at=None) | Q(due_at__lte=Now())
    pages = Page.objects.filter(due, source=held.source, state=State.QUEUED).exclude(id__in=in_hand)
    unread = ("snapshot__text", "snapshot__headings", "snapshot__links")
    return list(pages.select_related("snapshot").defer(*unread).order_by("depth", "id")[:most])


def paused(source: Source) -> bool:
    """Whether the operator has paused the source, or taken it away."""
    return Source.objects.filter(id=source.pk, paused=False).first() is None


def waits(held: Held) -> float | None:
    """The seconds until the first of the pages is due that are put off; None where there is none."""
    later = Page.objects.filter(source=held.source, state=State.QUEUED, due_at__gt=Now())
    soonest = later.aggregate(wait=Min("due_at") - Now())["wait"]
    return max(soonest.total_seconds(), 0.0) if soonest is not None else None


def put_off(held: Held, host: str, seconds: float) -> None:
    """Pages of a host that rests wait until then; that is no fault of theirs, and counts as no attempt."""
    due = Q(due_at=None) | Q(due_at__lte=Now() + timedelta(seconds=seconds))
    with transaction.atomic():
        pages = Page.objects.filter(due, hosts.pages_of([host]), source=held.source, state=State.QUEUED)
        pages.update(due_at=Now() + timedelta(seconds=seconds))
        lease.check(held)


def give_up(held: Held | None, page: Page, failure: IndexFailure, fetched: "Fetched | None" = None) -> None:
    """Record why a page has no text now: refused, failed, or put off. `fetched` is what was fetched, where the failure
    rests on that alone: while it stays the same, so does the failure. Raises LostLease."""
    give_up_all(held, [(page, failure, fetched)])


def give_up_all(held: Held | None, failures: "Sequence[tuple[Page, IndexFailure, Fetched | None]]") -> None:
    """The same of several pages: an update each, and one of the crawl's counts."""
    if not failures:
        return
    with transaction.atomic():
        for page, failure, fetched in failures:
            _give_up(held, page, failure, fetched)
        states = [page.state for page, _failure, _fetched in failures]
        if held is not None:
            lease.count(held, refused=states.count(State.REFUSED), failed=states.count(State.FAILED))


def _give_up(held: Held | None, page: Page, failure: IndexFailure, fetched: "Fetched | None") -> None:
    page.attempts += 1
    page.reason, page.detail = failure.reason[:30], str(failure)
    page.tried_at = timezone.now()
    after = failure.after or 0.0 if isinstance(failure, RetryLater) else LONGEST_WAIT + 1
    if held is not None and page.attempts < ATTEMPTS and after <= LONGEST_WAIT:
        wait = max(after, BACK_OFF * 4 ** (page.attempts - 1))
        Page.objects.filter(id=page.pk).update(
            due_at=Now() + timedelta(seconds=wait),
            tried_at=page.tried_at,
            attempts=page.attempts,
            reason=page.reason,
            detail=page.detail,
        )
        return
    refused = isinstance(failure, Refused)
    page.state, page.due_at = (State.REFUSED if refused else State.FAILED), None
    if fetched is not None and not fetched.not_modified:
        page.etag, page.last_modified = fetched.etag, fetched.last_modified[:100]
        page.http_status, page.content_type = fetched.status, fetched.content_type[:100]
    page.save(update_fields=["state", "reason", "detail", "attempts", "due_at", "tried_at", "signals", *FETCHED])
    if refused:
        _forget(page)


def gone(held: Held, pages: Iterable[Page], failure: IndexFailure) -> None:
    """Pages that were in the index and are no more: not found by search any longer; citations keep their snapshots."""
    with transaction.atomic():
        for page in pages:
            page.state, page.reason, page.detail = State.GONE, failure.reason[:30], str(failure)
            page.due_at, page.tried_at = None, timezone.now()
            page.save(update_fields=["state", "reason", "detail", "due_at", "tried_at"])
            _forget(page)
        lease.check(held)


def moved(held: Held, page: Page, url: str, wanted: bool, spelling: bool = False) -> None:
    """The page redirects to `url`, or (`spelling`) wants to be known by it: it is a duplicate of the one there, which
    is queued if the source wants it. A chain of redirects is followed only so far beyond the source's depth."""
    said = _("Its own address for itself is %s.") if spelling else _("It redirects to %s.")
    failure = Refused("duplicate", said % url)
    if not wanted:
        failure = Refused("scope", _("It redirects to %s, which does not belong to the source.") % url)
    elif page.depth >= held.source.max_depth + REDIRECTS:
        failure, wanted = Refused("redirect", _("It is one of a chain of redirects that goes too far.")), False
    with transaction.atomic():
        if wanted:
            add(held, [url], depth=page.depth + 1, found_on=page.url, days={url: page.published_on})
        give_up(held, page, failure)


def settle(held: Held) -> None:
    """At the end of a pass: pages that were not looked at again (the limit was reached) are in the index as before."""
    Page.objects.filter(source=held.source, state=State.QUEUED, snapshot__isnull=False).update(state=State.INDEXED)


def _forget(page: Page) -> None:
    if page.snapshot_id is not None:
        Passage.objects.filter(snapshot=page.snapshot_id).delete()
        Page.objects.filter(id=page.pk).update(snapshot=None)
        page.snapshot = None
