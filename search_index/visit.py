"""Visits the pages of a web source: several are in hand at once, one request at a time to a host.

The path of a page: frontier, the host's standing, robots, manners, fetch (through the egress door) or browser, extract,
judge, chunk, store. What comes of pages is written by one writer, all that has come together in one transaction, and
there trap.py sees what it leads to. Vectors are made beside it, by embedding.py.
Called by crawl.py.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from urllib.parse import urlsplit

from django.db import Error, transaction
from django.utils.translation import gettext as _

from config.loop import in_thread
from search_index import feed, frontier, hosts, policy, quarantine, robots, sitemap, sources, spelling, trap
from search_index.errors import IndexFailure, LostLease, Refused, RetryLater, SourceFailed
from search_index.extract import Extracted
from search_index.fetch import Fetched, Redirected, StatusFailed, fetch
from search_index.indexing import JUDGED, LEAD_NOWHERE, divided, judge, prepared, read
from search_index.lease import Held, Paused, PutOff
from search_index.likeness import digest
from search_index.models import Host, Page, Source
from search_index.store import Prepared, host_of, store_many, store_same

WIDTH = 8  # pages in hand at once
TAKEN = 64  # pages taken from the frontier together
WRITTEN = 32  # pages written together, at most
GATHERED = 0.03  # seconds that one waits for others: a transaction costs as much as three pages
LINKS_REMEMBERED = 100_000  # of which it is known whether they belong to the source: most stand on every page
LOOK_EVERY = 1.0  # seconds between two looks at what the operator wants (a pause, a block)
GIVEN_BACK_FROM = 60.0  # seconds: a crawl that has to wait longer gives its worker back
BUSY = 6  # times in a row that a host may say that it is busy, before no more is asked of it in this pass
GONE = frozenset({404, 410})
ONE_HOST = frozenset({Source.Kind.SITE, Source.Kind.SITEMAP})

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
    """Visit every queued page of the source, until none is left or its limit is reached.

    Raises LostLease, Paused, PutOff, and RetryLater where a host of its own does nothing but ask to be left alone."""
    await _Visit(held).run()


@dataclass
class _Outcome:
    """What came of a page: it is to be stored, has failed, moved elsewhere, or (none of these) is as it was."""

    page: Page
    fetched: Fetched | None = None  # of a failure: what it rests on, if that alone
    prepared: Prepared | None = None
    failure: IndexFailure | None = None
    moved_to: str = ""
    spelling: bool = False  # it has moved by its own word
    links: Sequence[str] = ()  # that belong to the source
    new: Sequence[str] = ()  # those of them that it does not know yet
    near: Sequence[str] = ()  # all links to its own host
    seconds: float = 0.0  # that the host took to answer

    @property
    def is_gone(self) -> bool:
        """Whether it was in the index and is no more, for its host says so."""
        failure = self.failure
        return isinstance(failure, StatusFailed) and failure.status in GONE and self.page.snapshot_id is not None


class _Visit:
    """A pass under way: which pages are in hand, what of them is still to be written, and what is known of hosts."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.source = held.source
        self.scope = sources.scope(held.source)
        self.inside = lru_cache(LINKS_REMEMBERED)(self._inside)
        self.done = held.crawl.fetched + held.crawl.unchanged + held.crawl.failed  # of this pass, before it was resumed
        self.waiting: deque[Page] = deque()  # taken from the frontier, not in hand yet
        self.in_hand: dict[int, str] = {}  # page to host
        self.taking = asyncio.Lock()
        self.moved_on = asyncio.Event()  # a page has left our hands
        self.outcomes: asyncio.Queue[_Outcome | None] = asyncio.Queue(maxsize=WRITTEN)
        self.known: set[int] = set()  # hashes of the addresses that the frontier has
        self.watches: dict[str, trap.Watch] = {}
        self.met: set[int] = set()  # hashes of the links to their own hosts that pages of this pass had
        self.open_until: dict[str, float] = {}  # host to when its standing is looked at again
        self.trusted: set[str] = set()  # hosts that the operator vouches for
        self.closed: dict[str, Refused] = {}  # hosts that this pass has found out
        self.unwritten: set[str] = set()  # those of them that are still to be closed for all others
        self.looked = 0.0  # time.monotonic() of the last look at what the operator wants

    async def run(self) -> None:
        self.known = await in_thread(self._known)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write_all())
                await asyncio.gather(*[group.create_task(self._work()) for _number in range(WIDTH)])
                await self.outcomes.put(None)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first one stopped the others

    async def _work(self) -> None:
        while page := await self._next():
            outcome = await self._visited(page)
            if outcome is None:
                self._let_go(page)
            else:
                self._watch(outcome)
                await self.outcomes.put(outcome)

    # --- which page is next ---
    async def _next(self) -> Page | None:
        """The next page to visit; waits while others in hand may still bring links or make room under the limit."""
        async with self.taking:
            while True:
                self.moved_on.clear()
                await self._look_up()
                room = self.source.max_pages - self.done - len(self.in_hand)
                if not self.waiting and room > 0:
                    most = min(room, TAKEN)
                    self.waiting.extend(await in_thread(frontier.take, self.held, list(self.in_hand), most))
                if self.waiting and room > 0:
                    return self._pick()
                if not self.in_hand:
                    wait = await in_thread(frontier.waits, self.held) if room > 0 else None
                    if wait is None:
                        return None
                    if wait > GIVEN_BACK_FROM:
                        raise PutOff(wait)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.moved_on.wait(), timeout=1.0)  # or a second attempt falls due

    async def _look_up(self) -> None:
        if time.monotonic() - self.looked >= LOOK_EVERY:
            if await in_thread(frontier.paused, self.source):
                raise Paused
            self.looked = time.monotonic()

    def _pick(self) -> Page:
        """The first page of the host that the fewest pages in hand are of: none shall wait at a gate without need."""
        busy = Counter(self.in_hand.values())
        page = min(self.waiting, key=lambda page: busy[host_of(page.url)]) if busy else self.waiting[0]
        self.waiting.remove(page)
        self.in_hand[page.pk] = host_of(page.url)
        return page

    def _let_go(self, page: Page) -> None:
        del self.in_hand[page.pk]
        self.moved_on.set()

    def _put_back(self, host: str) -> None:
        """Leave to the frontier what was taken of the host and is not in hand."""
        self.waiting = deque(page for page in self.waiting if host_of(page.url) != host)

    # --- one page ---
    async def _visited(self, page: Page) -> _Outcome | None:
        """What comes of a page; None where nothing was asked, because its host rests. Raises LostLease, IsFeed, and
        RetryLater where the pass is to end."""
        outcome = _Outcome(page)
        try:
            await self._read(page, outcome)
        except (LostLease, feed.IsFeed):
            raise
        except hosts.Resting as rest:
            if rest.busy < BUSY and rest.after <= frontier.LONGEST_WAIT:
                await self._put_off(page, rest)
                return None
            if self.source.kind in ONE_HOST:
                said = _("%(host)s has asked %(times)d times in a row to be left alone.")
                raise RetryLater("busy", said % {"host": host_of(page.url), "times": rest.busy}, rest.after) from rest
            outcome.failure = SourceFailed("busy", str(rest))
        except Redirected as redirect:
            outcome.moved_to = self.inside(redirect.url) or redirect.url
        except IndexFailure as failure:
            outcome.failure = failure
        except Exception as error:  # one page must not end the crawl: it is recorded on the page
            log.exception("%s failed.", page.url)
            outcome.failure = SourceFailed("crash", f"{type(error).__name__}: {error}")
        return outcome

    async def _put_off(self, page: Page, rest: hosts.Resting) -> None:
        host = host_of(page.url)
        await in_thread(frontier.put_off, self.held, host, rest.after)
        self._put_back(host)

    async def _read(self, page: Page, outcome: _Outcome) -> None:
        """Fetch and read a page, and put on its outcome what was found. Raises IndexFailure's kinds."""
        watch = self.watches.setdefault(host_of(page.url), trap.Watch())
        if why := watch.barren(page.url):
            raise Refused("barren", why)
        fetched = await self._fetch(page, outcome)
        if self.source.kind == Source.Kind.SITE and page.url == self.source.location and feed.is_feed(fetched):
            raise feed.IsFeed
        body_sha256 = page.body_sha256 if fetched.not_modified else sha256(fetched.body).hexdigest()
        if fetched.not_modified or (_settled(page) and body_sha256 == page.body_sha256):
            outcome.fetched = fetched
            if page.snapshot_id is None:  # refused for what it says, which it still says
                raise Refused(page.reason, page.detail)
            return
        quarantine.check(page, fetched.body)
        with self.held.stages.timed("extract"):
            fetched, text, page.rendered = await quarantine.watched(
                page, fetched.body, read(fetched, partial(self._turn_to_render, page))
            )
        page.body_sha256 = body_sha256
        self._heed(page, outcome, fetched, text)
        if outcome.moved_to:
            return
        with self.held.stages.timed("judge"):
            text, failure = await in_thread(judge, page, text)
        if failure:
            outcome.fetched = fetched if failure.reason in JUDGED else None
            if failure.reason not in LEAD_NOWHERE:
                self._find_links(page, outcome, text)
            raise failure
        self._find_links(page, outcome, text)
        outcome.fetched = fetched
        if page.snapshot is None or page.snapshot.sha256 != digest(text.text):
            (outcome.prepared,) = prepared([await in_thread(divided, page, fetched, text)])

    @asynccontextmanager
    async def _turn(self, page: Page) -> AsyncIterator[hosts.Turn]:
        """Hold the block's request for the page back until it is its host's turn. Raises Refused where host or
        robots.txt do not let us in, and Resting."""
        host = host_of(page.url)
        await self._check(host)
        decision = await robots.allowed(page.url)
        if not decision.allowed:
            raise Refused("robots", decision.reason)
        delay = max(self.source.delay, decision.delay or 0.0)
        async with hosts.manners(host, delay, patience=max(hosts.PATIENCE, 2 * delay)) as held:
            yield held

    @asynccontextmanager
    async def _turn_to_render(self, page: Page) -> AsyncIterator[hosts.Turn]:
        """The same while extracting is timed, of which the wait is no part."""
        began = time.monotonic()
        async with self._turn(page) as held:
            self.held.stages.add("extract", began - time.monotonic())
            yield held

    async def _fetch(self, page: Page, outcome: _Outcome) -> Fetched:
        known = _settled(page)  # else "not modified" would leave us without a text, and without a verdict
        async with self._turn(page):
            began = time.monotonic()
            try:
                with self.held.stages.timed("fetch"):
                    return await fetch(
                        page.url,
                        etag=page.etag if known else "",
                        last_modified=page.last_modified if known else "",
                        follow=False,
                    )
            finally:
                outcome.seconds = time.monotonic() - began

    async def _check(self, host: str) -> None:
        """Raise Refused for a host that is closed; asked now and then, since an operator may close it meanwhile."""
        if host in self.closed:
            raise self.closed[host].with_traceback(None)
        if self.open_until.get(host, 0.0) < time.monotonic():
            if await in_thread(hosts.check, host):
                self.trusted.add(host)
            self.open_until[host] = time.monotonic() + LOOK_EVERY

    def _heed(self, page: Page, outcome: _Outcome, fetched: Fetched, text: Extracted) -> None:
        """What the page asks of whoever indexes it: another address for it, or to be left out. Raises Refused."""
        if page.override:
            return
        named = self.inside(text.canonical) if text.canonical else ""
        if named and named != page.url and spelling.same_page(page.url, named):
            outcome.moved_to, outcome.spelling = named, True
            return
        if text.noindex or _asks(fetched, "noindex"):
            outcome.fetched = fetched
            if not text.nofollow:
                self._find_links(page, outcome, text)
            raise Refused("noindex", _("It asks not to be indexed (robots meta tag or X-Robots-Tag)."))

    # --- links ---
    def _find_links(self, page: Page, outcome: _Outcome, text: Extracted) -> None:
        if text.nofollow or self.source.kind != Source.Kind.SITE or page.depth >= self.source.max_depth:
            return
        outcome.links = list(dict.fromkeys(filter(None, map(self.inside, text.links))))
        host = urlsplit(page.url).netloc
        outcome.near = [link for link in text.links if link.partition("://")[2].startswith((f"{host}/", f"{host}?"))]

    def _inside(self, link: str) -> str:
        """The link as the frontier would know it; "" where it does not belong to the source."""
        return spelling.without_tracking(policy.canonical(link)) if self.scope.holds(link) else ""

    def _known(self) -> set[int]:
        return {hash(url) for url in frontier.known(self.source)}

    # --- what came of the pages ---
    async def _write_all(self) -> None:
        """Write what came of pages, as much at a time as has come together, until None says that this was all."""
        more = True
        while more:
            batch = [await self.outcomes.get()]
            if self.outcomes.empty():
                await asyncio.sleep(GATHERED)
            while not self.outcomes.empty() and len(batch) < WRITTEN:
                batch.append(self.outcomes.get_nowait())
            more = None not in batch
            outcomes = [one for one in batch if one is not None]
            self._sort_out(outcomes)
            with self.held.stages.timed("store"):
                await in_thread(self._write, outcomes)
            for one in outcomes:
                self.done += one.page.state in {Page.State.INDEXED, Page.State.FAILED}
                await self._look_back(one)
                self._let_go(one.page)
            await self._close()

    def _sort_out(self, outcomes: Sequence[_Outcome]) -> None:
        """Tell new links from known ones; and what is of a host that was found out meanwhile does not come in."""
        for one in outcomes:
            if refused := self.closed.get(self.in_hand[one.page.pk]):
                one.failure, one.prepared, one.fetched, one.moved_to, one.links = refused, None, None, "", ()
            one.new = [url for url in one.links if hash(url) not in self.known]
            self.known.update(map(hash, one.new))

    def _write(self, outcomes: Sequence[_Outcome]) -> None:
        try:
            self._write_together(outcomes)
        except Error as error:  # the database would not have one of them, or two crawls stood in each other's way
            log.warning("Pages are written one by one: %s", error)
            for one in outcomes:
                self._write_alone(one)

    def _write_alone(self, outcome: _Outcome) -> None:
        try:
            self._write_together([outcome])
        except Error as error:
            log.exception("%s could not be stored.", outcome.page.url)
            frontier.give_up(self.held, outcome.page, SourceFailed("crash", f"{type(error).__name__}: {error}"))

    def _write_together(self, outcomes: Sequence[_Outcome]) -> None:
        """In one transaction with the links that the pages bring: a page that is done has lost none."""
        moved = [one for one in outcomes if one.moved_to]
        gone = [(one.page, one.failure) for one in outcomes if one.failure and one.is_gone]
        failed = [(one.page, one.failure, one.fetched) for one in outcomes if one.failure and not one.is_gone]
        stored = [one.prepared for one in outcomes if one.prepared]
        same = [(one.page, one.fetched) for one in outcomes if not (one.prepared or one.failure or one.moved_to)]
        with transaction.atomic():
            for one in outcomes:
                frontier.add(self.held, one.new, depth=one.page.depth + 1, found_on=one.page.url)
            for one in moved:
                wanted = self.scope.holds(one.moved_to)
                frontier.moved(self.held, one.page, one.moved_to, wanted, one.spelling)
            for page, failure in gone:
                frontier.gone(self.held, [page], failure)
            frontier.give_up_all(self.held, failed)
            store_many(self.held, stored)
            store_same(self.held, same)

    # --- traps ---
    def _watch(self, outcome: _Outcome) -> None:
        """See what the page leads to; no more is asked of its host where that shows a trap."""
        host = self.in_hand[outcome.page.pk]
        if host in self.closed or host in self.trusted or outcome.moved_to:
            return
        near = set(map(hash, outcome.near))
        new = near - self.met
        self.met |= near
        reason = outcome.failure.reason if outcome.failure else ""
        look = trap.Look(outcome.page.url, reason, len(new), len(near) - len(new), outcome.seconds)
        if why := self.watches[host].trap(look):
            self._found_out(host, Refused(Host.Standing.TRAP, why))
            self.unwritten.add(host)

    async def _look_back(self, outcome: _Outcome) -> None:
        """See what became of the page: one of many that bring nothing, or one that contradicts others of its host."""
        page, host = outcome.page, self.in_hand[outcome.page.pk]
        if host in self.closed or outcome.moved_to:
            return
        self.watches[host].count(page.url, "" if page.state == Page.State.INDEXED else page.reason)
        if outcome.prepared and page.conflict:
            try:
                await in_thread(hosts.check_copies, host)
            except Refused as refused:
                self._found_out(host, refused)
                self.unwritten.discard(host)  # found out as a trap while its copies were counted: it is closed by now

    def _found_out(self, host: str, refused: Refused) -> None:
        log.warning("%s is closed (%s): %s", host, refused.reason, refused)
        self.closed[host] = refused
        self._put_back(host)

    async def _close(self) -> None:
        """Close the traps for everybody: here, where nothing of them can be written at the same time."""
        while self.unwritten:
            host = self.unwritten.pop()
            await in_thread(hosts.close, [host], Host.Standing.TRAP, str(self.closed[host]))


def _settled(page: Page) -> bool:
    """Whether what was fetched of the page the last time has led to a text, or to a verdict that rests on it alone; so
    that "not modified", or the same bytes, are an answer. Of what scripts made, they are none."""
    verdict = page.reason in JUDGED or page.reason == "quarantine"
    return not page.rendered and (page.snapshot_id is not None or (verdict and page.body_sha256 != ""))


def _asks(fetched: Fetched, wish: str) -> bool:
    """Whether the X-Robots-Tag says so: to everybody, not to one crawler by its name."""
    return any(part.strip() in {wish, "none"} for part in fetched.robots_tag.split(","))
