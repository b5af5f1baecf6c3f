"""ssrf: whatever an address, a redirect, a name or a page does, nothing reaches this machine's own network.

The real door, the real HTTP client and the real browser pool, against canaries: sockets that listen on every address of
this machine (loopback of both kinds, and every interface), TCP and UDP, at the ports that the attacks name. Every name
that is nobody's leads to loopback, in one of several ways (NAMES). A public address is never really connected to: what
would go there is noted and refused, so that a drill reaches nobody.

DRILL_SSRF names a file with an address a line, in place of the fixture that stands here. Called by all.py.
"""

import asyncio
import base64
import contextlib
import html
import json
import os
import selectors
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote, urlsplit

from django.conf import settings
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from search_index import browser, fetch, policy
from search_index.errors import IndexFailure
from search_index.policy import Address
from search_index.relay import Passage
from search_index.render import render
from search_index.whose import asking
from tests.drills.stage import Stage
from tests.fakes.door import door
from tests.fakes.site import Answer, Request, Site

Document = dict[str, Any]

# The fixture of the literature on SSRF: spellings of addresses, parsers that disagree, cloud metadata, schemes, ports.
LINES = r"""
http://127.0.0.1 http://127.1 http://2130706433 http://0x7f000001 http://0177.0.0.1 http://0.0.0.0 http://[::]
http://[::1] http://[::ffff:127.0.0.1] http://[::ffff:169.254.169.254] http://[::a9fe:a9fe]
http://[64:ff9b::a9fe:a9fe] http://[64:ff9b::7f00:1] http://[2002:a9fe:a9fe::] http://[2002:7f00:1::]
http://[fe80::1%25eth0] http://[fd00:ec2::254] http://169.254.169.254/latest/meta-data/ http://metadata.google.internal
http://100.100.100.200 http://100.64.0.1 http://10.0.0.1 http://172.16.0.1 http://192.168.0.1 http://198.18.0.1
http://224.0.0.1 http://240.0.0.1 http://255.255.255.255 http://localhost http://localhost. http://LOCALHOST
http://localhost:6379 http://ⓛocalhost http://①②⑦.0.0.1 http://127。0。0。1 http://127.0.0.1:6666\@1.1.1.1
http://1.1.1.1#@127.0.0.1/ http://1.1.1.1@127.0.0.1/ http://user@127.0.0.1 http://127.0.0.1%00.example.com
http://127.0.0.1%0d%0a.example.com http://127.0.0.1%09 http://127.0.0.1.nip.io http://169.254.169.254.sslip.io
http://7f000001.c0a80001.rbndr.us http://127.0.0.1:22 http://127.0.0.1:25 http://127.0.0.1:5432 http://127.0.0.1:6379
http://127.0.0.1:8000 http://127.0.0.1:9200 https://127.0.0.1 https://localhost https://[::1] https://127.1
https://metadata.google.internal http://example.com:22 http://example.com:6379 file:///etc/passwd
gopher://127.0.0.1:6379/_SAVE ftp://127.0.0.1/ data:text/html,x dict://127.0.0.1:6379/INFO jar:http://127.0.0.1!/
view-source:http://127.0.0.1 chrome://settings javascript:fetch('http://127.0.0.1') ws://127.0.0.1 wss://127.0.0.1
http:\\127.0.0.1 http:/\127.0.0.1 http:127.0.0.1 http:///127.0.0.1 http://127.0.0.1:0 http://[::1]:80:80
"""
# What names lead to, one after the other and then from the beginning: TTL 0. The first two are rebinding.
PUBLIC = "93.184.215.14"
NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "rebinding": ((PUBLIC,), ("127.0.0.1",)),
    "rebinding-back": (("127.0.0.1",), (PUBLIC,)),
    "private": (("127.0.0.1",),),
    "private-six": (("::1",),),
    "mixed": ((PUBLIC, "127.0.0.1"),),
    "a-and-aaaa": ((PUBLIC, "::1"),),
    "mapped": (("::ffff:127.0.0.1",),),
    "nat64": (("64:ff9b::7f00:1",),),
    "sixtofour": (("2002:7f00:1::",),),
    "metadata": (("169.254.169.254",),),
    "everything": (("0.0.0.0",),),
}
REDIRECTS = (301, 302, 303, 307, 308)
PORTS = (22, 25, 53, 80, 443, 2375, 2379, 3306, 3478, 5000, 6379, 9000, 9001, 9200, 10050, 11211)
ON_A_PAGE = 24  # lines
PATIENCE = 0.4  # seconds in which a script or a meta element has led the page away, or never does
SETTLING = 1.5  # seconds that the last sockets get

# Every way in which a page may ask for an address; each has a fresh document for some lines. {u} is the address as an
# attribute, {j} as a string of JavaScript, {w} with the scheme of WebSockets, {h} its host and port.
WAYS = {
    "image": '<img src="{u}">',
    "frame": '<iframe src="{u}"></iframe>',
    "frame-redirect": '<iframe src="/hop/307/{n}"></iframe><iframe src="/meta/{n}"></iframe>',
    "style": '<link rel=stylesheet href="{u}">',
    "script": '<script src="{u}"></script><script type=module src="{u}"></script>',
    "object": '<object data="{u}"></object><embed src="{u}"><video src="{u}" poster="{u}" autoplay></video>',
    "form": '<form action="{u}" target=f{n} method=get></form><iframe name=f{n}></iframe>',
    "prefetch": '<link rel=prefetch href="{u}"><link rel=preload as=fetch href="{u}">'
    '<link rel=modulepreload href="{u}"><link rel=prerender href="{u}"><link rel=preconnect href="{u}">'
    '<link rel=dns-prefetch href="{u}"><link rel=icon href="{u}"><link rel=manifest href="{u}">',
    "speculation": "<script type=speculationrules>"
    '{{"prefetch":[{{"source":"list","urls":[{j}],"eagerness":"immediate"}}],'
    '"prerender":[{{"source":"list","urls":[{j}],"eagerness":"immediate"}}]}}</script><a href="{u}">go</a>',
    "fetch": "<script>for (const mode of ['cors', 'no-cors']) for (const method of ['GET', 'POST'])"
    "try {{ fetch({j}, {{mode, method, keepalive: method == 'POST'}}).catch(String) }} catch {{ }}</script>",
    "fetch-redirect": "<script>fetch('/hop/302/{n}').catch(String); fetch('/hop/308/{n}').catch(String)</script>",
    "xhr": "<script>try {{ const x = new XMLHttpRequest(); x.open('GET', {j}); x.send() }} catch {{ }}</script>",
    "beacon": "<script>try {{ navigator.sendBeacon({j}, 'x') }} catch {{ }}</script>",
    "later": "<script>try {{ fetchLater({j}, {{method: 'POST', activateAfter: 0}}) }} catch {{ }}"
    "addEventListener('pagehide', () => {{ try {{ navigator.sendBeacon({j}, 'x') }} catch {{ }}"
    "try {{ fetch({j}, {{keepalive: true}}).catch(String) }} catch {{ }} }})</script>",
    "ping": '<a id=a{n} href="#{n}" ping="{u}">x</a><script>a{n}.click()</script>',
    "websocket": "<script>try {{ new WebSocket({w}) }} catch {{ }}</script>",
    "eventsource": "<script>try {{ new EventSource({j}) }} catch {{ }}</script>",
    "webtransport": "<script>try {{ new WebTransport({t}).ready.catch(String) }} catch {{ }}</script>",
    "worker": "<script>try {{ new Worker(URL.createObjectURL(new Blob([`try {{ importScripts({j}) }} catch {{ }};"
    "fetch({j}).catch(String)`]))) }} catch {{ }}</script>",
    "sharedworker": "<script>try {{ new SharedWorker('/sw.js?{n}') }} catch {{ }}</script>",
    "serviceworker": "<script>navigator.serviceWorker?.register('/sw.js?{n}').catch(String)</script>",
    "webrtc": "<script>try {{ for (const urls of ['stun:' + {h}, 'turn:' + {h}, 'turn:' + {h} + '?transport=tcp',"
    "'turns:' + {h}]) {{ const iceServers = [{{urls, username: 'a', credential: 'b'}}];"
    "const peer = new RTCPeerConnection({{iceServers}}); peer.createDataChannel('x');"
    "peer.createOffer().then(offer => peer.setLocalDescription(offer)) }} }} catch {{ }}</script>",
}
# WebRTC towards a peer that a page makes up: no server is needed for that.
PEER = """<script>for (const [address, port] of {targets}) try {{
const a = new RTCPeerConnection(), b = new RTCPeerConnection(); a.createDataChannel("x")
const candidate = `candidate:1 1 udp 2113937151 ${{address}} ${{port}} typ host`
a.createOffer().then(offer => a.setLocalDescription(offer)).then(() => b.setRemoteDescription(a.localDescription))
.then(() => b.createAnswer()).then(answer => b.setLocalDescription(answer))
.then(() => a.setRemoteDescription(b.localDescription)).then(() => a.addIceCandidate({{sdpMid: "0", candidate}}))
.catch(String) }} catch {{ }}</script>"""


# --- Canaries --------------------------------------------------------------------------------------------------------
@dataclass
class Canaries:
    """What came to sockets at which nothing should arrive."""

    ports: list[int] = field(default_factory=list)
    unwatched: list[int] = field(default_factory=list)  # in use by somebody else
    connections: Counter[int] = field(default_factory=Counter)
    datagrams: Counter[int] = field(default_factory=Counter)

    @property
    def hits(self) -> int:
        return self.connections.total() + self.datagrams.total()


@contextmanager
def canaries(ports: Sequence[int]) -> Iterator[Canaries]:
    """Listen on every address of this machine, both families, TCP and UDP, at these ports and one that is free."""
    found = Canaries()
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for port in [*ports, 0]:
            try:
                own = stack.enter_context(_listening(port))
            except OSError:
                found.unwatched.append(port)
                continue
            found.ports.append(own[0].getsockname()[1])
            for listener in own:
                selector.register(listener, selectors.EVENT_READ)
        stopped = threading.Event()
        thread = threading.Thread(target=_watch, args=(selector, found, stopped), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            stopped.set()
            thread.join()


@contextmanager
def _listening(port: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True))
        datagrams = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        datagrams.bind(("::", stream.getsockname()[1]))
        yield [stream, datagrams]


def _watch(selector: selectors.BaseSelector, found: Canaries, stopped: threading.Event) -> None:
    while not stopped.is_set():
        for key, _events in selector.select(0.05):
            listener = key.fileobj
            assert isinstance(listener, socket.socket)
            port = listener.getsockname()[1]
            if listener.type == socket.SOCK_STREAM:
                listener.accept()[0].close()
                found.connections[port] += 1
            else:
                listener.recvfrom(2048)
                found.datagrams[port] += 1


# --- The drill -------------------------------------------------------------------------------------------------------
@dataclass
class Attack:
    """What was tried and what it came to: `told` has, for each way, the reasons with which it was refused."""

    site: Site
    lines: Sequence[str]
    told: "defaultdict[str, Counter[str]]" = field(default_factory=lambda: defaultdict(Counter))
    opened: list[str] = field(default_factory=list)  # what was not refused
    departed: Counter[str] = field(default_factory=Counter)  # public addresses that were about to be connected to
    inside: Counter[str] = field(default_factory=Counter)  # others that were, but for the site and the door
    verdicts: Counter[str] = field(default_factory=Counter)  # of the door, for all but the site
    passages: list[str] = field(default_factory=list)  # which it let pass

    def refused(self, way: str, reason: str) -> None:
        self.told[way][reason] += 1

    def let(self, way: str, what: str) -> None:
        self.opened.append(f"{way}: {what}")

    def keep(self, passage: Passage) -> None:
        """What the door hands over of each passage."""
        if f"{passage.host}:{passage.port}" == self.site.netloc:
            return
        self.verdicts[passage.verdict] += 1
        if passage.down or passage.verdict == "passed":
            self.passages.append(f"{passage.host}:{passage.port} at {passage.address}")


class Liar:
    """A resolver for which every name leads inside: as NAMES has it, or to loopback."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def __call__(self, host: str, port: int) -> list[Address]:
        answers = NAMES.get(host.partition(".")[0], (("127.0.0.1",),))
        answer = answers[self.asked[host] % len(answers)]
        self.asked[host] += 1
        return [ip_address(address) for address in answer]


def lines() -> list[str]:
    """The lines of DRILL_SSRF, or those that stand here."""
    path = os.environ.get("DRILL_SSRF")
    found = Path(path).read_text().splitlines() if path else LINES.split()
    return [line for line in dict.fromkeys(found) if line.strip()]


def ssrf(stage: Stage, runs: int) -> Document:
    """At most so many lines, in every way."""
    every = lines()
    chosen = every[:: max(1, len(every) // runs)][:runs]
    attack = Attack(stage.site, chosen)
    with canaries(sorted({*PORTS, *_ports(chosen)})) as watched:
        with opened(attack):
            asyncio.run(carried_out(attack, watched, stage.say))
        return summary(attack, watched)


@contextmanager
def opened(attack: Attack, **choices: Any) -> Iterator[None]:
    """The door of the drill, which opens the site alone, and the settings that name it."""
    allow = [attack.site.netloc]
    really = asyncio.open_connection

    async def connect(host: str, port: int, **more: Any) -> Any:
        if ip_address(host).is_global:
            attack.departed[f"{host}:{port}"] += 1
            raise ConnectionRefusedError
        if f"{host}:{port}" not in {attack.site.netloc, urlsplit(settings.EGRESS_URL).netloc.rpartition("@")[2]}:
            attack.inside[f"{host}:{port}"] += 1
        return await really(host, port, **more)

    with (
        mock.patch.object(asyncio, "open_connection", connect),
        door(allow, resolve=Liar(), keep=attack.keep, **choices) as url,
        mock.patch.object(settings, "EGRESS_URL", url),
        mock.patch.object(settings, "EGRESS_ALLOW", allow),
    ):
        yield


def summary(attack: Attack, watched: Canaries) -> Document:
    """The drill's document: passed where no canary was hit, everything was refused for a reason, and the site works."""
    reasons = {way: dict(counted.most_common()) for way, counted in sorted(attack.told.items())}
    return {
        "lines": len(attack.lines),
        "ways": len(reasons),
        "tried": sum(told.get("lines") or sum(told.values()) for told in reasons.values()) + len(attack.opened),
        "canary_ports": watched.ports,
        "unwatched_ports": watched.unwatched,
        "connections": watched.connections.total(),
        "datagrams": watched.datagrams.total(),
        "hits": {"tcp": dict(watched.connections), "udp": dict(watched.datagrams)},
        "not_refused": attack.opened[:20],
        "let_pass": attack.passages[:20],
        "dialled_inside": dict(attack.inside),
        "dialled_outside": dict(attack.departed),  # of names and lines that are public at that moment: not connected
        "door": dict(attack.verdicts.most_common()),
        "reasons": reasons,
        "site_works": attack.told["site"]["works"],
        "passed": watched.hits == 0
        and not attack.opened
        and not attack.passages
        and not attack.inside
        and attack.told["site"]["works"] == 2,
    }


def _ports(chosen: Sequence[str]) -> Iterator[int]:
    """The ports that the lines name. Those above 1024 may be somebody's: they are watched where they are free."""
    for line in chosen:
        with contextlib.suppress(ValueError):
            if port := urlsplit(line.replace("\\", "/")).port:
                yield port


async def carried_out(attack: Attack, watched: Canaries, say: Callable[[str], None]) -> None:
    """Everything, one after the other."""
    _furnish(attack)
    try:
        with asking("run-0"):
            for step in (over_http, by_name, by_render, led_away):
                await step(attack)
                say(f"{step.__name__}: {watched.hits} hits so far")
            await by_page(attack, say)
            await to_peers(attack, [80, 443, 3478, watched.ports[-1]])
            await asyncio.sleep(SETTLING)
            await site_works(attack)
    finally:
        await browser.close()
        await fetch.close()


def _furnish(attack: Attack) -> None:
    """The pages of the site that lead elsewhere: /hop/STATUS/NUMBER, /meta/NUMBER, /script/NUMBER."""

    def numbered(answer: Callable[[str, Request], Answer]) -> Callable[[Request], Answer]:
        return lambda request: answer(attack.lines[int(request.path.split("/")[-1])], request)

    def hop(line: str, request: Request) -> Answer:
        # As it stands, where a header can hold it: what is not ASCII is escaped, and Chromium takes that apart again.
        location = quote(line, safe="%/:=&?~#+!$,;'@()*[]\\<>{}|^`\"")
        return Answer(status=int(request.path.split("/")[2]), headers={"Location": location})

    for number, line in enumerate(attack.lines):
        for status in REDIRECTS:
            attack.site.pages[f"/hop/{status}/{number}"] = numbered(hop)
        meta = f'<meta http-equiv=refresh content="0; url={html.escape(line)}">'
        attack.site.pages[f"/meta/{number}"] = f"<!doctype html>{meta}<p>meta"
        script = f"<script>location.href = {_script(line)}</script>"
        attack.site.pages[f"/script/{number}"] = f"<!doctype html><p>script{script}"
    attack.site.pages["/sw.js"] = Answer(
        "".join(f"fetch({_script(line)}).catch(String);" for line in attack.lines[:ON_A_PAGE]),
        headers={"Content-Type": "text/javascript"},
    )
    attack.site.pages["/works"] = "<!doctype html><title>works</title><img src=/pixel.png><script src=/s.js></script>"
    attack.site.pages["/s.js"] = Answer("document.title += ' well'", headers={"Content-Type": "text/javascript"})
    attack.site.pages["/pixel.png"] = Answer(b"", headers={"Content-Type": "image/png"})


def _script(text: str) -> str:
    return json.dumps(text).replace("<", "\\u003c")


async def _tried(attack: Attack, way: str, what: str, work: Awaitable[object]) -> None:
    """Count how it is refused; what is not, is noted."""
    try:
        await work
    except IndexFailure as failure:
        attack.refused(way, failure.reason) if str(failure) else attack.let(way, f"{what}: refused without a word")
    else:
        attack.let(way, what)


async def over_http(attack: Attack) -> None:
    """Each line by the HTTP client: itself, as the target of each redirect, and said to the door in raw bytes."""
    for number, line in enumerate(attack.lines):
        await _tried(attack, "http direct", line, fetch.fetch(line))
        for status in REDIRECTS:
            url = f"{attack.site.url}/hop/{status}/{number}"
            await _tried(attack, f"http {status}", line, fetch.fetch(url))
        for request in _raw(line):
            await _said_to_the_door(attack, request, line)


def _raw(line: str) -> list[bytes]:
    """The line as a proxy's plain request and as a tunnel, without any reading of it on our side."""
    escaped = quote(line, safe="%/:=&?~#+!$,;'@()*[]\\")
    authority = escaped.partition("://")[2].split("/")[0]
    with_port = authority if authority.rpartition(":")[2].isdigit() else f"{authority}:443"
    return [
        f"GET {escaped} HTTP/1.1\r\n".encode(),
        f"GET {line} HTTP/1.1\r\n".encode(),
        f"CONNECT {with_port} HTTP/1.1\r\n".encode(),
    ]


async def _said_to_the_door(attack: Attack, request: bytes, line: str) -> None:
    url = urlsplit(settings.EGRESS_URL)
    reader, writer = await asyncio.open_connection(str(url.hostname), url.port or 0)
    token = base64.b64encode(f"run-0:{url.password}".encode())
    writer.write(request + b"Host: x\r\nProxy-Authorization: Basic " + token + b"\r\n\r\n")
    head = await reader.read(4096)
    writer.transport.abort()
    code = head.partition(b"X-Egress-Refused: ")[2].partition(b"\r\n")[0].decode()
    attack.refused("raw", code) if code else attack.let("raw", f"{line}: {head[:60]!r}")


async def by_name(attack: Attack) -> None:
    """Names that lead inside in each of the ways of NAMES, three times each: by HTTP, by a tunnel, in Chromium."""
    for name in NAMES:
        for again in range(3):
            for scheme in ("http", "https"):
                url = f"{scheme}://{name}.attack.example/"
                await _tried(attack, f"name {name}", url, fetch.fetch(url))
                if again < 2:
                    await _tried(attack, f"name {name}, Chromium", url, render(url))


async def by_render(attack: Attack) -> None:
    """Each line as the page that Chromium is to open."""
    for line in attack.lines:
        await _tried(attack, "Chromium direct", line, render(line))


async def led_away(attack: Attack) -> None:
    """Each line as where a redirect, a meta element or a script sends an open page that nobody keeps from it."""
    async with browser.fresh_page(_anywhere) as page:
        for number, line in enumerate(attack.lines):
            for way in ("hop/302", "hop/308", "meta", "script"):
                await _lead(attack, page, way, number, line)


async def _lead(attack: Attack, page: Page, way: str, number: int, line: str) -> None:
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def elsewhere(url: str, reason: str) -> None:
        if not url.startswith(attack.site.url) and not told.done():
            told.set_result(reason)

    def answered(response: Any) -> None:
        elsewhere(response.url, response.headers.get("x-egress-refused", ""))

    def failed(request: Any) -> None:
        elsewhere(request.url, request.failure or "failed")

    page.on("response", answered)
    page.on("requestfailed", failed)
    try:
        with contextlib.suppress(PlaywrightError):
            await page.goto(f"{attack.site.url}/{way}/{number}", wait_until="commit")
        reason = await asyncio.wait_for(told, PATIENCE)
    except TimeoutError:
        reason = "stopped"
    finally:
        page.remove_listener("response", answered)
        page.remove_listener("requestfailed", failed)
    attack.refused(f"Chromium {way}", reason) if reason else attack.let(f"Chromium {way}", line)


async def by_page(attack: Attack, say: Callable[[str], None], ways: Mapping[str, str] = WAYS) -> None:
    """Pages full of the lines, in each of the ways: what came of it is the canaries' and the door's to say."""
    for start in range(0, len(attack.lines), ON_A_PAGE):
        part = list(enumerate(attack.lines))[start : start + ON_A_PAGE]
        for way, markup in ways.items():
            body = "".join(_filled(markup, number, line) for number, line in part)
            await _shown(attack, f"page {way}", len(part), body)
        say(f"pages: {start + len(part)} of {len(attack.lines)} lines")


async def to_peers(attack: Attack, ports: Sequence[int]) -> None:
    """WebRTC from a page to every address of this machine."""
    targets = [[address, port] for address in _addresses() for port in ports]
    await _shown(attack, "page peer", len(targets), PEER.format(targets=json.dumps(targets)))


def _filled(markup: str, number: int, line: str) -> str:
    parts = line.partition("://")[2].partition("/")[0] or line
    return markup.format(
        u=html.escape(line),
        j=_script(line),
        w=_script(
            "wss://" + line.partition("://")[2] if line.startswith("https") else "ws://" + line.partition("://")[2]
        ),
        t=_script("https://" + line.partition("://")[2]),
        h=_script(parts if parts.rpartition(":")[2].isdigit() else f"{parts}:3478"),
        n=number,
    )


async def _anywhere(_url: str) -> bool:
    """What windows.py asks of addresses is not what keeps a page from this machine: it lets all be."""
    return True


async def _shown(attack: Attack, way: str, count: int, body: str) -> None:
    submit = "<script>for (const form of document.forms) try { form.submit() } catch { }</script>"
    attack.site.pages["/attack"] = (
        f"<!doctype html><title>begun</title>{body}{submit}<script>document.title = 'ran'</script>"
    )
    before = Counter(attack.verdicts)
    page = await browser.page_of("run-0", policy.parse(attack.site.url).host, _anywhere)
    failures: list[str] = []
    page.on("requestfailed", lambda request: failures.append(request.failure or "failed"))
    try:
        with contextlib.suppress(PlaywrightError):
            await page.goto(f"{attack.site.url}/attack", wait_until="load", timeout=20_000)
        with contextlib.suppress(PlaywrightError):
            await page.wait_for_load_state("networkidle", timeout=5_000)
        title = await page.title()
    except PlaywrightError as error:
        title = str(error)[:100]
    await page.close()
    if title != "ran":
        attack.let(way, f"the page did not run to its end: {title}")
    attack.told[way] += Counter(reason for reason in failures if reason.startswith("net::"))
    attack.told[way] += Counter({f"door: {code}": number for code, number in (attack.verdicts - before).items()})
    attack.told[way]["lines"] += count


def _addresses() -> list[str]:
    """Every address of this machine, as its kernel knows them; loopback of both kinds in any case."""
    found = {"127.0.0.1", "::1"}
    with contextlib.suppress(OSError):
        lines = Path("/proc/net/fib_trie").read_text().splitlines()
        found |= {above.split()[-1] for above, line in pairwise(lines) if "host LOCAL" in line}
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/if_inet6").read_text().splitlines():
            found.add(str(ip_address(int(line.split()[0], 16).to_bytes(16))))
    return sorted(found)


async def site_works(attack: Attack) -> None:
    """The operator's own site, which lies on loopback and is allowed, opens by HTTP and in Chromium."""
    url = f"{attack.site.url}/works"
    if b"works" in (await fetch.fetch(url)).body:
        attack.refused("site", "works")
    if b"<title>works well</title>" in (await render(url)).body:
        attack.refused("site", "works")


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {"ssrf": (ssrf, 10_000)}
