import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from config import loop
from config.loop import in_thread
from research import live, tasks
from research.engine import watch as watch_module
from research.engine.journal import claim
from research.engine.values import Plan, Planned
from research.errors import RunFailed, StepFailed
from research.models import Report, Run, Step
from research.reasoning.extractive import ExtractiveReasoner
from tests.research.engine.library import Library

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def deaf_broker(monkeypatch):
    """What the tasks would ring and publish, remembered."""
    rung: list[tuple[str, ...]] = []

    async def publish(run_id: str, message: dict[str, Any]) -> None:
        return

    monkeypatch.setattr(tasks.research, "delay", lambda *args: rung.append(args))
    monkeypatch.setattr(live, "publish", publish)
    return rung


@pytest.fixture
def library(monkeypatch):
    found = Library()
    monkeypatch.setattr(tasks, "WholeIndex", lambda: found)
    monkeypatch.setattr(tasks, "reasoner", lambda name: ExtractiveReasoner(found.similarity))
    return found


@pytest.fixture
def run(db):
    owner = User.objects.create_user("owner")
    return Run.objects.create(owner=owner, question="Who wrote the first version of Larkspur?", effort="low")


def worked_off() -> None:
    """Ring once, and wait until this process has nothing in hand."""
    tasks.research()
    assert loop.drain(60)


def test_a_run_is_researched_to_its_end(run, library):
    worked_off()
    run.refresh_from_db()
    assert (run.state, run.error) == ("done", "")
    assert Report.objects.get(run=run).answer == "Tor Vikdal"


def test_a_message_delivered_five_times_is_one_execution(run, library):
    def deliver(_number: int) -> None:
        try:
            worked_off()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as workers:
        list(workers.map(deliver, range(5)))
    run.refresh_from_db()
    assert (run.state, run.lease_epoch) == ("done", 1)
    keys = list(Step.objects.filter(run=run).values_list("key", flat=True))
    assert len(keys) == len(set(keys))
    assert Report.objects.filter(run=run).count() == 1


def test_a_message_that_comes_when_nothing_waits_is_nothing(run, library):
    Run.objects.filter(pk=run.pk).update(state="stopped")
    worked_off()
    assert not Step.objects.exists()


def test_a_run_waits_while_all_hands_are_full(run, library, settings):
    settings.RUNS_AT_ONCE = 1
    tasks._hands.add(("another run", 1))
    try:
        tasks.research()
        run.refresh_from_db()
        assert run.state == "queued"
    finally:
        tasks._hands.clear()
    worked_off()
    run.refresh_from_db()
    assert run.state == "done"


def test_a_hand_that_is_free_again_takes_the_next_run_without_a_message(run, library, settings):
    settings.RUNS_AT_ONCE = 1
    others = [Run.objects.create(owner=run.owner, question=run.question, effort="low") for _ in range(3)]
    worked_off()
    ended = Run.objects.filter(pk__in=[run.pk, *(other.pk for other in others)]).order_by("created_at")
    assert {one.state for one in ended} == {"done"}
    began = [one.started_at for one in ended]
    assert began == sorted(began)


def test_the_bell_rings_again_for_runs_that_wait_and_runs_whose_worker_is_gone(run, deaf_broker):
    def another(**fields: Any) -> Run:
        return Run.objects.create(owner=run.owner, question="?", **fields)

    past = timezone.now() - timezone.timedelta(hours=1)
    waiting = another()
    Run.objects.filter(pk=waiting.pk).update(created_at=past)
    another(state="running", lease_until=past)
    another(state="running", lease_until=timezone.now() + timezone.timedelta(hours=1))
    another(state="done")
    tasks.ring_again()
    assert len(deaf_broker) == 2  # for one that waits, one whose worker is gone; `run` has only just been made


def test_a_run_that_cannot_go_on_fails_and_says_what_to_do(run, library, monkeypatch):
    class Unauthorised(ExtractiveReasoner):
        async def plan(self, question: Any, most: int) -> Any:
            raise RunFailed("The model server refuses the key; set CHAT_KEY.")

    monkeypatch.setattr(tasks, "reasoner", lambda name: Unauthorised())
    worked_off()
    run.refresh_from_db()
    assert (run.state, run.error) == ("failed", "The model server refuses the key; set CHAT_KEY.")
    assert Step.objects.filter(run=run).last().result["state"] == "failed"


def test_a_fault_of_our_own_fails_the_run_and_not_the_worker(run, library, monkeypatch, caplog):
    class Broken(ExtractiveReasoner):
        async def plan(self, question: Any, most: int) -> Any:
            raise ZeroDivisionError

    monkeypatch.setattr(tasks, "reasoner", lambda name: Broken())
    worked_off()
    run.refresh_from_db()
    assert run.state == "failed"
    assert "ZeroDivisionError" not in run.error
    assert "ZeroDivisionError" in caplog.text


async def test_a_worker_that_slept_through_its_lease_writes_nothing_when_it_wakes(run, library, monkeypatch):
    """F-6: the first worker is held inside a step until a second one has taken the run over and finished it."""
    asleep, awake = asyncio.Event(), asyncio.Event()

    class Sleepy(ExtractiveReasoner):
        async def note(self, workspace: Any, candidates: Any) -> Any:
            asleep.set()
            await awake.wait()
            return await super().note(workspace, candidates)

    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 3600)  # it sleeps: it does not look either
    monkeypatch.setattr(tasks, "reasoner", lambda name: Sleepy(library.similarity))
    zombie = asyncio.create_task(tasks.conduct(str(run.pk), await in_thread(claim, str(run.pk))))
    await asleep.wait()
    await in_thread(Run.objects.filter(pk=run.pk).update, lease_until="2020-01-01T00:00Z")
    monkeypatch.setattr(tasks, "reasoner", lambda name: ExtractiveReasoner(library.similarity))
    await tasks.conduct(str(run.pk), await in_thread(claim, str(run.pk)))
    steps = await in_thread(lambda: list(Step.objects.filter(run=run).values("seq", "key", "epoch", "result")))
    awake.set()
    await zombie
    assert await in_thread(lambda: list(Step.objects.filter(run=run).values("seq", "key", "epoch", "result"))) == steps
    finished = await in_thread(Run.objects.get, pk=run.pk)
    assert (finished.state, finished.lease_epoch) == ("done", 2)
    assert await in_thread(Report.objects.filter(run=run).count) == 1


async def test_a_worker_that_shuts_down_hands_its_run_back_at_once(run, library, monkeypatch):
    begun = asyncio.Event()

    class Slow(ExtractiveReasoner):
        async def act(self, workspace: Any) -> Any:
            begun.set()
            await asyncio.sleep(600)

    monkeypatch.setattr(tasks, "reasoner", lambda name: Slow())
    work = asyncio.create_task(tasks.conduct(str(run.pk), await in_thread(claim, str(run.pk))))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await in_thread(claim, str(run.pk)) == 2


async def test_a_run_stops_within_seconds_at_whatever_step_it_is(run, library, monkeypatch):
    """F-17, a few times: the wish comes at a random step; the run ends stopped or done, and nothing comes after."""
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.05)
    for place in range(1, 9):
        again = await in_thread(Run.objects.create, owner=run.owner, question=run.question, effort="low")
        work = asyncio.create_task(tasks.conduct(str(again.pk), await in_thread(claim, str(again.pk))))
        while not work.done() and (await in_thread(Run.objects.get, pk=again.pk)).last_seq < place:
            await asyncio.sleep(0.005)
        await in_thread(Run.objects.filter(pk=again.pk).update, stop_requested=True)
        await asyncio.wait_for(work, 20)
        ended = await in_thread(Run.objects.get, pk=again.pk)
        assert ended.state in ("stopped", "done")
        assert await in_thread(Report.objects.filter(run=again).count) == 1
        last = await in_thread(Step.objects.filter(run=again).last)
        assert (last.kind, last.seq) == ("end", ended.last_seq)


async def test_the_index_that_fails_does_not_fail_the_run(run, library, monkeypatch):
    async def broken(*args: Any) -> Any:
        raise StepFailed("The embedding model is not installed.")

    monkeypatch.setattr(library, "search", broken)
    await tasks.conduct(str(run.pk), await in_thread(claim, str(run.pk)))
    ended = await in_thread(Run.objects.get, pk=run.pk)
    assert ended.state == "done"
    assert (await in_thread(Report.objects.get, run=run)).not_found == [run.question]
    failed = await in_thread(lambda: list(Step.objects.filter(run=run, kind="search").values_list("error", flat=True)))
    assert failed
    assert set(failed) == {"The embedding model is not installed."}


def test_the_tasks_share_the_workers_loop(run, library, monkeypatch):
    seen: list[asyncio.AbstractEventLoop] = []

    class Curious(ExtractiveReasoner):
        async def plan(self, question: Any, most: int) -> Any:
            seen.append(asyncio.get_running_loop())
            return Plan("fact", (Planned(question.text),))

    async def here() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    monkeypatch.setattr(tasks, "reasoner", lambda name: Curious(library.similarity))
    worked_off()
    assert seen == [loop.run(here())]


def test_suspects_are_taken_one_at_a_time_and_the_next_one_after_a_step(run, library, monkeypatch):
    """Runs whose workers died twice before they made a step: while one of them makes its first, the others wait."""
    past = timezone.now() - timezone.timedelta(hours=1)
    Run.objects.filter(pk=run.pk).update(state="running", lease_until=past, lease_epoch=2)
    for _other in range(2):
        Run.objects.create(owner=run.owner, question=run.question, effort="low", state="running", lease_until=past)
    Run.objects.update(lease_epoch=2)
    together: list[int] = []

    class Watched(ExtractiveReasoner):
        async def plan(self, question: Any, most: int) -> Any:
            together.append(len(tasks._suspects))
            return await super().plan(question, most)

    monkeypatch.setattr(tasks, "reasoner", lambda name: Watched(library.similarity))
    for _bell in range(5):
        tasks.research()
    worked_off()
    assert together == [1, 1, 1]
    assert set(Run.objects.values_list("state", flat=True)) == {"done"}


def test_a_worker_does_not_take_from_itself_what_it_has_in_hand(run, library):
    """A beat that came too late, on a machine that was busy: the lease is over, but the run is being worked on."""
    past = timezone.now() - timezone.timedelta(hours=1)
    Run.objects.filter(pk=run.pk).update(state="running", lease_until=past, lease_epoch=1)
    tasks._hands.add((str(run.pk), 1))
    try:
        tasks.research()
    finally:
        tasks._hands.clear()
    run.refresh_from_db()
    assert run.lease_epoch == 1
