"""A model of one's own in this process. Needs torch and transformers, which the default installation leaves out: then
only what is said without them is tested."""

import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from search_index import embed_transformers
from search_index.embed_transformers import InProcess, Manner
from search_index.errors import IndexFailure

TEXTS = [f"Passage {number} tells of {'whales and ships ' * (number % 9)}." for number in range(40)]


def test_without_the_libraries_the_failure_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(embed_transformers.importlib, "import_module", missing)
    with pytest.raises(IndexFailure, match="pip install torch transformers"):
        InProcess("some/model", "").dimensions()


# --- How sentence-transformers wrote it down -------------------------------------------------------------------------
def written(folder: Path, **files: object) -> SimpleNamespace:
    """A stand-in for the library that finds files in a folder."""
    for name, content in files.items():
        file = folder / f"{name.replace('__', '/')}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))

    def cached_file(name: str, file: str, **_options: Any) -> str | None:
        return str(Path(name) / file) if (Path(name) / file).exists() else None

    return SimpleNamespace(utils=SimpleNamespace(cached_file=cached_file))


MODULES = [
    {"path": "", "type": "sentence_transformers.models.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


@pytest.mark.parametrize(
    ("pooling", "mode"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_lasttoken": True, "include_prompt": True}, "lasttoken"),
        ({"pooling_mode": "cls"}, "cls"),
    ],
)
def test_the_pooling_is_the_models_own(tmp_path: Path, pooling: dict[str, Any], mode: str) -> None:
    library = written(tmp_path, modules=MODULES, **{"1_Pooling__config": pooling})
    assert embed_transformers.read_manner(str(tmp_path), library).pooling == mode


def test_lengths_and_prompts_are_the_models_own(tmp_path: Path) -> None:
    library = written(
        tmp_path,
        modules=MODULES,
        sentence_bert_config={"max_seq_length": 256},
        config_sentence_transformers={"prompts": {"query": "query: ", "document": "passage: "}},
    )
    manner = embed_transformers.read_manner(str(tmp_path), library)
    assert (manner.max_tokens, manner.query_prefix, manner.passage_prefix) == (256, "query: ", "passage: ")


def test_a_model_that_says_nothing_is_pooled_by_its_mean(tmp_path: Path) -> None:
    assert embed_transformers.read_manner(str(tmp_path), written(tmp_path)) == Manner()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"modules": [*MODULES, {"path": "3_Dense", "type": "sentence_transformers.models.Dense"}]}, "layers Dense"),
        ({"modules": MODULES, "1_Pooling__config": {"pooling_mode_max_tokens": True}}, "pools its tokens by max"),
    ],
)
def test_what_is_beyond_us_is_refused_and_not_done_wrongly(tmp_path: Path, files: Any, sentence: str) -> None:
    with pytest.raises(IndexFailure, match=sentence):
        embed_transformers.read_manner(str(tmp_path), written(tmp_path, **files))


# --- With a small model, not trained at all --------------------------------------------------------------------------
needs_torch = pytest.mark.skipif(
    not (find_spec("torch") and find_spec("transformers")), reason="torch and transformers are not installed"
)


@pytest.fixture(params=["cls", "mean", "lasttoken"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder with a BERT of random weights and its tokenizer."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(1)
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *["passage", "tells", "of", "whales", "and", "ships", "query", ":"],
    ]
    (tmp_path / "vocab.txt").write_text("\n".join([*words, *"0123456789."]))
    config = transformers.BertConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=128,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(tmp_path)
    transformers.BertTokenizerFast(str(tmp_path / "vocab.txt"), model_max_length=128).save_pretrained(tmp_path)
    written(tmp_path, modules=MODULES, **{"1_Pooling__config": {"pooling_mode": request.param}})
    return str(tmp_path)


@needs_torch
def test_vectors_have_length_one_and_keep_the_order_in_any_company(model: str) -> None:
    own = InProcess(model, "")
    vectors = own.passages(TEXTS)
    assert vectors.shape == (40, 32)
    assert own.dimensions() == 32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):  # alone: no padding, no mask
        assert np.allclose(own.passages([text])[0], vector, atol=1e-5)


@needs_torch
def test_rounds_and_small_budgets_change_nothing(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = InProcess(model, "").passages(TEXTS)
    monkeypatch.setattr(embed_transformers, "ROUND", 7)
    monkeypatch.setattr(embed_transformers, "CPU_TOKENS", 60)
    assert np.allclose(InProcess(model, "").passages(TEXTS), whole, atol=1e-5)


@needs_torch
@pytest.mark.parametrize("text", ["", "\ud800", "whales " * 5000])
def test_any_text_has_a_vector(model: str, text: str) -> None:
    own = InProcess(model, "query: ")
    assert np.isfinite(own.passages([text])).all()
    assert np.isfinite(own.query(text)).all()
    assert not np.allclose(own.query("whales"), own.passages(["whales"])[0], atol=1e-3)  # the prefix tells


@needs_torch
def test_a_gpu_with_too_little_memory_gets_less_at_a_time(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = InProcess(model, "")
    loaded = own._model()
    loaded.tokens = 8 * embed_transformers.LEAST_TOKENS
    real, budgets = embed_transformers._forward, []

    def short_of_memory(loaded: Any, texts: Any) -> Any:
        budgets.append(loaded.tokens)
        if loaded.tokens > 2 * embed_transformers.LEAST_TOKENS:
            raise loaded.torch.OutOfMemoryError
        return real(loaded, texts)

    monkeypatch.setattr(embed_transformers, "_forward", short_of_memory)
    assert own.passages(TEXTS).shape == (40, 32)
    assert budgets[:3] == [8192, 4096, 2048]
    monkeypatch.setattr(embed_transformers, "LEAST_TOKENS", 2048)
    loaded.tokens = 2048
    monkeypatch.setattr(
        embed_transformers, "_forward", lambda loaded, _texts: (_ for _ in ()).throw(loaded.torch.OutOfMemoryError)
    )
    with pytest.raises(IndexFailure, match="too little memory"):
        own.passages(TEXTS)


@needs_torch
def test_a_folder_without_a_model_is_a_clear_failure(tmp_path: Path) -> None:
    with pytest.raises(IndexFailure, match="cannot be loaded"):
        InProcess(str(tmp_path), "").dimensions()
