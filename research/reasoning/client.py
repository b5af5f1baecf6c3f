"""The one client for models: asks an OpenAI-compatible server for a reply of a given shape.

Streams the reply, sets thoughts apart, bounds the waiting, validates, asks once more where the reply cannot be read,
and adds what it spent to the step's cost. Never decides what to ask (reasoning/model.py does) and never tries again
later (the engine does). Called by reasoning/model.py only.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
from django.utils.translation import gettext as _
from pydantic import BaseModel

from config.endpoints import Endpoint
from research.engine import cost
from research.engine.kit import Delta
from research.errors import BadReply, ResearchFailure, RetryLater, RunFailed
from research.prompts import Prompt, render
from research.reasoning import replies
from research.reasoning.pieces import Prose, Thoughts, loops
from research.reasoning.server import Server, headers, key_refused, server, unreachable

FIRST_TOKEN_SECONDS = 300.0  # a CPU reads about 65 tokens of a prompt a second, far fewer when it is shared
NEXT_TOKEN_SECONDS = 60.0
THINKING_TOKENS = 4096  # added for a server that was seen to think
REPLY_TOKENS = {
    "plan": 500,
    "act": 250,
    "note": 120,
    "revise": 300,
    "choose": 120,
    "shape": 250,
    "items": 600,
    "cell": 120,
    "draft": 900,
    "judge": 160,
    "rewrite": 200,
    "answer": 200,
}

log = logging.getLogger(__name__)
R = TypeVar("R", bound=BaseModel)


@dataclass
class Said:
    """What came back from one call."""

    text: str = ""
    thinking: str = ""
    finish: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True)
class Call:
    """One request: the step's name, its messages and the shape of the reply."""

    name: str
    messages: tuple[dict[str, str], ...]
    schema: dict[str, Any]
    tokens: int
    temperature: float
    heard: Delta | None = field(default=None, compare=False)


class Client:
    """Asks the endpoints of the roles (config.endpoints.ROLES). Holds no state of a run."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints

    async def room(self, role: str, name: str) -> int:
        """How many tokens a prompt of the step `name` may have so that it and its reply fit the context."""
        at = await server(self._endpoint(role))
        reply = REPLY_TOKENS[name] + (THINKING_TOKENS if at.thinks else 0)
        # Beside the prompt: the chat template's own marks, the schema, and once the bad reply and what is said of it.
        return max(at.window - 2 * reply - 300, at.window // 3)

    async def complete(
        self,
        role: str,
        name: str,
        prompt: Prompt,
        shape: type[R],
        *,
        allowed: replies.Allowed | None = None,
        delta: Delta | None = None,
    ) -> R:
        """The reply to `prompt` as `shape`; the words of its "text" fields go to `delta` as they come.

        `allowed` narrows fields to what was shown. Raises BadReply where the reply cannot be read after one repair,
        RetryLater where the server is busy, slow or gone, RunFailed where it cannot be used as it is set up.
        """
        at = await server(self._endpoint(role))
        schema = replies.schema(shape, allowed or {})
        messages = ({"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user})
        call = Call(name, messages, schema, REPLY_TOKENS[name], 0.0 if role == "judge" else 0.2, delta)
        said = await _call(at, call)
        try:
            return replies.read(said.text, shape)
        except replies.Unreadable as error:
            log.info("reply of %s could not be read: %s", name, error)
            said = await _call(at, _repair(call, said, str(error)))
        try:
            return replies.read(said.text, shape)
        except replies.Unreadable as error:
            raise BadReply(
                _("The model's reply to the step %(step)s could not be used, also when asked again: %(error)s.")
                % {"step": name, "error": error}
            ) from error

    def _endpoint(self, role: str) -> Endpoint:
        found = self._endpoints.get(role)
        if found is None:
            raise RunFailed(
                _("No model server is named for the role %(role)s: set CHAT_URL, or CHAT_URL_%(name)s.")
                % {"role": role, "name": role.upper()}
            )
        return found


def _repair(call: Call, said: Said, error: str) -> Call:
    """The same conversation, and what was wrong with the reply. What was heard of it is not heard again."""
    if said.finish == "length":
        error = "it broke off because it was too long"
    if not said.text.strip():  # nothing to correct: ask anew (a server that thinks has more room from now on)
        return Call(call.name, call.messages, call.schema, call.tokens, call.temperature)
    again = render("repair", error=error, schema=json.dumps(call.schema))
    messages = (
        *call.messages,
        {"role": "assistant", "content": said.text[:1500]},
        {"role": "user", "content": again.user},
    )
    return Call(call.name, messages, call.schema, call.tokens, call.temperature)


async def _call(at: Server, call: Call) -> Said:
    """One call, its cost counted whatever comes of it."""
    said = Said()
    async with at.turns:
        try:
            await _listen(at, call, said)
        finally:
            at.thinks = at.thinks or bool(said.thinking)
            characters = sum(len(message["content"]) for message in call.messages)
            cost.spend(
                model_calls=1,
                prompt_tokens=said.prompt_tokens or characters // 4,  # an estimate where the server does not count
                completion_tokens=said.completion_tokens or (len(said.text) + len(said.thinking)) // 4,
                thinking=said.thinking.strip(),
            )
    return said


async def _listen(at: Server, call: Call, said: Said) -> None:
    """Stream the reply into `said`."""
    thoughts, prose, checked = Thoughts(), Prose(), 0
    try:
        async with asyncio.timeout(FIRST_TOKEN_SECONDS) as patience, aclosing(_events(at, call)) as events:
            async for event in events:
                piece, thought = _take(event, said)
                if piece or thought:
                    patience.reschedule(asyncio.get_running_loop().time() + NEXT_TOKEN_SECONDS)
                piece, inline = thoughts.feed(piece)
                said.text, said.thinking = said.text + piece, said.thinking + thought + inline
                if call.heard and piece and (words := prose.feed(piece)):
                    await call.heard(words)
                if len(said.text) + len(said.thinking) - checked > 64:
                    checked = len(said.text) + len(said.thinking)
                    if loops(said.text) or loops(said.thinking):
                        raise BadReply(
                            _("The model's reply to the step %(step)s went in a circle.") % {"step": call.name}
                        )
    except TimeoutError as error:
        raise RetryLater(_("The model server %(url)s takes too long to answer.") % {"url": at.endpoint.url}) from error
    except httpx2.SSEError as error:
        raise RunFailed(
            _("The model server %(url)s does not stream as OpenAI's interface does: %(error)s")
            % {"url": at.endpoint.url, "error": error}
        ) from error
    except httpx2.TransportError as error:
        raise unreachable(at.endpoint, error) from error
    piece, inline = thoughts.rest()
    said.text, said.thinking = said.text + piece, said.thinking + inline
    # Some chat templates open the thoughts in the prompt: then the reply only has their end.
    before, closed, after = said.text.rpartition("</think>")
    if closed:
        said.text, said.thinking = after, said.thinking + before


async def _events(at: Server, call: Call) -> AsyncGenerator[dict[str, Any], None]:
    """The server's events. Raises what its status or an error event means, and RetryLater where it breaks off."""
    body = {
        "model": at.model,
        "messages": call.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": call.temperature,
        "max_tokens": call.tokens + (THINKING_TOKENS if at.thinks else 0),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": call.name, "strict": True, "schema": call.schema},
        },
    }
    url = f"{at.endpoint.url}/chat/completions"
    async with at.http.stream("POST", url, json=body, headers=headers(at.endpoint)) as response:
        if response.status_code != 200:
            await response.aread()
            raise _failure(at, response.status_code, response.headers.get("retry-after", ""), response.text)
        async for event in httpx2.EventSource(response):
            if event.data.strip() == "[DONE]":
                return
            yield _parsed(at, event.data)
    raise RetryLater(_("The model server %(url)s broke off in the middle.") % {"url": at.endpoint.url})


def _parsed(at: Server, data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except json.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        raise RetryLater(_("The model server %(url)s sent something unreadable.") % {"url": at.endpoint.url})
    if error := event.get("error"):
        code = error.get("code") if isinstance(error, dict) else None
        raise _failure(at, code if isinstance(code, int) else 500, "", json.dumps(error))
    return event


def _take(event: dict[str, Any], said: Said) -> tuple[str, str]:
    """(of the reply, of the thoughts) in one event; how it ended and what it cost go to `said`."""
    usage = event.get("usage") or {}
    said.prompt_tokens = usage.get("prompt_tokens") or said.prompt_tokens
    said.completion_tokens = usage.get("completion_tokens") or said.completion_tokens
    piece = thought = ""
    for choice in (event.get("choices") or [])[:1]:
        delta = choice.get("delta") or {}
        said.finish = choice.get("finish_reason") or said.finish
        piece = delta.get("content") or ""
        thought = delta.get("reasoning_content") or delta.get("reasoning") or ""
    return piece, thought


def _failure(at: Server, status: int, retry_after: str, body: str) -> ResearchFailure:
    """What a status of the server means for the step or the run."""
    url, said = at.endpoint.url, " ".join(body.split())[:300]
    if status in {401, 403}:
        return key_refused(at.endpoint)
    if status == 404:
        return RunFailed(
            _("The model server %(url)s has no model %(model)s: set CHAT_MODEL to one it serves (%(served)s).")
            % {"url": url, "model": at.model, "served": ", ".join(at.served) or "?"}
        )
    if status in {408, 425, 429} or status >= 500:
        after = float(retry_after) if retry_after.isdecimal() else None
        return RetryLater(
            _("The model server %(url)s is busy or failing (HTTP %(status)s): %(said)s")
            % {"url": url, "status": status, "said": said},
            after,
        )
    return BadReply(
        _("The model server %(url)s refused the request (HTTP %(status)s): %(said)s")
        % {"url": url, "status": status, "said": said}
    )
