"""Why is this page (not) in the index? An answer for any address."""

import json
from io import StringIO

import pytest
from django.core.management import call_command

from search_index import explain
from search_index.extract import Extracted
from search_index.indexing import judge
from search_index.models import Host, Page, Source
from search_index.why import why
from tests.search_index.test_likeness import LIE, new_source, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def herald() -> Source:
    return new_source("herald")


@pytest.mark.parametrize(
    "typed", ["https://herald.example/storm", "herald.example/storm/", "http://www.herald.example/storm"]
)
def test_a_page_of_the_index_is_told_however_it_is_typed(herald: Source, typed: str) -> None:
    page = stored(herald, "storm")
    found = why(typed)
    assert (found.state, found.searchable) == ("indexed", True)
    (known,) = found.pages
    assert (known.url, known.source, known.language, known.passages) == (page.url, "herald", "en", known.passages)
    assert known.passages > 0
    assert known.signals["words"] > 100


def test_what_was_hidden_from_readers_is_counted_and_told(herald: Source) -> None:
    page = stored(herald, "storm", hidden=2)
    stored(herald, "sun", "The sun came back the next morning, and with it the ferries. " * 20)
    assert why(page.url).pages[0].signals["hidden"] == 2
    assert "hidden" not in why("https://herald.example/sun").pages[0].signals
    assert ("pieces hidden from readers, left out", "2") in explain.signals(page)
    refused = Page(source=herald, url="https://herald.example/links")
    _text, failure = judge(refused, Extracted("", only_links=True, hidden=3))
    assert failure is not None
    assert refused.signals == {"hidden": 3}


def test_a_copy_is_told_with_the_page_that_is_shown_instead(herald: Source) -> None:
    first, _copy = stored(herald, "storm"), stored(herald, "print")
    found = why("https://herald.example/print")
    assert (found.state, found.searchable, found.pages[0].reason) == ("refused", False, "copy")
    assert first.url in found.sentence


def test_copies_elsewhere_and_contradictions_are_told(herald: Source) -> None:
    stored(herald, "storm"), stored(new_source("wire"), "a"), stored(new_source("poison"), "b", LIE)
    (known,) = why("https://herald.example/storm").pages
    assert known.copies == ("https://wire.example/a",)
    assert known.contradictions[0].startswith("https://poison.example/b says ")


def test_the_standing_of_a_host_is_told_of_its_unknown_pages(herald: Source) -> None:
    Host.objects.create(name="herald.example", standing="poison", reason="Its copies differ.")
    found = why("https://herald.example/x")
    assert (found.state, found.host, found.host_standing) == ("unknown", "herald.example", "poison")
    assert "Its copies differ." in found.sentence


def test_an_unknown_address_is_told_with_what_each_source_makes_of_it(herald: Source) -> None:
    new_source("wire")
    never = why("https://herald.example/x").takers[0]
    assert (never.holds, "not been crawled yet" in never.sentence) == (True, True)
    stored(herald, "storm")
    found = why("https://herald.example/x")
    assert [(taker.source, taker.holds) for taker in found.takers] == [("herald", True), ("wire", False)]
    assert "links to it" in found.takers[0].sentence
    Source.objects.filter(pk=herald.pk).update(max_pages=1)
    assert "reads 1 at most" in why("https://herald.example/x").takers[0].sentence
    assert "no source would take it" in why("https://elsewhere.example/x").sentence


@pytest.mark.parametrize(
    "typed", ["", "what is this", "https://[half", "javascript:alert(1)", "https://a b/", "a" * 5000]
)
def test_any_text_is_answered(typed: str) -> None:
    assert why(typed).state in {"unusable", "unknown"}


def test_a_page_that_waits_or_failed_is_told(herald: Source) -> None:
    Page.objects.create(source=herald, url="https://herald.example/a", found_on="https://herald.example/", depth=2)
    Page.objects.create(source=herald, url="https://herald.example/b", state="failed", reason="timeout", detail="Slow.")
    assert (why("herald.example/a").state, why("herald.example/a").pages[0].found_on) == (
        "queued",
        "https://herald.example/",
    )
    assert "Slow." in why("herald.example/b").sentence


def test_the_command_answers_people_and_scripts(herald: Source) -> None:
    stored(herald, "storm")
    told, text = StringIO(), StringIO()
    call_command("explain", "herald.example/storm", json=True, stdout=told)
    call_command("explain", "herald.example/storm", stdout=text)
    answer = json.loads(told.getvalue())
    assert (answer["state"], answer["searchable"], answer["pages"][0]["source"]) == ("indexed", True, "herald")
    assert "herald" in text.getvalue()
    assert "It is in the index" in text.getvalue()


def test_a_document_of_a_folder_is_told_by_its_name() -> None:
    folder = new_source("papers", kind="folder")
    Page.objects.create(
        source=folder, url="file:papers/a.md", state="failed", reason="empty", detail="There is no text on it."
    )
    assert why("file:papers/a.md").state == "failed"
    assert why("file:papers/b.md").state == "unknown"
