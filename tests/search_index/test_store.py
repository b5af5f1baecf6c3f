"""Storing a page: all of it or nothing, and only for whoever owns the crawl."""

import pytest
from django.db import DataError
from django.db.models.functions import Now

from search_index.chunk import Chunk
from search_index.errors import LostLease
from search_index.extract import Extracted
from search_index.fetch import Fetched
from search_index.likeness import digest
from search_index.models import Crawl, Page, Passage, Snapshot, Source
from search_index.store import Prepared, store_many, store_unchanged
from tests.fakes.index import held, new_source, put, store

pytestmark = pytest.mark.django_db

TEXT = "Valkey is a key-value store.\n\nIt keeps its data in memory. Ünïcödé 漢字 🎉 counts by character."


@pytest.fixture
def source() -> Source:
    return new_source("Notes")


@pytest.fixture
def crawl(source: Source) -> Crawl:
    return Crawl.objects.create(source=source, state=Crawl.State.RUNNING, lease_epoch=3, started_at=Now())


def fetched(**changes: object) -> Fetched:
    values = {
        "url": "https://example.org/a",
        "final_url": "https://example.org/b",
        "status": 200,
        "content_type": "text/html; charset=utf-8",
        "body": b"",
        "etag": '"1"',
        "last_modified": "Mon, 01 Jan 2024 00:00:00 GMT",
        "not_modified": False,
    }
    return Fetched(**{**values, **changes})  # type: ignore[arg-type]


def test_a_stored_page_is_indexed_with_its_snapshot_and_passages(source: Source, crawl: Crawl) -> None:
    page = Page.objects.create(source=source, url="https://example.org/a", reason="timeout", attempts=2)
    chunks = [Chunk(0, 28, ""), Chunk(30, len(TEXT), "Guide › Memory")]
    extracted = Extracted(TEXT, "Valkey", links=["https://a/"])
    snapshot = store(page, extracted, chunks, owner=held(crawl), fetched=fetched())
    page.refresh_from_db()
    assert (page.state, page.reason, page.attempts) == ("indexed", "", 0)
    assert (page.final_url, page.http_status, page.etag) == ("https://example.org/b", 200, '"1"')
    assert page.snapshot == snapshot
    assert (snapshot.title, snapshot.sha256, snapshot.links) == ("Valkey", digest(TEXT), ["https://a/"])
    stored = list(snapshot.passages.order_by("ordinal").values_list("ordinal", "start", "end", "heading", "source"))
    assert stored == [(0, 0, 28, "", source.pk), (1, 30, len(TEXT), "Guide › Memory", source.pk)]
    crawl.refresh_from_db()
    assert (crawl.fetched, crawl.passages) == (1, 2)


def test_title_and_headings_are_words_of_every_passage(source: Source) -> None:
    page = Page.objects.create(source=source, url="file:Notes/a")
    store(page, Extracted("Run it.", "Handbook"), [Chunk(0, 7, "Install")])
    assert set(Passage.objects.get().lexemes.replace("'", "").split()) == {"handbook:1A", "instal:2B", "run:3"}


def test_an_error_in_the_middle_leaves_nothing_behind(source: Source, crawl: Crawl) -> None:
    good, bad = (Page.objects.create(source=source, url=f"file:Notes/{name}") for name in ("good", "bad"))
    prepared = [
        Prepared(good, None, Extracted(TEXT), [Chunk(0, 28, "")]),
        Prepared(bad, None, Extracted("Other\0text."), [Chunk(0, 11, "")]),
    ]
    with pytest.raises(DataError, match="NUL"):
        store_many(held(crawl), prepared)
    assert not Snapshot.objects.exists()
    assert not Passage.objects.exists()
    assert set(Page.objects.values_list("state", flat=True)) == {"queued"}
    crawl.refresh_from_db()
    assert crawl.fetched == 0


@pytest.mark.parametrize(("epoch", "state"), [(2, "running"), (3, "stopped")])
def test_who_has_lost_the_crawl_writes_nothing(source: Source, crawl: Crawl, epoch: int, state: str) -> None:
    Crawl.objects.update(state=state)
    with pytest.raises(LostLease):
        put(source, "file:Notes/a", TEXT, owner=held(crawl, epoch))
    assert not Snapshot.objects.exists()
    assert Page.objects.get().state == "queued"


def test_a_new_text_replaces_the_passages_and_keeps_the_old_snapshot(source: Source) -> None:
    old = put(source, "file:Notes/a", "The old text about whales.")
    new = put(source, "file:Notes/a", "The new text about seals.")
    assert Page.objects.get().snapshot == new
    assert old.passages.count() == 0
    assert new.passages.count() == 1
    assert Snapshot.objects.get(pk=old.pk).text == "The old text about whales."


def test_a_text_that_comes_back_is_the_snapshot_that_it_was(source: Source) -> None:
    first = put(source, "file:Notes/a", "One.")
    put(source, "file:Notes/a", "Two.")
    assert put(source, "file:Notes/a", "One.") == first
    assert Page.objects.get().snapshot == first
    assert Snapshot.objects.count() == 2
    assert list(Passage.objects.values_list("snapshot", flat=True)) == [first.pk]


def test_an_unchanged_text_is_counted_and_needs_no_vectors(source: Source, crawl: Crawl) -> None:
    snapshot = put(source, "https://example.org/a", TEXT)
    passages = list(Passage.objects.values_list("pk", flat=True))
    page = Page.objects.get()
    assert store_unchanged(held(crawl), page, fetched(etag='"2"'), TEXT)
    assert list(Passage.objects.values_list("pk", flat=True)) == passages
    page.refresh_from_db()
    assert (page.snapshot, page.etag) == (snapshot, '"2"')
    crawl.refresh_from_db()
    assert (crawl.unchanged, crawl.fetched) == (1, 0)


def test_a_changed_text_is_not_taken_for_unchanged(source: Source, crawl: Crawl) -> None:
    put(source, "https://example.org/a", TEXT)
    assert not store_unchanged(held(crawl), Page.objects.get(), fetched(), TEXT + " More.")
    assert not store_unchanged(held(crawl), Page.objects.create(source=source, url="https://example.org/new"), None)
    crawl.refresh_from_db()
    assert crawl.unchanged == 0


def test_not_modified_keeps_what_the_last_answer_said(source: Source, crawl: Crawl) -> None:
    page = Page.objects.create(source=source, url="https://example.org/a")
    store(page, Extracted(TEXT), [Chunk(0, 28, "")], fetched=fetched())
    nothing = fetched(status=304, content_type="", etag="", last_modified="", not_modified=True)
    assert store_unchanged(held(crawl), page, nothing)
    page.refresh_from_db()
    assert (page.http_status, page.etag, page.content_type) == (200, '"1"', "text/html; charset=utf-8")


def test_what_was_not_read_of_a_page_is_said_until_it_is_read_whole(source: Source, crawl: Crawl) -> None:
    page = Page.objects.create(source=source, url="https://example.org/a")
    cut = Extracted(TEXT, partial="Only the first rows were read.")
    store(page, cut, [Chunk(0, 28, "")], fetched=fetched())
    assert Page.objects.get().detail == "Only the first rows were read."
    assert store_unchanged(held(crawl), Page.objects.get(), fetched(), TEXT)
    assert Page.objects.get().detail == "Only the first rows were read."
    store(page, Extracted(TEXT), [Chunk(0, 28, "")], fetched=fetched())
    assert Page.objects.get().detail == ""


def test_a_snapshot_has_the_flags_of_the_last_look_at_its_page(source: Source) -> None:
    page = Page.objects.create(source=source, url="https://example.org/a")
    page.signals = {"flags": ["hidden"]}
    snapshot = store(page, Extracted(TEXT), chunk_of(TEXT))
    assert Snapshot.objects.get(pk=snapshot.pk).flags == ["hidden"]
    page.signals = {"flags": ["hidden", "instructions"]}
    assert store_unchanged(None, page, fetched(), TEXT)
    assert Snapshot.objects.get(pk=snapshot.pk).flags == ["hidden", "instructions"]
    page.signals = {}
    assert store(page, Extracted(TEXT), chunk_of(TEXT)) == snapshot
    assert Snapshot.objects.get(pk=snapshot.pk).flags == []


def chunk_of(text: str) -> list[Chunk]:
    return [Chunk(0, len(text), "")]
