"""Turns text into vectors with the built-in model: bge-small-en-v1.5, int8 ONNX, on the CPU.

Blocking and thread-safe: async code calls it in a thread (onnxruntime lets go of the interpreter's lock while it
computes). One load a process. Never touches the database or the network.
Called by embedders.py, and by research through api.similarity.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from search_index.carried import forward, load, valid

Vectors = NDArray[np.float32]

NAME, DIMENSIONS = "bge-small-en-v1.5", 384
QUERY_PREFIX = "Represent this sentence for searching relevant passages: "  # what the model was trained with
BATCH_TOKENS = 2000  # larger batches are no faster on a CPU, and need more memory
SHA256 = {
    "model.onnx": "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743",
    "tokenizer.json": "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
}

_loading = Lock()


def embed_passages(texts: Sequence[str]) -> Vectors:
    """Unit vectors of passages (each as passage_text() joins it), shape (len(texts), 384), in the order given.

    A text beyond 512 tokens is embedded by its beginning. Raises IndexFailure where the model is missing or altered.
    """
    vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
    if not texts:
        return vectors
    tokenizer, session = _model()
    encodings = tokenizer.encode_batch([valid(text) for text in texts])
    for batch in batches([len(encoding) for encoding in encodings], BATCH_TOKENS):
        vectors[batch] = _vectors(session, [encodings[i] for i in batch])
    return vectors


def embed_query(text: str) -> Vectors:
    """The unit vector of a query, shape (384,). Raises IndexFailure where the model is missing or altered."""
    tokenizer, session = _model()
    vector: Vectors = _vectors(session, [tokenizer.encode(QUERY_PREFIX + valid(text))])[0]
    return vector


def vector_text(vector: Vectors) -> str:
    """A vector as PostgreSQL reads it, to six decimals: those of a halfvec below 1 are no finer where it matters."""
    return str(np.round(vector.astype(float), 6).tolist())


def passage_text(title: str, heading: str, text: str) -> str:
    """What is embedded for a passage: its title and path of headings, where it has them, give the text its context."""
    return "\n".join(part for part in (title, heading, text) if part)


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indexes in batches of texts of like length (padding costs as much as text), of about so many tokens each."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and lengths[i] * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _vectors(session: Any, encodings: Sequence[Encoding]) -> Vectors:
    """The vectors of the first token ([CLS]), brought to length 1."""
    first = forward(session, encodings)[:, 0]
    unit: Vectors = first / np.linalg.norm(first, axis=1, keepdims=True)
    return unit


def _model() -> tuple[Tokenizer, Any]:
    with _loading:  # lru_cache alone would let two threads load it twice
        return _load()


@lru_cache(maxsize=1)
def _load() -> tuple[Tokenizer, Any]:
    return load("bge_small_en", SHA256)
