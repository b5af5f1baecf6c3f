"""What a model server can do, found out with one or two tiny calls the first time it is used, and again after a while.

Asks for a reply whose schema forces a value that the prompt does not suggest: so it shows whether schemas are obeyed,
ignored or refused, which fields of a request are refused, and whether the model thinks before it replies. What is
missing is worked around by client.py and talk.py; here it is only found out. Called by reasoning/client.py, and by
`manage.py models`, which also asks about tools.
"""

import logging
from dataclasses import replace

from django.utils.translation import gettext as _

from config.endpoints import Endpoint
from research.errors import BadReply, RunFailed
from research.reasoning import replies
from research.reasoning.server import Server, server, shared_failure
from research.reasoning.talk import OPTIONAL, Call, Refused, Said, talk

WORD = "quokka-417"
SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": [WORD]}},
    "required": ["word"],
    "additionalProperties": False,
}
TOKENS, MORE_TOKENS = 40, 1_000  # for the reply; once more where thoughts used them up
ASK = ({"role": "user", "content": "Write one word, any word."},)
CALL = Call("probe", ASK, TOKENS, 0.0, SCHEMA)
TOOL = {
    "type": "function",
    "function": {
        "name": "say_word",
        "description": "Says a word aloud.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    },
}
TOOL_ASK = ({"role": "user", "content": "Say the word sea aloud. Use the tool say_word."},)
TOOL_CALL = Call("probe-tools", TOOL_ASK, TOKENS, 0.0, tools=(TOOL,))

log = logging.getLogger(__name__)


async def ready(endpoint: Endpoint) -> Server:
    """The server at the endpoint, its abilities known. Raises what server() and talk() do."""
    at = await server(endpoint)
    async with at.probing:
        if not at.probed:
            with shared_failure(endpoint):
                await _probe(at)
            at.probed = True
            log.info(
                "The model server %s: %s, context %d (%s), schema %s, thinks: %s, tokens by %s",
                *(endpoint.url, at.model, at.window, at.window_from),
                *(at.abilities.schema, at.abilities.thinks, at.tokens.how),
            )
    return at


async def tools(at: Server) -> str:
    """What the model makes of a tool: "called", "in prose", "not called", or "refused"."""
    try:
        said = await talk(at, TOOL_CALL)
    except Refused:
        return "refused"
    if said.tools:
        return "called"
    return "in prose" if "say_word" in said.text else "not called"


async def _probe(at: Server) -> None:
    """One call, and a second one where the first was refused or used up by thoughts."""
    try:
        said = await _asked(at, CALL)
    except Refused as refusal:
        named = frozenset(name for name in OPTIONAL if name in refusal.said)
        at.abilities.left_out = named or frozenset({"response_format", "stream_options"})
        if "response_format" in at.abilities.left_out:
            at.abilities.schema = "refused"
        try:
            said = await _asked(at, CALL)
        except Refused as again:
            raise RunFailed(
                _("The model server cannot be used, not even for the plainest request: %(why)s") % {"why": again}
            ) from again
    else:
        if said.thinking and not said.text.strip():
            said = await _asked(at, replace(CALL, tokens=MORE_TOKENS))
    if at.abilities.schema != "refused":
        at.abilities.schema = "obeyed" if _obeyed(said) else "ignored"


async def _asked(at: Server, call: Call) -> Said:
    try:
        return await talk(at, call)
    except Refused:
        raise
    except BadReply:  # it goes in a circle, say: it was not held to the schema
        return Said()


def _obeyed(said: Said) -> bool:
    return any(found == {"word": WORD} for found in replies.objects(said.text))
