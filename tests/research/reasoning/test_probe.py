"""The probe: what a server can do is found out with one or two tiny calls, once, and then worked around."""

import asyncio
import time

import pytest

from config.endpoints import Endpoint
from research.engine import cost
from research.engine.values import Cost
from research.errors import RetryLater, RunFailed
from research.prompts import Prompt, template
from research.reasoning import probe, replies, server
from research.reasoning.client import Client
from research.reasoning.probe import ready
from tests.fakes.model_server import ModelServer

PROMPT = Prompt(template("note").system.render().strip(), "[1] Sharks swim.\n[2] Cats sleep.\nTask: note.")
Endpoints = dict[str, Endpoint]


async def ask(endpoints: Endpoints) -> list[int]:
    return (await Client(endpoints).complete("reader", "note", PROMPT, replies.Note, allowed={"keep": [1, 2]})).keep


async def test_a_server_is_probed_once_however_many_ask(endpoints: Endpoints, model_server: ModelServer) -> None:
    await asyncio.gather(*(ready(endpoint) for endpoint in endpoints.values()), *(ask(endpoints) for _ in range(3)))
    (probed,) = model_server.probed
    assert probed.body["max_tokens"] <= 40
    assert len(probed.prompt) < 50
    assert "quokka" not in probed.prompt  # nothing but the schema says it


async def test_a_server_that_was_away_is_probed_again(endpoints: Endpoints, model_server: ModelServer) -> None:
    await ask(endpoints)
    model_server.fail("drop")
    with pytest.raises(RetryLater, match=r"broke off|cannot be reached"):
        await ask(endpoints)
    await ask(endpoints)
    assert len(model_server.probed) == 2


async def test_a_probe_costs_the_step_in_which_it_happens_and_no_other(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    first, second = Cost(), Cost()
    for spending in (first, second):
        cost.current.set(spending)
        await ask(endpoints)
    assert (first.model_calls, second.model_calls) == (2, 1)


async def test_schemas_that_are_obeyed_are_not_said(endpoints: Endpoints, model_server: ModelServer) -> None:
    await ask(endpoints)
    assert "shape" not in model_server.asked[0].prompt
    assert (await ready(endpoints["reader"])).abilities.schema == "obeyed"


async def test_a_schema_that_is_ignored_is_also_said_in_the_prompt(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.obeys_schemas = False
    model_server.script("note", {"keep": [1]})
    assert await ask(endpoints) == [1]
    assert (await ready(endpoints["reader"])).abilities.schema == "ignored"
    shape = 'Write one JSON object and nothing else, of this shape: {"keep": [(one of 1, 2), ...]}'
    assert model_server.asked[0].prompt == f"{PROMPT.user}\n{shape}"
    assert "response_format" in model_server.asked[0].body  # it costs nothing, and may help


async def test_a_repair_still_works_where_the_schema_is_only_said(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.obeys_schemas = False
    model_server.script("note", "I would keep 2.", {"keep": [2]})
    assert await ask(endpoints) == [2]


async def test_a_server_that_refuses_fields_gets_only_what_it_knows(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.refuses = frozenset({"response_format", "stream_options"})
    model_server.script("note", {"keep": [1]})
    assert await ask(endpoints) == [1]
    at = await ready(endpoints["reader"])
    assert (at.abilities.schema, at.abilities.left_out) == ("refused", model_server.refuses)
    (asked,) = model_server.asked
    assert set(asked.body) == {"model", "messages", "stream", "temperature", "max_tokens"}
    assert "of this shape" in asked.prompt


async def test_a_server_that_knows_only_the_newer_name_of_a_limit_gets_it(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.refuses = frozenset({"max_tokens", "temperature"})
    await ask(endpoints)
    assert model_server.asked[0].body["max_completion_tokens"] == 120
    assert "temperature" not in model_server.asked[0].body
    assert (await ready(endpoints["reader"])).abilities.schema == "obeyed"


async def test_a_server_that_refuses_everything_fails_the_run(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.refuses = frozenset({"model"})
    with pytest.raises(RunFailed, match=r"plainest request.*422"):
        await ask(endpoints)


async def test_a_model_that_thinks_gets_room_for_it_from_the_first_step(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.thinks = "Which word shall it be? Sea, perhaps."
    await ask(endpoints)
    assert (await ready(endpoints["reader"])).abilities.thinks
    assert model_server.asked[0].body["max_tokens"] > 1_000


async def test_thoughts_that_use_up_the_probe_are_given_room_once(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.thinks = " ".join(f"It may be the {number}th word." for number in range(40))
    await ask(endpoints)
    assert [asked.body["max_tokens"] > 500 for asked in model_server.probed] == [False, True]
    assert (await ready(endpoints["reader"])).abilities.schema == "obeyed"


@pytest.mark.parametrize(("calls", "found"), [(True, "called"), (False, "in prose")])
async def test_tools_are_asked_for_only_to_be_told(
    calls: bool, found: str, endpoints: Endpoints, model_server: ModelServer
) -> None:
    at = await ready(endpoints["reader"])
    model_server.tool_calls = calls
    assert await probe.tools(at) == found
    model_server.refuses = frozenset({"tools"})
    assert await probe.tools(at) == "refused"
    await server.close()


@pytest.mark.parametrize("place", ["ask", "probe"])
async def test_who_waits_for_an_attempt_that_fails_does_not_make_it_again_one_after_another(
    place: str, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    async def slow(*_given: object) -> None:
        tried.append(time.monotonic())
        await asyncio.sleep(0.1)
        raise RetryLater("It does not answer.")

    if place == "ask":
        monkeypatch.setattr(server, "_ask", slow)
    else:
        monkeypatch.setattr(probe, "_probe", slow)
    failures = await asyncio.gather(*(ready(endpoints["reader"]) for _ in range(20)), return_exceptions=True)
    assert [(type(one), str(one)) for one in failures] == [(RetryLater, "It does not answer.")] * 20
    assert len(tried) == 1
    await asyncio.sleep(server.SHARED_SECONDS)
    with pytest.raises(RetryLater):
        await ready(endpoints["reader"])
    assert len(tried) == 2  # later it is tried again
