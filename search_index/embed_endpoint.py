"""Turns text into vectors by asking a server: OpenAI's /v1/embeddings, as vLLM, TEI, llama.cpp and infinity have it.

Several requests are under way at once, each of few texts (TEI takes 32). A batch that is refused is asked in halves,
and a text that is refused alone is shortened: one long passage must not hold up all others. Blocking and thread-safe.
Called by embedders.py.
"""

import base64
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from config.endpoints import Endpoint
from search_index import served
from search_index.embed import Vectors
from search_index.errors import IndexFailure, RetryLater
from search_index.served import TextRefused

TEXTS = 32  # in one request
REQUESTS = 8  # under way at once
QUERY_SECONDS = 10.0  # a person waits
SHORTEST = 200  # characters: a text that is refused at this length is not too long

log = logging.getLogger(__name__)
_requests = ThreadPoolExecutor(REQUESTS, thread_name_prefix="embedding requests")


class ByEndpoint:
    """An embedder (embedders.Embedder) behind a server."""

    batch = TEXTS * REQUESTS

    def __init__(self, at: Endpoint, query_prefix: str) -> None:
        self.name = at.model
        self._at = at
        self._query_prefix = query_prefix
        self._format = "base64"  # a quarter of the size of numbers in JSON; a server that refuses it gets "float"

    def dimensions(self) -> int:
        """As a first request shows."""
        return len(self.query("dimensions"))

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, in the order given. Raises RetryLater and IndexFailure."""
        pieces = [texts[start : start + TEXTS] for start in range(0, len(texts), TEXTS)]
        made = list(_requests.map(self._asked, pieces))
        return np.concatenate(made) if made else np.empty((0, 0), dtype=np.float32)

    def query(self, text: str) -> Vectors:
        """The unit vector of a query. Raises RetryLater and IndexFailure."""
        vector: Vectors = self._once([self._query_prefix + text], tries=2, seconds=QUERY_SECONDS)[0]
        return vector

    def _asked(self, texts: Sequence[str]) -> Vectors:
        try:
            return self._once(texts)
        except TextRefused as refusal:
            if len(texts) > 1:
                half = len(texts) // 2
                return np.concatenate([self._asked(texts[:half]), self._asked(texts[half:])])
            (text,) = texts
            if len(text) < SHORTEST:
                raise
            log.info("A text of %d characters is embedded by its first half: %s", len(text), refusal)
            return self._asked([text[: len(text) // 2]])

    def _once(self, texts: Sequence[str], **patience: Any) -> Vectors:
        try:
            return self._vectors(texts, **patience)
        except TextRefused:
            if self._format == "float":
                raise
        vectors = self._vectors(texts, "float", **patience)
        self._format = "float"  # it was the format that was refused
        return vectors

    def _vectors(self, texts: Sequence[str], form: str = "", **patience: Any) -> Vectors:
        body = {
            "model": self._at.model,
            "input": [text.encode("utf-8", "replace").decode() or " " for text in texts],  # an empty one is refused
            "encoding_format": form or self._format,
        }
        return unit(self._at, served.post(self._at, "/embeddings", body, **patience), len(texts))


def unit(at: Endpoint, answer: Any, count: int) -> Vectors:
    """The vectors of an answer, in the order asked and of length 1. Raises RetryLater where it is cut short or broken,
    IndexFailure where what it holds are no vectors."""
    try:
        rows = [_numbers(row["embedding"]) for row in sorted(answer["data"], key=lambda row: row.get("index", 0))]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise RetryLater("server", _("The server %s did not answer with vectors.") % at.url) from error
    if len(rows) != count or len({len(row) for row in rows}) > 1:
        what = {"url": at.url, "count": count, "got": len(rows)}
        raise RetryLater("server", _("The server %(url)s sent %(got)d vectors for %(count)d texts.") % what)
    vectors = np.array(rows, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise IndexFailure("server", _("The server %s sends vectors that hold no finite numbers, or only 0.") % at.url)
    normalised: Vectors = vectors / lengths
    return normalised


def _numbers(embedding: Any) -> Vectors:
    """An embedding as a list of numbers, or as base64 of little-endian 32-bit floats."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    return np.array(embedding, dtype=np.float32)
