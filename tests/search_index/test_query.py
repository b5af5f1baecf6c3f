"""Search, with the real model and the real database, on indexes small enough to know the right answer."""

import threading
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from search_index import query, served
from search_index import rerank as reranking
from search_index.latest import asks_for_latest, recency
from search_index.models import Host, Page, Passage, Source
from search_index.query import Candidate, diverse, search, similarity
from search_index.rerank import rerank
from search_index.values import Hit
from tests.fakes.embedding_server import EmbeddingServer
from tests.fakes.index import new_source, put

ANIMALS = {
    "octopus": "The octopus has three hearts. Two of them pump blood through the gills.",
    "camel": "A camel stores fat in its hump and can go for weeks without drinking.",
    "swift": "The common swift sleeps while it flies and stays in the air for ten months.",
    "sloth": "Sloths climb down from their tree once a week. They move very slowly.",
    "salmon": "Salmon return to the river in which they were born to lay their eggs.",
    "bat": "Bats find their way in the dark by the echo of their own calls.",
}


@pytest.fixture
def animals(db: None) -> Source:
    source = new_source("Animals")
    for name, text in ANIMALS.items():
        put(source, f"file:Animals/{name}", text, title=name.capitalize())
    return source


def urls(hits: Sequence[Hit]) -> list[str]:
    return [hit.url.rpartition("/")[2] for hit in hits]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Where do fish breed?", "salmon"),
        ("How does a desert animal survive without water?", "camel"),
        ("octopus hearts", "octopus"),
    ],
)
def test_the_passage_that_answers_comes_first(animals: Source, question: str, answer: str) -> None:
    hits = search(question)
    assert urls(hits)[0] == answer
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in hits)


def test_a_hit_is_a_verbatim_span_of_its_snapshot(db: None) -> None:
    paragraphs = [f"Paragraph {n} über 漢字 🎉 tells of whales and of the number {n}. " * 12 for n in range(8)]
    snapshot = put(new_source("Long"), "file:Long/a", "\n\n".join(paragraphs), title="Long")
    hits = search("whales 漢字 number 5", limit=20)
    assert len(hits) == snapshot.passages.count() > 3
    for hit in hits:
        assert hit.text == snapshot.text[hit.start : hit.end]
        assert (hit.snapshot, hit.title, hit.url, hit.source) == (snapshot.pk, "Long", "file:Long/a", "Long")


def test_passages_that_hold_the_quoted_phrase_come_before_all_others(animals: Source) -> None:
    hits = search('Which animal flies? "pump blood"')
    assert urls(hits)[0] == "octopus"
    assert hits[0].score >= 0.5 >= hits[1].score
    assert "swift" in urls(hits)[1:]


def test_more_phrases_held_outweigh_a_better_score(animals: Source) -> None:
    hits = search('sloth slowly "three hearts" "pump blood" "very slowly"')
    assert urls(hits)[:2] == ["octopus", "sloth"]


def test_a_search_in_a_source_finds_only_its_passages_and_as_many_as_it_was_asked_for(animals: Source) -> None:
    other = new_source("Other")
    for number in range(12):
        put(other, f"file:Other/{number}", f"Machine {number} has a gearbox with {number} wheels.")
    hits = search("How many hearts does an octopus have?", limit=10, sources=[other.pk])
    assert {hit.source for hit in hits} == {"Other"}
    assert len(hits) == 10
    assert len(search("gearbox", limit=4, sources=[animals.pk])) == 4


def test_the_vector_index_does_not_leave_a_filtered_search_short(
    animals: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more passages than are compared one by one, the HNSW index answers; the filter may starve it."""
    monkeypatch.setattr(query, "EXACT_PASSAGES", 3)
    other = new_source("Other")
    for number in range(60):
        put(other, f"file:Other/{number}", f"Machine {number} has a gearbox with {number} wheels.")
    assert urls(search("Where do fish breed?", sources=[animals.pk]))[0] == "salmon"
    assert len(search("gearbox wheels", limit=6, sources=[animals.pk])) == 6
    assert len(search("gearbox wheels", limit=30, sources=[other.pk])) == 30


def test_hybrid_finds_first_what_each_side_alone_does_not(db: None) -> None:
    source = new_source("Mixed")
    garden = (
        "Roses want sun, water and patience. Cut them back in spring, before the buds open, and feed them once the "
        "first leaves are out. Beds are best dug over in autumn. In the shed we found an old tin of Zorbinax beside "
        "the shears. Hedges are trimmed twice a year, lawns every week."
    )
    put(source, "file:Mixed/garden", garden)
    put(source, "file:Mixed/alike", "What is Zorbinac? Zorbinac is a planet in a novel.")
    put(source, "file:Mixed/bread", "Dough rises because yeast turns sugar into gas.")
    put(
        source,
        "file:Mixed/profit",
        "What makes a profit? Whoever makes things makes a profit, and who makes none goes.",
    )
    word, meaning = "Zorbinax", "What makes a loaf swell in the oven?"
    assert urls(search(word, mode="dense"))[0] == "alike"
    assert urls(search(meaning, mode="lexical"))[0] == "profit"
    assert urls(search(word))[0] == "garden"
    assert urls(search(meaning))[0] == "bread"


def test_feedback_finds_what_the_question_only_hints_at(db: None) -> None:
    source = new_source("Films")
    put(source, "file:Films/film", "Loose Ankles is a film of 1930 directed by Ted Wilde.", title="Loose Ankles")
    put(
        source,
        "file:Films/director",
        "Ted Wilde was a writer. He died of a stroke and lies in Glendale.",
        title="Ted Wilde",
    )
    for number in range(30):
        text = f"The burial place of poet number {number} is a church in the north of the country."
        put(source, f"file:Films/poet{number}", text, title=f"Burial place {number}")
    question = "What is the burial place of the one who made Loose Ankles?"

    def rank(mode: query.Mode) -> int:
        return urls(search(question, limit=32, mode=mode)).index("director")

    assert urls(search(question))[0] == "film"
    assert rank("hybrid") < rank("dense")


def test_reasoning_moves_the_dense_side_only(animals: Source) -> None:
    hits = search("Which one is it?", reasoning="It must be the bird that spends its life flying.")
    assert urls(hits)[0] == "swift"
    assert hits[0].lexical == 0


@pytest.mark.parametrize("nothing", ["", "   \n", "\x00"])
def test_a_query_of_nothing_finds_nothing(animals: Source, nothing: str) -> None:
    assert search(nothing) == []


@pytest.mark.parametrize(
    "odd",
    [
        "the of and",
        '"',
        '"""',
        '"the who"',
        '"unbalanced',
        "'; DROP TABLE x; --",
        "a & | ! <-> ( ) : * \\ %s %(x)s {}",
        "漢字 🎉 \ud800 \x00 \u202e",
        "word " * 30_000,
        " ".join(f"word{n}" for n in range(3_000)),
    ],
)
def test_odd_queries_do_no_harm(animals: Source, odd: str) -> None:
    assert len(search(odd)) == len(ANIMALS)


def test_an_empty_index_finds_nothing(db: None) -> None:
    assert search("whales") == []


def test_terms_are_weighed_when_analyze_has_seen_the_passages(animals: Source) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE search_index_passage")
    assert urls(search("octopus hearts"))[0] == "octopus"


def test_a_rare_term_weighs_more_than_a_common_one(db: None) -> None:
    source = new_source("Terms")
    for number in range(20):
        put(source, f"file:Terms/{number}", "The server keeps the log of the server, and the server reads the log.")
    put(source, "file:Terms/rare", "Nobody expects a quokka here, whatever else this page may talk about.")
    assert urls(search("server log quokka", mode="lexical"))[0] == "rare"


def test_equal_texts_under_different_addresses_are_found_once(animals: Source) -> None:
    put(animals, "file:Animals/copy", ANIMALS["bat"], title="Bat")
    found = urls(search("echo of bats"))
    assert len({"bat", "copy"} & set(found)) == 1


def test_a_page_stored_anew_is_found_by_its_new_text_only(animals: Source) -> None:
    put(animals, "file:Animals/bat", "Bats hang upside down from the roof of a cave.")
    hits = search("echo in the dark")
    assert not any("echo" in hit.text for hit in hits)
    assert Passage.objects.count() == len(ANIMALS)


def candidates(*rows: tuple[int, str, str]) -> list[tuple[float, Candidate]]:
    """(page, sha256, host), best first."""
    return [
        (1 - i / 100, Candidate(i, 0, 0, 0, 0, page, sha256, -page, host, "", None, 0))
        for i, (page, sha256, host) in enumerate(rows)
    ]


def test_a_page_gives_two_passages_while_there_are_other_pages() -> None:
    ranked = candidates(*[(1, "a", "")] * 4, (2, "b", ""), (3, "c", ""))
    assert [candidate.page for _score, candidate in diverse(ranked, 4)] == [1, 1, 2, 3]
    assert [candidate.page for _score, candidate in diverse(ranked, 6)] == [1, 1, 1, 1, 2, 3]


def test_a_web_host_gives_half_while_there_are_other_hosts() -> None:
    same = [(n, f"a{n}", "one.org") for n in range(9)]
    other = [(n, f"b{n}", "two.org") for n in range(10, 14)]
    hosts = [candidate.host for _score, candidate in diverse(candidates(*same, *other), 8)]
    assert hosts.count("one.org") == 4
    assert len(diverse(candidates(*same), 8)) == 8


def test_files_are_not_taken_for_one_host() -> None:
    files = candidates(*[(n, f"a{n}", "") for n in range(8)], (9, "b", "one.org"))
    assert [candidate.page for _score, candidate in diverse(files, 8)] == list(range(8))


def test_similarity_is_the_cosine_of_query_and_texts(db: None) -> None:
    near, far = similarity("How many hearts has an octopus?", [ANIMALS["octopus"], ANIMALS["camel"]])
    assert 1 >= near > far >= -1


# --- Filters ---------------------------------------------------------------------------------------------------------
HOW = ["deep", "well", "far", "long"]


@pytest.fixture
def whales(animals: Source) -> Source:
    """Pages about whales from several hosts, in two languages, of three classes and years; among other animals."""
    source = new_source("Whales", kind="site")
    rows = [
        ("https://docs.whales.org/a", "en", "primary", date(2026, 6, 1)),
        ("https://whales.org/b", "de", "reference", date(2020, 6, 1)),
        ("https://notwhales.org/c", "en", "forum", date(2010, 6, 1)),
        ("https://other.example/d", "en", "", None),
    ]
    for number, (url, language, source_class, day) in enumerate(rows):
        text = (
            "The blue whale sings low songs that carry for a thousand miles and dives "
            + ["deep", "well", "far", "long"][number]
        )
        snapshot = put(source, url, text, title="Whale")
        given = {"language": language, "source_class": source_class, "published_on": day}
        Passage.objects.filter(snapshot=snapshot).update(**given)
    return source


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"hosts": ["whales.org"]}, "ab"),
        ({"hosts": ["docs.whales.org"]}, "a"),
        ({"hosts": ["WWW.other.example"]}, "d"),
        ({"languages": ["de"]}, "b"),
        ({"classes": ["primary", "forum"]}, "ac"),
        ({"since": date(2020, 6, 1)}, "ab"),
        ({"until": date(2020, 6, 1)}, "bc"),
        ({"since": date(2011, 1, 1), "until": date(2021, 1, 1)}, "b"),
        ({"hosts": ["whales.org"], "languages": ["en"]}, "a"),
        ({"languages": ["fr"]}, ""),
    ],
)
@pytest.mark.parametrize("by_index", [False, True])
def test_a_search_keeps_to_its_filters(
    whales: Source, filters: dict[str, Any], expected: str, by_index: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_index:
        monkeypatch.setattr(query, "EXACT_PASSAGES", -1)
    assert sorted(urls(search("songs of the blue whale", **filters))) == sorted(expected)


def test_collections_are_searched_by_name_and_narrow_the_sources(whales: Source, animals: Source) -> None:
    Source.objects.filter(pk=whales.pk).update(collection="sea")
    assert set(urls(search("songs of the blue whale", collections=["sea"]))) == set("abcd")
    assert search("songs of the blue whale", collections=["sea"], sources=[animals.pk]) == []
    assert search("songs of the blue whale", collections=["land"]) == []


# --- What is known of a page besides ---------------------------------------------------------------------------------
def test_of_pages_that_fit_alike_the_primary_one_comes_first_and_the_forum_last(whales: Source) -> None:
    hits = search("blue whale songs that carry for a thousand miles", limit=4)
    assert [hit.source_class for hit in hits] == ["primary", "reference", "", "forum"]


def test_the_operator_boosts_and_buries_sources_and_hosts(whales: Source) -> None:
    Host.objects.create(name="other.example", boost=1)
    Host.objects.create(name="docs.whales.org", boost=-1)
    found = urls(search("blue whale songs that carry for a thousand miles", limit=4))
    assert (found[0], found[-1]) == ("d", "a")


def test_who_asks_for_the_latest_gets_recent_pages_first(whales: Source) -> None:
    Passage.objects.update(source_class="")
    Passage.objects.filter(published_on=date(2020, 6, 1)).update(published_on=timezone.localdate())
    plain = search("a blue whale sings low songs that carry for a thousand miles")
    assert {hit.weight for hit in plain} == {1.0}
    latest = search("the latest on a blue whale that sings low songs that carry for a thousand miles")
    assert urls(latest)[0] == "b"
    assert latest[0].weight == pytest.approx(1.3)


def test_a_phrase_to_the_letter_comes_before_one_of_the_same_stems(db: None) -> None:
    source = new_source("Stems")
    put(source, "file:Stems/stems", "He was hunting hounds when the hunter hounded him, over and over again.", title="")
    put(
        source, "file:Stems/letters", "Somewhere in a long text about other things the hunted hound is named.", title=""
    )
    assert urls(search('"hunted hound"'))[0] == "letters"
    assert urls(search('"hunting hounds"'))[0] == "stems"


def test_of_near_duplicates_one_page_is_shown(animals: Source) -> None:
    put(animals, "file:Animals/copy", ANIMALS["bat"] + " They say.", title="Bat")
    bats = Page.objects.filter(url__in=["file:Animals/bat", "file:Animals/copy"])
    assert {"bat", "copy"} <= set(urls(search("echo of bats")))
    bats.update(cluster=bats.earliest("id").pk)
    assert len({"bat", "copy"} & set(urls(search("echo of bats")))) == 1


# --- The reranker ----------------------------------------------------------------------------------------------------
@pytest.fixture
def reranker(embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> EmbeddingServer:
    """A server that reranks, set up from now on; it likes camels."""
    monkeypatch.setenv("RERANK_URL", embedding_server.url)
    for name in ("_says_texts", "_silent_until", "_troubles"):
        monkeypatch.setattr(reranking, name, type(getattr(reranking, name))())
    embedding_server.likes = "hump"
    return embedding_server


def without_reranker(question: str, **asked: Any) -> list[Hit]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RERANK_URL")
        return search(question, **asked)


def test_the_rerankers_scores_are_half_the_relevance(animals: Source, reranker: EmbeddingServer) -> None:
    plain = {hit.url: hit for hit in without_reranker("octopus hearts")}
    assert {hit.reranked for hit in plain.values()} == {None}
    assert reranker.asked == []
    hits = search("octopus hearts")
    assert set(plain) == {hit.url for hit in hits}
    (asked,) = reranker.asked
    assert asked["query"] == "octopus hearts"
    assert f"Octopus\n{ANIMALS['octopus']}" in asked["documents"]
    lowest, highest = min(hit.score for hit in plain.values()), max(hit.score for hit in plain.values())
    for hit in hits:
        said = {"octopus": 2.0, "camel": 10.0}.get(hit.url.rpartition("/")[2], 0.0)
        before = (plain[hit.url].score - lowest) / (highest - lowest)
        assert hit.reranked == said
        assert hit.score == pytest.approx(highest * (0.5 * before + 0.5 * said / 10))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert urls(hits).index("camel") < urls(list(plain.values())).index("camel")


def test_only_the_best_are_reranked_and_they_stay_before_the_others(
    animals: Source, reranker: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "RERANKED", 3)
    plain = urls(without_reranker("Where do fish breed?"))
    reranker.likes = ANIMALS[plain[2]]
    hits = search("Where do fish breed?")
    assert len(reranker.asked[0]["documents"]) == 3
    assert set(urls(hits)[:3]) == set(plain[:3])
    assert urls(hits).index(plain[2]) < 2
    assert urls(hits)[3:] == plain[3:]
    assert [hit.reranked is None for hit in hits] == [False] * 3 + [True] * 3


def test_what_the_operator_wants_counts_beside_what_the_reranker_says(
    whales: Source, reranker: EmbeddingServer
) -> None:
    Host.objects.create(name="other.example", boost=1)
    reranker.likes = "songs"  # all of them
    hits = search("blue whale songs that carry for a thousand miles", sources=[whales.pk])
    assert urls(hits)[0] == "d"
    assert all(0 <= hit.score <= hit.weight for hit in hits)


def test_a_quoted_phrase_and_a_single_side_are_not_reranked(animals: Source, reranker: EmbeddingServer) -> None:
    assert urls(search('Which animal flies? "pump blood"'))[0] == "octopus"
    search("octopus hearts", mode="dense")
    search("octopus hearts", mode="lexical")
    search("octopus hearts", sources=[new_source("Empty").pk])
    assert reranker.asked == []


@pytest.mark.parametrize("fault", ["broken", "nan", "hold"])
def test_a_reranker_that_fails_or_is_slow_leaves_the_search_as_it_was(
    animals: Source, reranker: EmbeddingServer, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "PAUSE", 0.001)
    monkeypatch.setattr(reranking, "SECONDS", 0.2)
    if fault == "hold":
        reranker.hold = threading.Event()
    else:
        reranker.fail(fault, times=5)
    assert search("octopus hearts") == without_reranker("octopus hearts")
    assert reranking.trouble()


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_held_open_while_the_reranker_thinks(
    reranker: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, inside = new_source("Animals"), []
    for name, text in ANIMALS.items():
        put(source, f"file:Animals/{name}", text)

    def watched(question: str, texts: Sequence[str]) -> list[float] | None:
        inside.append(connection.in_atomic_block)
        return rerank(question, texts)

    monkeypatch.setattr(query, "rerank", watched)
    assert search("octopus hearts")[0].reranked is not None
    assert inside == [False]


# --- What asks for the latest ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("What is the latest version of Django?", True),
        ("Who is currently the president of France?", True),
        ("population of Oslo in 2026", True),
        ("population of Oslo in 2019", False),
        ("What is new in New York?", False),
        ("What does a current transformer measure?", False),
    ],
)
def test_a_question_for_the_latest_is_known_by_its_words(query: str, asks: bool) -> None:
    assert asks_for_latest(query, date(2026, 11, 24)) == asks


def test_recency_halves_in_a_year() -> None:
    today = date(2026, 11, 24)
    assert recency(today, today) == recency(date(2027, 1, 1), today) == 1
    assert recency(date(2025, 11, 24), today) == pytest.approx(0.5)
    assert recency(None, today) == 0
