"""Tells whoever looks at a run's page that something happened, over the broker's pub/sub.

Only a doorbell and the pieces of text that are being written: everything that counts is in the journal, so a broker
that is down delays a page, never a step. Called by the engine through the journal; heard by research/stream.py.
"""

import asyncio
import json
import logging
import time
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.08  # pieces of a text that come within this time are sent together: a token a message is costly
PIECES = {"delta": "section", "thinking": "of"}  # messages with a piece of a text, and what names the text
SILENCE = 5.0  # seconds without a try after the broker could not be reached
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, "Redis"] = WeakKeyDictionary()
_silent_until = 0.0
_gathered: dict[tuple[str, str, str], list[str]] = {}  # pieces not yet sent, by run, kind of message and text
_sending: "set[asyncio.Task[None]]" = set()


def channel(run_id: UUID | str) -> str:
    """The channel of a run's messages: {"seq"}, {"activity"}, {"section", "delta"}, or {"of", "thinking"}, where `of`
    tells one call of a model from another."""
    return f"run:{run_id}"


async def publish(run_id: UUID | str, message: dict[str, Any]) -> None:
    """Send a message to the run's listeners; pieces of a text a little later, together. Never raises: a broker that is
    down must not fail a step."""
    kind = next((kind for kind in PIECES if kind in message), None)
    if kind is None:
        await _flush(str(run_id))
        await _send(str(run_id), message)
        return
    pieces = _gathered.setdefault((str(run_id), kind, message[PIECES[kind]]), [])
    pieces.append(message[kind])
    if len(pieces) == 1:
        task = asyncio.create_task(_later(str(run_id)))
        _sending.add(task)
        task.add_done_callback(_sending.discard)


async def _later(run_id: str) -> None:
    await asyncio.sleep(GATHER_SECONDS)
    await _flush(run_id)


async def _flush(run_id: str) -> None:
    """Send what was gathered for the run, before anything else is said of it."""
    for key in [key for key in _gathered if key[0] == run_id]:
        _run, kind, text = key
        await _send(run_id, {PIECES[kind]: text, kind: "".join(_gathered.pop(key))})


async def _send(run_id: str, message: dict[str, Any]) -> None:
    global _silent_until  # noqa: PLW0603 - one broker a process
    if time.monotonic() < _silent_until:
        return
    try:
        await _client().publish(channel(run_id), json.dumps(message))
    except (RedisError, OSError) as error:
        _silent_until = time.monotonic() + SILENCE
        logger.warning("the broker cannot be reached; pages follow the journal only: %s", error)


async def close() -> None:
    """Close this loop's connections."""
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()


def _client() -> "Redis":
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    return _clients[loop]
