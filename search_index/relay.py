"""Moves the bytes of one passage through the egress door: a plain request and its answer, or a tunnel, within limits.

Decides nothing about where a request may lead, which is egress.py's, its only caller. Both sides are framed by h11,
each header block is written anew and hop-by-hop headers end here, so neither side can smuggle anything to the other.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import h11

from search_index.policy import Target

CHUNK = 64 * 1024
REFUSED_HEADER = b"X-Egress-Refused"
# RFC 9110, 7.6.1, and what proxies invented besides; framing headers are written anew. Alt-Svc would invite a browser
# to a protocol that no proxy sees; Expect is answered here; nobody but the door may say that the door refused.
_ENDS_HERE = frozenset(
    b"connection keep-alive te trailer upgrade host expect alt-svc transfer-encoding x-egress-refused".split()
)


@dataclass(frozen=True)
class Limits:
    """What one passage may take. What all of a host or run may take together is rates.py's."""

    head_bytes: int = 64 * 1024
    down_bytes: int = 50_000_000  # an answer, or what a tunnel brings: more than the greatest cap of fetch.py
    up_bytes: int = 5_000_000
    head_seconds: float = 10
    lookup_seconds: float = 10
    connect_seconds: float = 10
    idle_seconds: float = 60
    total_seconds: float = 180
    a_host: int = 8  # passages to one host at the same time; Chromium itself wants at most 6
    in_all: int = 256


class Denied(Exception):
    """The passage ends here; `status`, the short `code` and, where it may be asked again after some seconds,
    `retry_after` are all that the client is told. refusals.py has the words for each code."""

    def __init__(self, status: int, code: str, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.retry_after = retry_after


@dataclass
class Line:
    """One side's connection, and where its HTTP stands: the client near us, the host far away."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    http: h11.Connection


@dataclass
class Passage:
    """What is known of one passage: for its log line, and for its limits."""

    limits: Limits
    started: float = field(default_factory=time.monotonic)
    whose: str = ""  # as whose.NAME has it; empty until the password was right
    host: str = ""
    port: int = 0  # never a path or query
    address: str = ""
    up: int = 0
    down: int = 0
    seconds: float = 0.0
    verdict: str = "cut"  # a code of Denied, "passed", or "cut" by either side
    answered: bool = False  # the head of an answer is out: a refusal can only be a cut
    moved: float = field(default_factory=time.monotonic)  # when a byte last moved, either way
    meter: Callable[[int], None] | None = None  # rates.py's: bytes, both ways

    def count(self, up: int = 0, down: int = 0) -> None:
        """Raises Denied("size") beyond the limits, and what the meter raises."""
        self.moved = time.monotonic()
        self.up += up
        self.down += down
        if self.up > self.limits.up_bytes or self.down > self.limits.down_bytes:
            raise Denied(502, "size")
        if self.meter is not None:
            self.meter(up + down)


async def head(near: Line, passage: Passage) -> h11.Request:
    """The client's request, without its body. Raises Denied, h11.RemoteProtocolError, TimeoutError."""
    async with asyncio.timeout(passage.limits.head_seconds):
        request = await _next_event(near, passage)
    if not isinstance(request, h11.Request):
        raise Denied(400, "protocol")
    return request


async def relay(request: h11.Request, target: Target, near: Line, far: Line, passage: Passage) -> None:
    """Send the request on in origin form and bring its answer back."""
    headers = [(b"Host", target.netloc.encode()), *_passed_on(request.headers), (b"Connection", b"close")]
    await _send(far, h11.Request(method=request.method, target=target.path, headers=headers))
    while isinstance(event := await _next_event(near, passage), h11.Data):
        passage.count(up=len(event.data))
        await _send(far, h11.Data(data=event.data))
    if not isinstance(event, h11.EndOfMessage):
        raise Denied(400, "protocol")
    await _send(far, h11.EndOfMessage())
    await _bring_back(far, near, passage)


async def tunnel(near: Line, far: Line, passage: Passage) -> None:
    """Tell the client that it is connected, then copy bytes both ways until the far side ends."""
    if not isinstance(await _next_event(near, passage), h11.EndOfMessage):
        raise Denied(400, "protocol")
    await _send(near, h11.Response(status_code=200, headers=[], reason=b"Connected"))
    passage.answered = True
    upward = asyncio.create_task(_copy_up(near.http.trailing_data[0], near, far, passage))
    try:
        while data := await _read(far, passage):
            passage.count(down=len(data))
            near.writer.write(data)
            await near.writer.drain()
    finally:
        upward.cancel()
        (stopped,) = await asyncio.gather(upward, return_exceptions=True)
    if isinstance(stopped, Denied):
        raise stopped


async def deny(near: Line, denied: Denied, passage: Passage) -> None:
    """Say no, with a code and no reason. The code is in the status line too: clients show no more of a tunnel's."""
    if passage.answered:
        return
    passage.answered = True
    more = b'Proxy-Authenticate: Basic realm="egress"\r\n' if denied.status == 407 else b""
    if denied.retry_after is not None:
        more += b"Retry-After: %d\r\n" % max(1, math.ceil(denied.retry_after))
    body = b"The egress door did not pass this request.\n"
    near.writer.write(
        b"HTTP/1.1 %d Egress %s\r\n%s: %s\r\n%sContent-Type: text/plain\r\nContent-Length: %d\r\n"
        b"Cache-Control: no-store\r\nConnection: close\r\n\r\n%s"
        % (denied.status, code := denied.code.encode(), REFUSED_HEADER, code, more, len(body), body)
    )


async def hang_up(near: Line, *, clean: bool) -> None:
    """End the client's connection; at once where an answer was cut short, so that it is not taken for whole."""
    if not clean:
        near.writer.transport.abort()
    near.writer.close()
    try:
        async with asyncio.timeout(10):
            await near.writer.wait_closed()
    except OSError:  # it was gone already, or does not read the rest
        near.writer.transport.abort()


async def _bring_back(far: Line, near: Line, passage: Passage) -> None:
    try:
        while isinstance(event := await _next_event(far, passage), h11.InformationalResponse):
            pass  # early hints and the like end here
        if not isinstance(event, h11.Response):
            raise Denied(502, "protocol")
        headers = _passed_on(event.headers)
        announced = next((int(value) for name, value in headers if name == b"content-length"), 0)
        if announced > passage.limits.down_bytes:
            raise Denied(502, "size")
        answer = h11.Response(
            status_code=event.status_code, headers=[*headers, (b"Connection", b"close")], reason=event.reason
        )
        await _send(near, answer)
        passage.answered = True
        while isinstance(event := await _next_event(far, passage), h11.Data):
            passage.count(down=len(event.data))
            await _send(near, h11.Data(data=event.data))
        await _send(near, h11.EndOfMessage())
    except h11.ProtocolError as error:  # what the far side says is not HTTP
        raise Denied(502, "protocol") from error


def _passed_on(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The end-to-end headers: not hop-by-hop by name, nor named by the Connection header. Chunked bodies stay so."""
    headers = list(headers)
    named = {word.strip().lower() for name, value in headers if name == b"connection" for word in value.split(b",")}
    chunked = any(name == b"transfer-encoding" for name, _value in headers)
    kept = [
        (name, value)
        for name, value in headers
        if name not in _ENDS_HERE | named
        and not name.startswith(b"proxy-")
        and not (chunked and name == b"content-length")
    ]
    return [*kept, (b"Transfer-Encoding", b"chunked")] if chunked else kept


async def _copy_up(early: bytes, near: Line, far: Line, passage: Passage) -> None:
    """The client's half of a tunnel. When it fails, the far side is cut, which ends the other half."""
    try:
        data = early or await _read(near, passage)
        while data:
            passage.count(up=len(data))
            far.writer.write(data)
            await far.writer.drain()
            data = await _read(near, passage)
        far.writer.write_eof()
    except (Denied, OSError):
        far.writer.transport.abort()
        raise


async def _next_event(line: Line, passage: Passage) -> object:
    """The next event of h11 from that side; raises TimeoutError, OSError, h11.RemoteProtocolError."""
    while (event := line.http.next_event()) is h11.NEED_DATA:
        if line.http.they_are_waiting_for_100_continue:
            await _send(line, h11.InformationalResponse(status_code=100, headers=[]))
        line.http.receive_data(await _read(line, passage))
    return event


async def _read(line: Line, passage: Passage) -> bytes:
    """Some bytes, b"" at the end. Raises TimeoutError when neither side has moved a byte for the idle limit."""
    while True:
        left = passage.moved + passage.limits.idle_seconds - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            async with asyncio.timeout(left):
                data = await line.reader.read(CHUNK)
        except TimeoutError:
            continue
        passage.moved = time.monotonic()
        return data


async def _send(line: Line, event: h11.Event) -> None:
    line.writer.write(line.http.send(event) or b"")
    await line.writer.drain()
