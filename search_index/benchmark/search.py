"""How quick the search is, and how much of what is nearest its approximate half finds, on passages that are made up.

Queries are made up like the passages (stock.py), and so are their vectors: no model is needed, and none slows the
measurement. Whoever searches has to have the query embedded as well: that is timed apart, and together. Recall is
against the exact scan of the same vectors: the search scores all its candidates (100) exactly, so what counts is
whether the nearest ten are among them (recall@10); recall@100 is of the candidates themselves. Filters are by source,
and each source's passages lie all over the space, near the query and far from it.
Called by `manage.py benchmark search` and by growth.py.
"""

from collections.abc import Callable
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction
from django.utils.translation import gettext as _

from search_index import embedding, query
from search_index.benchmark import stock
from search_index.benchmark.measured import percentiles, timed
from search_index.benchmark.prose import Prose
from search_index.benchmark.space import Space
from search_index.benchmark.stock import Progress
from search_index.embed import vector_text
from search_index.embedding import QueryVector
from search_index.models import Passage
from search_index.query import CANDIDATES, Asked
from search_index.values import Filters

PASSAGES, QUERIES = 200_000, 200
WARM_UP = 20  # queries that are not counted: what they touch is in memory then
COMMON_TERMS = 6


class Query(NamedTuple):
    """What is asked: a sentence, some of the most common words, and what the sentence means."""

    sentence: str
    common: str
    meant: QueryVector


def measure(passages: int, queries: int, say: Progress) -> dict[str, Any]:
    """The figures of `benchmark search`. Raises BadSource where the index is somebody's."""
    stock.fill(passages, say)
    return figures(queries, say)


def figures(queries: int, say: Progress) -> dict[str, Any]:
    """The same of the index as it is filled."""
    before, asked = _queries(2, WARM_UP), _queries(3, queries)
    found: dict[str, Any] = {"passages": Passage.objects.count(), "queries": queries, "recall": {}}
    for part, only in {
        "all": Filters(),
        **{part: _only(part) for part in ("tenth", "hundredth", "thousandth")},
    }.items():
        say(_("approximate against exact: %s of the passages") % part)
        found["recall"][part] = _recall(before[:3], asked, only)
    ways: dict[str, Callable[[Query], object]] = {
        "hybrid": lambda one: query.search(one.sentence, meant=one.meant),
        "common_terms": lambda one: query.search(one.common, mode="lexical", meant=one.meant),
        "embedding": lambda one: embedding.query(one.sentence),
        "hybrid_with_embedding": lambda one: query.search(one.sentence),
    }
    for way, search in ways.items():
        say(_("%(way)s: %(queries)d queries") % {"way": way, "queries": queries})
        for one in before:
            search(one)
        found[way] = percentiles([timed(search, one)[1] for one in asked])
    return found


def _queries(seed: int, count: int) -> list[Query]:
    model = embedding.serving()
    prose, space = Prose(), Space(model.dimensions)
    made = []
    for number in range(count):
        by = np.random.default_rng([seed, number])
        (vector,) = space.page(by, 1)
        meant = QueryVector(vector, True, model.pk, model.dimensions, model.by_bits)
        common = " ".join(prose.common(by, COMMON_TERMS))
        made.append(Query(prose.paragraph(prose.text(by), int(by.integers(6, 13))), common, meant))
    return made


def _only(part: str) -> Filters:
    return Filters(sources=(stock.source(part),))


def _recall(before: list[Query], asked: list[Query], only: Filters) -> dict[str, Any]:
    """Of one filter: how much of the exact result the search finds, and how long its approximate half takes."""
    for one in before:
        _nearest(one, only)
    compared = [_nearest(one, only) for one in asked]
    return {
        "passages": Passage.objects.filter(source__in=only.sources).count()
        if only.sources
        else Passage.objects.count(),
        "recall@10": round(fmean(_held(found, exact[:10]) for found, exact, _seconds in compared), 4),
        f"recall@{CANDIDATES}": round(fmean(_held(found, exact) for found, exact, _seconds in compared), 4),
        **percentiles([seconds for _found, _exact, seconds in compared]),
    }


def _nearest(one: Query, only: Filters) -> tuple[set[int], list[int], float]:
    """The passages that the search finds by the query's vector, those that are the nearest in truth (in their order),
    and the seconds that the search took."""
    with transaction.atomic(), connection.cursor() as cursor:
        asked = Asked.of(cursor, one.sentence, only, CANDIDATES, one.meant)
        found, seconds = timed(query.nearest, asked, one.meant.vector)
        rows = asked.run("nearest_exactly", vector=vector_text(one.meant.vector))
    return found, [passage for (passage,) in rows], seconds


def _held(found: set[int], exact: list[int]) -> float:
    return len(found.intersection(exact)) / max(len(exact), 1)
