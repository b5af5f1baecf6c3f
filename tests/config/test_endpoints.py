"""Which servers and models the settings name."""

import pytest

from config.endpoints import EmbeddingChoice, Endpoint, currency, embedding, endpoint, reranker


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    for name in ("EMBED_URL", "EMBED_MODEL", "EMBED_KEY", "EMBED_QUERY_PREFIX", "RERANK_URL", "RERANK_MODEL"):
        monkeypatch.setenv(name, "")


def test_nothing_is_named_unless_it_is_set():
    assert embedding() is None
    assert reranker() is None


def test_an_embedding_server(monkeypatch):
    monkeypatch.setenv("EMBED_URL", "http://localhost:8081/v1/")
    monkeypatch.setenv("EMBED_MODEL", "BAAI/bge-m3")
    monkeypatch.setenv("EMBED_KEY", "very-secret")
    assert embedding() == EmbeddingChoice(Endpoint("http://localhost:8081/v1", "BAAI/bge-m3", "very-secret"), "")
    assert "very-secret" not in repr(embedding())


def test_a_model_without_a_server_runs_in_process(monkeypatch):
    monkeypatch.setenv("EMBED_MODEL", "BAAI/bge-m3")
    chosen = embedding()
    assert chosen is not None
    assert chosen.at.url == ""


@pytest.mark.parametrize(
    ("written", "prefix"),
    [
        ("query:", "query: "),
        ("Represent this sentence for searching:  ", "Represent this sentence for searching: "),
        (r"Instruct: Find passages.\nQuery:", "Instruct: Find passages.\nQuery: "),
        (r"Question\n", "Question\n"),
        ("", ""),
    ],
)
def test_a_prefix_is_set_apart_from_the_query(monkeypatch, written, prefix):
    monkeypatch.setenv("EMBED_MODEL", "BAAI/bge-m3")
    monkeypatch.setenv("EMBED_QUERY_PREFIX", written)
    chosen = embedding()
    assert chosen is not None
    assert chosen.query_prefix == prefix


def test_a_reranking_server_may_have_one_model_only(monkeypatch):
    monkeypatch.setenv("RERANK_URL", "http://localhost:8082")
    assert reranker() == Endpoint("http://localhost:8082", "", "")


@pytest.fixture
def chat(monkeypatch):
    for name in ("CHAT_URL", "PRICE_PROMPT", "PRICE_CACHED", "PRICE_COMPLETION", "CHAT_CONTEXT", "PRICE_CURRENCY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("CHAT_URL", "http://localhost:8080/v1")
    monkeypatch.setenv("CHAT_MODEL", "qwen")
    return monkeypatch.setenv


def test_without_prices_a_call_costs_nothing(chat):
    assert endpoint("reader").prices.of(1_000_000, 0, 1_000_000) == 0
    assert currency() == "USD"


def test_a_role_may_have_prices_and_a_context_of_its_own(chat):
    chat("PRICE_PROMPT", "2")
    chat("PRICE_COMPLETION", "8")
    chat("PRICE_CACHED_JUDGE", "0.5")
    chat("CHAT_CONTEXT_JUDGE", "4096")
    assert endpoint("reader").prices.of(1_000_000, 500_000, 1_000_000) == 10  # cached ones cost what others do
    assert endpoint("judge").prices.of(1_000_000, 500_000, 1_000_000) == 9.25
    assert (endpoint("reader").context, endpoint("judge").context) == (0, 4096)


def test_two_roles_that_differ_only_in_prices_have_one_endpoint(chat):
    chat("PRICE_PROMPT_JUDGE", "2")
    assert endpoint("reader") == endpoint("judge")
    assert endpoint("reader").prices != endpoint("judge").prices
