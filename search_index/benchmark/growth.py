"""What becomes of the search as the index grows: the same figures at each size, and what it takes of the disk.

The index grows by the same passages (stock.py), so that each size holds the one before. Indexes are made anew at each.
Called by `manage.py benchmark growth`.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from search_index.benchmark import search, stock
from search_index.benchmark.measured import timed
from search_index.benchmark.stock import Progress
from search_index.models import Passage
from search_index.sql import SQL

SIZES = (10_000, 100_000, 1_000_000)  # passages


def measure(sizes: Sequence[int], queries: int, say: Progress) -> dict[str, Any]:
    """The figures of `benchmark growth`, the sizes in rising order. Raises BadSource where the index is somebody's."""
    if Passage.objects.count() > min(sizes):
        stock.clear()
    steps = []
    for size in sizes:
        _nothing, seconds = timed(stock.fill, size, say)
        steps.append({**search.figures(queries, say), "fill_seconds": round(seconds, 1), "disk": _disk(size)})
        say(_("%d passages: done") % size)
    return {"sizes": steps, "growth": _growth(*steps[-2:]) if len(steps) > 1 else {}}


def _growth(before: dict[str, Any], after: dict[str, Any]) -> dict[str, float]:
    """How many times as many passages the last step brought, and how many times as long the searches take."""
    ways = {f"{way}_p95": after[way]["p95_ms"] / before[way]["p95_ms"] for way in ("hybrid", "common_terms")}
    return {
        name: round(times, 2) for name, times in ({"passages": after["passages"] / before["passages"]} | ways).items()
    }


def _disk(passages: int) -> dict[str, int]:
    """Bytes: of all tables with their indexes, of the two large indexes, and of all for each passage."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["relations"], {})
        total = sum(int(row[4]) for row in cursor.fetchall())
        cursor.execute(SQL["indexes"], {"most": 100})
        sizes = {str(name): int(size) for _table, name, size, _used in cursor.fetchall()}
    hnsw = sum(size for name, size in sizes.items() if name.startswith(("vector_of_model_", "vector_bits_of_model_")))
    return {"total": total, "hnsw": hnsw, "terms": sizes.get("passage_lexemes", 0), "per_passage": total // passages}
