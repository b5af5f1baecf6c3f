"""The benchmarks, each for real at a size of seconds: what their documents hold, and what cannot be otherwise."""

import json
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from search_index.benchmark import crawl, growth, index, search, stock
from search_index.benchmark.goals import GOALS, judged
from search_index.benchmark.prose import Prose
from search_index.benchmark.site import Site, serving
from search_index.benchmark.space import Space
from search_index.errors import BadSource
from search_index.judgement.language import language, senseless
from search_index.judgement.measures import measure
from search_index.judgement.quality import verdict
from search_index.judgement.words import Words
from search_index.models import Page, Passage, Snapshot, Source, Vector
from search_index.query import search as ask
from tests.fakes.door import door
from tests.fakes.index import new_source

HERE, OTHER = "127.0.0.1:8001", "127.0.0.1:8002"
MODES = ("hybrid", "common_terms", "embedding", "hybrid_with_embedding")


def quiet(line: str) -> None:
    """Progress that nobody reads."""


# --- What is made up -------------------------------------------------------------------------------------------------
def test_made_up_prose_passes_for_english_and_is_the_same_every_time() -> None:
    prose = Prose()
    assert len(prose.words) > 20_000
    for number in range(20):
        text = prose.text(np.random.default_rng([1, number]))
        said = "\n\n".join(prose.paragraph(text, 100) for _one in range(3))
        assert 280 <= len(said.split()) <= 300
        assert language(said) == "en"
        assert verdict(said, prose.title(text), "en", measure(Words(said), senseless=senseless(said))).keep
    again = Prose()
    assert again.paragraph(again.text(np.random.default_rng(7)), 50) == prose.paragraph(
        prose.text(np.random.default_rng(7)), 50
    )


def test_common_words_are_common_and_different() -> None:
    prose = Prose()
    by = np.random.default_rng(1)
    passages = [set(prose.paragraph(prose.text(by), 150).lower().replace(".", "").split()) for _one in range(400)]
    terms = prose.common(by, 6)
    assert len(set(terms)) == 6
    for term in terms:
        assert 0.05 < sum(term in passage for passage in passages) / len(passages) < 0.35


def test_passages_of_a_page_lie_together() -> None:
    space = Space(384)
    pages = [space.page(np.random.default_rng([1, number]), 4) for number in range(50)]
    assert np.allclose([np.linalg.norm(vector) for page in pages for vector in page], 1, atol=1e-5)
    inside = np.mean([page[0] @ page[1] for page in pages])
    outside = np.mean([one[0] @ other[0] for one, other in pairwise(pages)])
    assert inside > outside + 0.4


# --- The site --------------------------------------------------------------------------------------------------------
def test_the_site_counts_what_should_not_have_been_asked() -> None:
    site = Site(30, HERE, OTHER)
    assert site.answer("/robots.txt", HERE, "")[0] == 200
    assert site.answer("/first/abstracts/00029.html", HERE, "")[0] == 200
    assert site.answer("/first/abstracts/00030.html", HERE, "")[0] == 404
    assert (site.tally.robots, site.tally.scope) == (0, 0)
    site.answer("/first/private/members.html", HERE, "")
    site.answer("/elsewhere/first/abstracts/00000.html", HERE, "")
    site.answer("/first/abstracts/00000.html", OTHER, "")
    site.answer("/first/abstracts/00000.html", "localhost:8001", "")
    assert (site.tally.robots, site.tally.scope) == (1, 3)
    assert site.tally.wrong[0] == f"robots: http://{HERE}/first/private/members.html"


def test_the_site_answers_a_validator_with_304() -> None:
    site = Site(30, HERE, OTHER)
    _status, etag, body = site.answer("/first/abstracts/00003.html", HERE, "")
    assert body
    assert site.answer("/first/abstracts/00003.html", HERE, etag) == (304, etag, b"")
    assert site.tally.not_modified == 1


def test_the_site_runs_in_a_process_of_its_own() -> None:
    with serving(3) as site:
        assert site.url("first").startswith("http://127.0.0.1:")
        assert site.tally().requests == 0


# --- The benchmarks --------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_crawl_obeys_and_its_second_pass_embeds_nothing(settings: Settings) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1", "localhost"]
    with door(settings.EGRESS_ALLOW) as settings.EGRESS_URL:
        found = crawl.measure(30, quiet)
    assert (found["reading"]["fetched"], found["full"]["fetched"]) == (31, 31)
    assert found["reading"]["left_out"] == found["full"]["left_out"] == {"links": 1, "robots": 4}
    assert "embed" not in found["reading"]["by_stage"]
    assert 0 < found["full"]["embedding_share"] <= 1
    assert (found["again"]["fetched"], found["again"]["unchanged"], found["again"]["embedded"]) == (0, 31, 0)
    assert found["again"]["answered_304"] >= 31
    assert (found["asked"]["robots"], found["asked"]["scope"], found["asked"]["wrong"]) == (0, 0, [])
    assert found["asked"]["requests"] >= 3 * 31
    first, second = Source.objects.get(name="Benchmark first"), Source.objects.get(name="Benchmark second")
    assert not Vector.objects.filter(passage__source=first, embedding=None).exists()
    assert not Vector.objects.filter(passage__source=second, embedding__isnull=False).exists()
    assert Page.objects.filter(source=first, state=Page.State.INDEXED, url__contains="/abstracts/").count() == 30
    assert {goal["what"]: goal["met"] for goal in judged("crawl", found)}["requests beyond the source"]


@pytest.mark.django_db(transaction=True)
def test_a_crawl_needs_a_door_that_would_open_to_what_it_may_not_ask(settings: Settings) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    with pytest.raises(BadSource, match="EGRESS_ALLOW"):
        crawl.measure(3, quiet)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_indexing_is_measured_by_stage() -> None:
    found = index.measure(3, quiet)
    assert list(found["stages"]) == ["judge", "chunk", "store", "embed"]
    assert found["passages"] == Passage.objects.count() >= 12
    assert not Vector.objects.filter(embedding=None).exists()
    assert all(stage["passages_per_second"] > 0 for stage in found["stages"].values())


@pytest.mark.django_db(transaction=True)
def test_search_of_a_small_index_finds_all_that_is_nearest() -> None:
    found = search.measure(300, 4, quiet)
    assert found["passages"] == 300
    assert found["recall"]["all"] | {"p50_ms": 0, "p95_ms": 0} == {
        "passages": 300,
        "recall@10": 1.0,
        "recall@100": 1.0,
        "p50_ms": 0,
        "p95_ms": 0,
    }
    assert [found["recall"][part]["passages"] for part in ("tenth", "hundredth", "thousandth")] == [256, 40, 4]
    assert all(found["recall"][part]["recall@10"] == 1.0 for part in found["recall"])
    assert all(0 < found[mode]["p50_ms"] <= found[mode]["p95_ms"] for mode in MODES)


@pytest.mark.django_db(transaction=True)
def test_the_rows_are_as_a_crawl_would_leave_them() -> None:
    stock.fill(10, quiet)
    snapshots = Snapshot.objects.prefetch_related("passages")
    assert sorted(len(one.passages.all()) for one in snapshots) == [2, 4, 4]
    for snapshot in snapshots:
        paragraphs = [snapshot.text[one.start : one.end] for one in snapshot.passages.order_by("ordinal")]
        assert "\n\n".join(paragraphs) == snapshot.text
        assert snapshot.page.snapshot_id == snapshot.pk
    hits = ask(Snapshot.objects.latest("pk").title, mode="lexical")
    assert hits[0].title == Snapshot.objects.latest("pk").title


@pytest.mark.django_db(transaction=True)
def test_an_index_that_grows_keeps_what_it_holds_and_its_indexes() -> None:
    stock.fill(40, quiet)
    held = set(Passage.objects.values_list("pk", flat=True))
    found = growth.measure([40, 120], 2, quiet)
    assert held < set(Passage.objects.values_list("pk", flat=True))
    assert [step["passages"] for step in found["sizes"]] == [40, 120]
    assert found["growth"]["passages"] == 3.0
    assert found["sizes"][-1]["disk"]["hnsw"] > 0
    assert found["sizes"][-1]["disk"]["terms"] > 0
    assert found["sizes"][-1]["disk"]["total"] > found["sizes"][-1]["disk"]["hnsw"]
    stock.fill(80, quiet)  # smaller than it is: begun again
    assert Passage.objects.count() == 80


@pytest.mark.django_db(transaction=True)
def test_an_index_that_somebody_uses_is_not_emptied() -> None:
    new_source("Papers")
    with pytest.raises(BadSource, match="Papers"):
        stock.fill(10, quiet)
    with pytest.raises(CommandError) as error:
        call_command("benchmark", "index", "--documents", "1", stderr=StringIO())
    assert error.value.returncode == 2
    assert Source.objects.filter(name="Papers").exists()


# --- The command -----------------------------------------------------------------------------------------------------
def printed(*args: str) -> str:
    out = StringIO()
    call_command("benchmark", *args, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_with_json_one_document_is_printed_with_its_goals() -> None:
    document = json.loads(printed("search", "--passages", "40", "--queries", "2", "--json"))
    assert list(document) == ["benchmark", "machine", "passages", "queries", "recall", *MODES, "goals"]
    assert document["machine"]["cores"] >= 1
    assert [goal["what"] for goal in document["goals"]] == [goal.what for goal in GOALS["search"]]
    assert document["goals"][0] == {
        "what": "recall@10 of the approximate search",
        "value": 1.0,
        "goal": ">= 0.97",
        "met": True,
    }


@pytest.mark.django_db(transaction=True)
def test_without_json_a_table_comes_before_the_document() -> None:
    table, _newline, document = printed("search", "--passages", "40", "--queries", "2").strip().rpartition("\n")
    assert json.loads(document)["benchmark"] == "search"
    assert any(line.split() == ["recall/all/recall@10", "1.0"] for line in table.splitlines())
    assert "met: recall@10 of the approximate search (>= 0.97)" in table


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_quality_is_that_of_evaluate_for_each_folder(tmp_path: Path) -> None:
    folders = [dataset(tmp_path / name) for name in ("one", "two")]
    document = json.loads(printed("quality", *map(str, folders), "--json"))
    assert [found["dataset"] for found in document["datasets"]] == ["one", "two"]
    assert all(found["hybrid"]["recall@5"] == 1.0 for found in document["datasets"])


def dataset(folder: Path) -> Path:
    """A BEIR folder with two documents and a query."""
    (folder / "qrels").mkdir(parents=True)
    texts = {"a": "The octopus has three hearts.", "b": "A camel stores fat in its hump."}
    rows: list[dict[str, Any]] = [{"_id": name, "title": "", "text": text} for name, text in texts.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "1", "text": "How many hearts has an octopus?"}) + "\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n")
    return folder


@pytest.mark.parametrize("args", [[], ["nothing"], ["crawl", "--pages=0"], ["quality"]])
def test_bad_usage_is_refused(args: list[str]) -> None:
    with pytest.raises(CommandError, match=r"arguments are required|invalid|whole number"):
        call_command("benchmark", *args)


def test_a_goal_that_has_no_figure_is_not_met() -> None:
    for name in GOALS:
        assert not any(goal["met"] or goal["value"] is not None for goal in judged(name, {"sizes": []}))


def test_the_last_size_is_what_the_goals_of_growth_are_about() -> None:
    sizes = [{"common_terms": {"p95_ms": 1.0}}, {"common_terms": {"p95_ms": 151.0}}]
    goals = {goal["what"]: goal for goal in judged("growth", {"sizes": sizes, "growth": {"hybrid_p95": 2.49}})}
    assert [goal["met"] for goal in goals.values()] == [True, False, False]
    assert goals["six common terms at the last size, p95 ms"]["value"] == 151.0
