"""A web site that is made up, as a library of abstracts is: lists that link to pages with a title, authors, a day, an
abstract, keywords, and the same navigation and footer on each.

It runs in a process of its own and writes down what is asked of it, so that it can tell how often a crawler went where
robots.txt forbids it, or beyond its source: pages link there. Pages are made when they are asked for, the same each
time, with validators that are answered by 304. Two such sites lie on one host, in the folders of FOLDERS.

    /first/index.html -> list/0.html ... -> abstracts/00000.html ... -> others, and now and then
        private/... (forbidden), /elsewhere/... (another folder), another port, and another name of this host

`python -m search_index.benchmark.site PAGES` serves until its standard input ends, and answers each line of it with
what was asked since the last one. `serving` is what crawl.py calls.
"""

import asyncio
import html
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from search_index.benchmark.prose import Prose

FOLDERS = ("first", "second")
A_LIST = 100  # pages that a list links to
PRIVATE_EVERY, OUTSIDE_EVERY = 10, 7  # pages, of which one links to where a crawler may not go, or should not
MODIFIED = "Thu, 17 Apr 2025 08:00:00 GMT"
SHOWN = 5  # of the requests that should not have been made
_ROOT = Path(__file__).resolve().parents[2]
_GIVEN = "Ada Boris Chen Dina Emil Fatou Goro Hana Ivo Jun Kofi Lena Mira Nils Olga Pia Quinn Rosa Sven Tala".split()  # noqa: SIM905
_FAMILY = "Abel Brandt Cruz Diallo Eriksen Fuchs Garcia Haddad Ito Jansen Kaya Lund Mori Novak Okoro Park".split()  # noqa: SIM905


@dataclass
class Tally:
    """What was asked of the site."""

    requests: int = 0
    pages: int = 0  # that were sent
    not_modified: int = 0
    robots: int = 0  # asked for although robots.txt forbids it
    scope: int = 0  # asked for although it is not of the source: another folder, port or name of the host
    wrong: list[str] = field(default_factory=list)  # the first of those requests


class Served:
    """The site in its process, as others see it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.netloc = self._line()

    def url(self, folder: str) -> str:
        """Where the site of this folder begins."""
        return f"http://{self.netloc}/{folder}/index.html"

    def tally(self) -> Tally:
        """What was asked since the last time."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Tally(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def serving(pages: int) -> Iterator[Served]:
    """Serve both sites, of so many pages each, for the length of the block."""
    command = [sys.executable, "-m", "search_index.benchmark.site", str(pages)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as process:
        yield Served(process)  # leaving closes its standard input, which ends it


class Site:
    """What it answers, and what it was asked. `netloc` is where it means to be asked, `other` another port of it."""

    def __init__(self, pages: int, netloc: str, other: str) -> None:
        self.pages, self.netloc, self.other = pages, netloc, other
        self.tally = Tally()
        self._prose = Prose()
        self._lists = -(-pages // A_LIST)

    def answer(self, path: str, host: str, etag: str) -> tuple[int, str, bytes]:
        """Status, ETag and body for one request."""
        self.tally.requests += 1
        if path == "/robots.txt" and host == self.netloc:
            return 200, "", "".join(["User-agent: *\n", *(f"Disallow: /{one}/private/\n" for one in FOLDERS)]).encode()
        folder, _slash, name = path.removeprefix("/").partition("/")
        if host != self.netloc or folder not in FOLDERS:
            self._wrong("scope", host, path)
        elif name.startswith("private/"):
            self._wrong("robots", host, path)
        body = self._body(folder, name) if folder in FOLDERS else b""
        if not body:
            return 404, "", b"<h1>There is no such page.</h1>"
        validator = f'"{path}"'
        if etag == validator:
            self.tally.not_modified += 1
            return 304, validator, b""
        self.tally.pages += 1
        return 200, validator, body

    def _wrong(self, what: str, host: str, path: str) -> None:
        setattr(self.tally, what, getattr(self.tally, what) + 1)
        if len(self.tally.wrong) < SHOWN:
            self.tally.wrong.append(f"{what}: http://{host}{path}")

    def _body(self, folder: str, name: str) -> bytes:
        kind, _slash, file = name.partition("/")
        number = file.removesuffix(".html")
        if name == "index.html":
            return self._page(folder, "The library", self._beginning())
        if kind == "list" and number.isdecimal() and int(number) < self._lists:
            return self._page(folder, f"Abstracts, part {number}", self._list(folder, int(number)))
        if kind == "abstracts" and number.isdecimal() and int(number) < self.pages:
            return self._abstract(folder, int(number))
        return b""

    def _beginning(self) -> str:
        lists = "".join(f'<li><a href="list/{one}.html">Part {one}</a></li>' for one in range(self._lists))
        text = self._prose.text(np.random.default_rng([4]))
        return f"<p>{self._prose.paragraph(text, 120)}</p><ul>{lists}</ul>"

    def _list(self, folder: str, number: int) -> str:
        inside = range(number * A_LIST, min(self.pages, (number + 1) * A_LIST))
        links = (f'<li><a href="../abstracts/{one:05}.html">{self._title(folder, one)}</a></li>' for one in inside)
        return f"<ul>{''.join(links)}</ul>"

    def _title(self, folder: str, number: int) -> str:
        return self._prose.title(self._prose.text(_by(folder, number)))

    def _abstract(self, folder: str, number: int) -> bytes:
        by = _by(folder, number)
        text = self._prose.text(by)
        title = self._prose.title(text)
        authors = [f"{_GIVEN[by.integers(len(_GIVEN))]} {_FAMILY[by.integers(len(_FAMILY))]}" for _one in range(2)]
        day = f"{by.integers(2001, 2025)}-{by.integers(1, 13):02}-{by.integers(1, 29):02}"
        halves = [self._prose.paragraph(text, int(by.integers(50, 100))) for _one in range(2)]
        also = [f'<a href="{one:05}.html">See also</a>' for one in by.integers(0, self.pages, 3)]
        also += [f'<a href="{html.escape(where)}">More</a>' for where in self._tempting(folder, number)]
        return self._page(
            folder,
            title,
            f'<p class="authors">{" and ".join(authors)}, {day}</p>'
            f"<p>{halves[0]}</p><p>{halves[1]}</p><p>Keywords: {', '.join(text.own[:6])}.</p><p>{' '.join(also)}</p>",
            f'<meta name="author" content="{"; ".join(authors)}"><meta name="date" content="{day}">',
        )

    def _tempting(self, folder: str, number: int) -> Iterator[str]:
        """Links to where a crawler of this folder has no business."""
        if number % PRIVATE_EVERY == 0:
            yield f"/{folder}/private/{number}.html"
        if number % OUTSIDE_EVERY == 0:
            page = f"{folder}/abstracts/{number:05}.html"
            port = self.netloc.rpartition(":")[2]
            outside = (f"/elsewhere/{page}", f"http://{self.other}/{page}", f"http://localhost:{port}/{page}")
            yield outside[number // OUTSIDE_EVERY % len(outside)]

    def _page(self, folder: str, title: str, content: str, head: str = "") -> bytes:
        links = (f'<a href="/{folder}/list/{one}.html">Part {one}</a>' for one in range(min(self._lists, 8)))
        return (
            f'<!doctype html><html lang="en"><head><title>{title} - The library</title>{head}</head><body>'
            f'<nav><a href="/{folder}/index.html">The library</a> {" ".join(links)}'
            f' <a href="/{folder}/private/members.html">For members</a></nav>'
            f"<main><article><h1>{title}</h1>{content}</article></main>"
            "<footer>The library of abstracts. All that is written here is made up.</footer></body></html>"
        ).encode()


def _by(folder: str, number: int) -> np.random.Generator:
    return np.random.default_rng([5, FOLDERS.index(folder), number])


class _Connection(asyncio.Protocol):
    """One connection: requests without bodies, one after another."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _blank, self._received = self._received.partition(b"\r\n\r\n")
            self._answer(head.decode("latin-1"))

    def _answer(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        _method, path, *_version = [*first.split(), "/", ""]
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
        status, etag, body = self._site.answer(path, headers.get("host", ""), headers.get("if-none-match", ""))
        kind = "text/plain" if path == "/robots.txt" else "text/html; charset=utf-8"
        answer = [f"HTTP/1.1 {status} As it is", f"Content-Type: {kind}"]
        answer += [f"ETag: {etag}", f"Last-Modified: {MODIFIED}"] if etag else []
        answer += [] if status == 304 else [f"Content-Length: {len(body)}"]
        closing = headers.get("connection", "").lower() == "close"
        answer += ["Connection: close"] if closing else []
        self._transport.write("\r\n".join([*answer, "", ""]).encode("latin-1") + body)
        if closing:
            self._transport.close()


async def _serve(pages: int) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(partial(asyncio.StreamReaderProtocol, lines), sys.stdin)
    site = Site(pages, "", "")
    servers = [await loop.create_server(partial(_Connection, site), "127.0.0.1", 0, backlog=256) for _port in range(2)]
    site.netloc, site.other = (f"127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers)
    print(site.netloc, flush=True)
    while await lines.readline():
        told, site.tally = site.tally, Tally()
        print(json.dumps(asdict(told)), flush=True)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
