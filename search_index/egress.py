"""The egress door: the one process through which everything fetched leaves this machine.

A forward proxy for plain HTTP and for tunnels (CONNECT: https and WebSockets), used by the HTTP client and by Chromium
alike. For each request it (1) asks for the password, and by the user name who asks (whose.py): nothing passes for a
sealed run; (2) parses the target by policy.py and wants a method that asks for something, (3) counts it (rates.py) and
waits for room, (4) resolves the name once and wants every address allowed, (5) connects to the very address that it
checked, (6) lets relay.py move the bytes, (7) writes one log line, without paths and queries, and hands the passage to
whoever keeps it (departures.py). It follows no redirects: each hop comes back through it. One request a connection.
Run by `manage.py egress`. `door_url` is what fetch.py, browser.py and refusals.py call. Needs no database.
"""

import asyncio
import base64
import binascii
import hmac
import json
import logging
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import h11
from django.conf import settings
from django.utils.translation import gettext as _

from search_index import policy, whose
from search_index.errors import Refused, RetryLater
from search_index.rates import Rates
from search_index.relay import CHUNK, Denied, Limits, Line, Passage, deny, hang_up, head, relay, tunnel
from search_index.sending import ASKING

log = logging.getLogger(__name__)

Resolve = Callable[[str, int], Awaitable[list[policy.Address]]]

# The system's resolver blocks a thread; asyncio's own pool has too few of them for a crawl of many hosts.
_resolvers = ThreadPoolExecutor(max_workers=32, thread_name_prefix="resolve")


def door_url() -> str:
    """Where the door listens, with its password, and as the user name who asks here and now (whose.py): connections
    of one are never another's. Raises RetryLater("egress") when no door is open."""
    url = settings.EGRESS_URL
    try:
        url = url or json.loads((settings.DATA_DIR / "run" / "egress.json").read_text())["url"]
        parts = urlsplit(url)
        _user, _colon, password = parts.netloc.rpartition("@")[0].partition(":")
    except (OSError, ValueError, KeyError) as error:
        raise RetryLater("egress", _("The egress door is not running; script/server starts it.")) from error
    return f"{parts.scheme}://{whose.current()}:{password}@{parts.netloc.rpartition('@')[2]}"


async def resolve(host: str, port: int) -> list[policy.Address]:
    """Every address of the name, by the system's resolver. Raises Denied where there is none or no answer."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(_resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except UnicodeError as error:
        raise Denied(502, "no-such-host") from error
    except socket.gaierror as error:
        gone = error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}
        raise Denied(502 if gone else 504, "no-such-host" if gone else "dns") from error
    # An IPv6 address may carry a scope ("fe80::1%eth0"), which literal() keeps and public() refuses.
    addresses = (policy.literal(str(entry[4][0])) for entry in found)
    return [address for address in dict.fromkeys(addresses) if address is not None]


class Door:
    """The door's state: who may pass, where to, how many are passing, and how much has passed."""

    def __init__(
        self,
        allow: policy.Allow,
        password: str,
        deny: policy.Deny = policy.NOTHING_DENIED,
        *,
        limits: Limits | None = None,
        rates: Rates | None = None,
        resolve: Resolve = resolve,
        keep: Callable[[Passage], None] = lambda passage: None,
    ) -> None:
        """`keep` gets each passage when it is over, and must not block. Tests give a resolver of their own."""
        self.allow = allow
        self.deny = deny
        self.limits = limits or Limits()
        self.rates = rates or Rates()
        self.resolve = resolve
        self.keep = keep
        self._password = password.encode()
        self._passing: Counter[str] = Counter()
        self._freed = asyncio.Condition()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: one request, one answer, one log line. What asyncio.start_server calls."""
        passage = Passage(self.limits)
        near = Line(reader, writer, h11.Connection(h11.SERVER, self.limits.head_bytes))
        try:
            async with asyncio.timeout(self.limits.total_seconds):
                await self._pass(near, passage)
                passage.verdict = "passed"
        except Denied as denied:
            passage.verdict = denied.code
            await deny(near, denied, passage)
        except TimeoutError:
            passage.verdict = "timeout"
            await deny(near, Denied(504, "timeout"), passage)
        except h11.ProtocolError:
            passage.verdict = "protocol"
            await deny(near, Denied(400, "protocol"), passage)
        except OSError as error:  # the verdict stays "cut"
            log.debug("%s was cut: %r", passage.host, error)
        finally:
            self._note(passage)
            await hang_up(near, clean=passage.verdict == "passed" or passage.down == 0)

    def _note(self, passage: Passage) -> None:
        """One line in the log, and the passage to be kept; not where a client has only asked how to give a password,
        as Chromium does at the beginning of each context."""
        if passage.verdict == "challenge":
            return
        passage.seconds = time.monotonic() - passage.started
        target = f"{policy.bracketed(passage.host)}:{passage.port}" if passage.host else "-"
        log.info(
            "%s %s for %s at %s, %d bytes up, %d down, %d ms",
            *(passage.verdict, target, passage.whose or "-", passage.address or "-"),
            *(passage.up, passage.down, passage.seconds * 1000),
        )
        self.keep(passage)

    async def _pass(self, near: Line, passage: Passage) -> None:
        request = await head(near, passage)
        passage.whose = self._who(request, passage)
        target, passage.host, passage.port = _wanted(request)
        if passage.whose.endswith(whose.SEALED):
            raise Denied(403, "sealed")
        if target is not None and request.method.decode() not in ASKING:
            raise Denied(403, "method")
        self._count(passage)
        async with self._room(passage.host):
            far = await self._connect(passage)
            try:
                if target is None:
                    await tunnel(near, far, passage)
                else:
                    await relay(request, target, near, far, passage)
            finally:
                far.writer.transport.abort()

    def _who(self, request: h11.Request, passage: Passage) -> str:
        """Who asks, as the user name says, once the password is right. Raises Denied("password")."""
        given = b"".join(value for name, value in request.headers if name == b"proxy-authorization")
        try:
            user, _colon, password = base64.b64decode(given.removeprefix(b"Basic "), validate=True).partition(b":")
        except binascii.Error:
            user = password = b""
        name = user.decode("latin-1")
        if not hmac.compare_digest(password, self._password) or not whose.NAME.fullmatch(name):
            raise Denied(407, "password" if given else "challenge")
        return name

    def _count(self, passage: Passage) -> None:
        """Have the rates count it, unless the host is the operator's own. Raises Denied("rate")."""
        if not self.allow.knows(passage.host):
            passage.meter = self.rates.enter(passage.host, passage.whose).count

    @asynccontextmanager
    async def _room(self, host: str) -> AsyncIterator[None]:
        """Wait until the host, and the door as a whole, have room for one more."""

        def room() -> bool:
            return self._passing[host] < self.limits.a_host and self._passing.total() < self.limits.in_all

        try:
            async with asyncio.timeout(self.limits.idle_seconds), self._freed:
                await self._freed.wait_for(room)
                self._passing[host] += 1
        except TimeoutError as error:
            raise Denied(503, "busy") from error
        try:
            yield
        finally:
            self._passing[host] -= 1
            if not self._passing[host]:
                del self._passing[host]
            async with self._freed:
                self._freed.notify_all()

    async def _connect(self, passage: Passage) -> Line:
        """A connection to one of the host's addresses, once all of them were found to be allowed."""
        for address in (await self._addresses(passage))[:3]:
            passage.address = str(address)
            try:
                async with asyncio.timeout(self.limits.connect_seconds):
                    reader, writer = await asyncio.open_connection(str(address), passage.port, limit=CHUNK)
                return Line(reader, writer, h11.Connection(h11.CLIENT, self.limits.head_bytes))
            except OSError:  # a TimeoutError is one, too; the next address may answer
                continue
        raise Denied(502, "connect")

    async def _addresses(self, passage: Passage) -> list[policy.Address]:
        host, port = passage.host, passage.port
        try:
            policy.check_host(host, port, self.allow, self.deny)
            literal = policy.literal(host)
            async with asyncio.timeout(self.limits.lookup_seconds):
                addresses = [literal] if literal else await self.resolve(host, port)
            for address in addresses:
                passage.address = str(address)  # the one that is refused, where one is
                policy.check_address(host, address, port, self.allow, self.deny)
                self._check_foreign(host, address, port)
        except Refused as error:
            raise Denied(403, error.reason) from error
        except TimeoutError as error:
            raise Denied(504, "dns") from error
        if not addresses:
            raise Denied(502, "no-such-host")
        return addresses

    def _check_foreign(self, host: str, address: policy.Address, port: int) -> None:
        """Refuse this machine's own public addresses: what listens there may trust its neighbours."""
        if self.allow.opens_name(host, port) or self.allow.opens_address(address, port):
            return
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((str(address), port))  # of a datagram socket: chooses a route, sends nothing
            except OSError:  # no route: connecting will say so
                return
            if probe.getsockname()[0] == str(address):
                raise Denied(403, "address")


def _wanted(request: h11.Request) -> tuple[policy.Target | None, str, int]:
    """What the request is for: a target for plain HTTP, None for a tunnel; the host and the port. Raises Denied."""
    try:
        if request.method == b"CONNECT":
            return None, *policy.parse_authority(request.target.decode("ascii"))
        target = policy.parse(request.target.decode("ascii"))
    except (Refused, UnicodeDecodeError) as error:
        raise Denied(403, "url") from error
    if target.scheme != "http":
        raise Denied(403, "url")  # https goes through a tunnel, or the door would read it
    return target, target.host, target.port
