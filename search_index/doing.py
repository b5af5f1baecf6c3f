"""Does a deed on a live page: finds the control, asks what the document says of it, and acts, where deeds.py lets it.

Knows one page as it stands and no tab; what comes of a deed is seen to by windows.py. Called by tabs.py.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from urllib.parse import urljoin

from django.utils.translation import gettext as _
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator, Page

from search_index import browser, consent
from search_index.controls import Node, nodes
from search_index.deeds import Facts, refusal
from search_index.values import Control, Deed

log = logging.getLogger(__name__)

ACT_MS = 4000  # for one click or key: what is not ready for it by then is covered or gone
_LENGTH = "document.body?.innerText.length || 0"
SCREENS, LATE = 8, 1.5  # how often a scroll goes on where there comes more, and seconds that more may take to come
_NEXT = re.compile(
    r"(?:go to )?(?:the )?next(?: (?:page|issue|chapter|slide|image|day|week|month|year))?"
    r"|next (?:\d+ )?(?:results|entries|posts|items)|older(?: posts| entries)?"
    r"|more results|weiter|n[aä]chste[rs]?(?: (?:seite|monat|jahr))?|(?:page |mois )?suivante?|siguiente"
    r"|p[aá]gina siguiente|successiv[oa]|avanti|pr[oó]xim[ao]|volgende(?: pagina)?|n[aä]sta|neste|dalej|następna",
    re.I,
)
_MORE = re.compile(
    r"(?:load|show|see|view|read) (?:\d+ )?(?:more|older|earlier|previous|all|the rest)\b.*|more|continue reading"
    r"|expand all|(?:mehr|[aä]ltere .{1,20}|alles?) (?:laden|anzeigen|zeigen|lesen)|weiterlesen|mehr|lire la suite"
    r"|(?:voir|afficher) (?:plus|tout)|en savoir plus|(?:ver|leer|cargar|mostrar) m[aá]s|mostra altro|carica altri"
    r"|meer (?:laden|tonen|lezen)",
    re.I,
)
_ARROWS = frozenset(["»", "›", "→", ">", "▶", "⟩", ">>"])


Acted = tuple[Control, Node]
Rest = Callable[[], Awaitable[None]]  # waits until the page has come to rest


class NotDone(Exception):
    """The deed was not done, and why, in a sentence."""


async def done(page: Page, deed: Deed, controls: Sequence[Acted], rest: Rest) -> str:
    """Do the deed, any but "back"; what was done, in a few words. `controls` is what can be acted on of the page.
    Raises NotDone, and what Playwright raises when the page is gone."""
    if deed.kind == "scroll":
        return await _scroll(page, rest)
    if deed.kind == "next":
        if (found := await _next(page, controls)) is None:
            raise NotDone(_("There is no next page to be found."))
    elif (found := _control(controls, deed)) is None:
        raise NotDone(refusal(deed, None, Facts()))
    control, node = found
    element = _element(page, node)
    if why := refusal(deed, control, await _facts(page, element)):
        raise NotDone(why)
    try:
        said = await _acted(page, element, deed, control.options, rest)
    except PlaywrightError as error:
        if page.is_closed() or "crashed" in str(error):
            raise
        log.debug("Not done on %s: %s", page.url, error)
        raise NotDone(_("It cannot be done there: it is covered, hidden or gone.")) from error
    return said % {"role": control.role, "name": control.name[:80], "text": deed.text}


async def _acted(page: Page, element: Locator, deed: Deed, offered: Sequence[str], rest: Rest) -> str:
    """Act on the element; the words for it, with places for its role and name and the deed's text."""
    match deed.kind:
        case "fill":
            await element.fill(deed.text, timeout=ACT_MS)
            return _('typed "%(text)s" into the %(role)s "%(name)s"')
        case "press":
            await element.press(deed.text, timeout=ACT_MS)
            return _('pressed %(text)s on the %(role)s "%(name)s"')
        case "select":
            await _select(page, element, offered, deed.text, rest)
            return _('chose "%(text)s" in the %(role)s "%(name)s"')
        case _:
            await _click(page, element)
            return _('clicked the %(role)s "%(name)s"')


def _element(page: Page, node: Node) -> Locator:
    return page.locator(f"aria-ref={node.ref}")


def _control(controls: Sequence[Acted], deed: Deed) -> Acted | None:
    """By its number; where the page was opened anew and counts otherwise, by the name that it had."""
    numbered = next((one for one in controls if one[0].number == deed.control), None)
    if deed.name and (numbered is None or numbered[0].name != deed.name):
        return next((one for one in controls if one[0].name == deed.name), None)
    return numbered


async def _click(page: Page, element: Locator) -> None:
    try:
        await element.click(timeout=ACT_MS)
    except PlaywrightError as error:
        if "intercepts pointer events" not in str(error):
            raise
        await consent.decline(page)
        # By its handle: dispatch_event() on a locator looks for aria-ref in the page's own world, where there is none.
        handle = await element.element_handle(timeout=ACT_MS)
        await handle.dispatch_event("click")


async def _select(page: Page, element: Locator, offered: Sequence[str], text: str, rest: Rest) -> None:
    """An option by its words: of the browser's own list, or of one that scripts have made, which opens by a click."""
    if await element.evaluate("element => element instanceof HTMLSelectElement", timeout=ACT_MS):
        label = next((one for one in offered if one.casefold() == text.casefold()), None)
        if label is None:
            raise _not_offered(offered)
        await element.select_option(label=label, timeout=ACT_MS)
        return
    await element.click(timeout=ACT_MS)
    await rest()
    shown = [one for one in nodes(await page.aria_snapshot(mode="ai")) if one.role in {"option", "menuitem"}]
    fitting = [one for one in shown if text in {one.name, one.text} and one.ref]
    if not fitting:
        raise _not_offered([one.name or one.text for one in shown])
    await _element(page, fitting[0]).click(timeout=ACT_MS)


def _not_offered(offered: Sequence[str]) -> NotDone:
    return NotDone(_("It offers: %(options)s.") % {"options": ", ".join(offered)[:500]})


async def _scroll(page: Page, rest: Rest) -> str:
    """Go to the end of the page, and on while there comes more. The wheel turns what lies in the middle."""
    await page.mouse.move(browser.WIDTH / 2, browser.HEIGHT / 2)
    for _screen in range(SCREENS):
        before = int(await page.evaluate(_LENGTH))
        await page.mouse.wheel(0, 100_000)
        await rest()
        until = time.monotonic() + LATE  # a list may wait a little before it asks for more
        while int(await page.evaluate(_LENGTH)) == before:
            if time.monotonic() > until:
                return _("scrolled to the end")
            await asyncio.sleep(0.1)
    return _("scrolled to the end")


async def _next(page: Page, controls: Sequence[Acted]) -> Acted | None:
    """What leads to the next page of a list: by rel=next, by its name, by an arrow, by the number after the current
    one, or what loads more."""
    links = [one for one in controls if one[0].role in {"link", "button"}]
    addressed = set[str]()
    if await page.locator("a[rel~=next]").count():
        addressed = {node.ref for _one, node in links if await _attribute(_element(page, node), "rel") == "next"}
    following = await _following(page)
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
    return replace(facts, method=method.strip().lower(), form_types=frozenset(held), form_words=tuple(words))


async def _attribute(element: Locator, name: str) -> str:
    return await element.get_attribute(name, timeout=ACT_MS) or ""
