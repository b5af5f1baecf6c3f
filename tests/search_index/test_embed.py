"""The built-in embedding model."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from search_index import carried, embed
from search_index.embed import embed_passages, embed_query, passage_text
from search_index.errors import IndexFailure

TEXTS = [
    "The octopus has three hearts and blue blood.",
    "PostgreSQL keeps old row versions until VACUUM removes them.",
    "Bread rises because yeast turns sugar into carbon dioxide. " * 20,
]


def test_the_passage_that_answers_is_the_nearest() -> None:
    similarities = embed_passages(TEXTS) @ embed_query("How many hearts does an octopus have?")
    assert similarities.argmax() == 0
    assert similarities[0] > similarities[1] + 0.2


def test_vectors_have_length_one_and_keep_the_order_of_the_texts() -> None:
    vectors = embed_passages(TEXTS)
    assert vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(TEXTS, vectors, strict=True):  # one by one: no neighbour in the batch, no padding
        assert embed_passages([text])[0] @ vector > 0.99


def test_a_batch_of_no_texts_gives_no_vectors() -> None:
    assert embed_passages([]).shape == (0, 384)


@pytest.mark.parametrize("text", ["", "\ud800", "漢字 🎉 \x00", "word " * 20_000])
def test_any_text_has_a_vector(text: str) -> None:
    assert np.isfinite(embed_passages([text])).all()
    assert np.isfinite(embed_query(text)).all()


def test_many_texts_are_embedded_in_batches_of_limited_size() -> None:
    tokenizer, _session = embed._model()
    lengths = [len(one) for one in tokenizer.encode_batch(["word " * (n % 300) for n in range(200)])]
    batches = list(embed.batches(lengths, embed.BATCH_TOKENS))
    assert sorted(i for batch in batches for i in batch) == list(range(200))
    assert max(len(batch) * max(lengths[i] for i in batch) for batch in batches) <= embed.BATCH_TOKENS


def test_threads_may_embed_at_the_same_time() -> None:
    alone = [embed_query(text) for text in TEXTS]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(embed_query, TEXTS * 4))
    for i, vector in enumerate(together):
        assert vector @ alone[i % 3] > 0.999


def test_a_title_and_headings_stand_before_the_text_where_there_are_any() -> None:
    assert passage_text("Guide", "Install › Linux", "Run it.") == "Guide\nInstall › Linux\nRun it."
    assert passage_text("", "", "Run it.") == "Run it."


def test_a_model_file_with_other_weights_is_refused(tmp_path: Path) -> None:
    altered = tmp_path / "model.onnx"
    altered.write_bytes(b"other weights")
    with pytest.raises(IndexFailure, match=r"model\.onnx is not the file"):
        carried.checked(altered, embed.SHA256["model.onnx"])


def test_a_missing_model_file_is_a_clear_failure(tmp_path: Path) -> None:
    with pytest.raises(IndexFailure, match="cannot be read"):
        carried.checked(tmp_path / "model.onnx", embed.SHA256["model.onnx"])
