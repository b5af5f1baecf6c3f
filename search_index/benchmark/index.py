"""How quickly documents that are there become passages that are found, by stage, each alone.

A crawl does several of these at a time and waits for the network besides: that is what crawl.py measures. Documents are
made up, of about a thousand words.
Called by `manage.py benchmark index`.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from search_index import embedding
from search_index.benchmark import stock
from search_index.benchmark.measured import per_second, timed
from search_index.benchmark.prose import Prose
from search_index.benchmark.stock import MINE, Progress
from search_index.extract import Extracted
from search_index.indexing import Ready, divided, judge, prepared
from search_index.models import EmbeddingModel, Page, Source
from search_index.store import store_many

DOCUMENTS = 400
PARAGRAPHS, WORDS = 10, 100
AT_ONCE = 16  # documents stored in one transaction, some 80 passages, as ingest.py does


def measure(documents: int, say: Progress) -> dict[str, Any]:
    """The figures of `benchmark index`. Raises BadSource where the index is somebody's."""
    stock.clear()
    source = Source.objects.create(name=f"{MINE}documents", kind=Source.Kind.FOLDER, location="/", keep_fresh=False)
    texts = list(_texts(documents))
    pages = Page.objects.bulk_create(Page(source=source, url=f"file:{source}/{at}") for at in range(documents))
    stages: dict[str, float] = {}

    def stage(name: str, work: Callable[[], Any]) -> Any:
        say(name)
        result, stages[name] = timed(work)
        return result

    judge(pages[0], texts[0])  # loads the model of languages
    embedding.query("warm up")  # and the one of vectors
    judged = stage(
        "judge", lambda: [judge(page, text, chosen=True)[0] for page, text in zip(pages, texts, strict=True)]
    )
    ready = stage("chunk", lambda: [divided(page, None, text) for page, text in zip(pages, judged, strict=True)])
    stage("store", lambda: _store(ready))
    stage("embed", lambda: _embed(embedding.serving(), source.pk, say))
    passages = sum(len(one.chunks) for one in ready)
    return {
        "documents": documents,
        "passages": passages,
        "passages_per_second": per_second(passages, sum(stages.values())),
        "stages": {
            name: {
                "seconds": round(seconds, 3),
                "documents_per_second": per_second(documents, seconds),
                "passages_per_second": per_second(passages, seconds),
            }
            for name, seconds in stages.items()
        },
    }


def _texts(documents: int) -> Iterator[Extracted]:
    prose = Prose()
    for number in range(documents):
        text = prose.text(np.random.default_rng([6, number]))
        yield Extracted("\n\n".join(prose.paragraph(text, WORDS) for _one in range(PARAGRAPHS)), prose.title(text))


def _store(ready: list[Ready]) -> None:
    waiting = iter(ready)
    while batch := list(islice(waiting, AT_ONCE)):
        store_many(None, prepared(batch))


def _embed(model: EmbeddingModel, source: int, say: Progress) -> None:
    made = 0
    while filled := embedding.fill(model, source=source).passages:
        made += filled
        say(_("%d vectors") % made)
