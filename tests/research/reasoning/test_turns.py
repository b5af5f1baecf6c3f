"""Turns: given out fairly between people and their runs, as many at a time as the server can take."""

import asyncio
from collections.abc import Callable

import pytest

from research.engine import whose
from research.engine.whose import Whose
from research.reasoning import turns as turns_module
from research.reasoning.turns import LATELY, Turn, Turns


async def finish(turns: Turns, order: list[str], owner: str, run: str, seconds: float = 0.0) -> None:
    whose.current.set(Whose(owner, run))
    async with turns.turn():
        order.append(f"{owner}{run}")
        await asyncio.sleep(seconds)


async def served(turns: Turns, calls: list[tuple[str, str]]) -> list[str]:
    """In which order the calls of (owner, run) had their turn, all of them having come at the same time."""
    order: list[str] = []
    await asyncio.gather(*(finish(turns, order, owner, run) for owner, run in calls))
    return order


async def test_one_run_of_one_person_does_not_wait_for_fifty_of_another() -> None:
    many = [("ann", str(number)) for number in range(50)]
    order = await served(Turns(1, 1), [*many, ("bob", "1")])
    assert order.index("bob1") == 1


async def test_people_take_turns_and_so_do_their_runs() -> None:
    calls = [("ann", "1"), ("ann", "1"), ("ann", "1"), ("ann", "2"), ("bob", "1"), ("bob", "1")]
    assert await served(Turns(1, 1), calls) == ["ann1", "bob1", "ann2", "bob1", "ann1", "ann1"]


async def test_a_person_with_calls_in_flight_comes_after_one_without() -> None:
    turns, order = Turns(2, 2), list[str]()
    long = asyncio.create_task(finish(turns, order, "ann", "1", 0.5))
    await asyncio.sleep(0)
    short = asyncio.create_task(finish(turns, order, "cid", "1", 0.02))
    await asyncio.sleep(0)
    calls = [("ann", "2"), ("ann", "3"), ("bob", "1"), ("bob", "2")]
    await asyncio.gather(long, short, *(finish(turns, order, *call, 0.01) for call in calls))
    assert order == ["ann1", "cid1", "bob1", "bob2", "ann2", "ann3"]


async def test_a_call_that_is_given_up_leaves_its_place() -> None:
    turns, order = Turns(1, 1), list[str]()
    first = asyncio.create_task(finish(turns, order, "ann", "1", 0.05))
    waiting = asyncio.create_task(finish(turns, order, "bob", "1"))
    last = asyncio.create_task(finish(turns, order, "cid", "1"))
    await asyncio.sleep(0.01)
    assert turns.waiting == 2
    waiting.cancel()
    await asyncio.gather(first, waiting, last, return_exceptions=True)
    assert order == ["ann1", "cid1"]
    assert not turns.in_flight
    assert not turns.waiting


async def test_a_run_that_waits_hears_its_place_and_that_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns_module, "TELL_SECONDS", 0.02)
    turns, heard = Turns(1, 1), dict[str, list[str]]()

    async def wait(owner: str, seconds: float) -> None:
        async def say(text: str) -> None:
            heard.setdefault(owner, []).append(text)

        whose.current.set(Whose(owner, "run", say))
        async with turns.turn():
            await asyncio.sleep(seconds)

    await asyncio.gather(*(wait(owner, 0.3) for owner in ("ann", "bob", "cid")))
    await asyncio.sleep(0.05)
    assert "ann" not in heard  # it did not wait
    assert heard["bob"] == ["Waiting for the model: 1st of 2", ""]
    assert heard["cid"] == ["Waiting for the model: 2nd of 2", "Waiting for the model: 1st of 1", ""]


async def in_flight(turns: Turns) -> Turn:
    """A call that has its turn, for ever."""
    holding: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        async with turns.turn() as turn:
            holding.set_result(turn)
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    turn = await holding
    task.add_done_callback(lambda _task: None)
    turn.task = task  # type: ignore[attr-defined] - so that it is not collected
    return turn


async def test_a_burst_of_refusals_halves_the_limit_once() -> None:
    turns = Turns(8, 64)
    burst = [await in_flight(turns) for _ in range(8)]
    for turn in burst:
        turns.overloaded(turn)
    assert turns.limit == 4


async def test_a_refusal_now_and_then_says_nothing_of_how_many_calls_there_are() -> None:
    turns = Turns(16, 64)
    turn = await in_flight(turns)
    for _hundred in range(5):
        for _ in range(100):
            turns.went_well(turn)
        turns.overloaded(turn)
    assert turns.limit == 16
    for _ in range(10):
        turns.overloaded(turn)
    assert turns.limit == 8


async def test_the_limit_never_falls_below_one() -> None:
    turns = Turns(1, 64)
    turns.overloaded(await in_flight(turns))
    assert turns.limit == 1


async def test_the_limit_grows_only_while_somebody_waits_and_slower_after_an_overload() -> None:
    turns = Turns(2, 64)
    first, second = await in_flight(turns), await in_flight(turns)
    turns.went_well(first)
    assert turns.limit == 2
    waiting = asyncio.create_task(in_flight(turns))
    await asyncio.sleep(0.01)
    turns.went_well(first)
    assert turns.limit == 3
    await waiting
    turns.overloaded(second)
    again = asyncio.create_task(in_flight(turns))
    await asyncio.sleep(0.01)
    before = turns.limit
    turns.went_well(first)
    assert before < turns.limit < before + 1
    again.cancel()


@pytest.mark.parametrize(
    ("later", "shrinks"),
    [
        (lambda seconds: seconds * 1.5, False),  # a fuller batch
        (lambda seconds: seconds + 0.1, False),  # milliseconds, even where they are three times as many
        (lambda seconds: seconds + 20.0, True),  # the server queues
    ],
)
async def test_first_tokens_that_come_ever_later_shrink_the_limit(
    later: Callable[[float], float], shrinks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(4, 64)
    turns.limit = 32
    turn = await in_flight(turns)
    now = turn.began
    monkeypatch.setattr(turns_module.time, "monotonic", lambda: now)
    for seconds in [0.05] * LATELY + [later(0.05)] * LATELY:
        now = turn.began + seconds
        turns.first_token(turn, 500)
    assert (turns.limit < 32) is shrinks
    for _ in range(40 * LATELY):
        now, turn.changes = now + 30, turns._changes
        turns.first_token(turn, 500)
    assert turns.limit >= 4  # lateness alone never takes it below where it began
