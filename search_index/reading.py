"""Reading what is stored, and opening pages for a run: from the index where they are fresh, else from the live web.

A page that is opened live is stored under the source of kind `live`, so the index grows where people look.
Called through api.py only.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from config.loop import in_pool, in_thread
from search_index import embedding, frontier, hosts, policy, quarantine, robots
from search_index.errors import BadSource, IndexFailure, Refused
from search_index.extract import Extracted, types
from search_index.extract.sandbox import extracted
from search_index.fetch import REDIRECTS, Fetched, Redirected, fetch
from search_index.indexing import LEAD_NOWHERE, divided, judge, prepared, read
from search_index.likeness import digest
from search_index.models import Crawl, Page, Passage, Snapshot, Source
from search_index.scripted import THIN_WORDS
from search_index.sources import LOCAL as LOCAL_KINDS
from search_index.sources import LOCAL_PAGES
from search_index.store import Prepared, host_of, store_many, store_unchanged
from search_index.values import Opened, SourceSummary, Span

# Storing a page takes its time (judging, dividing, embedding): where many runs open pages at once, their searches and
# reading do not wait behind it. A hundred runs that all opened one held up a "Stop" for 54 s.
_page_work = ThreadPoolExecutor(2, thread_name_prefix="page")
FRESH = timedelta(days=30)
LIVE_DELAY = 1.0  # seconds between two pages of a host, whatever run asks for them
HTML_TYPE = "text/html; charset=utf-8"
LOCAL_URLS = ("file:", "beir:")
# What stands behind the address of a page in the state that deeds in the browser have brought it to: a page of its own
# in the index. A fragment, so the address leads whoever follows it to the page; and a "fragment directive", which
# browsers take away before the page's scripts see it (WICG, URL Fragment Text Directives). No crawl knows fragments:
# such a page is fetched again by nobody, for nothing would be there but the page before the deeds.
STATE = "#:~:deeds="


async def open_page(url: str, *, sealed: bool = False, named: bool = False) -> Opened:
    """The page at `url`: its current snapshot where the index has a fresh one, else fetched through the egress door and
    indexed under the source of kind `live`. A sealed run gets what the index has. `named`: a person has named this very
    address, which may count for more than robots.txt (ROBOTS_FOR_PEOPLE).

    Raises Refused (robots, scope, egress, "sealed" where the index does not have it), Unreadable, RetryLater and
    SourceFailed. A page that cannot be had now, but lies in the index, is given as it lies there.
    """
    local = url.startswith(LOCAL_URLS) or is_state(url)
    address = url if local else policy.canonical(url)
    known = await in_thread(_known, address)
    if known is None and is_state(url):  # only deeds lead there: what can be opened is the page that they begin on
        return await open_page(url.partition(STATE)[0], sealed=sealed, named=named)
    if known is not None and (sealed or local or _fresh(known)):
        return _opened(known)
    if sealed or local:
        raise Refused("sealed", _("The index does not have this page, and it may not be fetched."))
    page = known.page if known is not None else await in_thread(_live_page, address)
    try:
        return await _fetched(page, named)
    except IndexFailure as failure:
        if known is not None:
            return _opened(known)
        await in_thread(frontier.give_up, None, page, failure)
        raise


async def keep(state: str, address: str, body: bytes) -> Opened:
    """What a live page says now, stored and indexed under the source of kind `live`; `body` is its HTML. `address` is
    where it is, `state` the same or what state_of() makes of it, which becomes its address where it says anything else
    than the page at `address` does.

    A text that is not worth finding (thin, a list of links ...) is kept, to be cited, but not found by searches; where
    there is none, `snapshot` is 0. Raises Refused for spam and the like, Unreadable, and Crashed.
    """
    text = await _all_text(body, address)
    if not text.text.strip():
        return _nothing(address, text)
    for url in dict.fromkeys((address, state)):
        known = await in_thread(_known, url)
        if known is not None and known.sha256 == digest(text.text):
            return _opened(known)
    page = await in_thread(_live_page, state)
    page.rendered = True
    text, failure = await in_pool(_page_work, judge, page, text)
    if failure is not None and failure.reason in LEAD_NOWHERE:
        await in_thread(frontier.give_up, None, page, failure)
        raise failure
    fetched = Fetched(state, state, 200, types.HTML, b"", "", "", not_modified=False)
    (ready,) = prepared([await in_pool(_page_work, divided, page, fetched, text)])
    return await _kept(ready if failure is None else ready._replace(chunks=[]))


def state_of(address: str, deeds: str) -> str:
    """The address of a page in the state that deeds have brought it to; `deeds` is a digest of them."""
    return f"{address}{STATE}{deeds[:12]}"


def is_state(url: str) -> bool:
    """Whether the address is one of state_of()'s."""
    return STATE in url


def snapshot(number: int) -> Opened:
    """A stored snapshot by id. Raises LookupError where there is none."""
    found = Snapshot.objects.select_related("page__source").filter(id=number).first()
    if found is None:
        raise LookupError(f"There is no snapshot {number}.")
    return _opened(found)


def passages(snapshot: int) -> list[Span]:
    """The passages of a snapshot, in the order of the text; of a snapshot that is no longer current there are none."""
    text = Snapshot.objects.filter(id=snapshot).values_list("text", flat=True).first() or ""
    spans = Passage.objects.filter(snapshot=snapshot).order_by("ordinal").values_list("start", "end")
    return [Span(snapshot, start, end, text[start:end]) for start, end in spans]


def around(snapshot: int, start: int, end: int, before: int = 1, after: int = 1) -> list[Span]:
    """The passages that stand before and after a span of a snapshot, in the order of the text ("more before")."""
    spans = passages(snapshot)
    earlier = [span for span in spans if span.end <= start]
    later = [span for span in spans if span.start >= end]
    return [*earlier[len(earlier) - min(before, len(earlier)) :], *later[:after]]


def current(urls: Iterable[str]) -> dict[str, frozenset[str]]:
    """The SHA-256 of the text that each page has in the index now, by its address; more than one where several sources
    have the page. What the index does not have is left out."""
    pages = Page.objects.filter(url__in=set(urls), snapshot__isnull=False)
    found: dict[str, frozenset[str]] = {}
    for url, sha256 in pages.values_list("url", "snapshot__sha256"):
        found[url] = found.get(url, frozenset()) | {sha256}
    return found


def sources() -> Sequence[SourceSummary]:
    """Every source with its counts and what it is doing."""
    pages = _counts(Page.objects.filter(snapshot__isnull=False))
    pieces = _counts(Passage.objects.all())
    under_way = Crawl.objects.filter(state__in=["queued", "running"]).select_related("source")
    crawls = {crawl.source_id: crawl for crawl in under_way}
    waiting = _counts(Page.objects.filter(source__in=crawls, state=Page.State.QUEUED))
    return [
        SourceSummary(
            id=source.pk,
            name=source.name,
            kind=source.kind,
            pages=pages.get(source.pk, 0),
            passages=pieces.get(source.pk, 0),
            activity=_activity(source, crawls.get(source.pk), waiting.get(source.pk, 0)),
            collection=source.collection,
        )
        for source in Source.objects.all()
    ]


def known(ids: Collection[int]) -> set[int]:
    """Those of these ids that are a source's."""
    return set(Source.objects.filter(pk__in=ids).values_list("pk", flat=True))


def named(names: Sequence[str]) -> list[int]:
    """The ids of the sources of these names. Raises BadSource where there is none of one."""
    known = dict(Source.objects.filter(name__in=names).values_list("name", "pk"))
    for name in names:
        if name not in known:
            others = ", ".join(sorted(Source.objects.values_list("name", flat=True))) or _("none yet")
            message = _("There is no source named %(name)s; there are: %(known)s.") % {"name": name, "known": others}
            raise BadSource("unknown", message)
    return [known[name] for name in names]


async def _fetched(page: Page, named: bool) -> Opened:
    """Fetch the page as a crawl would, and store it; wherever it sends us, host and robots.txt are asked first, as if
    it were a page of its own. Raises IndexFailure's kinds."""
    url = page.url
    for _hop in range(REDIRECTS + 1):
        try:
            return await _fetched_at(url, page, named and url == page.url)
        except Redirected as redirect:
            url = redirect.url
    raise Refused("redirect", _("More than %(most)d redirects.") % {"most": REDIRECTS})


async def _fetched_at(url: str, page: Page, named: bool) -> Opened:
    known = await in_thread(_known, url) if url != page.url else None
    if known is not None and _fresh(known):
        return _opened(known)
    before = page.snapshot_id is not None
    async with turn(url, named=named):
        fetched = await fetch(
            url,
            etag=page.etag if before else "",
            last_modified=page.last_modified if before else "",
            follow=False,
        )
    fetched = replace(fetched, url=page.url)
    if fetched.not_modified and await in_thread(store_unchanged, None, page, fetched):
        return await in_thread(_current, page)
    quarantine.check(page, fetched.body)
    fetched, text, page.rendered = await quarantine.watched(
        page, fetched.body, read(fetched, partial(turn, url, named=named))
    )
    text, failure = await in_pool(_page_work, judge, page, text)
    if failure:
        raise failure
    (ready,) = prepared([await in_pool(_page_work, divided, page, fetched, text)])
    return await _kept(ready)


async def _kept(ready: Prepared) -> Opened:
    opened = await in_pool(_page_work, _store, ready)
    if ready.page.conflict:
        await in_pool(_page_work, hosts.check_copies, opened.host)
    await in_pool(_page_work, embedding.fill_snapshot, opened.snapshot)
    return opened


async def _all_text(body: bytes, address: str) -> Extracted:
    """The main part of a live page, or all of it where there is next to none: what a click brings is often one line.
    Of so little the main part is no good in any case: it runs labels, buttons and links together into a sentence."""
    text = await extracted(body, HTML_TYPE, address)
    if text.words >= THIN_WORDS and not text.only_links:
        return text
    whole = await extracted(body, types.WHOLE, address)
    if not whole.words:
        return text
    return replace(text, text=whole.text, headings=whole.headings, measures=whole.measures)


def _nothing(address: str, text: Extracted) -> Opened:
    return Opened(
        snapshot=0,
        url=address,
        host=host_of(address),
        title=text.title,
        author="",
        published_on=None,
        fetched_at=timezone.now(),
        source="",
        text="",
        links=tuple(text.links),
    )


@asynccontextmanager
async def turn(url: str, *, named: bool = False) -> AsyncIterator[hosts.Turn]:
    """Hold the block's request for the page at `url` back until it is its host's turn. Raises as `admitted` does, and
    hosts.Resting where the turn is far away."""
    host, delay = policy.parse(url).host, max(LIVE_DELAY, await admitted(url, named=named))
    async with hosts.manners(host, 0.0 if hosts.own(host) else delay) as held:
        yield held


async def admitted(url: str, *, named: bool = False) -> float:
    """The delay that robots.txt asks for between two pages. Raises Refused("robots"), and by its standing where the
    host is closed."""
    await in_thread(hosts.check, policy.parse(url).host)
    decision = await robots.allowed(url)
    if not decision.allowed and (settings.ROBOTS_FOR_PEOPLE or not named):
        raise Refused("robots", decision.reason)
    return decision.delay or 0.0


def _store(prepared: Prepared) -> Opened:
    """Two runs may open one page at the same time: one after the other they store it."""
    with transaction.atomic():
        prepared.page.looks = Page.objects.select_for_update().get(id=prepared.page.pk).looks
        (snapshot,) = store_many(None, [prepared])
    return _opened(snapshot)


def _known(url: str) -> Snapshot | None:
    """The newest current snapshot of a page at this address, in whatever source."""
    pages = Page.objects.filter(Q(url=url) | Q(final_url=url), snapshot__isnull=False)
    page = pages.select_related("snapshot", "source").order_by("-fetched_at").first()
    return _with_page(page) if page is not None else None


def _current(page: Page) -> Opened:
    page.refresh_from_db()
    return _opened(_with_page(page))


def _with_page(page: Page) -> Snapshot:
    assert page.snapshot is not None
    page.snapshot.page = page
    return page.snapshot


def _fresh(known: Snapshot) -> bool:
    fetched_at = known.page.fetched_at
    return known.page.source.kind in LOCAL_KINDS or (fetched_at is not None and fetched_at > timezone.now() - FRESH)


def _live_page(url: str) -> Page:
    source, _created = Source.objects.get_or_create(
        kind=Source.Kind.LIVE, defaults={"name": "Live web", "location": "", "max_pages": LOCAL_PAGES}
    )
    page, _made = Page.objects.get_or_create(source=source, url=url)
    return page


def _opened(snapshot: Snapshot) -> Opened:
    page = snapshot.page
    return Opened(
        snapshot=snapshot.pk,
        url=page.url,
        host=host_of(page.url),
        title=snapshot.title,
        author=snapshot.author,
        published_on=snapshot.published_on,
        fetched_at=snapshot.fetched_at,
        source=page.source.name,
        text=snapshot.text,
        links=tuple(snapshot.links),
        headings=tuple((start, end, level) for start, end, level in snapshot.headings),
        sha256=snapshot.sha256,
        source_class=snapshot.source_class,
        language=snapshot.language,
        cluster=page.cluster,
        flags=tuple(snapshot.flags),
    )


def _counts(rows: QuerySet[Any]) -> dict[int, int]:
    """How many of the rows each source has."""
    return dict(rows.order_by().values_list("source").annotate(Count("id")))


def _activity(source: Source, crawl: Crawl | None, waiting: int) -> str:
    """What the source is doing, for the ask page; empty where it rests."""
    if crawl is None:
        return ""
    if source.paused:
        return _("paused")
    if crawl.started_at is None:
        return _("waiting for its turn")
    return _("%(done)d of %(all)d pages read so far") % {"done": crawl.handled, "all": crawl.foreseen(waiting)}
