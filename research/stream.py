"""What happens in a run, live, as server-sent events: steps from the journal, pieces of the draft from the broker.

A reader may come and go: an event's id is the seq of its step, so a page that connects again (Last-Event-ID or ?after=)
gets what it missed from PostgreSQL. The broker only makes it quick: without it, the journal is looked at every
POLL_SECONDS. One subscriber a process serves all readers. Never writes to a run. Called by research/urls.py.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from json import JSONDecodeError, loads
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.http import require_GET
from redis.asyncio import Redis
from redis.exceptions import RedisError

from config.loop import in_thread
from research import live
from research.access import run_read
from research.models import Run, Step
from research.views.picture import (
    BRINGING,
    PLANNING,
    WRITING,
    brought,
    draft,
    drawn_trail,
    gap_of,
    head,
    is_pictured,
    on_trail,
    plan,
    retried,
    section_id,
    show,
)
from research.views.reports import shown_to_owner
from research.views.tree import Branch, in_order

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
SILENCE_SECONDS = 7.0  # then the meters are sent again: a page moves at least every 10 s, a proxy waits 30 to 60 s
GATHER_SECONDS = 0.08  # pieces of a draft that come within this time are shown together
WAITING_MESSAGES = 1_000  # of one slow reader; more are dropped, the journal has what matters

Message = dict[str, Any]


@require_GET
async def stream(request: HttpRequest, run_id: UUID) -> "HttpResponse | Events":
    """The events of a run after `Last-Event-ID` or `?after=`, until it is over."""
    # The request's own thread would keep its database connection as long as the stream lasts, so it gets none:
    # everything that needs the database, the session included, goes through in_thread.
    refusal = await in_thread(_refusal, request, run_id)
    if refusal is not None:
        return refusal
    after = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    seq = int(after) if after.isdecimal() and len(after) < 10 else 0
    reader = Reader(translation.get_language() or settings.LANGUAGE_CODE, get_token(request))
    return Events(follow(run_id, seq, reader))


class Events(StreamingHttpResponse):
    """Events as they come. Whoever stops reading closes what makes them: Django closes only what it has put around it,
    and leaves the rest to the garbage collector, which at a server's end comes too late to end the subscriber."""

    def __init__(self, events: AsyncGenerator[str]) -> None:
        super().__init__(events, content_type="text/event-stream")
        self.events = events
        self["Cache-Control"] = "no-store"
        self["X-Accel-Buffering"] = "no"  # nginx would hold events back

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self.events):
            async for one in self.events:
                yield self.make_bytes(one)


@dataclass
class Heard:
    """What was said last over the broker: the activity, and when (the row has it a little later, engine/watch.py)."""

    activity: str = ""
    at: float = -POLL_SECONDS
    thinker: str = ""  # the call of a model whose thoughts are shown: of several side by side the first, until a step

    def fresh(self) -> str:
        """The activity while the row may not have it yet; else empty."""
        return self.activity if time.monotonic() - self.at < POLL_SECONDS else ""


@dataclass(frozen=True)
class Reader:
    """Who reads: the language, and the token that the forms in what is sent have to carry."""

    language: str
    csrf_token: str


async def follow(run_id: UUID, seq: int, reader: Reader) -> AsyncGenerator[str]:
    """1. what the journal has after `seq`; 2. wait for the doorbell, showing what is drafted meanwhile; 1. again ..."""
    yield "retry: 3000\n\n"
    status, spoke, heard = Status(), time.monotonic(), Heard()
    async with hub.listening(run_id) as messages:
        while True:
            news = await in_thread(_news, run_id, seq, status, reader, heard.fresh())
            for event in news.events:
                yield event
            if news.over:
                return
            if news.events:
                spoke = time.monotonic()
            if news.seq != seq:
                heard.thinker = ""
            seq, status = news.seq, news.status
            async for event in _live(messages, seq, heard):
                spoke = time.monotonic()
                yield event
            if time.monotonic() - spoke > SILENCE_SECONDS:
                status = replace(status, told=False)


@dataclass(frozen=True)
class Status:
    """What the page's head says; `told` is False where it is to be sent once more, changed or not."""

    state: str = ""
    activity: str = ""
    is_stopping: bool = False
    is_answering: bool = False
    place: int = 0
    told: bool = True


@dataclass(frozen=True)
class News:
    """What is new in the journal, as events. `status` is the state of the page's head that they bring about."""

    events: list[str]
    seq: int
    status: Status
    over: bool


def _refusal(request: HttpRequest, run_id: UUID) -> HttpResponse | None:
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    run_read(request, run_id)
    return None


def _news(run_id: UUID, after: int, status: Status, reader: Reader, activity: str) -> News:
    run = Run.objects.filter(pk=run_id).first()
    if run is None:  # deleted while it was looked at
        return News([event("", name="end")], after, status, over=True)
    with translation.override(reader.language):
        # The run was read before its steps: where it is over, all of them are there.
        steps = list(run.steps.filter(seq__gt=after).order_by("seq"))
        branches = plan(run) if steps or run.state != status.state else ()
        events = [event(html, step.seq) for step, html in zip(steps, _drawn(run, steps, branches, reader), strict=True)]
        over = run.state in Run.OVER
        run.activity = activity or run.activity
        top = head(run)
        now = Status(run.state, run.activity, run.stop_requested, run.answer_now, top.place)
        page = {"run": run, "head": top, "branches": branches, "csrf_token": reader.csrf_token}
        if over:
            shown = {"shown": shown_to_owner(run), "trail": drawn_trail(run), "all": list(in_order(branches))}
            events.append(event(_part("finished", **page, **shown)))
            events.append(event("", name="end"))
        elif steps or now != status:
            is_moved = now.state != status.state or any(step.kind in PLANNING for step in steps)
            touched = {gap_of(step) for step in steps}
            lines = [] if is_moved else [branch for branch in in_order(branches) if branch.number in touched]
            change = {"is_moved": is_moved, "is_stepped": bool(steps), "lines": lines}
            events.append(event(_part("refreshed", **page, **change)))
    return News(events, steps[-1].seq if steps else after, now, over)


def _drawn(run: Run, steps: list[Step], branches: tuple[Branch, ...], reader: Reader) -> Iterator[str]:
    """Each step as the partials that put it on the page."""
    gaps = {branch.number: branch for branch in in_order(branches)}
    written = _written_before(run, steps)
    for step, shown in zip(steps, show(run, steps, retried(steps)), strict=True):
        context: dict[str, Any] = {
            "run": run,
            "step": shown,
            "branch": gaps.get(shown.gap),
            "on_trail": on_trail(step),
            "is_pictured": is_pictured(step),
            "csrf_token": reader.csrf_token,
        }
        if step.kind in BRINGING:
            context["new_gaps"] = [gaps[number] for number in sorted(brought(step)) if number in gaps]
        elif step.kind in WRITING:
            before = {section.heading for section in draft(written)}
            written.append(step)
            after = draft(written)
            context["is_first"] = not before
            context["new_sections"] = [section for section in after if section.heading not in before]
            changed = {step.result.get("section")} & before
            context["section"] = next((section for section in after if section.heading in changed), None)
        yield _part("news", **context)


def _written_before(run: Run, steps: list[Step]) -> list[Step]:
    if not any(step.kind in WRITING for step in steps):
        return []
    return list(run.steps.filter(kind__in=WRITING, seq__lt=steps[0].seq).order_by("seq"))


async def _live(messages: "asyncio.Queue[Message]", seq: int, heard: Heard) -> AsyncIterator[str]:
    """Events of what is said over the broker, until it tells of a new step or POLL_SECONDS are over."""
    deadline = time.monotonic() + POLL_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            batch = [await asyncio.wait_for(messages.get(), left)]
        except TimeoutError:
            return
        if "delta" in batch[0] or "thinking" in batch[0]:
            await asyncio.sleep(GATHER_SECONDS)
        while not messages.empty():
            batch.append(messages.get_nowait())
        for activity in (message["activity"] for message in batch if "activity" in message):
            heard.activity, heard.at = str(activity), time.monotonic()
        html = _said(batch, heard)
        if html:
            yield event(html)
        if any(message["seq"] > seq for message in batch if isinstance(message.get("seq"), int)):
            return


def _said(batch: list[Message], heard: Heard) -> str:
    """What was said, as partials: the last activity, what is thought, and each section's new text in one piece."""
    activity = [str(message["activity"]) for message in batch if "activity" in message]
    texts: dict[str, str] = {}
    for message in batch:
        if "delta" in message:
            heading = str(message.get("section", ""))
            texts[heading] = texts.get(heading, "") + str(message["delta"])
    thoughts = [(str(message.get("of", "")), str(message["thinking"])) for message in batch if "thinking" in message]
    heard.thinker = heard.thinker or next((of for of, _piece in thoughts), "")
    thinking = "".join(piece for of, piece in thoughts if of == heard.thinker)
    if not activity and not texts and not thinking:
        return ""
    deltas = [(section_id(heading), text) for heading, text in texts.items()]
    return _part("said", activity=activity[-1] if activity else "", thinking=thinking, deltas=deltas)


def event(data: str, seq: int | None = None, name: str = "") -> str:
    """A server-sent event. htmx swaps in what has no name; the id is what a page that connects again sends back."""
    head = (f"id: {seq}\n" if seq is not None else "") + (f"event: {name}\n" if name else "")
    return head + "".join(f"data: {line}\n" for line in data.splitlines() or [""]) + "\n"


def _part(name: str, **context: Any) -> str:
    return render_to_string(f"run_parts.html#{name}", context).strip()


@dataclass
class Hub:
    """One subscriber of the broker in this process, and the queues of all who listen."""

    listeners: dict[str, set["asyncio.Queue[Message]"]] = field(default_factory=dict)
    subscriber: "asyncio.Task[None] | None" = None

    @asynccontextmanager
    async def listening(self, run_id: UUID) -> "AsyncIterator[asyncio.Queue[Message]]":
        """A queue that gets what is said about a run. The first listener starts the subscriber, the last ends it."""
        name = live.channel(run_id)
        queue: asyncio.Queue[Message] = asyncio.Queue(WAITING_MESSAGES)
        self.listeners.setdefault(name, set()).add(queue)
        if self.subscriber is None or self.subscriber.done():
            self.subscriber = asyncio.create_task(self._subscribe())
        try:
            yield queue
        finally:
            self.listeners[name].discard(queue)
            if not self.listeners[name]:
                del self.listeners[name]
            if not self.listeners and self.subscriber:
                ending, self.subscriber = self.subscriber, None
                ending.cancel()
                await asyncio.wait([ending])  # a loop that ends now would leave its connection open

    async def _subscribe(self) -> None:
        while True:
            try:
                async with Redis.from_url(settings.REDIS_URL) as broker, broker.pubsub() as subscription:
                    await subscription.psubscribe(live.channel("*"))
                    async for message in subscription.listen():
                        if message["type"] == "pmessage":
                            self._hand_out(message["channel"].decode(), message["data"])
            except (RedisError, OSError) as error:
                log.warning("No live messages from the broker, readers get their steps by polling: %s", error)
                await asyncio.sleep(POLL_SECONDS)

    def _hand_out(self, channel: str, data: bytes) -> None:
        try:
            message = loads(data)
        except JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            log.warning("What was said on %s is no message: %.200r", channel, data)
            return
        for queue in self.listeners.get(channel, ()):
            if not queue.full():
                queue.put_nowait(message)


hub = Hub()
