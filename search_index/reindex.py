"""The operator's larger deeds: read a source from scratch, take a refused page after all.

Each says beforehand what comes of it. Blocking; never fetches: the crawl that it begins does. Called by
search_index/admin.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from search_index import crawl
from search_index.models import Page, Passage, Source


@dataclass(frozen=True)
class Cost:
    """What reading a source from scratch means."""

    pages: int
    passages: int
    at_least: timedelta  # what its manners make of it, with one host


def cost(source: Source) -> Cost:
    """What reindex() will have to read."""
    pages = min(source.pages.count(), source.max_pages)
    return Cost(pages, Passage.objects.filter(source=source).count(), timedelta(seconds=pages * source.delay))


def reindex(source: Source) -> None:
    """Forget what makes a crawl skip a page (validators, hashes, signals, a quarantine), end the pass under way and
    begin one that reads and judges all. The search goes on with what it has until a page is read."""
    with transaction.atomic():
        crawl.stop(source)
        source.pages.update(etag="", last_modified="", body_sha256="", signals={}, crashes=0)
        crawl.start(source)


def read_again(source: Source) -> None:
    """Have the next crawl read every page in full, for the links that it left aside until now: a page that says the
    same keeps its passages and their vectors."""
    source.pages.update(etag="", last_modified="", body_sha256="")


def take_anyway(page: Page) -> None:
    """Have the page in the index, whatever its text is judged to be; a crawl of its source reads it."""
    with transaction.atomic():
        Page.objects.filter(pk=page.pk).update(
            override=True,
            state=Page.State.QUEUED,
            attempts=0,
            due_at=None,
            etag="",
            last_modified="",
            body_sha256="",
        )
        if page.source.kind != Source.Kind.LIVE and not page.source.paused:
            crawl.start(page.source)


def judge_again(page: Page) -> None:
    """Take the operator's word back: the next crawl judges the page by its text."""
    Page.objects.filter(pk=page.pk).update(override=False, etag="", last_modified="", body_sha256="", signals={})
