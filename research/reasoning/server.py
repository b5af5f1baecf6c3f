"""What is known of a model server, and the connections to it: one pool for each event loop.

Asks a server for the models it serves, the length of its context, how many calls it works on at a time and whether it
counts tokens. Never asks it to think: what it can do is found out by probe.py. The connection does not go through the
egress door: the endpoint is the operator's own, named in the settings. Called by reasoning/probe.py.
"""

import asyncio
import json
import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import aiohttp
from django.conf import settings
from django.utils.translation import gettext as _

from config.endpoints import Endpoint
from research.errors import ResearchFailure, RetryLater, RunFailed
from research.reasoning.tokens import Count, Tokens, tokenizer
from research.reasoning.turns import Turns

CONNECT_SECONDS = 5.0
ASK_SECONDS = 10.0
SHARED_SECONDS = 0.5  # what one attempt came to holds for all who waited for it: in turn they would wait for minutes
FRESH_SECONDS = 600.0  # a server may be restarted with another model or context
WINDOW = 8192  # tokens of context of a server that does not say
CALLS_AT_ONCE = 8  # to begin with, for a server that does not say how many it works on at a time
# As vLLM and SGLang, OpenRouter and others, Mistral, and Groq name the length of a model's context in their lists.
WINDOW_NAMES = ("max_model_len", "context_length", "max_context_length", "context_window")

log = logging.getLogger(__name__)


@dataclass
class Abilities:
    """What a server was found to do. `thinks` is also set when it is seen to later: then a reply gets more room."""

    schema: Literal["obeyed", "ignored", "refused"] = "obeyed"  # response_format with a JSON schema
    left_out: frozenset[str] = frozenset()  # fields of a request that it refuses
    thinks: bool = False
    tools: str = ""  # what it made of a tool that it was offered; empty: not asked. Only told, never used
    unschemed: set[str] = field(default_factory=set)  # steps whose schema it could not work with

    def schema_said(self, step: str) -> bool:
        """Whether the shape of a step's reply has to be said in its prompt."""
        return self.schema != "obeyed" or step in self.unschemed

    def schema_sent(self, step: str) -> bool:
        """Whether the schema of a step's reply may be sent."""
        return self.schema != "refused" and step not in self.unschemed


@dataclass
class Server:
    """An endpoint as it answered."""

    endpoint: Endpoint
    http: aiohttp.ClientSession
    model: str
    served: tuple[str, ...]
    window: int  # tokens of prompt and reply together
    window_from: Literal["server", "settings", "folder", "assumed"]
    turns: Turns  # a call waits here rather than, against its time-out, in the server's own queue
    tokens: Tokens
    asked_at: float  # monotonic
    abilities: Abilities = field(default_factory=Abilities)
    probed: bool = False
    probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def ask_again(self) -> None:
        """It failed as a server does that is being restarted: what is known of it may be true no more."""
        self.asked_at = -FRESH_SECONDS


@dataclass
class _Pool:
    http: aiohttp.ClientSession
    servers: dict[Endpoint, Server] = field(default_factory=dict)
    turns: dict[str, Turns] = field(default_factory=dict)  # by address: two models of a server share its strength
    asking: defaultdict[Endpoint, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    failed: dict[Endpoint, tuple[float, ResearchFailure]] = field(default_factory=dict)  # when, and how


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()


async def server(endpoint: Endpoint) -> Server:
    """The server at the endpoint, asked at most once in ten minutes, and again once it was away.

    Raises RetryLater where it cannot be reached, and RunFailed where it refuses the key or no model can be chosen.
    """
    pool = _pool()
    async with pool.asking[endpoint]:
        known = pool.servers.get(endpoint)
        if known is None or time.monotonic() - known.asked_at > FRESH_SECONDS:
            with shared_failure(endpoint):
                pool.servers[endpoint] = known = await _ask(pool, endpoint, known)
        return known


@contextmanager
def shared_failure(endpoint: Endpoint) -> Iterator[None]:
    """For an attempt that all who need the endpoint wait for, one after another: where it failed just now, it fails for
    the next one too, without being made again."""
    failed = _pool().failed
    when, failure = failed.get(endpoint, (-SHARED_SECONDS, None))
    if failure is not None and time.monotonic() - when < SHARED_SECONDS:
        raise type(failure)(str(failure)) from failure
    try:
        yield
    except ResearchFailure as new:
        failed[endpoint] = (time.monotonic(), new)
        raise


async def send(http: aiohttp.ClientSession, at: Endpoint, url: str, body: object = None) -> aiohttp.ClientResponse:
    """The response to a POST of `body` as JSON, or to a GET without one; it is the caller's to close (`async with`).

    Asked for on a new connection where the one that was at hand is closed before anything came: a server closes a
    connection some seconds after its last request began (llama.cpp: 5), so that after a long reply it may do so at the
    very moment at which the next call goes out on it. Raises aiohttp.ClientError.
    """
    ask = partial(http.request, "GET" if body is None else "POST", url, json=body, headers=_headers(at))
    try:
        return await ask(allow_redirects=False)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        return await ask(allow_redirects=False)


async def close() -> None:
    """Close the connections of the running loop: tests and commands do, a worker keeps them until it ends."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool:
        await pool.http.close()
        await asyncio.sleep(0)  # only then are their sockets closed


def _headers(endpoint: Endpoint) -> dict[str, str]:
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
        # Not httpx2, which takes three times the processor for a stream and looks at all its connections at each call
        # (LOG.md). No environment proxies: the server is mostly on this machine or in this network. Only connecting
        # has a time-out here; how long a reply may take is talk.py's. turns.py bounds the connections.
        _pools[loop] = _Pool(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(connect=CONNECT_SECONDS),
            )
        )
    return _pools[loop]


async def _ask(pool: _Pool, endpoint: Endpoint, before: Server | None) -> Server:
    http = pool.http
    listed = await _get(http, endpoint, f"{endpoint.url}/models")
    entries = listed.get("data")
    listing = entries if isinstance(entries, list) else []
    models = [entry for entry in listing if isinstance(entry, dict) and entry.get("id")]
    served = tuple(str(entry["id"]) for entry in models)
    model = endpoint.model or next(iter(served), "")
    if not model:
        raise RunFailed(_("The model server %(url)s lists no models: set CHAT_MODEL.") % {"url": endpoint.url})
    entry = next((entry for entry in models if entry["id"] == model), {})
    told, slots = _window(entry), None
    if entry.get("owned_by") == "llamacpp":  # only llama.cpp has /props, beside /v1
        props = await _get(http, endpoint, f"{_beside(endpoint)}/props")
        told = _number((props.get("default_generation_settings") or {}).get("n_ctx")) or told
        slots = _number(props.get("total_slots"))
    most = settings.MODEL_CALLS_AT_ONCE
    turns = pool.turns.setdefault(endpoint.url, Turns(slots or CALLS_AT_ONCE, min(slots or most, most)))
    tokens = await _tokens(http, endpoint, model)
    if before and before.model == model:
        tokens.remember(before.tokens)
    windows: list[tuple[int | None, Literal["server", "settings", "folder", "assumed"]]] = [
        (endpoint.context, "settings"),
        (told, "server"),
        (_of_folder(model), "folder"),
        (min(WINDOW, _trained(entry) or WINDOW), "assumed"),
    ]
    window, source = next((tokens, source) for tokens, source in windows if tokens)
    return Server(endpoint, http, model, served, window, source, turns, tokens, time.monotonic())


def _window(entry: dict[str, Any]) -> int | None:
    """The context's length in tokens as a list of models tells it."""
    told = (_number(entry.get(name)) for name in WINDOW_NAMES)
    return next(filter(None, told), None) or _number(_meta(entry).get("n_ctx"))


def _trained(entry: dict[str, Any]) -> int | None:
    """What the model could have (llama.cpp), not what this server gives it: it only bounds the assumed length."""
    return _number(_meta(entry).get("n_ctx_train"))


def _meta(entry: dict[str, Any]) -> dict[str, Any]:
    meta = entry.get("meta")
    return meta if isinstance(meta, dict) else {}


def _of_folder(model: str) -> int | None:
    """The context of a model that is served from a folder of this machine, by its configuration."""
    try:
        config = json.loads((Path(model) / "config.json").read_text())
    except (OSError, ValueError):
        return None
    return _number(config.get("max_position_embeddings")) if isinstance(config, dict) else None


async def _tokens(http: aiohttp.ClientSession, endpoint: Endpoint, model: str) -> Tokens:
    """How tokens are counted for the model: by its server, with its tokenizer, or as an estimate."""
    at_server = _counting_server(http, endpoint, model)
    if await at_server("One two three.") is not None:
        return Tokens("server", at_server)
    try:
        found = await asyncio.to_thread(tokenizer, endpoint.tokenizer, model)
    except ValueError as error:
        if endpoint.tokenizer:
            raise RunFailed(_("CHAT_TOKENIZER is no tokenizer: %(why)s") % {"why": error}) from error
        log.warning("The tokenizer of %s cannot be used: %s", model, error)
        found = None
    if endpoint.tokenizer and found is None:
        raise RunFailed(_("CHAT_TOKENIZER is %(place)s, where no tokenizer.json is.") % {"place": endpoint.tokenizer})
    return Tokens("tokenizer", found) if found else Tokens()


def _counting_server(http: aiohttp.ClientSession, endpoint: Endpoint, model: str) -> Count:
    """Counting as vLLM, SGLang (a "prompt") and llama.cpp (a "content") do it, beside /v1."""
    url = f"{_beside(endpoint)}/tokenize"

    async def count(piece: str) -> int | None:
        body = {"model": model, "prompt": piece, "content": piece, "add_special_tokens": False}
        try:
            async with asyncio.timeout(ASK_SECONDS), await send(http, endpoint, url, body) as response:
                found = json.loads(await response.read()) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        tokens = found.get("tokens") if isinstance(found, dict) else None
        return len(tokens) if isinstance(tokens, list) else None

    return count


def _beside(endpoint: Endpoint) -> str:
    """Where a server has what is not of OpenAI's interface."""
    return endpoint.url.removesuffix("/v1")


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


async def _get(http: aiohttp.ClientSession, endpoint: Endpoint, url: str) -> dict[str, Any]:
    """The JSON object at `url`; empty where the server has no such page."""
    try:
        async with asyncio.timeout(ASK_SECONDS), await send(http, endpoint, url) as response:
            status, said = response.status, await response.read()
    except aiohttp.InvalidURL as error:
        raise RunFailed(_("CHAT_URL is not an address: %(url)s") % {"url": endpoint.url}) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise unreachable(endpoint, error) from error
    if status in {401, 403}:
        raise key_refused(endpoint)
    if status >= 500 or status == 429:
        raise unreachable(endpoint, RuntimeError(f"HTTP {status}"))
    try:
        found = json.loads(said) if status == 200 else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}
