"""Reranking, by servers of both dialects, and by such as fail."""

import logging
import threading
import time

import pytest

from search_index import rerank as reranking
from search_index import served
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
    monkeypatch.setattr(reranking, "_silent_until", {})
    monkeypatch.setattr(reranking, "_troubles", {})


@pytest.fixture
def server(embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> EmbeddingServer:
    monkeypatch.setenv("RERANK_URL", embedding_server.url)
    return embedding_server


def test_without_a_server_nothing_is_reranked() -> None:
    assert rerank(QUERY, TEXTS) is None
    assert reranking.trouble() == ""


def test_no_texts_have_no_scores_and_ask_nobody(server: EmbeddingServer) -> None:
    assert rerank(QUERY, []) == []
    assert server.asked == []


@pytest.mark.parametrize("text", ["", "\ud800", "漢字 🎉 \x00", "word " * 5000])
def test_any_text_has_a_score(server: EmbeddingServer, text: str) -> None:
    scores = rerank(text, [text])
    assert scores is not None
    assert len(scores) == 1


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


@pytest.mark.parametrize("fault", ["broken", "unauthorised", "unknown", "garbage", "short", "nan", "drop", "patience"])
def test_a_server_that_fails_leaves_the_order_as_it_is(
    server: EmbeddingServer, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.fail(fault, times=9)
    with caplog.at_level(logging.WARNING, "search_index.rerank"):
        assert rerank(QUERY, TEXTS) is None
    assert "Nothing is reranked" in caplog.text
    assert server.url in reranking.trouble()


def test_a_server_that_is_slow_is_not_waited_for(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reranking, "SECONDS", 0.1)
    server.hold = threading.Event()
    began = time.monotonic()
    assert rerank(QUERY, TEXTS) is None
    assert time.monotonic() - began < 10
    assert reranking.trouble()
    reranking._requests.shutdown()
    assert len(server.asked) == 1  # nobody waits for a second try


def test_a_server_that_failed_is_left_in_peace_and_then_asked_again(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reranking, "SILENCE_SECONDS", 0.2)
    server.fail("unauthorised")
    assert rerank(QUERY, TEXTS) is None
    assert rerank(QUERY, TEXTS) is None
    assert len(server.asked) == 1
    time.sleep(0.25)
    assert rerank(QUERY, TEXTS) == [0.0, 2.0, 1.0]
    assert reranking.trouble() == ""
