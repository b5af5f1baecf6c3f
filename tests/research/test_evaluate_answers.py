"""The figures of `evaluate answers`: real runs, done in this process by the extractive reasoner over a small index."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from config import supervisor
from research import evaluate, tasks
from research.models import Run
from research.reasoning.extractive import ExtractiveReasoner
from search_index import api
from tests.research.engine.library import Library

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = "http://larkspur.test/people.html"
QUESTIONS = [
    {"id": "1", "question": "Who wrote the first version of Larkspur?", "answers": ["Tor Vikdal"], "gold": [PEOPLE]},
    {"id": "2", "question": "How long is the first wait?", "answers": ["10 s"], "gold": ["x", "y"], "hops": 3},
    {"id": "3", "question": "Which zebra painted quantum teapots?"},
]
KEYS = """questions answered abstained em f1 gold_recall_kept gold_recall_opened all_gold_kept kept_mean
    model_calls_mean tokens_mean seconds_mean by_hops right wrong confidence_mean calibration_error reliability
    not_found_share unsupported_kept""".split()  # noqa: SIM905


@pytest.fixture
def library(monkeypatch, tmp_path):
    """A small index, and a worker in this process that takes a run as soon as the bell rings for it."""
    found = Library()
    monkeypatch.setattr(tasks, "WholeIndex", lambda: found)
    monkeypatch.setattr(tasks, "reasoner", lambda name: ExtractiveReasoner(found.similarity))
    monkeypatch.setattr(tasks.ring_again, "delay", lambda: None)
    monkeypatch.setattr(tasks.research, "delay", tasks.research)
    monkeypatch.setattr(supervisor, "running", nullcontext)
    monkeypatch.setattr(api, "search", lambda *args, **kwargs: [])
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in QUESTIONS))
    return path


def measured(capsys: Any, *arguments: str) -> dict[str, Any]:
    call_command("evaluate", "answers", *arguments, "--json")
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_one_json_document_has_the_figures_that_scripts_rely_on(library, file, capsys):
    figures = measured(capsys, str(file), "--effort", "low")
    assert set(KEYS) <= set(figures)
    assert (figures["questions"], figures["answered"], figures["abstained"], figures["failed"]) == (3, 2, 1, 0)
    assert figures["em"] == 0.5
    assert (figures["right"], figures["wrong"]) == (1, 1)
    assert (figures["not_found_share"], figures["unsupported_kept"]) == (1, 0)  # of those that have no answer
    assert 0 < figures["confidence_mean"] < 1
    assert sum(one["count"] for one in figures["reliability"]) == 2
    assert figures["gold_recall_kept"] == figures["gold_recall_opened"] == 0.5  # all of one, none of the other
    assert figures["all_gold_kept"] == 0.5
    assert figures["model_calls_mean"] == figures["tokens_mean"] == 0
    assert figures["searches_mean"] >= 1
    assert {hops: found["questions"] for hops, found in figures["by_hops"].items()} == {"1": 1, "3": 1}
    assert figures["by_hops"]["3"]["gold_recall_kept"] == 0


def test_what_no_question_can_say_is_null(library, tmp_path, capsys):
    file = tmp_path / "none.jsonl"
    file.write_text(json.dumps(QUESTIONS[2]))
    figures = measured(capsys, str(file))
    assert (figures["abstained"], figures["em"], figures["gold_recall_kept"], figures["by_hops"]) == (1, None, None, {})
    assert (figures["confidence_mean"], figures["calibration_error"]) == (None, None)


def test_a_table_is_shown_without_json(library, file, capsys):
    call_command("evaluate", "answers", str(file), "--limit", "1")
    table = capsys.readouterr().out
    assert "1 hops" in table
    assert "gold_recall_kept" in table


def test_an_evaluation_that_was_killed_goes_on_and_a_finished_one_begins_anew(library, file, capsys, monkeypatch):
    launched: list[str] = []
    launch = evaluate.launch

    def dies(owner: Any, question: str, *rest: Any, **more: Any) -> Run:
        if len(launched) == 2:
            raise KeyboardInterrupt
        launched.append(question)
        return launch(owner, question, *rest, **more)

    monkeypatch.setattr(evaluate, "launch", dies)
    with pytest.raises(SystemExit) as stopped:
        call_command("evaluate", "answers", str(file), "--json")
    assert stopped.value.code == 130
    monkeypatch.setattr(evaluate, "launch", launch)
    capsys.readouterr()
    assert measured(capsys, str(file))["questions"] == 3
    assert Run.objects.count() == 3
    assert measured(capsys, str(file))["questions"] == 3
    assert Run.objects.count() == 6


def test_other_options_are_another_evaluation(library, file, capsys):
    with evaluate.ledger(file, [], "low") as first:
        first.add("1", "00000000-0000-0000-0000-000000000000")
        with evaluate.ledger(file, [1], "low") as of_a_source, evaluate.ledger(file, [], "high") as high:
            assert len({first.path, of_a_source.path, high.path}) == 3
    with evaluate.ledger(file, [], "low") as again:
        assert again.path == first.path
        assert again.runs == {}  # a run that is gone is asked again


def test_two_commands_do_not_measure_the_same_at_once(library, file):
    with evaluate.ledger(file, [], "medium"), pytest.raises(CommandError, match="already") as refused:
        call_command("evaluate", "answers", str(file))
    assert refused.value.returncode == 2
    assert not Run.objects.exists()


def test_runs_that_all_fail_say_why_with_status_1(library, file, monkeypatch, capsys):
    def fail() -> None:
        Run.objects.filter(state="queued").update(state="failed", error="Set CHAT_KEY.", finished_at=timezone.now())

    monkeypatch.setattr(tasks.research, "delay", fail)
    with pytest.raises(CommandError, match="Set CHAT_KEY") as failed:
        call_command("evaluate", "answers", str(file), "--json")
    assert failed.value.returncode == 1
    assert json.loads(capsys.readouterr().out)["failed"] == 3


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("", "There is no question"),
        ("{}\n", "Line 1 of .* is no question"),
        ('{"id": "1", "question": " "}\n', "the question is empty"),
        ('{"id": "1", "question": "a"}\n{"id": "1", "question": "b"}\n', "have the id 1"),
        ('{"id": "1", "question": "a", "gold": "b"}\n', "are lists"),
        ("nonsense\n", "Line 1"),
    ],
)
def test_a_file_that_is_none_of_questions_is_bad_usage(library, tmp_path, lines, reason):
    file = tmp_path / "bad.jsonl"
    file.write_text(lines)
    with pytest.raises(CommandError, match=reason) as refused:
        call_command("evaluate", "answers", str(file))
    assert refused.value.returncode == 2
    assert not Run.objects.exists()


@pytest.mark.parametrize("arguments", [("nothing.jsonl",), ("", "--source", "nope")])
def test_a_missing_file_and_an_unknown_source_are_bad_usage(library, file, arguments):
    with pytest.raises(CommandError) as refused:
        call_command("evaluate", "answers", arguments[0] or str(file), *arguments[1:])
    assert refused.value.returncode == 2
