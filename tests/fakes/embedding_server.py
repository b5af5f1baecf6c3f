"""An embedding and reranking server of our own that speaks the real protocols: /v1/embeddings as OpenAI has it, and
/v1/rerank as Jina, Cohere and vLLM have it or as TEI does. Its vectors are counts of words: texts that share words are
near.

    server.fail("busy", times=3)    the next requests go wrong (FAULTS)
"""

import base64
import contextlib
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from search_index import rerank, served
from tests.fakes.json_server import Handler, answering

FAULTS = (
    "busy",  # 429 with Retry-After: 0
    "patience",  # 429 with Retry-After: 7
    "broken",  # 500
    "unauthorised",  # 401
    "unknown",  # 404
    "garbage",  # 200, and no JSON
    "short",  # one vector or score less than was asked for
    "nan",  # vectors or scores without a number in them
    "drop",  # the connection is cut
)


@dataclass
class EmbeddingServer:
    """The server, and what it was asked. `url` is what EMBED_URL and RERANK_URL want."""

    url: str = ""
    dimensions: int = 32
    most_texts: int = 32  # in one request; beyond it 422, as TEI answers
    most_characters: int = 100_000  # of one text; beyond it 400, as vLLM answers
    base64: bool = True  # whether it knows that format
    says: str = "documents"  # what it calls them in a rerank request; "texts" is TEI
    likes: str = ""  # a word: texts that hold it fit any query best, to the reranker
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hold: threading.Event | None = None  # answers come when it is set
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, fault: str, times: int = 1) -> None:
        """Let the next requests go wrong."""
        assert fault in FAULTS, fault
        self.faults.extend([fault] * times)

    @property
    def texts(self) -> list[str]:
        """All that was to be embedded, in order."""
        return [text for body in self.asked for text in body.get("input", [])]

    def vector(self, text: str) -> list[float]:
        """Counts of words, hashed into the dimensions; of no length in particular."""
        counts = [0.01] * self.dimensions
        for word in re.findall(r"\w+", text.lower()):
            counts[zlib.crc32(word.encode()) % self.dimensions] += 1.0
        return counts


class _Handler(Handler):
    def do_POST(self) -> None:
        fake, body = self.server.fake, self.asked()
        with fake.lock:
            fake.asked.append(body)
            fake.headers.append({key.lower(): value for key, value in self.headers.items()})
            fault = fake.faults.pop(0) if fake.faults else ""
        if fake.hold is not None:
            fake.hold.wait(30)
        with contextlib.suppress(ConnectionError):
            self._answer(body, fault)

    def _answer(self, body: dict[str, Any], fault: str) -> None:
        refusals = {"busy": 429, "patience": 429, "broken": 500, "unauthorised": 401, "unknown": 404}
        if fault == "drop":
            self.close_connection = True
        elif fault == "garbage":
            self.send(200, b"<html>a proxy's page</html>")
        elif fault in refusals:
            after = {"busy": "0", "patience": "7"}.get(fault)
            self.json(refusals[fault], {"error": f"scripted: {fault}"}, {"Retry-After": after} if after else {})
        elif self.path == "/v1/embeddings":
            self._embed(body, fault)
        elif self.path == "/v1/rerank":
            self._rerank(body, fault)
        else:
            self.json(404, {"error": "no such page"})

    def _embed(self, body: dict[str, Any], fault: str) -> None:
        fake, texts = self.server.fake, body["input"]
        in_base64 = body.get("encoding_format") == "base64"
        if len(texts) > fake.most_texts or "" in texts:
            return self.json(422, {"error": f"batch size {len(texts)} > maximum {fake.most_texts}, or an empty text"})
        if any(len(text) > fake.most_characters for text in texts) or (in_base64 and not fake.base64):
            return self.json(400, {"error": "the text is too long, or the format not known"})
        vectors = [[float("nan")] * fake.dimensions if fault == "nan" else fake.vector(text) for text in texts]
        rows: list[dict[str, Any]] = [{"index": i, "embedding": vector} for i, vector in enumerate(vectors)]
        if in_base64:
            for row in rows:
                packed = struct.pack(f"<{fake.dimensions}f", *row["embedding"])
                row["embedding"] = base64.b64encode(packed).decode()
        rows.reverse()  # the order is told by the index
        return self.json(200, {"object": "list", "data": rows[: -1 if fault == "short" else None]})

    def _rerank(self, body: dict[str, Any], fault: str) -> None:
        fake = self.server.fake
        if fake.says not in body:
            return self.json(422, {"error": f"missing field `{fake.says}`"})
        wanted = set(re.findall(r"\w+", body["query"].lower()))
        scores = [float(len(wanted & set(re.findall(r"\w+", text.lower())))) for text in body[fake.says]]
        if fake.likes:
            scores = [
                10.0 if fake.likes in text else score for text, score in zip(body[fake.says], scores, strict=True)
            ]
        if fault == "nan":
            scores = [float("nan")] * len(scores)
        name = "score" if fake.says == "texts" else "relevance_score"
        rows = [{"index": i, name: score} for i, score in enumerate(scores)]
        rows.sort(key=lambda row: -row[name])
        rows = rows[: -1 if fault == "short" else None]
        return self.json(200, rows if fake.says == "texts" else {"results": rows})


@contextlib.contextmanager
def serving(fake: EmbeddingServer | None = None) -> Iterator[EmbeddingServer]:
    """A server on a free port of 127.0.0.1."""
    fake = fake or EmbeddingServer()
    with answering(fake, _Handler):
        try:
            yield fake
        finally:
            if fake.hold is not None:
                fake.hold.set()


@pytest.fixture
def embedding_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingServer]:
    """An embedding and reranking server, in this process. What is not waited for any more is at an end before the
    connections are closed: one that is only being made would be left open."""
    with serving() as fake:
        with ThreadPoolExecutor(rerank.REQUESTS) as requests:
            monkeypatch.setattr(rerank, "_requests", requests)
            yield fake
            if fake.hold is not None:
                fake.hold.set()
        served.close()
