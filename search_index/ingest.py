"""Reads the documents of a local source (folder, file, BEIR dataset) at the speed of the embedding; no network at all.

Documents are queued as pages first, so that it can be seen how many there are; then they are read in batches, and a
batch is stored in one transaction. A document that is read is no longer queued: a killed pass goes on at the next one.
Called by crawl.py.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext as _

from config.loop import in_thread
from search_index import frontier, lease, quarantine, sources
from search_index.errors import IndexFailure, LostLease, SourceFailed
from search_index.extract import Extracted
from search_index.extract.document import normalised, one_line
from search_index.extract.sandbox import extracted
from search_index.indexing import Ready, divided, embedded, lack
from search_index.lease import Held, Paused
from search_index.models import Page
from search_index.sources import Document
from search_index.store import store_many, store_unchanged

BATCH = 64  # documents read at once
PASSAGES = 64  # embedded together and stored in one transaction: some seconds of work, so that progress shows

log = logging.getLogger(__name__)


async def ingest(held: Held) -> None:
    """Read every queued document of the source. Raises BadSource where the source cannot be read any more."""
    await in_thread(_queue, held)
    await _read_all(held)
    if await in_thread(quarantine.waits, held.source):
        await _read_all(held)
    await in_thread(_forget_the_rest, held)


async def _read_all(held: Held) -> None:
    """Read every document that waits, and store it."""
    documents = sources.documents(held.source)
    while batch := await in_thread(_next_batch, documents):
        if await in_thread(frontier.paused, held.source):
            raise Paused
        waiting = await in_thread(_waiting, held, batch)
        results = await asyncio.gather(*[_read(held, page, document) for page, document in waiting])
        for ready in _groups([one for one in results if one is not None]):
            await in_thread(store_many, held.crawl, held.epoch, await embedded(ready))


def _queue(held: Held) -> None:
    """Queue the documents that are not known yet, as many as the source takes."""
    documents = islice(sources.documents(held.source), held.source.max_pages)
    for batch in _batches(documents, frontier.SEED_BATCH):
        with transaction.atomic():
            frontier.add(held, [document.url for document in batch])
            lease.check(held)


def _next_batch(documents: Iterator[Document]) -> list[Document]:
    return list(islice(documents, BATCH))


def _waiting(held: Held, batch: Sequence[Document]) -> list[tuple[Page, Document]]:
    """Those of the documents that this pass has still to read."""
    by_url = {document.url: document for document in batch}
    queued = Page.objects.filter(source=held.source, state=Page.State.QUEUED, url__in=by_url).order_by("id")
    return [(page, by_url[page.url]) for page in queued]


async def _read(held: Held, page: Page, document: Document) -> Ready | None:
    """One document, read and divided; None where it is unchanged, or was given up (which is recorded)."""
    try:
        text = await _text(held, page, document)
        known = page.snapshot_id is not None
        if known and await in_thread(store_unchanged, page, held.crawl, held.epoch, None, text.text):
            return None
        return await in_thread(divided, page, None, text)
    except LostLease:
        raise
    except OSError as error:
        failure: IndexFailure = SourceFailed("file", _("The file cannot be read: %s.") % error.strerror)
    except IndexFailure as known:
        failure = known
    except Exception as error:  # one document must not end the crawl: it is recorded on its page
        log.exception("%s failed.", document.url)
        failure = SourceFailed("crash", f"{type(error).__name__}: {error}")
    await in_thread(frontier.give_up, held, page, failure)
    return None


async def _text(held: Held, page: Page, document: Document) -> Extracted:
    if document.path is None:
        text = Extracted(normalised(document.text).strip() or one_line(document.title), one_line(document.title))
    else:
        location = Path(held.source.location)
        root = location if location.is_dir() else location.parent
        body, content_type = await in_thread(sources.read_file, root, document.path)
        quarantine.check(page, body)
        text = await quarantine.watched(page, body, extracted(body, content_type, document.url))
    if failure := lack(text):
        raise failure
    return text


def _forget_the_rest(held: Held) -> None:
    """What is still queued is no longer there (or beyond the limit): what was in the index goes out of it."""
    missing = SourceFailed("missing", _("It is no longer in the source."))
    with transaction.atomic():
        frontier.gone(held, Page.objects.filter(source=held.source, state=Page.State.QUEUED), missing)


def _groups(ready: Sequence[Ready]) -> Iterator[list[Ready]]:
    """The documents in groups of about PASSAGES passages, none of them empty."""
    group: list[Ready] = []
    for one in ready:
        group.append(one)
        if sum(len(each.chunks) for each in group) >= PASSAGES:
            yield group
            group = []
    if group:
        yield group


def _batches(documents: Iterable[Document], size: int) -> Iterator[list[Document]]:
    documents = iter(documents)
    while batch := list(islice(documents, size)):
        yield batch
