"""How often a source is crawled again: learned from how often its pages are seen to change.

The rate of change is estimated from how many of n looks, T apart, found a page changed (X of them), by the estimator of
J. Cho and H. Garcia-Molina, "Estimating frequency of change", ACM TOIT 3(3), 2003, which unlike X/n is not fooled by
pages that change more than once between two looks: -log((n - X + 0.5) / (n + 0.5)) / T. What lies on this machine's
disk is not estimated but watched: asking for the sizes and times of its files is cheap.
Called by crawl.py, and by tasks.py at the ring of the clock.
"""

import logging
import math
import random
import time
from datetime import timedelta
from itertools import takewhile

from django.db.models import Count, F, Sum
from django.db.models.functions import Now
from django.utils import timezone

from search_index import sources
from search_index.errors import BadSource
from search_index.models import Crawl, Page, Source

Kind = Source.Kind
BOUNDS: dict[str, tuple[timedelta, timedelta]] = {Kind.FEED: (timedelta(minutes=15), timedelta(days=1))}
WEB_BOUNDS = (timedelta(hours=6), timedelta(days=30))
FIRST: dict[str, timedelta] = {Kind.FEED: timedelta(hours=1)}  # until there is something to learn from
WEB_FIRST = timedelta(days=1)
# Between two crawls a page that changes at rate r is up to date for (1 - exp(-rI)) / rI of the time; at rI = 0.215
# that is nine tenths (Cho and Garcia-Molina, "Effective page refresh policies for web crawlers", TODS 28(4), 2003).
CHANGES_BETWEEN = 0.215
STEP_UP, STEP_DOWN = 2.0, 4.0  # one crawl's worth of luck must not move the interval further than this
WATCH_BOUNDS = (timedelta(minutes=1), timedelta(hours=1))
WATCH_SHARE = 100  # a look at a folder's files may take a hundredth of the time
JITTER = 0.1  # sources that were added together shall not come due together for ever
BACK_OFF = 5  # failures in a row that each double the wait
KEPT_IDLE = timedelta(days=1)  # passes that found nothing to do at all are forgotten after that

log = logging.getLogger(__name__)


def rate(looks: int, changes: int, apart: timedelta) -> float:
    """Changes a second of a page that was seen changed in `changes` of `looks` looks, which were `apart` on average."""
    return -math.log((looks - changes + 0.5) / (looks + 0.5)) / max(apart.total_seconds(), 1.0)


def interval(kind: str, before: timedelta | None, looks: int, changes: int, apart: timedelta) -> timedelta:
    """The time until the next crawl, from the looks at the source's pages and the interval that it had before."""
    least, most = BOUNDS.get(kind, WEB_BOUNDS)
    if looks <= 0:
        return before or FIRST.get(kind, WEB_FIRST)
    before = before or FIRST.get(kind, WEB_FIRST)
    changing = rate(looks, changes, apart)
    wanted = (
        timedelta(seconds=CHANGES_BETWEEN / changing) if changing > CHANGES_BETWEEN / most.total_seconds() else most
    )
    return min(max(wanted, before / STEP_DOWN, least), before * STEP_UP, most)


def plan(source: Source, *, failed: bool = False, after: float | None = None) -> None:
    """At the end of a pass: learn from it, and set the time of the next one. `after`: seconds that its host asks for.

    A source that fails is asked less and less often; what was learned of it stays.
    """
    if source.kind == Kind.LIVE:
        return
    every = source.crawl_every
    if source.kind in sources.LOCAL:
        wait = every or WATCH_BOUNDS[0]
    else:
        looks, changes, apart = _seen(source)
        most = BOUNDS.get(source.kind, WEB_BOUNDS)[1]
        if not failed:
            every = interval(source.kind, every, looks, changes, apart)
        wait = every or FIRST.get(source.kind, WEB_FIRST)
        if failed:
            wait = max(min(wait * 2 ** _failures(source), most), timedelta(seconds=after or 0.0))
    Source.objects.filter(pk=source.pk).update(crawl_every=every, next_crawl_at=Now() + _jittered(wait))
    idle = source.crawls.filter(state=Crawl.State.DONE, fetched=0, unchanged=0, refused=0, failed=0)
    idle.filter(finished_at__lt=timezone.now() - KEPT_IDLE).delete()  # a feed makes a hundred of them a day


def due(most: int) -> list[Source]:
    """Up to `most` sources whose time has come, each claimed, so that two clocks never get the same. A source on the
    disk is among them only where its files have changed."""
    waiting = Source.objects.filter(keep_fresh=True, paused=False, next_crawl_at__lte=Now())
    waiting = waiting.exclude(kind=Kind.LIVE).exclude(crawls__state__in=[Crawl.State.QUEUED, Crawl.State.RUNNING])
    found: list[Source] = []
    for source in waiting.order_by("next_crawl_at").iterator():
        if len(found) >= most:
            break
        wait = source.crawl_every or FIRST.get(source.kind, WEB_FIRST)
        ours = Source.objects.filter(pk=source.pk, next_crawl_at=source.next_crawl_at)
        claimed = ours.update(next_crawl_at=Now() + _jittered(wait))  # holds until plan(), even if the pass is lost
        if claimed and (source.kind not in sources.LOCAL or _changed(source)):
            found.append(source)
    return found


def _changed(source: Source) -> bool:
    """Whether files of the source came, went or changed since its last pass; sets when they are looked at again."""
    began = time.monotonic()
    try:
        stamp = sources.stamp(source)
    except BadSource as error:  # taken away for a while, perhaps: a crawl begun by hand says so
        log.info("%s cannot be watched: %s", source, error)
        stamp = source.stamp
    least, most = WATCH_BOUNDS
    every = min(max(timedelta(seconds=WATCH_SHARE * (time.monotonic() - began)), least), most)
    Source.objects.filter(pk=source.pk).update(crawl_every=every, next_crawl_at=Now() + _jittered(every))
    return stamp != source.stamp


def _seen(source: Source) -> tuple[int, int, timedelta]:
    """How often pages of the source were looked at again, how often they had changed, and how far apart that was. Of a
    feed that is the feed itself: its entries hardly change, new ones come."""
    again = Page.objects.filter(source=source, looks__gt=1)
    if source.kind == Kind.FEED:
        again = again.filter(url=source.location)
    sums = again.aggregate(
        looks=Sum("looks"), pages=Count("pk"), changes=Sum("changes"), time=Sum(F("fetched_at") - F("first_seen_at"))
    )
    looks = (sums["looks"] or 0) - sums["pages"]  # a first look compares with nothing
    return looks, min(sums["changes"] or 0, looks), (sums["time"] or timedelta()) / max(looks, 1)


def _failures(source: Source) -> int:
    """How many passes have failed in a row; those that are further back than it matters are not counted."""
    states = source.crawls.exclude(finished_at=None).order_by("-created_at", "-pk").values_list("state", flat=True)
    return len(list(takewhile(lambda state: state == Crawl.State.FAILED, states[:BACK_OFF])))


def _jittered(wait: timedelta) -> timedelta:
    return wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nothing secret
