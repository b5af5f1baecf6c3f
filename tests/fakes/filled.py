"""An index with something of everything in it, for the operator's pages: sources that fare well and badly, crawls with
their reasons, copies and a contradiction, pages refused for their text, hosts of every standing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from search_index.chunk import Chunk
from search_index.embed import DIMENSIONS
from search_index.extract import Extracted
from search_index.models import Crawl, Departure, Host, Page, Passage, Snapshot, Source
from tests.fakes.index import store

FIRST, SECOND = "Alpha keeps jobs in rows.", "Beta tries them again."
TEXT = f"Preface\n\n{FIRST}\n\n{SECOND}\n"
SIGNALS = {"words": 812, "top_word": 0.213, "repeated_lines": 0.44, "rule": "repetition"}


@dataclass(frozen=True)
class Filled:
    """What the tests point at."""

    docs: Source
    broken: Source
    shown: Page
    copy: Page
    contradiction: Page
    refused: Page


def put(source: Source, url: str, text: str = TEXT, title: str = "A page", **fields: object) -> Page:
    """A page that is in the index with two passages and their vectors."""
    page = Page.objects.create(source=source, url=url)
    starts = [text.index(FIRST), text.index(SECOND)]
    chunks = [Chunk(starts[0], starts[0] + len(FIRST), "Guide"), Chunk(starts[1], starts[1] + len(SECOND), "")]
    store(page, Extracted(text, title), chunks, np.eye(2, DIMENSIONS, dtype=np.float32))
    Page.objects.filter(pk=page.pk).update(**fields)
    page.refresh_from_db()
    return page


def refuse(source: Source, url: str, reason: str = "robots", state: str = "refused", **fields: object) -> Page:
    """A page that is not in the index."""
    given = {"detail": f"Why {url} is not there.", "tried_at": timezone.now(), **fields}
    return Page.objects.create(source=source, url=url, state=state, reason=reason, **given)


def past_crawl(source: Source, days_ago: float, state: str = "done", **fields: object) -> Crawl:
    """A crawl that is over."""
    ended = timezone.now() - timedelta(days=days_ago)
    given = {"started_at": ended - timedelta(minutes=3), "finished_at": ended, "fetched": 30, **fields}
    crawl = Crawl.objects.create(source=source, state=state, **given)
    Crawl.objects.filter(pk=crawl.pk).update(created_at=ended - timedelta(minutes=4))
    return crawl


def filled(size: int = 6) -> Filled:
    """The index; `size` says how many pages and hosts of each sort beyond the named ones."""
    now = timezone.now()
    docs = Source.objects.create(
        name="Docs of the example project",
        kind="site",
        location="https://docs.example/",
        collection="Manuals",
        source_class="primary",
        boost=1,
        crawl_every=timedelta(days=3, hours=4),
        next_crawl_at=now + timedelta(days=2),
    )
    broken = Source.objects.create(
        name="A feed that fails", kind="feed", location="https://news.example/feed.xml", keep_fresh=False
    )
    Source.objects.create(name="Resting", kind="site", location="https://rest.example/", paused=True)
    for age, robots, thin in ((30, 2, 9), (24, 2, 7), (18, 5, 7), (12, 5, 3), (6, 14, 3), (1, 4, 3)):
        past_crawl(
            docs,
            age,
            refused=robots + thin,
            reasons={"robots": robots, "thin": thin, "timeout": age % 4},
            seconds={"fetch": 31.2, "extract": 12.5, "judge": 4.25, "store": 8.0, "embed": 160.5},
        )
    past_crawl(broken, 2, state="failed", error="The feed answered with 500, three times in a row.", fetched=0)
    shown = put(docs, "https://docs.example/guide", title="Installing the example project")
    Page.objects.filter(pk=shown.pk).update(cluster=shown.pk)
    copy = put(docs, "https://mirror.example/guide", cluster=shown.pk)
    contradiction = put(
        docs,
        "https://spam.example/guide",
        cluster=shown.pk,
        conflict="“keeps 3 jobs” there, “keeps 5 jobs” here; “is not deleted” there, “is deleted” here.",
    )
    refused = refuse(docs, "https://docs.example/cheap-pills", "spam", signals=SIGNALS)
    for number in range(size):
        put(docs, f"https://docs.example/guide/a-chapter-with-a-rather-long-name-{number}", title=f"Chapter {number}")
        refuse(docs, f"https://docs.example/tags/{number}", "thin", signals={"words": number})
        refuse(docs, f"https://docs.example/private/{number}")
        refuse(docs, f"https://docs.example/slow/{number}", "timeout", "failed")
        Host.objects.create(name=f"blocked-{number}.example", standing="blocked", reason="Sells pills.")
    Host.objects.create(name="docs.example", boost=1, source_class="primary", seconds=0.2)
    Host.objects.create(name="calendar.example", standing="trap", reason="Of 50 pages, 48 were days of one calendar.")
    Host.objects.create(name="spam.example", standing="poison", reason="3 of its copies contradict their originals.")
    return Filled(docs, broken, shown, copy, contradiction, refused)


def depart(**changes: Any) -> Departure:
    """A request that came to the egress door just now."""
    given = {"at": timezone.now(), "whose": "site", "host": "docs.example", "port": 443, "verdict": "passed"}
    return Departure.objects.create(**{**given, "up": 500, "down": 20_000, "milliseconds": 80, **changes})


def counts() -> tuple[int, ...]:
    """How many rows of each sort there are."""
    return tuple(model.objects.count() for model in (Source, Page, Snapshot, Passage, Host))
