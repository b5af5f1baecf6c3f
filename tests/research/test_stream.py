"""The stream, read as a browser would read it: in the application, with the real broker and database."""

import asyncio
import json

import pytest
from django.test import AsyncClient, AsyncRequestFactory
from django.urls import reverse
from redis.asyncio import Redis

from config.loop import in_thread
from research import launch, live, stream
from research.engine.values import Planned
from research.models import Run
from research.stream import Reader, event, follow, hub
from research.views import picture
from research.views.picture import rows, section_id
from tests.fakes.rows import HOSTILE, make_begun, make_browsed, make_gap, make_noted, make_report, make_step

pytestmark = pytest.mark.django_db(transaction=True)
READER = Reader("en", "token")


@pytest.fixture
def run(owner):
    return make_begun(owner)


class Page:
    """Reads the events of a stream one by one, and those up to one that holds a text."""

    def __init__(self, run, after=0):
        self.events = follow(run.pk, after, READER)

    async def until(self, text):
        read = ""
        async with asyncio.timeout(20):
            async for part in self.events:
                read += part
                if text in part:
                    return read
        raise AssertionError(f"The stream ended without {text!r}: {read}")

    async def close(self):
        await self.events.aclose()


@pytest.fixture
async def page(run):
    page = Page(run)
    yield page
    await page.close()


@pytest.fixture
async def broker(settings):
    async with Redis.from_url(settings.REDIS_URL) as broker:
        yield broker


async def signed_in(user):
    client = AsyncClient()
    await in_thread(client.force_login, user)  # aforce_login would leave a thread with an open connection behind
    return client


async def subscribed():
    """Wait until the hub's subscriber is known to the broker."""
    async with asyncio.timeout(20), Redis.from_url(stream.settings.REDIS_URL) as broker:
        while not await broker.pubsub_numpat():
            await asyncio.sleep(0.01)


async def test_recorded_steps_are_replayed_with_their_seq_as_id(page):
    read = await page.until("sea clock money")
    assert "id: 1\n" in read
    assert "id: 2\n" in read
    assert 'hx-target="#gaps"' in read
    assert 'hx-target="#trail-1"' in read


async def test_a_gap_that_is_planned_while_its_page_is_drawn_is_on_the_page_once(run, monkeypatch):
    def planned_meanwhile(run):
        make_gap(run, 2)
        make_step(run, "revise", {"gaps": [{"number": 2, "question": "And when?"}]})
        return rows(run)

    with monkeypatch.context() as patched:
        patched.setattr(picture, "rows", planned_meanwhile)
        drawn = await in_thread(picture.picture, run)
    assert [gap.branch.number for gap in drawn.gaps] == [1]
    page = Page(run, after=drawn.seq)
    assert 'id="gap-2"' in await page.until('hx-target="#gaps"')
    await page.close()


async def test_a_step_of_a_gap_moves_its_line_of_the_plan_only(run):
    page = Page(run, after=1)
    await page.until("sea clock money")
    read = await page.until('hx-target="#head"')  # the first time all of it is sent
    assert 'hx-target="#plan"' in read
    await in_thread(make_step, run, "search", {"gap": 1, "query": "the second query", "hits": []})
    read = await page.until('hx-target="#head"')
    assert 'hx-target="#line-1"' in read
    assert "2 queries" in read
    assert 'hx-target="#plan"' not in read
    await page.close()


def test_news_cost_no_more_queries_with_more_steps_and_gaps(owner, run, django_assert_max_num_queries):
    make_noted(run, *range(2, 12))
    for after in (0, run.last_seq - 1):
        with django_assert_max_num_queries(9):
            stream._news(run.pk, after, stream.Status(), READER, "")


async def test_only_steps_after_the_last_one_seen_are_replayed(run):
    page = Page(run, after=1)
    read = await page.until("sea clock money")
    assert "id: 1\n" not in read
    await page.close()


async def test_a_step_arrives_at_once_when_the_bell_rings(run, page, monkeypatch):
    monkeypatch.setattr(stream, "POLL_SECONDS", 60)
    await page.until("</hx-partial>\n\n")
    waiting = asyncio.create_task(page.until("the second query"))
    await subscribed()
    step = await in_thread(make_step, run, "search", {"gap": 1, "query": "the second query", "hits": []})
    while not waiting.done():  # a bell that rings before the page listens is heard at the next one
        await live.publish(run.pk, {"seq": step.seq})
        await asyncio.sleep(0.1)
    assert "id: 3\n" in await waiting
    await live.close()


async def test_a_step_arrives_without_the_broker(run, page, settings, monkeypatch):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.1)
    await page.until("sea clock money")
    await in_thread(make_step, run, "search", {"gap": 1, "query": "the second query", "hits": []})
    await page.until("the second query")


async def test_what_is_drafted_is_shown_as_it_comes_and_escaped(run, page, broker):
    await page.until("sea clock money")
    waiting = asyncio.create_task(page.until("onerror"))
    await subscribed()
    while not waiting.done():
        await broker.publish(live.channel(run.pk), json.dumps({"section": HOSTILE, "delta": HOSTILE}))
        await asyncio.sleep(0.1)
    read = await waiting
    assert f'hx-target="#{section_id(HOSTILE)}-text"' in read
    assert "&lt;script&gt;" in read
    assert "<script>" not in read


async def test_what_is_no_message_harms_nobody(run, page, broker):
    await page.until("sea clock money")
    waiting = asyncio.create_task(page.until("Reading on"))
    await subscribed()
    while not waiting.done():
        for message in ("no json", "[1]", '"text"', '{"seq": "x"}', '{"seq": null}', '{"activity": "Reading on"}'):
            await broker.publish(live.channel(run.pk), message)
        await asyncio.sleep(0.1)
    await waiting


async def test_a_section_that_no_outline_named_is_added(run, page):
    await page.until("sea clock money")
    draft = {"section": "Money", "sentences": [{"text": "He was paid.", "evidence": []}]}
    await in_thread(make_step, run, "draft", draft)
    await in_thread(
        make_step,
        run,
        "check",
        {"section": "Money", "claims": [{"text": "He was not.", "evidence": [], "verdict": "unsupported"}]},
    )
    read = await page.until("He was not.")
    assert read.index('hx-target="#draft"') < read.index(f'hx-target="#{section_id("Money")}"')


async def test_a_run_that_is_over_ends_the_stream_with_its_report(owner):
    report = await in_thread(make_report, owner)
    read = await Page(report.run).until("event: end")
    assert 'hx-target="#report"' in read
    assert "The Board paid Harrison" in read


async def test_a_run_that_is_deleted_ends_the_stream(run, page, monkeypatch):
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.1)
    await page.until("sea clock money")
    await in_thread(Run.objects.all().delete)
    await page.until("event: end")


async def test_a_silent_run_tells_its_meters_again_and_again(page, monkeypatch):
    assert stream.SILENCE_SECONDS + stream.POLL_SECONDS < 10  # the longest that a page stands still
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(stream, "SILENCE_SECONDS", 0.1)
    for _time in range(3):
        await page.until('hx-target="#head"')


async def test_a_change_of_the_head_is_shown_without_a_step(run, page, monkeypatch):
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.05)
    await page.until("Stop</button>")
    await in_thread(Run.objects.update, stop_requested=True)
    await page.until("stopping")


async def test_a_plan_that_waits_for_review_comes_as_a_form_with_the_readers_token(run, page, monkeypatch):
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.05)
    await page.until("Stop</button>")
    await in_thread(Run.objects.update, state="review")
    read = await page.until("Start the hunt")
    assert 'value="token"' in read
    assert "The plan waits for you." in read


@pytest.mark.parametrize(
    ("wish", "shown"),
    [
        (lambda run: launch.add_gap(run, "And when?"), 'id="trail-2"'),
        (lambda run: launch.drop_gap(run, 1), "<del>Gap 1 of the plan</del>"),
        (lambda run: launch.reword_gap(run, 1, Planned("What did he get?")), "What did he get?"),
        (lambda run: launch.remark(run, "Leave blogs aside."), "You said: Leave blogs aside."),
    ],
)
async def test_a_wish_from_another_tab_is_shown(run, page, monkeypatch, wish, shown):
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.05)
    await page.until("Stop</button>")
    await in_thread(wish, run)
    read = await page.until('hx-target="#plan"')
    assert shown in read


async def test_what_is_thought_comes_as_it_is_thought_and_is_gone_with_the_next_step(run, page, broker):
    await page.until("sea clock money")
    waiting = asyncio.create_task(page.until("The Board"))
    await subscribed()
    while not waiting.done():
        for of, text in (("1", "The Board, <perhaps>."), ("2", "Of another gap.")):
            await broker.publish(live.channel(run.pk), json.dumps({"of": of, "thinking": text}))
        await asyncio.sleep(0.1)
    read = await waiting
    assert 'hx-target="#thinking" hx-swap="beforeend"' in read
    assert "&lt;perhaps&gt;" in read
    assert "Of another gap." not in read  # two trains of thought would run into each other
    await in_thread(make_step, run, "search", {"gap": 1, "query": "the second query", "hits": []})
    await page.until('hx-target="#thinking" hx-swap="textContent"')


async def test_all_readers_share_one_subscriber_and_leave_nothing_behind(run):
    pages = [Page(run) for _ in range(20)]
    for page in pages:
        await page.until("sea clock money")
    subscriber = hub.subscriber
    assert sum(map(len, hub.listeners.values())) == 20
    for page in pages:
        await page.close()
    assert not hub.listeners
    assert hub.subscriber is None
    assert subscriber.cancelled()


async def test_who_stops_reading_leaves_nothing_to_the_garbage_collector(owner, run):
    request = AsyncRequestFactory().get(reverse("stream", args=[run.pk]))
    request.user = owner
    answer = await stream.stream(request, run.pk)
    read = aiter(answer)
    while b"sea clock money" not in await anext(read):
        pass
    subscriber = hub.subscriber
    await read.aclose()
    assert not hub.listeners
    assert subscriber.cancelled()


async def test_the_last_event_id_wins_over_the_address(owner, run):
    await in_thread(Run.objects.update, state="done")
    client = await signed_in(owner)
    address = reverse("stream", args=[run.pk])
    for headers, query, first in (({}, "", 1), ({}, "?after=1", 2), ({"Last-Event-ID": "1"}, "?after=0", 2)):
        answer = await client.get(address + query, headers=headers)
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Accel-Buffering"] == "no"
        read = b"".join([part async for part in answer.streaming_content]).decode()
        assert read.startswith("retry: 3000\n\n")
        assert f"id: {first}\n" in read
        assert f"id: {first - 1}\n" not in read


async def test_nonsense_for_a_place_is_the_beginning(owner, run):
    await in_thread(Run.objects.update, state="done")
    client = await signed_in(owner)
    answer = await client.get(reverse("stream", args=[run.pk]) + "?after=-1%0A")
    assert b"id: 1\n" in b"".join([part async for part in answer.streaming_content])


def test_an_event_keeps_its_form_whatever_its_text_is():
    assert event("a\nb\r\nc", 3) == "id: 3\ndata: a\ndata: b\ndata: c\n\n"
    assert event("", name="end") == "event: end\ndata: \n\n"


async def test_what_the_browser_shows_arrives_with_its_step(run, page):
    step = await in_thread(lambda: make_browsed(run, run.gaps.get()))
    read = await page.until(f"id: {step.seq}")
    assert '<hx-partial hx-target="#browser"' in read
    assert reverse("shot", args=[run.pk, step.seq]) in read
