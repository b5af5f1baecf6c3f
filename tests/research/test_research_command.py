import json
from contextlib import nullcontext

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from config import supervisor
from research import tasks
from research.management.commands import research as command
from research.models import Run
from research.reasoning.extractive import ExtractiveReasoner
from tests.research.engine.library import Library

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "Who wrote the first version of Larkspur?"
KEYS = [
    "run",
    "state",
    "question",
    "answer",
    "report_markdown",
    "claims",
    "evidence",
    "opened",
    "queries",
    "not_found",
    "cost",
]


@pytest.fixture
def library(monkeypatch):
    """A small index, and a worker in this process that takes a run as soon as the bell rings for it."""
    found = Library()
    monkeypatch.setattr(tasks, "WholeIndex", lambda: found)
    monkeypatch.setattr(tasks, "reasoner", lambda name: ExtractiveReasoner(found.similarity))
    monkeypatch.setattr(tasks.research, "delay", tasks.research)
    monkeypatch.setattr(supervisor, "running", nullcontext)
    return found


def test_the_report_is_printed_with_its_sources_and_the_steps_beside_it(library, capsys):
    call_command("research", QUESTION, effort="low")
    output = capsys.readouterr()
    assert output.out.startswith(f"# {QUESTION}\n\n**Tor Vikdal**\n\n> ")
    assert "## Sources\n\n1. People, <http://larkspur.test/people.html>" in output.out
    assert f"Searched “{QUESTION}”: 3 hits" in output.err
    assert "Kept" in output.err


def test_an_index_with_nothing_in_it_is_said(library, capsys):
    call_command("research", QUESTION, effort="low", json=True)
    output = capsys.readouterr()
    assert "The index is empty" in output.err
    assert json.loads(output.out)["state"] == "done"


def test_one_json_document_is_printed_in_the_shape_that_scripts_rely_on(library, capsys):
    User.objects.create_superuser("boss")
    call_command("research", QUESTION, effort="low", json=True)
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert list(document) == [*KEYS, "plan", "table", "confidence", "disagreements", "computed"]
    assert (document["state"], document["answer"], document["not_found"]) == ("done", "Tor Vikdal", [])
    [evidence, *_] = document["evidence"]
    assert list(evidence) == ["id", "quote", "url", "title", "snapshot", "start", "end", "gap"]
    assert (evidence["id"], evidence["title"], evidence["gap"]) == (1, "People", QUESTION)
    assert document["claims"][0]["evidence"] == [1]
    assert 0 < document["confidence"] < 1
    old = {"seconds", "model_calls", "prompt_tokens", "completion_tokens", "pages"}
    added = {"cached_tokens", "model_seconds", "page_seconds", "index_seconds", "money", "currency"}
    assert old | added <= set(document["cost"])
    assert document["queries"][0] == QUESTION
    assert Run.objects.get().owner.username == "boss"


def test_without_an_administrator_the_run_belongs_to_the_shell(library):
    call_command("research", QUESTION, effort="low")
    owner = Run.objects.get().owner
    assert owner.username == "shell"
    assert not owner.has_usable_password()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"source": ["nope"]}, "There is no source named nope; there are: larkspur."),
        ({"question": "  "}, "Ask a question first."),
    ],
)
def test_bad_usage_is_refused_with_status_2(library, arguments, reason):
    with pytest.raises(CommandError, match=reason) as refused:
        call_command("research", arguments.pop("question", QUESTION), **arguments)
    assert refused.value.returncode == 2
    assert not Run.objects.exists()


def test_a_run_that_failed_says_why_with_status_1(library, monkeypatch, capsys):
    def fail() -> None:
        Run.objects.update(
            state="failed", error="The model server refuses the key; set CHAT_KEY.", finished_at=timezone.now()
        )

    monkeypatch.setattr(tasks.research, "delay", fail)
    with pytest.raises(CommandError, match="set CHAT_KEY") as failed:
        call_command("research", QUESTION, json=True)
    assert failed.value.returncode == 1
    assert json.loads(capsys.readouterr().out)["state"] == "failed"


def test_ctrl_c_stops_following_and_not_the_run(library, monkeypatch, capsys):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks.research, "delay", lambda: None)
    monkeypatch.setattr(command.time, "sleep", interrupt)
    with pytest.raises(SystemExit) as ended:
        call_command("research", QUESTION)
    assert ended.value.code == 130
    run = Run.objects.get()
    assert run.state == "queued"
    assert f"/runs/{run.pk}" in capsys.readouterr().err
