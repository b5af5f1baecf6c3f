"""Renders one page in Chromium, for pages whose text is made by their scripts.

One browser a process, started when first needed, with Chromium's own sandbox; a fresh context for each page, at most
three at once. Everything a page asks for passes the egress door, WebSockets and iframes included; the browser resolves
no names, speaks neither QUIC nor WebRTC to the outside, loads no images, media or fonts, downloads and keeps nothing.
Called by crawl.py and reading.py, on the shared loop (config/loop.py). Returns the same `Fetched` as fetch.py.
"""

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary

from django.conf import settings
from django.utils.translation import gettext as _
from playwright.async_api import Browser, Page, Playwright, ProxySettings, Response, Route, async_playwright
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from config.chromium import launcher
from config.errors import CannotStart
from search_index import policy
from search_index.egress import door_url
from search_index.errors import IndexFailure, Refused, RetryLater, SourceFailed, Unreadable
from search_index.fetch import HTML_BYTES, Fetched, check_door, check_status

log = logging.getLogger(__name__)

SECONDS = 30  # for one page, all in all
SETTLE_SECONDS = 5  # after the document is parsed, for its scripts to fall silent
CLOSING_SECONDS = 10
PAGES_AT_ONCE = 3  # 2 to 4 contexts keep two cores busy

_NOT_LOADED = frozenset({"image", "media", "font"})
_ARGUMENTS = [
    # Without this WebRTC sends UDP to whatever address a page names, past any proxy (seen; LOG.md). The flag without
    # "force" in its name is ignored.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-pings",
    "--js-flags=--max-old-space-size=512",  # a page may not take the machine's memory: its tab dies first
]
# Of the browser itself, as against its pages: nothing listens there. Only a page's context knows the door.
_NOWHERE: ProxySettings = {"server": "http://127.0.0.1:9", "bypass": "<-loopback>"}


@dataclass
class _Running:
    """This loop's browser."""

    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))
    playwright: Playwright | None = None
    browser: Browser | None = None


_running: WeakKeyDictionary[asyncio.AbstractEventLoop, _Running] = WeakKeyDictionary()


async def render(url: str) -> Fetched:
    """The page as its scripts have made it: `body` is UTF-8 HTML. A browser that dies is started anew, once.

    Raises Refused ("url", "egress", "size", "type"), RetryLater ("timeout", "busy", "status", "egress", "connection",
    "browser"), StatusFailed, and Unreadable("crash") where the page brings its tab or the browser down.
    """
    target = policy.parse(url)
    running = _running.setdefault(asyncio.get_running_loop(), _Running())
    async with running.room:
        browser = await _browser(running)
        try:
            return await _render(browser, target)
        except PlaywrightError as error:
            if browser.is_connected():
                raise _explained(error) from error
        log.warning("Chromium died while it rendered a page of %s; it is started anew.", target.host)
        try:
            return await _render(await _browser(running), target)
        except PlaywrightError as error:
            raise _explained(error) from error


async def close() -> None:
    """End this loop's browser; the next page starts a new one."""
    running = _running.pop(asyncio.get_running_loop(), None)
    if running is not None and running.playwright is not None:
        if running.browser is not None:
            await running.browser.close()
        await running.playwright.stop()


async def _browser(running: _Running) -> Browser:
    """This loop's browser, started if there is none or it has died. Raises RetryLater("browser")."""
    async with running.starting:
        if running.browser is not None and running.browser.is_connected():
            return running.browser
        try:
            if running.playwright is None:
                running.playwright = await async_playwright().start()
            running.browser = await running.playwright.chromium.launch(
                executable_path=await asyncio.to_thread(launcher),
                chromium_sandbox=True,
                args=_ARGUMENTS,
                proxy=_NOWHERE,
                # Pages are hostile: the browser inherits nothing of ours, keys and passwords of the environment least.
                env={"PATH": os.defpath, "HOME": tempfile.gettempdir(), "LANG": "C.UTF-8"},
            )
        except (CannotStart, PlaywrightError) as error:
            running.playwright = None
            raise RetryLater("browser", _("Chromium could not be started: %(why)s") % {"why": error}) from error
        return running.browser


async def _render(browser: Browser, target: policy.Target) -> Fetched:
    try:
        async with asyncio.timeout(SECONDS), _page(browser) as page:
            response = await page.goto(target.url, wait_until="domcontentloaded", timeout=SECONDS * 1000)
            if response is None:
                raise Unreadable("crash", _("The browser showed nothing."))
            retry_after = await _checked(response)
            check_status(response.status, retry_after)
            await _settle(page)
            return await _read(page, target, response)
    except (TimeoutError, PlaywrightTimeout) as error:
        raise RetryLater("timeout", _("The page was not there within %(most)d s.") % {"most": SECONDS}) from error


@asynccontextmanager
async def _page(browser: Browser) -> AsyncIterator[Page]:
    """A page in a context of its own, which knows the door and forgets everything at the end."""
    context = await browser.new_context(
        proxy=_through(door_url()),
        user_agent=_user_agent(browser),
        service_workers="block",
        accept_downloads=False,
        permissions=[],
        locale="en-US",
    )
    try:
        await context.route("**/*", _load)
        yield await context.new_page()
    finally:
        async with asyncio.timeout(CLOSING_SECONDS):
            await context.unroute_all(behavior="ignoreErrors")  # what is still being asked for ends unanswered
            await context.close()


def _through(door: str) -> ProxySettings:
    url = urlsplit(door)
    return {
        "server": f"http://{policy.bracketed(url.hostname or '')}:{url.port}",
        "username": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "bypass": "<-loopback>",  # without it Chromium goes straight to loopback
    }


def _user_agent(browser: Browser) -> str:
    """Chromium's usual words, without which many scripts do not work, and our own name, so that nobody is deceived."""
    words = f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{browser.version}"
    return f"{words} Safari/537.36 {settings.USER_AGENT}"


async def _load(route: Route) -> None:
    """Spares what holds no text. No safety lies here: redirects and WebSockets do not come by; the door sees all."""
    if route.request.resource_type in _NOT_LOADED:
        await route.abort()
    else:
        await route.continue_()


async def _checked(response: Response) -> str:
    """Raise what the door or the host refused; the value is the host's Retry-After."""
    headers = await response.all_headers()
    retry_after = headers.get("retry-after", "")
    check_door(policy.parse(response.url), headers.get("x-egress-refused", ""), retry_after)
    return retry_after


async def _settle(page: Page) -> None:
    """Wait until no request has been under way for half a second; a page that never rests is read as it is."""
    try:
        await page.wait_for_load_state("networkidle", timeout=SETTLE_SECONDS * 1000)
    except PlaywrightTimeout:
        log.debug("%s did not settle.", page.url)


async def _read(page: Page, target: policy.Target, response: Response) -> Fetched:
    final = policy.parse(page.url)  # scripts may have led elsewhere, or to an error page of the browser's own
    return Fetched(
        url=target.url,
        final_url=final.url,
        status=response.status,
        content_type="text/html; charset=utf-8",
        body=(await _markup(page)).encode(errors="replace"),
        etag="",
        last_modified="",
        not_modified=False,
    )


# More than `most` characters stay where they are: what a page may send over to this process is bounded.
_MARKUP = "(html => html.length > %d ? null : html)(document.documentElement.outerHTML)"


async def _markup(page: Page) -> str:
    """The document as it stands, read in a world of our own: the page's scripts cannot have changed its functions."""
    session = await page.context.new_cdp_session(page)
    frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
    world = await session.send("Page.createIsolatedWorld", {"frameId": frame})
    wanted = {"expression": _MARKUP % HTML_BYTES, "contextId": world["executionContextId"], "returnByValue": True}
    markup = (await session.send("Runtime.evaluate", wanted))["result"].get("value")
    if markup is None:
        raise Refused("size", _("It is larger than %(most)d MB.") % {"most": HTML_BYTES // 1_000_000})
    return f"<!doctype html>\n{markup}"


def _explained(error: PlaywrightError) -> IndexFailure:
    """The typed error for what Chromium reports, which it does by name only."""
    said = str(error)
    if "Download is starting" in said or "ERR_ABORTED" in said:
        return Refused("type", _("It is a download, not a page."))
    if "ERR_TOO_MANY_REDIRECTS" in said:
        return Refused("redirect", _("It redirects without end."))
    if "ERR_CERT" in said or "ERR_SSL" in said:
        return SourceFailed("tls", _("The host's certificate or encryption cannot be trusted."))
    if "ERR_PROXY" in said:
        return RetryLater("egress", _("The egress door does not answer; script/server starts it."))
    if "net::" in said:
        return RetryLater("connection", _("The host could not be reached, or not through the egress door."))
    return Unreadable("crash", _("The page brought the browser down."))
