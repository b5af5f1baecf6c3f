"""Turns text into vectors with a model of one's own, in this process: a folder, or a name on the model hub.

Needs torch and transformers, which are not installed by default (README): they are loaded when a first vector is to be
made. On a GPU in bfloat16 with PyTorch's fused attention, else in 32 bits on the CPU. Texts go through in batches of
like length, a budget of tokens each, while the next ones are being tokenised in a thread; nothing comes back from the
GPU before a whole round is done. Blocking and thread-safe.
Called by embedders.py.
"""

import importlib
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from search_index.embed import Vectors, batches
from search_index.errors import IndexFailure

ROUND = 4096  # texts tokenised and sorted together: the more, the less padding
GPU_TOKENS = 65_536  # in one pass: enough to keep a large GPU busy with a small model, halved where memory is short
CPU_TOKENS = 2_000
LEAST_TOKENS = 1_024
MAX_TOKENS = 1_024  # of one text: passages are shorter, and a longer one is known by its beginning
POOLED = ("cls", "mean", "lasttoken")
UNDERSTOOD = {"Transformer", "Pooling", "Normalize"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manner:
    """How a model's output becomes a vector, and what stands before the texts: as sentence-transformers wrote it down
    beside the model; where it did not, the mean of the tokens, and nothing."""

    pooling: str = "mean"
    max_tokens: int = MAX_TOKENS
    query_prefix: str = ""
    passage_prefix: str = ""


@dataclass
class Loaded:
    """A model in memory. `tokens` is the budget of a pass."""

    torch: Any
    tokenizer: Any
    model: Any
    device: str
    tokens: int
    manner: Manner


class InProcess:
    """An embedder (embedders.Embedder) in this process."""

    def __init__(self, name: str, query_prefix: str) -> None:
        self.name = name
        self._query_prefix = query_prefix
        self._loading, self._passing = Lock(), Lock()
        self._loaded: Loaded | None = None

    @property
    def batch(self) -> int:
        """Few on a CPU, so that progress shows; on a GPU as many as one round takes."""
        return 64 if self._model().device == "cpu" else ROUND

    def dimensions(self) -> int:
        """As the model's configuration says."""
        return int(self._model().model.config.hidden_size)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, in the order given. Raises IndexFailure where the model cannot be had."""
        return self._vectors([self._model().manner.passage_prefix + text for text in texts])

    def query(self, text: str) -> Vectors:
        """The unit vector of a query. Raises IndexFailure where the model cannot be had."""
        vector: Vectors = self._vectors([(self._query_prefix or self._model().manner.query_prefix) + text])[0]
        return vector

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        loaded = self._model()
        vectors = np.empty((len(texts), self.dimensions()), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rounds = [order[start : start + ROUND] for start in range(0, len(order), ROUND)]
        with ThreadPoolExecutor(1) as ahead:
            tokenised = [ahead.submit(_tokenised, loaded, [texts[i] for i in one]) for one in rounds]
            for one, future in zip(rounds, tokenised, strict=True):
                vectors[one] = self._round(loaded, future.result())
        return vectors

    def _round(self, loaded: Loaded, texts: Sequence[Sequence[int]]) -> Vectors:
        """The vectors of tokenised texts; with half the budget, and half of that, where the GPU's memory is short."""
        while True:
            try:
                return _passes(loaded, texts, self._passing)
            except loaded.torch.OutOfMemoryError as error:
                if loaded.tokens <= LEAST_TOKENS:
                    raise IndexFailure("model", _("The GPU has too little memory for %s.") % self.name) from error
            loaded.tokens //= 2  # outside of the handler: the error holds on to what is to be freed
            loaded.torch.cuda.empty_cache()
            log.warning("The GPU's memory is short: %s takes %d tokens at a time now.", self.name, loaded.tokens)

    def _model(self) -> Loaded:
        with self._loading:
            if self._loaded is None:
                self._loaded = load(self.name)
            return self._loaded


def load(name: str) -> Loaded:
    """The model and its tokenizer, on the GPU if there is one. Raises IndexFailure."""
    torch, transformers = _library("torch"), _library("transformers")
    gpu = bool(torch.cuda.is_available())
    half = torch.bfloat16 if gpu and torch.cuda.is_bf16_supported() else torch.float16
    try:
        manner = read_manner(name, transformers)
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        model = transformers.AutoModel.from_pretrained(
            name, dtype=half if gpu else torch.float32, attn_implementation="sdpa"
        )
    except (OSError, ValueError, KeyError, ImportError) as error:  # what from_pretrained raises; its texts are long
        why = str(error).strip().partition("\n")[0]
        raise IndexFailure(
            "model", _("The model %(name)s cannot be loaded: %(why)s") % {"name": name, "why": why}
        ) from error
    device = "cuda" if gpu else "cpu"
    model = model.eval().to(device)
    log.info("%s is loaded (%s).", name, torch.cuda.get_device_name() if gpu else "CPU")
    return Loaded(torch, tokenizer, model, device, GPU_TOKENS if gpu else CPU_TOKENS, manner)


def read_manner(name: str, transformers: Any) -> Manner:
    """What sentence-transformers wrote down beside the model. Raises IndexFailure where that is more than we do."""
    listed = _json(transformers, name, "modules.json") or []
    modules = {one["type"].rpartition(".")[2]: one.get("path", "") for one in listed}
    if unknown := sorted(set(modules) - UNDERSTOOD):
        what = {"name": name, "unknown": ", ".join(unknown)}
        message = _("The model %(name)s needs the layers %(unknown)s: serve it behind EMBED_URL instead.")
        raise IndexFailure("model", message % what)
    pooling = _json(transformers, name, f"{modules['Pooling']}/config.json") if modules.get("Pooling") else None
    told = _json(transformers, name, "sentence_bert_config.json") or {}
    prompts = (_json(transformers, name, "config_sentence_transformers.json") or {}).get("prompts") or {}
    return Manner(
        pooling=_pooling(name, pooling or {"pooling_mode": "mean"}),
        max_tokens=min(told.get("max_seq_length") or MAX_TOKENS, MAX_TOKENS),
        query_prefix=prompts.get("query") or "",
        passage_prefix=prompts.get("document") or prompts.get("passage") or "",
    )


def _pooling(name: str, config: dict[str, Any]) -> str:
    told = config.get("pooling_mode")
    modes = (
        [told]
        if told
        else [
            key.removeprefix("pooling_mode_").removesuffix("_token").removesuffix("_tokens")
            for key, on in config.items()
            if key.startswith("pooling_mode_") and on
        ]
    )
    if len(modes) != 1 or modes[0] not in POOLED:
        what = {"name": name, "modes": ", ".join(map(str, modes)) or "?"}
        message = _("The model %(name)s pools its tokens by %(modes)s: serve it behind EMBED_URL instead.")
        raise IndexFailure("model", message % what)
    return str(modes[0])


def _json(transformers: Any, name: str, file: str) -> Any:
    """A JSON file of the model, or None where it has no such file."""
    path = transformers.utils.cached_file(
        name,
        file,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return json.loads(Path(path).read_text()) if path else None


def _tokenised(loaded: Loaded, texts: Sequence[str]) -> list[list[int]]:
    limit = min(loaded.manner.max_tokens, loaded.tokenizer.model_max_length)
    valid = [text.encode("utf-8", "replace").decode() for text in texts]
    found: list[list[int]] = loaded.tokenizer(
        valid, truncation=True, max_length=limit, return_attention_mask=False, return_token_type_ids=False
    )["input_ids"]
    return [ids or [_padding(loaded)] for ids in found]


def _passes(loaded: Loaded, texts: Sequence[Sequence[int]], passing: Lock) -> Vectors:
    """Pass after pass is handed to the GPU without waiting for it; the vectors are fetched once, at the end."""
    order: list[int] = []
    made = []
    for batch in batches([len(ids) for ids in texts], loaded.tokens):
        order += batch
        with passing:  # between two passes a query gets its turn
            made.append(_forward(loaded, [texts[i] for i in batch]))
    vectors = np.empty((len(texts), made[0].shape[1]), dtype=np.float32)
    vectors[order] = loaded.torch.cat(made).cpu().numpy()
    return vectors


def _forward(loaded: Loaded, texts: Sequence[Sequence[int]]) -> Any:
    """One pass: unit vectors in 32 bits, still on the device."""
    torch = loaded.torch
    longest = max(map(len, texts))
    padded = np.full((len(texts), longest), _padding(loaded), dtype=np.int64)
    for row, ids in enumerate(texts):
        padded[row, : len(ids)] = ids
    lengths = _moved(loaded, torch.tensor([len(ids) for ids in texts]))
    ids = _moved(loaded, torch.from_numpy(padded))
    with torch.inference_mode():
        real = torch.arange(longest, device=loaded.device)[None, :] < lengths[:, None]
        # Without padding no mask: then attention takes its fastest way.
        mask = None if all(len(one) == longest for one in texts) else real.long()
        states = loaded.model(input_ids=ids, attention_mask=mask).last_hidden_state
        if loaded.manner.pooling == "cls":
            pooled = states[:, 0].float()
        elif loaded.manner.pooling == "lasttoken":
            pooled = states[torch.arange(len(texts), device=loaded.device), lengths - 1].float()
        else:
            weights = real[:, :, None].to(states.dtype)
            pooled = (states * weights).sum(1, dtype=torch.float32) / lengths[:, None]
        return torch.nn.functional.normalize(pooled, dim=1)


def _moved(loaded: Loaded, tensor: Any) -> Any:
    """On the device; to a GPU from pinned memory, without waiting."""
    return tensor if loaded.device == "cpu" else tensor.pin_memory().to(loaded.device, non_blocking=True)


def _padding(loaded: Loaded) -> int:
    found = loaded.tokenizer.pad_token_id
    return 0 if found is None else int(found)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        message = _("EMBED_MODEL without EMBED_URL needs %s: pip install torch transformers, or name a server.")
        raise IndexFailure("model", message % name) from error
