"""What is known of a model server, and the connections to it: one pool for each event loop.

Asks a server once for the models it serves, the length of its context and how many calls it works on at a time. Never
asks it to think. The connection does not go through the egress door: the endpoint is the operator's own, named in the
settings. Called by reasoning/client.py.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import httpx2
from django.utils.translation import gettext as _

from config.endpoints import Endpoint
from research.errors import RetryLater, RunFailed

CONNECT_SECONDS = 5.0
ASK_SECONDS = 10.0
FRESH_SECONDS = 600.0  # a server may be restarted with another model or context
WINDOW = 8192  # tokens of context of a server that does not say
CALLS_AT_ONCE = 8  # for a server that does not say how many it works on at a time


@dataclass
class Server:
    """An endpoint as it answered. `thinks` is set once it was seen to send thoughts: then a reply gets more room."""

    endpoint: Endpoint
    http: httpx2.AsyncClient
    model: str
    served: tuple[str, ...]
    window: int  # tokens of prompt and reply together
    turns: asyncio.Semaphore  # a call waits here rather than, against its time-out, in the server's own queue
    asked_at: float  # monotonic
    thinks: bool = False


@dataclass
class _Pool:
    http: httpx2.AsyncClient
    servers: dict[Endpoint, Server] = field(default_factory=dict)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()


async def server(endpoint: Endpoint) -> Server:
    """The server at the endpoint, asked at most once in ten minutes.

    Raises RetryLater where it cannot be reached, and RunFailed where it refuses the key or no model can be chosen.
    """
    pool = _pool()
    async with pool.asking:
        known = pool.servers.get(endpoint)
        if known is None or time.monotonic() - known.asked_at > FRESH_SECONDS:
            pool.servers[endpoint] = known = await _ask(pool.http, endpoint, known)
        return known


async def close() -> None:
    """Close the connections of the running loop: tests do, a worker keeps them until it ends."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool:
        await pool.http.aclose()


def headers(endpoint: Endpoint) -> dict[str, str]:
    """What every request to the endpoint carries."""
    return {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}


def key_refused(endpoint: Endpoint) -> RunFailed:
    return RunFailed(_("The model server %(url)s refused the key: set CHAT_KEY.") % {"url": endpoint.url})


def unreachable(endpoint: Endpoint, error: Exception) -> RetryLater:
    why = str(error) or type(error).__name__
    return RetryLater(_("The model server %(url)s cannot be reached: %(why)s") % {"url": endpoint.url, "why": why})


def _pool() -> _Pool:
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        # No environment proxies: the server is mostly on this machine or in this network. Only connecting has a
        # time-out here; how long a reply may take is client.py's.
        timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
        _pools[loop] = _Pool(httpx2.AsyncClient(timeout=timeout, trust_env=False))
    return _pools[loop]


async def _ask(http: httpx2.AsyncClient, endpoint: Endpoint, before: Server | None) -> Server:
    listed = await _get(http, endpoint, f"{endpoint.url}/models")
    models = [entry for entry in listed.get("data") or [] if isinstance(entry, dict) and entry.get("id")]
    served = tuple(str(entry["id"]) for entry in models)
    model = endpoint.model or next(iter(served), "")
    if not model:
        raise RunFailed(_("The model server %(url)s lists no models: set CHAT_MODEL.") % {"url": endpoint.url})
    entry = next((entry for entry in models if entry["id"] == model), {})
    window, slots = _window(entry), None
    if entry.get("owned_by") == "llamacpp":  # only llama.cpp has /props, beside /v1
        props = await _get(http, endpoint, f"{endpoint.url.removesuffix('/v1')}/props")
        window = _number((props.get("default_generation_settings") or {}).get("n_ctx")) or window
        slots = _number(props.get("total_slots"))
    calls = min(slots or CALLS_AT_ONCE, CALLS_AT_ONCE)
    turns = before.turns if before else asyncio.Semaphore(calls)
    return Server(
        endpoint, http, model, served, window or WINDOW, turns, time.monotonic(), before.thinks if before else False
    )


def _window(entry: dict[str, Any]) -> int | None:
    """The context's length in tokens as a list of models tells it: vLLM and SGLang as max_model_len, llama.cpp in meta.

    n_ctx_train is what the model could have, not what this server gives it: it only bounds the assumed length.
    """
    meta = entry.get("meta") or {}
    told = _number(entry.get("max_model_len")) or _number(meta.get("n_ctx"))
    trained = _number(meta.get("n_ctx_train"))
    return told or (min(WINDOW, trained) if trained else None)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


async def _get(http: httpx2.AsyncClient, endpoint: Endpoint, url: str) -> dict[str, Any]:
    """The JSON object at `url`; empty where the server has no such page."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            response = await http.get(url, headers=headers(endpoint))
    except (httpx2.TransportError, TimeoutError) as error:
        raise unreachable(endpoint, error) from error
    except httpx2.InvalidURL as error:
        raise RunFailed(_("CHAT_URL is not an address: %(url)s") % {"url": endpoint.url}) from error
    if response.status_code in {401, 403}:
        raise key_refused(endpoint)
    if response.status_code >= 500 or response.status_code == 429:
        raise unreachable(endpoint, RuntimeError(f"HTTP {response.status_code}"))
    try:
        found = response.json() if response.is_success else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}
