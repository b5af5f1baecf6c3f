"""The windows of a run's tab: where they may be led, in whose turn, and when they have come to rest.

A document is asked for as a crawl asks for it: where its host and robots.txt let us in, in the host's turn, and one a
turn. So a page that leads to another host, or on to a second document (a redirect, a script, a window that it opens),
stays where it is, and the tab goes there by itself, in a turn of its own and in the context of that host. What belongs
to a page (pictures, scripts, frames, data) waits for nothing here. A page is led nowhere while nobody acts on it.
Knows no deeds, reads no text. Called by tabs.py.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from playwright.async_api import BrowserContext, Download, Page, Request, Response
from playwright.async_api import Error as PlaywrightError

from search_index import browser, consent, policy, reading
from search_index.errors import IndexFailure, Refused, RetryLater, Unreadable
from search_index.extract import types
from search_index.fetch import REDIRECTS, check_status

GRACE, QUIET = 0.25, 0.4  # seconds: a deed's requests begin within the first, and are over when the second is silent
LITTLE, LATE = 200, 1.5  # a page that shows fewer characters than that is waited for so many seconds more
_SHOWS = "document.scripts.length ? (document.body?.innerText || '').length : 1e6"  # without scripts, all there will be
_NEVER_DONE = frozenset({"websocket", "eventsource", "ping", "media"})


@dataclass
class Windows:
    """The open windows of one tab; the last is the one that is looked at. `named`: the address that a person has named
    themselves, for which robots.txt may count for less (ROBOTS_FOR_PEOPLE)."""

    whose: str
    named: str = ""
    pages: list[Page] = field(default_factory=list)
    # What the last deed has brought about:
    opened: list[Page] = field(default_factory=list)  # windows
    downloads: list[str] = field(default_factory=list)  # addresses of what would be saved
    response: Response | None = None  # to the last request for a document
    failure: IndexFailure | None = None  # why a document was not asked for
    led: str = ""  # where the page wanted to go, in a turn of that host
    _turn: str = ""  # the host whose turn is held, until a document was asked for in it
    _asked_for: float = 0.0  # when that was
    _took: float = 0.0  # seconds until it was answered
    _asking: set[Request] = field(default_factory=set)
    _asked_at: float = 0.0

    @property
    def page(self) -> Page:
        return self.pages[-1]

    @property
    def address(self) -> str:
        """Where the page is, canonical. Raises Refused("url") where that is nowhere on the web."""
        return policy.canonical(self.page.url)

    @property
    def shows_document(self) -> bool:
        """Whether what came is no page, but a file for reading.py."""
        answer = self.response
        return bool(self.downloads) or (
            answer is not None and answer.headers.get("content-type", "").lower().startswith(types.DOCUMENTS)
        )

    # --- Going somewhere ---
    def begin(self) -> None:
        """Forget what the deed before this one has brought about."""
        self._forget()
        browser.told(self.page).clear()

    def _forget(self) -> None:
        self.opened.clear()
        self.downloads.clear()
        self.response, self.failure, self.led = None, None, ""

    @asynccontextmanager
    async def turn(self, url: str) -> AsyncIterator[None]:
        """Hold the block back until the turn of the address's host; one document may be asked for in it. Raises where
        host or robots.txt do not let us in, what in_hand() does, and Resting."""
        async with reading.turn(url, named=url == self.named) as held, browser.in_hand():
            self._turn, self._took = policy.parse(url).host, 0.0
            try:
                yield
            finally:
                self._turn, held.took = "", self._took

    async def go(self, url: str, *, apart: bool = False) -> None:
        """Go to the address and wherever that leads, one document after the other; `apart`: in a window of its own.
        Raises IndexFailure's kinds where it cannot be shown."""
        for _hop in range(REDIRECTS + 1):
            async with self.turn(policy.canonical(url)):
                await self._show(url, apart=apart)
                if not self.led:
                    await self.rest()
                    await self._close_opened()
                    await self.arrive()
            if not self.led:
                return
            url, apart = self.led, False
        raise Refused("redirect", _("More than %(most)d redirects.") % {"most": REDIRECTS})

    async def follow(self) -> None:
        """Go where the last deed has led, if anywhere. Raises as `go` does."""
        windows = browser.told(self.page).windows
        if windows or self.led:
            await self.go(windows[-1] if windows else self.led, apart=bool(windows))

    async def _show(self, url: str, *, apart: bool) -> None:
        self.response, self.led = None, ""
        host = policy.parse(url).host
        here = self.page.url if self.pages else ""
        if apart or not here.startswith("http") or policy.parse(here).host != host:
            if self.pages and here == "about:blank":
                await browser.closed(self.pages.pop())
            page = await browser.page_of(self.whose, host, self._may_ask)
            self.pages.append(page)
            self._watch(page)
        told = browser.told(self.page)
        told.said.clear()
        told.windows.clear()
        try:
            await self.page.goto(url, wait_until="commit", timeout=0)  # in_hand() ends it
        except PlaywrightError:
            await asyncio.sleep(0)
            if self.failure is not None:
                raise self.failure from None
            if not (self.led or self.downloads):
                raise
        else:
            if self.page.url == "about:blank":
                raise Unreadable("crash", _("The browser showed nothing."))
            await browser.parsed(self.page)

    async def _may_ask(self, url: str) -> bool:
        """Whether a page may ask for the document at the address now; else why not, or where it is led, is noted."""
        try:
            address = policy.canonical(url)
            host = policy.parse(address).host
            if host != self._turn:
                self.led = url
                return False
            await reading.admitted(address, named=address == self.named)
        except IndexFailure as failure:
            self.failure = failure
            return False
        self._turn, self._asked_for = "", time.monotonic()
        return True

    async def arrive(self) -> None:
        """Where a new document came, let it show what it has and decline its banner. Raises where it, or the address
        that the page gives itself now, cannot be shown."""
        if self.page.is_closed():
            raise Refused("closed", _("The page has closed itself."))
        if self.failure is not None:
            raise self.failure
        if said := browser.told(self.page).said:
            raise Refused("method", said[-1])
        if self.shows_document or self.led:
            return
        if self.page.url.startswith("chrome-error:"):
            raise RetryLater("connection", _("The page could not be reached, or not through the egress door."))
        if self.response is not None:
            check_status(self.response.status, await browser.checked(self.response))
        await reading.admitted(self.address, named=self.address == self.named)  # scripts may say that it is elsewhere
        if self.response is not None:
            await browser.parsed(self.page)
            await self._settle()

    async def back(self) -> bool:
        """Back in the window's own history, else to the window before; whether there was anything."""
        session = await self.page.context.new_cdp_session(self.page)
        try:
            history = await session.send("Page.getNavigationHistory")
        finally:
            await session.detach()
        before = history["entries"][: history["currentIndex"]]
        if before and before[-1]["url"].startswith("http"):
            await self.page.go_back(wait_until="commit", timeout=0)
        elif len(self.pages) > 1:
            await browser.closed(self.pages.pop())
        else:
            return False
        return True

    async def left_again(self, url: str, windows: int) -> None:
        """Back to the page at the address, in so many windows, after a deed that led nowhere."""
        while len(self.pages) > max(windows, 1):
            await browser.closed(self.pages.pop())
        self._forget()
        for _hop in range(REDIRECTS):
            with suppress(PlaywrightError, IndexFailure):
                if self.page.url.startswith("http") and self.address == url:
                    return
                async with self.turn(url):
                    if not await self.back():
                        return
                    await self.rest()

    # --- What goes on in them ---
    async def rest(self) -> None:
        """Wait until the page asks for nothing any more; one that never rests is read as it is."""
        began = time.monotonic()
        await asyncio.sleep(GRACE)
        while time.monotonic() - began < browser.SETTLE_SECONDS:
            if not self._asking and time.monotonic() - self._asked_at >= QUIET:
                return
            await asyncio.sleep(0.05)
        self._asking.clear()  # what has not been answered by now is not waited for a second time

    async def change(self) -> None:
        """The last window that the deed has opened and filled by itself becomes the tab, the others are closed."""
        for window in [one for one in self.opened if not one.is_closed() and one.url not in {"", "about:blank"}][-1:]:
            self.opened.remove(window)
            await browser.gated(window, self._may_ask)
            self.pages.append(window)
        await self._close_opened()

    async def _close_opened(self) -> None:
        for window in self.opened:
            await browser.closed(window)
        self.opened.clear()

    async def _settle(self) -> None:
        """A new document: what shows next to nothing yet is waited for a little longer."""
        until = time.monotonic() + LATE
        while time.monotonic() < until and not self.led and int(await self.page.evaluate(_SHOWS)) < LITTLE:
            await asyncio.sleep(0.2)
        if not self.led and await consent.decline(self.page):
            await self.rest()

    def _watch(self, page: Page) -> None:
        """Note what the page asks for, the windows that it opens and what it would download."""
        context = page.context
        if all(other.context is not context for other in self.pages if other is not page):
            context.on("request", self._asks)  # of a window that is on its way, too
            context.on("requestfinished", self._has)
            context.on("requestfailed", self._has)
        page.on("close", lambda _page: self._unwatch(context))
        self._watch_window(page)

    def _watch_window(self, page: Page) -> None:
        def answered(response: Response) -> None:
            with suppress(PlaywrightError):  # of a window that is only just there
                if response.request.is_navigation_request() and response.frame == page.main_frame:
                    self.response, self._took = response, time.monotonic() - self._asked_for

        def opened(window: Page) -> None:
            self.opened.append(window)
            self._watch_window(window)

        def downloads(download: Download) -> None:
            self.downloads.append(download.url)

        page.on("response", answered)
        page.on("popup", opened)
        page.on("download", downloads)

    def _unwatch(self, context: BrowserContext) -> None:
        if any(page.context is context and not page.is_closed() for page in self.pages):
            return
        for event, listener in (("request", self._asks), ("requestfinished", self._has), ("requestfailed", self._has)):
            context.remove_listener(event, listener)

    def _asks(self, request: Request) -> None:
        """Heard of all pages in its context: what a page of another tab asks for is not its own."""
        try:
            own = request.frame.page in self.pages + self.opened
        except PlaywrightError:  # a window that is not there before its first answer
            own = True
        if own and request.resource_type not in _NEVER_DONE:
            self._asking.add(request)
            self._asked_at = time.monotonic()

    def _has(self, request: Request) -> None:
        if request in self._asking:
            self._asking.remove(request)
            self._asked_at = time.monotonic()

    async def close(self) -> None:
        """Close all of them."""
        for page in (*self.pages, *self.opened):
            await browser.closed(page)
