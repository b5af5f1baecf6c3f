"""Opening pages: from the index where they are fresh, else from the live web, and then they are in the index."""

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from search_index import api, browser, hosts
from search_index import fetch as fetching
from search_index.errors import IndexFailure, Refused, SourceFailed, Unreadable
from search_index.explain import progress
from search_index.models import Host, Page, Passage, Snapshot, Source
from search_index.values import Opened
from tests.fakes import traps
from tests.fakes.site import Answer, Site, pdf, redirect

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("egress")]

LEADS = "<title>Moved</title><div id=root></div><script>location.replace('%s')</script>"


def opened(*urls: str, sealed: bool = False) -> list[Opened]:
    """The pages, opened at the same time on one loop."""

    async def open_and_close() -> list[Opened]:
        try:
            return list(await asyncio.gather(*[api.open_page(url, sealed=sealed) for url in urls]))
        finally:
            await fetching.close()
            await browser.close()

    return asyncio.run(open_and_close())


def age(days: int) -> None:
    Page.objects.update(fetched_at=timezone.now() - timedelta(days=days))


def test_a_page_that_nobody_knows_is_fetched_and_grows_the_index(site: Site) -> None:
    (page,) = opened(f"{site.url}/retries.html#the-morgue")
    assert page.url == f"{site.url}/retries.html"
    assert page.host == "127.0.0.1"
    assert page.source == "Live web"
    assert page.title.startswith("Retries")
    assert page.is_web
    assert f"{site.url}/index.html" in page.links
    assert [page.text[start:end] for start, end, level in page.headings if level == 1] == ["Retries"]
    assert Source.objects.get().kind == "live"
    hits = api.search("how often is a job tried again")
    assert {hit.snapshot for hit in hits} == {page.snapshot}


def test_a_fresh_page_is_not_fetched_again_and_a_stale_one_is(site: Site) -> None:
    (first,) = opened(f"{site.url}/faq.html")
    assert opened(f"{site.url}/faq.html") == [first]
    assert site.hits("/faq.html") == 1
    age(40)
    site.pages["/faq.html"] = "<main><p>There are no questions any more.</p></main>"
    (second,) = opened(f"{site.url}/faq.html")
    assert "no questions" in second.text
    assert second.snapshot != first.snapshot
    assert api.snapshot(first.snapshot).text == first.text  # what was cited stays


def test_a_stale_page_that_has_not_changed_keeps_its_snapshot(site: Site) -> None:
    (first,) = opened(f"{site.url}/faq.html")
    age(40)
    assert [page.snapshot for page in opened(f"{site.url}/faq.html")] == [first.snapshot]
    assert site.hits("/faq.html") == 2
    opened(f"{site.url}/faq.html")
    assert site.hits("/faq.html") == 2  # it is fresh again


def test_a_stale_page_that_cannot_be_had_is_given_as_it_is_stored(site: Site) -> None:
    (first,) = opened(f"{site.url}/faq.html")
    age(40)
    site.pages["/faq.html"] = Answer("busy", 503)
    assert [page.snapshot for page in opened(f"{site.url}/faq.html")] == [first.snapshot]


def test_a_sealed_run_gets_what_the_index_has_and_nothing_else(site: Site) -> None:
    (first,) = opened(f"{site.url}/faq.html")
    age(400)
    asked = len(site.requests)
    assert [page.snapshot for page in opened(f"{site.url}/faq.html", sealed=True)] == [first.snapshot]
    with pytest.raises(Refused) as refusal:
        opened(f"{site.url}/people.html", sealed=True)
    assert refusal.value.reason == "sealed"
    assert len(site.requests) == asked


def test_two_runs_that_open_one_page_store_it_once(site: Site) -> None:
    first, second = opened(f"{site.url}/people.html", f"{site.url}/people.html")
    assert first.snapshot == second.snapshot
    assert Page.objects.count() == Snapshot.objects.count() == 1
    spans = api.passages(first.snapshot)
    assert len(spans) == Passage.objects.count()
    assert all(first.text[span.start : span.end] == span.text for span in spans)


def test_a_redirect_leads_to_the_page_that_is_known(site: Site) -> None:
    site.pages["/old"] = redirect("/people.html")
    (known,) = opened(f"{site.url}/people.html")
    assert [page.snapshot for page in opened(f"{site.url}/old")] == [known.snapshot]


def test_where_scripts_lead_is_asked_for_as_where_a_redirect_does(site: Site) -> None:
    site.pages["/by-script"] = LEADS % "/people.html"
    site.pages["/behind"] = LEADS % "/private/plans.html"
    (known,) = opened(f"{site.url}/people.html")
    assert [page.snapshot for page in opened(f"{site.url}/by-script")] == [known.snapshot]
    with pytest.raises(Refused) as refused:
        opened(f"{site.url}/behind")
    assert refused.value.reason == "robots"
    assert not site.hits("/private/plans.html")


@pytest.mark.parametrize(
    ("path", "answer", "kind", "reason"),
    [
        ("/private/plans.html", None, Refused, "robots"),
        ("/nowhere.html", None, SourceFailed, "status"),
        ("/scan.pdf", Answer(pdf([""]), headers={"Content-Type": "application/pdf"}), Unreadable, "scanned"),
        ("/blank.html", "<html><body><main></main></body></html>", Unreadable, "empty"),
        ("/away", redirect("http://127.0.0.3:9/"), Refused, "egress"),
    ],
)
def test_why_a_page_cannot_be_had_is_raised_and_remembered(
    site: Site, path: str, answer: Answer | str | None, kind: type[SourceFailed], reason: str
) -> None:
    if answer is not None:
        site.pages[path] = answer
    with pytest.raises(kind) as failure:
        opened(f"{site.url}{path}")
    assert failure.value.reason == reason
    assert Page.objects.get().reason == reason


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://user@example.org/", "file:Papers/none.md", "nonsense"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        opened(url)


@pytest.mark.parametrize("standing", ["blocked", "trap", "poison"])
def test_of_a_closed_host_nothing_is_asked_not_even_its_robots_txt(site: Site, standing: str) -> None:
    Host.objects.create(name="127.0.0.1", standing=standing, reason="It lies.")
    with pytest.raises(Refused, match="It lies") as refused:
        opened(f"{site.url}/faq.html")
    assert refused.value.reason == standing
    assert site.requests == []
    Host.objects.update(standing="")
    assert opened(f"{site.url}/faq.html")


def test_a_host_whose_copies_contradict_each_other_is_closed_to_runs_too(site: Site) -> None:
    site.pages = dict(traps.poisoned_copies())
    for number in range(2):
        opened(f"{site.url}/ai-content/{number}")
    with pytest.raises(Refused) as refused:
        opened(f"{site.url}/ai-content/3")
    assert refused.value.reason == "poison"
    assert Host.objects.get(name="127.0.0.1").standing == "poison"
    assert not Passage.objects.exists()


def test_a_redirect_to_a_closed_host_is_not_kept(site: Site) -> None:
    site.pages["/away"] = redirect(site.url.replace("127.0.0.1", "localhost") + "/faq.html")
    Host.objects.create(name="localhost", standing="blocked")
    with pytest.raises(IndexFailure):
        opened(f"{site.url}/away")
    assert Snapshot.objects.count() == 0


def test_what_lies_below_a_closed_host_is_closed() -> None:
    Host.objects.create(name="spam.example", standing="blocked")
    for name in ("spam.example", "www.spam.example"):
        with pytest.raises(Refused):
            hosts.check(name)
    for name in ("notspam.example", "example"):
        hosts.check(name)


def test_a_snapshot_that_is_not_there_is_a_lookup_error() -> None:
    with pytest.raises(LookupError):
        api.snapshot(12345)


def test_the_sources_say_what_they_have_and_what_they_do(site: Site) -> None:
    opened(f"{site.url}/faq.html", f"{site.url}/people.html")
    source = Source.objects.create(name="Slow", kind="site", location=site.url)
    running = source.crawls.create(state="running", started_at=timezone.now(), fetched=3, failed=1)
    source.pages.create(url=f"{site.url}/x", crawl=running)
    summaries = {summary.name: summary for summary in api.sources()}
    assert (summaries["Live web"].pages, summaries["Live web"].activity) == (2, "")
    assert summaries["Live web"].passages == Passage.objects.count()
    assert summaries["Slow"].activity == "4 of 5 pages read so far"


def test_pages_beyond_the_limit_of_a_source_are_not_promised() -> None:
    source = Source.objects.create(name="Wide", kind="site", location="https://docs.example/", max_pages=6)
    running = source.crawls.create(state="running", started_at=timezone.now(), fetched=3, failed=1, refused=2)
    source.pages.bulk_create(Page(source=source, url=f"https://docs.example/{n}", crawl=running) for n in range(9))
    (summary,) = [one for one in api.sources() if one.name == "Wide"]
    assert summary.activity == "6 of 8 pages read so far"
    assert (progress(source).handled, progress(source).total) == (6, 8)
