"""Fetches one URL over HTTP, through the egress door, within limits: the only HTTP client of the index.

Redirects are followed by hand, each parsed again by policy.py and passed again by the door; or they are not followed,
so that the one who asked can look at where they lead. The body is capped after decompression. What comes back is bytes:
nothing is read into them here, nothing is stored, robots.txt is not asked.
Called by visit.py, feed.py, sitemap.py, robots.py and reading.py; `Fetched` is what browser.py returns, too.
"""

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from weakref import WeakKeyDictionary

import httpx2
from django.conf import settings
from django.utils.translation import gettext as _

from search_index import policy, refusals
from search_index.egress import door_url
from search_index.errors import IndexFailure, Refused, RetryLater, SourceFailed
from search_index.extract import types

SECONDS = 30  # for one fetch, redirects included
REDIRECTS = 5
HTML_BYTES = 10_000_000
RATIO, RATIO_FROM = 100, 1_000_000  # real pages compress 3 to 20 times; beyond 100 it is a bomb
ENCODINGS = 2  # layers of compression
LONGEST_WAIT = 86_400.0  # seconds that a host may make us wait by Retry-After
# A body that comes more slowly is sent drop by drop, to hold us: from Apache's mod_reqtimeout, which ends requests that
# come at less than 500 bytes a second.
DRIP_BYTES, DRIP_FROM = 500, 8.0  # bytes a second, after so many seconds

_DOCUMENTS = (*types.DOCUMENTS, "application/xml", "text/xml", "application/gzip", "application/x-gzip")
_UNREADABLE = ("image/", "audio/", "video/", "font/")
_HEADERS = {
    "Accept": "text/html, application/xhtml+xml, application/pdf;q=0.9, text/plain;q=0.8, */*;q=0.5",
    "Accept-Encoding": "gzip, br, zstd",
}


@dataclass(frozen=True)
class Fetched:
    """What came back for a URL. `content_type` is lower case, with its charset if there was one."""

    url: str  # as it was asked for, canonical
    final_url: str  # after redirects, canonical
    status: int
    content_type: str
    body: bytes
    etag: str
    last_modified: str
    not_modified: bool
    at: datetime | None = None  # when, where that is not now: of a page in a web archive
    robots_tag: str = ""  # X-Robots-Tag, lower case


class StatusFailed(SourceFailed):
    """The host answered with a status that is no success: `status` says which (404 and 410: the page is gone)."""

    def __init__(self, status: int) -> None:
        super().__init__("status", _("The host answered with status %(status)d.") % {"status": status})
        self.status = status


class Redirected(SourceFailed):
    """The host sends us on to `url`, which is canonical: whether it is asked for is up to the caller."""

    def __init__(self, url: str) -> None:
        super().__init__("redirect", _("It redirects to %s.") % url)
        self.url = url


async def fetch(url: str, *, etag: str = "", last_modified: str = "", follow: bool = True) -> Fetched:
    """Fetch a URL; with validators of an earlier fetch the answer may be `not_modified`, without a body.

    Raises Refused ("url", "egress", "redirect", "size", "type"), RetryLater ("timeout", "busy", "status", "connection",
    "dns", "egress") and SourceFailed ("status" as StatusFailed, "dns", "tls", "encoding", "drip"); without `follow`,
    Redirected.
    """
    asked = target = policy.parse(url)
    headers = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    headers = {name: value for name, value in headers.items() if value}
    try:
        async with asyncio.timeout(SECONDS), _client() as client:
            for _hop in range(REDIRECTS + 1):
                async with client.stream("GET", target.url, headers=headers) as response:
                    retry_after = response.headers.get("retry-after", "")
                    check_door(target, response.headers.get("x-egress-refused", ""), retry_after)
                    if response.has_redirect_location:
                        target = _next_target(target, response.headers["location"])
                        if not follow:
                            raise Redirected(target.url)
                        continue
                    check_status(response.status_code, retry_after, conditional=headers)
                    return await _fetched(asked, target, response)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise RetryLater("timeout", _("The host did not answer within %(most)d s.") % {"most": SECONDS}) from error
    except httpx2.RequestError as error:
        raise _explained(error) from error
    raise Refused("redirect", _("More than %(most)d redirects.") % {"most": REDIRECTS})


def check_status(status: int, retry_after: str = "", conditional: object = None) -> None:
    """Let a success pass; raise RetryLater where the host is in trouble, StatusFailed for every other status."""
    if 200 <= status < 300 or (status == 304 and conditional):
        return
    if status in {429, 503}:
        raise RetryLater("busy", _("The host is busy (status %(status)d).") % {"status": status}, _seconds(retry_after))
    if status >= 500:
        raise RetryLater("status", _("The host is in trouble (status %(status)d).") % {"status": status})
    raise StatusFailed(status)


def check_door(target: policy.Target, code: str, retry_after: str = "") -> None:
    """Raise what the door says (X-Egress-Refused) of a plain request to `target`.

    Inside a tunnel nobody but the host speaks, so there the header is not believed.
    """
    if code and target.scheme == "http":
        raise refusals.failure(code, _seconds(retry_after))


async def close() -> None:
    """Close this loop's connections; the next fetch opens new ones, and reads anew which certificates are believed."""
    _trust.cache_clear()
    for client in _clients.pop(asyncio.get_running_loop(), {}).values():
        await client.http.aclose()


# --- Clients, which know only the door: one a loop for each who asks -------------------------------------------------
# A tunnel that is kept open is its opener's: another run's requests in it would be counted as theirs, and those of a
# sealed run would pass the door unasked. The door's URL names who asks, and changes when the door has moved, so it is
# the key; those that nobody has used for the longest time go first.
CLIENTS = 100  # that are kept though nobody uses them now
_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, OrderedDict[str, _Client]]" = WeakKeyDictionary()


@dataclass
class _Client:
    """One asker's connections, and how many fetches of theirs are under way."""

    http: httpx2.AsyncClient
    users: int = 0


@asynccontextmanager
async def _client() -> AsyncIterator[httpx2.AsyncClient]:
    """The client of who asks here."""
    door = door_url()
    clients = _clients.setdefault(asyncio.get_running_loop(), OrderedDict())
    if door not in clients:
        clients[door] = _Client(_made(door))
    client = clients[door]
    clients.move_to_end(door)
    client.users += 1
    try:
        yield client.http
    finally:
        client.users -= 1
        idle = [url for url, other in clients.items() if not other.users] if len(clients) > CLIENTS else []
        for url in idle[: len(clients) - CLIENTS]:
            await clients.pop(url).http.aclose()


def _made(door: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        proxy=door,
        verify=_trust(),
        trust_env=False,
        headers={**_HEADERS, "User-Agent": settings.USER_AGENT},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none is kept: hosts do not recognise us
        timeout=SECONDS,
        limits=httpx2.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=20),
    )


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that are believed, read once: it takes longer than the rest of a client."""
    return httpx2.create_ssl_context(trust_env=False)


def _next_target(target: policy.Target, location: str) -> policy.Target:
    following = policy.join(target.url, location)
    if target.scheme == "https" and following.scheme == "http":
        raise Refused("redirect", _("It redirects from https to http."))
    return following


async def _fetched(asked: policy.Target, target: policy.Target, response: httpx2.Response) -> Fetched:
    content_type = response.headers.get("content-type", "").lower()
    if content_type.startswith(_UNREADABLE):
        raise Refused("type", _("%(type)s holds no text.") % {"type": content_type})
    return Fetched(
        url=asked.url,
        final_url=target.url,
        status=response.status_code,
        content_type=content_type,
        body=await _body(response, types.DOCUMENT_BYTES if content_type.startswith(_DOCUMENTS) else HTML_BYTES),
        etag=response.headers.get("etag", ""),
        last_modified=response.headers.get("last-modified", ""),
        not_modified=response.status_code == 304,
        robots_tag=response.headers.get("x-robots-tag", "").lower(),
    )


async def _body(response: httpx2.Response, most: int) -> bytes:
    """The body, decompressed, piece by piece (httpx2 makes pieces of 1 MiB at most). Raises Refused("size"), and
    SourceFailed("drip") where it comes drop by drop."""
    began = time.monotonic()
    if len(response.headers.get("content-encoding", "").split(",")) > ENCODINGS:
        raise Refused("size", _("It is compressed more than %(most)d times over.") % {"most": ENCODINGS})
    too_large = Refused("size", _("It is larger than %(most)d MB.") % {"most": most // 1_000_000})
    if int(response.headers.get("content-length", 0)) > most:
        raise too_large
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > most:
            raise too_large
        if len(body) > max(RATIO_FROM, RATIO * response.num_bytes_downloaded):
            raise Refused("size", _("It is compressed more than %(most)d to 1.") % {"most": RATIO})
        seconds = time.monotonic() - began
        if seconds > DRIP_FROM and response.num_bytes_downloaded < DRIP_BYTES * seconds:
            raise SourceFailed("drip", _("The host sends it drop by drop (%d bytes a second).") % (len(body) / seconds))
    return bytes(body)


# --- What went wrong -------------------------------------------------------------------------------------------------
def _explained(error: httpx2.RequestError) -> IndexFailure:
    """The typed error for what httpx2 raised."""
    if isinstance(error, httpx2.ProxyError):
        status, _space, reason = str(error).partition(" ")
        if status.isdigit():
            return refusals.failure(reason.removeprefix("Egress "))
    if isinstance(error, httpx2.DecodingError):
        return SourceFailed("encoding", _("Its compression is broken."))
    if _caused_by_tls(error):
        return SourceFailed("tls", _("The host's certificate or encryption cannot be trusted."))
    if isinstance(error, httpx2.ConnectError | httpx2.ProxyError):
        return RetryLater("egress", _("The egress door does not answer; script/server starts it."))
    return RetryLater("connection", _("The connection broke off."))


def _caused_by_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _seconds(retry_after: str) -> float | None:
    """Retry-After in seconds, given as such or as a date; None where it says nothing usable."""
    if retry_after.isascii() and retry_after.isdecimal():
        return min(float(retry_after), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_WAIT)
