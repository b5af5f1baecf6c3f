"""Live tabs in a real Chromium, through the real door: what is acted on, what is refused, what is kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pytest_django import Settings

from config.loop import in_thread
from search_index import browser, fetch, hosts, reading, tabs, windows
from search_index.errors import Refused, RetryLater
from search_index.models import Host, Page, Passage, Snapshot
from search_index.tabs import browse, leave, picture
from search_index.values import Browsed, Deed
from tests.fakes.door import door
from tests.fakes.held_site import town
from tests.fakes.site import Answer, Site, redirect
from tests.fakes.tasks_site import TASKS, WRITING, Act, Task, archive

# A loop has one browser.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.asyncio(loop_scope="module"),
]
RUN = "run-1"


@pytest.fixture
def tasks(settings: Settings) -> Iterator[Site]:
    """The archive, which is known by two names, the operator's own."""
    with archive() as site, door(names := [site.netloc, _other(site)]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = names, url
        yield site


@pytest.fixture
def strange(tasks: Site, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts whose turns were waited for, one after the other; the archive is somebody else's."""
    settings.EGRESS_ALLOW = []
    monkeypatch.setattr(reading, "LIVE_DELAY", 0.3)
    turns, take = list[str](), hosts._turn

    def taken(name: str, delay: float, patience: float) -> float:
        turns.append(name)
        return take(name, delay, patience)

    monkeypatch.setattr(hosts, "_turn", taken)
    return turns


def _other(site: Site) -> str:
    return f"localhost:{site.port}"


def _asked(site: Site, path: str) -> list[str]:
    """Under which names of the site the path was asked for."""
    return [request.headers["host"].partition(":")[0] for request in site.requests if request.path == path]


async def _clicked(site: Site, path: str, name: str) -> Browsed:
    seen = await browse(RUN, site.url + path)
    return await browse(RUN, site.url + path, [deed(Act("click", name), seen)])


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _close() -> AsyncIterator[None]:
    yield
    await browser.close()


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _leave(tasks: Site) -> AsyncIterator[None]:
    yield
    for run in (RUN, "run-2"):
        await leave(run)
    await fetch.close()


def deed(act: Act, seen: Browsed) -> Deed:
    if not act.name:
        return Deed(act.kind)
    control = next(one for one in seen.controls if one.name == act.name)
    return Deed(act.kind, control.number, act.text, control.name)


def _passages(seen: Browsed) -> int:
    return Passage.objects.filter(snapshot=seen.opened.snapshot).count()


async def followed(site: Site, task: Task) -> tuple[Browsed, list[Deed]]:
    url, deeds = site.url + task.path, list[Deed]()
    seen = await browse(RUN, url)
    for act in task.acts:
        deeds.append(deed(act, seen))
        seen = await browse(RUN, url, deeds)
        assert seen.refused == ""
    return seen, deeds


async def test_labels_of_controls_are_no_sentence_with_what_stands_beside_them(tasks: Site) -> None:
    seen = await browse(RUN, f"{tasks.url}/search?q=lantern+room")
    assert seen.opened.text == "Search\n\nThe lantern room"


async def test_every_answer_of_the_archive_is_read_and_kept(tasks: Site) -> None:
    missed = {}
    for name, task in TASKS.items():
        try:
            seen, _deeds = await followed(tasks, task)
        except Exception as failure:  # all of them are wanted, not the first
            missed[name] = repr(failure)
            continue
        if task.answer not in seen.opened.text:
            missed[name] = seen.opened.text
            continue
        assert (await in_thread(reading.snapshot, seen.opened.snapshot)).text == seen.opened.text
        assert await reading.open_page(seen.opened.url, sealed=True) == seen.opened
    assert missed == {}


async def test_nothing_that_would_be_written_reaches_the_site(tasks: Site) -> None:
    for path, name in WRITING.items():
        seen = await browse(RUN, tasks.url + path)
        refused = await browse(RUN, tasks.url + path, [deed(Act("click", name), seen)])
        assert refused.refused, path
        assert refused.did == ""
        assert refused.opened == seen.opened
    sly = await browse(RUN, f"{tasks.url}/scripted-post")
    sly = await browse(RUN, f"{tasks.url}/scripted-post", [deed(Act("click", "Show the answer"), sly)])
    assert "POST" in sly.refused
    tasks.pages["/far-post"] = f"""<form id=f method=post action="http://{_other(tasks)}/did"></form><p>It is sly.</p>
        <button onclick="f.submit()">Show it</button>"""
    sly = await browse(RUN, f"{tasks.url}/far-post")
    sly = await browse(RUN, f"{tasks.url}/far-post", [deed(Act("click", "Show it"), sly)])
    assert "POST" in sly.refused
    sly = await browse(RUN, f"{tasks.url}/scripted-delete")
    sly = await browse(RUN, f"{tasks.url}/scripted-delete", [deed(Act("click", "Show it"), sly)])
    assert sly.held == ("A script would have changed something there (DELETE).",)
    login = await browse(RUN, f"{tasks.url}/login")
    typed = await browse(RUN, f"{tasks.url}/login", [deed(Act("fill", "Word", "secret"), login)])
    assert "password" in typed.refused
    assert {request.method for request in tasks.requests} == {"GET"}
    assert tasks.hits("/did") == tasks.hits("/viewer.exe") == 0


async def test_what_a_page_s_scripts_ask_by_post_is_told_with_the_deed(tasks: Site) -> None:
    url = f"{tasks.url}/posting"
    tasks.pages["/found"] = "colza oil"
    tasks.pages["/posting"] = """<p id=p>Nothing was found yet.</p><button onclick="fetch('/found', {method: 'POST',
        body: 'q=oil'}).then(r => r.text()).then(text => { p.textContent = text })">Find</button>"""
    seen = await browse(RUN, url)
    assert (seen.held, seen.sent) == ((), {})
    seen = await browse(RUN, url, [deed(Act("click", "Find"), seen)])
    assert "colza oil" in seen.opened.text
    assert (seen.held, seen.sent) == ((), {"127.0.0.1": 1})


async def test_questions_are_dismissed_and_a_page_can_always_be_left(tasks: Site) -> None:
    asking = await browse(RUN, f"{tasks.url}/asking")
    asked = await browse(RUN, f"{tasks.url}/asking", [deed(Act("click", "Ask"), asking)])
    assert "it was dismissed" in asked.opened.text
    deeds = list[Deed]()
    seen = await browse(RUN, f"{tasks.url}/staying")
    for name in ("Stay", "The painter"):
        deeds.append(deed(Act("click", name), seen))
        seen = await browse(RUN, f"{tasks.url}/staying", deeds)
    assert seen.address == f"{tasks.url}/painter"


async def test_where_robots_txt_and_the_operator_close_a_click_leads_nowhere(tasks: Site) -> None:
    url = f"{tasks.url}/to-closed"
    seen = await browse(RUN, url)
    for name, why in (("The closed part", "robots.txt"), ("Gone", "404")):
        refused = await browse(RUN, url, [deed(Act("click", name), seen)])
        assert why in refused.refused
        assert refused.address == url
        assert refused.opened == seen.opened
    assert tasks.hits("/closed") == 0
    with pytest.raises(Refused) as robots:
        await browse(RUN, f"{tasks.url}/closed")
    assert robots.value.reason == "robots"
    await in_thread(hosts.close, ["127.0.0.1"], Host.Standing.BLOCKED, "for a test")
    with pytest.raises(Refused) as blocked:
        await browse(RUN, f"{tasks.url}/script")
    assert blocked.value.reason == "blocked"


async def test_a_click_to_another_host_asks_that_host_first_and_back_leads_back(tasks: Site) -> None:
    other = f"http://{_other(tasks)}"
    tasks.pages["/out"] = (
        f"<a href='{other}/painter'>Painter</a> <a href='{other}/closed'>Closed</a> <p>The way out.</p>"
    )
    url = f"{tasks.url}/out"
    seen = await browse(RUN, url)
    closed = await browse(RUN, url, [deed(Act("click", "Closed"), seen)])
    assert "robots.txt of localhost" in closed.refused
    assert (closed.address, closed.opened) == (url, seen.opened)
    out = deed(Act("click", "Painter"), seen)
    painter = await browse(RUN, url, [out])
    assert painter.address == f"{other}/painter"
    assert "Ilse Brandt" in painter.opened.text
    assert (await browse(RUN, url, [out, Deed("back")])).address == url
    assert _asked(tasks, "/robots.txt") == ["127.0.0.1", "localhost"]
    assert _asked(tasks, "/painter") == ["localhost"]
    assert _asked(tasks, "/out") == ["127.0.0.1"]
    assert tasks.hits("/closed") == 0
    await in_thread(hosts.close, ["localhost"], Host.Standing.BLOCKED, "for a test")
    assert "for a test" in (await browse(RUN, url, [out, Deed("back"), out])).refused


@pytest.mark.parametrize("way", ["redirect", "far redirect", "script", "window", "link to a window", "shown address"])
async def test_no_way_leads_to_what_robots_txt_forbids(tasks: Site, way: str) -> None:
    tasks.pages |= {
        "/hop": redirect("/closed"),
        "/far": redirect(f"http://{_other(tasks)}/closed"),
        "/scripted": "<p>On.</p><script>location = '/closed'</script>",
        "/ways": """<p>Ways.</p><a href=/hop>redirect</a> <a href=/far>far redirect</a> <a href=/scripted>script</a>
          <button onclick="window.open('/closed')">window</button> <a href=/hop target=_blank>link to a window</a>
          <button onclick="history.pushState(0, '', '/closed')">shown address</button>""",
    }
    refused = await _clicked(tasks, "/ways", way)
    assert "robots.txt" in refused.refused
    assert refused.address == f"{tasks.url}/ways"
    assert [one.name for one in refused.controls][-1] == "shown address"
    assert tasks.hits("/closed") == 0


async def test_a_window_that_redirects_is_one_window_and_back_closes_it(tasks: Site) -> None:
    tasks.pages |= {"/hop": redirect("/painter"), "/ways": "<a href=/hop target=_blank>On</a><p>Ways.</p>"}
    seen = await browse(RUN, f"{tasks.url}/ways")
    deeds = [deed(Act("click", "On"), seen)]
    assert (await browse(RUN, f"{tasks.url}/ways", deeds)).address == f"{tasks.url}/painter"
    assert len(tabs._here()[0].windows.pages) == 2
    back = await browse(RUN, f"{tasks.url}/ways", [*deeds, Deed("back")])
    assert (back.address, back.opened) == (f"{tasks.url}/ways", seen.opened)
    assert tasks.hits("/ways") == 1
    nowhere = await browse(RUN, f"{tasks.url}/ways", [*deeds, Deed("back"), Deed("back")])
    assert "nothing to go back to" in nowhere.refused


@pytest.mark.parametrize("path", ["/hop", "/far", "/scripted"])
async def test_a_page_that_is_opened_and_leads_to_what_robots_txt_forbids_is_not_opened(tasks: Site, path: str) -> None:
    tasks.pages["/hop"] = redirect("/closed")
    tasks.pages["/far"] = redirect(f"http://{_other(tasks)}/closed")
    tasks.pages["/scripted"] = "<p>On.</p><script>location = '/closed'</script>"
    with pytest.raises(Refused) as refused:
        await browse(RUN, tasks.url + path)
    assert refused.value.reason == "robots"
    assert tasks.hits("/closed") == 0


async def test_each_document_waits_for_a_turn_of_its_host_and_what_belongs_to_it_does_not(
    tasks: Site, strange: list[str]
) -> None:
    parts = "".join(f"<img src='/part-{number}'><iframe src='/depth?{number}'></iframe>" for number in range(5))
    tasks.pages |= {
        "/out": f"{parts}<a href='/hop'>On</a><p>The way out.</p>",
        "/hop": redirect("/on"),
        "/on": f"<script>location = 'http://{_other(tasks)}/painter'</script>",
    }
    seen = await browse(RUN, f"{tasks.url}/out")
    assert strange == ["127.0.0.1"]
    assert tasks.hits("/depth") == 5
    painter = await browse(RUN, f"{tasks.url}/out", [deed(Act("click", "On"), seen)])
    assert painter.address == f"http://{_other(tasks)}/painter"
    assert strange == ["127.0.0.1"] * 3 + ["localhost"]  # the page, the click, where it redirects, where that leads
    times = {one.path: one.time for one in tasks.requests}
    assert min(times["/hop"] - times["/out"], times["/on"] - times["/hop"]) >= reading.LIVE_DELAY


async def test_a_host_is_not_thought_slow_because_a_page_takes_its_time(
    tasks: Site, strange: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, learn = list[float](), hosts._answered

    def answered(name: str, took: float) -> None:
        learned.append(took)
        learn(name, took)

    monkeypatch.setattr(hosts, "_answered", answered)
    began = time.monotonic()
    await browse(RUN, f"{tasks.url}/late")
    assert 0 < learned[0] <= time.monotonic() - began - windows.GRACE - windows.QUIET  # which are waited after it
    await browse(RUN, f"{tasks.url}/late", [Deed("scroll")])
    assert len(learned) == 1  # nothing was asked
    assert strange == ["127.0.0.1"] * 2


async def test_a_host_that_says_that_it_is_busy_is_left_alone(tasks: Site, strange: list[str]) -> None:
    tasks.pages["/busy"] = Answer("Busy.", status=429, headers={"Retry-After": "90"})
    tasks.pages["/out"] = "<a href='/busy'>On</a><p>The way out.</p>"
    seen = await browse(RUN, f"{tasks.url}/out")
    refused = await browse(RUN, f"{tasks.url}/out", [deed(Act("click", "On"), seen)])
    assert "busy" in refused.refused
    with pytest.raises(RetryLater) as resting:
        await browse(RUN, f"{tasks.url}/painter")
    assert resting.value.reason == "busy"
    assert tasks.hits("/painter") == 0


async def test_a_page_leads_nowhere_while_nobody_acts_on_it(tasks: Site) -> None:
    prose = "The keeper wrote down what he saw, and each day was different from the one before it. " * 4
    tasks.pages["/mover"] = f"<p>{prose}</p><script>setTimeout(() => {{ location = '/painter' }}, 4000)</script>"
    await browse(RUN, f"{tasks.url}/mover")
    await asyncio.sleep(4.5)
    assert tasks.hits("/painter") == 0
    again = await browse(RUN, f"{tasks.url}/mover", [Deed("scroll")])
    assert again.address == f"{tasks.url}/mover"


async def test_what_a_person_names_is_read_where_the_operator_says_so_and_nothing_else(
    tasks: Site, settings: Settings
) -> None:
    url = f"{tasks.url}/closed"
    with pytest.raises(Refused):
        await browse("run-2", url, named=True)
    with pytest.raises(Refused):
        await reading.open_page(url, named=True)
    settings.ROBOTS_FOR_PEOPLE = False
    with pytest.raises(Refused):
        await browse(RUN, url)
    with pytest.raises(Refused):
        await reading.open_page(url)
    assert "Nobody who obeys" in (await browse(RUN, url, named=True)).opened.text
    seen = await browse(RUN, f"{tasks.url}/to-closed", named=True)
    await leave(RUN)
    refused = await browse(RUN, f"{tasks.url}/to-closed", [deed(Act("click", "The closed part"), seen)], named=True)
    assert "robots.txt" in refused.refused


async def test_a_sealed_run_opens_nothing(tasks: Site) -> None:
    with pytest.raises(Refused) as sealed:
        await browse(RUN, f"{tasks.url}/script", sealed=True)
    assert sealed.value.reason == "sealed"
    assert tasks.requests == []


async def test_only_the_last_deed_is_done_where_the_tab_stands_and_all_of_them_elsewhere(tasks: Site) -> None:
    seen, deeds = await followed(tasks, TASKS["next link"])
    assert [request.path for request in tasks.requests if "keepers" in request.path] == [
        "/keepers",
        "/keepers?page=2",
        "/keepers?page=3",
    ]
    again = await browse(RUN, f"{tasks.url}/keepers", deeds)
    assert (again.opened, again.did) == (seen.opened, seen.did)
    assert tasks.hits("/keepers") == 3
    await leave(RUN)  # as if the worker had died
    anew = await browse(RUN, f"{tasks.url}/keepers", deeds)
    assert (anew.opened, anew.did, anew.controls) == (seen.opened, seen.did, seen.controls)
    assert tasks.hits("/keepers") == 6


async def test_a_control_is_found_by_its_name_where_a_page_counts_otherwise_now(tasks: Site) -> None:
    seen = await browse(RUN, f"{tasks.url}/logs", [Deed("click", 7, name="Log of 1912")])
    assert "Perrin Dow" in seen.opened.text
    gone = await browse(RUN, f"{tasks.url}/logs", [Deed("click", 1, name="Log of 1999")])
    assert gone.refused
    with pytest.raises(Refused) as changed:
        await browse(RUN, f"{tasks.url}/logs", [Deed("click", 1, name="Log of 1999"), Deed("back")])
    assert changed.value.reason == "deed"


async def test_a_state_that_deeds_led_to_is_a_page_of_its_own(tasks: Site) -> None:
    first = await browse(RUN, f"{tasks.url}/stay")
    seen, deeds = await followed(tasks, TASKS["opened part"])
    assert first.opened.url == seen.address == f"{tasks.url}/stay"
    assert seen.opened.url.startswith(f"{tasks.url}/stay#:~:deeds=")
    assert seen.opened.source == first.opened.source == "Live web"
    assert "ornithologists" not in (await reading.open_page(f"{tasks.url}/stay")).text
    assert await reading.open_page(seen.opened.url) == seen.opened
    assert (await reading.open_page(f"{tasks.url}/stay#:~:deeds=unknown")).url == f"{tasks.url}/stay"
    await leave(RUN)
    assert (await browse(RUN, f"{tasks.url}/stay", deeds)).opened == seen.opened
    assert await in_thread(Page.objects.filter(url__contains="/stay").count) == 2
    assert await in_thread(Snapshot.objects.filter(page__url__contains="/stay").count) == 2


async def test_what_is_thin_can_be_cited_but_not_found_and_what_is_not_can(tasks: Site) -> None:
    links = "".join(
        f"<p><a href='/{number}'>The chapter about the year {number}</a></p>" for number in range(1900, 1950)
    )
    tasks.pages["/links"] = f"<main><h1>All chapters</h1>{links}</main>"
    listed = await browse(RUN, f"{tasks.url}/links")
    assert "the year 1931" in listed.opened.text
    prose = "The keeper wrote down what he saw, and each day was different from the one before it. "
    tasks.pages["/long"] = f"<main><h1>The log</h1><p>{prose * 3}</p><p>{'On Monday a whale came. ' * 9}</p></main>"
    told = await browse(RUN, f"{tasks.url}/long")
    assert await in_thread(_passages, listed) == 0
    assert await in_thread(_passages, told) > 0
    assert (await in_thread(reading.snapshot, listed.opened.snapshot)).text == listed.opened.text
    tasks.pages["/bare"] = "<input aria-label='Search'>"
    bare = await browse(RUN, f"{tasks.url}/bare")
    assert (bare.opened.snapshot, bare.opened.text) == (0, "")
    assert [control.name for control in bare.controls] == ["Search"]


async def test_small_pictures_of_what_is_seen_and_of_what_is_cited(tasks: Site) -> None:
    tall = "".join(f"<p style='height:300px'>Paragraph {number} of <b>many</b>.</p>" for number in range(40))
    tasks.pages["/tall"] = f"<main>{tall}</main>"
    seen = await browse(RUN, f"{tasks.url}/tall")
    assert seen.shot.startswith(b"\xff\xd8")
    assert len(seen.shot) <= 40_000
    cited = await picture(RUN, f"{tasks.url}/tall", "Paragraph 33 of many.")
    assert cited.startswith(b"\xff\xd8")
    assert cited != seen.shot
    assert await picture(RUN, f"{tasks.url}/tall", "Paragraph 99 of many.") == b""
    assert tasks.hits("/tall") == 1
    await leave(RUN)
    assert (await picture(RUN, f"{tasks.url}/tall", "Paragraph 33 of many.")).startswith(b"\xff\xd8")
    assert await picture(RUN, f"{tasks.url}/tall#:~:deeds=abc", "Paragraph 33 of many.") == b""


async def test_many_tabs_are_not_kept_and_nothing_is_lost_with_them(tasks: Site) -> None:
    paths = ["/script", "/late", "/visit", "/ferry", "/pier", "/stone"]
    for path in paths:
        await browse(RUN, tasks.url + path)
    assert len(tabs._here()) == tabs.TABS_A_RUN
    stone = await browse(RUN, f"{tasks.url}/script")
    assert "41 metres" in stone.opened.text
    await leave(RUN)
    assert tabs._here() == []


async def test_a_browser_that_dies_between_two_deeds_costs_the_run_nothing(tasks: Site) -> None:
    url, deeds = f"{tasks.url}/accounts", [Deed("next")]
    await browse(RUN, url, deeds)
    browser._kill(browser._tree(browser._here().mark))
    await asyncio.sleep(0.5)
    seen = await browse(RUN, url, [*deeds, Deed("next")])
    assert "1,260 crowns" in seen.opened.text


async def test_a_page_that_hangs_takes_its_time_and_no_more(tasks: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{tasks.url}/hang"
    seen = await browse(RUN, url)
    with monkeypatch.context() as short:
        short.setattr(browser, "SECONDS", 3)
        with pytest.raises(RetryLater) as late:
            await browse(RUN, url, [deed(Act("click", "Think"), seen)])
    assert late.value.reason == "timeout"
    assert "41 metres" in (await browse(RUN, f"{tasks.url}/script")).opened.text


async def test_two_hunts_that_come_to_a_host_at_once_share_its_context(tasks: Site) -> None:
    await asyncio.gather(*(browse(RUN, tasks.url + TASKS[name].path) for name in ("script", "late script")))
    (context,) = [one for one in (await browser._browser()).contexts if one.pages]
    assert len(context.pages) == 2


async def test_one_document_after_another_is_read(tasks: Site, settings: Settings) -> None:
    with town() as site, door([site.netloc]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = [site.netloc], url
        address = f"{site.url}/documents"
        seen = await browse(RUN, address)
        minutes = deed(Act("click", "Minutes of the board, 2003 (PDF)"), seen)
        accounts = deed(Act("click", "Accounts for the year 2003 (DOCX)"), seen)
        closed = deed(Act("click", "Ledger of the harbour board 2003: dredging (staff)"), seen)
        assert "robots.txt" in (await browse(RUN, address, [closed])).refused
        assert "four times" in (await browse(RUN, address, [minutes])).opened.text
        await browse(RUN, address, [minutes, Deed("back")])
        seen = await browse(RUN, address, [minutes, Deed("back"), accounts])
        assert "412,600 marks" in seen.opened.text


async def test_what_open_shadow_roots_show_is_read_and_used(tasks: Site, settings: Settings) -> None:
    with town() as site, door([site.netloc]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = [site.netloc], url
        seen = await browse(RUN, f"{site.url}/fjell")
        assert "Heat, cold, wind and snow since 1904." in seen.opened.text
        seen = await browse(RUN, f"{site.url}/fjell", [deed(Act("click", "Show records"), seen)])
        assert "41.3 °C on 1 February 1956" in seen.opened.text
