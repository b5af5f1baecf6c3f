"""Live tabs: pages that a run acts on in the browser, and what was seen there, kept.

A run's tab goes to a page (windows.py), its controls are read from the accessibility snapshot, a deed is done where it
may be (doing.py), and the page is read again when it has come to rest. A document that it would download is fetched by
fetch.py and read like any other. What is seen goes the way of every page (reading.keep). A tab is only a shortcut:
whatever state it is in can be had again from the address and the deeds, so tabs are closed when there are too many, and
nothing is lost with them. Decides neither what is opened nor what is typed. Called through api.py only.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from weakref import WeakKeyDictionary

from django.utils.translation import gettext as _
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Page

from search_index import browser, consent, doing, policy, reading, shots
from search_index.controls import Node, acted_on, nodes
from search_index.doing import NotDone
from search_index.errors import IndexFailure, Refused, Unreadable
from search_index.fetch import HTML_BYTES
from search_index.values import Browsed, Control, Deed, Opened
from search_index.whose import asking
from search_index.windows import Windows

TABS, TABS_A_RUN = 12, 4  # that stay open in one process; a tab takes some 50 to 150 MB
IDLE_SECONDS = 300  # a tab that nobody comes back to
FRAMES = 8  # within a page, that are read with it
FRAME_SECONDS = 4.0


@dataclass
class _Tab:
    """A page that a run has open."""

    whose: str
    url: str  # where it was opened, canonical
    windows: Windows
    deeds: list[Deed] = field(default_factory=list)  # that have been done
    did: str = ""  # the last of them, in words
    at: str = ""  # its address, canonical
    here: list[str] = field(default_factory=list)  # what has been done since it came to that address
    controls: list[tuple[Control, Node]] = field(default_factory=list)
    document: Opened | None = None  # that the last deed has led to, over the page
    known_as: str = ""  # `url` of what was last read of it
    used: float = 0.0

    @property
    def page(self) -> Page:
        return self.windows.page


_tabs: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Tab]] = WeakKeyDictionary()


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
            await tab.windows.close()
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
        await tab.windows.close()
        raise
    await _put_back(tab)
    return shown


async def leave(whose: str) -> None:
    """The run has ended: its tabs and their contexts are closed. Nothing happens where it has none."""
    _tabs[asyncio.get_running_loop()] = [tab for tab in _here() if tab.whose != whose]
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
                await tab.windows.close()
    tab = _Tab(whose, address, Windows(whose, address if named else ""))
    try:
        await _open(tab)
    except BaseException:
        await tab.windows.close()
        raise
    return tab


async def _open(tab: _Tab) -> None:
    await tab.windows.go(tab.url)
    if tab.windows.shows_document:
        await _read_document(tab)
    else:
        await _look(tab)
    tab.at = tab.document.url if tab.document else tab.windows.address


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
        await leaving.windows.close()
        if all(one.whose != leaving.whose for one in here):
            await browser.leave(leaving.whose)


async def _look(tab: _Tab) -> None:
    """Read the controls: numbers and references hold until the next look."""
    async with browser.in_hand():
        snapshot = await tab.page.aria_snapshot(mode="ai")
    tab.controls = acted_on(nodes(snapshot))


async def _read_document(tab: _Tab) -> None:
    """What the page would download, or shows without being a page, is fetched and read as any page is."""
    url = tab.windows.downloads[-1] if tab.windows.downloads else tab.page.url
    tab.document = await reading.open_page(policy.canonical(url), named=url == tab.windows.named)


# --- Deeds -----------------------------------------------------------------------------------------------------------
async def _do(tab: _Tab, deed: Deed) -> str:
    """Do the deed and let the page come to rest; why it was not done, "" where it was. A page that cannot be shown is
    left again: the tab is then as it was before."""
    before, windows = tab.at, len(tab.windows.pages)
    tab.windows.begin()
    try:
        if tab.document is not None:
            if deed.kind != "back":
                raise NotDone(_("A document is shown, which has no controls: go back first."))
            tab.document, did = None, _("went back to the page")
        else:
            did = await _done(tab, deed)
            await _arrived(tab, before, windows)
    except NotDone as not_done:
        await tab.windows.left_again(before, windows)
        await _look(tab)
        return str(not_done)
    tab.at = tab.document.url if tab.document else tab.windows.address
    tab.here = [*tab.here, did] if tab.at == before else []
    tab.deeds.append(deed)
    tab.did = did
    return ""


async def _done(tab: _Tab, deed: Deed) -> str:
    """Do the deed in a turn of the page's host, and go where it leads; what was done, in words. Raises NotDone."""
    arriving = False
    try:
        async with tab.windows.turn(tab.at):
            if deed.kind == "back":
                if not await tab.windows.back():
                    raise NotDone(_("There is nothing to go back to."))
                did = _("went back")
            else:
                if await consent.is_shown(tab.page) and await consent.decline(tab.page):  # one that came late
                    await tab.windows.rest()
                did = await doing.done(tab.page, deed, tab.controls, tab.windows.rest)
            await tab.windows.rest()
            await tab.windows.change()
            arriving = True
            await tab.windows.arrive()
    except IndexFailure as failure:
        if not arriving or isinstance(failure, Unreadable) or failure.reason == "timeout":
            raise
        raise NotDone(str(failure)) from failure
    try:
        await tab.windows.follow()
    except Unreadable:
        raise
    except IndexFailure as failure:
        raise NotDone(str(failure)) from failure
    return did


async def _arrived(tab: _Tab, before: str, windows: int) -> None:
    """Read what the deed has led to. Raises NotDone for a file that cannot be read."""
    if tab.windows.shows_document:
        is_shown = not tab.windows.downloads
        try:
            await _read_document(tab)
        except IndexFailure as failure:
            raise NotDone(_("It is a file that cannot be read: %(why)s") % {"why": failure}) from failure
        if not is_shown:  # what is saved leaves the page as it is
            return
        await tab.windows.left_again(before, windows)
    await _look(tab)


# --- What is seen ----------------------------------------------------------------------------------------------------
async def _seen(tab: _Tab, refused: str) -> Browsed:
    """The tab as it stands, read and kept."""
    did = "" if refused else tab.did
    told = browser.told(tab.page)
    held, sent = tuple(told.held), dict(told.sent)
    if tab.document is not None:
        tab.known_as = tab.document.url
        return Browsed(tab.document, (), tab.document.url, b"", refused, did, held, sent)
    async with browser.in_hand():
        body = await _markup(tab.page)
        shot = await shots.shot(tab.page)
    state = reading.state_of(tab.at, sha256("\n".join(tab.here).encode()).hexdigest()) if tab.here else tab.at
    opened = await reading.keep(state, tab.at, body)
    tab.known_as = opened.url
    controls = tuple(control for control, _node in tab.controls)
    return Browsed(opened, controls, tab.at, shot, refused, did, held, sent)


async def _markup(page: Page) -> bytes:
    """The document, with what its visible frames hold at its end."""
    markup = await browser.markup(page)
    framed = []
    for frame in page.frames[1 : FRAMES + 1]:
        with suppress(PlaywrightError, TimeoutError):
            framed.append(await asyncio.wait_for(_framed(frame), FRAME_SECONDS))
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
