"""Consent banners with the markup of the tools that most sites have theirs from, in a real Chromium: each is declined,
else closed, else taken away, and none is ever consented to."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from pytest_django import Settings

from search_index import browser
from search_index.tabs import browse, leave
from search_index.values import Deed
from tests.fakes.door import door
from tests.fakes.held_site import CHOOSE, banner, choices, frames, town
from tests.fakes.site import Served, Site, serving

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
RUN = "run-1"
TOOLS = ("onetrust", "cookiebot", "didomi", "usercentrics", "quantcast", "trustarc", "sourcepoint", "borlabs")
FRENCH = "tarteaucitron"


def _own(buttons: str, text: str = "<p>We use cookies for this and that.</p>") -> str:
    """A banner that somebody has written for a site of their own."""
    return f'{CHOOSE}<div id="b" style="position:fixed;inset:0;background:#fff">{text}{buttons}</div>'


def _chooses(choice: str, name: str) -> str:
    return f"""<button onclick="choose('own', '{choice}', b)">{name}</button>"""


ACCEPT = _chooses("accepted", "Accept all")
SETTINGS = '<button onclick="s.hidden = false">Settings</button><p id="s" hidden>Choose.</p>'
BOX = '<label>Advertising <input type="checkbox"></label>'
IN_A_ROOT = """<div id="w"></div><script>w.attachShadow({ mode: "open" }).innerHTML =
`<div style="position:fixed;inset:0"><p>We use cookies.</p><button>Got it</button></div>`</script>"""
DISAGREE = '<button id="didomi-notice-disagree-button" aria-label="Disagree and close: Disagree to it">No</button>'
# The frame of a banner, which is asked for after the page has come to rest.
LATER = """<script>addEventListener("load", () => setTimeout(() => {
const frame = document.querySelector("#pop-frame"); frame.src = frame.dataset.src }, 2500))</script>"""
# A banner that comes at the very moment at which it has been looked for.
MEANWHILE = """<template>%s</template><script>
const look = document.querySelectorAll.bind(document), times = TIMES
let looks = 0
document.querySelectorAll = boxes => {
  const found = look(boxes)
  if (boxes.includes("truste_overlay") && ++looks == times)
    document.body.append(document.createRange().createContextualFragment(look("template")[0].innerHTML))
  return found
}</script>"""
PAGES = {
    **{f"/{tool}": banner(tool) for tool in (*TOOLS, FRENCH)},
    "/onetrust-settings": banner("onetrust").replace('id="onetrust-reject-all-handler"', "hidden"),
    "/didomi-disagree": banner("didomi")
    .replace('class="didomi-continue-without-agreeing"', "hidden")
    .replace('".didomi-continue-without-agreeing"', '"#didomi-notice-disagree-button"')
    .replace('<button id="didomi-notice-agree', f'{DISAGREE}<button id="didomi-notice-agree'),
    "/quantcast-disagree": banner("quantcast")
    .replace("MORE OPTIONS", "DISAGREE")
    .replace(
        'on("[mode=secondary]", () => {', 'on("[mode=secondary]", () => { return choose("quantcast", "declined", host);'
    ),
    "/saved": _own(ACCEPT + _chooses("saved", "Save my choices") + SETTINGS + BOX),
    "/ticked": _own(ACCEPT + _chooses("saved", "Save my choices") + SETTINGS + BOX.replace('box"', 'box" checked')),
    "/closed": _own(ACCEPT + _chooses("closed", "&times;")),
    "/wall": _own(_chooses("accepted", "OK")),
    "/shadow-wall": IN_A_ROOT,
    "/footer": _own(_chooses("settings", "Cookie settings"), "").replace("fixed", "static"),
}
CHOSEN = {
    **{f"/{tool}": [f"{tool}/declined"] for tool in (*TOOLS, FRENCH)},
    "/onetrust-settings": ["onetrust/declined"],
    "/didomi-disagree": ["didomi/declined"],
    "/quantcast-disagree": ["quantcast/declined"],
    "/saved": ["own/saved"],
    "/ticked": [],  # taken away
    "/closed": ["own/closed"],
    "/wall": [],
    "/shadow-wall": [],
    "/footer": [],
}


@pytest.fixture
def sites(settings: Settings) -> Iterator[tuple[Site, Site]]:
    """Every banner over a page of its own, and the town, where they come late."""
    with serving(_pages()) as site, town() as late, door([site.netloc, late.netloc]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = [site.netloc, late.netloc], url
        yield site, late


@pytest.fixture(autouse=True)
async def _close(sites: tuple[Site, Site]) -> AsyncIterator[None]:
    yield
    await leave(RUN)
    await browser.close()


def _page(over: str) -> str:
    return f"""<!doctype html><title>T</title><h1>The tower</h1><p>The tower of Orrin is 41 metres high.</p>
<button>Under it</button>{over}"""


def _pages() -> dict[str, Served]:
    return {
        **{path: _page(over) for path, over in PAGES.items()},
        **frames(),
        "*": "",
    }


async def test_no_banner_is_consented_to_and_none_is_left(sites: tuple[Site, Site]) -> None:
    site, _late = sites
    chosen, left = {}, {}
    for path in PAGES:
        before = len(choices(site))
        seen = await browse(RUN, site.url + path)
        chosen[path] = choices(site)[before:]
        left[path] = [control.name for control in seen.controls if control.name != "Under it"]
        assert "41 metres" in seen.opened.text
    assert chosen == CHOSEN
    assert {path: names for path, names in left.items() if names} == {"/footer": ["Cookie settings"]}


async def test_a_banner_that_comes_late_is_declined_before_the_next_deed(sites: tuple[Site, Site]) -> None:
    _site, late = sites
    url = f"{late.url}/gazette"
    seen = await browse(RUN, url)
    await _asked(late, "/cmp/trustarc")
    year = next(one for one in seen.controls if one.name == "1911")
    seen = await browse(RUN, url, [Deed("click", year.number, "", year.name)])
    assert seen.address == f"{late.url}/gazette/1911/"
    assert choices(late) == ["trustarc/declined"]


async def test_a_box_that_has_nothing_in_it_yet_is_not_taken_away(sites: tuple[Site, Site]) -> None:
    site, _late = sites
    site.pages["/later"] = _page(banner("trustarc").replace(" src=", " data-src=") + LATER)
    seen = await browse(RUN, f"{site.url}/later")
    assert choices(site) == ["trustarc/declined"]
    assert "41 metres" in seen.opened.text


@pytest.mark.parametrize("looks", [1, 2])
async def test_a_banner_that_comes_while_it_is_looked_for_is_declined_too(sites: tuple[Site, Site], looks: int) -> None:
    site, _late = sites
    site.pages["/meanwhile"] = _page((MEANWHILE % banner("trustarc")).replace("TIMES", str(looks)))
    seen = await browse(RUN, f"{site.url}/meanwhile")
    await _asked(site, "/cmp/trustarc")
    under = next(one for one in seen.controls if one.name == "Under it")
    await browse(RUN, f"{site.url}/meanwhile", [Deed("click", under.number, "", under.name)])
    assert choices(site) == ["trustarc/declined"]


async def _asked(site: Site, path: str) -> None:
    async with asyncio.timeout(20):
        while not site.hits(path):
            await asyncio.sleep(0.05)
