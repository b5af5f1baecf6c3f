"""Copies in the index: one is shown, lies are told, and what only looks alike stays apart."""

from typing import Any

import pytest

from search_index import likeness
from search_index.chunk import chunk
from search_index.extract import Extracted
from search_index.indexing import judge
from search_index.likeness import conflicts_on, told
from search_index.models import Crawl, Host, Page, Passage, Source
from search_index.store import Prepared, store_many
from tests.fakes.index import held
from tests.search_index.judgement.texts import ARTICLE, GERMAN

pytestmark = pytest.mark.django_db

LIE = ARTICLE.replace("340", "9,120").replace("has not decided", "has decided")


def new_source(name: str, kind: str = "site") -> Source:
    return Source.objects.create(name=name, kind=kind, location=f"https://{name}.example/")


def crawl_of(source: Source) -> Crawl:
    crawl, _made = Crawl.objects.get_or_create(source=source, state=Crawl.State.RUNNING, defaults={"lease_epoch": 1})
    return crawl


def stored(source: Source, path: str, text: str = ARTICLE, title: str = "Storm", **known: Any) -> Page:
    """The page after a crawl has read it."""
    page, _made = Page.objects.get_or_create(source=source, url=f"https://{source.name}.example/{path}")
    extracted, _failure = judge(page, Extracted(text, title, **known))
    store_many(held(crawl_of(source)), [Prepared(page, None, extracted, chunk(text, []))])
    page.refresh_from_db()
    return page


def test_a_copy_in_a_source_is_refused_and_names_the_page_shown_instead() -> None:
    source = new_source("herald")
    first, copy = stored(source, "storm"), stored(source, "print/storm", ARTICLE.replace(". ", ".  "))
    assert (copy.state, copy.reason, copy.snapshot) == ("refused", "copy", None)
    assert first.url in copy.detail
    assert copy.signals["words"] > 100
    assert not Passage.objects.exclude(snapshot=first.snapshot).exists()
    crawl = crawl_of(source)
    assert (crawl.fetched, crawl.refused) == (1, 1)


def test_copies_stored_in_one_batch_see_each_other() -> None:
    source = new_source("herald")
    pages = [Page.objects.create(source=source, url=f"https://herald.example/{name}") for name in "ab"]
    prepared = [Prepared(page, None, Extracted(ARTICLE, "Storm"), chunk(ARTICLE, [])) for page in pages]
    assert len(store_many(held(crawl_of(source)), prepared)) == 1
    assert [page.reason for page in Page.objects.order_by("id")] == ["", "copy"]


def test_a_page_that_becomes_a_copy_leaves_the_search_and_its_snapshot_stays() -> None:
    source = new_source("herald")
    stored(source, "storm")
    page = stored(source, "other", GERMAN)
    old = page.snapshot
    page = stored(source, "other")
    assert (page.reason, page.snapshot) == ("copy", None)
    assert old is not None
    old.refresh_from_db()
    assert not old.passages.exists()


def test_a_page_that_says_more_stays_and_is_shown_as_one() -> None:
    source = new_source("herald")
    first = stored(source, "storm")
    longer = stored(
        source, "storm-2", ARTICLE + "\n\nA second storm is not expected before the first week of February."
    )
    first.refresh_from_db()
    assert longer.state == "indexed"
    assert first.cluster == longer.cluster == first.pk


def test_copies_of_several_sources_all_stay_and_share_their_cluster() -> None:
    pages = [stored(new_source(name), "storm") for name in ("herald", "mirror", "wire")]
    for page in pages:
        page.refresh_from_db()
    assert {page.state for page in pages} == {"indexed"}
    assert {page.cluster for page in pages} == {pages[0].pk}


def test_clusters_that_meet_become_one() -> None:
    one, other = stored(new_source("herald"), "a"), stored(new_source("mirror"), "b", GERMAN * 3)
    third = stored(new_source("wire"), "c", GERMAN * 3)
    Page.objects.filter(pk=one.pk).update(cluster=one.pk)
    assert third.cluster == other.pk
    stored(new_source("press"), "d", ARTICLE)
    assert set(Page.objects.values_list("cluster", flat=True)) == {one.pk, other.pk}


def test_what_people_chose_themselves_is_never_refused_as_a_copy() -> None:
    folder = new_source("papers", kind="folder")
    assert [stored(folder, name).state for name in ("one", "two")] == ["indexed", "indexed"]


def test_copies_that_contradict_each_other_are_told_on_both_and_not_merged() -> None:
    one, other = stored(new_source("herald"), "storm"), stored(new_source("wire"), "storm", LIE)
    one.refresh_from_db()
    assert (one.state, other.state, one.cluster, other.cluster) == ("indexed", "indexed", None, None)
    assert one.conflict.startswith(f"{other.url} says “9,120” instead of “340” (… ")
    assert other.conflict.startswith(f"{one.url} says “340” instead of “9,120” (… ")
    assert "“has not decided” instead of “has decided”" in other.conflict
    assert [address for address, _says in told(one.conflict)] == [other.url]
    assert told(other.conflict)[0][1].startswith("“340” instead of “9,120” (… ")
    assert conflicts_on("herald.example") == conflicts_on("wire.example") == 0  # neither contradicts itself


def test_a_host_that_contradicts_itself_is_counted() -> None:
    trap = new_source("trap")
    pages = [stored(trap, "ai-content/1f0c"), stored(trap, "ai-content/77ab", LIE)]
    assert [page.state for page in pages] == ["indexed", "indexed"]
    assert conflicts_on("trap.example") == 2
    assert conflicts_on("rap.example") == conflicts_on("trap.example.org") == 0


def test_one_number_that_was_corrected_does_not_count_against_a_host() -> None:
    herald = new_source("herald")
    stored(herald, "storm")
    assert stored(herald, "storm-corrected", ARTICLE.replace("340", "341")).conflict
    assert conflicts_on("herald.example") == 0


def test_a_conflict_goes_with_the_text_that_made_it() -> None:
    herald, wire = new_source("herald"), new_source("wire")
    one, other = stored(herald, "storm"), stored(wire, "storm", LIE)
    other = stored(wire, "storm", ARTICLE)
    one.refresh_from_db()
    assert one.conflict == other.conflict == ""
    assert one.cluster == other.cluster == one.pk


def test_an_address_in_two_sources_is_one_page_at_two_times() -> None:
    site, live = new_source("herald"), new_source("live", kind="live")
    stored(site, "storm")
    page = Page.objects.create(source=live, url="https://www.herald.example/storm/")
    store_many(None, [Prepared(page, None, Extracted(LIE, "Storm"), chunk(LIE, []))])
    assert (page.conflict, page.cluster) == ("", Page.objects.get(source=site).pk)


def test_editions_stay_apart() -> None:
    docs = new_source("docs")
    pages = [stored(docs, "3.11/storm"), stored(docs, "3.12/storm", LIE), stored(docs, "3.13/storm", LIE)]
    assert [(page.state, page.conflict) for page in pages] == [("indexed", "")] * 3
    assert pages[0].cluster is None
    assert conflicts_on("docs.example") == 0


def test_one_more_of_a_hundred_pages_with_other_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "FAMILY", 3)
    source = new_source("shop")
    pages = [
        stored(source, f"item/{number}", ARTICLE.replace("340", str(number)), f"Item {number}") for number in range(5)
    ]
    assert [page.reason for page in pages] == ["", "", "", "template", "template"]


def test_language_and_class_are_stored_with_the_snapshot_and_its_passages() -> None:
    page = stored(new_source("herald"), "forum/12", GERMAN, "Sturm", language="en")
    assert page.snapshot is not None
    assert (page.snapshot.language, page.snapshot.source_class) == ("de", "forum")
    assert set(Passage.objects.values_list("language", "source_class")) == {("de", "forum")}
    assert page.signals["class"] == "path of a forum"


def test_the_operators_class_goes_before_the_rules() -> None:
    source = new_source("herald")
    Source.objects.filter(pk=source.pk).update(source_class="news")
    assert stored(source, "forum/12").snapshot.source_class == "news"  # type: ignore[union-attr]
    Host.objects.create(name="herald.example", source_class="primary")
    assert stored(source, "forum/12").snapshot.source_class == "primary"  # type: ignore[union-attr]


def test_candidates_are_found_by_the_index_of_bands(django_assert_max_num_queries: Any) -> None:
    source = new_source("herald")
    page = stored(source, "storm")
    with django_assert_max_num_queries(3):
        likeness.place(page, "Storm", ARTICLE, refuse=True)
