"""Whole crawls: what is asked of a site and how often, what is done as it wishes, and traps that hold nobody."""

import time
from datetime import timedelta

import pytest
from django.db import DataError
from django.db.models.functions import Now

from search_index import blocklist, crawl, explain, likeness, reindex, sources, visit
from search_index.models import Crawl, Host, Page, Passage, Snapshot
from tests.fakes import traps
from tests.fakes.site import Answer, Request, Site, redirect
from tests.fakes.traps import MOST_PAGES, MOST_SECONDS, SHAPES
from tests.search_index.test_crawl import crawled, pages, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

WORDS = "The reed warbler builds its nest between three or four stems, a hand above the water, in the last week of May."


def text(number: object, *links: str, head: str = "") -> str:
    onward = " ".join(f"<a href='{link}'>on</a>" for link in links)
    body = f"<main><p>{WORDS} Note {number} of the diary.</p></main>{onward}"
    return f"<html><head>{head}</head><body>{body}</body></html>"


# --- Traps -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES)
def test_a_trap_costs_little_and_leaves_nothing_in_the_search(shape: str, site: Site, egress: str) -> None:
    site.pages = dict(SHAPES[shape]())
    source = sources.add(f"{site.url}/", name="Trap")
    began = time.monotonic()
    crawled(source)
    assert time.monotonic() - began < MOST_SECONDS
    asked = [request.path for request in site.requests if request.path != "/robots.txt"]
    assert len(asked) <= MOST_PAGES
    host = Host.objects.get(name="127.0.0.1")
    # Copies are compared as they are stored: on a busy machine what they lead to tells sooner.
    assert host.standing in ({"poison", "trap"} if shape == "poisoned copies" else {"trap"})
    assert ("are copies of others" in host.reason) == (host.standing == "poison")
    assert host.reason
    assert not Passage.objects.exists()
    assert not Page.objects.exclude(state="refused").exists()


def test_a_trap_that_drips_is_left_before_it_holds_us(site: Site, egress: str) -> None:
    site.pages = dict(traps.maze(trickle=0.05))
    site.pages["/"] = text(0, "/maze/a", "/maze/b", "/maze/c", "/maze/d")
    source = sources.add(f"{site.url}/", name="Trap")
    began = time.monotonic()
    crawled(source)
    assert time.monotonic() - began < MOST_SECONDS
    assert Host.objects.get(name="127.0.0.1").standing == "trap"
    assert not Passage.objects.exists()


def test_a_host_that_the_operator_opens_again_is_trusted(site: Site, egress: str) -> None:
    site.pages = dict(traps.endless_papers())
    source = sources.add(f"{site.url}/", name="Trap", max_pages=60)
    crawled(source)
    blocklist.unblock(["127.0.0.1"])
    work(Crawl.objects.exclude(state="done").get().pk)
    assert Host.objects.get(name="127.0.0.1").standing == "trusted"
    assert Page.objects.filter(state="indexed").count() >= 50


def test_an_endless_calendar_is_cut_off_and_the_site_stays(
    site: Site, egress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(likeness, "FAMILY", 10)  # months that are in before the next one is one too many
    site.pages = dict(traps.calendar())
    source = sources.add(f"{site.url}/", name="Library")
    source.max_depth = 60
    source.save()
    done = crawled(source)
    assert done.state == "done"
    found = Page.objects.filter(source=source)
    assert not Host.objects.exclude(standing="").exists()
    assert found.filter(state="indexed").count() >= 2
    assert found.filter(reason="barren").exists()
    assert len(site.requests) < 60


def test_a_part_of_a_site_whose_navigation_lies_outside_of_it_is_no_trap(site: Site, egress: str) -> None:
    menu = ["/", "/about", "/contact", "/press"]
    site.pages = {"/robots.txt": Answer("", status=404)}
    for number in range(70):
        related = [f"/blog/post-{number * 3 + step}" for step in (1, 2, 3)]
        site.pages[f"/blog/post-{number}"] = text(number, *menu, *related)
    site.pages["/blog/"] = text("start", "/blog/post-0")
    source = sources.add(f"{site.url}/blog/", name="Blog", max_pages=60)
    source.max_depth = 30
    source.save()
    crawled(source)
    assert not Host.objects.exclude(standing="").exists()


def test_a_site_whose_pages_have_uuids_and_navigation_is_no_trap(site: Site, egress: str) -> None:
    names = [f"/notes/7c9e6679-7425-40de-944b-e07fc1f9{number:04d}" for number in range(60)]
    navigation = [f"/about/{number}" for number in range(5)]
    site.pages = {"/": text("start", *names, *navigation), "/robots.txt": Answer("", status=404)}
    for number, name in enumerate([*names, *navigation]):
        site.pages[name] = text(number, "/", *navigation, *names[number + 1 : number + 4])
    crawled(sources.add(f"{site.url}/", name="Notes"))
    assert not Host.objects.exclude(standing="").exists()
    assert Page.objects.filter(state="indexed").count() > 50


# --- What a site wishes ----------------------------------------------------------------------------------------------
def test_where_a_redirect_leads_is_asked_of_robots_first(site: Site, egress: str) -> None:
    site.pages["/r/"] = text(1, "away", "outside")
    site.pages["/r/away"] = redirect("/r/private/x")
    site.pages["/r/private/x"] = text(2)
    site.pages["/r/outside"] = redirect("/faq.html")
    site.pages["/robots.txt"] = "User-agent: *\nDisallow: /r/private/"
    source = sources.add(f"{site.url}/r/")
    crawled(source)
    assert pages(source) == {"": "indexed", "away": "duplicate", "x": "robots", "outside": "scope"}
    assert site.hits("/r/private/x") == site.hits("/faq.html") == 0


def test_a_chain_of_redirects_ends(site: Site, egress: str) -> None:
    def onward(request: Request) -> Answer:
        return redirect(f"/c/{int(request.path.rpartition('/')[2]) + 1}")

    site.pages = {"/c/": text(1, "0"), "*": onward, "/robots.txt": Answer("", status=404)}
    source = sources.add(f"{site.url}/c/")
    source.max_depth = 3
    source.save()
    crawled(source)
    assert len(site.requests) < 15
    assert Page.objects.filter(reason="redirect").count() == 1


def test_a_page_that_asks_not_to_be_indexed_is_not_but_its_links_are_followed(site: Site, egress: str) -> None:
    site.pages["/n/"] = text(1, "meta", "header", "quiet")
    site.pages["/n/meta"] = text(2, "behind", head='<meta name="ROBOTS" content="noindex, follow">')
    site.pages["/n/behind"] = text(3)
    site.pages["/n/header"] = Answer(text(4), headers={"X-Robots-Tag": "noindex"})
    site.pages["/n/quiet"] = text(5, "unseen", head='<meta name="robots" content="nofollow">')
    source = sources.add(f"{site.url}/n/")
    crawled(source)
    found = pages(source)
    assert {name for name, reason in found.items() if reason == "noindex"} == {"meta", "header"}
    assert {name for name, reason in found.items() if reason == "indexed"} == {"", "behind", "quiet"}


def test_the_address_that_a_page_wants_is_its_own(site: Site, egress: str) -> None:
    site.pages["/k/"] = text(1, "a?sort=up", "a?sort=down&utm_source=x", "a?utm_campaign=y", "wrong")
    site.pages["/k/a"] = text(2, head='<link rel="canonical" href="/k/a">')
    site.pages["/k/wrong"] = text(3, head='<link rel="canonical" href="/k/">')
    source = sources.add(f"{site.url}/k/")
    crawled(source)
    assert pages(source) == {
        "": "indexed",
        "a": "indexed",
        "a?sort=up": "duplicate",
        "a?sort=down": "duplicate",
        "wrong": "indexed",
    }


# --- The same again --------------------------------------------------------------------------------------------------
def test_the_same_bytes_are_not_read_again_though_the_site_knows_no_validators(
    site: Site, egress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages["/s/"] = text(1, "a", "b", "thin")
    site.pages["/s/a"], site.pages["/s/b"] = text(2), text(3)
    site.pages["/s/thin"] = "<main><p>Hello.</p></main>" + "<!-- -->" * 20
    source = sources.add(f"{site.url}/s/")
    first = pages(crawled(source).source)
    monkeypatch.setattr(visit, "read", None)  # would fail if a page were read
    again = crawled(source)
    assert pages(source) == first
    assert (again.fetched, again.failed, again.unchanged) == (0, 0, list(first.values()).count("indexed"))


def test_links_that_were_left_aside_are_found_when_the_source_reaches_further(site: Site, egress: str) -> None:
    for name, onward in (("", "a"), ("a", "b"), ("b", "c"), ("c", "")):
        site.pages[f"/d/{name}"] = Answer(text(f"d{name}", f"/d/{onward}"), headers={"ETag": f'"{name}"'})
    source = sources.add(f"{site.url}/d/")
    source.max_depth = 1
    source.save()
    crawled(source)
    assert set(pages(source)) == {"", "a"}
    source.max_depth = 5
    source.save()
    reindex.read_again(source)
    again = crawled(source)
    assert set(pages(source)) == {"", "a", "b", "c"}
    assert (again.unchanged, again.fetched) == (2, 2)


def test_a_verdict_stands_while_the_page_says_that_it_has_not_changed(site: Site, egress: str) -> None:
    site.pages["/v/"] = text(1, "left-out")
    wish = '<meta name="robots" content="noindex">'
    site.pages["/v/left-out"] = Answer(text(2, head=wish), headers={"ETag": '"1"'})
    source = sources.add(f"{site.url}/v/")
    crawled(source)
    site.requests.clear()
    crawled(source)
    (asked,) = [request for request in site.requests if request.path == "/v/left-out"]
    assert asked.headers["if-none-match"] == '"1"'
    assert pages(source)["left-out"] == "noindex"
    site.pages["/v/left-out"] = Answer(text(3), headers={"ETag": '"2"'})
    crawled(source)
    assert pages(source)["left-out"] == "indexed"


# --- Hosts in trouble ------------------------------------------------------------------------------------------------
def not_now(after: int) -> Answer:
    return Answer("later", status=503, headers={"Retry-After": str(after)})


def test_a_crawl_whose_host_rests_gives_its_worker_back_until_then(site: Site, egress: str) -> None:
    site.pages["/b/"] = text(1, "a", "b", "c")
    for name in "abc":
        site.pages[f"/b/{name}"] = not_now(600)
    source = sources.add(f"{site.url}/b/")
    source.delay = 0.01
    source.save()
    started = crawl.start(source)
    work(started.pk)
    started.refresh_from_db()
    assert started.state == "queued"
    assert "its host has asked to be left alone" in explain.progress(source).sentence
    assert crawl.waiting() == []
    asked = [request.path for request in site.requests if request.path in {"/b/a", "/b/b", "/b/c"}]
    assert len(asked) == 1  # the others are spared
    for name in "abc":
        site.pages[f"/b/{name}"] = text(name)
    Host.objects.update(free_at=None)
    Page.objects.update(due_at=None)
    Crawl.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert crawl.waiting() == [started.pk]
    work(started.pk)
    started.refresh_from_db()
    assert (started.state, started.fetched, started.failed) == ("done", 4, 0)


def test_a_host_that_is_busy_again_and_again_ends_the_pass(site: Site, egress: str) -> None:
    site.pages["/b/"] = text(1)
    source = sources.add(f"{site.url}/b/")
    source.delay = 0.01
    source.save()
    Host.objects.create(name="127.0.0.1", busy=visit.BUSY, free_at=Now() + timedelta(hours=1))
    done = crawled(source)
    assert done.state == "failed"
    assert "to be left alone" in done.error
    source.refresh_from_db()
    assert source.next_crawl_at is not None


def test_one_page_that_cannot_be_stored_takes_no_other_with_it(
    site: Site, egress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages["/w/"] = text(1, "good", "bad", "fine")
    for name in ("good", "bad", "fine"):
        site.pages[f"/w/{name}"] = text(name)
    stored = visit.store_many

    def picky(held: object, prepared: list[visit.Prepared]) -> list[Snapshot]:
        if any(one.page.url.endswith("/bad") for one in prepared):
            raise DataError("no such character")
        return stored(held, prepared)  # type: ignore[arg-type]

    monkeypatch.setattr(visit, "store_many", picky)
    source = sources.add(f"{site.url}/w/")
    done = crawled(source)
    assert pages(source) == {"": "indexed", "good": "indexed", "bad": "crash", "fine": "indexed"}
    assert (done.fetched, done.failed) == (3, 1)
