"""One call to a model server over OpenAI's HTTP interface: in its turn, streamed, its waiting bounded, its cost kept.

Sends a server only what it is known to accept, sets thoughts apart from the reply, takes what a tool was called with as
a part of the reply, cuts a reply off that goes in a circle or never ends, and says what each failure means. Never reads
the reply and never tries again. Called by reasoning/client.py and reasoning/probe.py.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import takewhile
from typing import Any

import aiohttp
from django.utils.translation import gettext as _

from config.endpoints import Prices
from research.engine import cost
from research.engine.kit import Delta
from research.engine.whose import current
from research.errors import BadReply, ResearchFailure, RetryLater, RunFailed
from research.reasoning.pieces import Events, Prose, Thoughts, loops
from research.reasoning.server import Server, key_refused, send, unreachable
from research.reasoning.turns import Turn

FIRST_TOKEN_SECONDS = 300.0  # a CPU reads about 65 tokens of a prompt a second, far fewer when it is shared
NEXT_TOKEN_SECONDS = 60.0
CLOSING_SECONDS = 0.5  # for the end of a response whose reply is complete
THINKING_TOKENS = 4096  # added for a server that was seen to think
CHARACTERS = 12  # a token has hardly more: a reply with more of them for its tokens has no limit at the server
FREE = Prices()
OPTIONAL = ("response_format", "stream_options", "temperature", "max_tokens", "tools")  # a server may refuse these
# How servers say that a prompt is too long: vLLM and SGLang in a sentence, llama.cpp in numbers of their own.
TOO_LONG = re.compile(r"context (?:length|size|window)|exceed_context|too long|maximum.{0,20}tokens", re.IGNORECASE)
WINDOW_TOLD = re.compile(r"(?:context length is|context size \(|n_ctx\W{1,4})\s*(\d+)", re.IGNORECASE)
PROMPT_TOLD = re.compile(
    r"(?:n_prompt_tokens\W{1,4}|request \(|request has|requested \d+ tokens \()\s*(\d+)", re.IGNORECASE
)


class Refused(BadReply):
    """The server does not accept the request as it is; `said` is what it answers."""

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class Overloaded(RetryLater):
    """The server cannot take so many calls."""


@dataclass
class Said:
    """What came back from one call."""

    text: str = ""
    thinking: str = ""
    called: str = ""  # what tools were called with
    tools: list[str] = field(default_factory=list)  # their names
    finish: str = ""
    circles: bool = False
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


@dataclass
class Watch:
    """Notices a reply that goes in a circle, or has more than `most` characters and so no limit at the server."""

    most: int
    checked: int = 0

    def has_enough(self, said: Said) -> bool:
        """Whether to hear no more; `said` says why."""
        length = len(said.text) + len(said.thinking)
        if length > self.most:
            said.finish = "length"
        if length - self.checked > 64:
            self.checked = length
            said.circles = loops(said.text) or loops(said.thinking)
        return said.circles or length > self.most


@dataclass(frozen=True)
class Call:
    """One request: the step's name, its messages and the shape of the reply."""

    name: str
    messages: tuple[dict[str, str], ...]
    tokens: int
    temperature: float
    schema: dict[str, Any] | None = None
    tools: tuple[dict[str, Any], ...] = ()
    prices: Prices = FREE
    heard: Delta | None = field(default=None, compare=False)

    @property
    def pieces(self) -> list[str]:
        """The texts of the prompt."""
        return [message["content"] for message in self.messages]


async def talk(at: Server, call: Call) -> Said:
    """What the server says, in the turn of the run that asks; the cost is counted whatever comes of it.

    Raises RetryLater where the server is busy, slow or gone, Refused or BadReply where it does not take the request,
    RunFailed where it cannot be used as it is set up.
    """
    said = Said()
    with cost.waiting("model"):
        async with at.turns.turn() as turn:
            try:
                await _listen(at, call, said, turn)
                at.turns.went_well(turn)
            except Overloaded:
                at.turns.overloaded(turn)
                raise
            finally:
                at.abilities.thinks = at.abilities.thinks or bool(said.thinking)
                _count(at, call, said)
    return said


def _count(at: Server, call: Call, said: Said) -> None:
    if said.prompt_tokens:
        at.tokens.saw(call.pieces, said.prompt_tokens)
    prompt = said.prompt_tokens or at.tokens.estimate(call.pieces)
    completion = said.completion_tokens or (len(said.text) + len(said.thinking) + 3) // 4
    cost.spend(
        model_calls=1,
        prompt_tokens=prompt,
        cached_tokens=said.cached_tokens,
        completion_tokens=completion,
        money=call.prices.of(prompt, min(said.cached_tokens, prompt), completion),
        thinking=said.thinking.strip(),
    )


async def _listen(at: Server, call: Call, said: Said, turn: Turn) -> None:
    """Stream the reply into `said`."""
    thoughts, prose, watch = Thoughts(), Prose(), Watch(CHARACTERS * reply_tokens(at, call.tokens))
    try:
        async with asyncio.timeout(FIRST_TOKEN_SECONDS) as patience, aclosing(_events(at, call, said)) as batches:
            async for events in batches:
                taken = [_take(event, said) for event in events]
                piece, thought = ("".join(pieces) for pieces in zip(*taken, strict=True))
                if not (piece or thought):
                    continue
                if not (said.text or said.thinking):
                    at.turns.first_token(turn, at.tokens.estimate(call.pieces))
                patience.reschedule(asyncio.get_running_loop().time() + NEXT_TOKEN_SECONDS)
                piece, inline = thoughts.feed(piece)
                said.text, said.thinking = said.text + piece, said.thinking + thought + inline
                if thought or inline:
                    await current.get().think(str(id(said)), thought + inline)
                if call.heard and piece and (words := prose.feed(piece)):
                    await call.heard(words)
                if watch.has_enough(said):
                    break
    except aiohttp.ClientError as error:
        at.ask_again()
        raise unreachable(at.endpoint, error) from error
    except TimeoutError as error:
        at.ask_again()
        raise Overloaded(_("The model server %(url)s takes too long to answer.") % {"url": at.endpoint.url}) from error
    piece, inline = thoughts.rest()
    said.text, said.thinking = said.text + piece, said.thinking + inline
    # Some chat templates open the thoughts in the prompt: then the reply only has their end.
    before, closed, after = said.text.rpartition("</think>")
    if closed:
        said.text, said.thinking = after, said.thinking + before


def reply_tokens(at: Server, tokens: int) -> int:
    """How many tokens a reply may take that needs so many without thoughts. A prompt keeps a third of the context."""
    thoughts = min(THINKING_TOKENS, at.window // 2) if at.abilities.thinks else 0
    return min(tokens + thoughts, max(at.window * 2 // 3 - 300, at.window // 3))


def _body(at: Server, call: Call) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": at.model,
        "messages": call.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": call.temperature,
        "max_tokens": reply_tokens(at, call.tokens),
    }
    if call.schema is not None and at.abilities.schema_sent(call.name):
        shape = {"name": call.name, "strict": True, "schema": call.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    if call.tools:
        body["tools"] = call.tools
    if "max_tokens" in at.abilities.left_out:  # the newer name; some know only that one
        body["max_completion_tokens"] = body["max_tokens"]
    return {name: value for name, value in body.items() if name not in at.abilities.left_out}


async def _events(at: Server, call: Call, said: Said) -> AsyncGenerator[list[dict[str, Any]], None]:
    """The server's events, in one list what came at one time. Raises what its status or an error event means, and
    RetryLater where it breaks off."""
    async with await send(at.http, at.endpoint, f"{at.endpoint.url}/chat/completions", _body(at, call)) as response:
        if response.status != 200:
            told = await response.text(errors="replace")
            raise _failure(at, call, response.status, response.headers.get("retry-after", ""), told)
        if "text/event-stream" not in response.headers.get("content-type", ""):
            yield [_whole(_parsed(at, call, await response.read()))]
            return
        events = Events()
        async for data in response.content.iter_any():
            try:
                found = events.feed(data)
            except ValueError as error:
                raise _unreadable(at) from error
            if before := list(takewhile(lambda event: event != b"[DONE]", found)):
                yield [_parsed(at, call, event) for event in before]
            if len(before) < len(found):
                # Read to its end, a response leaves its connection to the next call; one that stays open is closed.
                with suppress(TimeoutError):
                    async with asyncio.timeout(CLOSING_SECONDS):
                        await response.read()
                return
    if not said.finish:  # not every server sends [DONE], but all say how a reply ended
        raise RetryLater(_("The model server %(url)s broke off in the middle.") % {"url": at.endpoint.url})


def _unreadable(at: Server) -> RetryLater:
    return RetryLater(_("The model server %(url)s sent something unreadable.") % {"url": at.endpoint.url})


def _parsed(at: Server, call: Call, data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise _unreadable(at)
    error = event.get("error") or (event if event.get("object") == "error" else None)
    if error:
        code = error.get("code") if isinstance(error, dict) else None
        status = int(code) if isinstance(code, int | str) and str(code).isdecimal() else 500
        raise _failure(at, call, status, "", json.dumps(error))
    return event


def _whole(reply: dict[str, Any]) -> dict[str, Any]:
    """A reply that came in one piece although a stream was asked for, as one event."""
    choices = [{**choice, "delta": choice.get("message")} for choice in _objects(reply.get("choices"))]
    return {**reply, "choices": choices}


def _take(event: dict[str, Any], said: Said) -> tuple[str, str]:
    """(of the reply, of the thoughts) in one event; how it ended and what it cost go to `said`."""
    usage = _object(event.get("usage"))
    cached = _object(usage.get("prompt_tokens_details")).get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
    said.prompt_tokens = _whole_number(usage.get("prompt_tokens")) or said.prompt_tokens
    said.cached_tokens = _whole_number(cached) or said.cached_tokens
    said.completion_tokens = _whole_number(usage.get("completion_tokens")) or said.completion_tokens
    for choice in _objects(event.get("choices"))[:1]:
        delta = _object(choice.get("delta"))
        said.finish = _text(choice.get("finish_reason")) or said.finish
        called = ""
        for tool in _objects(delta.get("tool_calls")):
            function = _object(tool.get("function"))
            if name := _text(function.get("name")):
                said.tools.append(name)
                called += "\n"  # so that what two tools are called with stays two
            given = function.get("arguments")
            called += given if isinstance(given, str) else json.dumps(given) if given else ""
        said.called += called
        piece = _text(delta.get("content")) + called
        return piece, _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
    return "", ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole_number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _failure(at: Server, call: Call, status: int, retry_after: str, body: str) -> ResearchFailure:
    """What a status of the server means for the step or the run."""
    url, told = at.endpoint.url, " ".join(body.split())[:300]
    if status in {401, 403}:
        return key_refused(at.endpoint)
    if status == 404:
        at.ask_again()
        return RunFailed(
            _("The model server %(url)s has no model %(model)s: set CHAT_MODEL to one it serves (%(served)s).")
            % {"url": url, "model": at.model, "served": ", ".join(at.served) or "?"}
        )
    if status in {408, 425, 429} or status >= 500:
        kind = Overloaded if status in {408, 429, 503, 504, 529} else RetryLater
        return kind(
            _("The model server %(url)s is busy or failing (HTTP %(status)s): %(said)s")
            % {"url": url, "status": status, "said": told},
            _seconds(retry_after),
        )
    if status in {400, 413, 422} and TOO_LONG.search(body):
        _learn(at, call, body)
        return RetryLater(
            _("The prompt was too long for the model server %(url)s: %(said)s") % {"url": url, "said": told}
        )
    return Refused(
        _("The model server %(url)s refused the request (HTTP %(status)s): %(said)s")
        % {"url": url, "status": status, "said": told},
        body,
    )


def _learn(at: Server, call: Call, body: str) -> None:
    """How long prompts may be and this one was, so that the next is fitted better. Where neither is said, a quarter
    more is assumed than was thought."""
    window, prompt = WINDOW_TOLD.search(body), PROMPT_TOLD.search(body)
    if window:
        at.window, at.window_from = int(window[1]), "server"
    at.tokens.saw(call.pieces, int(prompt[1]) if prompt else at.tokens.estimate(call.pieces) * 5 // 4)


def _seconds(retry_after: str) -> float | None:
    """The header Retry-After, which is a number of seconds or a date."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
