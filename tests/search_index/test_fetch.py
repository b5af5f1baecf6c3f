"""Fetching over HTTP through the door: redirects, limits, bombs, what is raised when."""

import asyncio
import gzip
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

import brotli
import pytest
from backports import zstd
from pytest_django import Settings

from search_index import fetch as fetching
from search_index.errors import Refused, RetryLater, SourceFailed
from search_index.fetch import Redirected, StatusFailed, close, fetch
from search_index.rates import Cap, Rates
from search_index.relay import Passage
from search_index.whose import asking
from tests.fakes.door import door
from tests.fakes.site import Answer, Site, redirect, serving
from tests.search_index.test_policy import PRIVATE, UNREADABLE

HTML = {"Content-Type": "text/html"}


@pytest.fixture(autouse=True)
async def _close(egress: str) -> AsyncIterator[None]:
    yield
    await close()


async def test_fetches_a_page_with_its_validators_and_our_name(site: Site, settings: Settings) -> None:
    page = await fetch(f"{site.url}/retries.html#the-morgue")
    assert page.url == page.final_url == f"{site.url}/retries.html"
    assert page.status == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert b"270 seconds" in page.body
    assert page.etag
    assert page.last_modified == "Thu, 17 Apr 2025 08:00:00 GMT"
    assert site.requests[0].headers["user-agent"] == settings.USER_AGENT


async def test_an_unchanged_page_is_not_sent_again(site: Site) -> None:
    first = await fetch(f"{site.url}/faq.html")
    second = await fetch(f"{site.url}/faq.html", etag=first.etag, last_modified=first.last_modified)
    assert second.not_modified
    assert second.body == b""
    assert second.status == 304


async def test_each_asker_has_connections_of_its_own(
    certificate: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tunnel that one has opened is never used for another, least of all for a sealed run."""
    trusted = ssl.get_default_verify_paths()._replace(openssl_cafile=str(certificate))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: trusted)
    kept: list[Passage] = []
    with serving({"/": "hello"}, certificate) as secure, door([secure.netloc], keep=kept.append) as url:
        settings.EGRESS_URL = url
        for run in ("run-1", "run-2", "run-1"):
            with asking(run):
                await fetch(f"{secure.url}/")
        with asking("run-1", sealed=True), pytest.raises(Refused) as refused:
            await fetch(f"{secure.url}/")
        await close()
        assert len(secure.requests) == 3
    assert refused.value.reason == "sealed"
    assert {passage.whose for passage in kept} == {"run-1", "run-2", "run-1.sealed"}


async def test_clients_that_nobody_uses_are_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "CLIENTS", 2)
    site.pages["/late"] = Answer("late", delay=0.5)

    async def one(number: int, path: str) -> None:
        with asking(f"run-{number}"):
            await fetch(site.url + path)

    await asyncio.gather(one(0, "/late"), *(one(number, "/faq.html") for number in range(1, 6)))
    assert len(fetching._clients[asyncio.get_running_loop()]) <= 2


async def test_too_much_at_the_door_is_tried_again_later(site: Site, settings: Settings) -> None:
    rates = Rates(a_host=(Cap(60, 0, 1),), a_run=())
    with door([], rates=rates) as url:
        settings.EGRESS_URL = url
        for address in ("http://example.com/", "https://example.com/"):
            with pytest.raises(RetryLater) as later:
                await fetch(address)
            assert later.value.reason == "rate"
            assert "It goes on by itself" in str(later.value)
    await close()


async def test_no_cookie_is_kept(site: Site) -> None:
    site.pages["/set"] = Answer("hello", headers={"Set-Cookie": "who=you; Path=/"})
    await fetch(f"{site.url}/set")
    await fetch(f"{site.url}/set")
    assert all("cookie" not in request.headers for request in site.requests)


async def test_follows_five_redirects_and_no_sixth(site: Site) -> None:
    site.pages |= {f"/{number}": redirect(f"/{number - 1}", 302 + number % 2) for number in range(1, 7)}
    site.pages["/0"] = "arrived"
    page = await fetch(f"{site.url}/5")
    assert page.body == b"arrived"
    assert page.final_url == f"{site.url}/0"
    with pytest.raises(Refused) as refused:
        await fetch(f"{site.url}/6")
    assert refused.value.reason == "redirect"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_private_host_gets_nowhere(site: Site, status: int) -> None:
    with serving({"/": "secret"}) as canary:
        site.pages["/go"] = redirect(f"{canary.url}/", status)
        with pytest.raises(Refused) as refused:
            await fetch(f"{site.url}/go")
        assert refused.value.reason == "egress"
        assert "If the host is your own, name it in EGRESS_ALLOW." in str(refused.value)
        assert canary.requests == []


async def test_no_address_of_the_attack_tables_is_reached_by_a_redirect(site: Site) -> None:
    hosts = [f"[{address}]" if ":" in address else address for address in PRIVATE.split()]
    for location in [*UNREADABLE.split(), *(f"http://{host}/" for host in hosts)]:
        if "//" in location:  # else it is a path of the site itself
            site.pages["/go"] = redirect(quote(location, safe="%/:=&?~#+!$,;'@()*[]\\<>"))
            with pytest.raises(Refused):
                await fetch(f"{site.url}/go")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://x/", "http://a\\b/", "http://u@example.com/"])
async def test_a_redirect_to_what_is_no_address_is_refused(site: Site, location: str) -> None:
    site.pages["/go"] = redirect(location)
    with pytest.raises(Refused) as refused:
        await fetch(f"{site.url}/go")
    assert refused.value.reason == "url"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 410, 451])
async def test_a_client_error_fails_with_its_status(site: Site, status: int) -> None:
    site.pages["/no"] = Answer("no", status=status)
    with pytest.raises(StatusFailed) as failed:
        await fetch(f"{site.url}/no")
    assert (failed.value.reason, failed.value.status) == ("status", status)


async def test_a_busy_host_says_when_to_come_back(site: Site) -> None:
    site.pages["/busy"] = Answer(status=429, headers={"Retry-After": "17"})
    with pytest.raises(RetryLater) as busy:
        await fetch(f"{site.url}/busy")
    assert (busy.value.reason, busy.value.after) == ("busy", 17)

    at = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    site.pages["/busy"] = Answer(status=503, headers={"Retry-After": at})
    with pytest.raises(RetryLater) as busy:
        await fetch(f"{site.url}/busy")
    assert busy.value.after == pytest.approx(600, abs=5)

    site.pages["/busy"] = Answer(status=503, headers={"Retry-After": "soon"})
    with pytest.raises(RetryLater) as busy:
        await fetch(f"{site.url}/busy")
    assert busy.value.after is None


async def test_a_host_in_trouble_is_tried_later(site: Site) -> None:
    site.pages["/broken"] = Answer(status=500)
    with pytest.raises(RetryLater):
        await fetch(f"{site.url}/broken")
    site.pages["/dropped"] = Answer("x", cut=-1)
    with pytest.raises(RetryLater):
        await fetch(f"{site.url}/dropped")
    site.pages["/short"] = Answer("x" * 100_000, cut=50_000)
    with pytest.raises(RetryLater):
        await fetch(f"{site.url}/short")


async def test_https_goes_through_a_tunnel_and_its_certificate_is_checked(
    certificate: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({"/": "hello"}, certificate) as secure, door([secure.netloc]) as url:
        settings.EGRESS_URL = url
        with pytest.raises(SourceFailed) as untrusted:
            await fetch(f"{secure.url}/")
        assert untrusted.value.reason == "tls"
        assert secure.requests == []

        await close()
        trusted = ssl.get_default_verify_paths()._replace(openssl_cafile=str(certificate))
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: trusted)
        assert (await fetch(f"{secure.url}/")).body == b"hello"
        assert secure.requests[0].headers["host"] == secure.netloc


async def test_https_never_leads_back_to_http(
    site: Site, certificate: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = ssl.get_default_verify_paths()._replace(openssl_cafile=str(certificate))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: trusted)
    with serving({"/": redirect(f"{site.url}/")}, certificate) as secure, door(["127.0.0.1"]) as url:
        settings.EGRESS_URL = url
        with pytest.raises(Refused) as refused:
            await fetch(f"{secure.url}/")
    assert refused.value.reason == "redirect"
    assert site.requests == []


async def test_a_private_host_is_refused_a_tunnel_too() -> None:
    with serving() as canary, pytest.raises(Refused) as refused:
        await fetch(f"https://{canary.netloc}/")
    assert refused.value.reason == "egress"


async def test_without_a_door_nothing_is_fetched(site: Site, settings: Settings) -> None:
    settings.EGRESS_URL = "http://a:b@127.0.0.1:9"
    with pytest.raises(RetryLater) as closed:
        await fetch(f"{site.url}/")
    assert closed.value.reason == "egress"
    assert site.requests == []


async def test_the_client_finds_a_door_that_has_moved(site: Site, settings: Settings, egress: str) -> None:
    settings.EGRESS_URL = "http://a:b@127.0.0.1:9"
    with pytest.raises(RetryLater):
        await fetch(f"{site.url}/")
    settings.EGRESS_URL = egress
    assert (await fetch(f"{site.url}/")).status == 200


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("br", partial(brotli.compress, quality=3)), ("zstd", zstd.compress)],
)
async def test_a_bomb_is_stopped_in_bounded_memory(
    site: Site, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    bomb = compress(bytes(300_000_000))
    site.pages["/bomb"] = Answer(bomb, headers={**HTML, "Content-Encoding": encoding})
    tracemalloc.start()
    with pytest.raises(Refused) as refused:
        await fetch(f"{site.url}/bomb")
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.reason == "size"
    assert peak < 40_000_000


async def test_layers_of_compression_are_refused(site: Site) -> None:
    body = gzip.compress(gzip.compress(gzip.compress(b"hello")))
    site.pages["/nested"] = Answer(body, headers={**HTML, "Content-Encoding": "gzip, gzip, gzip"})
    with pytest.raises(Refused) as refused:
        await fetch(f"{site.url}/nested")
    assert refused.value.reason == "size"


async def test_compressed_pages_are_read(site: Site) -> None:
    text = " ".join(str(number) for number in range(30_000)).encode()
    site.pages["/gz"] = Answer(gzip.compress(text), headers={**HTML, "Content-Encoding": "gzip"})
    site.pages["/br"] = Answer(brotli.compress(text), headers={**HTML, "Content-Encoding": "br"})
    assert (await fetch(f"{site.url}/gz")).body == text
    assert (await fetch(f"{site.url}/br")).body == text
    site.pages["/bad"] = Answer(b"not gzip", headers={**HTML, "Content-Encoding": "gzip"})
    with pytest.raises(SourceFailed) as failed:
        await fetch(f"{site.url}/bad")
    assert failed.value.reason == "encoding"


@pytest.mark.parametrize(("content_type", "size"), [("text/html", 10_000_001), ("application/pdf", 30_000_001)])
async def test_what_is_too_large_is_refused_and_what_is_just_right_is_not(
    site: Site, content_type: str, size: int
) -> None:
    site.pages["/large"] = Answer(bytes(size), headers={"Content-Type": content_type})
    with pytest.raises(Refused) as refused:
        await fetch(f"{site.url}/large")
    assert refused.value.reason == "size"
    site.pages["/large"] = Answer(bytes(size - 1), headers={"Content-Type": content_type})
    assert len((await fetch(f"{site.url}/large")).body) == size - 1


async def test_what_holds_no_text_is_refused_by_its_type(site: Site) -> None:
    site.pages["/film"] = Answer(bytes(100), headers={"Content-Type": "video/mp4"})
    with pytest.raises(Refused) as refused:
        await fetch(f"{site.url}/film")
    assert refused.value.reason == "type"


async def test_a_slow_answer_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    site.pages["/slow"] = Answer("late", delay=20)
    site.pages["/drip"] = Answer("drip" * 1000, trickle=0.02)
    for path in ("/slow", "/drip"):
        started = time.monotonic()
        with pytest.raises(RetryLater) as late:
            await fetch(site.url + path)
        assert late.value.reason == "timeout"
        assert time.monotonic() - started < 15


async def test_a_redirect_can_be_told_instead_of_followed(site: Site, egress: str) -> None:
    with pytest.raises(Redirected) as told:
        await fetch(f"{site.url}/moved.html", follow=False)
    assert told.value.url == f"{site.url}/quickstart.html"
    assert site.hits("/quickstart.html") == 0


@pytest.mark.slow
async def test_a_body_that_comes_drop_by_drop_is_given_up(site: Site, egress: str) -> None:
    site.pages["/drip"] = Answer("x" * 10_000, trickle=0.05)
    began = time.monotonic()
    with pytest.raises(SourceFailed) as drip:
        await fetch(f"{site.url}/drip")
    assert drip.value.reason == "drip"
    assert time.monotonic() - began < 60
