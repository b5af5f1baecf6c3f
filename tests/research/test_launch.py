import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError

from research import launch, tasks
from research.engine.values import Planned
from research.errors import BadQuestion, BadWish, PlanChanged
from research.models import Run, Step
from search_index.models import Source
from tests.fakes.rows import make_gap, make_run

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


def test_looking_whether_the_sources_are_there_counts_nothing_of_them(owner, source, bell):
    with CaptureQueriesContext(connection) as queries:
        run = launch.launch(owner, QUESTION, "low", [source.pk], sealed=False)
    assert list(run.sources.all()) == [source]
    asked = [one["sql"] for one in queries if one["sql"].startswith("SELECT") and "search_index_" in one["sql"]]
    assert not any(table in sql for sql in asked for table in ("search_index_passage", "search_index_page"))


@pytest.fixture
def gap(owner):
    found = {"state": "closed", "outcome": "Tor Vikdal", "asked": "Who wrote Larkspur 1?"}
    return make_gap(make_run(owner, state="running"), question=QUESTION, criterion="a name", **found)


def last_wish(run):
    return Step.objects.filter(run=run, kind="wish").order_by("seq").last().result


def test_an_answered_sub_question_is_open_again_when_its_criterion_changes(gap):
    launch.reword_gap(gap.run, 1, Planned(QUESTION, "a name and a year"), was=Planned(QUESTION, "a name"))
    gap.refresh_from_db()
    assert (gap.question, gap.criterion, gap.state, gap.outcome) == (QUESTION, "a name and a year", "open", "")
    assert gap.asked == "Who wrote Larkspur 1?"  # the same question, with what was found for another in its place
    wish = {"wish": "reword", "number": 1, "gap": 1, "text": QUESTION, "criterion": "a name and a year"}
    assert last_wish(gap.run) == wish


def test_another_question_is_asked_anew(gap):
    launch.reword_gap(gap.run, 1, Planned("Who tested it?", ""))
    gap.refresh_from_db()
    assert (gap.question, gap.criterion, gap.state, gap.asked) == ("Who tested it?", "", "open", "")


def test_what_reads_so_already_is_no_wish(gap):
    launch.reword_gap(gap.run, 1, Planned(QUESTION, "a name"), was=Planned("Who?", "a town"))
    gap.refresh_from_db()
    assert gap.state == "closed"
    assert not Step.objects.exists()


@pytest.mark.parametrize("was", [Planned("Who?", "a name"), Planned(QUESTION, "a town")])
def test_words_for_what_reads_otherwise_by_now_are_refused(gap, was):
    with pytest.raises(PlanChanged, match="Sub-question 1 was changed meanwhile"):
        launch.reword_gap(gap.run, 1, Planned("Who wrote it?", "a name"), was)
    gap.refresh_from_db()
    assert (gap.question, gap.state) == (QUESTION, "closed")
    assert not Step.objects.exists()


def test_a_sub_question_that_is_not_there_cannot_be_reworded(gap):
    with pytest.raises(BadWish, match="no sub-question 7"):
        launch.reword_gap(gap.run, 7, Planned("Why?"))
