"""The figures of `evaluate retrieval`, by hand and through the command."""

import json
import math
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from search_index.errors import BadSource
from search_index.evaluate import document_id, metrics, questions
from search_index.models import Crawl, Source
from tests.fakes.index import put

DOCUMENTS = {
    "Octopus": "The octopus has three hearts.",
    "AC/DC": "AC/DC is an Australian rock band founded in Sydney.",
    '"Heroes"': "The song was recorded by David Bowie in Berlin.",
}
KEYS = (
    "ndcg@10 recall@2 recall@5 recall@10 recall@20 recall@100 all_gold@5 all_gold@10 mrr@10 p50_ms p95_ms".split()  # noqa: SIM905
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BEIR folder with one query more than has relevant documents, and ids that need care."""
    dataset = tmp_path / "tiny"
    (dataset / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "title": name, "text": text} for name, text in DOCUMENTS.items()]
    asked = {"1": "How many hearts has an octopus?", "2": "Which band is from Sydney?", "3": "Berlin song", "4": "?"}
    queries = [{"_id": number, "text": text} for number, text in asked.items()]
    (dataset / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in corpus))
    (dataset / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in queries))
    judged = ["1\tOctopus\t1", "1\tAC/DC\t0", "2\tAC/DC\t1", '3\t"Heroes"\t2']
    (dataset / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged, ""]))
    return dataset


def test_metrics_of_a_ranking_worked_out_by_hand() -> None:
    ranking = ["x", "a", "y", "z", "w", "v", "b"]
    figures = metrics(ranking, {"a": 1, "b": 1})
    gain = 1 / math.log2(3) + 1 / math.log2(8)
    assert figures["ndcg@10"] == pytest.approx(gain / (1 + 1 / math.log2(3)))
    assert figures["mrr@10"] == 0.5
    assert [figures[f"recall@{k}"] for k in (2, 5, 10, 20, 100)] == [0.5, 0.5, 1, 1, 1]
    assert (figures["all_gold@5"], figures["all_gold@10"]) == (0, 1)


def test_metrics_take_grades_into_account() -> None:
    best, worse = metrics(["a", "b"], {"a": 2, "b": 1}), metrics(["b", "a"], {"a": 2, "b": 1})
    assert best["ndcg@10"] == pytest.approx(1)
    assert worse["ndcg@10"] == pytest.approx((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)))


def test_metrics_of_a_ranking_without_any_relevant_document_are_nought() -> None:
    assert set(metrics(["x"] * 1, {"a": 1}).values()) == {0.0}
    assert set(metrics([], {"a": 1}).values()) == {0.0}


def test_queries_without_relevant_documents_are_left_out(folder: Path) -> None:
    asked = questions(folder)
    assert [question.text for question in asked] == [
        "How many hearts has an octopus?",
        "Which band is from Sydney?",
        "Berlin song",
    ]
    assert [dict(question.gold) for question in asked] == [{"Octopus": 1}, {"AC/DC": 1}, {'"Heroes"': 2}]


def test_a_document_id_may_hold_a_slash() -> None:
    assert document_id("beir:tiny/AC/DC") == "AC/DC"


@pytest.mark.parametrize("file", ["queries.jsonl", "qrels/test.tsv"])
def test_a_file_that_is_not_beir_is_named(folder: Path, file: str) -> None:
    (folder / file).write_text("nonsense\nnonsense\n")
    with pytest.raises(BadSource, match="not a BEIR dataset"):
        questions(folder)


def test_a_folder_that_is_no_dataset_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not a BEIR dataset") as error:
        call_command("evaluate", "retrieval", str(tmp_path))
    assert error.value.returncode == 2


def indexed(folder: Path) -> Source:
    source = Source.objects.create(name="tiny", kind="beir", location=str(folder))
    for name, text in DOCUMENTS.items():
        put(source, f"beir:tiny/{name}", text, title=name)
    Crawl.objects.create(source=source, state=Crawl.State.DONE, fetched=3, passages=3)
    return source


@pytest.mark.django_db
def test_evaluate_prints_one_json_document_with_all_figures(folder: Path) -> None:
    indexed(folder)
    out = StringIO()
    call_command("evaluate", "retrieval", str(folder), "--json", stdout=out, stderr=StringIO())
    figures = json.loads(out.getvalue())
    assert list(figures) == [
        "dataset",
        "queries",
        "passages",
        "hybrid",
        "dense",
        "lexical",
        "index_passages_per_second",
    ]
    assert (figures["dataset"], figures["queries"], figures["passages"]) == ("tiny", 3, 3)
    for mode in ("hybrid", "dense", "lexical"):
        assert list(figures[mode]) == KEYS
        assert figures[mode]["recall@100"] == 1
    assert figures["hybrid"]["mrr@10"] == 1


@pytest.mark.django_db
def test_evaluate_asks_only_as_many_queries_as_it_is_told_and_shows_a_table(folder: Path) -> None:
    indexed(folder)
    out = StringIO()
    call_command("evaluate", "retrieval", str(folder), "--limit", "2", stdout=out, stderr=StringIO())
    assert "tiny: 2 queries, 3 passages" in out.getvalue()
    assert "recall@5" in out.getvalue()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_evaluate_indexes_the_dataset_first(folder: Path) -> None:
    out = StringIO()
    call_command("evaluate", "retrieval", str(folder), "--json", stdout=out, stderr=StringIO())
    figures = json.loads(out.getvalue())
    assert figures["passages"] == 3
    assert figures["hybrid"]["mrr@10"] == 1
    assert figures["index_passages_per_second"] > 0
    assert Source.objects.get().kind == "beir"
