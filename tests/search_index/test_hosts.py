"""The manners of hosts, which all workers share, and hosts that are closed."""

import asyncio
import time
from itertools import pairwise

import pytest
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from config.loop import in_thread
from search_index import hosts
from search_index.errors import Refused, RetryLater
from search_index.models import Host, Page, Passage
from tests.fakes.index import new_source, put

pytestmark = pytest.mark.django_db(transaction=True)


def rests() -> float:
    """Seconds until anything may be asked of slow.example again."""
    wait = Host.objects.annotate(wait=F("free_at") - Now()).get(name="slow.example").wait
    return float(wait.total_seconds())


async def busy(after: float | None = None) -> None:
    with pytest.raises(RetryLater):
        async with hosts.manners("slow.example", 0.01, patience=10_000):
            raise RetryLater("busy", "Not now.", after)


async def test_one_request_at_a_time_and_a_delay_between() -> None:
    at_work = 0
    starts = []

    async def visit(host: str) -> None:
        nonlocal at_work
        async with hosts.manners(host, 0.3):
            at_work += 1
            starts.append(time.monotonic())
            assert at_work == 1
            await asyncio.sleep(0.01)
            at_work -= 1

    await asyncio.gather(*(visit("one.example") for _ in range(4)))
    assert all(later - earlier >= 0.15 for earlier, later in pairwise(starts))


async def test_workers_share_the_turns_at_a_host() -> None:
    """What another process would do: it takes turns, without this one's gate."""
    waits = [await in_thread(hosts._turn, "one.example", 5.0, 100.0) for _worker in range(4)]
    assert [round(wait) for wait in waits] == [0, 5, 10, 15]
    with pytest.raises(hosts.Resting):
        await in_thread(hosts._turn, "one.example", 5.0, 10.0)


async def test_different_hosts_do_not_wait_for_each_other() -> None:
    async with asyncio.timeout(20), hosts.manners("one.example", 60), hosts.manners("two.example", 60):
        pass


async def test_the_operators_own_hosts_are_not_held_back_where_no_delay_is_wanted(settings: Settings) -> None:
    settings.EGRESS_ALLOW = ["intranet.example"]
    async with asyncio.timeout(20), hosts.manners("intranet.example", 0), hosts.manners("intranet.example", 0):
        pass
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), hosts.manners("public.example", 0), hosts.manners("public.example", 0):
            pass


async def test_a_host_that_answers_slowly_is_asked_less_often() -> None:
    async with hosts.manners("slow.example", 0.01):
        await asyncio.sleep(0.3)
    host = await in_thread(Host.objects.get, name="slow.example")
    assert host.seconds is not None
    assert host.seconds >= 0.3
    assert 2 * host.seconds < await in_thread(rests) <= 4 * host.seconds  # five times the answer, from its beginning
    await in_thread(Host.objects.update, free_at=None)
    for _quick in range(12):
        await in_thread(hosts._answered, "slow.example", 0.02)
    await in_thread(host.refresh_from_db)
    assert host.seconds < 0.05


async def test_a_busy_host_rests_as_long_as_it_asks_and_longer_each_time() -> None:
    await busy(after=120.0)
    assert 119 < await in_thread(rests) <= 120
    with pytest.raises(hosts.Resting) as rest:
        async with hosts.manners("slow.example", 0.01):
            pytest.fail("It was to be left alone.")
    assert (rest.value.busy, round(rest.value.after)) == (1, 120)
    waits = []
    for _time in range(3):
        await in_thread(Host.objects.update, free_at=None)
        await busy()
        waits.append(round(await in_thread(rests)))
    assert waits == [60, 120, 240]


async def test_an_answer_ends_the_row_of_refusals() -> None:
    await busy()
    await in_thread(Host.objects.update, free_at=None)
    async with hosts.manners("slow.example", 0.01):
        pass
    assert (await in_thread(Host.objects.get, name="slow.example")).busy == 0


def test_what_lies_below_a_closed_host_is_closed_too() -> None:
    Host.objects.create(name="trap.example", standing="trap", reason="It leads nowhere.")
    Host.objects.create(name="fine.example", standing="trusted")
    with pytest.raises(Refused, match="It leads nowhere"):
        hosts.check("deep.below.trap.example")
    assert hosts.check("fine.example")
    assert not hosts.check("nottrap.example")


def test_closing_a_host_empties_the_search_of_it_and_its_queue_and_keeps_the_snapshots() -> None:
    source = new_source("web", "site")
    snapshot = put(source, "https://trap.example/a", "Words without end.")
    kept = put(source, "https://trap.example.org/a", "Quite another host.")
    waiting = Page.objects.create(source=source, url="http://sub.trap.example:8080/b?c")
    assert hosts.close(["trap.example"], Host.Standing.TRAP, "It has no end.") == 1
    assert list(Passage.objects.values_list("snapshot", flat=True)) == [kept.pk]
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason, waiting.detail) == ("refused", "trap", "It has no end.")
    snapshot.refresh_from_db()
    assert snapshot.text == "Words without end."
