"""Reranking, by the built-in model and by servers of both dialects."""

import logging
from pathlib import Path

import pytest

from search_index import carried, served
from search_index import rerank as reranking
from search_index.errors import IndexFailure
from search_index.rerank import rerank
from tests.fakes.embedding_server import EmbeddingServer

QUERY = "How many hearts does an octopus have?"
TEXTS = [
    "PostgreSQL keeps old row versions until VACUUM removes them.",
    "The octopus has three hearts and blue blood.",
    "One octopus lived for about two years. " * 5,
]


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "PAUSE", 0.001)
    monkeypatch.setattr(reranking, "_says_texts", set())


@pytest.fixture
def server(embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> EmbeddingServer:
    monkeypatch.setenv("RERANK_URL", embedding_server.url)
    return embedding_server


def test_the_built_in_model_puts_the_answer_first() -> None:
    scores = rerank(QUERY, TEXTS, on_cpu=True)
    assert scores is not None
    assert scores[1] > scores[2] > scores[0]


def test_a_text_has_the_same_score_in_any_company() -> None:
    together = rerank(QUERY, TEXTS * 10, on_cpu=True)
    assert together is not None
    for text, score in zip(TEXTS, together, strict=False):
        assert rerank(QUERY, [text], on_cpu=True) == pytest.approx([score], abs=0.5)  # int8, padded or not


@pytest.mark.parametrize("text", ["", "\ud800", "漢字 🎉 \x00", "word " * 5000])
def test_any_text_has_a_score(text: str) -> None:
    scores = rerank(text, [text], on_cpu=True)
    assert scores is not None
    assert len(scores) == 1


def test_nobody_who_did_not_ask_waits_for_the_built_in_model() -> None:
    assert rerank(QUERY, TEXTS) is None


def test_no_texts_have_no_scores() -> None:
    assert rerank(QUERY, [], on_cpu=True) == []


@pytest.mark.parametrize("says", ["documents", "texts"])
def test_a_server_of_either_dialect_scores_in_the_order_of_the_texts(server: EmbeddingServer, says: str) -> None:
    server.says = says
    assert rerank(QUERY, TEXTS) == [0.0, 2.0, 1.0]
    assert rerank(QUERY, TEXTS) == [0.0, 2.0, 1.0]
    assert len(server.asked) == {"documents": 2, "texts": 3}[says]  # the dialect is found out once


def test_many_texts_are_sent_some_at_a_time(server: EmbeddingServer) -> None:
    scores = rerank(QUERY, [*TEXTS] * 25)
    assert scores == [0.0, 2.0, 1.0] * 25
    assert sorted(len(body["documents"]) for body in server.asked) == [11, 32, 32]


def test_the_model_and_the_key_are_named_where_they_are_set(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RERANK_MODEL", "judge")
    monkeypatch.setenv("RERANK_KEY", "very-secret")
    rerank(QUERY, TEXTS)
    assert server.asked[0]["model"] == "judge"
    assert server.headers[0]["authorization"] == "Bearer very-secret"


@pytest.mark.parametrize("fault", ["broken", "unauthorised", "unknown", "garbage", "short", "drop", "patience"])
def test_a_server_that_fails_leaves_the_order_as_it_is(
    server: EmbeddingServer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.fail(fault, times=9)
    with caplog.at_level(logging.WARNING, "search_index.rerank"):
        assert rerank(QUERY, TEXTS) is None
    assert "Nothing is reranked" in caplog.text


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"other weights")
    with pytest.raises(IndexFailure, match=r"model\.onnx is not the file"):
        carried.checked(tmp_path / "model.onnx", reranking.SHA256["model.onnx"])
