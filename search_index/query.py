"""The path of a query: words -> candidates (dense + lexical) -> both exact scores -> fused -> a second look from the
best two -> weighed by what is known of the page -> reranked, where a server does that -> diversity -> Hit.

Each side brings about a hundred candidates; then every candidate gets both scores, so a passage that only one side
found is still judged by both. The second look finds what the query only hints at: who asks for "the birthplace of the
director of X" means a passage that resembles the one about X (the query's vector moves towards it), and most likely the
page whose name that one holds. Blocking: async code calls it in a thread. Never decides what to search for, never
calls a language model that writes.
Called by research through api.py, by `manage.py search` and by evaluate.py.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, NamedTuple

import numpy as np
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from config import endpoints
from search_index import embedding, names
from search_index.embed import Vectors, embed_passages, embed_query, passage_text, vector_text
from search_index.embedding import QueryVector
from search_index.latest import asks_for_latest, recency
from search_index.lexical import FIELDS, Words, words
from search_index.models import Source, SourceClass
from search_index.rerank import rerank
from search_index.sql import SQL
from search_index.values import Filters, Hit

Mode = Literal["hybrid", "dense", "lexical"]

CANDIDATES = 100  # of each side, or twice the limit
LEXICAL_SHARE = 0.25  # of the fused score (tuned, as is the feedback: LOG.md)
ONE_WORD_SHARE = 0.75  # of a query of one word, half of it with two: who types a name wants that name, not its like
FEEDBACK = 0.75  # how far the query's vector moves towards its best passages
FEEDBACK_PASSAGES = 2
FEEDBACK_TRUST = 4  # power of a passage's score: the best one counts most, a far second hardly
NAMED = 0.2  # what a page gains that one of the best passages names, times that passage's score (tuned: LOG.md)
NAMED_PASSAGES = 3  # of a page that is named, the nearest ones
NAMESAKES = 5  # a name that more pages bear names none
EXACT_PASSAGES = 10_000  # up to so many are compared one by one: all neighbours are found, in 4 to 25 ms
LONGEST_QUERY = 10_000  # characters; what is pasted beyond them is not looked at
EF_SEARCH = 150  # how far HNSW looks around
BITS_OVERFETCH = 8  # times the candidates that an index of bits brings, to be scored by their vectors (LOG.md)
BITS_EF_SEARCH = 800
RERANKED = 30  # of the best: one request, and more of them would gain little for what they cost
RERANKER_SHARE = 0.5  # of their relevance; alone, some rerankers order worse than what they are given
PER_PAGE = 2
# A page's class moves it past others that fit about as well, not past better ones.
CLASS_WEIGHT: dict[str, float] = {
    SourceClass.PRIMARY: 1.04,
    SourceClass.REFERENCE: 1.03,
    SourceClass.NEWS: 1.01,
    SourceClass.VENDOR: 0.97,
    SourceClass.FORUM: 0.95,
    SourceClass.USER: 0.94,
}
BOOST_WEIGHT = 1.3  # of the operator's boost; its reverse of a bury, and both again where source and host say so
RECENT_WEIGHT = 0.3  # that a page of today gains where the query asks for the latest


@dataclass(frozen=True)
class Asked:
    """What one search asks of the database, and where."""

    cursor: CursorWrapper
    terms: Words
    filters: Filters
    candidates: int  # of each side
    meant: QueryVector  # what the query means, to the model whose vectors are looked at
    within: int  # passages that the filters leave, counted no further than it matters

    @classmethod
    def of(cls, cursor: CursorWrapper, text: str, filters: Filters, candidates: int, meant: QueryVector) -> "Asked":
        """What the text asks of the index as it is now."""
        cursor.execute(
            SQL["index"],
            {"most": EXACT_PASSAGES + 1, "ef_search": str(BITS_EF_SEARCH if meant.by_bits else EF_SEARCH)},
        )
        (total, *_settings) = cursor.fetchone()
        bare = cls(cursor, Words([], [], [], [], []), filters, candidates, meant, int(total))
        within = bare.count() if filters != Filters() else int(total)
        share = within / total if 0 < within <= EXACT_PASSAGES else 1.0
        return replace(bare, terms=words(cursor, text, total, share), within=within)

    def count(self, holding: str | None = None) -> int:
        """How many passages the filters leave, counted no further than it matters; with `holding` of those that do."""
        ((count,),) = self.run("count_passages", most=EXACT_PASSAGES + 1, holding=holding)
        return int(count)

    def run(self, name: str, **parameters: Any) -> list[Any]:
        """The rows of the named statement."""
        always: dict[str, Any] = {
            "sources": list(self.filters.sources) or None,
            "hosts": list(self.filters.hosts) or None,
            "subdomains": [f"%.{host}" for host in self.filters.hosts],
            "languages": list(self.filters.languages) or None,
            "classes": list(self.filters.classes) or None,
            "since": self.filters.since,
            "until": self.filters.until,
            "candidates": self.candidates,
            "overfetch": BITS_OVERFETCH * self.candidates,
            "model": self.meant.model,
            "dimensions": self.meant.dimensions,
            "phrases": self.terms.phrases,
            "letters": self.terms.letters,
            "holding": None,
            "queries": self.terms.queries,
            "bringing": self.terms.candidates,
            "weights": self.terms.weights,
            "fields": FIELDS,
        }
        # Each by itself: the index is asked for one after the other.
        brought = range(1, len(self.terms.candidates) + 1)
        bringing = " OR ".join(f"lexemes @@ (%(bringing)s::tsquery[])[{number}]" for number in brought)
        self.cursor.execute(SQL[name].replace("{bringing}", bringing), always | parameters)
        rows: list[Any] = self.cursor.fetchall()
        return rows


class Candidate(NamedTuple):
    """A passage with its exact scores, and what weight and diversity look at."""

    passage: int
    dense: float  # to the query
    moved: float  # to the query as feedback moved it
    lexical: float
    phrases: float  # how many of the query's it holds
    page: int
    sha256: str
    cluster: int  # what near-duplicates share
    host: str  # empty for files and datasets
    source_class: str
    published_on: date | None
    boost: int  # of source and host together, -2..2
    weight: float = 1.0
    reranked: float | None = None  # what the reranker says, on a scale of its own


Scored = tuple[float, Candidate]


def search(
    query: str,
    *,
    limit: int = 10,
    sources: Sequence[int] = (),
    collections: Sequence[str] = (),
    hosts: Sequence[str] = (),
    languages: Sequence[str] = (),
    classes: Sequence[str] = (),
    since: date | None = None,
    until: date | None = None,
    reasoning: str = "",
    mode: Mode = "hybrid",
    meant: QueryVector | None = None,
) -> list[Hit]:
    """The best `limit` passages for a query, best first.

    The filters narrow it, empty ones do not: `sources` are ids, and `collections` names that sources share; `hosts`
    include their subdomains; `classes` are SourceClass's; `since` and `until` are of the day of publication.

    What stands in "quotes" counts before all else: passages that hold the phrase (to the letter, and then of the same
    word stems) come first, and others only fill up what is left, for questions quote titles too. `reasoning` (what led
    to the query) helps the dense side only. A query of nothing but white space finds nothing. `meant` is the query's
    vector, where it is known already.

    Where a reranker is configured, it is asked in the hybrid mode (the other two show one side alone), and not where
    phrases are quoted: who quotes has said what is to come first. It has no say where it fails.
    """
    text = _clean(query)
    if not text or limit < 1:
        return []
    reranks = mode == "hybrid" and endpoints.reranker() is not None
    meant = meant or embedding.query(f"{text}\n{_clean(reasoning)}".strip())
    mode, vector = (mode if meant.known else "lexical"), meant.vector
    filters = Filters(
        sources=_sources(sources, collections),
        hosts=tuple(host.lower().removeprefix("www.") for host in hosts),
        languages=tuple(languages),
        classes=tuple(classes),
        since=since,
        until=until,
    )
    with transaction.atomic(), connection.cursor() as cursor:
        asked = Asked.of(cursor, text, filters, max(CANDIDATES, 2 * limit), meant)
        found = set() if mode == "dense" else _best_by_terms(asked)
        if mode != "lexical":
            found |= nearest(asked, vector)
        for holding in _holding(asked.terms.phrases):
            found |= nearest(asked, vector, holding)
        share = _lexical_share(mode, asked.terms)
        ranked = _ranked(_scored(asked, found, vector, vector), share)
        if mode == "hybrid" and ranked:
            ranked = _second_look(asked, vector, ranked, share)
        weighed = _weighed(ranked, text)
        texts = _texts(cursor, weighed[:RERANKED]) if reranks and not asked.terms.phrases else {}
        if len(texts) < 2:
            return _hits(cursor, diverse(weighed, limit))
    weighed = _reranked(text, weighed, texts)  # while a server thinks, no transaction is held open
    with connection.cursor() as cursor:
        return _hits(cursor, diverse(weighed, limit))


def languages() -> list[str]:
    """The languages that a search can be narrowed to."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["languages"])
        return [language for (language,) in cursor.fetchall()]


def similarity(query: str, texts: Sequence[str]) -> list[float]:
    """Cosine similarity of the query and each text, -1..1."""
    similarities: list[float] = (embed_passages(texts) @ embed_query(query)).tolist()
    return similarities


def diverse(ranked: Sequence[Scored], limit: int) -> list[Scored]:
    """The best `limit`, but of equal texts and of near-duplicates only one page, of a page two passages and of a web
    host half, while there are others.

    Those held back fill up what is left: a search in a single long document still gets all it asked for.
    """
    chosen: list[Scored] = []
    held_back: list[Scored] = []
    page_of_text: dict[str | int, int] = {}
    pages: Counter[int] = Counter()
    hosts: Counter[str] = Counter()
    per_host = max(3, limit // 2)
    for scored in ranked:
        candidate = scored[1]
        shown = page_of_text.setdefault(candidate.sha256, candidate.page)
        shown = page_of_text.setdefault(candidate.cluster, shown)
        if shown != candidate.page:
            continue  # the same text, or nearly, under another address
        if pages[candidate.page] >= PER_PAGE or (candidate.host and hosts[candidate.host] >= per_host):
            held_back.append(scored)
            continue
        pages[candidate.page] += 1
        hosts[candidate.host] += 1
        chosen.append(scored)
    chosen = chosen[:limit]
    chosen += held_back[: limit - len(chosen)]
    return sorted(chosen, key=_order)


def _sources(sources: Sequence[int], collections: Sequence[str]) -> tuple[int, ...]:
    """The ids of the sources that a search is narrowed to; where none fits, one that no source has."""
    if not collections:
        return tuple(sources)
    within = set(Source.objects.filter(collection__in=collections).values_list("id", flat=True))
    return tuple(within & set(sources) if sources else within) or (0,)


def nearest(asked: Asked, vector: Vectors, holding: str | None = None) -> set[int]:
    """The dense candidates, all of them or those holding a phrase: by the index where there are many passages to look
    at, else, and where the index comes back with too few, by looking at each."""
    filters = {"holding": holding, "vector": vector_text(vector)}
    if (asked.count(holding) if holding else asked.within) > EXACT_PASSAGES:
        by_index = "nearest_by_bits" if asked.meant.by_bits else "nearest_by_index"
        found = {passage for (passage,) in asked.run(by_index, **filters)}
        if len(found) == asked.candidates:
            return found
    return {passage for (passage,) in asked.run("nearest_exactly", **filters)}


def _holding(phrases: list[str]) -> set[str]:
    """What to look for because of the phrases: passages that hold them all, and such as hold any."""
    return {" & ".join(phrases), " | ".join(phrases)} if phrases else set()


def _best_by_terms(asked: Asked) -> set[int]:
    """The lexical candidates; none where the query has no term that the index knows."""
    if not asked.terms.candidates:
        return set()
    return {passage for (passage,) in asked.run("best_by_terms")}


def _scored(asked: Asked, found: set[int], vector: Vectors, moved: Vectors) -> list[Candidate]:
    rows = asked.run("score", ids=list(found), vector=vector_text(vector), moved=vector_text(moved))
    return [Candidate(*row) for row in rows]


def _second_look(asked: Asked, vector: Vectors, ranked: list[Scored], share: float) -> list[Scored]:
    """Ranked anew, with what the best passages resemble and what they name."""
    best = {candidate.passage: score for score, candidate in ranked[:FEEDBACK_PASSAGES]}
    rows = asked.run("best", ids=list(best))
    towards = _moved(vector, [(stored, best[passage]) for passage, stored, _text in rows if stored])
    named, found = _named(asked, towards, [(text, best[passage]) for passage, _stored, text in rows])
    found |= nearest(asked, towards)
    known = {candidate.passage: candidate for _score, candidate in ranked}
    closeness = dict(asked.run("closeness", ids=list(known), moved=vector_text(towards)))
    before = [candidate._replace(moved=closeness.get(passage, 0.0)) for passage, candidate in known.items()]
    return _ranked([*before, *_scored(asked, found - set(known), vector, towards)], share, named)


def _moved(vector: Vectors, best: Sequence[tuple[str, float]]) -> Vectors:
    """The query's vector, moved towards those of its best passages (as text, with their scores), the more the better
    they are."""
    trust = [score**FEEDBACK_TRUST for _stored, score in best]
    moved = vector.astype(float)
    for (stored, _score), weight in zip(best, trust, strict=True):
        moved += FEEDBACK * weight / (sum(trust) or 1.0) * np.array(json.loads(stored))
    unit: Vectors = (moved / np.linalg.norm(moved)).astype(np.float32)
    return unit


def _named(asked: Asked, towards: Vectors, best: Sequence[tuple[str, float]]) -> tuple[dict[int, float], set[int]]:
    """The pages that the best passages (as text, with their scores) name, each with the score of the passage that does,
    and passages of theirs."""
    runs = {run for text, _score in best for run in names.possible(text)}
    limits = {"passages": NAMED_PASSAGES, "namesakes": NAMESAKES}
    rows = asked.run("named", names=list(runs), vector=vector_text(towards), **limits)
    known = {name for name, _page, _passage in rows}
    score_of: dict[str, float] = {}
    for text, score in best:
        for name in names.held(text, known):
            score_of[name] = max(score, score_of.get(name, 0.0))
    named = {page: score_of[name] for name, page, _passage in rows if name in score_of}
    return named, {passage for name, _page, passage in rows if name in score_of}


def _lexical_share(mode: Mode, terms: Words) -> float:
    if mode == "hybrid":
        return max(LEXICAL_SHARE, ONE_WORD_SHARE / max(1, len(terms.queries)))
    return 0.0 if mode == "dense" else 1.0


def _ranked(candidates: Sequence[Candidate], share: float, named: Mapping[int, float] | None = None) -> list[Scored]:
    """The candidates with their scores, 0..1, best first; each side is spread over 0..1 before the two are added, and
    pages that were `named` gain by the score that they were named with.

    A phrase more outweighs any score: with one phrase quoted, who holds it has 0.5 to 1, the others 0 to 0.5.
    """
    dense = _spread([candidate.moved for candidate in candidates])
    lexical = _spread([candidate.lexical for candidate in candidates])
    scores = [(1 - share) * d + share * x for d, x in zip(dense, lexical, strict=True)]
    if named:
        gains = [NAMED * named.get(candidate.page, 0.0) for candidate in candidates]
        scores = [score + gain for score, gain in zip(scores, gains, strict=True)]
        highest = max([1.0, *scores])
        scores = [score / highest for score in scores]
    quoted = max((candidate.phrases for candidate in candidates), default=0)
    scores = [(candidate.phrases + score) / (quoted + 1) for candidate, score in zip(candidates, scores, strict=True)]
    return sorted(zip(scores, candidates, strict=True), key=_order)


def _spread(scores: Sequence[float]) -> list[float]:
    low, high = min(scores, default=0.0), max(scores, default=0.0)
    if low == high:  # one candidate, or one that is as good as the other
        return [1.0 if score > 0 else 0.0 for score in scores]
    return [(score - low) / (high - low) for score in scores]


def _weighed(ranked: Sequence[Scored], query: str) -> list[Scored]:
    """The candidates by their scores times their weights."""
    today = timezone.localdate()
    latest = asks_for_latest(query, today)
    weighed = [candidate._replace(weight=_weight(candidate, today, latest)) for _score, candidate in ranked]
    scores = [score * candidate.weight for (score, _unweighed), candidate in zip(ranked, weighed, strict=True)]
    return sorted(zip(scores, weighed, strict=True), key=_order)


def _weight(candidate: Candidate, today: date, latest: bool) -> float:
    weight = CLASS_WEIGHT.get(candidate.source_class, 1.0) * BOOST_WEIGHT**candidate.boost
    return weight * (1 + RECENT_WEIGHT * recency(candidate.published_on, today)) if latest else weight


def _texts(cursor: CursorWrapper, first: Sequence[Scored]) -> dict[int, str]:
    """What the reranker reads of these candidates: title, headings and text of each, as they are embedded."""
    cursor.execute(SQL["hits"], {"ids": [candidate.passage for _score, candidate in first]})
    texts: dict[int, str] = {}
    for passage, _snapshot, _start, _end, text, heading, title, *_more in cursor.fetchall():
        texts[passage] = passage_text(title, heading, text)
    return texts


def _reranked(query: str, weighed: Sequence[Scored], texts: Mapping[int, str]) -> list[Scored]:
    """The candidates ranked anew, those with `texts` (passage -> text) by what a server says of them, too; as they
    were, where it says nothing.

    Both relevances are spread over the same range and mixed, then weighed as before. The range begins at the best of
    those that were not read: the reranker orders what it has read, and that does not fall behind what it has not.
    """
    said = rerank(query, list(texts.values()))
    if not said or min(said) == max(said):
        return list(weighed)
    says = dict(zip(texts, said, strict=True))
    read = [
        (score / candidate.weight, candidate) for score, candidate in weighed[:RERANKED] if candidate.passage in says
    ]
    rest = weighed[RERANKED:]
    high = max(relevance for relevance, _candidate in read)
    low = min(high, rest[0][0]) if rest else 0.0
    fused = _spread([relevance for relevance, _candidate in read])
    reranked = _spread([says[candidate.passage] for _relevance, candidate in read])
    again: list[Scored] = []
    for ours, theirs, (_relevance, candidate) in zip(fused, reranked, read, strict=True):
        share = (1 - RERANKER_SHARE) * ours + RERANKER_SHARE * theirs
        score = (low + (high - low) * share) * candidate.weight
        again.append((score, candidate._replace(reranked=says[candidate.passage])))
    return sorted([*again, *rest], key=_order)


def _order(scored: Scored) -> tuple[float, int]:
    return -scored[0], scored[1].passage


def _hits(cursor: CursorWrapper, chosen: Iterable[Scored]) -> list[Hit]:
    scored = list(chosen)
    cursor.execute(SQL["hits"], {"ids": [candidate.passage for _score, candidate in scored]})
    rows = {row[0]: row[1:] for row in cursor.fetchall()}
    hits: list[Hit] = []
    for score, candidate in scored:
        if candidate.passage not in rows:
            continue  # its page was stored anew a moment ago
        snapshot, start, end, text, heading, title, url, source, language = rows[candidate.passage]
        hits.append(
            Hit(
                rank=len(hits) + 1,
                score=score,
                dense=candidate.dense,
                lexical=candidate.lexical,
                weight=candidate.weight,
                reranked=candidate.reranked,
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
                source_class=candidate.source_class,
                language=language,
                published_on=candidate.published_on,
            )
        )
    return hits


def _clean(text: str) -> str:
    """Without what neither PostgreSQL nor the tokenizer takes (NUL, lone surrogates), and not endless."""
    return text[:LONGEST_QUERY].replace("\0", " ").encode("utf-8", "replace").decode("utf-8").strip()
