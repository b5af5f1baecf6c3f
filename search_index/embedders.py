"""Whose vectors: the built-in model, a server, or a model of one's own in the worker, all behind one interface.

A model is known by its name: whatever makes its vectors, vectors of one name are comparable, and no others are. One
embedder of each model a process, so that it is loaded once. Called by embedding.py and succession.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Protocol
from urllib.parse import urlsplit

from django.conf import settings

from config import endpoints
from config.endpoints import Endpoint
from search_index import embed
from search_index.embed import Vectors
from search_index.embed_by_worker import ByWorker
from search_index.embed_endpoint import ByEndpoint
from search_index.embed_transformers import InProcess
from search_index.models import EmbeddingModel


class Embedder(Protocol):
    """Turns text into unit vectors. All three may raise IndexFailure, and RetryLater where it may succeed later."""

    name: str

    @property
    def batch(self) -> int:
        """How many passages are best given at once."""

    def dimensions(self) -> int: ...
    def passages(self, texts: Sequence[str]) -> Vectors: ...
    def query(self, text: str) -> Vectors: ...


@dataclass(frozen=True)
class Wanted:
    """The model that the settings name, as EmbeddingModel records it."""

    name: str
    url: str
    query_prefix: str


class BuiltIn:
    """The model that is always there."""

    name = embed.NAME
    batch = 64  # some seconds of two cores: progress shows

    def dimensions(self) -> int:
        return embed.DIMENSIONS

    def passages(self, texts: Sequence[str]) -> Vectors:
        return embed.embed_passages(texts)

    def query(self, text: str) -> Vectors:
        return embed.embed_query(text)


_making = Lock()


def wanted() -> Wanted:
    """Whose vectors the index shall have."""
    chosen = endpoints.embedding()
    return Wanted(chosen.at.model, chosen.at.url, chosen.query_prefix) if chosen else Wanted(embed.NAME, "", "")


def embedder(model: EmbeddingModel) -> Embedder:
    """What makes the vectors of `model`: as the settings say where they name it, else as they said when they did."""
    at = wanted()
    url, prefix = (at.url, at.query_prefix) if at.name == model.name else (model.url, model.query_prefix)
    with _making:  # lru_cache alone would let two threads make two
        return _embedder(Endpoint(url, model.name, _key(url)), prefix)


def _key(url: str) -> str:
    """The key, if it is meant for this server: another one must not see it."""
    chosen = endpoints.embedding()
    return chosen.at.key if chosen and urlsplit(chosen.at.url).netloc == urlsplit(url).netloc else ""


@lru_cache(maxsize=4)
def _embedder(at: Endpoint, query_prefix: str) -> Embedder:
    if at.url:
        return ByEndpoint(at, query_prefix)
    if at.model == embed.NAME:
        return BuiltIn()
    return InProcess(at.model, query_prefix) if settings.MODELS_IN_PROCESS else ByWorker(at.model)
