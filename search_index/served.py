"""One request to an embedding or reranking server of the operator's own: sent, tried again for a moment, errors typed.

The connection does not go through the egress door: the address is the operator's, from the settings. Blocking and
thread-safe; keeps one pool of connections a process. Never decides what to send.
Called by embed_endpoint.py and rerank.py.
"""

import logging
import time
from functools import lru_cache
from threading import Lock
from typing import Any

import httpx2
from django.utils.translation import gettext as _

from config.endpoints import Endpoint
from search_index.errors import IndexFailure, RetryLater

CONNECT_SECONDS = 3.0
READ_SECONDS = 120.0  # a batch on a server without a GPU
TRIES = 2
PAUSE = 0.5  # seconds before the second try, unless the server says
LONGEST_PAUSE = 3.0  # for which the thread is held

log = logging.getLogger(__name__)
_making = Lock()


class TextRefused(IndexFailure):
    """The server understood the request and refuses what is in it: too long, too many at once, not in this shape."""


def post(at: Endpoint, path: str, body: dict[str, Any], *, tries: int = TRIES, seconds: float = READ_SECONDS) -> Any:
    """What the server answers to `body`, as JSON; `seconds` for each try, and none begins later than that.

    Raises RetryLater where it cannot be reached, is busy or failing, also when asked again; TextRefused where it
    refuses this very body; IndexFailure where it cannot be used as it is set up.
    """
    until = time.monotonic() + seconds
    for attempt in range(1, tries + 1):
        try:
            return _sent(at, path, body, seconds)
        except RetryLater as failure:
            wait = PAUSE if failure.after is None else failure.after
            if attempt == tries or wait > LONGEST_PAUSE or time.monotonic() + wait >= until:
                raise
            log.info("%s It is asked again in %.1f s.", failure, wait)
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def close() -> None:
    """Close the connections: tests do, a process keeps them until it ends."""
    with _making:
        _made().close()
        _made.cache_clear()


def _sent(at: Endpoint, path: str, body: dict[str, Any], seconds: float) -> Any:
    headers = {"Authorization": f"Bearer {at.key}"} if at.key else {}
    timeout = httpx2.Timeout(seconds, connect=CONNECT_SECONDS)
    try:
        response = _client().post(f"{at.url}{path}", json=body, headers=headers, timeout=timeout)
    except httpx2.TransportError as error:
        what = {"url": at.url, "why": str(error) or type(error).__name__}
        raise RetryLater("server", _("The server %(url)s cannot be reached: %(why)s.") % what) from error
    except httpx2.InvalidURL as error:
        raise IndexFailure("server", _("%s is not an address.") % at.url) from error
    if not response.is_success:
        raise _failure(at, path, response)
    try:
        return response.json()
    except ValueError as error:
        raise RetryLater("server", _("The server %s sent something that is not JSON.") % at.url) from error


def _failure(at: Endpoint, path: str, response: httpx2.Response) -> IndexFailure:
    status, said = response.status_code, " ".join(response.text.split())[:300]
    what = {"url": f"{at.url}{path}", "status": status, "said": said, "model": at.model}
    if status in {401, 403}:
        return IndexFailure("server", _("The server %(url)s refused the key (HTTP %(status)s).") % what)
    if status == 404:
        return IndexFailure(
            "server", _("The server %(url)s has no model %(model)s, or not this interface: %(said)s") % what
        )
    if status in {408, 425, 429} or status >= 500:
        after = response.headers.get("retry-after", "")
        return RetryLater(
            "server",
            _("The server %(url)s is busy or failing (HTTP %(status)s): %(said)s") % what,
            float(after) if after.isdecimal() else None,
        )
    return TextRefused("server", _("The server %(url)s refused the request (HTTP %(status)s): %(said)s") % what)


def _client() -> httpx2.Client:
    with _making:  # lru_cache alone would let two threads make two
        return _made()


@lru_cache(maxsize=1)
def _made() -> httpx2.Client:
    return httpx2.Client(trust_env=False, limits=httpx2.Limits(max_connections=32))  # no environment proxies
