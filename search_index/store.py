"""Writes what came of a page: page, snapshot and passages in ONE transaction, or nothing at all.

A write on behalf of a crawl is conditional on its lease and is refused (LostLease) where somebody else owns the crawl
by then. Blocking: async code calls it in a thread. Never fetches, never embeds: which vectors are to be made is noted.
Called by visit.py, ingest.py and reading.py.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from django.db import connection, transaction
from django.db.models import Case, F, TextField, Value, When
from django.utils import timezone

from search_index import lease
from search_index.errors import Refused
from search_index.judgement.source_class import source_class
from search_index.likeness import KEPT, digest, place
from search_index.models import Host, Page, Passage, Snapshot, Source
from search_index.names import name
from search_index.sql import SQL

if TYPE_CHECKING:
    from search_index.chunk import Chunk
    from search_index.extract import Extracted
    from search_index.fetch import Fetched
    from search_index.lease import Held

FETCH_FIELDS = ["final_url", "http_status", "content_type", "etag", "last_modified"]
# Of a page that says what it said before.
LOOK_FIELDS = [
    "state",
    "reason",
    "detail",
    "attempts",
    "due_at",
    "fetched_at",
    "tried_at",
    "rendered",
    "body_sha256",
    "looks",
    "signals",
    *FETCH_FIELDS,
]
PAGE_FIELDS = [*LOOK_FIELDS, "snapshot", "name", "changes", "bands", "cluster", "conflict"]


class Prepared(NamedTuple):
    """A page that is ready to be stored: what was fetched (None for files and datasets), what was read from it, and its
    pieces."""

    page: Page
    fetched: "Fetched | None"
    extracted: "Extracted"
    chunks: "Sequence[Chunk]"


def store_many(held: "Held | None", prepared: Sequence[Prepared]) -> list[Snapshot]:
    """Make each page's text its current snapshot, with its passages, and count them on the crawl. For each page:

    1. the snapshot: the page's stored one with the same text, or a new one;
    2. the passages: those of the page's former snapshot that it does not have any more go, the new ones come, to be
       embedded (the former snapshot stays: citations point to it);
    3. the page: indexed, with what the fetch said, and with what it is a copy of (likeness.py);

    a page that is a copy of another one of its source is refused instead, and gets no snapshot; and last the crawl: its
    counts, if it is still ours. Raises LostLease, and then nothing at all is stored.
    """
    if not prepared:
        return []
    with transaction.atomic():
        snapshots = []
        classes = _classes(prepared)
        kinds = dict(Source.objects.filter(pk__in={one.page.source_id for one in prepared}).values_list("pk", "kind"))
        for one in prepared:
            page, extracted = one.page, one.extracted
            refuse = held is not None and kinds[page.source_id] not in KEPT
            try:
                place(page, extracted.title, extracted.text, refuse=refuse)
            except Refused as copy:
                _refuse_copy(page, copy)
                continue
            snapshot = _snapshot(page, one.fetched, extracted, classes)
            _replace_passages(page, snapshot, extracted, one.chunks)
            _save_page(page, snapshot, one.fetched, extracted.partial)
            snapshots.append(snapshot)
        stored = [one for one in prepared if one.page.state == Page.State.INDEXED]
        passages = sum(len(one.chunks) for one in stored)
        if held is not None:
            lease.count(held, fetched=len(stored), refused=len(prepared) - len(stored), passages=passages)
    return snapshots


def store_unchanged(held: "Held | None", page: Page, fetched: "Fetched | None", text: str | None = None) -> bool:
    """If the page's current snapshot has this very `text` (None: the same bytes, or the server said "not modified"),
    note the look and count it, and return True: there is nothing to chunk or to embed. Raises LostLease."""
    if page.snapshot_id is None:
        return False
    if not Page.snapshot.is_cached(page):
        page.snapshot = Snapshot.objects.defer("text", "headings", "links").get(id=page.snapshot_id)
    assert page.snapshot is not None
    if text is not None and page.snapshot.sha256 != digest(text):
        return False
    store_same(held, [(page, fetched)])
    return True


def store_same(held: "Held | None", looks: "Sequence[tuple[Page, Fetched | None]]") -> None:
    """Note the looks at pages that say what they said the last time, and count them. Raises LostLease."""
    if not looks:
        return
    with transaction.atomic():
        told = [page for page, fetched in looks if fetched is not None and fetched.not_modified]
        now = timezone.now()
        Page.objects.filter(pk__in=[page.pk for page in told]).update(
            state=Page.State.INDEXED,
            detail=Case(When(reason="", then=F("detail")), default=Value(""), output_field=TextField()),
            reason="",
            attempts=0,
            due_at=None,
            looks=F("looks") + 1,
            tried_at=now,
            fetched_at=now,
        )
        for page in told:
            page.state, page.reason = Page.State.INDEXED, ""
        for page, fetched in looks:
            if fetched is None or not fetched.not_modified:
                assert page.snapshot is not None
                _save_page(page, page.snapshot, fetched, fields=LOOK_FIELDS)
        if held is not None:
            lease.count(held, unchanged=len(looks))


def count_terms() -> None:
    """Refresh what the search knows of how common terms are, from a sample of the passages. PostgreSQL does so too by
    itself, but only some time after many passages have come."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["count_terms"])


class _Classes(NamedTuple):
    """The operator's own word on who speaks, which goes before any rule: of sources by their ids, of hosts by name."""

    sources: dict[int, str]
    hosts: dict[str, str]


def _classes(prepared: Sequence[Prepared]) -> _Classes:
    sources = Source.objects.filter(pk__in={one.page.source_id for one in prepared}).exclude(source_class="")
    hosts = Host.objects.filter(name__in={host_of(one.page.url) for one in prepared}).exclude(source_class="")
    return _Classes(dict(sources.values_list("pk", "source_class")), dict(hosts.values_list("name", "source_class")))


def _class(page: Page, extracted: "Extracted", classes: _Classes) -> str:
    """Who speaks on the page; the rule that says so is noted among its signals."""
    if own := classes.hosts.get(host_of(page.url)) or classes.sources.get(page.source_id):
        page.signals["class"] = "operator"
        return own
    found = source_class(
        page.url, extracted.kinds, author=bool(extracted.author), dated=extracted.published_on is not None
    )
    page.signals["class"] = found.rule
    return found.source_class


def _refuse_copy(page: Page, copy: Refused) -> None:
    """What was fetched is not noted: whether it is a copy may change although it stays the same."""
    if page.snapshot_id is not None:
        Passage.objects.filter(snapshot=page.snapshot_id).delete()
    page.state, page.reason, page.detail = Page.State.REFUSED, copy.reason, str(copy)
    page.attempts, page.due_at, page.snapshot = 0, None, None
    page.cluster, page.conflict = None, ""
    page.etag = page.last_modified = page.body_sha256 = ""
    page.save(update_fields=PAGE_FIELDS)


def _snapshot(page: Page, fetched: "Fetched | None", extracted: "Extracted", classes: _Classes) -> Snapshot:
    its_class, sha256 = _class(page, extracted, classes), digest(extracted.text)
    # A page that was never looked at has none: for nine pages of ten that spares the look.
    before = Snapshot.objects.filter(page=page, sha256=sha256).first() if page.looks else None
    if before is None:
        return Snapshot.objects.create(
            page=page,
            sha256=sha256,
            text=extracted.text,
            title=extracted.title,
            author=extracted.author,
            published_on=extracted.published_on or page.published_on,
            language=extracted.language,
            headings=extracted.headings,
            links=extracted.links,
            fetched_at=(fetched and fetched.at) or timezone.now(),
            source_class=its_class,
            flags=page.signals.get("flags", []),
        )
    if before.source_class != its_class:  # the operator has said who speaks, or a rule knows better
        before.source_class = its_class
        before.save(update_fields=["source_class"])
    return before


def _replace_passages(page: Page, snapshot: Snapshot, extracted: "Extracted", chunks: "Sequence[Chunk]") -> None:
    """Two statements, however many passages there are: a row at a time would cost a round trip a passage."""
    with connection.cursor() as cursor:
        cursor.execute(
            SQL["replace_passages"],
            {
                "page": page.pk,
                "snapshot": snapshot.pk,
                "source": page.source_id,
                "title": snapshot.title,
                "starts": [chunk.start for chunk in chunks],
                "ends": [chunk.end for chunk in chunks],
                "headings": [chunk.heading for chunk in chunks],
                "texts": [extracted.text[chunk.start : chunk.end] for chunk in chunks],
                "host": host_of(page.url),
                "language": snapshot.language,
                "source_class": snapshot.source_class,
                "published_on": snapshot.published_on,
            },
        )
        cursor.execute(SQL["await_vectors"], {"snapshot": snapshot.pk})


def host_of(url: str) -> str:
    """The web host of an address; empty for files and datasets."""
    return urlsplit(url).hostname or "" if url.startswith(("http://", "https://")) else ""


def _save_page(
    page: Page,
    snapshot: Snapshot,
    fetched: "Fetched | None",
    partial: str | None = None,
    fields: Sequence[str] = (),
) -> None:
    """`partial` says what of the page was not read, for it was too long; None: it is as it was the last time."""
    if snapshot.flags != (
        flags := page.signals.get("flags", [])
    ):  # what it hides is another now, or a rule knows better
        snapshot.flags = flags
        snapshot.save(update_fields=["flags"])
    page.detail = partial if partial is not None else "" if page.reason else page.detail
    page.state, page.reason = Page.State.INDEXED, ""
    page.attempts, page.due_at = 0, None
    page.looks += 1
    page.changes += page.snapshot_id is not None and page.snapshot_id != snapshot.pk
    page.tried_at = timezone.now()
    page.fetched_at = (fetched and fetched.at) or page.tried_at
    page.snapshot, page.name = snapshot, name(snapshot.title)
    if fetched is not None and not fetched.not_modified:  # a 304 repeats little of what is known
        page.final_url, page.http_status = fetched.final_url, fetched.status
        page.content_type = fetched.content_type[:100]
        page.etag, page.last_modified = fetched.etag, fetched.last_modified[:100]
    page.save(update_fields=fields or PAGE_FIELDS)
