"""Measures retrieval on a BEIR folder: corpus.jsonl, queries.jsonl, qrels/test.tsv.

Figures are of documents: a document's rank is that of its best passage. Every mode runs through the same search() that
people and runs use, one query at a time, and is timed there, the query's embedding included.
Called by `manage.py evaluate retrieval`.
"""

import asyncio
import csv
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any, get_args

from django.utils.translation import gettext as _

from config import loop
from config.loop import in_thread
from search_index import crawl, sources
from search_index.errors import BadSource, SourceFailed
from search_index.models import Crawl, Passage, Source
from search_index.query import Mode, search

DEPTH = 100  # of the ranking that is looked at
RECALL = (2, 5, 10, 20, 100)
ALL_GOLD = (5, 10)
PROGRESS_SECONDS = 5

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Question:
    """One query of a dataset, and how relevant the documents are that answer it (id -> grade above 0)."""

    text: str
    gold: Mapping[str, float]


def retrieval(folder: Path, limit: int | None, progress: Progress) -> dict[str, Any]:
    """The figures of `evaluate retrieval --json`, over the first `limit` queries (None: all); the folder is indexed
    first where it is not yet. Raises BadSource where it is no BEIR folder, SourceFailed where indexing failed."""
    asked = questions(folder)[:limit]
    source, indexed = index(folder, progress)
    figures: dict[str, Any] = {
        "dataset": folder.name,
        "queries": len(asked),
        "passages": Passage.objects.filter(source=source).count(),
    }
    for mode in get_args(Mode):
        progress(_("%(mode)s: %(count)d queries") % {"mode": mode, "count": len(asked)})
        figures[mode] = _measure(asked, source, mode)
    return figures | {"index_passages_per_second": _speed(indexed)}


def questions(folder: Path) -> list[Question]:
    """The queries that have relevant documents. Raises BadSource where the files are missing or not BEIR's."""
    try:
        gold: dict[str, dict[str, float]] = {}
        with (folder / "qrels" / "test.tsv").open(newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if float(row["score"]) > 0:
                    gold.setdefault(row["query-id"], {})[row["corpus-id"]] = float(row["score"])
        with (folder / "queries.jsonl").open() as file:
            asked = [json.loads(line) for line in file]
        return [Question(query["text"], gold[query["_id"]]) for query in asked if query["_id"] in gold]
    except OSError as error:
        raise BadSource("folder", _("%s is not a BEIR dataset: it cannot be read.") % error.filename) from error
    except (ValueError, KeyError, TypeError) as error:
        what = {"folder": folder, "error": repr(error)}
        raise BadSource("format", _("%(folder)s is not a BEIR dataset: %(error)s.") % what) from error


def index(folder: Path, progress: Progress) -> tuple[Source, Crawl]:
    """The folder's source, and the crawl that indexed it; crawled here and now where no crawl has finished yet, beside
    or instead of a worker that may have taken it. Raises BadSource, SourceFailed."""
    source = sources.add(str(folder), kind=Source.Kind.BEIR)
    done = source.crawls.filter(state=Crawl.State.DONE)
    if not done.exists():
        if source.paused:
            raise SourceFailed("paused", _("The source %s is paused: resume it first.") % source)
        loop.run(_crawled(crawl.start(source), progress))
    last = source.crawls.latest("created_at")
    if last.state != Crawl.State.DONE:
        raise SourceFailed("crawl", last.error or _("The indexing of %s was stopped.") % source)
    return source, done.earliest("created_at")


def document_id(url: str) -> str:
    """The dataset's id of a page of kind beir, whose address is beir:SOURCE/ID."""
    return url.removeprefix("beir:").partition("/")[2]


async def _crawled(row: Crawl, progress: Progress) -> None:
    """Wait until the crawl has ended; work on it here unless a worker does."""
    while row.state in crawl.UNDER_WAY:
        working = asyncio.create_task(crawl.crawl(row.pk))
        while not (await asyncio.wait({working}, timeout=PROGRESS_SECONDS))[0]:
            await in_thread(row.refresh_from_db)
            counts = {"documents": row.fetched, "passages": row.passages}
            progress(_("indexing: %(documents)d documents, %(passages)d passages") % counts)
        await working
        await in_thread(row.refresh_from_db)
        if row.state in crawl.UNDER_WAY:  # a worker has it
            await asyncio.sleep(1)


def metrics(ranking: Sequence[str], gold: Mapping[str, float]) -> dict[str, float]:
    """The figures of one query: `ranking` is document ids, best first, each once; `gold` id -> grade above 0."""
    grades = [gold.get(document, 0.0) for document in ranking]
    best = sorted(gold.values(), reverse=True)
    first = next((rank for rank, grade in enumerate(grades[:10], 1) if grade), None)
    found = {k: sum(1 for grade in grades[:k] if grade) for k in {*RECALL, *ALL_GOLD}}
    return {
        "ndcg@10": _gain(grades[:10]) / _gain(best[:10]),
        **{f"recall@{k}": found[k] / len(gold) for k in RECALL},
        **{f"all_gold@{k}": float(found[k] == len(gold)) for k in ALL_GOLD},
        "mrr@10": 1 / first if first else 0.0,
    }


def _gain(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _measure(asked: Sequence[Question], source: Source, mode: Mode) -> dict[str, float]:
    search("warm up", sources=[source.pk], mode=mode)
    figures, milliseconds = [], []
    for question in asked:
        started = time.perf_counter()
        hits = search(question.text, limit=DEPTH, sources=[source.pk], mode=mode)
        milliseconds.append((time.perf_counter() - started) * 1000)
        ranking = list(dict.fromkeys(document_id(hit.url) for hit in hits))
        figures.append(metrics(ranking, question.gold))
    names = figures[0] if figures else {}
    percentiles = quantiles(milliseconds, n=20, method="inclusive") if len(milliseconds) > 1 else milliseconds * 19
    return {
        **{name: round(fmean(figure[name] for figure in figures), 4) for name in names},
        "p50_ms": round(percentiles[9], 1),
        "p95_ms": round(percentiles[18], 1),
    }


def _speed(indexed: Crawl) -> float:
    """Passages a second, from the crawl's claim to its end: reading, dividing, embedding and storing."""
    if indexed.started_at is None or indexed.finished_at is None:
        return 0.0
    return round(indexed.passages / (indexed.finished_at - indexed.started_at).total_seconds(), 1)
