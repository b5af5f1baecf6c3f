"""robots.txt is asked before a host's pages, once a day, and obeyed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from search_index import fetch as fetching
from search_index import robots
from search_index.errors import Refused, RetryLater
from search_index.whose import asking
from tests.fakes.site import Answer, Site, redirect, serving


@pytest.fixture(autouse=True)
async def _close(egress: str) -> AsyncIterator[None]:
    yield
    await fetching.close()


def says(site: Site, text: str) -> None:
    site.pages["/robots.txt"] = Answer(text, headers={"Content-Type": "text/plain"})


async def test_what_the_door_says_to_a_sealed_run_is_no_answer_for_the_others(site: Site) -> None:
    with asking("run-1", sealed=True), pytest.raises(Refused) as refused:
        await robots.allowed(f"{site.url}/faq.html")
    assert refused.value.reason == "sealed"
    assert site.requests == []
    with asking("run-2"):
        assert (await robots.allowed(f"{site.url}/faq.html")).allowed
    assert site.hits("/robots.txt") == 1


async def test_the_host_is_asked_once_and_obeyed(site: Site) -> None:
    answers = await asyncio.gather(*(robots.allowed(f"{site.url}/{page}") for page in ("faq.html", "private/x", "")))
    assert [answer.allowed for answer in answers] == [True, False, True]
    assert "robots.txt" in answers[1].reason
    assert site.hits("/robots.txt") == 1


async def test_our_own_group_counts_before_everybodys(site: Site) -> None:
    says(site, "User-agent: *\nDisallow: /\n\nUser-agent: scenthound\nDisallow: /a\nAllow: /a/b\nCrawl-delay: 3\n")
    assert (await robots.allowed(f"{site.url}/x")).allowed
    assert not (await robots.allowed(f"{site.url}/a/c")).allowed
    decision = await robots.allowed(f"{site.url}/a/b")
    assert decision == robots.Decision(allowed=True, delay=3.0, reason="")


@pytest.mark.parametrize(
    ("line", "delay"), [("Crawl-delay: 9999", 120.0), ("Request-rate: 1/10", 10.0), ("Crawl-delay: often", None)]
)
async def test_delays_are_read_and_capped(site: Site, line: str, delay: float | None) -> None:
    says(site, f"User-agent: *\n{line}\n")
    assert (await robots.allowed(f"{site.url}/x")).delay == delay


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_without_robots_everything_is_allowed(site: Site, status: int) -> None:
    site.pages["/robots.txt"] = Answer("User-agent: *\nDisallow: /", status=status)
    assert (await robots.allowed(f"{site.url}/private/x")).allowed


async def test_a_host_that_cannot_be_asked_is_not_visited_for_now(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages["/robots.txt"] = Answer(status=503, headers={"Retry-After": "40"})
    for _again in range(2):
        with pytest.raises(RetryLater) as later:
            await robots.allowed(f"{site.url}/x")
        assert (later.value.reason, later.value.after) == ("robots", 40)
    assert site.hits("/robots.txt") == 1

    says(site, "")
    monkeypatch.setattr(robots, "FAILURE_SECONDS", -1)
    robots.forget()
    assert (await robots.allowed(f"{site.url}/x")).allowed


async def test_a_failure_is_asked_again_soon_and_an_answer_after_a_day(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robots, "FAILURE_SECONDS", -1)
    site.pages["/robots.txt"] = Answer(status=500)
    with pytest.raises(RetryLater):
        await robots.allowed(f"{site.url}/x")
    monkeypatch.setattr(robots, "REMEMBERED_SECONDS", -1)
    says(site, "User-agent: *\nDisallow: /x\n")
    assert not (await robots.allowed(f"{site.url}/x")).allowed
    says(site, "")
    assert (await robots.allowed(f"{site.url}/x")).allowed


async def test_redirects_are_followed_and_endless_ones_are_none(site: Site) -> None:
    site.pages["/robots.txt"] = redirect("/elsewhere.txt")
    site.pages["/elsewhere.txt"] = "User-agent: *\nDisallow: /x\n"
    assert not (await robots.allowed(f"{site.url}/x")).allowed
    robots.forget()
    site.pages["/robots.txt"] = redirect("/robots.txt")
    assert (await robots.allowed(f"{site.url}/x")).allowed


async def test_only_the_first_500_kibibytes_are_read(site: Site) -> None:
    says(site, "User-agent: *\nDisallow: /a\n" + "# nothing\n" * 60_000 + "Disallow: /b\n")
    assert not (await robots.allowed(f"{site.url}/a")).allowed
    assert (await robots.allowed(f"{site.url}/b")).allowed


async def test_a_byte_order_mark_and_rubbish_do_no_harm(site: Site) -> None:
    site.pages["/robots.txt"] = b"\xef\xbb\xbfUser-agent: *\nDisallow: /a\n\xff\xfe\x00 what: ever\n::::\n"
    assert not (await robots.allowed(f"{site.url}/a")).allowed
    assert (await robots.allowed(f"{site.url}/b")).allowed


async def test_a_private_host_is_refused_without_asking_it() -> None:
    with serving() as canary:
        with pytest.raises(Refused) as refused:
            await robots.allowed(f"{canary.url}/x")
        assert refused.value.reason == "egress"
        assert canary.requests == []


async def test_what_is_remembered_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robots, "HOSTS_REMEMBERED", 1)
    await robots.allowed(f"{site.url}/x")
    with serving() as other, pytest.raises(Refused):
        await robots.allowed(f"{other.url}/x")
    await robots.allowed(f"{site.url}/x")
    assert site.hits("/robots.txt") == 2
