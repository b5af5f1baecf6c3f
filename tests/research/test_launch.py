import pytest
from kombu.exceptions import OperationalError

from research import launch, tasks
from research.errors import BadQuestion
from research.models import Run, Step
from search_index.models import Source

QUESTION = "Who wrote Larkspur?"


@pytest.fixture
def bell(monkeypatch):
    """The runs that the bell was rung for."""
    rung: list[str] = []
    monkeypatch.setattr(tasks.research, "delay", lambda *args: rung.append(args))
    return rung


@pytest.fixture
def source(db):
    return Source.objects.create(name="docs", kind="site", location="http://example.org/")


def test_a_launched_run_waits_for_a_worker_and_the_bell_rings_after_the_commit(
    owner, source, bell, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        run = launch.launch(owner, f"  {QUESTION}\n", "low", [source.id], sealed=True)
        assert bell == []
    assert bell == [()]
    stored = Run.objects.get(pk=run.pk)
    assert (stored.question, stored.effort, stored.sealed, stored.state) == (QUESTION, "low", True, "queued")
    assert (stored.reasoner, list(stored.sources.all())) == ("extractive", [source])


def test_a_run_uses_the_model_where_one_is_configured(owner, bell, monkeypatch):
    monkeypatch.setenv("CHAT_URL", "http://localhost:1/v1")
    assert launch.launch(owner, QUESTION, "auto", [], sealed=False).reasoner == "model"


def test_a_broker_that_is_down_loses_nothing(owner, monkeypatch, django_capture_on_commit_callbacks):
    def unreachable() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.research, "delay", unreachable)
    with django_capture_on_commit_callbacks(execute=True):
        launch.launch(owner, QUESTION, "low", [], sealed=False)
    assert Run.objects.get().state == "queued"


@pytest.mark.parametrize(
    ("question", "effort", "sources", "reason"),
    [
        ("   ", "low", [], "Ask a question"),
        ("\x00", "low", [], "Ask a question"),
        ("why? " * 500, "low", [], "2500|2499"),
        (QUESTION, "endless", [], "endless"),
        (QUESTION, "low", [12345], "gone"),
    ],
)
def test_what_cannot_be_researched_is_refused_in_words(owner, bell, question, effort, sources, reason):
    with pytest.raises(BadQuestion, match=reason):
        launch.launch(owner, question, effort, sources, sealed=False)
    assert not Run.objects.exists()


def test_stopping_a_waiting_run_ends_it_at_once(owner):
    run = Run.objects.create(owner=owner, question=QUESTION)
    launch.stop(run)
    run.refresh_from_db()
    assert (run.state, run.last_seq) == ("stopped", 1)
    assert run.finished_at is not None
    assert Step.objects.get(run=run).result == {"state": "stopped", "error": ""}


def test_stopping_a_running_run_asks_its_worker(owner):
    run = Run.objects.create(owner=owner, question=QUESTION, state="running")
    launch.stop(run)
    run.refresh_from_db()
    assert (run.state, run.stop_requested) == ("running", True)


def test_a_run_that_is_over_is_left_as_it_is(owner):
    run = Run.objects.create(owner=owner, question=QUESTION, state="done")
    launch.stop(run)
    launch.answer_now(run)
    run.refresh_from_db()
    assert (run.state, run.stop_requested, run.answer_now) == ("done", False, False)


def test_the_answer_can_be_wanted_now(owner):
    run = Run.objects.create(owner=owner, question=QUESTION, state="running")
    launch.answer_now(run)
    run.refresh_from_db()
    assert run.answer_now
