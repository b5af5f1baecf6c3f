"""Judges how well each text answers a query, by a server's model that reads both together: slower than vectors.

The server is the operator's own (RERANK_URL: vLLM, TEI, Jina and Cohere have /rerank); without one nothing is reranked.
A person waits for it, so all of it has to be done by a deadline, and a server that failed is left in peace for a while.
Blocking and thread-safe. Touches no database and decides no order. Called by query.py; the admin shows its trouble.
"""

import logging
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.utils.translation import gettext as _

from config import endpoints
from config.endpoints import Endpoint
from search_index import served
from search_index.carried import valid
from search_index.errors import IndexFailure, RetryLater

TEXTS = 32  # in one request: TEI takes no more
REQUESTS = 16  # under way at once: beyond them, searches would wait for each other
SECONDS = 4.0  # for all texts of a search: a GPU takes a tenth of one, a CPU with a small model two or three
SILENCE_SECONDS = 10.0  # a server that failed is not asked by the next searches: they would wait for it in vain

log = logging.getLogger(__name__)
_requests = ThreadPoolExecutor(REQUESTS, thread_name_prefix="reranking requests")
_says_texts: set[Endpoint] = set()  # servers that call the documents "texts", as TEI does
_silent_until: dict[Endpoint, float] = {}  # when a server that failed may be asked again
_troubles: dict[Endpoint, str] = {}  # what went wrong the last time, until something goes well


def rerank(query: str, texts: Sequence[str]) -> list[float] | None:
    """A score for each text, in the order given: the higher the better it answers the query; comparable only with the
    others of the same call. None where there is no server, or where it fails or takes longer than SECONDS, which is
    logged: then the order stays what it is. Never raises IndexFailure."""
    at = endpoints.reranker()
    if at is None or time.monotonic() < _silent_until.get(at, 0.0):
        return None
    if not texts:
        return []
    try:
        scores = _by_server(at, query, texts)
    except IndexFailure as failure:
        _silent_until[at], _troubles[at] = time.monotonic() + SILENCE_SECONDS, str(failure)
        log.warning("Nothing is reranked for %.0f s: %s", SILENCE_SECONDS, failure)
        return None
    _troubles.pop(at, None)
    return scores


def trouble() -> str:
    """Why the server, as it is set up now, did not rerank the last time that this process asked it; empty where all is
    well, or no server is configured."""
    at = endpoints.reranker()
    return _troubles.get(at, "") if at else ""


def _by_server(at: Endpoint, query: str, texts: Sequence[str]) -> list[float]:
    query, texts = valid(query), [valid(text) or " " for text in texts]
    pieces = [texts[start : start + TEXTS] for start in range(0, len(texts), TEXTS)]
    try:
        found = list(_requests.map(lambda piece: _asked(at, query, piece), pieces, timeout=SECONDS))
    except TimeoutError as error:
        what = {"url": at.url, "seconds": SECONDS}
        raise RetryLater("server", _("The server %(url)s took more than %(seconds)g s.") % what) from error
    return [score for scores in found for score in scores]


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
    "score"}]. Raises RetryLater where the answer is neither, or does not have them all as finite numbers."""
    try:
        rows = answer["results"] if isinstance(answer, dict) else answer
        found = {row["index"]: float(row.get("relevance_score", row.get("score"))) for row in rows}
        scores = [found[index] for index in range(count)]
        if not all(map(math.isfinite, scores)):
            raise ValueError("not a number")
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise RetryLater("server", _("The server %s did not answer with a score for each text.") % at.url) from error
    return scores
