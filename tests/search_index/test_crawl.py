"""Crawls of our own web site and of folders: what is stored, what is refused and why; again, interrupted, paused."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from config.loop import in_thread
from search_index import blocklist, browser, crawl, embedding, frontier, hosts, ingest, lease, relay, sources, visit
from search_index import fetch as fetching
from search_index.errors import IndexFailure, LostLease
from search_index.extract import Extracted
from search_index.models import Crawl, Host, Page, Passage, Snapshot, Source
from search_index.query import search
from tests.fakes.door import door
from tests.fakes.site import Answer, Site, redirect
from tests.search_index.test_containers import page, warc

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LIVE = "/live.html"  # its text is made by a script: only the test that means it lets Chromium start


@pytest.fixture
def docs(site: Site, egress: str) -> Source:
    site.pages.pop(LIVE)
    return sources.add(f"{site.url}/index.html", name="Larkspur")


@pytest.fixture
def papers(tmp_path: Path) -> Source:
    (tmp_path / "papers").mkdir()
    for number in range(5):
        (tmp_path / "papers" / f"{number}.md").write_text(f"# Paper {number}\n\nThe finding number {number} is new.")
    return sources.add(str(tmp_path / "papers"), name="Papers")


def work(crawl_id: int) -> None:
    """What the worker does with a crawl, on a loop of its own."""

    async def crawl_and_close() -> None:
        try:
            await crawl.crawl(crawl_id)
        finally:
            await fetching.close()
            await browser.close()

    asyncio.run(crawl_and_close())


def crawled(source: Source) -> Crawl:
    started = crawl.start(source)
    work(started.pk)
    started.refresh_from_db()
    return started


def pages(source: Source) -> dict[str, str]:
    """Path -> state, or the reason where it is not in the index."""
    found = Page.objects.filter(source=source)
    return {page.url.rpartition("/")[2]: page.reason or page.state for page in found}


# --- A web site ------------------------------------------------------------------------------------------------------
def test_the_door_is_told_which_source_asks(docs: Source, site: Site, settings: Settings) -> None:
    kept: list[relay.Passage] = []
    with door([site.netloc], keep=kept.append) as settings.EGRESS_URL:
        crawled(docs)
    asked = Counter(passage.whose for passage in kept)
    assert asked["site"] == 1  # robots.txt
    assert asked[f"source-{docs.pk}"] == asked.total() - 1 > 10


def test_a_site_is_crawled_along_its_links_and_every_page_has_its_reason(docs: Source, site: Site) -> None:
    done = crawled(docs)
    assert (done.state, done.error) == ("done", "")
    found = pages(docs)
    assert found.pop("missing.html") == "status"
    assert found.pop("live.html") == "status"
    assert found.pop("plans.html") == "robots"
    assert found.pop("moved.html") == "duplicate"
    assert len(found) == 12
    assert set(found.values()) == {"indexed"}
    assert (done.fetched, done.failed, done.refused) == (12, 2, 2)
    assert done.passages == Passage.objects.filter(source=docs).count()
    assert site.hits("/private/plans.html") == 0
    assert site.hits("/retries.html") == 1


def test_what_is_stored_of_a_page_is_exact(docs: Source, site: Site) -> None:
    crawled(docs)
    page = Page.objects.select_related("snapshot").get(url=f"{site.url}/install.html")
    snapshot = page.snapshot
    assert snapshot is not None
    assert snapshot.title.startswith("Installing")
    assert snapshot.author == "Wren Okafor"
    assert "pip install larkspur" in snapshot.text
    assert f"{site.url}/quickstart.html" in snapshot.links
    assert [snapshot.text[start:end] for start, end, _level in snapshot.headings][-1] == "Removing Larkspur"
    passages = Passage.objects.filter(snapshot=snapshot).order_by("ordinal")
    assert all(snapshot.text[one.start : one.end].strip() for one in passages)
    assert page.found_on == f"{site.url}/index.html"
    assert page.depth == 1
    hit = search("how much disk space is needed", sources=[docs.pk])[0]
    assert hit.url == page.url
    assert "40 megabytes" in hit.text


def test_a_page_made_by_a_script_is_rendered(site: Site, egress: str) -> None:
    source = sources.add(f"{site.url}/live.html", name="Live")
    source.max_depth = 0
    source.save()
    assert crawled(source).fetched == 1
    page = Page.objects.select_related("snapshot").get(source=source)
    assert page.rendered
    assert page.snapshot is not None
    assert "with a lantern beside its name" in page.snapshot.text


def test_the_browser_asks_for_a_page_when_it_is_its_hosts_turn(site: Site, egress: str) -> None:
    site.pages["/late"] = Answer("The tower of Orrin is 41 metres high, and nobody climbs it.", delay=3)
    site.pages["/s/"] = """<div id=root></div><script>
        fetch("/late").then(answer => answer.text()).then(text => document.getElementById("root").textContent = text)
    </script>"""
    source = sources.add(f"{site.url}/s/", name="Live")
    source.max_depth, source.delay = 0, 1.0
    source.save()
    crawled(source)
    fetched, rendered = (request.time for request in site.requests if request.path == "/s/")
    assert rendered - fetched >= 1.0
    seconds = Host.objects.values_list("seconds", flat=True).get(name="127.0.0.1")
    assert seconds is not None
    assert seconds < 0.5  # what the scripts take is not how long the host takes to answer


def test_the_wait_for_the_browsers_turn_is_no_work_of_the_crawl(
    site: Site, egress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "_turn", lambda *_given: 4.0 if site.hits("/live.html") else 0.0)
    source = sources.add(f"{site.url}/live.html", name="Live")
    source.max_depth, source.delay = 0, 1.0
    source.save()
    began = time.monotonic()
    ended = crawled(source)
    took = time.monotonic() - began
    assert site.hits("/live.html") == 2
    assert ended.seconds["extract"] > 0
    assert sum(ended.seconds[stage] for stage in ("fetch", "extract", "judge", "store")) <= took - 4.0


def test_a_page_whose_script_leads_on_is_not_taken_for_where_it_leads(site: Site, egress: str) -> None:
    site.pages["/s/"] = "<div id=root></div><script>location.replace('there.html')</script>"
    site.pages["/s/there.html"] = "<main><p>The tower of Orrin is 41 metres high, and nobody climbs it.</p></main>"
    source = sources.add(f"{site.url}/s/")
    assert crawled(source).fetched == 1
    assert pages(source) == {"": "duplicate", "there.html": "indexed"}
    assert site.hits("/s/there.html") == 1


def test_a_second_crawl_asks_conditionally_and_embeds_nothing_again(
    docs: Source, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawled(docs)
    before = set(Passage.objects.values_list("id", flat=True))
    monkeypatch.setattr("search_index.embed.embed_passages", None)  # would fail if it were called
    site.requests.clear()
    again = crawled(docs)
    assert (again.state, again.fetched, again.unchanged) == ("done", 0, 12)
    assert set(Passage.objects.values_list("id", flat=True)) == before
    assert all("if-none-match" in request.headers for request in site.requests if request.path == "/faq.html")


def test_a_second_crawl_takes_up_what_changed_came_and_went(docs: Source, site: Site) -> None:
    crawled(docs)
    old = Page.objects.get(url=f"{site.url}/people.html").snapshot_id
    site.pages["/people.html"] = (
        "<html><body><main><p>Five people maintain it. See <a href='new.html'>new</a>.</p></main>"
    )
    site.pages["/new.html"] = "<html><body><main><p>Something new is written here.</p></main>"
    del site.pages["/history.html"]
    again = crawled(docs)
    assert (again.fetched, again.unchanged) == (2, 10)
    assert pages(docs)["new.html"] == "indexed"
    gone = Page.objects.get(url=f"{site.url}/history.html")
    assert gone.state == "gone"
    assert not Passage.objects.filter(snapshot__page=gone).exists()
    assert Snapshot.objects.filter(page=gone).exists()  # citations go on pointing to it
    changed = Page.objects.get(url=f"{site.url}/people.html")
    assert Snapshot.objects.filter(page=changed).count() == 2
    assert not Passage.objects.filter(snapshot=old).exists()


def test_limits_of_pages_and_depth_are_kept(docs: Source, site: Site) -> None:
    docs.max_pages = 3
    docs.save()
    assert crawled(docs).fetched == 3
    docs.max_pages, docs.max_depth = 100, 0
    docs.save()
    Page.objects.exclude(depth=0).delete()
    assert crawled(docs).unchanged == 1


def test_only_what_lies_below_the_start_is_visited(site: Site, egress: str) -> None:
    site.pages["/a/"] = (
        "<main><p>Begin.</p><a href='b.html'>b</a> <a href='/faq.html'>q</a> <a href='x.png'>x</a></main>"
    )
    site.pages["/a/b.html"] = "<main><p>The end of it.</p> <a href='../a/moved'>moved</a></main>"
    site.pages["/a/moved"] = redirect("/faq.html")
    source = sources.add(f"{site.url}/a/")
    assert crawled(source).fetched == 2
    assert pages(source) == {"": "indexed", "b.html": "indexed", "moved": "scope"}


def test_a_twin_of_a_page_is_kept_once(site: Site, egress: str) -> None:
    site.pages["/t/"] = site.pages["/t/index.html"] = (
        "<main><p>The very same words.</p><a href='index.html'>i</a></main>"
    )
    source = sources.add(f"{site.url}/t/")
    crawled(source)
    assert pages(source) == {"": "indexed", "index.html": "duplicate"}


def test_what_may_succeed_later_is_tried_three_times(site: Site, egress: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontier, "BACK_OFF", 0.01)
    site.pages["/r/"] = "<main><p>Begin here.</p><a href='busy'>b</a> <a href='broken'>x</a></main>"
    answers = iter([Answer("later", 503), Answer("<main><p>At last.</p></main>")])
    site.pages["/r/busy"] = lambda _request: next(answers)
    site.pages["/r/broken"] = Answer("no", 500)
    source = sources.add(f"{site.url}/r/")
    done = crawled(source)
    assert pages(source) == {"": "indexed", "busy": "indexed", "broken": "status"}
    assert site.hits("/r/broken") == 3
    assert done.failed == 1


def test_a_sitemap_is_visited_but_its_links_are_not_followed(site: Site, egress: str) -> None:
    source = sources.add(f"{site.url}/sitemap.xml")
    assert source.kind == "sitemap"
    done = crawled(source)
    assert done.fetched == 11
    assert "manual.pdf" not in pages(source)


def test_a_start_that_cannot_be_had_fails_the_crawl_with_its_reason(site: Site, egress: str) -> None:
    done = crawled(sources.add(f"{site.url}/nowhere/"))
    assert done.state == "failed"
    assert "404" in done.error


def test_a_host_that_is_blocked_does_not_come_back_with_the_next_crawl(docs: Source, site: Site) -> None:
    crawled(docs)
    blocklist.block(["127.0.0.1"], "It is spam.")
    site.requests.clear()
    crawled(docs)
    assert site.requests == []
    assert not Passage.objects.filter(source=docs).exists()
    assert set(pages(docs).values()) == {"blocked"}


def test_an_address_that_the_door_does_not_open_is_refused(egress: str, site: Site) -> None:
    done = crawled(sources.add("http://127.0.0.2:9/"))
    assert done.state == "failed"
    assert Page.objects.get().reason in {"egress", "robots"}


# --- The lease -------------------------------------------------------------------------------------------------------
def kill(crawl_id: int, when: Callable[[], bool]) -> None:
    """Work on the crawl until `when`, then vanish as after kill -9: what was committed stays, and so does the lease."""

    async def work_a_while() -> None:
        task = asyncio.create_task(crawl.crawl(crawl_id))
        while not await in_thread(when):
            await asyncio.sleep(0.01)
        lease_of = Crawl.objects.values("state", "lease_owner", "lease_epoch", "lease_until")
        left_behind = await in_thread(lease_of.get, id=crawl_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await in_thread(Crawl.objects.filter(id=crawl_id).update, **left_behind)
        await fetching.close()

    asyncio.run(work_a_while())


@pytest.fixture
def _page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small site is read so slowly that something can happen in the middle."""
    for name in ("WIDTH", "TAKEN", "WRITTEN"):
        monkeypatch.setattr(visit, name, 1)
    monkeypatch.setattr(visit, "LOOK_EVERY", 0)


@pytest.mark.usefixtures("_page_by_page")
def test_a_killed_crawl_is_taken_up_where_it_was(docs: Source, site: Site) -> None:
    started = crawl.start(docs)
    kill(started.pk, lambda: Snapshot.objects.count() >= 4)
    stored = set(Snapshot.objects.values_list("id", flat=True))
    assert Crawl.objects.get().state == "running"
    assert crawl.waiting() == []  # its lease still holds
    work(started.pk)
    assert Crawl.objects.get().state == "running"
    Crawl.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert crawl.waiting() == [started.pk]
    work(started.pk)
    done = Crawl.objects.get()
    assert (done.state, done.fetched) == ("done", 12)
    assert stored <= set(Snapshot.objects.values_list("id", flat=True))
    assert Snapshot.objects.count() == 12
    assert sum(value == "indexed" for value in pages(docs).values()) == 12


@pytest.mark.usefixtures("_page_by_page")
def test_a_worker_that_shuts_down_hands_its_crawl_back(docs: Source) -> None:
    async def shut_down_in_the_middle() -> None:
        task = asyncio.create_task(crawl.crawl(started.pk))
        while not await in_thread(Snapshot.objects.count):
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await fetching.close()

    started = crawl.start(docs)
    asyncio.run(shut_down_in_the_middle())
    given_back = Crawl.objects.get()
    assert (given_back.state, given_back.lease_until) == ("queued", None)
    assert crawl.waiting() == [started.pk]


async def visit_and_close(held: lease.Held) -> None:
    try:
        await visit.visit(held)
    finally:
        await fetching.close()


def test_a_worker_that_lost_its_lease_writes_nothing_more(docs: Source) -> None:
    started = crawl.start(docs)
    zombie = lease.claim(started.pk)
    assert zombie is not None
    Crawl.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert lease.claim(started.pk) is not None
    for write in (lease.release, lease.check, lambda held: lease.finish(held, Crawl.State.DONE)):
        with pytest.raises(LostLease):
            write(zombie)
    frontier.add(zombie, [docs.location])
    with pytest.raises(LostLease):
        asyncio.run(visit_and_close(zombie))
    assert Snapshot.objects.count() == 0


def test_a_crawl_is_claimed_once_and_a_source_has_one_at_a_time(docs: Source) -> None:
    started = crawl.start(docs)
    assert crawl.start(docs).pk == started.pk
    assert lease.claim(started.pk) is not None
    assert lease.claim(started.pk) is None


def test_a_paused_source_waits_and_goes_on_when_resumed(docs: Source) -> None:
    started = crawl.start(docs)
    Source.objects.update(paused=True)
    assert crawl.waiting() == []
    work(started.pk)
    assert Crawl.objects.get().state == "queued"
    Source.objects.update(paused=False)
    assert crawl.waiting() == [started.pk]
    work(started.pk)
    assert Crawl.objects.get().state == "done"


@pytest.mark.usefixtures("_page_by_page")
def test_pausing_in_the_middle_gives_the_crawl_back(docs: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    started = crawl.start(docs)
    paused = frontier.paused
    monkeypatch.setattr(frontier, "paused", lambda source: Snapshot.objects.count() >= 3 or paused(source))
    work(started.pk)
    given_back = Crawl.objects.get()
    assert (given_back.state, given_back.lease_until) == ("queued", None)
    assert 3 <= Snapshot.objects.count() < 12


@pytest.mark.usefixtures("_page_by_page")
def test_a_stopped_crawl_ends_and_keeps_what_it_has(docs: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    started = crawl.start(docs)
    paused = frontier.paused

    def stop_at_three(source: Source) -> bool:
        if Snapshot.objects.count() >= 3:
            crawl.stop(source)
        return paused(source)

    monkeypatch.setattr(frontier, "paused", stop_at_three)
    work(started.pk)
    assert Crawl.objects.get().state == "stopped"
    assert 3 <= Snapshot.objects.count() < 12


def test_a_broker_that_is_down_loses_no_crawl(
    docs: Source, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_args: Any, **_options: Any) -> None:
        raise crawl.OperationalError("no broker")

    monkeypatch.setattr(crawl.app, "send_task", down)
    started = crawl.start(docs)
    assert crawl.waiting() == [started.pk]


# --- Folders and datasets --------------------------------------------------------------------------------------------
def test_a_folder_is_read_and_read_again(papers: Source) -> None:
    assert crawled(papers).fetched == 5
    folder = Path(papers.location)
    (folder / "0.md").write_text("# Paper 0\n\nThe finding was withdrawn.")
    (folder / "1.md").unlink()
    (folder / "5.txt").write_text("A sixth paper.")
    (folder / "6.txt").write_text(" \n")
    again = crawled(papers)
    assert (again.fetched, again.unchanged, again.failed) == (2, 3, 1)
    assert pages(papers)["1.md"] == "missing"
    assert pages(papers)["6.txt"] == "empty"
    assert "withdrawn" in search("withdrawn finding", sources=[papers.pk])[0].text
    assert not [hit for hit in search("finding number 1", sources=[papers.pk], limit=20) if hit.url.endswith("1.md")]


def test_what_has_not_changed_is_not_even_opened(papers: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    crawled(papers)
    read, opened = sources.read, []

    def remember(source: Source, document: sources.Document) -> tuple[bytes, str]:
        opened.append(document.url)
        return read(source, document)

    monkeypatch.setattr(sources, "read", remember)
    again = crawled(papers)
    assert (again.fetched, again.unchanged, opened) == (0, 5, [])
    (Path(papers.location) / "3.md").touch()
    again = crawled(papers)
    assert (again.fetched, again.unchanged, opened) == (0, 5, ["file:Papers/3.md"])
    (Path(papers.location) / "3.md").write_text("# Paper 3\n\nAnother finding.")
    again = crawled(papers)
    assert (again.fetched, again.unchanged, len(opened)) == (1, 4, 2)
    page = Page.objects.get(url="file:Papers/3.md")
    assert (page.looks, page.changes) == (3, 1)


def test_what_was_read_in_a_folder_is_remembered_for_its_watch(papers: Source) -> None:
    done = crawled(papers)
    papers.refresh_from_db()
    assert papers.stamp == sources.stamp(papers)
    assert papers.next_crawl_at is not None
    assert set(done.seconds) == {"fetch", "extract", "judge", "embed", "store"}
    assert all(seconds >= 0 for seconds in done.seconds.values())


def test_a_file_that_cannot_be_read_is_not_tried_again_until_it_changes(papers: Source) -> None:
    empty = Path(papers.location) / "empty.txt"
    empty.write_text(" \n")
    assert crawled(papers).failed == 1
    assert crawled(papers).failed == 0
    assert pages(papers)["empty.txt"] == "empty"
    empty.write_text("Now there is something.")
    assert crawled(papers).fetched == 1


def test_a_file_that_comes_back_is_found_again(papers: Source) -> None:
    crawled(papers)
    paper, away = Path(papers.location) / "2.md", Path(papers.location).with_name("2.md")
    paper.rename(away)
    crawled(papers)
    assert pages(papers)["2.md"] == "missing"
    assert not Passage.objects.filter(snapshot__page__url="file:Papers/2.md").exists()
    away.rename(paper)
    crawled(papers)
    assert pages(papers)["2.md"] == "indexed"


def letter(number: int, text: str) -> str:
    return f"From a{number}@e.org Tue Nov 24 18:14:5{number} 2026\nSubject: Letter {number}\n\n{text}\n\n"


@pytest.fixture
def _letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are read as plain text: what they say is not what these tests are about."""

    async def plain(body: bytes, _content_type: str, url: str) -> Extracted:
        return Extracted(body.decode(), url)

    monkeypatch.setattr(ingest, "extracted", plain)


@pytest.mark.usefixtures("_letters")
def test_each_message_of_a_mailbox_is_a_page(papers: Source) -> None:
    box = Path(papers.location) / "box.mbox"
    box.write_text(letter(1, "Terns fly far.") + letter(2, "Larks do not."))
    done = crawled(papers)
    assert (done.fetched, done.failed) == (7, 0)
    assert {name: reason for name, reason in pages(papers).items() if name.startswith("box")} == {
        "box.mbox": "container",
        "box.mbox#1": "indexed",
        "box.mbox#2": "indexed",
    }
    again = crawled(papers)
    assert (again.fetched, again.unchanged) == (0, 7)
    box.write_text(letter(1, "Terns fly far.") + letter(2, "Larks sing.") + letter(3, "A third."))
    again = crawled(papers)
    assert (again.fetched, again.unchanged) == (2, 6)
    box.unlink()
    crawled(papers)
    assert {reason for name, reason in pages(papers).items() if name.startswith("box")} == {"missing"}
    assert Passage.objects.filter(source=papers).count() == 5


def test_a_mailbox_that_is_none_says_so_and_the_rest_is_read(papers: Source) -> None:
    (Path(papers.location) / "box.mbox").write_text("Dear Ada,")
    done = crawled(papers)
    assert (done.state, done.fetched, done.failed) == ("done", 5, 1)
    assert pages(papers)["box.mbox"] == "broken"
    assert crawled(papers).failed == 0  # not tried again while it is the same


def test_an_archive_is_read_as_the_pages_that_it_holds(tmp_path: Path) -> None:
    day = "2024-05-01T10:00:00Z"
    records = [
        ("https://e.org/a", day, page("The tern flies from pole to pole."), {}),
        ("https://e.org/b", day, page("The lark stays."), {}),
        ("https://e.org/a", "2024-06-01T10:00:00Z", page("The arctic tern flies from pole to pole."), {}),
        ("https://e.org/robots", day, b"x", {":status": "404 Not Found"}),
    ]
    source = sources.add(str(warc(tmp_path / "web.warc.gz", records)))
    assert (source.kind, source.name) == ("warc", "web")
    done = crawled(source)
    assert (done.state, done.fetched) == ("done", 2)
    one = Page.objects.select_related("snapshot").get(url="https://e.org/a")
    assert one.snapshot is not None
    assert "arctic" in one.snapshot.text
    assert one.snapshot.fetched_at.isoformat() == "2024-06-01T10:00:00+00:00"
    assert (one.http_status, one.content_type) == (200, "text/html")
    hit = search("Which bird flies from pole to pole?", sources=[source.pk])[0]
    assert (hit.url, hit.host) == ("https://e.org/a", "e.org")
    again = crawled(source)
    assert (again.fetched, again.unchanged) == (0, 2)


def test_of_two_archives_the_later_page_counts(tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    warc(folder / "1.warc", [("https://e.org/a", "2024-06-01T10:00:00Z", page("The later text."), {})])
    warc(folder / "2.warc", [("https://e.org/a", "2024-05-01T10:00:00Z", page("The earlier text."), {})])
    source = sources.add(str(folder))
    assert crawled(source).fetched == 1
    snapshot = Snapshot.objects.get()
    assert "later" in snapshot.text
    warc(folder / "3.warc", [("https://e.org/a", "2024-07-01T10:00:00Z", page("The latest text."), {})])
    assert crawled(source).fetched == 1
    assert "latest" in Snapshot.objects.order_by("-pk")[0].text


@pytest.mark.usefixtures("_letters")
def test_a_pass_killed_in_a_mailbox_loses_no_message(papers: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path(papers.location) / "box.mbox").write_text("".join(letter(n, f"The letter number {n}.") for n in range(1, 9)))
    monkeypatch.setattr(ingest, "BATCH", 2)
    started = crawl.start(papers)
    kill(started.pk, lambda: Snapshot.objects.count() >= 7)
    Crawl.objects.update(lease_until=None)
    work(started.pk)
    done = Crawl.objects.get()
    assert (done.state, done.fetched, done.unchanged) == ("done", 13, 0)


def test_a_killed_pass_over_a_folder_repeats_no_batch(papers: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "BATCH", 2)
    started = crawl.start(papers)
    kill(started.pk, lambda: Snapshot.objects.count() >= 2)
    kept = set(Passage.objects.values_list("id", flat=True))
    Crawl.objects.update(lease_until=None)
    work(started.pk)
    done = Crawl.objects.get()
    assert (done.state, done.fetched, done.unchanged) == ("done", 5, 0)
    assert kept <= set(Passage.objects.values_list("id", flat=True))


def test_a_dataset_is_indexed_whole(tmp_path: Path) -> None:
    entries = [
        {"_id": f"d{n}", "title": f"Title {n}", "text": f"The colour of thing {n} is green."} for n in range(150)
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(json.dumps(entry) for entry in entries))
    source = sources.add(str(tmp_path), name="Things")
    done = crawled(source)
    assert (done.state, done.fetched, done.passages) == ("done", 150, 150)
    page = Page.objects.select_related("snapshot").get(url="beir:Things/d7")
    assert page.snapshot is not None
    assert (page.snapshot.title, page.snapshot.text) == ("Title 7", "The colour of thing 7 is green.")


def test_an_empty_folder_fails_with_a_sentence(tmp_path: Path) -> None:
    done = crawled(sources.add(str(tmp_path), kind="folder", name="Nothing"))
    assert done.state == "failed"
    assert "nothing" in done.error.lower()


def test_a_folder_that_is_taken_away_fails_and_keeps_what_was_read(papers: Source) -> None:
    crawled(papers)
    Path(papers.location).rename(Path(papers.location).with_name("elsewhere"))
    again = crawled(papers)
    assert again.state == "failed"
    assert "There is no folder" in again.error
    assert Passage.objects.filter(source=papers).count() == 5


def test_a_crawl_is_done_when_its_passages_are_found_by_their_meaning(papers: Source) -> None:
    done = crawled(papers)
    assert done.state == "done"
    assert embedding.waiting(papers.pk) == 0
    assert done.seconds["embed"] > 0
    assert search("what is new in the fourth of the papers", mode="dense", sources=[papers.pk])


def test_a_crawl_whose_vectors_cannot_be_made_says_so_and_is_found_by_its_words(
    papers: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_texts: list[str]) -> None:
        raise IndexFailure("model", "The built-in models are not installed.")

    monkeypatch.setattr("search_index.embed.embed_passages", missing)
    done = crawled(papers)
    assert (done.state, done.error, done.fetched) == ("failed", "The built-in models are not installed.", 5)
    assert embedding.waiting(papers.pk) == 5
    assert search("finding number 3", sources=[papers.pk], mode="lexical")
    monkeypatch.undo()
    asyncio.run(embedding.work())
    assert embedding.waiting(papers.pk) == 0
