"""Reads the documents of a local source (folder, file, upload, archive, BEIR dataset); no network at all.

First all documents are looked over: those that are new or have changed are queued as pages, so that it can be seen how
many there are; what has not changed, by size and time, is neither read nor written. Then the queued ones are read in
batches, and a batch is stored in one transaction. A document that is read is no longer queued: a killed pass goes on at
the next one.
Called by crawl.py.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from typing import TypeVar

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.loop import in_thread
from search_index import frontier, lease, quarantine, sources
from search_index.errors import IndexFailure, LostLease, Refused, SourceFailed
from search_index.extract import Extracted
from search_index.extract.document import normalised, one_line, unseen
from search_index.extract.sandbox import extracted
from search_index.fetch import Fetched
from search_index.indexing import Ready, divided, judge, prepared
from search_index.lease import Held, Paused
from search_index.likeness import CHOSEN
from search_index.models import Page, Source
from search_index.sources import Document
from search_index.store import store_many, store_unchanged

BATCH = 64  # documents taken up together
AT_ONCE = 8  # of them read at the same time: a document may be 30 MB
PASSAGES = 64  # stored in one transaction
CONTAINER = "container"  # the reason for which a file that holds documents is not in the index itself
# Reasons that may be another one's fault: such a document is read again though it is the same.
AGAIN = ("crash", "file")
State = Page.State
T = TypeVar("T")

log = logging.getLogger(__name__)


async def ingest(held: Held) -> None:
    """Read every document of the source that is new or has changed. Raises BadSource where it cannot be read at all."""
    await in_thread(_begin, held)
    walk = _Walk(held)
    await in_thread(walk.run)
    await _read_all(held)
    if await in_thread(quarantine.waits, held.source):
        await _read_all(held)
    await in_thread(walk.end)


async def _read_all(held: Held) -> None:
    """Read every document that waits, and store it."""
    documents = _waiting(held)
    turn = asyncio.Semaphore(AT_ONCE)
    while batch := await in_thread(_next_batch, documents):
        if await in_thread(frontier.paused, held.source):
            raise Paused
        pages = await in_thread(_pages, held, batch)
        results = await asyncio.gather(*[_read(held, page, document, turn) for page, document in pages])
        for ready in _groups([one for one in results if one is not None]):
            with held.stages.timed("store"):
                await in_thread(store_many, held, prepared(ready))


def _begin(held: Held) -> None:
    """What the source's files are like now is noted before they are read: if they change meanwhile, the next look at
    them sees it."""
    stamp = sources.stamp(held.source)
    with transaction.atomic():
        lease.begin(held)
        Source.objects.filter(pk=held.source.pk).update(stamp=stamp)


class _Walk:
    """One look over all documents of the source."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.room = held.source.max_pages
        self.unchanged = 0
        self.missing: set[int] = set()  # pages that were known before, until they are seen

    def run(self) -> None:
        """Queue what is to be read."""
        self.missing = set(Page.objects.filter(source=self.held.source).values_list("pk", flat=True))
        documents = sources.documents(self.held.source)
        while self.room > 0 and (batch := list(islice(documents, frontier.SEED_BATCH))):
            with transaction.atomic():
                self._look(document for document in batch if not document.container)
                lease.check(self.held)
            for document in batch:
                if document.container:
                    with transaction.atomic():  # the file is noted as known only together with all that it holds
                        self._open(document)
                        lease.check(self.held)

    def end(self) -> None:
        """What is no longer there (or beyond the limit) goes out of the index; what has not changed is counted."""
        missing = SourceFailed("missing", _("It is no longer in the source."))
        pages = Page.objects.filter(source=self.held.source).exclude(state=State.GONE)
        with transaction.atomic():
            for ids in _batches(sorted(self.missing), frontier.SEED_BATCH):
                frontier.gone(self.held, pages.filter(pk__in=ids), missing)
            frontier.gone(self.held, pages.filter(state=State.QUEUED), missing)
            lease.count(self.held, unchanged=self.unchanged)

    def _look(self, documents: Iterable[Document], container: Document | None = None) -> int:
        """Queue those of the documents that are new or have changed. Returns how many there are."""
        count = 0
        for batch in _batches(documents, frontier.SEED_BATCH):
            inside = batch[: max(self.room, 0)]
            self.room -= len(inside)
            count += len(inside)
            found_on = container.url if container else ""
            pages = Page.objects.filter(source=self.held.source, url__in=[document.url for document in inside])
            known = {page.url: page for page in pages.defer("signals", "bands")}
            self._queue_new([document for document in inside if document.url not in known], found_on)
            self._queue_changed([(known[one.url], one) for one in inside if one.url in known], found_on)
        return count

    def _queue_new(self, documents: Sequence[Document], found_on: str) -> None:
        source, crawl = self.held.source, self.held.crawl
        rows = [Page(source=source, crawl=crawl, url=one.url, etag=one.stamp, found_on=found_on) for one in documents]
        Page.objects.bulk_create(rows, ignore_conflicts=True)

    def _queue_changed(self, known: Sequence[tuple[Page, Document]], found_on: str) -> None:
        changed = []
        for page, document in known:
            self.missing.discard(page.pk)
            if page.found_on != found_on and page.etag > document.stamp and document.part is not None:
                continue  # another archive has it, fetched later
            if page.state != State.QUEUED and page.etag == document.stamp and not _try_again(page):
                self.unchanged += page.state == State.INDEXED and page.crawl_id != self.held.crawl.pk
                continue
            page.state, page.etag, page.found_on, page.crawl = State.QUEUED, document.stamp, found_on, self.held.crawl
            page.attempts, page.due_at = 0, None
            changed.append(page)
        Page.objects.bulk_update(changed, ["state", "etag", "found_on", "crawl", "attempts", "due_at"], batch_size=500)

    def _open(self, document: Document) -> None:
        """Queue the documents of a file that holds documents; one that is as it was is not even opened."""
        page, _made = Page.objects.get_or_create(source=self.held.source, url=document.url)
        self.missing.discard(page.pk)
        if page.reason == CONTAINER and page.etag == document.stamp:
            held = Page.objects.filter(source=self.held.source, found_on=document.url).exclude(state=State.GONE)
            known = held.values_list("pk", "state", "crawl_id")
            self.room -= len(known)
            self.missing.difference_update(pk for pk, _state, _crawl in known)
            self.unchanged += sum(state == State.INDEXED and crawl != self.held.crawl.pk for _pk, state, crawl in known)
            return
        if page.state == State.FAILED and page.etag == document.stamp and not _try_again(page):
            return
        page.etag, page.crawl = document.stamp, self.held.crawl
        try:
            with transaction.atomic():
                count = self._look(sources.inside(document), document)
        except OSError as error:
            self._broken(page, SourceFailed("file", _("The file cannot be read: %s.") % error.strerror))
        except (SourceFailed, Refused) as failure:
            self._broken(page, failure)
        else:
            page.state, page.reason = State.REFUSED, CONTAINER
            says = ngettext("It holds %d document, a page of its own.", "It holds %d documents, each a page.", count)
            page.detail = says % count
            page.save()

    def _broken(self, page: Page, failure: IndexFailure) -> None:
        page.save(update_fields=["etag", "crawl"])
        frontier.give_up(self.held, page, failure)


def _try_again(page: Page) -> bool:
    return page.state == State.GONE or (page.state == State.FAILED and page.reason in AGAIN)


def _waiting(held: Held) -> Iterator[Document]:
    """The documents that this pass has to read."""
    queued: Mapping[str, str] = dict(
        Page.objects.filter(source=held.source, state=State.QUEUED).values_list("url", "etag")
    )
    holding = set(
        Page.objects.filter(~Q(found_on=""), source=held.source, state=State.QUEUED).values_list("found_on", flat=True)
    )
    for document in sources.documents(held.source) if queued else ():
        if document.url in queued:
            yield document
        elif document.container and document.url in holding:
            yield from (part for part in sources.inside(document) if queued.get(part.url) == part.stamp)


def _next_batch(documents: Iterator[Document]) -> list[Document]:
    return list(islice(documents, BATCH))


def _pages(held: Held, batch: Sequence[Document]) -> list[tuple[Page, Document]]:
    """The documents with their pages, as far as those still wait to be read."""
    by_url = {document.url: document for document in batch}
    queued = Page.objects.filter(source=held.source, state=State.QUEUED, url__in=by_url).order_by("id")
    return [(page, by_url[page.url]) for page in queued]


async def _read(held: Held, page: Page, document: Document, turn: asyncio.Semaphore) -> Ready | None:
    """One document, read and divided; None where it is unchanged, or was given up (which is recorded)."""
    try:
        async with turn:
            text = await _text(held, page, document)
        archived = _archived(page, document)
        if page.snapshot_id is not None:
            said = None if text is None else text.text
            with held.stages.timed("store"):
                if await in_thread(store_unchanged, held, page, archived, said):
                    return None
        assert text is not None, "a page whose bytes are known has a snapshot"
        return await in_thread(divided, page, archived, text)
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


async def _text(held: Held, page: Page, document: Document) -> Extracted | None:
    """What the document says; None where its bytes are those that were read the last time."""
    if document.path is None:
        said = normalised(document.text).strip() or one_line(document.title)
        text = Extracted(said, one_line(document.title), flags=unseen(document.text))
    else:
        with held.stages.timed("fetch"):
            body, content_type = await in_thread(sources.read, held.source, document)
        digest = sha256(body).hexdigest()
        if page.snapshot_id is not None and page.body_sha256 == digest:
            return None
        quarantine.check(page, body)
        with held.stages.timed("extract"):
            text = await quarantine.watched(page, body, extracted(body, content_type, document.url))
        page.body_sha256, page.content_type = digest, content_type[:100]
    with held.stages.timed("judge"):
        text, failure = await in_thread(judge, page, text, chosen=held.source.kind in CHOSEN)
    if failure:
        raise failure
    return text


def _archived(page: Page, document: Document) -> Fetched | None:
    """What an archive says of how its page was fetched; None for other documents."""
    if document.part is None or document.part.fetched_at is None:
        return None
    return Fetched(
        url=document.url,
        final_url=document.url,
        status=200,
        content_type=page.content_type,
        body=b"",
        etag=document.stamp,
        last_modified="",
        not_modified=False,
        at=document.part.fetched_at,
    )


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


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
