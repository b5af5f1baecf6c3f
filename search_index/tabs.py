"""Live tabs: pages that a run acts on in the browser, and what was seen there, kept.

A run's tab is opened in its context for the host, consent banners are declined, its controls are read from the page's
accessibility snapshot. A deed is done where deeds.py lets it be, and the page is read again when it has come to rest.
Windows that a page opens become the tab; a document that it would download is fetched by fetch.py and read like any
other. What is seen goes the way of every page (reading.keep). A tab is only a shortcut: whatever state it is in can be
had again from the address and the deeds, so tabs are closed when there are too many, and nothing is lost with them.
Decides neither what is opened nor what is typed. Called through api.py only.
"""

import asyncio
import logging
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from urllib.parse import urljoin
from weakref import WeakKeyDictionary

from django.utils.translation import gettext as _
from playwright.async_api import BrowserContext, Download, Frame, Locator, Page, Request, Response
from playwright.async_api import Error as PlaywrightError

from search_index import browser, consent, hosts, policy, reading, shots
from search_index.controls import Node, acted_on, nodes, options
from search_index.deeds import Facts, refusal
from search_index.errors import IndexFailure, Refused, Unreadable
from search_index.extract import types
from search_index.fetch import HTML_BYTES, check_status
from search_index.values import Browsed, Control, Deed, Opened
from search_index.whose import asking

log = logging.getLogger(__name__)

TABS, TABS_A_RUN = 12, 4  # that stay open in one process; a tab takes some 50 to 150 MB
IDLE_SECONDS = 300  # a tab that nobody comes back to
ACT_MS = 4000  # for one click or key: what is not ready for it by then is covered or gone
GRACE, QUIET = 0.25, 0.4  # seconds: a deed's requests begin within the first, and are over when the second is silent
LITTLE, LATE = 200, 1.5  # a page that shows fewer characters than that is waited for so many seconds more
_SHOWS = "document.scripts.length ? (document.body?.innerText || '').length : 1e6"  # without scripts, all there will be
SCREENS = 8  # how often a scroll goes on, where there comes more
FRAMES = 8  # within a page, that are read with it
_NEVER_DONE = frozenset({"websocket", "eventsource", "ping", "media"})
_NEXT = re.compile(
    r"(?:go to )?(?:the )?next(?: page)?|next (?:\d+ )?(?:results|entries|posts|items)|older(?: posts| entries)?"
    r"|more results|weiter|n[aä]chste(?: seite)?|(?:page )?suivante?|siguiente|p[aá]gina siguiente|successiv[oa]"
    r"|avanti|pr[oó]xim[ao]|volgende(?: pagina)?|n[aä]sta|neste|dalej|następna",
    re.I,
)
_MORE = re.compile(
    r"(?:load|show|see|view) (?:\d+ )?more\b.*|more|mehr (?:laden|anzeigen)|(?:voir|afficher) plus|ver m[aá]s", re.I
)
_ARROWS = frozenset(["»", "›", "→", ">", "▶", "⟩", ">>"])


@dataclass
class _Tab:
    """A page that a run has open. `pages` are its windows, the last is the one that is looked at."""

    whose: str
    url: str  # where it was opened, canonical
    pages: list[Page] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)  # that have been done
    did: str = ""  # the last of them, in words
    at: str = ""  # its address, canonical
    here: list[str] = field(default_factory=list)  # what has been done since it came to that address
    seen: list[Node] = field(default_factory=list)
    controls: list[tuple[Control, Node]] = field(default_factory=list)
    document: Opened | None = None  # that the last deed has led to, over the page
    known_as: str = ""  # `url` of what was last read of it
    used: float = 0.0
    opened: list[Page] = field(default_factory=list)  # windows that the last deed has opened
    downloads: list[str] = field(default_factory=list)
    response: Response | None = None  # to the last request for the document, since the deed
    asking: set[Request] = field(default_factory=set)
    asked_at: float = 0.0

    @property
    def page(self) -> Page:
        return self.pages[-1]

    def asks(self, request: Request) -> None:
        """Heard of all pages in its context: what a page of another tab asks for is not its own."""
        try:
            own = request.frame.page in self.pages + self.opened
        except PlaywrightError:  # a window that is not there before its first answer
            own = True
        if own and request.resource_type not in _NEVER_DONE:
            self.asking.add(request)
            self.asked_at = time.monotonic()

    def has(self, request: Request) -> None:
        if request in self.asking:
            self.asking.remove(request)
            self.asked_at = time.monotonic()


_tabs: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Tab]] = WeakKeyDictionary()
_named: set[tuple[str, str]] = set()  # runs, and addresses that a person has named in their questions


async def browse(
    whose: str, url: str, deeds: Sequence[Deed] = (), *, sealed: bool = False, named: bool = False
) -> Browsed:
    """The page at `url` in the run's browser after these deeds, in order; what can be read there is stored and indexed.

    `whose` names the run: "run-<uuid>". The same call again gives the same: where the run's tab stands at
    (url, deeds[:-1]) only the last deed is done, else the page is opened anew and all of them are. A last deed that is
    not done says so in `refused`, and the page is as it was before it; do not hand it in again with the next. `named`:
    a person has named this very address (ROBOTS_FOR_PEOPLE); what else lies behind robots.txt stays closed.

    Raises Refused ("sealed", "robots", "egress", "url", "type", "size", "deed" where an earlier deed cannot be done any
    more, or what judge() refuses the text for as spam), RetryLater ("timeout", "browser", "busy" ...),
    Unreadable("crash") and SourceFailed.
    """
    try:
        return await _browsed(whose, url, deeds, sealed, named)
    except Unreadable:
        if browser.alive():
            raise
    return await _browsed(whose, url, deeds, sealed, named)  # the browser died, of this page or of another one


async def _browsed(whose: str, url: str, deeds: Sequence[Deed], sealed: bool, named: bool) -> Browsed:
    with asking(whose):
        tab = await _standing(whose, url, deeds, sealed, named)
        try:
            refused = ""
            for deed in deeds[len(tab.deeds) :]:
                refused = await _do(tab, deed)
                if refused and len(tab.deeds) < len(deeds) - 1:
                    raise Refused("deed", _("The page has changed since: %(why)s") % {"why": refused})
            browsed = await _seen(tab, refused)
        except BaseException:
            await _drop(tab)
            raise
        await _put_back(tab)
        return browsed


async def picture(whose: str, url: str, quote: str, *, sealed: bool = False) -> bytes:
    """A JPEG (640 wide) of the page at `url` as it shows `quote`, marked: of the run's tab where it stands there, else
    of the page opened anew. b"" where the quote is not seen on it, and for a state that only deeds lead to and that no
    tab is in any more. Raises as `browse` does."""
    tab = next((tab for tab in _here() if tab.whose == whose and tab.known_as == url and tab.document is None), None)
    if tab is not None:
        _here().remove(tab)
    elif reading.is_state(url):
        return b""
    else:
        with asking(whose):
            tab = await _standing(whose, url, (), sealed, named=False)
    try:
        shown = b""
        if tab.document is None:
            async with browser.in_hand():
                shown = await shots.of_quote(tab.page, quote)
    except BaseException:
        await _drop(tab)
        raise
    await _put_back(tab)
    return shown


async def leave(whose: str) -> None:
    """The run has ended: its tabs and their contexts are closed. Nothing happens where it has none."""
    _tabs[asyncio.get_running_loop()] = [tab for tab in _here() if tab.whose != whose]
    _named.difference_update({one for one in _named if one[0] == whose})
    await browser.leave(whose)


# --- Opening and closing ---------------------------------------------------------------------------------------------
def _here() -> list[_Tab]:
    return _tabs.setdefault(asyncio.get_running_loop(), [])


async def _standing(whose: str, url: str, deeds: Sequence[Deed], sealed: bool, named: bool) -> _Tab:
    """The run's tab at the deeds but the last (or at all of them: the call comes a second time), or a new one. It is
    nobody else's until it is put back."""
    if sealed:
        raise Refused("sealed", _("The run is sealed: it reads what the index has, and opens nothing."))
    address = policy.canonical(url)
    for done in (list(deeds[:-1]), list(deeds)):
        for tab in _here():
            if (tab.whose, tab.url, tab.deeds) == (whose, address, done):
                _here().remove(tab)
                if not tab.page.is_closed():
                    return tab
                await _drop(tab)
    tab = _Tab(whose, address)
    if named:
        _named.add((whose, address))
    try:
        await _open(tab)
    except BaseException:
        await _drop(tab)
        raise
    return tab


async def _open(tab: _Tab) -> None:
    host = policy.parse(tab.url).host
    async with hosts.manners(host, await _pause(tab)), browser.in_hand():
        page = await browser.page_of(tab.whose, host, partial(_permitted, tab.whose))
        tab.pages.append(page)
        _watch(tab, page)
        try:
            response = await page.goto(tab.url, wait_until="domcontentloaded", timeout=0)  # in_hand() ends it
        except PlaywrightError:
            await asyncio.sleep(0)
            if not tab.downloads:
                raise
        else:
            if response is None:
                raise Unreadable("crash", _("The browser showed nothing."))
            check_status(response.status, await browser.checked(response))
            await _rest(tab)
            await _settled(tab)
            await _look(tab)
    for extra in tab.opened:  # windows that nobody's deed has opened
        await browser.closed(extra)
    tab.opened.clear()
    if tab.downloads or _is_document(tab.response):
        tab.document = await reading.open_page(tab.downloads[-1] if tab.downloads else tab.url)
    tab.at = tab.url if tab.document else _address(page)


async def _pause(tab: _Tab) -> float:
    """What the host is owed between two requests. Raises where it, or its robots.txt, does not let us in."""
    url = tab.at or tab.url
    delay = await reading.admitted(url, named=(tab.whose, url) in _named)
    return 0.0 if hosts.own(policy.parse(url).host) else max(reading.LIVE_DELAY, delay)


async def _permitted(whose: str, url: str) -> str:
    """Why the page at `url` may not be shown, wherever a click leads; "" where it may."""
    try:
        address = policy.canonical(url)
        await reading.admitted(address, named=(whose, address) in _named)
    except IndexFailure as failure:
        return str(failure)
    return ""


async def _put_back(tab: _Tab) -> None:
    """Let the tab stand until the run comes back to it; the oldest of too many are closed, and what is forgotten."""
    here = _here()
    tab.used = time.monotonic()
    here.append(tab)
    here.sort(key=lambda one: one.used)
    own = [one for one in here if one.whose == tab.whose]
    idle = [one for one in here if one.used < tab.used - IDLE_SECONDS]
    for leaving in {id(one): one for one in (*own[:-TABS_A_RUN], *here[:-TABS], *idle)}.values():
        here.remove(leaving)
        await _drop(leaving)
        if all(one.whose != leaving.whose for one in here):
            await browser.leave(leaving.whose)


async def _drop(tab: _Tab) -> None:
    for page in (*tab.pages, *tab.opened):
        await browser.closed(page)


# --- What goes on in it ----------------------------------------------------------------------------------------------
def _watch(tab: _Tab, page: Page) -> None:
    """Note what the page asks for, the windows that it opens and what it would download."""
    context = page.context
    context.on("request", tab.asks)  # of a window that is on its way, too
    context.on("requestfinished", tab.has)
    context.on("requestfailed", tab.has)
    page.on("close", lambda _page: _unheard(context, tab))
    _watch_window(tab, page)


def _watch_window(tab: _Tab, page: Page) -> None:
    def answered(response: Response) -> None:
        with suppress(PlaywrightError):  # of a window that is only just there
            if response.request.is_navigation_request() and response.frame == page.main_frame:
                tab.response = response

    def opened(window: Page) -> None:
        tab.opened.append(window)
        _watch_window(tab, window)

    def downloads(download: Download) -> None:
        tab.downloads.append(download.url)

    page.on("response", answered)
    page.on("popup", opened)
    page.on("download", downloads)


def _unheard(context: BrowserContext, tab: _Tab) -> None:
    context.remove_listener("request", tab.asks)
    context.remove_listener("requestfinished", tab.has)
    context.remove_listener("requestfailed", tab.has)


async def _rest(tab: _Tab) -> None:
    """Wait until the page asks for nothing any more; one that never rests is read as it is."""
    began = time.monotonic()
    await asyncio.sleep(GRACE)
    while time.monotonic() - began < browser.SETTLE_SECONDS:
        if not tab.asking and time.monotonic() - tab.asked_at >= QUIET:
            return
        await asyncio.sleep(0.05)
    tab.asking.clear()  # what has not been answered by now is not waited for a second time


async def _settled(tab: _Tab) -> None:
    """A new document: what shows next to nothing yet is waited for a little longer, and its banner is declined."""
    until = time.monotonic() + LATE
    while time.monotonic() < until and int(await tab.page.evaluate(_SHOWS)) < LITTLE:
        await asyncio.sleep(0.2)
    if await consent.decline(tab.page):
        await _rest(tab)


def _address(page: Page) -> str:
    return policy.canonical(page.url)


async def _look(tab: _Tab) -> None:
    """Read the controls: numbers and references hold until the next look."""
    tab.seen = nodes(await tab.page.aria_snapshot(mode="ai"))
    tab.controls = acted_on(tab.seen)


# --- Deeds -----------------------------------------------------------------------------------------------------------
class _NotDone(Exception):
    """The deed was not done, and why, in a sentence."""


async def _do(tab: _Tab, deed: Deed) -> str:
    """Do the deed and let the page come to rest; why it was not done, "" where it was. A page that cannot be shown is
    left again: the tab is then as it was before."""
    tab.opened.clear()
    tab.downloads.clear()
    tab.response = None
    said = browser.said(tab.page)
    said.clear()
    before, windows = tab.at, len(tab.pages)
    try:
        if tab.document is not None:
            if deed.kind != "back":
                raise _NotDone(_("A document is shown, which has no controls: go back first."))
            tab.document, did = None, _("went back to the page")
        else:
            host = policy.parse(tab.at).host
            async with hosts.manners(host, await _pause(tab)), browser.in_hand():
                did = await _done(tab, deed)
                await _rest(tab)
                await _changed_window(tab)
                if said:
                    raise _NotDone(said[-1])
                await _arrived(tab, before)
                await _look(tab)
            if tab.downloads or _is_document(tab.response):
                await _open_document(tab, before)
    except _NotDone as not_done:
        await _left_again(tab, before, windows)
        return str(not_done)
    tab.at = tab.document.url if tab.document else _address(tab.page)
    tab.here = [*tab.here, did] if tab.at == before else []
    tab.deeds.append(deed)
    tab.did = did
    return ""


async def _done(tab: _Tab, deed: Deed) -> str:
    """Do the deed; what was done, in a few words. Raises _NotDone."""
    if deed.kind == "scroll":
        return await _scroll(tab)
    if deed.kind == "back":
        return await _back(tab)
    if deed.kind == "next":
        if (found := await _next(tab)) is None:
            raise _NotDone(_("There is no next page to be found."))
    elif (found := _control(tab, deed)) is None:
        raise _NotDone(refusal(deed, None, Facts()))
    control, node = found
    element = tab.page.locator(f"aria-ref={node.ref}")
    if why := refusal(deed, control, await _facts(tab.page, element)):
        raise _NotDone(why)
    try:
        return await _acted(tab, deed, found) % {
            "role": control.role,
            "name": control.name[:80],
            "text": deed.text,
        }
    except PlaywrightError as error:
        if tab.page.is_closed() or "crashed" in str(error):
            raise
        log.debug("Not done on %s: %s", tab.at, error)
        raise _NotDone(_("It cannot be done there: it is covered, hidden or gone.")) from error


async def _acted(tab: _Tab, deed: Deed, on: tuple[Control, Node]) -> str:
    """Act on the control; the words for it, with places for its role and name and the deed's text."""
    node = on[1]
    element = tab.page.locator(f"aria-ref={node.ref}")
    match deed.kind:
        case "fill":
            await element.fill(deed.text, timeout=ACT_MS)
            return _('typed "%(text)s" into the %(role)s "%(name)s"')
        case "press":
            await element.press(deed.text, timeout=ACT_MS)
            return _('pressed %(text)s on the %(role)s "%(name)s"')
        case "select":
            await _select(tab, node, element, deed.text)
            return _('chose "%(text)s" in the %(role)s "%(name)s"')
        case _:
            await _click(tab.page, element)
            return _('clicked the %(role)s "%(name)s"')


def _control(tab: _Tab, deed: Deed) -> tuple[Control, Node] | None:
    """By its number; where the page was opened anew and counts otherwise, by the name that it had."""
    numbered = next((one for one in tab.controls if one[0].number == deed.control), None)
    if deed.name and (numbered is None or numbered[0].name != deed.name):
        return next((one for one in tab.controls if one[0].name == deed.name), None)
    return numbered


async def _click(page: Page, element: Locator) -> None:
    try:
        await element.click(timeout=ACT_MS)
    except PlaywrightError as error:
        if "intercepts pointer events" not in str(error):
            raise
        await consent.decline(page)
        await element.dispatch_event("click", timeout=ACT_MS)


async def _select(tab: _Tab, node: Node, element: Locator, text: str) -> None:
    """An option by its words: of the browser's own list, or of one that scripts have made, which opens by a click."""
    if await element.evaluate("element => element instanceof HTMLSelectElement", timeout=ACT_MS):
        if text not in (offered := options(tab.seen, node)):
            raise _NotDone(_("It offers: %(options)s.") % {"options": ", ".join(offered)[:500]})
        await element.select_option(label=text, timeout=ACT_MS)
        return
    await element.click(timeout=ACT_MS)
    await _rest(tab)
    seen = nodes(await tab.page.aria_snapshot(mode="ai"))
    fitting = [one for one in seen if one.role in {"option", "menuitem"} and text in {one.name, one.text} and one.ref]
    if not fitting:
        offered = [one.name or one.text for one in seen if one.role in {"option", "menuitem"}]
        raise _NotDone(_("It offers: %(options)s.") % {"options": ", ".join(offered)[:500]})
    await tab.page.locator(f"aria-ref={fitting[0].ref}").click(timeout=ACT_MS)


async def _scroll(tab: _Tab) -> str:
    """Go to the end of the page, and on while there comes more. The wheel turns what lies in the middle."""
    before = -1
    await tab.page.mouse.move(browser.WIDTH / 2, browser.HEIGHT / 2)
    for _screen in range(SCREENS):
        size = int(await tab.page.evaluate("document.body?.innerText.length || 0"))
        if size == before:
            break
        before = size
        await tab.page.mouse.wheel(0, 100_000)
        await _rest(tab)
    return _("scrolled to the end")


async def _back(tab: _Tab) -> str:
    if len(tab.pages) > 1:
        await browser.closed(tab.pages.pop())
    elif await tab.page.go_back(wait_until="domcontentloaded", timeout=0) is None and _address(tab.page) == tab.at:
        raise _NotDone(_("There is nothing to go back to."))
    return _("went back")


async def _next(tab: _Tab) -> tuple[Control, Node] | None:
    """What leads to the next page of a list: by rel=next, by its name, by an arrow, by the number after the current
    one, or what loads more."""
    links = [one for one in tab.controls if one[0].role in {"link", "button"}]
    addressed = (
        {
            one[1].ref
            for one in links
            if one[0].name and await _attribute(tab.page.locator(f"aria-ref={one[1].ref}"), "rel") == "next"
        }
        if await tab.page.locator("a[rel~=next]").count()
        else set()
    )
    following = await _following(tab.page)
    for fits in (
        lambda name, node: node.ref in addressed,
        lambda name, node: _NEXT.fullmatch(name.strip(" »›→>.▶")) is not None,
        lambda name, node: name in _ARROWS,
        lambda name, node: name == following,
        lambda name, node: _MORE.fullmatch(name) is not None,
    ):
        for control, node in links:
            if fits(control.name.strip(), node):
                return control, node
    return None


async def _following(page: Page) -> str:
    """The number after that of the page which is marked as the current one; "" where none is."""
    current = page.locator("[aria-current=page], [aria-current=true], .pagination .active, .pagination .current")
    for words in await current.all_inner_texts():
        if words.strip().isdecimal():
            return str(int(words) + 1)
    return ""


async def _changed_window(tab: _Tab) -> None:
    """The last window that the deed has opened becomes the tab, the others are closed."""
    windows = [one for one in tab.opened if not one.is_closed() and one.url not in {"", "about:blank"}]
    for extra in tab.opened:
        if extra not in windows[-1:]:
            await browser.closed(extra)
    tab.opened.clear()
    if windows and not tab.downloads:
        tab.pages.append(windows[-1])
        await windows[-1].wait_for_load_state("domcontentloaded", timeout=0)
    elif windows:
        await browser.closed(windows[-1])


async def _arrived(tab: _Tab, before: str) -> None:
    """Raise _NotDone where the deed led to a page that cannot be shown."""
    if tab.page.is_closed():
        raise _NotDone(_("The page has closed itself."))
    if tab.downloads or _is_document(tab.response):
        return
    try:
        if tab.response is not None:
            check_status(tab.response.status, await browser.checked(tab.response))
        if _address(tab.page) != before and (why := await _permitted(tab.whose, tab.page.url)):
            raise _NotDone(why)
    except IndexFailure as failure:
        if tab.page.url.startswith("chrome-error:"):
            raise _NotDone(_("The page could not be reached, or not through the egress door.")) from failure
        raise _NotDone(str(failure)) from failure
    if tab.response is not None:
        await tab.page.wait_for_load_state("domcontentloaded", timeout=0)
        await _settled(tab)


async def _left_again(tab: _Tab, before: str, windows: int) -> None:
    """Back to where the tab was before a deed that led nowhere."""
    async with browser.in_hand():
        while len(tab.pages) > windows:
            await browser.closed(tab.pages.pop())
        with suppress(PlaywrightError):
            if tab.page.url.startswith("chrome-error:") or (tab.response and policy.canonical(tab.page.url) != before):
                await tab.page.go_back(wait_until="domcontentloaded", timeout=ACT_MS)
        await _look(tab)
    tab.at = before


# --- Documents -------------------------------------------------------------------------------------------------------
def _is_document(response: Response | None) -> bool:
    return response is not None and response.headers.get("content-type", "").lower().startswith(types.DOCUMENTS)


async def _open_document(tab: _Tab, before: str) -> None:
    """What the page would download is fetched and read as any page is. Raises _NotDone where that cannot be."""
    url = tab.downloads[-1] if tab.downloads else tab.page.url
    try:
        tab.document = await reading.open_page(policy.canonical(url))
    except IndexFailure as failure:
        raise _NotDone(_("It is a file that cannot be read: %(why)s") % {"why": failure}) from failure
    if not tab.downloads:
        await _left_again(tab, before, len(tab.pages))


# --- What is known of a control ---------------------------------------------------------------------------------------
async def _facts(page: Page, element: Locator) -> Facts:
    """Read by Playwright, in a world that the page's scripts have no hold on."""
    form = element.locator("xpath=ancestor-or-self::form")
    owner = await _attribute(element, "form")
    if owner and re.fullmatch(r"[\w-]+", owner):
        form = page.locator(f"form#{owner}")
    in_form = await form.count() > 0
    kind = (await _attribute(element, "type")).lower()
    tag = str(await element.evaluate("element => element.localName", timeout=ACT_MS))
    link = element.locator("xpath=ancestor-or-self::a[@href]").first if tag != "a" else element
    has_link = tag == "a" or await link.count() > 0
    href = await _attribute(link, "href") if has_link else ""
    facts = Facts(
        type=kind,
        autocomplete=(await _attribute(element, "autocomplete")).lower(),
        href=urljoin(page.url, href.strip()) if href else "",
        download=await link.get_attribute("download", timeout=ACT_MS) if has_link else None,
        in_form=in_form,
        submits=(tag == "button" and kind in {"", "submit"}) or (tag == "input" and kind in {"submit", "image"}),
    )
    return await _facts_of_form(facts, element, form.first) if in_form else facts


async def _facts_of_form(facts: Facts, element: Locator, form: Locator) -> Facts:
    method = await _attribute(element, "formmethod") or await _attribute(form, "method")
    sends = form.locator("button:not([type=button]), input[type=submit i], input[type=image i]")
    words = [
        await one.inner_text(timeout=ACT_MS) or await _attribute(one, "value") or await _attribute(one, "aria-label")
        for one in (await sends.all())[:5]
    ]
    held = {kind for kind in ("password", "file") if await form.locator(f"input[type={kind} i]").count()}
    return Facts(
        type=facts.type,
        autocomplete=facts.autocomplete,
        href=facts.href,
        download=facts.download,
        in_form=True,
        method=method.strip().lower(),
        submits=facts.submits,
        form_types=frozenset(held),
        form_words=tuple(words),
    )


async def _attribute(element: Locator, name: str) -> str:
    return await element.get_attribute(name, timeout=ACT_MS) or ""


# --- What is seen ----------------------------------------------------------------------------------------------------
async def _seen(tab: _Tab, refused: str) -> Browsed:
    """The tab as it stands, read and kept."""
    did = "" if refused else tab.did
    if tab.document is not None:
        tab.known_as = tab.document.url
        return Browsed(tab.document, (), tab.document.url, b"", refused, did)
    async with browser.in_hand():
        body = await _markup(tab.page)
        shot = await shots.shot(tab.page)
    state = reading.state_of(tab.at, sha256("\n".join(tab.here).encode()).hexdigest()) if tab.here else tab.at
    opened = await reading.keep(state, tab.at, body)
    tab.known_as = opened.url
    return Browsed(opened, tuple(control for control, _node in tab.controls), tab.at, shot, refused, did)


async def _markup(page: Page) -> bytes:
    """The document, with what its visible frames hold at its end."""
    markup = await browser.markup(page)
    framed = []
    for frame in page.frames[1 : FRAMES + 1]:
        with suppress(PlaywrightError, TimeoutError):
            framed.append(await asyncio.wait_for(_framed(frame), ACT_MS / 1000))
    before, end, after = markup.rpartition("</body>")
    markup = "".join((before, *framed, end, after))
    if len(markup) > FRAMES * HTML_BYTES:
        raise Refused("size", _("It is larger than %(most)d MB.") % {"most": FRAMES * HTML_BYTES // 1_000_000})
    return markup.encode(errors="replace")


async def _framed(frame: Frame) -> str:
    if not await (await frame.frame_element()).is_visible():
        return ""
    body = re.search(r"<body[^>]*>(.*)</body>", await frame.content(), re.S | re.I)
    return f"<section>{body[1]}</section>" if body else ""
