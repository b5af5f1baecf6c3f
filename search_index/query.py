"""The path of a query: words -> candidates (dense + lexical) -> both exact scores -> fused -> once more, moved towards
the best two -> diversity -> Hit.

Each side brings about a hundred candidates; then every candidate gets both scores, so a passage that only one side
found is still judged by both. The second round (relevance feedback) finds what the query only hints at: who asks for
"the birthplace of the director of X" means a passage that resembles the one about X. Blocking: async code calls it in
a thread. Never decides what to search for, never calls a language model.
Called by research through api.py, by `manage.py search` and by evaluate.py.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from search_index.embed import Vectors, embed_passages, embed_query
from search_index.lexical import FIELDS, Words, words
from search_index.sql import SQL
from search_index.store import vector_text
from search_index.values import Hit

Mode = Literal["hybrid", "dense", "lexical"]

CANDIDATES = 100  # of each side, or twice the limit
LEXICAL_SHARE = 0.25  # of the fused score (tuned, as is the feedback: LOG.md)
ONE_WORD_SHARE = 0.75  # of a query of one word, half of it with two: who types a name wants that name, not its like
FEEDBACK = 0.75  # how far the query's vector moves towards its best passages
FEEDBACK_PASSAGES = 2
FEEDBACK_TRUST = 4  # power of a passage's score: the best one counts most, a far second hardly
EXACT_PASSAGES = 10_000  # up to so many are compared one by one: all neighbours are found, in less than 10 ms
LONGEST_QUERY = 10_000  # characters; what is pasted beyond them is not looked at
PER_PAGE = 2


@dataclass(frozen=True)
class Asked:
    """What one search asks of the database, and where."""

    cursor: CursorWrapper
    terms: Words
    sources: list[int] | None  # None for all
    candidates: int  # of each side
    model: int  # whose vectors are looked at
    dimensions: int

    def run(self, name: str, **parameters: Any) -> list[Any]:
        """The rows of the named statement."""
        always: dict[str, Any] = {
            "sources": self.sources,
            "candidates": self.candidates,
            "model": self.model,
            "dimensions": self.dimensions,
            "phrases": self.terms.phrases,
            "holding": None,
            "queries": self.terms.queries,
            "weights": self.terms.weights,
            "fields": FIELDS,
        }
        self.cursor.execute(SQL[name], always | parameters)
        rows: list[Any] = self.cursor.fetchall()
        return rows


@dataclass(frozen=True)
class Candidate:
    """A passage with its exact scores, and what diversity looks at."""

    passage: int
    dense: float  # to the query
    moved: float  # to the query as feedback moved it
    lexical: float
    phrases: int  # how many of the query's it holds
    page: int
    sha256: str
    url: str

    @property
    def host(self) -> str:
        """The web host it is from; empty for files and datasets."""
        return urlsplit(self.url).hostname or "" if self.url.startswith(("http://", "https://")) else ""


def search(
    query: str, *, limit: int = 10, sources: Sequence[int] = (), reasoning: str = "", mode: Mode = "hybrid"
) -> list[Hit]:
    """The best `limit` passages for a query, best first; `sources` (ids) narrows, empty means all.

    What stands in "quotes" counts before all else: passages that hold the phrase (of the same word stems) come first,
    and others only fill up what is left, for questions quote titles too. `reasoning` (what led to the query) helps the
    dense side only. A query of nothing but white space finds nothing.
    """
    text = _clean(query)
    if not text or limit < 1:
        return []
    vector = embed_query(f"{text}\n{_clean(reasoning)}".strip())
    with transaction.atomic(), connection.cursor() as cursor:
        terms = words(cursor, text)
        cursor.execute(SQL["serving"])
        asked = Asked(cursor, terms, list(sources) or None, max(CANDIDATES, 2 * limit), *cursor.fetchone())
        found = set() if mode == "dense" else _best_by_terms(asked)
        if mode != "lexical":
            found |= _nearest(asked, vector)
        for holding in _holding(terms.phrases):
            found |= _nearest(asked, vector, holding)
        share = _lexical_share(mode, terms)
        ranked = _ranked(_scored(asked, found, vector, vector), share)
        if mode == "hybrid" and ranked:
            towards = _moved(asked, vector, ranked)
            found |= _nearest(asked, towards)
            ranked = _ranked(_scored(asked, found, vector, towards), share)
        return _hits(cursor, diverse(ranked, limit))


def similarity(query: str, texts: Sequence[str]) -> list[float]:
    """Cosine similarity of the query and each text, -1..1."""
    similarities: list[float] = (embed_passages(texts) @ embed_query(query)).tolist()
    return similarities


def diverse(ranked: Sequence[tuple[float, Candidate]], limit: int) -> list[tuple[float, Candidate]]:
    """The best `limit`, but of equal texts only one, of a page two and of a web host half, while there are others.

    Those held back fill up what is left: a search in a single long document still gets all it asked for.
    """
    chosen: list[tuple[float, Candidate]] = []
    held_back: list[tuple[float, Candidate]] = []
    page_of_text: dict[str, int] = {}
    pages: Counter[int] = Counter()
    hosts: Counter[str] = Counter()
    per_host = max(3, limit // 2)
    for scored in ranked:
        candidate = scored[1]
        if page_of_text.setdefault(candidate.sha256, candidate.page) != candidate.page:
            continue  # the same text under another address
        if pages[candidate.page] >= PER_PAGE or (candidate.host and hosts[candidate.host] >= per_host):
            held_back.append(scored)
            continue
        pages[candidate.page] += 1
        hosts[candidate.host] += 1
        chosen.append(scored)
    chosen = chosen[:limit]
    chosen += held_back[: limit - len(chosen)]
    return sorted(chosen, key=_order)


def _nearest(asked: Asked, vector: Vectors, holding: str | None = None) -> set[int]:
    """The dense candidates, all of them or those holding a phrase: by the index where there are many passages to look
    at, else, and where the index comes back with too few, by looking at each."""
    filters = {"holding": holding, "vector": vector_text(vector)}
    ((count,),) = asked.run("count_passages", most=EXACT_PASSAGES + 1, **filters)
    if count > EXACT_PASSAGES:
        asked.cursor.execute("SET LOCAL hnsw.ef_search = 200")
        asked.cursor.execute("SET LOCAL hnsw.iterative_scan = relaxed_order")
        found = {passage for (passage,) in asked.run("nearest_by_index", **filters)}
        if len(found) == asked.candidates:
            return found
    return {passage for (passage,) in asked.run("nearest_exactly", **filters)}


def _holding(phrases: list[str]) -> set[str]:
    """What to look for because of the phrases: passages that hold them all, and such as hold any."""
    return {" & ".join(phrases), " | ".join(phrases)} if phrases else set()


def _best_by_terms(asked: Asked) -> set[int]:
    """The lexical candidates; none where the query has no term that the index knows."""
    if not asked.terms.rare:
        return set()
    return {passage for (passage,) in asked.run("best_by_terms", rare=asked.terms.rare)}


def _scored(asked: Asked, found: set[int], vector: Vectors, moved: Vectors) -> list[Candidate]:
    rows = asked.run("score", ids=list(found), vector=vector_text(vector), moved=vector_text(moved))
    return [Candidate(*row) for row in rows]


def _moved(asked: Asked, vector: Vectors, ranked: Sequence[tuple[float, Candidate]]) -> Vectors:
    """The query's vector, moved towards its best passages, the more the better they are."""
    best = {candidate.passage: score**FEEDBACK_TRUST for score, candidate in ranked[:FEEDBACK_PASSAGES]}
    moved = vector.astype(float)
    for passage, text in asked.run("vectors", ids=list(best)):
        moved += FEEDBACK * best[passage] / (sum(best.values()) or 1.0) * np.array(json.loads(text))
    unit: Vectors = (moved / np.linalg.norm(moved)).astype(np.float32)
    return unit


def _lexical_share(mode: Mode, terms: Words) -> float:
    if mode == "hybrid":
        return max(LEXICAL_SHARE, ONE_WORD_SHARE / max(1, len(terms.queries)))
    return 0.0 if mode == "dense" else 1.0


def _ranked(candidates: Sequence[Candidate], share: float) -> list[tuple[float, Candidate]]:
    """The candidates with their scores, 0..1, best first; each side is spread over 0..1 before the two are added.

    A phrase more outweighs any score: with one phrase quoted, who holds it has 0.5 to 1, the others 0 to 0.5.
    """
    dense = _spread([candidate.moved for candidate in candidates])
    lexical = _spread([candidate.lexical for candidate in candidates])
    scores = [(1 - share) * d + share * x for d, x in zip(dense, lexical, strict=True)]
    quoted = max((candidate.phrases for candidate in candidates), default=0)
    scores = [(candidate.phrases + score) / (quoted + 1) for candidate, score in zip(candidates, scores, strict=True)]
    return sorted(zip(scores, candidates, strict=True), key=_order)


def _spread(scores: Sequence[float]) -> list[float]:
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    if low == high:  # one candidate, or one that is as good as the other
        return [1.0 if score > 0 else 0.0 for score in scores]
    return [(score - low) / (high - low) for score in scores]


def _order(scored: tuple[float, Candidate]) -> tuple[float, int]:
    return -scored[0], scored[1].passage


def _hits(cursor: CursorWrapper, chosen: Iterable[tuple[float, Candidate]]) -> list[Hit]:
    scored = list(chosen)
    cursor.execute(SQL["hits"], {"ids": [candidate.passage for _score, candidate in scored]})
    rows = {row[0]: row[1:] for row in cursor.fetchall()}
    hits: list[Hit] = []
    for score, candidate in scored:
        if candidate.passage not in rows:
            continue  # its page was stored anew a moment ago
        snapshot, start, end, text, heading, title, url, source = rows[candidate.passage]
        hits.append(
            Hit(
                rank=len(hits) + 1,
                score=score,
                dense=candidate.dense,
                lexical=candidate.lexical,
                passage=candidate.passage,
                snapshot=snapshot,
                start=start,
                end=end,
                text=text,
                heading=heading,
                title=title,
                url=url,
                host=candidate.host,
                source=source,
            )
        )
    return hits


def _clean(text: str) -> str:
    """Without what neither PostgreSQL nor the tokenizer takes (NUL, lone surrogates), and not endless."""
    return text[:LONGEST_QUERY].replace("\0", " ").encode("utf-8", "replace").decode("utf-8").strip()
