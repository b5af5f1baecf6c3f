"""Vectors and scores from a server of the operator's own, and all the ways in which such servers fail."""

import numpy as np
import pytest

from config.endpoints import Endpoint
from search_index import embed_endpoint, served
from search_index.embed_endpoint import ByEndpoint
from search_index.errors import IndexFailure, RetryLater
from tests.fakes.embedding_server import EmbeddingServer

TEXTS = [f"Passage {number} tells of {'whales ' * (number % 7)}." for number in range(100)]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "PAUSE", 0.001)


def by(server: EmbeddingServer, prefix: str = "", key: str = "") -> ByEndpoint:
    return ByEndpoint(Endpoint(server.url, "small", key), prefix)


def unit(server: EmbeddingServer, text: str) -> np.ndarray:
    vector = np.array(server.vector(text), dtype=np.float32)
    return vector / np.linalg.norm(vector)


def test_vectors_come_in_the_order_of_the_texts_and_have_length_one(embedding_server: EmbeddingServer) -> None:
    vectors = by(embedding_server).passages(TEXTS)
    assert vectors.shape == (100, 32)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert np.allclose(vector, unit(embedding_server, text), atol=1e-6)
    assert sorted(len(body["input"]) for body in embedding_server.asked) == [4, 32, 32, 32]
    assert {body["model"] for body in embedding_server.asked} == {"small"}


def test_the_dimensions_are_found_out_by_asking(embedding_server: EmbeddingServer) -> None:
    embedding_server.dimensions = 768
    assert by(embedding_server).dimensions() == 768


def test_a_query_has_its_prefix_and_passages_have_none(embedding_server: EmbeddingServer) -> None:
    small = by(embedding_server, prefix="query: ")
    small.query("whales")
    small.passages(["seals"])
    assert embedding_server.texts == ["query: whales", "seals"]


def test_the_key_is_sent_and_never_shown(embedding_server: EmbeddingServer) -> None:
    by(embedding_server, key="very-secret").query("whales")
    assert embedding_server.headers[0]["authorization"] == "Bearer very-secret"
    embedding_server.fail("unauthorised")
    with pytest.raises(IndexFailure, match="refused the key") as error:
        by(embedding_server, key="very-secret").query("whales")
    assert "very-secret" not in str(error.value)


def test_a_server_that_knows_only_lists_of_numbers_is_asked_for_them(embedding_server: EmbeddingServer) -> None:
    embedding_server.base64 = False
    small = by(embedding_server)
    assert np.allclose(small.query("whales"), unit(embedding_server, "whales"), atol=1e-6)
    small.query("seals")
    assert [body["encoding_format"] for body in embedding_server.asked] == ["base64", "float", "float"]


def test_a_server_that_takes_fewer_texts_gets_fewer(embedding_server: EmbeddingServer) -> None:
    embedding_server.most_texts = 5
    vectors = by(embedding_server).passages(TEXTS[:32])
    assert np.allclose(vectors[31], unit(embedding_server, TEXTS[31]), atol=1e-6)


def test_a_text_that_is_too_long_is_known_by_its_beginning_and_holds_up_no_other(
    embedding_server: EmbeddingServer,
) -> None:
    embedding_server.most_characters = 1000
    long = "whales " * 500
    vectors = by(embedding_server).passages(["seals", long, "otters"])
    assert np.allclose(vectors[2], unit(embedding_server, "otters"), atol=1e-6)
    assert np.allclose(vectors[1], unit(embedding_server, "whales " * 100), atol=0.05)


def test_a_text_that_is_refused_however_short_is_a_failure_and_no_endless_loop(
    embedding_server: EmbeddingServer,
) -> None:
    embedding_server.most_characters = 10
    with pytest.raises(IndexFailure, match="too long"):
        by(embedding_server).passages(["whales " * 500])
    assert len(embedding_server.asked) < 20


@pytest.mark.parametrize("text", ["", "\ud800 lone", "漢字 🎉 \x00"])
def test_any_text_can_be_sent(embedding_server: EmbeddingServer, text: str) -> None:
    assert np.isfinite(by(embedding_server).passages([text])).all()


@pytest.mark.parametrize("fault", ["busy", "broken", "drop", "garbage"])
def test_a_failure_that_passes_is_tried_again(embedding_server: EmbeddingServer, fault: str) -> None:
    embedding_server.fail(fault)
    assert np.allclose(by(embedding_server).passages(["whales"])[0], unit(embedding_server, "whales"), atol=1e-6)


@pytest.mark.parametrize("fault", ["busy", "broken", "drop", "garbage", "short"])
def test_a_failure_that_lasts_may_be_tried_later(embedding_server: EmbeddingServer, fault: str) -> None:
    embedding_server.fail(fault, times=10)
    with pytest.raises(RetryLater):
        by(embedding_server).passages(["whales", "seals"])
    assert len(embedding_server.asked) <= served.TRIES


def test_who_is_asked_to_wait_for_long_does_not_wait_here(embedding_server: EmbeddingServer) -> None:
    embedding_server.fail("patience")
    with pytest.raises(RetryLater) as error:
        by(embedding_server).passages(["whales"])
    assert error.value.after == 7
    assert len(embedding_server.asked) == 1


@pytest.mark.parametrize(("fault", "sentence"), [("unknown", "has no model small"), ("nan", "no finite numbers")])
def test_what_will_not_pass_is_said(embedding_server: EmbeddingServer, fault: str, sentence: str) -> None:
    embedding_server.fail(fault)
    with pytest.raises(IndexFailure, match=sentence) as error:
        by(embedding_server).passages(["whales"])
    assert not isinstance(error.value, RetryLater)


def test_a_server_that_is_not_there_may_come_later() -> None:
    with pytest.raises(RetryLater, match="cannot be reached"):
        ByEndpoint(Endpoint("http://127.0.0.1:9/v1", "small", ""), "").query("whales")
    served.close()


def test_vectors_of_different_lengths_are_no_vectors() -> None:
    rows = [{"index": 0, "embedding": [1.0, 2.0]}, {"index": 1, "embedding": [1.0]}]
    with pytest.raises(RetryLater):
        embed_endpoint.unit(Endpoint("http://x/v1", "small", ""), {"data": rows}, 2)
