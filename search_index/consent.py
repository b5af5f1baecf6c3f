"""Declines the banners that ask for consent to cookies, or takes them away, so that what is below can be read.

First by the buttons of well-known consent platforms, then by the words of a button in something that speaks of cookies;
what lies over the page and still speaks of them is taken out of the document. Nothing is ever consented to.
Called by tabs.py for each new document.
"""

import logging
import re
from collections.abc import Sequence

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from search_index.controls import Node, acted_on, around, nodes

log = logging.getLogger(__name__)

CLICK_MS = 1500
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
        "#wt-cli-reject-btn",
        "#cookie_action_close_header_reject",
        ".qc-cmp2-summary-buttons button[mode='secondary']",
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
_SPEAKS = re.compile(r"cookie|\bconsent\b|einwilligung|consentement|consentimiento|consenso|privacy choices", re.I)
# What is set over the page, or sticks to its edge, and speaks of cookies; and the lock on scrolling that came with it.
_TAKE_AWAY = r"""(most => {
  const speaks = /cookie|\bconsent\b|einwilligung|consentement|consentimiento|consenso/i
  let taken = 0
  for (const element of document.querySelectorAll("body *")) {
    if (!element.isConnected || !["fixed", "sticky"].includes(getComputedStyle(element).position)) continue
    const text = element.innerText || ""
    if (text.length < most && speaks.test(text)) { element.remove(); taken++ }
  }
  if (taken) for (const element of [document.documentElement, document.body])
    element.style.setProperty("overflow", "auto", "important")
  return taken
})"""


async def decline(page: Page) -> bool:
    """Decline what the page asks consent for; whether there was something. Raises what Playwright raises when the page
    is gone."""
    known = page.locator(_BUTTONS).filter(visible=True)
    if await known.count():
        if await _clicked(page, _BUTTONS):
            return True
    else:
        seen = nodes(await page.aria_snapshot(mode="ai"))
        if (ref := button(seen)) and await _clicked(page, f"aria-ref={ref}"):
            return True
        if not any(_SPEAKS.search(f"{node.name} {node.text}") for node in seen):
            return False
    return bool(await page.evaluate(_TAKE_AWAY, _SPEAKS_LENGTH))


def button(seen: Sequence[Node]) -> str:
    """The reference of the button that declines, in something that speaks of cookies; "" where there is none."""
    places = {id(node): place for place, node in enumerate(seen)}
    for control, node in acted_on(seen):
        name = control.name.strip(" .!×✕→›")
        if control.role not in {"button", "link"} or not _DECLINES.fullmatch(name):
            continue
        if "cookie" in name.lower():
            return node.ref
        for place in around(seen, places[id(node)]):
            said = _said(seen, place)
            if len(said) > _SPEAKS_LENGTH:
                break
            if _SPEAKS.search(said):
                return node.ref
    return ""


def _said(seen: Sequence[Node], place: int) -> str:
    """The words of a line and of all that belongs to it, which are the lines below it."""
    words = [seen[place].name, seen[place].text]
    for at in range(place + 1, len(seen)):
        if place not in around(seen, at):
            break
        words += [seen[at].name, seen[at].text]
    return " ".join(words)


async def _clicked(page: Page, selector: str) -> bool:
    try:
        await page.locator(selector).filter(visible=True).first.click(timeout=CLICK_MS)
    except PlaywrightError as error:
        log.debug("A banner of %s could not be declined: %s", page.url, error)
        return False
    return True
