"""One pass over a source, from beginning to end: claimed, worked through, and its end recorded.

Web sources are visited page by page (visit.py; a feed says which, feed.py), local ones are read document by document
(ingest.py). All write what they know in transactions that are conditional on the lease: kill the worker at any moment,
and another one goes on without storing anything twice. When it is over, freshness.py says when the next one is due.
Called by tasks.py, admin.py, evaluate.py and `manage.py add_source`.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from config.celery import app
from config.loop import in_thread
from search_index import embedding, feed, freshness, frontier, ingest, lease, sources, visit
from search_index.errors import BadSource, IndexFailure, LostLease, Refused, RetryLater, SourceFailed
from search_index.lease import Held
from search_index.models import Crawl, Page, Source
from search_index.store import count_terms
from search_index.whose import asking

State = Crawl.State
UNDER_WAY = (State.QUEUED, State.RUNNING)
NO_DOCUMENTS = (feed.FEED, ingest.CONTAINER)  # reasons of pages that only lead to others
DUE_AT_ONCE = 2 * lease.CRAWLS_AT_ONCE  # begun by the clock: enough to keep the workers busy, the rest stays due

log = logging.getLogger(__name__)


def start(source: Source) -> Crawl:
    """Begin a pass over the source, or return the one under way. A broker that is down only delays it."""
    crawl, _created = Crawl.objects.get_or_create(source=source, state__in=UNDER_WAY, defaults={"state": State.QUEUED})
    transaction.on_commit(lambda: ring(crawl.pk))
    return crawl


def stop(source: Source) -> bool:
    """End the pass under way, if there is one; its worker stops at its next write. What is stored stays."""
    under_way = Crawl.objects.filter(source=source, state__in=UNDER_WAY)
    return bool(under_way.update(state=State.STOPPED, finished_at=Now(), lease_until=None, lease_owner=""))


def ring(crawl_id: int) -> None:
    """Tell the workers that a crawl waits. Lost messages do not matter: tasks.ring_again rings again."""
    try:
        app.send_task("search_index.tasks.crawl", args=[crawl_id], expires=30)
    except OperationalError as error:
        log.warning("The broker does not answer; crawl %d begins when it is back: %s", crawl_id, error)


def waiting() -> list[int]:
    """The crawls that no worker holds: new ones, given-back ones, and those whose worker died."""
    return [crawl.pk for crawl in lease.claimable(Crawl.objects.order_by("created_at"))]


def start_due() -> None:
    """Begin the passes whose time has come, as many as there is room for."""
    room = DUE_AT_ONCE - Crawl.objects.filter(state__in=UNDER_WAY, source__paused=False).count()
    for source in freshness.due(room):
        start(source)


async def crawl(crawl_id: int, *, embed: bool = True) -> None:
    """Claim the crawl and work through it. Returns at once where it is not to be had. Without `embed` it is over when
    all is read: the vectors are left to embedding.work."""
    held = await in_thread(lease.claim, crawl_id)
    if held is None:
        return
    keeping = asyncio.create_task(lease.keep(held))
    with asking(f"source-{held.source.pk}"):
        working = asyncio.create_task(_work(held) if embed else _read(held))
    try:
        await asyncio.wait({keeping, working}, return_when=asyncio.FIRST_COMPLETED)
        await _record(held, working if working.done() else keeping)
    except asyncio.CancelledError:  # the worker shuts down: another one may go on at once
        await _ended(keeping, working)
        await in_thread(_unless_lost, lease.release, held)
        raise
    finally:
        await _ended(keeping, working)


async def _work(held: Held) -> None:
    """The pass: pages are read and stored, and their vectors are made beside that. It is over when none is missing."""
    read = asyncio.Event()
    filling = asyncio.create_task(embedding.keep_up(held.source.pk, read, partial(held.stages.add, "embed")))
    try:
        await _read(held)
        read.set()
        await filling
    finally:
        await _ended(filling)


async def _read(held: Held) -> None:
    """What is known and where to begin is queued first, in one transaction; then it is worked through."""
    if held.source.kind in sources.LOCAL:
        await ingest.ingest(held)
    elif held.source.kind == Source.Kind.FEED:
        await _follow_feed(held)
    else:
        await in_thread(_seed, held, await visit.beginnings(held.source))
        try:
            await visit.visit(held)
        except feed.IsFeed:
            await in_thread(feed.adopt, held.source)
            await _follow_feed(held)
    await in_thread(frontier.settle, held)
    await in_thread(_note_reasons, held)
    await in_thread(count_terms)
    await in_thread(_check_result, held)


async def _follow_feed(held: Held) -> None:
    await feed.begin(held)
    await in_thread(_leave_out, held)
    await visit.visit(held)


def _seed(held: Held, first: list[str]) -> None:
    with transaction.atomic():
        if lease.begin(held):
            frontier.requeue(held)
            frontier.add(held, first)
    _leave_out(held)


def _leave_out(held: Held) -> None:
    """Pages that are known from before the source's patterns were what they are now go out of the index."""
    if not (held.source.allow or held.source.deny):
        return
    scope = sources.scope(held.source)
    known = Page.objects.filter(Q(state=Page.State.QUEUED) | Q(snapshot__isnull=False), source=held.source)
    for page in known.exclude(url=held.source.location).iterator():
        if why := scope.refusal(page.url):
            frontier.give_up(held, page, Refused("scope", why))


def _note_reasons(held: Held) -> None:
    """Keep how many pages are not in the index, by reason, as it stands now: the next pass may find it otherwise."""
    outside = Page.objects.filter(
        source=held.source, state__in=[Page.State.REFUSED, Page.State.FAILED, Page.State.GONE]
    )
    counts = outside.order_by().values_list("reason").annotate(Count("pk"))
    lease.write(held, reasons=dict(counts))


def _check_result(held: Held) -> None:
    """A pass that looked at pages and had none of them has failed, for the reason for which the first of them did."""
    held.crawl.refresh_from_db()
    if held.crawl.fetched or held.crawl.unchanged:
        return
    pages = Page.objects.filter(source=held.source).exclude(reason__in=NO_DOCUMENTS)
    if not pages.exists():
        raise BadSource("empty", _("There is nothing in %s that can be read.") % held.source.location)
    if held.source.kind == Source.Kind.FEED or held.source.kind in sources.LOCAL:
        pages = pages.filter(crawl=held.crawl)  # the others were not looked at: there was nothing new
    if first := pages.order_by("depth", "id").first():
        raise SourceFailed(
            first.reason, _("Nothing could be had. %(page)s: %(why)s") % {"page": first.url, "why": first.detail}
        )


async def _record(held: Held, task: "asyncio.Task[None]") -> None:
    """Write down how the pass ended: with the work done, or with the lease lost."""
    try:
        await task
    except LostLease:
        log.info("Crawl %d is no longer this worker's.", held.crawl.pk)
    except lease.Paused:
        await in_thread(_unless_lost, lease.release, held)
    except lease.PutOff as wait:
        await in_thread(_unless_lost, lease.release, held, wait.seconds)
    except IndexFailure as failure:
        after = failure.after if isinstance(failure, RetryLater) else None
        await in_thread(_unless_lost, _fail, held, str(failure), after)
    except Exception as error:  # the worker lives on; the crawl's row says what happened
        log.exception("Crawl %d failed.", held.crawl.pk)
        await in_thread(_unless_lost, _fail, held, f"{type(error).__name__}: {error}", None)
    else:
        await in_thread(_unless_lost, _end, held)


def _end(held: Held) -> None:
    with transaction.atomic():
        lease.finish(held, State.DONE)
        freshness.plan(held.source)


def _fail(held: Held, why: str, after: float | None) -> None:
    with transaction.atomic():
        lease.finish(held, State.FAILED, why)
        freshness.plan(held.source, failed=True, after=after)


def _unless_lost(write: Callable[..., None], *args: object) -> None:
    try:
        write(*args)
    except LostLease:
        log.info("Another worker has taken the crawl over, or it was stopped.")


async def _ended(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
