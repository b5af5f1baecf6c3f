"""The client against the scripted server: every way in which a real one fails, and what it costs."""

import asyncio
from dataclasses import replace

import pytest

from config.endpoints import Endpoint, Prices
from research import prompts
from research.engine import patience, whose
from research.engine.values import Cost
from research.errors import BadReply, RetryLater, RunFailed, StepFailed
from research.prompts import Prompt
from research.reasoning import client, replies, server, talk
from research.reasoning.client import Client
from tests.fakes.model_server import FAULTS, ModelServer

NOTE = prompts.template("note").system.render().strip()
PROMPT = Prompt(NOTE, "[1] Sharks swim.\n[2] Cats sleep.\nTask: note.")
Endpoints = dict[str, Endpoint]


async def ask(endpoints: Endpoints) -> list[int]:
    reply = await Client(endpoints).complete("reader", "note", PROMPT, replies.Note, allowed={"keep": [1, 2]})
    return reply.keep


async def test_a_reply_comes_in_the_shape_that_was_asked_for(
    endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.script("note", {"keep": [2, 1]})
    assert await ask(endpoints) == [2, 1]
    (asked,) = model_server.asked
    assert asked.body["model"] == "scripted"
    assert asked.body["stream"] is True
    assert asked.body["response_format"]["json_schema"]["schema"]["properties"]["keep"]["items"]["enum"] == [1, 2]
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
    assert "authorization" not in asked.headers
    assert spent.model_calls == 1
    assert spent.prompt_tokens == len(PROMPT.system + PROMPT.user) // 4
    assert spent.model_seconds > 0
    assert spent.completion_tokens > 0
    assert spent.thinking == []


async def test_the_key_and_the_model_of_the_settings_are_sent(model_server: ModelServer, endpoints: Endpoints) -> None:
    await ask({"reader": Endpoint(model_server.url, "mine", "secret-key")})
    assert model_server.asked[0].headers["authorization"] == "Bearer secret-key"
    assert model_server.asked[0].body["model"] == "mine"


async def test_a_connection_that_the_server_closed_meanwhile_costs_no_attempt(
    endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.closes = True
    for _call in range(3):
        await ask(endpoints)
    assert len({asked.connection for asked in model_server.asked}) == len(model_server.asked) == spent.model_calls == 3


async def test_the_judge_is_not_left_to_chance(endpoints: Endpoints, model_server: ModelServer) -> None:
    await Client(endpoints).complete("judge", "judge", PROMPT, replies.Judge)
    assert model_server.asked[0].body["temperature"] == 0


@pytest.mark.parametrize("fault", ["garbage", "empty", "truncated"])
async def test_an_unreadable_reply_is_asked_for_once_more(
    fault: str, endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.script("note", {"keep": [1]}, {"keep": [2]})
    model_server.fail(fault)
    assert await ask(endpoints) == [2]
    assert len(model_server.asked) == spent.model_calls == 2


async def test_a_repair_shows_the_bad_reply_and_what_is_wrong_with_it(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.script("note", {"kept": [1]}, {"keep": [1]})
    assert await ask(endpoints) == [1]
    system, user, bad, repair = model_server.asked[1].body["messages"]
    assert [system, user] == model_server.asked[0].body["messages"]
    assert bad == {"role": "assistant", "content": '{"kept": [1]}'}
    assert "keep: Field required" in repair["content"]


@pytest.mark.parametrize("fault", ["garbage", "empty", "truncated"])
async def test_a_reply_that_stays_unreadable_is_a_bad_reply(
    fault: str, endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.fail(fault, times=2)
    with pytest.raises(BadReply, match="note"):
        await ask(endpoints)
    assert len(model_server.asked) == 2


async def test_prose_around_the_json_needs_no_repair(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.script("note", {"keep": [1]})
    model_server.fail("prose")
    assert await ask(endpoints) == [1]
    assert len(model_server.asked) == 1


async def test_a_reply_in_a_circle_is_cut_off_and_asked_for_anew(
    endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.pause = 0.001  # all that has come at one time is taken at one time
    model_server.script("note", {"keep": [1]}, {"keep": [2]})
    model_server.fail("circle")
    assert await ask(endpoints) == [2]
    first, again = (asked.body for asked in model_server.asked)
    assert again["messages"] == first["messages"]
    assert again["temperature"] > first["temperature"]  # as cold as before, it would go in the same circle
    assert spent.completion_tokens < 500


async def test_a_reply_that_stays_in_its_circle_is_a_bad_reply(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.fail("circle", times=2)
    with pytest.raises(BadReply, match="circle"):
        await ask(endpoints)
    assert len(model_server.asked) == 2


@pytest.mark.parametrize("fault", ["thinking", "inline"])
async def test_thoughts_are_kept_apart_from_the_reply(
    fault: str, endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.script("note", {"keep": [1]})
    model_server.fail(fault)
    assert await ask(endpoints) == [1]
    assert spent.thinking == ["First I look at {the braces}, then I reply."]


@pytest.mark.parametrize("fault", ["thinking", "inline"])
async def test_thoughts_are_heard_while_they_are_thought(
    fault: str, endpoints: Endpoints, model_server: ModelServer
) -> None:
    heard: list[tuple[str, str]] = []

    async def think(call: str, text: str) -> None:
        heard.append((call, text))

    model_server.script("note", {"keep": [1]})
    model_server.fail(fault)
    before = whose.current.set(whose.Whose("owner", "run", think=think))
    try:
        await ask(endpoints)
    finally:
        whose.current.reset(before)
    assert "".join(text for _call, text in heard).strip() == "First I look at {the braces}, then I reply."
    assert len({call for call, _text in heard}) == 1


async def test_thoughts_that_only_end_in_the_reply_are_thoughts(
    endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.script("note", 'Is it {"keep": [2]}? No.</think>{"keep": [1]}')
    assert await ask(endpoints) == [1]
    assert spent.thinking == ['Is it {"keep": [2]}? No.']


async def test_a_server_that_thinks_gets_room_for_it(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.script("note", {"keep": [2]}, {"keep": [1]})
    model_server.fail("overthinking")
    assert await ask(endpoints) == [1]
    first, second = (asked.body["max_tokens"] for asked in model_server.asked)
    assert second == first + talk.THINKING_TOKENS
    assert len(model_server.asked[1].body["messages"]) == 2  # asked anew: there was no reply to correct


async def test_a_busy_server_may_be_asked_later(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.fail("busy")
    with pytest.raises(RetryLater, match="429") as caught:
        await ask(endpoints)
    assert caught.value.after == 7
    model_server.script("note", {"keep": [1]})
    assert await ask(endpoints) == [1]


@pytest.mark.parametrize("fault", ["broken", "error", "drop"])
async def test_a_server_that_fails_may_be_asked_later(
    fault: str, endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.fail(fault)
    with pytest.raises(RetryLater):
        await ask(endpoints)
    assert spent.model_calls == 1


async def test_a_server_that_is_gone_may_be_asked_later() -> None:
    with pytest.raises(RetryLater, match="cannot be reached"):
        await ask({"reader": Endpoint("http://127.0.0.1:9/v1", "", "")})


@pytest.mark.parametrize(("fault", "limit"), [("hang", "FIRST_TOKEN_SECONDS"), ("stall", "NEXT_TOKEN_SECONDS")])
async def test_a_server_that_falls_silent_may_be_asked_later(
    fault: str, limit: str, endpoints: Endpoints, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.server(endpoints["reader"])
    monkeypatch.setattr(talk, limit, 0.2)
    model_server.fail(fault)
    with pytest.raises(RetryLater, match="too long"):
        await ask(endpoints)


async def test_slow_tokens_are_waited_for(
    endpoints: Endpoints, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "FIRST_TOKEN_SECONDS", 1.0)
    monkeypatch.setattr(talk, "NEXT_TOKEN_SECONDS", 1.0)
    model_server.script("note", f'{{"keep":{" " * 60}[1]}}')  # more than a second in all
    model_server.fail("slow")
    assert await ask(endpoints) == [1]


@pytest.mark.parametrize(("fault", "says"), [("unauthorised", "set CHAT_KEY"), ("unknown", "set CHAT_MODEL.*scripted")])
async def test_a_wrong_setting_fails_the_run_and_is_named(
    fault: str, says: str, endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.fail(fault)
    with pytest.raises(RunFailed, match=says):
        await ask(endpoints)


async def test_a_reply_that_comes_in_one_piece_is_read(
    endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.script("note", {"keep": [1]})
    model_server.fail("plain")
    assert await ask(endpoints) == [1]
    assert spent.prompt_tokens == len(PROMPT.system + PROMPT.user) // 4


async def test_a_role_without_an_endpoint_fails_the_run(endpoints: Endpoints) -> None:
    with pytest.raises(RunFailed, match="CHAT_URL_READER"):
        await ask({"judge": endpoints["judge"]})


async def test_a_server_without_models_fails_the_run(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.models.clear()
    with pytest.raises(RunFailed, match="set CHAT_MODEL"):
        await ask(endpoints)


async def test_a_refused_request_is_the_step_s_failure(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.fail("refused", times=2)
    with pytest.raises(BadReply, match="400"):
        await ask(endpoints)
    assert len(model_server.asked) == 2  # once more without the schema: that is what it may not have liked


async def test_a_schema_that_a_server_cannot_work_with_is_said_in_words(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.script("note", {"keep": [1]}, {"keep": [2]})
    model_server.fail("refused")
    assert await ask(endpoints) == [1]
    assert await ask(endpoints) == [2]
    assert ["response_format" in asked.body for asked in model_server.asked] == [True, False, False]
    assert model_server.asked[2].prompt.endswith('of this shape: {"keep": [(one of 1, 2), ...]}')
    await Client(endpoints).complete("judge", "judge", PROMPT, replies.Judge)
    assert "response_format" in model_server.asked[3].body  # only that step's


async def test_a_draft_is_heard_while_it_is_written(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.pause = 0.01
    model_server.script("draft", {"sentences": [{"text": "Sharks swim at night.", "evidence": [1]}]})
    heard: list[str] = []

    async def delta(words: str) -> None:
        heard.append(words)

    await Client(endpoints).complete("writer", "draft", PROMPT, replies.Draft, delta=delta)
    assert "".join(heard) == "Sharks swim at night."
    assert len(heard) > 2


async def test_a_repaired_draft_is_not_heard_twice(endpoints: Endpoints, model_server: ModelServer) -> None:
    sentence = {"text": "Sharks swim at night.", "evidence": [1]}
    model_server.script("draft", {"sentence": [sentence]}, {"sentences": [sentence]})
    heard: list[str] = []

    async def delta(words: str) -> None:
        heard.append(words)

    await Client(endpoints).complete("writer", "draft", PROMPT, replies.Draft, delta=delta)
    assert "".join(heard) == "Sharks swim at night."


@pytest.mark.parametrize(
    ("entry", "tokens"),
    [
        ({"max_model_len": 4096}, 4096),
        ({"meta": {"n_ctx": 2048, "n_ctx_train": 32768}}, 2048),
        ({"meta": {"n_ctx_train": 131072}}, 8192),
        ({"meta": {"n_ctx_train": 2048}}, 2048),
        ({}, 8192),
    ],
)
async def test_the_room_for_a_prompt_follows_the_server_s_context(
    entry: dict[str, object], tokens: int, endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.models[:] = [{"id": "scripted", **entry}]
    room = await Client(endpoints).room("reader", "note")
    assert 0.5 * tokens < room < tokens - client.REPLY_TOKENS["note"]


async def test_calls_begin_few_at_a_time_and_become_more_while_all_goes_well(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.pause = 0.01
    await asyncio.gather(*(ask(endpoints) for _ in range(6)))
    assert model_server.at_once <= 8
    for _more in range(3):  # on a machine that does other things, too, it grows more slowly
        await asyncio.gather(*(ask(endpoints) for _ in range(60)))
    assert 8 < model_server.at_once <= 64


async def test_a_server_that_is_full_gets_fewer_calls_at_a_time(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.capacity = 2
    model_server.pause = 0.01
    model_server.models[:] = [{"id": "scripted"}]

    async def patient() -> list[int]:
        for _attempt in range(20):
            try:
                return await ask(endpoints)
            except RetryLater:
                await asyncio.sleep(0.05)
        raise AssertionError("it is never let through")

    await asyncio.gather(*(patient() for _ in range(24)))
    at = await server.server(endpoints["reader"])
    assert at.turns.limit < 8
    assert not at.turns.waiting
    assert not at.turns.in_flight


async def test_one_call_after_the_other_goes_over_the_same_connection(
    endpoints: Endpoints, model_server: ModelServer
) -> None:
    for _call in range(3):
        await Client(endpoints).complete("judge", "judge", PROMPT, replies.Judge)
    assert len({asked.connection for asked in model_server.asked}) == 1


async def test_a_call_that_is_given_up_is_broken_off_at_once(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.fail("hang")
    asking = asyncio.create_task(ask(endpoints))
    while not model_server.asked:
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    for _look in range(1000):
        if model_server.gone:
            break
        await asyncio.sleep(0.02)
    assert model_server.gone == 1
    at = await server.server(endpoints["reader"])
    assert not at.turns.in_flight


async def test_what_a_tool_is_called_with_is_the_reply(endpoints: Endpoints, model_server: ModelServer) -> None:
    model_server.script("note", {"keep": [2]})
    model_server.tool_calls = True
    assert await ask(endpoints) == [2]
    assert len(model_server.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        '```json\n{"name": "note", "arguments": {"keep": [2]}}\n```',
        '<tool_call>\n{"name": "pick", "arguments": "{\\"keep\\": [2]}"}\n</tool_call>',
        'I call {"type": "function", "function": {"name": "note", "arguments": {"keep": [2]}}} now.',
        'As in {the example}: {"keep": [2]} and not {"keep": [1]}',
    ],
)
async def test_a_tool_called_in_prose_is_read_for_what_it_carries(
    reply: str, endpoints: Endpoints, model_server: ModelServer
) -> None:
    model_server.script("note", reply)
    assert await ask(endpoints) == [2]
    assert len(model_server.asked) == 1


async def test_a_tool_that_nobody_has_is_a_bad_reply(endpoints: Endpoints, model_server: ModelServer) -> None:
    called = '{"name": "google", "arguments": {"query": "sharks"}}'
    model_server.script("note", called, called)
    with pytest.raises(BadReply, match="keep"):
        await ask(endpoints)


@pytest.mark.parametrize("cached", [0, 3])
async def test_what_a_call_costs_is_kept_with_the_prices_of_its_role(
    cached: int, endpoints: Endpoints, model_server: ModelServer, spent: Cost
) -> None:
    model_server.cached_tokens = cached
    prices = Prices(prompt=10.0, cached=1.0, completion=100.0)
    await ask({"reader": replace(endpoints["reader"], prices=prices)})
    assert spent.cached_tokens == cached
    paid = (spent.prompt_tokens - cached) * 10 + cached * 1 + spent.completion_tokens * 100
    assert spent.money == pytest.approx(paid / 1_000_000)
    assert len(model_server.probed) == 1  # a role's prices make no other server of it


@pytest.mark.parametrize(
    ("told", "seconds"), [("7", 7.0), ("1.5", 1.5), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None), ("", None)]
)
def test_how_long_a_server_asks_to_wait(told: str, seconds: float | None) -> None:
    assert talk._seconds(told) == seconds


@pytest.mark.parametrize(
    ("body", "window"),
    [
        ({"message": "This model's maximum context length is 2000 tokens. However, you requested 2900 tokens"}, 2000),
        (
            {
                "message": "'max_tokens' is too large: 120. This model's maximum context length is 2000 tokens and "
                "your request has 2900 input tokens (120 > 2000 - 2900)."
            },
            2000,
        ),
        ({"type": "exceed_context_size_error", "n_prompt_tokens": 2900, "n_ctx": 2000, "message": "exceeds"}, 2000),
    ],
)
async def test_a_prompt_that_was_too_long_is_fitted_anew_to_what_the_server_says(
    body: dict[str, object], window: int, endpoints: Endpoints, model_server: ModelServer
) -> None:
    before = await Client(endpoints).room("reader", "note")
    scale = (await server.server(endpoints["reader"])).tokens.scale
    model_server.refusal = {"error": {"code": 400, **body}}
    model_server.fail("refused")
    with pytest.raises(RetryLater, match="too long"):
        await ask(endpoints)
    at = await server.server(endpoints["reader"])
    assert at.window == window
    assert at.tokens.scale > scale
    assert await Client(endpoints).room("reader", "note") < before


@pytest.mark.parametrize(
    "event",
    [
        {"choices": "none"},
        {"choices": [{"delta": {"content": ["a", "list"]}}]},
        {"choices": [None], "usage": "much"},
        {"choices": [{"delta": {"tool_calls": [{"function": None}, 3]}, "finish_reason": 4}]},
    ],
)
def test_an_event_of_another_shape_is_as_good_as_nothing(event: dict[str, object]) -> None:
    said = talk.Said()
    assert talk._take(event, said) == ("", "")
    assert said == talk.Said()


WITHSTOOD = {"prose", "thinking", "inline", "slow", "plain"}
ENDS_THE_RUN = {"unauthorised", "unknown"}
NOT_TRIED_AGAIN = {"garbage": 2, "empty": 2, "truncated": 2, "overthinking": 2, "circle": 2, "refused": 2}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_that_stays_ends_in_a_typed_failure_after_at_most_three_attempts(
    fault: str, endpoints: Endpoints, model_server: ModelServer, spent: Cost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "WAITS", [0.01, 0.01])
    monkeypatch.setattr(patience, "LONGEST_WAIT", 0.01)
    if fault in {"hang", "stall"}:  # the others are not to fail because this machine is busy
        monkeypatch.setattr(talk, "FIRST_TOKEN_SECONDS", 0.3)
        monkeypatch.setattr(talk, "NEXT_TOKEN_SECONDS", 0.3)
    model_server.script("note", *['{"keep": [1]}' for _ in range(12)])
    model_server.fail(fault, times=12)

    async def step() -> list[int]:
        return await ask(endpoints)

    if fault in WITHSTOOD:
        assert await patience.patiently(step) == [1]
        return
    with pytest.raises(RunFailed if fault in ENDS_THE_RUN else StepFailed) as failed:
        await patience.patiently(step)
    assert str(failed.value).endswith(".") or ":" in str(failed.value)  # a sentence that says what happened
    most = 1 if fault in ENDS_THE_RUN else NOT_TRIED_AGAIN.get(fault, 3)
    assert len(model_server.asked) == most
    assert spent.model_calls >= most
