"""What a person sees and wants while runs are under way: sse, cancel, answer."""

import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx2
from django.conf import settings

from research.launch import stop
from research.models import Run
from tests.drills import oracle
from tests.drills.model import number_of
from tests.drills.stage import OVER, Stage, until

Document = dict[str, Any]
CANCEL_SECONDS = 10
DELTA = re.compile(r'"#section-[0-9a-f]+-text" hx-swap="beforeend"')
CALL_SECONDS = 2.0  # of the scripted server, for what is measured by the clock


@dataclass
class Reader:
    """A reader of a run's stream, whose connection breaks whenever `cut` is over. Comes back as browsers do."""

    address: str
    cookies: dict[str, str]
    cut: Callable[[], float]  # seconds of the next connection
    ids: list[int] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)  # when, and what
    connections: int = 0
    over: bool = False

    def follow(self) -> None:
        """Read to the end of the run."""
        with httpx2.Client(cookies=self.cookies, timeout=30, trust_env=False) as client:
            while not self.over:
                self.connections += 1
                self._read(client, time.monotonic() + self.cut())

    def _read(self, client: httpx2.Client, until_: float) -> None:
        headers = {"Last-Event-ID": str(self.ids[-1])} if self.ids else {}
        with client.stream("GET", self.address, headers=headers) as response:
            assert response.status_code == 200, response.status_code
            data: list[str] = []
            for line in response.iter_lines():
                name, _colon, value = line.partition(": ")
                if name == "id":
                    self.ids.append(int(value))
                elif name == "data":
                    data.append(value)
                elif name == "event" and value == "end":
                    self.over = True
                elif not line and data:
                    self.events.append((time.time(), "\n".join(data)))
                    data = []
                if time.monotonic() > until_ and not data:  # an event is had as a whole or not at all
                    return


def sse(stage: Stage, runs: int) -> Document:
    """F-15: each reader's connection breaks every 1 to 5 seconds; each has every event once, in order, at the end."""
    stage.model.latency = 1.0
    stage.beat()
    stage.worker("wide=64")
    web, cookies = stage.web(), stage.cookie()
    asked = stage.ask_all(runs)
    readers = [
        Reader(f"{web}/runs/{run.pk}/stream", cookies, lambda: stage.chance.uniform(1, 5))
        for run in asked
        for _ in "ab"
    ]
    threads = [threading.Thread(target=reader.follow, daemon=True) for reader in readers]
    wait_for_web(web)
    for thread in threads:
        thread.start()
    stage.wait(asked, 300)
    for thread in threads:
        thread.join(30)
    journals = {str(run.pk): list(run.steps.order_by("seq").values_list("seq", flat=True)) for run in asked}
    same = sum(reader.ids == journals[reader.address.split("/")[-2]] for reader in readers)
    document = {
        "runs": runs,
        "readers": len(readers),
        "connections": sum(reader.connections for reader in readers),
        "events": sum(len(reader.ids) for reader in readers),
        "same_as_journal": same,
        "ended": sum(reader.over for reader in readers),
        "states": oracle.states(asked),
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and same == document["ended"] == len(readers)
        and document["connections"] > 2 * len(readers)
    )
    return document


def cancel(stage: Stage, runs: int) -> Document:
    """F-17: each run is stopped at a random step: it ends within 10 s, its model call is given up, nothing follows."""
    stage.model.latency = 3.0
    stage.beat()
    stage.worker("wide=256")
    asked = stage.ask_all(runs)
    numbers = {run.pk: number for number, run in enumerate(asked, start=1)}
    at = {run.pk: stage.chance.randint(0, 18) for run in asked}
    stopped: dict[Any, float] = {}
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        seqs = dict(Run.objects.exclude(state__in=OVER).values_list("pk", "last_seq"))
        if not seqs:
            break
        for pk, seq in seqs.items():
            if pk not in stopped and seq >= at[pk]:
                stop(Run.objects.get(pk=pk))
                stopped[pk] = time.time()
        time.sleep(stage.chance.uniform(0.02, 0.2))
    time.sleep(4)  # a call that was not given up would be answered by now
    ended = dict(Run.objects.values_list("pk", "finished_at"))
    took = [ended[pk].timestamp() - moment for pk, moment in stopped.items()]
    calls = [(one, asked[number_of(one) - 1].pk) for one in stage.model.asked]
    under_way = [one for one, pk in calls if pk in stopped and one.at < stopped[pk] and one.ended > stopped[pk] + 1.5]
    late = [one for one, pk in calls if pk in stopped and one.at > ended[pk].timestamp()]
    document = {
        "runs": runs,
        "stopped": len(stopped),
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals([run for run in asked if numbers[run.pk]]),
        "seconds_to_the_end": {"p50": oracle.percentile(took, 0.5), "most": oracle.percentile(took, 1.0)},
        "calls_given_up": sum(one.gone for one, pk in calls if pk in stopped),
        "calls_not_given_up": sum(not one.gone for one in under_way),
        "calls_after_the_end": len(late),
    }
    document["passed"] = (
        set(document["states"]) <= {"stopped", "done"}
        and not document["wrong"]
        and max(took) <= CANCEL_SECONDS
        and document["calls_not_given_up"] == document["calls_after_the_end"] == 0
    )
    return document


def answer(stage: Stage, runs: int) -> Document:
    """How soon a person sees something: the first step after asking, a draft after "Answer now"; and never silence."""
    stage.model.latency = CALL_SECONDS
    stage.beat()
    stage.worker("wide=256")
    web, cookies = stage.web(), stage.cookie()
    token = secrets.token_hex(16)
    cookies[settings.CSRF_COOKIE_NAME] = token
    stage.furnish(range(1, runs + 1))
    wait_for_web(web)
    until(lambda: b"ready." in stage.log("worker"), 60, "the worker")
    firsts, drafts, silences, asked = [], [], [], []
    client = httpx2.Client(cookies=cookies, timeout=30, trust_env=False, headers={"X-CSRFToken": token})
    for number in range(1, runs + 1):
        began = time.time()
        form = {"question": f"Who wrote the first version of Larkspur{number}?", "effort": "medium"}
        form |= {"sources": str(stage.source(number))}
        reply = client.post(f"{web}/", data=form)
        run = Run.objects.get(pk=reply.headers["location"].rsplit("/", 1)[1])
        asked.append(run)
        reader = Reader(f"{web}/runs/{run.pk}/stream", cookies, lambda: 1e9)
        thread = threading.Thread(target=reader.follow, daemon=True)
        thread.start()
        until(lambda reader=reader: any("#activity" in what for _when, what in reader.events), 30, "a first event")
        firsts.append(next(when for when, what in reader.events if "#activity" in what) - began)
        # With evidence to write from, at a moment that is nobody's choice.
        until(lambda run=run: run.steps.filter(kind="note").count() >= 1, 60, "a note")
        time.sleep(stage.chance.uniform(0, CALL_SECONDS))
        pressed = time.time()
        assert client.post(f"{web}/runs/{run.pk}/answer-now").status_code == 302
        thread.join(120)
        drafted = [when for when, what in reader.events if when > pressed and DELTA.search(what)]
        drafts.append(drafted[0] - pressed)
        times = [began, *(when for when, _what in reader.events)]
        silences.append(max(later - earlier for earlier, later in pairwise(times)))
    document = {
        "runs": runs,
        "states": oracle.states(asked),
        "first_event_s": {"p50": oracle.percentile(firsts, 0.5), "most": oracle.percentile(firsts, 1.0)},
        "first_draft_after_answer_now_s": {
            "p50": oracle.percentile(drafts, 0.5),
            "most": oracle.percentile(drafts, 1.0),
        },
        "call_s": CALL_SECONDS,
        "longest_silence_s": oracle.percentile(silences, 1.0),
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and max(firsts) <= 1
        and max(drafts) <= 3 + CALL_SECONDS
        and max(silences) <= 10
    )
    return document


def wait_for_web(address: str) -> None:
    """Until the web server answers. Raises Failed."""

    def answers() -> bool:
        try:
            return httpx2.get(f"{address}/healthz", timeout=5, trust_env=False).status_code in (200, 503)
        except httpx2.TransportError:
            return False

    until(answers, 60, "the web server")


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {
    "sse": (sse, 10),
    "cancel": (cancel, 100),
    "answer": (answer, 5),
}
