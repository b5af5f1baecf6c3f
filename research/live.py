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

GATHER_SECONDS = 0.05  # what is said within this time, by all runs of a process, is sent in one go
PIECES = {"delta": "section", "thinking": "of"}  # messages with a piece of a text, and what names the text
SILENCE = 5.0  # seconds without a try after the broker could not be reached
Message = dict[str, Any]
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, "Redis"] = WeakKeyDictionary()
_waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, list[tuple[str, Message]]] = WeakKeyDictionary()
_sending: "set[asyncio.Task[None]]" = set()
_silent_until = 0.0


def channel(run_id: UUID | str) -> str:
    """The channel of a run's messages: {"seq"}, {"activity"}, {"section", "delta"}, or {"of", "thinking"}."""
    return f"run:{run_id}"


async def publish(run_id: UUID | str, message: Message) -> None:
    """Send a message to the run's listeners, a moment later. Never raises and never waits: a broker that is slow or
    down must not hold up a step."""
    if time.monotonic() < _silent_until:
        return
    waiting = _waiting.setdefault(asyncio.get_running_loop(), [])
    waiting.append((channel(run_id), message))
    if len(waiting) == 1:
        sending = asyncio.create_task(_send_soon())
        _sending.add(sending)
        sending.add_done_callback(_sending.discard)


async def _send_soon() -> None:
    await asyncio.sleep(GATHER_SECONDS)
    await _send()


async def _send() -> None:
    """Send what waits."""
    global _silent_until  # noqa: PLW0603 - one broker a process
    waiting = _waiting.pop(asyncio.get_running_loop(), [])
    if not waiting:
        return
    try:
        async with _client().pipeline(transaction=False) as pipeline:
            for name, message in _joined(waiting):
                pipeline.publish(name, json.dumps(message))
            await pipeline.execute()
    except (RedisError, OSError) as error:
        _silent_until = time.monotonic() + SILENCE
        logger.warning("the broker cannot be reached; pages follow the journal only: %s", error)


def _joined(waiting: list[tuple[str, Message]]) -> list[tuple[str, Message]]:
    """The same, with the pieces of a text that came one after the other in one: a token a message is costly."""
    joined: list[tuple[str, Message]] = []
    texts: dict[str, dict[tuple[str, str], Message]] = {}  # by channel, kind and text, since anything else was said
    for name, message in waiting:
        kind = next((kind for kind in PIECES if kind in message), "")
        text = (kind, str(message.get(PIECES.get(kind, ""), "")))
        before = texts.setdefault(name, {}).get(text)
        if not kind:
            texts[name] = {}
        elif before:
            before[kind] += message[kind]
            continue
        else:
            message = texts[name][text] = dict(message)  # noqa: PLW2901
        joined.append((name, message))
    return joined


async def close() -> None:
    """Send what waits, and close this loop's connections."""
    await _send()
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()


def _client() -> "Redis":
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    return _clients[loop]
