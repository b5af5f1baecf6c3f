"""The browser pool: one Chromium a process, in which the crawl renders pages and runs have their tabs.

Started when first needed, with Chromium's own sandbox, or taken from BROWSER_URL. A crawl's page gets a context of its
own and forgets everything at the end; a run has a context for each host. Everything a page asks for passes the egress
door, WebSockets and iframes included; the browser resolves no names, speaks neither QUIC nor WebRTC to the outside, and
fetches nothing before it is wanted. What pages send otherwise than to ask for something is held back (sending.py).
So many pages are in hand at once, each for so long; a process of the browser that takes too much memory is ended, and
with it its page; a browser that died or hangs is started anew. Nothing is left of it after close().
Reads no text, knows no deeds. Called by render.py, tabs.py and windows.py, on the shared loop (config/loop.py).
"""

import asyncio
import json
import logging
import os
import re
import signal
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from weakref import WeakKeyDictionary, WeakSet

from django.conf import settings
from django.utils.translation import gettext as _
from playwright.async_api import (
    Browser,
    BrowserContext,
    Dialog,
    FileChooser,
    Page,
    Playwright,
    ProxySettings,
    Request,
    Response,
    Route,
    async_playwright,
)
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from config.chromium import launcher
from config.errors import CannotStart
from search_index import policy, refusals, sending
from search_index.egress import door_url
from search_index.errors import IndexFailure, Refused, RetryLater, SourceFailed, Unreadable
from search_index.fetch import HTML_BYTES, check_door

log = logging.getLogger(__name__)

SECONDS = 20  # for one page or one deed, all in all; with CLOSING_SECONDS nothing costs a run more than 30
SETTLE_SECONDS = 5  # after the document is parsed, for its scripts to fall silent
CLOSING_SECONDS = 5  # a browser that needs longer to close a page hangs
PAGES_AT_ONCE = 3  # 2 to 4 contexts keep two cores busy
WIDTH, HEIGHT = 1024, 768  # of the window: less than 1024 is a telephone to many sites
LOOK_EVERY = 0.5  # seconds between two looks at what memory the browser takes
# Bytes of their own (what is shared by all is not counted) that one process of the browser may take, and all together.
# The heaviest pages of the web take some 500 MB.
PROCESS_MEMORY, MEMORY = 1_000_000_000, 2_500_000_000

ARGUMENTS = [
    # Without this WebRTC sends UDP to whatever address a page names, past any proxy (seen; LOG.md). The flag without
    # "force" in its name is ignored.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--disable-background-networking",
    "--disable-component-update",
    # The requests of shared workers, and what fetchLater() sends when its page has gone, come by no route (seen).
    "--disable-blink-features=SharedWorker,FetchLaterAPI",
    # No flag is for turning speculation rules off. This one is for Chromium's own tests: so many prefetches (and
    # prerenders, which begin with one) may be under way at a time. Of two --enable-features the last counts, so the
    # first two stand here because Playwright has them.
    "--enable-features=CDPScreenshotNewSurface,SkipListAccountsWithoutGaiaCookies,PrefetchSchedulerTesting"
    ":kPrefetchSchedulerTestingActiveSetSizeLimitForBase/0/kPrefetchSchedulerTestingActiveSetSizeLimitForBurst/0",
    "--js-flags=--max-old-space-size=512",  # a page may not take the machine's memory: its tab dies first
]
# Of the browser itself, as against its pages: nothing listens there. Only a page's context knows the door.
_NOWHERE: ProxySettings = {"server": "http://127.0.0.1:9", "bypass": "<-loopback>"}
_TUNNEL_AT = re.compile(r"ERR_TUNNEL_CONNECTION_FAILED at (\S+)")
_NOT_LOADED = frozenset({"media", "font", "ping"})  # the flag --no-pings is of another part of Chrome
_HOSTS, _SENTENCES = 50, 10  # that are remembered of what a page sends, and of what was held back
# In every document, frames and windows included, before its own scripts. What is sent while a page is left comes by no
# route any more (all that sendBeacon and keepalive send, one in eight of the rest; seen): nobody is to send so late,
# its frames and workers neither. A page's scripts can replace all that is not held by a name here.
_BEFORE_ALL = """(() => {
  const KEY = Symbol.for("leave"), { apply, construct, get } = Reflect
  let left = false, below, workers
  const leave = () => {
    left = true
    for (let at = workers; at; at = at.next) apply(end, at.one, [])
    for (let at = below; at; at = at.next) try { at.one() } catch { }
  }
  const end = Worker.prototype.terminate
  Object.defineProperty(window, KEY, { value: one => { below = { one, next: below } } })
  if (parent != window) try { parent[KEY](leave) } catch { }
  addEventListener("pagehide", event => { if (event.isTrusted) leave() }, true)

  window.print = () => undefined
  const short = init => init === null || typeof init != "object" ? init
    : new Proxy(init, { get: (from, name) => name == "keepalive" ? false : get(from, name) })
  Navigator.prototype.sendBeacon = function sendBeacon() { return true }
  window.fetch = new Proxy(fetch, { apply: (send, self, [what, init]) =>
    left ? new Promise(() => undefined) : apply(send, self, [what, short(init)]) })
  window.Request = Request.prototype.constructor = new Proxy(Request, {
    construct: (make, [what, init], kind) => construct(make, [what, short(init)], kind) })
  window.Worker = Worker.prototype.constructor = new Proxy(Worker, { construct: (make, given, kind) => {
    const one = construct(make, given, kind)
    if (left) apply(end, one, [])
    workers = { one, next: workers }
    return one
  } })
  XMLHttpRequest.prototype.send = new Proxy(XMLHttpRequest.prototype.send, {
    apply: (send, self, given) => left ? undefined : apply(send, self, given) })
})()"""


@dataclass
class Told:
    """What came of the requests of a context, to be emptied by whoever reads it: why documents were not shown (`said`)
    and other requests were held back (`held`), a sentence each; how often scripts sent something otherwise than by GET,
    by host (`sent`): by POST, and over each WebSocket; and the addresses that windows were opened for (`windows`)."""

    said: list[str] = field(default_factory=list)
    windows: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)

    def clear(self) -> None:
        self.said.clear()
        self.windows.clear()
        self.held.clear()
        self.sent.clear()

    def hold(self, why: str) -> None:
        if why not in self.held and len(self.held) < _SENTENCES:
            self.held.append(why)

    def count(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        if host in self.sent or len(self.sent) < _HOSTS:
            self.sent[host] += 1


@dataclass
class _Running:
    """This loop's browser. `mark` is a word of its command line, by which its processes are found; `processes` are
    those that were found last: when the first has died, the others are nobody's any more. `gated` are the pages whose
    documents somebody answers for."""

    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))
    playwright: Playwright | None = None
    browser: Browser | None = None
    mark: str = ""
    processes: list["_Process"] = field(default_factory=list)
    watch: asyncio.Task[None] | None = None
    contexts: dict[tuple[str, str], BrowserContext] = field(default_factory=dict)
    told: WeakKeyDictionary[BrowserContext, Told] = field(default_factory=WeakKeyDictionary)
    gated: WeakSet[Page] = field(default_factory=WeakSet)


# Whether a page may ask for the document at an address now.
MayAsk = Callable[[str], Awaitable[bool]]

_running: WeakKeyDictionary[asyncio.AbstractEventLoop, _Running] = WeakKeyDictionary()


@asynccontextmanager
async def in_hand() -> AsyncIterator[None]:
    """Hold the block back until there is room for one page more, and end it after SECONDS.

    What Playwright raises inside comes out as IndexFailure's kinds: RetryLater("timeout" ...), Unreadable("crash") ...
    """
    async with _here().room:
        try:
            async with asyncio.timeout(SECONDS):
                yield
        except (TimeoutError, PlaywrightTimeout) as error:
            await _check_life()
            raise RetryLater("timeout", _("The page was not there within %(most)d s.") % {"most": SECONDS}) from error
        except PlaywrightError as error:
            raise await explained(error) from error


@asynccontextmanager
async def fresh_page(may_ask: MayAsk) -> AsyncIterator[Page]:
    """A page in a context of its own, gated and without images, which forgets everything at the end."""
    context = await _context(await _browser(), images=False)
    try:
        page = await context.new_page()
        await gated(page, may_ask)
        yield page
    finally:
        await closed(context)


async def page_of(whose: str, host: str, may_ask: MayAsk) -> Page:
    """A new page in the context that `whose` has for the host, gated. Raises RetryLater("browser")."""
    running, browser = _here(), await _browser()
    async with running.starting:  # two hunts of a run may come to a host at the same moment
        context = running.contexts.get((whose, host))
        if context is None or context.browser is not browser:
            context = running.contexts[whose, host] = await _context(browser, images=True)
    page = await context.new_page()
    await gated(page, may_ask)
    return page


async def gated(page: Page, may_ask: MayAsk) -> None:
    """Have `may_ask` asked before each document of the page's own window, those that a redirect leads to included,
    which Playwright's routes do not see. Where it says no, nothing is asked for, and the page stays where it is. What
    would send something is left to the routes, which refuse it."""
    session = await page.context.new_cdp_session(page)
    frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]

    async def paused(event: dict[str, Any]) -> None:
        number, asked = {"requestId": event["requestId"]}, event["request"]
        with suppress(PlaywrightError):  # the page may be gone
            if event["frameId"] != frame or asked["method"] not in {"GET", "HEAD"} or await may_ask(asked["url"]):
                await session.send("Fetch.continueRequest", number)
            else:
                await session.send("Fetch.failRequest", {**number, "errorReason": "Aborted"})

    session.on("Fetch.requestPaused", paused)
    await session.send("Fetch.enable", {"patterns": [{"resourceType": "Document"}]})
    _here().gated.add(page)


def told(page: Page) -> Told:
    """What came of the requests in this page's context since it was emptied."""
    return _here().told.setdefault(page.context, Told())


async def leave(whose: str) -> None:
    """Close the contexts of a run, and with them its pages."""
    contexts = _here().contexts
    for key in [key for key in contexts if key[0] == whose]:
        await closed(contexts.pop(key))


async def closed(closing: Page | BrowserContext) -> None:
    """Close a page or a context. A browser that does not do that in time hangs: it is ended, with all its pages."""
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await closing.close()  # with its routes: taken off first, a page would have a moment to send what it likes
    except TimeoutError:
        await _end_hung()
    except PlaywrightError as error:
        log.debug("Nothing to close: %s", error)


def alive() -> bool:
    """Whether this loop's browser runs."""
    browser = _here().browser
    return browser is not None and browser.is_connected()


async def close() -> None:
    """End this loop's browser and every process of it; the next page starts a new one."""
    running = _running.pop(asyncio.get_running_loop(), None)
    if running is not None:
        await _end(running)


# --- Starting and ending ---------------------------------------------------------------------------------------------
def _here() -> _Running:
    return _running.setdefault(asyncio.get_running_loop(), _Running())


async def _browser() -> Browser:
    """This loop's browser, started if there is none or it has died. Raises RetryLater("browser")."""
    running = _here()
    async with running.starting:
        if running.browser is not None and running.browser.is_connected():
            return running.browser
        if running.browser is not None:
            log.warning("Chromium has died; it is started anew.")
        await _end(running)
        try:
            running.playwright = await async_playwright().start()
            running.browser = await (_connected if settings.BROWSER_URL else _launched)(running)
        except (CannotStart, PlaywrightError) as error:
            await _end(running)
            raise RetryLater("browser", _("Chromium could not be started: %(why)s") % {"why": error}) from error
        return running.browser


async def _launched(running: _Running) -> Browser:
    assert running.playwright is not None
    running.mark = f"--scenthound={uuid.uuid4().hex}"  # Chromium passes over what it does not know
    browser = await running.playwright.chromium.launch(
        executable_path=await asyncio.to_thread(launcher),
        chromium_sandbox=True,
        args=[*ARGUMENTS, running.mark],
        proxy=_NOWHERE,
        # Pages are hostile: the browser inherits nothing of ours, keys and passwords of the environment least.
        env={"PATH": os.defpath, "HOME": tempfile.gettempdir(), "LANG": "C.UTF-8"},
    )
    running.watch = asyncio.create_task(_watch(running))
    return browser


async def _connected(running: _Running) -> Browser:
    """The browser of a Playwright server, which starts one for us; what it lets us choose, we choose as for our own."""
    assert running.playwright is not None
    wanted = {"args": ARGUMENTS, "chromiumSandbox": True, "proxy": _NOWHERE}
    return await running.playwright.chromium.connect(
        settings.BROWSER_URL, headers={"x-playwright-launch-options": json.dumps(wanted)}, timeout=SECONDS * 1000
    )


async def _end(running: _Running) -> None:
    """End the browser and Playwright's driver, and whatever process of the browser's is still there afterwards."""
    mark, browser, playwright = running.mark, running.browser, running.playwright
    running.mark, running.browser, running.playwright = "", None, None
    running.contexts.clear()
    if running.watch is not None:
        running.watch.cancel()
    tree = await asyncio.to_thread(_tree, mark) + running.processes
    for ending in (browser.close() if browser else None, playwright.stop() if playwright else None):
        if ending is not None:
            with suppress(TimeoutError, PlaywrightError):
                await asyncio.wait_for(ending, CLOSING_SECONDS)
                continue
            _kill(tree)  # it hangs: its driver waits for it
    _kill(tree)


async def _check_life() -> None:
    """Whether a page has taken all its time or the browser has: one that does not even say its version is ended."""
    browser = _here().browser
    if browser is None or not browser.is_connected():
        return
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            session = await browser.new_browser_cdp_session()
            await session.send("Browser.getVersion")
            await session.detach()
    except TimeoutError:
        await _end_hung()
    except PlaywrightError as error:
        log.debug("The browser has ended: %s", error)


async def _end_hung() -> None:
    running = _here()
    log.warning("Chromium hangs: it is ended, and started anew.")
    _kill(await asyncio.to_thread(_tree, running.mark))
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_SECONDS):
            while running.browser is not None and running.browser.is_connected():
                await asyncio.sleep(0.02)


# --- Its processes ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Process:
    """A process of the browser; `born` tells it from a later one of the same number. `memory` in bytes of its own."""

    pid: int
    parent: int
    born: str
    memory: int


def _tree(mark: str) -> list[_Process]:
    """The processes of the browser with this mark, the first of them first; none where there is no /proc."""
    processes = {}
    first = None
    for folder in Path("/proc").glob("[0-9]*") if mark else ():
        if (process := _process(int(folder.name))) is None:
            continue
        processes[process.pid] = process
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            if mark.encode() in words and b"--type=" not in words:
                first = process
    if first is None:
        return []
    found = [first]
    for process in found:  # grows as it is walked
        found += [one for one in processes.values() if one.parent == process.pid]
    return found


def _process(pid: int) -> _Process | None:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:  # it has ended meanwhile
        return None
    return _Process(pid, int(words[1]), words[19], (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE"))


def _kill(processes: list[_Process]) -> None:
    for process in processes:
        now = _process(process.pid)
        if now is not None and now.born == process.born:
            with suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)


async def _watch(running: _Running) -> None:
    """End the process that takes too much memory. It is a page's, most likely; else the whole browser is gone."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        tree = await asyncio.to_thread(_tree, running.mark)
        if not tree:
            continue
        running.processes = tree
        largest = max(tree, key=lambda process: process.memory)
        if largest.memory > PROCESS_MEMORY or sum(process.memory for process in tree) > MEMORY:
            log.warning("A process of Chromium took %d MB: it is ended.", largest.memory // 1_000_000)
            _kill(tree if largest is tree[0] else [largest])


# --- What a context may do -------------------------------------------------------------------------------------------
async def _context(browser: Browser, *, images: bool) -> BrowserContext:
    """A context that knows the door of whoever asks (whose.py), has no permissions and downloads nothing. It loads
    `images` where people look at it. Its windows are opened by those who gate them only."""
    context = await browser.new_context(
        proxy=_through(door_url()),
        user_agent=_user_agent(browser),
        viewport={"width": WIDTH, "height": HEIGHT},
        service_workers="block",
        accept_downloads=False,
        permissions=[],
        locale="en-US",
    )
    spared = _NOT_LOADED if images else _NOT_LOADED | {"image"}
    told = _here().told.setdefault(context, Told())

    async def load(route: Route, request: Request) -> None:
        """Spares what holds no text, what is fetched before anybody wants it, and what would change something. Where it
        leads at all is the door's to say: redirects and WebSockets do not come by here."""
        early = "prefetch" in request.headers.get("sec-purpose", "")
        with suppress(PlaywrightError):  # the page is closed meanwhile: it ends unanswered
            shows = request.is_navigation_request()
            body = request.post_data_buffer or b""
            if why := sending.refusal(request.method, request.url, request.headers, body, document=shows):
                (told.said.append if shows else told.hold)(why)
            elif shows and _is_ungated(request):
                told.windows.append(request.url)
            elif request.resource_type not in spared and not early:
                if request.method == "POST":
                    told.count(request.url)
                await route.continue_()
                return
            await route.abort("aborted")  # a page stays where it is, instead of showing an error

    await context.route("**/*", load)
    await context.add_init_script(_BEFORE_ALL)
    context.on("page", _undisturbed)
    return context


def _is_ungated(request: Request) -> bool:
    """Whether the document is for a window that a page has opened."""
    try:
        return request.frame.parent_frame is None and request.frame.page not in _here().gated
    except PlaywrightError:  # of one that is only just there
        return True


def _undisturbed(page: Page) -> None:
    """Nothing that asks a person is answered with yes; a page that does not want to be left is. Its WebSockets are
    counted: what is said over them cannot be seen."""
    page.on("dialog", _dismissed)
    page.on("filechooser", _ignored)
    page.on("websocket", lambda socket: told(page).count(socket.url))


async def _dismissed(dialog: Dialog) -> None:
    with suppress(PlaywrightError):
        await (dialog.accept() if dialog.type == "beforeunload" else dialog.dismiss())


def _ignored(_chooser: FileChooser) -> None:
    """Playwright opens no window where somebody listens, and no file is ever given."""


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


# --- What is read of a page ------------------------------------------------------------------------------------------
async def checked(response: Response) -> str:
    """Raise what the door or the host refused; the value is the host's Retry-After."""
    headers = await response.all_headers()
    retry_after = headers.get("retry-after", "")
    check_door(policy.parse(response.url), headers.get("x-egress-refused", ""), retry_after)
    return retry_after


async def parsed(page: Page) -> None:
    """Wait for the document to be there in full. Playwright's own event never comes where the page was kept from
    leading on meanwhile."""
    await page.wait_for_function("document.readyState != 'loading'", timeout=0)  # in_hand() ends it


async def settle(page: Page) -> None:
    """Wait until a new document has asked for nothing for half a second; one that never rests is read as it is."""
    try:
        await page.wait_for_load_state("networkidle", timeout=SETTLE_SECONDS * 1000)
    except PlaywrightTimeout:
        log.debug("%s did not settle.", page.url)


# The document; what open shadow roots hold stands as it is shown, with what was put into their slots. More than `most`
# characters stay where they are: what a page may send over to this process is bounded.
_MARKUP = """(most => {
  const still = document.implementation.createHTMLDocument()  // where no element of the page's own comes to life
  const flat = node => {
    if (node.localName === "slot" && node.assignedNodes().length) return node.assignedNodes().flatMap(flat)
    const copy = still.importNode(node)
    copy.append?.(...[...(node.shadowRoot || node).childNodes].flatMap(flat))
    return [copy]
  }
  const whole = document.documentElement
  const html = ([...whole.querySelectorAll("*")].some(one => one.shadowRoot) ? flat(whole)[0] : whole).outerHTML
  return html.length > most ? null : html
})(%d)"""


async def markup(page: Page) -> str:
    """The document as it stands. Raises Refused("size")."""
    found = await in_own_world(page, _MARKUP % HTML_BYTES)
    if not isinstance(found, str):
        raise Refused("size", _("It is larger than %(most)d MB.") % {"most": HTML_BYTES // 1_000_000})
    return f"<!doctype html>\n{found}"


async def in_own_world(page: Page, expression: str) -> object:
    """What the expression comes to in a world of our own: the page's scripts cannot have changed its functions."""
    session = await page.context.new_cdp_session(page)
    try:
        frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        world = await session.send("Page.createIsolatedWorld", {"frameId": frame})
        wanted = {"expression": expression, "contextId": world["executionContextId"], "returnByValue": True}
        return (await session.send("Runtime.evaluate", wanted))["result"].get("value")
    finally:
        with suppress(PlaywrightError):
            await session.detach()


async def explained(error: PlaywrightError) -> IndexFailure:
    """The typed error for what Chromium reports, which it does by name only; of a tunnel that failed, the door is asked
    why. May raise Refused("url"), where the tunnel was to an address that nobody else could read."""
    if match := _TUNNEL_AT.search(str(error)):
        target = policy.parse(match[1])
        if why := await refusals.why(target.host, target.port):
            return why
    if "ERR_UNSAFE_PORT" in str(error):  # Chromium has not even asked the door, which would have said the same
        return refusals.failure("port")
    return _typed(error)


def _typed(error: PlaywrightError) -> IndexFailure:
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
