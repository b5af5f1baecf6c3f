"""Feeds: every format is read, hostile ones do no harm, and a source that is one keeps itself fresh."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from search_index import crawl, feed, freshness, sources
from search_index.errors import BadSource
from search_index.fetch import Fetched
from search_index.models import Crawl, Page, Source
from tests.fakes.site import Answer, Site
from tests.search_index.test_crawl import crawled, pages

RSS = "application/rss+xml"


def fetched(body: str | bytes, content_type: str = RSS) -> Fetched:
    body = body.encode() if isinstance(body, str) else body
    address = "https://e.org/blog/feed.xml"
    return Fetched(address, address, 200, content_type, body, "", "", not_modified=False)


def rss(*items: str) -> str:
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>{"".join(items)}</channel></rss>'


def item(link: str, day: str = "Tue, 24 Nov 2026 10:00:00 GMT") -> str:
    return f"<item><title>T</title><link>{link}</link><pubDate>{day}</pubDate></item>"


ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://e.org/base/"><title>News</title>
<link rel="self" href="https://e.org/atom"/>
<entry><title>One</title><link rel="edit" href="https://e.org/edit/1"/><link href="one"/>
<published>2026-11-20T23:00:00+02:00</published><updated>2026-11-22T08:00:00Z</updated>
<source><link href="https://other.org/"/><updated>2020-01-01T00:00:00Z</updated></source></entry>
<entry><title>Two</title><link rel="alternate" href="https://other.org/two?a=1&amp;b=2"/></entry></feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://e.org/"><link>https://e.org/</link></channel>
<item rdf:about="https://e.org/r"><title>R</title><link>https://e.org/r</link><dc:date>2026-11-01</dc:date></item>
</rdf:RDF>"""
JSON_FEED = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "News",
        "items": [
            {
                "id": "1",
                "url": "/one",
                "date_published": "2026-11-20T10:00:00Z",
                "date_modified": "2026-11-21T10:00:00Z",
            },
            {"id": "2", "external_url": "https://other.org/two", "date_published": "yesterday"},
            {"id": "3"},
            "nonsense",
        ],
    }
)


def test_rss_is_read() -> None:
    body = rss(item("https://other.org/a"), item("b?x=1&amp;y=2", "no day"), "<item><title>No link</title></item>")
    found = feed.entries(fetched(body))
    assert [entry.url for entry in found] == ["https://other.org/a", "https://e.org/blog/b?x=1&y=2"]
    assert found[0].published_on == date(2026, 11, 24)
    assert found[0].updated == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert (found[1].published_on, found[1].updated) == (None, None)


def test_atom_is_read() -> None:
    found = feed.entries(fetched(ATOM, "application/atom+xml"))
    assert [entry.url for entry in found] == ["https://e.org/base/one", "https://other.org/two?a=1&b=2"]
    assert found[0].published_on == date(2026, 11, 20)
    assert found[0].updated == datetime(2026, 11, 22, 8, tzinfo=UTC)


def test_rdf_is_read() -> None:
    (one,) = feed.entries(fetched(RDF))
    assert one.url == "https://e.org/r"


def test_a_json_feed_is_read() -> None:
    found = feed.entries(fetched(JSON_FEED, "application/feed+json"))
    assert [entry.url for entry in found] == ["https://e.org/one", "https://other.org/two"]
    assert found[0].published_on == date(2026, 11, 20)
    assert found[0].updated == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert found[1].published_on is None


def test_links_that_are_no_addresses_are_left_out() -> None:
    body = rss(
        item("javascript:alert(1)"), item("file:///etc/passwd"), item("https://u:p@e.org/"), item("/ok"), item("/ok")
    )
    assert [entry.url for entry in feed.entries(fetched(body))] == ["https://e.org/ok"]


@pytest.mark.parametrize(
    ("body", "content_type", "is_one"),
    [
        (rss(), "text/xml", True),
        (rss(), "text/html", True),  # as many servers say
        ("\ufeff <!-- made by hand --> <?xml-stylesheet href='x'?>\n<feed xmlns='x'>", "application/xml", True),
        (RDF, "text/plain", True),
        (JSON_FEED, "application/json", True),
        (
            "nothing of the kind",
            "application/atom+xml",
            True,
        ),  # its type says so; reading it then fails with a sentence
        ("<html><body>All about <rss> and <feed></body></html>", "text/html", False),
        ("<urlset></urlset>", "application/xml", False),
        ('{"items": []}', "application/json", False),
        ("<feedback>", "text/html", False),
        ("", "", False),
    ],
)
def test_a_feed_is_known_by_its_type_or_its_beginning(body: str, content_type: str, is_one: bool) -> None:
    assert feed.is_feed(fetched(body, content_type)) is is_one


@pytest.mark.parametrize(
    "body", [b"", b"<html><body><p>x</p></body></html>", b"{}", b'{"items": 3', b"/etc/hostname", b"[" * 9999]
)
def test_what_is_no_feed_says_so(body: bytes) -> None:
    with pytest.raises(BadSource, match="no feed"):
        feed.entries(fetched(body))


@pytest.mark.parametrize(
    "body",
    [
        b"<rss><channel>" + b"<a>" * 400_000,
        b"<rss version='2.0'><channel><item><title>" + b"<" * 2_000_000,
        b"<rss version='2.0'><channel><item><title>" + b"&a" * 2_000_000,
        b"<rss version='2.0'><channel>" + b"<!--" * 1_000_000,
        b'<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 20) for n in range(9))
        + b']><rss version="2.0"><channel><item><link>https://e.org/&j;</link></item></channel></rss>',
        rss(
            *[
                f"<item><link>https://e.org/{n}</link><description>{'words ' * 300}</description></item>"
                for n in range(5000)
            ]
        ),
    ],
)
def test_a_hostile_feed_keeps_nobody_busy(body: bytes | str) -> None:
    began = time.process_time()
    assert len(feed.entries(fetched(body))) <= feed.MAX_ENTRIES
    assert time.process_time() - began < 20  # without slimming: more than 30, up to minutes


def test_a_feed_opens_no_files() -> None:
    body = (
        '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + rss(item("https://e.org/&x;")).partition("?>")[2]
    )
    assert [entry.url for entry in feed.entries(fetched(body))] in ([], ["https://e.org/"])


# --- Crawls ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def elsewhere() -> Iterator[Site]:
    site = Site({"/far.html": "<html><body><main><p>Far away, the puffins of Skomer breed.</p></main></body></html>"})
    yield site
    site.close()


@pytest.fixture
def news(site: Site, egress: str) -> Source:
    """A feed of two entries: a page of the documentation, and one that redirects to another."""
    entries = item(f"{site.url}/retries.html", "Mon, 02 Nov 2026 10:00:00 GMT") + item("/moved.html")
    site.pages["/feed.xml"] = Answer(rss(entries), headers={"Content-Type": RSS, "ETag": '"1"'})
    return sources.add(f"{site.url}/feed.xml", name="News")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestCrawls:
    def test_entries_are_read_and_nothing_else(self, news: Source, site: Site) -> None:
        assert news.kind == "feed"
        done = crawled(news)
        assert (done.state, done.fetched) == ("done", 2)
        assert pages(news) == {
            "feed.xml": "feed",
            "retries.html": "indexed",
            "moved.html": "duplicate",
            "quickstart.html": "indexed",
        }
        assert site.hits("/install.html") == 0  # links of entries are not followed
        first = Page.objects.get(url=f"{site.url}/retries.html")
        assert (first.published_on, first.found_on) == (date(2026, 11, 2), news.location)
        # A day of the page's own goes before that of the feed; where the page has none, the feed's is taken.
        assert first.snapshot is not None
        assert first.snapshot.published_on == date(2025, 4, 17)

    def test_the_day_of_the_feed_is_that_of_a_page_without_one(self, news: Source, site: Site) -> None:
        site.pages["/plain"] = "<html><body><main><p>A page that says nothing of its day.</p></main></body></html>"
        site.pages["/feed.xml"] = Answer(
            rss(item("/plain", "Mon, 02 Nov 2026 10:00:00 GMT")), headers={"Content-Type": RSS}
        )
        crawled(news)
        page = Page.objects.select_related("snapshot").get(url=f"{site.url}/plain")
        assert page.snapshot is not None
        assert page.snapshot.published_on == date(2026, 11, 2)

    def test_a_feed_is_asked_conditionally_and_its_pages_are_left_alone(self, news: Source, site: Site) -> None:
        crawled(news)
        site.requests.clear()
        again = crawled(news)
        assert (again.state, again.fetched, again.unchanged, again.failed) == ("done", 0, 0, 0)
        asked = [request for request in site.requests if request.path != "/robots.txt"]
        assert [request.path for request in asked] == ["/feed.xml"]
        assert asked[0].headers["if-none-match"] == '"1"'
        row = Page.objects.get(url=news.location)
        assert (row.looks, row.changes) == (2, 0)

    def test_new_entries_come_and_old_ones_stay(self, news: Source, site: Site) -> None:
        crawled(news)
        site.pages["/feed.xml"] = Answer(rss(item("/queues.html")), headers={"Content-Type": RSS, "ETag": '"2"'})
        again = crawled(news)
        assert (again.fetched, again.unchanged) == (1, 0)
        assert pages(news)["queues.html"] == "indexed"
        assert pages(news)["retries.html"] == "indexed"
        row = Page.objects.get(url=news.location)
        assert (row.looks, row.changes, row.etag) == (2, 1, '"2"')

    def test_an_entry_that_was_changed_is_read_again_but_not_all_the_time(self, news: Source, site: Site) -> None:
        crawled(news)
        now = timezone.now()
        day = now.strftime("%a, %d %b %Y %H:%M:%S GMT")
        changed = rss(f"<item><link>{site.url}/retries.html</link><pubDate>{day}</pubDate></item>")
        site.pages["/feed.xml"] = Answer(changed, headers={"Content-Type": RSS})
        site.requests.clear()
        crawled(news)
        assert site.hits("/retries.html") == 0  # it was read a moment ago
        Page.objects.filter(url=f"{site.url}/retries.html").update(fetched_at=now - timedelta(days=1))
        crawled(news)
        assert site.hits("/retries.html") == 1
        assert site.hits("/quickstart.html") == 0

    def test_entries_may_lie_on_other_hosts(self, news: Source, site: Site, elsewhere: Site) -> None:
        site.pages["/feed.xml"] = Answer(rss(item(f"{elsewhere.url}/far.html")), headers={"Content-Type": RSS})
        done = crawled(news)
        assert done.state == "failed"  # the door does not open that host, and the page says so
        assert pages(news)["far.html"] in {"egress", "robots"}

    def test_a_denied_entry_is_not_asked_for(self, news: Source, site: Site) -> None:
        news.deny = "/retries*"
        news.save()
        crawled(news)
        assert "retries.html" not in pages(news)
        assert site.hits("/retries.html") == 0

    def test_an_address_that_turns_out_to_be_a_feed_becomes_one(self, site: Site, egress: str) -> None:
        site.pages["/latest"] = Answer(rss(item("/faq.html")), headers={"Content-Type": "text/xml"})
        source = sources.add(f"{site.url}/latest")
        assert source.kind == "site"
        done = crawled(source)
        source.refresh_from_db()
        assert (source.kind, done.state, done.fetched) == ("feed", "done", 1)
        assert pages(source) == {"latest": "feed", "faq.html": "indexed"}
        assert sources.add(f"{site.url}/latest").pk == source.pk
        assert crawled(source).state == "done"

    def test_a_feed_that_is_none_fails_with_a_sentence(self, site: Site, egress: str) -> None:
        source = sources.add(f"{site.url}/faq.html", kind="feed")
        done = crawled(source)
        assert done.state == "failed"
        assert "leads to no feed" in done.error

    def test_a_feed_that_robots_txt_forbids_is_not_asked_for(self, site: Site, egress: str) -> None:
        site.pages["/private/feed"] = Answer(rss(item("/faq.html")), headers={"Content-Type": RSS})
        done = crawled(sources.add(f"{site.url}/private/feed"))
        assert done.state == "failed"
        assert "robots.txt" in done.error
        assert site.hits("/private/feed") == 0

    def test_a_killed_pass_loses_no_entry(self, news: Source, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        started = crawl.start(news)

        async def dies(_held: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("search_index.visit.visit", dies)
            with pytest.raises(KeyboardInterrupt):
                crawled(news)
        Crawl.objects.filter(pk=started.pk).update(state="running", lease_until=None)
        done = crawled(news)
        assert (done.pk, done.state, done.fetched) == (started.pk, "done", 2)

    def test_one_page_is_read_and_no_link_is_followed(self, site: Site, egress: str) -> None:
        source = sources.add(f"{site.url}/faq.html", kind="page")
        assert crawled(source).fetched == 1
        assert pages(source) == {"faq.html": "indexed"}
        away = sources.add(f"{site.url}/moved.html", kind="page")
        assert crawled(away).fetched == 1
        assert pages(away) == {"moved.html": "duplicate", "quickstart.html": "indexed"}

    def test_patterns_that_come_later_take_pages_out_of_the_index(self, site: Site, egress: str) -> None:
        site.pages.pop("/live.html")
        source = sources.add(f"{site.url}/index.html", name="Larkspur")
        source.deny = "/people.html"
        source.save()
        crawled(source)
        assert "people.html" not in pages(source)
        source.deny = "/people.html\n/history*"
        source.save()
        site.requests.clear()
        again = crawled(source)
        assert pages(source)["history.html"] == "scope"
        assert site.hits("/history.html") == 0
        page = Page.objects.get(source=source, url__endswith="/history.html")
        assert (page.snapshot_id, page.state) == (None, "refused")
        assert "/history*" in page.detail
        assert again.refused >= 1
        source.deny = ""
        source.save()
        crawled(source)
        assert pages(source)["history.html"] == "indexed"
        assert pages(source)["people.html"] == "indexed"

    def test_a_host_that_asks_to_wait_puts_the_next_look_off(self, news: Source, site: Site) -> None:
        site.pages["/feed.xml"] = Answer("later", status=503, headers={"Retry-After": "7200"})
        done = crawled(news)
        assert done.state == "failed"
        news.refresh_from_db()
        assert news.next_crawl_at is not None
        assert news.next_crawl_at > timezone.now() + timedelta(seconds=7200) * (1 - freshness.JITTER) - timedelta(
            minutes=5
        )
