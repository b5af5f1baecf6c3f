import asyncio
import time
from typing import Any

import pytest
from django.db import connection

from config.loop import in_thread
from research.engine import patience
from research.engine import watch as watch_module
from research.engine.cost import spend
from research.engine.journal import Journal, claim
from research.errors import LeaseLost, RetryLater, RunFailed, StepFailed
from research.models import Gap, Run, Step

pytestmark = pytest.mark.django_db(transaction=True)


class Work:
    """A step that counts how often it is done."""

    def __init__(self, result: dict[str, Any] | None = None, error: Exception | None = None) -> None:
        self.done = 0
        self.result = result or {"n": 1}
        self.error = error

    async def __call__(self) -> dict[str, Any]:
        self.done += 1
        if self.error:
            raise self.error
        return self.result


async def steps(run_id: str) -> list[Step]:
    return await in_thread(lambda: list(Step.objects.filter(run_id=run_id)))


async def test_a_step_is_done_once_and_its_result_kept(claimed, listener):
    work = Work({"n": 7})
    async with Journal(*claimed, listener) as journal:
        assert await journal.once("a", "act", {"x": 1}, work) == {"n": 7}
        assert await journal.once("a", "act", {"x": 1}, work) == {"n": 7}
    assert work.done == 1
    [step] = await steps(claimed[0])
    assert (step.seq, step.key, step.kind, step.result, step.epoch) == (1, "a", "act", {"n": 7}, 1)
    assert listener.seqs() == [1]


async def test_a_resumed_run_repeats_no_recorded_step(claimed, listener):
    async with Journal(*claimed, listener) as journal:
        await journal.once("a", "act", {}, Work({"n": 7}))
    again = Work({"n": 8})
    async with Journal(*claimed, listener) as journal:
        assert await journal.once("a", "act", {}, again) == {"n": 7}
        assert await journal.once("b", "act", {}, again) == {"n": 8}
    assert again.done == 1
    assert [step.seq for step in await steps(claimed[0])] == [1, 2]


async def test_a_failed_step_is_recorded_as_failed_and_fails_again_without_being_done(claimed, listener):
    work = Work(error=StepFailed("no reply"))
    for _ in range(2):
        async with Journal(*claimed, listener) as journal:
            with pytest.raises(StepFailed, match="no reply"):
                await journal.once("a", "act", {}, work)
    assert work.done == 1
    [step] = await steps(claimed[0])
    assert step.error == "no reply"
    assert step.result == {}


async def test_what_is_worth_another_try_is_tried_three_times_and_then_fails_visibly(claimed, listener, monkeypatch):
    monkeypatch.setattr(patience, "WAITS", [0.0, 0.0])
    work = Work(error=RetryLater("the model server is busy"))
    async with Journal(*claimed, listener) as journal:
        with pytest.raises(StepFailed, match="busy"):
            await journal.once("a", "act", {}, work)
    assert work.done == 3


async def test_a_run_that_another_worker_took_over_cannot_be_written(claimed, listener):
    run_id, _epoch = claimed
    async with Journal(*claimed, listener) as journal:
        await in_thread(Run.objects.filter(pk=run_id).update, lease_epoch=2)
        kept: list[Any] = []
        with pytest.raises(LeaseLost):
            await journal.once("a", "act", {}, Work(), kept.append)
        with pytest.raises(LeaseLost):
            await journal.end(Run.State.DONE)
    assert await steps(run_id) == []
    assert kept == []
    run = await in_thread(Run.objects.get, pk=run_id)
    assert (run.state, run.last_seq) == ("running", 0)


async def test_rows_and_step_are_written_together_or_not_at_all(claimed, listener):
    run_id, _epoch = claimed

    def keep(result: dict[str, Any]) -> dict[str, Any]:
        Gap.objects.create(run_id=run_id, number=1, question="?")
        raise ZeroDivisionError

    async with Journal(*claimed, listener) as journal:
        with pytest.raises(ZeroDivisionError):
            await journal.once("a", "plan", {}, Work(), keep)
    assert await steps(run_id) == []
    assert not await in_thread(Gap.objects.filter(run_id=run_id).exists)
    assert (await in_thread(Run.objects.get, pk=run_id)).last_seq == 0


async def test_a_step_whose_rows_cannot_be_kept_is_recorded_as_failed_without_any(claimed, listener):
    def keep(result):
        Gap.objects.create(run_id=claimed[0], number=1, question="half of it")
        raise StepFailed("the other half is gone")

    for _ in range(2):
        async with Journal(*claimed, listener) as journal:
            with pytest.raises(StepFailed, match="the other half is gone"):
                await journal.once("a", "note", {}, Work(), keep)
    [step] = await steps(claimed[0])
    assert (step.seq, step.error, step.result) == (1, "the other half is gone", {})
    assert not await in_thread(Gap.objects.exists)


async def test_what_keep_returns_is_recorded(claimed, listener):
    async with Journal(*claimed, listener) as journal:
        result = await journal.once("a", "note", {}, Work(), lambda result: {**result, "number": 3})
    assert result == {"n": 1, "number": 3}
    assert [step.result for step in await steps(claimed[0])] == [result]


async def test_parallel_steps_get_every_number_once(claimed, listener):
    async with Journal(*claimed, listener) as journal:
        await asyncio.gather(*(journal.once(f"step/{i}", "act", {}, Work({"n": i})) for i in range(20)))
        assert {result["n"] for result in journal.results("act")} == set(range(20))
    assert sorted(step.seq for step in await steps(claimed[0])) == list(range(1, 21))


async def test_the_same_step_asked_for_twice_at_once_is_done_once(claimed, listener):
    work = Work()
    async with Journal(*claimed, listener) as journal:
        results = await asyncio.gather(*(journal.once("a", "act", {}, work) for _ in range(5)))
    assert work.done == 1
    assert results == [{"n": 1}] * 5


async def test_a_step_cancelled_while_it_is_committed_is_remembered_as_the_database_has_it(claimed, listener):
    committing = asyncio.Event()
    loop = asyncio.get_running_loop()

    def keep(result: dict[str, Any]) -> dict[str, Any]:
        loop.call_soon_threadsafe(committing.set)
        return result

    async with Journal(*claimed, listener) as journal:
        doing = asyncio.create_task(journal.once("a", "act", {}, Work(), keep))
        await committing.wait()
        doing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doing
        assert journal.has("a") == bool(await steps(claimed[0]))


async def test_a_commit_whose_acknowledgement_was_lost_counts_once(claimed, listener):
    async with Journal(*claimed, listener) as first, Journal(*claimed, listener) as second:
        await first.once("a", "act", {}, Work({"n": 1}))
        assert await second.once("a", "act", {}, Work({"n": 2})) == {"n": 1}
    assert len(await steps(claimed[0])) == 1


async def test_the_cost_of_a_step_is_stored_and_side_by_side_work_is_counted_once(claimed, listener):
    async def work() -> dict[str, Any]:
        spend(model_calls=1, prompt_tokens=100, completion_tokens=10, pages=1, thinking="hm")
        await asyncio.sleep(0.2)
        return {}

    began = time.monotonic()
    async with Journal(*claimed, listener) as journal:
        await asyncio.gather(*(journal.once(f"step/{i}", "act", {}, work) for i in range(4)))
    took = time.monotonic() - began
    async with Journal(*claimed, listener) as journal:
        spent = journal.spent()
    assert (spent.model_calls, spent.prompt_tokens, spent.completion_tokens, spent.pages) == (4, 400, 40, 4)
    assert 0.2 <= spent.seconds <= took
    assert (await steps(claimed[0]))[0].cost["thinking"] == ["hm"]


async def test_a_step_of_before_a_cost_was_counted_still_counts(claimed, listener):
    async with Journal(*claimed, listener) as journal:
        await journal.once("a", "act", {}, Work({"n": 1}))
    old = {"seconds": 2.0, "model_calls": 3, "prompt_tokens": 5, "completion_tokens": 1, "pages": 0, "thinking": []}
    await in_thread(Step.objects.filter(key="a").update, cost=old)
    async with Journal(*claimed, listener) as journal:
        spent = journal.spent()
    assert (spent.model_calls, spent.cached_tokens, spent.money) == (3, 0, 0.0)


async def test_what_a_step_waits_for_is_said_and_then_what_it_does(claimed, listener):
    async with Journal(*claimed, listener) as journal:
        await journal.activity("Reading")
        await journal.aside("Waiting for the model: 2nd of 3")
        await journal.aside("")
        assert journal.news() == "Reading"  # what it waits for is not written
    said = [message["activity"] for _run, message in listener.messages if "activity" in message]
    assert said == ["Reading", "Waiting for the model: 2nd of 3", "Reading"]


async def test_characters_that_the_database_refuses_are_left_out(claimed, listener):
    async with Journal(*claimed, listener) as journal:
        result = await journal.once("a", "act", {}, Work({"text": "nul \x00 and half a pair \ud800"}))
    assert result["text"] == "nul  and half a pair ?"


@pytest.mark.parametrize("wish", ["stop_requested", "answer_now"])
async def test_a_wish_of_the_person_is_noticed_while_a_step_is_under_way(claimed, listener, monkeypatch, wish):
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.02)
    async with Journal(*claimed, listener) as journal:
        assert not journal.hurry.is_set()
        await in_thread(Run.objects.filter(pk=claimed[0]).update, **{wish: True})
        await asyncio.wait_for(journal.hurry.wait(), 20)
        assert journal.stop.is_set() == (wish == "stop_requested")


async def test_the_lease_is_kept_alive_and_its_loss_noticed(claimed, listener, monkeypatch, settings):
    settings.LEASE_SECONDS = 0.3
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.02)
    async with Journal(*claimed, listener) as journal:
        before = (await in_thread(Run.objects.get, pk=claimed[0])).lease_until
        while (await in_thread(Run.objects.get, pk=claimed[0])).lease_until == before:
            await asyncio.sleep(0.01)
        await in_thread(Run.objects.filter(pk=claimed[0]).update, lease_epoch=9)
        await asyncio.wait_for(journal.lost.wait(), 20)


async def test_the_end_sets_the_state_once(claimed, listener):
    async with Journal(*claimed, listener) as journal:
        await journal.end(Run.State.FAILED, "no such model")
    run = await in_thread(Run.objects.get, pk=claimed[0])
    assert (run.state, run.error, run.lease_until) == ("failed", "no such model", None)
    assert run.finished_at is not None


async def test_a_run_that_kills_its_workers_is_not_tried_for_ever(claimed, listener):
    run_id, _epoch = claimed
    async with Journal(*claimed, listener) as journal:
        await journal.once("a", "act", {}, Work())
    await in_thread(Run.objects.filter(pk=run_id).update, lease_epoch=9)
    async with Journal(run_id, 9, listener):
        pass
    await in_thread(Run.objects.filter(pk=run_id).update, lease_epoch=10)
    with pytest.raises(RunFailed, match="8 times"):
        await Journal(run_id, 10, listener).__aenter__()


def test_a_run_is_claimed_by_one_worker_until_its_lease_is_over(new_run):
    run = new_run()
    assert claim(str(run.pk)) == 1
    assert claim(str(run.pk)) is None
    Run.objects.filter(pk=run.pk).update(lease_until="2020-01-01T00:00Z")
    assert claim(str(run.pk)) == 2
    Run.objects.filter(pk=run.pk).update(state="done", lease_until=None)
    assert claim(str(run.pk)) is None


def test_a_claim_of_a_run_that_is_gone_is_nothing(transactional_db):
    assert claim("00000000-0000-0000-0000-000000000000") is None


def test_a_run_whose_row_a_stopped_worker_holds_is_left_for_later_and_the_database_hangs_up_on_it(
    transactional_db, owner
):
    run = Run.objects.create(owner=owner, question="Who?")
    stopped = connection.copy()  # as of another process, in the middle of a commit
    try:
        with stopped.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("20s",)
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1 FROM research_run WHERE id = %s FOR UPDATE", [run.pk])
            assert claim(str(run.pk)) is None
            cursor.execute("COMMIT")
        assert claim(str(run.pk)) == 1
    finally:
        stopped.close()
