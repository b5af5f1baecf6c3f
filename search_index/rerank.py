"""Judges how well each text answers a query, by a model that reads both together: slower than vectors, and better.

By a server where one is configured (RERANK_URL: vLLM, TEI, Jina and Cohere have /rerank), else, where the caller asks
for it, by the built-in ms-marco-MiniLM-L-12-v2 on the CPU: about 15 pairs a second on two cores. Blocking and
thread-safe; one load a process. Touches no database and decides no order. Called by query.py.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Lock
from typing import Any

from django.utils.translation import gettext as _
from tokenizers import Tokenizer

from config import endpoints
from config.endpoints import Endpoint
from search_index import served
from search_index.carried import forward, load, valid
from search_index.embed import batches
from search_index.errors import IndexFailure, RetryLater

NAME = "ms-marco-MiniLM-L-12-v2"
BATCH_TOKENS = 2000  # as with embed.py
SHA256 = {
    "model.onnx": "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1",
    "tokenizer.json": "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448",
}
TEXTS = 32  # in one request: TEI takes no more
REQUESTS = 4  # under way at once
SECONDS = 15.0  # a person waits

log = logging.getLogger(__name__)
_requests = ThreadPoolExecutor(REQUESTS, thread_name_prefix="reranking requests")
_loading = Lock()
_says_texts: set[Endpoint] = set()  # servers that call the documents "texts", as TEI does


def rerank(query: str, texts: Sequence[str], *, on_cpu: bool = False) -> list[float] | None:
    """A score for each text, in the order given: the higher the better it answers the query; comparable only with the
    others of the same call. None where there is no server and the built-in model is not asked for (`on_cpu`), or where
    the server fails, which is logged: then the order stays what it is. Never raises IndexFailure."""
    at = endpoints.reranker()
    if at is None and not on_cpu:
        return None
    if not texts:
        return []
    try:
        return _by_server(at, query, texts) if at else _by_model(query, texts)
    except IndexFailure as failure:
        log.warning("Nothing is reranked: %s", failure)
        return None


def _by_server(at: Endpoint, query: str, texts: Sequence[str]) -> list[float]:
    query, texts = valid(query), [valid(text) or " " for text in texts]
    pieces = [texts[start : start + TEXTS] for start in range(0, len(texts), TEXTS)]
    return [score for scores in _requests.map(lambda piece: _asked(at, query, piece), pieces) for score in scores]


def _asked(at: Endpoint, query: str, texts: Sequence[str]) -> list[float]:
    if at not in _says_texts:
        try:
            return _sent(at, {"query": query, "documents": texts, "top_n": len(texts)}, len(texts))
        except served.TextRefused as refusal:
            log.info("%s is asked as TEI is: %s", at.url, refusal)
    scores = _sent(at, {"query": query, "texts": texts, "truncate": True}, len(texts))
    _says_texts.add(at)
    return scores


def _sent(at: Endpoint, body: dict[str, Any], count: int) -> list[float]:
    named = {"model": at.model} if at.model else {}
    return _scores(at, served.post(at, "/rerank", {**named, **body}, tries=2, seconds=SECONDS), count)


def _scores(at: Endpoint, answer: Any, count: int) -> list[float]:
    """The scores in the order of the texts, of {"results": [{"index", "relevance_score"}]} or TEI's [{"index",
    "score"}]. Raises RetryLater where the answer is neither, or does not have them all."""
    try:
        rows = answer["results"] if isinstance(answer, dict) else answer
        found = {row["index"]: float(row.get("relevance_score", row.get("score"))) for row in rows}
        return [found[index] for index in range(count)]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise RetryLater("server", _("The server %s did not answer with a score for each text.") % at.url) from error


def _by_model(query: str, texts: Sequence[str]) -> list[float]:
    tokenizer, session = _model()
    encodings = tokenizer.encode_batch([(valid(query), valid(text)) for text in texts])
    scores = [0.0] * len(texts)
    for batch in batches([len(encoding) for encoding in encodings], BATCH_TOKENS):
        for i, row in zip(batch, forward(session, [encodings[i] for i in batch]), strict=True):
            scores[i] = float(row[0])
    return scores


def _model() -> tuple[Tokenizer, Any]:
    with _loading:
        return _load()


@lru_cache(maxsize=1)
def _load() -> tuple[Tokenizer, Any]:
    return load("reranker_en", SHA256)
