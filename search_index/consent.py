"""Declines the banners that ask for consent to cookies, closes or takes away those that cannot be declined, so that
what is below can be read and used.

First by the buttons of well-known consent platforms, then by the words of a button in something that speaks of cookies;
where only a second layer lets one decline, that is opened, and left with everything off. Frames and open shadow roots
are looked into. Where nothing declines, the banner is closed, and what still lies over the page and speaks of cookies
is taken out of the document. Nothing is ever consented to.
Called by windows.py for each new document, by tabs.py before a deed, and by doing.py where something covers a control.
"""

import asyncio
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator, Page

from search_index.controls import Node, acted_on, around, nodes

log = logging.getLogger(__name__)

CLICK_MS = 1500
GONE_MS = 700  # until what was clicked is gone with its banner, or with its layer
LAYER_SECONDS = 2.0  # until a layer is there with all that is in it, which may be a frame of its own
FRAMES = 8  # of a page, that are looked into
_SPEAKS_LENGTH = 4000  # characters: what speaks of cookies at greater length is the page, not a banner

# "Reject all" of the platforms that most banners come from (Playwright's selectors see into open shadow roots).
_BUTTONS = ", ".join(
    (
        "#onetrust-reject-all-handler",
        ".ot-pc-refuse-all-handler",
        "#CybotCookiebotDialogBodyButtonDecline",
        "#CybotCookiebotDialogBodyLevelButtonLevelOptinDeclineAll",
        "#didomi-notice-disagree-button",
        ".didomi-continue-without-agreeing",
        "[data-testid='uc-deny-all-button']",
        "#truste-consent-required",
        ".osano-cm-denyAll",
        ".osano-cm-deny",
        ".cky-btn-reject",
        ".cmplz-deny",
        ".cm-btn-decline",
        ".cn-decline",
        "#tarteaucitronAllDenied2",
        ".iubenda-cs-reject-btn",
        "#axeptio_btn_dismiss",
        "#cmpwelcomebtnno",
        ".cmpboxbtnno",
        ".cc-deny",
        "[data-cc='reject-all']",
        "#cm__btn--necessary",
        "[data-cookiefirst-action='reject']",
        "#ccc-reject-settings",
        "[data-tid='banner-decline']",
        ".fc-cta-do-not-consent",
        "#shopify-pc__banner__btn-decline",
        "[data-cookie-refuse]",
        ".brlbs-btn-accept-only-essential",
        ".sp_choice_type_13",
        ".sp_choice_type_REJECT_ALL",
        ".pdynamicbutton .required",
        "#wt-cli-reject-btn",
        "#cookie_action_close_header_reject",
    )
)
_DECLINES = re.compile(
    r"(?:no,? |i )?(?:reject|decline|deny|refuse|disagree)(?: (?:all|everything|optional|non-?essential|additional))*"
    r"(?: cookies)?"
    r"|(?:use |accept |allow )?(?:only|just) (?:the )?(?:strictly )?(?:necessary|essential|required)(?: cookies)?"
    r"(?: only)?"
    r"|(?:use |accept |allow )?(?:strictly )?(?:necessary|essential|required)(?: cookies)? only"
    r"|continue without (?:accepting|agreeing)|do not (?:consent|accept|agree)|no,? thanks?"
    r"|(?:alle(?:s)? )?(?:cookies )?ablehnen|nur (?:technisch )?(?:notwendige|erforderliche|essenzielle)(?: cookies)?"
    r"(?: (?:akzeptieren|zulassen|erlauben))?|(?:tout|tous) refuser|refuser(?: tout)?|continuer sans accepter"
    r"|rechazar(?: todo| todas)?|solo (?:las )?necesarias|rifiuta(?: tutto| tutti)?|continua senza accettare"
    r"|rejeitar(?: tudo| todos)?|(?:alles )?weigeren|alleen noodzakelijke(?: cookies)?|odrzuć(?: wszystkie)?"
    r"|avvisa(?: alla)?|afvis(?: alle)?",
    re.I,
)
# What leads to a second layer, what leaves that as it stands, and what closes a banner. All three are only used beside
# something that would consent.
_SETTINGS = re.compile(
    r"(?:show |see |view )?(?:more |other |cookies? |privacy |consent )?(?:options|settings|preferences|choices)"
    r"|(?:manage|customi[sz]e|change|adjust|edit|let me choose|choose|configure|set)(?: (?:my|your|all|the))?"
    r"(?: (?:cookies?|privacy|consent|options|settings|preferences|choices|purposes))*|learn more|more information"
    r"|(?:cookie-?|individuelle )?(?:datenschutz-?)?einstellungen(?: (?:anpassen|ändern|verwalten))?"
    r"|(?:einstellungen|cookies) (?:anpassen|verwalten)|anpassen|mehr optionen"
    r"|personnaliser(?: (?:mes choix|les cookies))?|param[eé]trer(?: les cookies)?|param[eè]tres(?: des cookies)?"
    r"|plus d['’]options|configurar(?: cookies)?|m[aá]s opciones|personalizza|preferenze|instellingen(?: aanpassen)?",
    re.I,
)
_SAVES = re.compile(
    r"(?:save|confirm|submit)(?: (?:my|your|the))?(?: (?:choices?|settings|preferences|selection))?"
    r"(?: (?:&|and) (?:exit|close))?"
    r"|(?:auswahl |einstellungen )?(?:speichern|best[aä]tigen)(?: und schlie(?:ß|ss)en)?"
    r"|(?:enregistrer|confirmer|valider)(?: (?:mes choix|et fermer|la sélection))?|guardar(?: preferencias| y salir)?"
    r"|salva(?: preferenze)?(?: ed esci)?|opslaan",
    re.I,
)
_CLOSES = re.compile(
    r"[×✕✖⨯xX]|(?:close|dismiss|hide)(?: (?:this|the))?(?: (?:cookie )?(?:banner|notice|message|dialog|popup|window))?"
    r"|(?:banner )?schlie(?:ß|ss)en|fermer(?: la banni[eè]re)?|cerrar|chiudi|sluiten|fechar|zamknij|st[aä]ng|luk",
    re.I,
)
_CONSENTS = re.compile(
    r"\b(?:accept|agree|allow|consent|got it|akzeptieren|annehmen|zustimmen|einverstanden|erlauben|zulassen|accepter"
    r"|j['’]accepte|autoriser|aceptar|acepto|permitir|accett[ao]|consenti|aceitar|accepteren|akkoord|toestaan|akceptuj\w*"
    r"|zgadzam|godk[aä]nn\w*|till[aå]t|tillad|accepter alle)\b",
    re.I,
)
_SPEAKS = re.compile(r"cookie|\bconsent\b|einwilligung|consentement|consentimiento|consenso|privacy choices", re.I)
# Said of more than cookies: a banner only beside something that would consent.
_SPEAKS_OF_DATA = re.compile(
    r"personal data|your (?:data|privacy)|our (?:\d+ )?partners|tracking|vendors|datenschutz|personenbezogen"
    r"|donn[eé]es personnelles|partenaires|datos personales|dati personali|persoonsgegevens",
    re.I,
)
# The platforms' own boxes, which hold nothing else; a frame or a shadow root in them says nothing to the outside.
_BOXES = ", ".join(
    (
        "#onetrust-consent-sdk",
        "#CybotCookiebotDialog",
        "#CybotCookiebotDialogBodyUnderlay",
        "#didomi-host",
        "#usercentrics-root",
        "#usercentrics-cmp-ui",
        ".qc-cmp2-container",
        "[id^=sp_message_container]",
        ".truste_overlay",
        ".truste_box_overlay",
        "#truste-consent-track",
        "#BorlabsCookieBox",
        "#tarteaucitronRoot",
        ".fc-consent-root",
        "#cmpbox, #cmpbox2",
        ".cky-consent-container, .cky-overlay",
        ".osano-cm-window",
        "#iubenda-cs-banner",
        "#axeptio_overlay",
    )
)
# Whether one of them is seen on the page now.
_SHOWN = """(boxes => [...document.querySelectorAll(boxes)].some(box =>
  [box, ...box.querySelectorAll("*"), ...(box.shadowRoot ? box.shadowRoot.querySelectorAll("*") : [])].some(one =>
    one.checkVisibility({ visibilityProperty: true }) && one.getClientRects().length
      && one.getBoundingClientRect().height > 0)))"""
# The boxes; what is set over the page, or sticks to its edge, and speaks of cookies; and the lock on scrolling that
# came with it.
_TAKE_AWAY = r"""(([boxes, most]) => {
  const speaks = /cookie|\bconsent\b|einwilligung|consentement|consentimiento|consenso/i
  let taken = 0
  const lies = element => ["fixed", "sticky"].includes(getComputedStyle(element).position)
  for (const element of document.querySelectorAll("body *")) {
    if (!element.isConnected) continue
    const inside = element.shadowRoot && [...element.shadowRoot.querySelectorAll("*")]
    if (!element.matches(boxes) && !lies(element) && !(inside && inside.some(lies))) continue
    const text = (element.innerText || "") + (inside ? inside.map(one => one.innerText || "").join(" ") : "")
    if (element.matches(boxes) || (text.length < most && speaks.test(text))) { element.remove(); taken++ }
  }
  if (taken) for (const element of [document.documentElement, document.body])
    element.style.setProperty("overflow", "auto", "important")
  return taken
})"""


async def is_shown(page: Page) -> bool:
    """Whether the box of a well-known platform is seen: many come late. Raises as `decline` does."""
    return bool(await page.evaluate(_SHOWN, _BOXES))


async def decline(page: Page) -> bool:
    """Decline what the page asks consent for, else close it, else take it away; whether there was something. Raises
    what Playwright raises when the page is gone."""
    until = time.monotonic() + LAYER_SECONDS
    shown = await is_shown(page)
    while (seen := await _undeclined(page)) is not None and time.monotonic() < until:
        # A box that comes while we look has not been seen, and one that has come need not have what it asks: that may
        # be a frame.
        before, shown = shown, await is_shown(page)
        if before == shown and (not shown or _asks(seen)):
            break
        await asyncio.sleep(0.2)
    if seen is None:
        return True
    if await _clicked_there(page, settings(seen)):
        until = time.monotonic() + LAYER_SECONDS
        while (seen := await _undeclined(page)) is not None and time.monotonic() < until:
            await asyncio.sleep(0.2)
        if seen is None or await _clicked_there(page, saving(seen)):
            return True
    if await _clicked_there(page, closing(seen)):
        return True
    speaks = any(_SPEAKS.search(f"{node.name} {node.text}") for node in seen)
    return (speaks or shown) and bool(await page.evaluate(_TAKE_AWAY, [_BOXES, _SPEAKS_LENGTH]))


def button(seen: Sequence[Node]) -> str:
    """The reference of the button that declines, in something that speaks of cookies; "" where there is none."""
    return next((node.ref for node, _banner in _in_banners(seen, _DECLINES, beside=False)), "")


def settings(seen: Sequence[Node]) -> str:
    """The reference of the button that leads to a second layer of a banner; "" where there is none."""
    return next((node.ref for node, _banner in _in_banners(seen, _SETTINGS)), "")


def saving(seen: Sequence[Node]) -> str:
    """The reference of the button that saves what is chosen in a banner; "" where there is none, or where something is
    ticked there that could be off."""
    for node, banner in _in_banners(seen, _SAVES):
        ticked = [one.states for one in banner if "[checked]" in one.states or "[pressed]" in one.states]
        if all("[disabled]" in states for states in ticked):
            return node.ref
    return ""


def closing(seen: Sequence[Node]) -> str:
    """The reference of the button that closes a banner; "" where there is none."""
    return next((node.ref for node, _banner in _in_banners(seen, _CLOSES)), "")


def _in_banners(
    seen: Sequence[Node], named: re.Pattern[str], *, beside: bool = True
) -> Iterator[tuple[Node, list[Node]]]:
    """What is named so in a banner, and the lines of that; `beside` something that would consent."""
    places = {id(node): place for place, node in enumerate(seen)}
    controls = acted_on(seen)
    consenting = {id(node) for control, node in controls if _CONSENTS.search(control.name)}
    for control, node in controls:
        name = (control.name.strip(" .!→›✗✓") or control.name).partition(":")[0].partition(", ")[0]
        if control.role not in {"button", "link"} or not named.fullmatch(name):
            continue
        for place in around(seen, places[id(node)]):
            lines = [seen[place], *_inside(seen, place)]
            said = " ".join(f"{one.name} {one.text}" for one in lines)
            if len(said) > _SPEAKS_LENGTH:
                break
            speaks = _SPEAKS.search(said) is not None
            consents = any(id(one) in consenting for one in lines)
            if (speaks and not beside) or (consents and (speaks or _SPEAKS_OF_DATA.search(said))):
                yield node, lines
                break


def _inside(seen: Sequence[Node], place: int) -> Iterator[Node]:
    """The lines below a line that belong to it, and little more than those of a banner."""
    length = 0
    for at in range(place + 1, len(seen)):
        if place not in around(seen, at) or length > _SPEAKS_LENGTH:
            return
        length += len(seen[at].name) + len(seen[at].text)
        yield seen[at]


def _asks(seen: Sequence[Node]) -> bool:
    """Whether anything is there that would consent."""
    return any(_CONSENTS.search(control.name) for control, _node in acted_on(seen))


async def _undeclined(page: Page) -> list[Node] | None:
    """What is seen of the page where nothing declines; None where something does, and was clicked."""
    if await _declined_as_known(page):
        return None
    seen = nodes(await page.aria_snapshot(mode="ai"))
    return None if await _clicked_there(page, button(seen)) else seen


async def _declined_as_known(page: Page) -> bool:
    """Click what declines on its platform, in the page or in a frame; whether something did."""
    for frame in page.frames[: FRAMES + 1]:
        with suppress(PlaywrightError):  # a frame may go at any time, with its banner
            known = frame.locator(_BUTTONS).filter(visible=True)
            if await known.count() and await _clicked(known.first):
                return True
    return False


async def _clicked_there(page: Page, ref: str) -> bool:
    return bool(ref) and await _clicked(page.locator(f"aria-ref={ref}"))


async def _clicked(element: Locator) -> bool:
    """Click, and wait a little until it is gone."""
    try:
        await element.click(timeout=CLICK_MS)
    except PlaywrightError as error:
        log.debug("A banner could not be declined: %s", error)
        return False
    with suppress(PlaywrightError):
        await element.wait_for(state="hidden", timeout=GONE_MS)
    return True
