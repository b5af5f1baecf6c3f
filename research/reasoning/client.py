"""The one client for models: asks an OpenAI-compatible server for a reply of a given shape.

Sends the shape as a JSON schema, says it in the prompt too where the server does not hold its model to schemas,
validates the reply, and asks once more where it cannot be read. Never decides what to ask (reasoning/model.py does) and
never tries again later (the engine does). Called by reasoning/model.py only.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from django.utils.translation import gettext as _
from pydantic import BaseModel

from config.endpoints import Endpoint
from research.engine.kit import Delta
from research.errors import BadReply, RunFailed
from research.prompts import Prompt, render
from research.reasoning import replies
from research.reasoning.probe import ready
from research.reasoning.server import Server
from research.reasoning.talk import Call, Refused, Said, reply_tokens, talk

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
    "contrast": 200,
    "rewrite": 200,
    "answer": 200,
}
TEMPERATURE = 0.2
ANEW = 0.8  # after a reply that went in a circle: as before, it would do so again

log = logging.getLogger(__name__)
R = TypeVar("R", bound=BaseModel)


class Client:
    """Asks the endpoints of the roles (config.endpoints.ROLES). Holds no state of a run."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = endpoints

    async def room(self, role: str, name: str) -> int:
        """How many tokens a prompt of the step `name` may have so that it and its reply fit the context."""
        return _room(await ready(self._endpoint(role)), name)

    async def fits(self, role: str, name: str, prompt: Prompt) -> bool:
        """Whether the prompt has room; counted by the server or its tokenizer where it is near the limit."""
        at = await ready(self._endpoint(role))
        return await at.tokens.fit((prompt.system, prompt.user), _room(at, name))

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
        endpoint = self._endpoint(role)
        at = await ready(endpoint)
        schema = replies.schema(shape, allowed or {})
        temperature = 0.0 if role == "judge" else TEMPERATURE
        messages = ({"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user})
        call = Call(name, messages, REPLY_TOKENS[name], temperature, schema, prices=endpoint.prices, heard=delta)
        said = await _first(at, call)
        try:
            return replies.read(said.text, shape)
        except replies.Unreadable as error:
            log.info("reply of %s could not be read: %s", name, error)
            said = await talk(at, _repair(at, call, said, str(error)))
        try:
            return replies.read(said.text, shape)
        except replies.Unreadable as error:
            why = _("it went in a circle") if said.circles else error
            raise BadReply(
                _("The model's reply to the step %(step)s could not be used, also when asked again: %(error)s.")
                % {"step": name, "error": why}
            ) from error

    def _endpoint(self, role: str) -> Endpoint:
        found = self._endpoints.get(role)
        if found is None:
            raise RunFailed(
                _("No model server is named for the role %(role)s: set CHAT_URL, or CHAT_URL_%(name)s.")
                % {"role": role, "name": role.upper()}
            )
        return found


def _room(at: Server, name: str) -> int:
    reply = reply_tokens(at, REPLY_TOKENS[name])
    # Beside the prompt: the chat template's own marks, the schema, and once the bad reply and what is said of it.
    beside = 300 + (200 if at.abilities.schema_said(name) else 0)
    return max(at.window - 2 * reply - beside, at.window // 3)


async def _first(at: Server, call: Call) -> Said:
    """The reply; without the schema where that is what the server does not accept in this step."""
    try:
        return await talk(at, _worded(at, call))
    except Refused as refusal:
        if not at.abilities.schema_sent(call.name):
            raise
        # Grammar engines know only a part of JSON schema, and each another one.
        log.warning("the schema of %s is not sent to %s any more: %s", call.name, at.endpoint.url, refusal)
        at.abilities.unschemed.add(call.name)
        return await talk(at, _worded(at, call))


def _worded(at: Server, call: Call) -> Call:
    """The call with the shape of its reply at the end of the prompt, where the server does not see to it."""
    if call.schema is None or not at.abilities.schema_said(call.name):
        return call
    *before, last = call.messages
    shape = f"Write one JSON object and nothing else, of this shape: {replies.in_words(call.schema)}"
    return replace(call, messages=(*before, {**last, "content": f"{last['content']}\n{shape}"}))


def _repair(at: Server, call: Call, said: Said, error: str) -> Call:
    """The same conversation, and what was wrong with the reply. What was heard of it is not heard again."""
    again = replace(_worded(at, call), heard=None)
    if said.circles:
        return replace(again, temperature=ANEW)
    if said.finish == "length":
        error = "it broke off because it was too long"
    if not said.text.strip():  # nothing to correct: ask anew (a server that thinks has more room from now on)
        return again
    told = render("repair", error=error, schema=json.dumps(call.schema))
    messages = (
        *again.messages,
        {"role": "assistant", "content": said.text[:1500]},
        {"role": "user", "content": told.user},
    )
    return replace(again, messages=messages)
