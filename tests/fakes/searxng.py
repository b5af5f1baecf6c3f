"""A SearXNG of our own that speaks its JSON over real HTTP: GET /search?q=...&format=json.

server.results = ["https://a.example/"]    what it finds, whatever is asked
server.fail("silent")                      the next request goes wrong (FAULTS)
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.json_server import Handler, answering

FAULTS = (
    "forbidden",  # 403: its settings do not allow JSON
    "broken",  # 500
    "garbage",  # 200, and no JSON
    "list",  # 200, and JSON of another shape
    "silent",  # none of its engines answered
    "drop",  # the connection is cut
)


@dataclass
class SearXNG:
    """The server, and what it was asked. `url` is what SEARXNG_URL wants."""

    url: str = ""
    results: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def fail(self, fault: str) -> None:
        """Let the next request go wrong."""
        assert fault in FAULTS, fault
        self.faults.append(fault)


class _Handler(Handler):
    def do_GET(self) -> None:
        server: SearXNG = self.server.fake
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        if not address.path.endswith("/search") or query.get("format") != ["json"]:
            return self.send(400, b"<h1>Bad request</h1>", {"Content-Type": "text/html"})
        server.asked.append(query["q"][0])
        fault = server.faults.pop(0) if server.faults else ""
        if fault == "drop":
            self.close_connection = True
            return self.connection.close()
        if fault in ("forbidden", "broken"):
            return self.send({"forbidden": 403, "broken": 500}[fault], b"<h1>Error</h1>", {"Content-Type": "text/html"})
        if fault in ("garbage", "list"):
            return self.send(200, b"{" if fault == "garbage" else b"[]")
        found = [] if fault == "silent" else server.results
        results = [
            {"url": url, "title": f"Title of {url}", "content": "A snippet that nobody may quote.", "engine": "fake"}
            for url in found
        ]
        silent = [["duckduckgo", "timeout"], ["brave", "CAPTCHA"]] if fault == "silent" else []
        self.json(200, {"query": query["q"][0], "results": results, "unresponsive_engines": silent})
        return None


@contextlib.contextmanager
def serving() -> Iterator[SearXNG]:
    server = SearXNG()
    with answering(server, _Handler):
        yield server


@pytest.fixture
def searxng(monkeypatch: pytest.MonkeyPatch) -> Iterator[SearXNG]:
    """A SearXNG that SEARXNG_URL names."""
    with serving() as server:
        monkeypatch.setenv("SEARXNG_URL", server.url)
        yield server
