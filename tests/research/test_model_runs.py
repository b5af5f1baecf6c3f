"""Whole runs with the scripted model server: whose its calls are, that a wish breaks one off, and what they repeat."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from django.contrib.auth.models import User

from config.endpoints import ROLES, Endpoint
from config.loop import in_thread
from research import live, tasks
from research.engine import watch as watch_module
from research.engine import whose
from research.engine.journal import claim
from research.models import Run, Step
from research.reasoning import server, turns
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.model import ModelReasoner
from tests.fakes import model_server as fake
from tests.fakes.model_server import ModelServer
from tests.research import prefix
from tests.research.engine.library import Library

pytestmark = pytest.mark.django_db(transaction=True)

model_server = fake.model_server  # a fixture
QUESTION = "Who wrote the first version of Larkspur, and how long is the first wait of a job?"


@pytest.fixture
async def said(monkeypatch: pytest.MonkeyPatch, model_server: ModelServer, transactional_db: None) -> Any:
    """Runs are researched in this process with the scripted server; what is published is remembered."""
    library = await in_thread(Library)
    endpoints = {role: Endpoint(model_server.url, "", "") for role in ROLES}
    published: list[dict[str, Any]] = []

    async def publish(run_id: str, message: dict[str, Any]) -> None:
        published.append(message)

    monkeypatch.setattr(tasks, "WholeIndex", lambda: library)
    monkeypatch.setattr(
        tasks, "reasoner", lambda name: ModelReasoner(endpoints, ExtractiveReasoner(library.similarity))
    )
    monkeypatch.setattr(live, "publish", publish)
    yield published
    await server.close()


def new_run(name: str = "ann") -> Run:
    owner, _made = User.objects.get_or_create(username=name)
    return Run.objects.create(owner=owner, question=QUESTION, effort="medium", reasoner="model")


async def research(run: Run) -> Run:
    await tasks.conduct(str(run.pk), await in_thread(claim, str(run.pk)))
    return await in_thread(Run.objects.get, pk=run.pk)


async def test_every_call_says_whose_it_is(said: Any, model_server: ModelServer, monkeypatch: Any) -> None:
    seen: set[tuple[str, str]] = set()
    complete = ModelReasoner.plan

    async def plan(self: ModelReasoner, question: Any, most: int) -> Any:
        seen.add((whose.current.get().owner, whose.current.get().run))
        return await complete(self, question, most)

    monkeypatch.setattr(ModelReasoner, "plan", plan)
    runs = [await in_thread(new_run, name) for name in ("ann", "bob")]
    await asyncio.gather(*map(research, runs))
    assert seen == {(str(run.owner_id), str(run.pk)) for run in runs}


@pytest.mark.parametrize("fault", ["hang", "stall"])
async def test_stop_breaks_the_call_off_at_the_server(
    fault: str,
    said: Any,
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.05)
    model_server.fail(fault, step="note", times=20)
    run = await in_thread(new_run)
    researching = asyncio.create_task(research(run))
    while "note" not in model_server.steps():
        await asyncio.sleep(0.01)
    await in_thread(Run.objects.filter(pk=run.pk).update, stop_requested=True)
    assert (await asyncio.wait_for(researching, 20)).state == "stopped"
    for _look in range(1000):
        if model_server.gone:
            break
        await asyncio.sleep(0.02)
    assert model_server.gone == model_server.steps().count("note")


async def test_stop_ends_a_wait_between_two_attempts(said: Any, model_server: ModelServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.05)
    model_server.fail("busy", step="note", times=20)  # it asks to wait for 7 seconds
    run = await in_thread(new_run)
    researching = asyncio.create_task(research(run))
    while "note" not in model_server.steps():
        await asyncio.sleep(0.01)
    await in_thread(Run.objects.filter(pk=run.pk).update, stop_requested=True)
    assert (await asyncio.wait_for(researching, 20)).state == "stopped"


async def test_the_steps_say_what_they_waited_for_and_what_the_server_had_already(
    said: Any,
    model_server: ModelServer,
) -> None:
    model_server.cached_tokens = 50
    run = await research(await in_thread(new_run))
    assert run.state == "done"
    costs = await in_thread(lambda: list(Step.objects.filter(run=run).values_list("kind", "cost")))
    noted = [cost for kind, cost in costs if kind == "note"]
    assert all(cost["cached_tokens"] == 50 and cost["model_seconds"] > 0 for cost in noted)
    assert sum(cost["model_calls"] for _kind, cost in costs) == len(model_server.asked) + len(model_server.probed)


async def test_a_step_s_prompt_repeats_at_least_the_instructions_of_the_last_one_of_its_kind(
    said: Any,
    model_server: ModelServer,
) -> None:
    await research(await in_thread(new_run))
    await research(await in_thread(new_run))
    kinds: dict[str, list[list[str]]] = defaultdict(list)
    for asked in model_server.asked:
        kinds[asked.step].append([message["content"] for message in asked.body["messages"]])
    assert len(kinds) > 4
    for prompts in kinds.values():
        texts = ["\n".join(pieces) for pieces in prompts]
        for pieces, text, share in zip(prompts[1:], texts[1:], prefix.repeated_each(texts)[1:], strict=True):
            assert share * len(text) >= len(pieces[0])


def test_what_repeats_is_the_longest_beginning_of_one_of_the_last_prompts() -> None:
    assert prefix.repeated([]) == 0
    assert prefix.repeated(["abcd", "abxx", "abcd"]) == (2 + 4) / 12
    assert prefix.repeated(["abcd", "zzzz", "abcd"], remembered=1) == 0
    assert prefix.repeated_each(["ab", "abcd"]) == [0, 0.5]


async def test_a_run_that_waits_for_the_model_says_so_and_then_what_it_does(
    said: Any, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TELL_SECONDS", 0.02)
    model_server.pause = 0.01
    at = await server.server(Endpoint(model_server.url, "", ""))
    at.turns.limit = at.turns.most = 1
    runs = [await in_thread(new_run, name) for name in ("ann", "bob", "cid")]
    await asyncio.gather(*map(research, runs))
    activities = [message["activity"] for message in said if "activity" in message]
    waits = [text for text in activities if text.startswith("Waiting for the model")]
    assert "Waiting for the model: 2nd of 2" in waits
    last = max(place for place, text in enumerate(activities) if text in waits)
    assert activities[last + 1 :]  # and then something else again
    assert {run.state for run in [await in_thread(Run.objects.get, pk=run.pk) for run in runs]} == {"done"}
