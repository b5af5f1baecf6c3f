"""Visits the pages of a web source: several are in hand at once, one request at a time to a host.

The path of a page: frontier, robots, fetch (through the egress door) or browser, extract, chunk, store. Its vectors are
made beside it, by embedding.py.
Called by crawl.py.
"""

import asyncio
import logging
from contextlib import suppress

from django.db import transaction
from django.utils.translation import gettext as _

from config.loop import in_thread
from search_index import feed, frontier, hosts, policy, quarantine, robots, sitemap, sources
from search_index.errors import IndexFailure, LostLease, Refused, SourceFailed
from search_index.extract import Extracted
from search_index.fetch import Fetched, StatusFailed, fetch, manners
from search_index.indexing import LEAD_NOWHERE, Ready, divided, judge, prepared, read
from search_index.lease import Held, Paused
from search_index.models import Page, Source
from search_index.store import Prepared, digest, store_many, store_unchanged

WIDTH = 4  # pages in hand at once
BATCH_PASSAGES = 32  # embedded together
GONE = frozenset({404, 410})

log = logging.getLogger(__name__)


async def beginnings(source: Source) -> list[str]:
    """The addresses that a pass begins with. Raises BadSource, and fetch()'s errors where a sitemap cannot be had."""
    if source.kind != Source.Kind.SITEMAP:
        return [source.location]
    scope = sources.scope(source)
    listed = await sitemap.urls(source.location, source.delay)
    inside = dict.fromkeys(policy.canonical(url) for url in listed if scope.holds(url))
    return list(inside)[: source.max_pages]


async def visit(held: Held) -> None:
    """Visit every queued page of the source, until none is left or its limit is reached."""
    await _Visit(held).run()


class _Visit:
    """A pass under way: which pages are in hand, and which are read and wait to be embedded and stored."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.source = held.source
        self.scope = sources.scope(held.source)
        self.in_hand: set[int] = set()
        self.done = held.crawl.fetched + held.crawl.unchanged + held.crawl.failed  # of this pass, before it was resumed
        self.taking = asyncio.Lock()
        self.moved_on = asyncio.Event()  # a page has left our hands
        self.ready: asyncio.Queue[Ready | None] = asyncio.Queue(maxsize=WIDTH * 2)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._store_all())
                await asyncio.gather(*[group.create_task(self._work()) for _number in range(WIDTH)])
                await self.ready.put(None)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first one stopped the others

    async def _work(self) -> None:
        while page := await self._next():
            try:
                ready = await self._read(page)
            except (LostLease, feed.IsFeed):
                raise
            except IndexFailure as failure:
                await self._give_up(page, failure)
            except Exception as error:  # one page must not end the crawl: it is recorded on the page
                log.exception("%s failed.", page.url)
                await self._give_up(page, SourceFailed("crash", f"{type(error).__name__}: {error}"))
            else:
                if ready:
                    await self.ready.put(ready)
                else:
                    self._let_go(page)

    async def _next(self) -> Page | None:
        """The next page to visit; waits while others in hand may still bring links or make room under the limit."""
        async with self.taking:
            while True:
                self.moved_on.clear()
                if await in_thread(frontier.paused, self.source):
                    raise Paused
                room = self.done + len(self.in_hand) < self.source.max_pages
                page = await in_thread(frontier.take, self.held, self.in_hand) if room else None
                if page is not None:
                    self.in_hand.add(page.pk)
                    return page
                if not self.in_hand and not (room and await in_thread(frontier.waits, self.held)):
                    return None
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.moved_on.wait(), timeout=1.0)  # or a second attempt falls due

    async def _read(self, page: Page) -> Ready | None:
        """Fetch and read a page; None where there is nothing to store. Raises IndexFailure's kinds."""
        fetched = await self._fetch(page)
        if self.source.kind == Source.Kind.SITE and page.url == self.source.location and feed.is_feed(fetched):
            raise feed.IsFeed
        if fetched.final_url != page.url:
            await in_thread(frontier.moved, self.held, page, fetched.final_url, self.scope.holds(fetched.final_url))
            return None
        if fetched.not_modified:
            unchanged = await in_thread(store_unchanged, page, self.held.crawl, self.held.epoch, fetched)
        else:
            quarantine.check(page, fetched.body)
            fetched, text, page.rendered = await quarantine.watched(page, fetched.body, read(fetched))
            text, failure = await in_thread(judge, page, text)
            if failure:
                if failure.reason not in LEAD_NOWHERE:
                    await in_thread(self._queue_links, page, text)
                raise failure
            unchanged = await in_thread(self._unchanged, page, fetched, text)
            if not unchanged:
                await in_thread(self._refuse_twin, page, text)
                return await in_thread(divided, page, fetched, text)
        self.done += unchanged
        return None

    async def _fetch(self, page: Page) -> Fetched:
        host = policy.parse(page.url).host
        await in_thread(hosts.check, host)
        decision = await robots.allowed(page.url)
        if not decision.allowed:
            raise Refused("robots", decision.reason)
        known = page.snapshot_id is not None  # else "not modified" would leave us without a text
        async with manners(host, max(self.source.delay, decision.delay or 0.0)):
            return await fetch(
                page.url, etag=page.etag if known else "", last_modified=page.last_modified if known else ""
            )

    def _unchanged(self, page: Page, fetched: Fetched, text: Extracted) -> bool:
        with transaction.atomic():
            if not store_unchanged(page, self.held.crawl, self.held.epoch, fetched, text.text):
                return False
            self._queue_links(page, text)
            return True

    def _refuse_twin(self, page: Page, text: Extracted) -> None:
        """Raise Refused("duplicate") where another page of the source says the very same ("/" and "/index.html")."""
        twins = Page.objects.filter(source=self.source, snapshot__sha256=digest(text.text)).exclude(id=page.pk)
        if twin := twins.first():
            self._queue_links(page, text)
            raise Refused("duplicate", _("It says the same as %s.") % twin.url)

    async def _store_all(self) -> None:
        """Embed and store what is ready, as much at a time as has come together, until None says that this was all."""
        more = True
        while more:
            batch = [await self.ready.get()]
            while not self.ready.empty() and sum(len(one.chunks) for one in batch if one) < BATCH_PASSAGES:
                batch.append(self.ready.get_nowait())
            more = batch[-1] is not None
            ready = [one for one in batch if one is not None]
            for one in prepared(ready):
                await in_thread(self._store, one)
                self.done += 1
                self._let_go(one.page)

    def _store(self, prepared: Prepared) -> None:
        with transaction.atomic():
            store_many(self.held.crawl, self.held.epoch, [prepared])
            self._queue_links(prepared.page, prepared.extracted)

    def _queue_links(self, page: Page, text: Extracted) -> None:
        if self.source.kind == Source.Kind.SITE and page.depth < self.source.max_depth:
            inside = dict.fromkeys(policy.canonical(link) for link in text.links if self.scope.holds(link))
            frontier.add(self.held, inside, depth=page.depth + 1, found_on=page.url)

    async def _give_up(self, page: Page, failure: IndexFailure) -> None:
        if isinstance(failure, StatusFailed) and failure.status in GONE and page.snapshot_id is not None:
            await in_thread(frontier.gone, self.held, [page], failure)
        else:
            await in_thread(frontier.give_up, self.held, page, failure)
            self.done += page.state == Page.State.FAILED
        self._let_go(page)

    def _let_go(self, page: Page) -> None:
        self.in_hand.discard(page.pk)
        self.moved_on.set()
