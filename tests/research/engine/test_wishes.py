"""What a person may do to a run: see and change its plan, steer it, have it answer, continue it, try a step again."""

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User

from config.loop import in_thread
from research import launch, tasks
from research.engine import watch
from research.engine.journal import Journal, claim
from research.engine.values import Action, Plan, Planned
from research.errors import BadQuestion, BadWish, StepFailed
from research.models import Gap, Report, Run, Step
from research.reasoning.extractive import ExtractiveReasoner

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND = "Who wrote the first version of Larkspur?", "How long is the first wait of a job?"


class Reasoner(ExtractiveReasoner):
    """Plans FIRST, remembers every workspace, and waits before each action while `go` is not set. `heard` is set as
    soon as the run knows of a wish."""

    def __init__(self, similarity: Any) -> None:
        super().__init__(similarity)
        self.seen: list[Any] = []
        self.acting, self.go, self.heard = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.go.set()

    async def plan(self, question: Any, most: int) -> Plan:
        return Plan("fact", (Planned(FIRST, "a name"),))

    async def act(self, workspace: Any) -> Action:
        self.seen.append(workspace)
        self.acting.set()
        await self.go.wait()
        return await super().act(workspace)


@pytest.fixture
def reasoner(library: Any, monkeypatch: pytest.MonkeyPatch) -> Reasoner:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(tasks, "WholeIndex", lambda: library)
    made = Reasoner(library.similarity)
    monkeypatch.setattr(tasks, "reasoner", lambda name: made)
    hear = Journal.hear

    async def heard(journal: Journal) -> None:
        await hear(journal)
        if journal.wishes:
            made.heard.set()

    monkeypatch.setattr(Journal, "hear", heard)
    monkeypatch.setattr(launch, "ring", lambda: None)
    return made


def owner() -> User:
    return User.objects.get_or_create(username="owner")[0]


def asked(question: str = FIRST, effort: str = "medium", **how: Any) -> Run:
    return launch.launch(owner(), question, effort, [], False, **how)


async def conducted(run: Run) -> Run:
    epoch = await in_thread(claim, str(run.pk))
    assert epoch is not None
    await tasks.conduct(str(run.pk), epoch)
    return await in_thread(Run.objects.get, pk=run.pk)


async def gaps(run: Run) -> list[tuple[int, str, str]]:
    return await in_thread(lambda: [(gap.number, gap.text, gap.state) for gap in run.gaps.all()])


async def keys(run: Run) -> list[str]:
    return await in_thread(lambda: list(Step.objects.filter(run=run).order_by("seq").values_list("key", flat=True)))


async def test_a_plan_that_is_to_be_reviewed_waits_for_the_person(reasoner, library):
    run = await conducted(await in_thread(asked, review_plan=True))
    assert (run.state, run.lease_owner) == ("review", "")
    assert await gaps(run) == [(1, FIRST, "open")]
    assert library.queries == []
    assert await in_thread(claim, str(run.pk)) is None
    await in_thread(launch.add_gap, run, SECOND, "a time")
    await in_thread(launch.order_gaps, run, [2, 1])
    await in_thread(launch.approve, run)
    run = await conducted(run)
    assert run.state == "done"
    assert await gaps(run) == [(2, SECOND, "closed"), (1, FIRST, "closed")]
    assert run.paused.total_seconds() > 0
    report = await in_thread(Report.objects.get, run=run)
    sections = await in_thread(lambda: list(dict.fromkeys(report.claims.values_list("section", flat=True))))
    assert sections == [SECOND, FIRST]


async def test_a_gap_that_is_added_while_it_runs_is_hunted_at_once(reasoner, library):
    reasoner.go.clear()
    run = await in_thread(asked)
    work = asyncio.create_task(conducted(run))
    await reasoner.acting.wait()
    await in_thread(launch.add_gap, run, SECOND)
    async with asyncio.timeout(20):
        while len({workspace.gap.number for workspace in reasoner.seen}) < 2:
            await asyncio.sleep(0.02)  # the first one still thinks
    reasoner.go.set()
    assert (await work).state == "done"
    assert await gaps(run) == [(1, FIRST, "closed"), (2, SECOND, "closed")]


async def test_a_gap_that_is_dropped_is_let_go_and_left_out_of_the_report(reasoner, library):
    reasoner.go.clear()
    run = await in_thread(asked)
    work = asyncio.create_task(conducted(run))
    await reasoner.acting.wait()
    await in_thread(launch.drop_gap, run, 1)
    run = await asyncio.wait_for(work, 20)
    assert run.state == "done"
    assert await gaps(run) == [(1, FIRST, "dropped")]
    report = await in_thread(Report.objects.get, run=run)
    assert (report.not_found, await in_thread(report.claims.count)) == ([FIRST], 0)  # the question itself, unanswered


async def test_a_reworded_gap_is_hunted_in_its_new_words_and_keeps_what_was_found(reasoner, library):
    reasoner.go.clear()
    run = await in_thread(asked)
    work = asyncio.create_task(conducted(run))
    await reasoner.acting.wait()
    await in_thread(launch.reword_gap, run, 1, Planned(SECOND))
    reasoner.go.set()  # what it decides now, it decides for the old words
    run = await work
    assert await gaps(run) == [(1, SECOND, "closed")]
    acts = await in_thread(lambda: list(Step.objects.filter(run=run, kind="act").order_by("seq")))
    assert acts[0].result["refused"] == "The sub-question was changed meanwhile."
    assert acts[1].result["question"] == SECOND


async def test_an_answer_is_judged_anew_by_a_reworded_criterion(reasoner, library):
    run = await conducted(await in_thread(asked))
    assert await gaps(run) == [(1, FIRST, "closed")]
    kept = await in_thread(run.evidence.count)
    queries = list(library.queries)
    reasoner.seen.clear()
    await in_thread(launch.reword_gap, run, 1, Planned(FIRST, "a name and a town"))
    assert await gaps(run) == [(1, FIRST, "open")]
    await in_thread(launch.go_on, run)
    run = await conducted(run)
    first = reasoner.seen[0]
    assert (first.gap.question, first.gap.criterion, first.gap.state) == (FIRST, "a name and a town", "open")
    assert len(first.known) == kept > 0
    assert set(first.queries) == set(queries)
    assert await gaps(run) == [(1, FIRST, "closed")]


async def test_an_answer_that_was_decided_by_the_old_criterion_does_not_count(reasoner, library):
    reasoner.go.clear()
    run = await in_thread(asked)
    work = asyncio.create_task(conducted(run))
    await reasoner.acting.wait()
    await in_thread(launch.reword_gap, run, 1, Planned(FIRST, "a name and a town"))
    reasoner.go.set()
    await work
    acts = await in_thread(lambda: list(Step.objects.filter(run=run, kind="act").order_by("seq")))
    assert acts[0].result["refused"] == "The sub-question was changed meanwhile."
    assert [one.gap.criterion for one in reasoner.seen[:2]] == ["a name", "a name and a town"]


async def test_a_remark_is_seen_by_the_next_decision(reasoner, library):
    reasoner.go.clear()
    run = await in_thread(asked)
    work = asyncio.create_task(conducted(run))
    await reasoner.acting.wait()
    await in_thread(launch.remark, run, "Only people count.")
    await reasoner.heard.wait()
    reasoner.go.set()
    await work
    assert reasoner.seen[0].remarks == ()
    assert reasoner.seen[1].remarks == ("Only people count.",)


async def test_a_run_is_continued_behind_its_last_step_into_a_further_report(reasoner, library):
    question = "Which zebra painted quantum teapots?"

    async def plan(question: Any, most: int) -> Plan:
        return Plan("fact", (Planned(question.text),))

    reasoner.plan = plan
    run = await conducted(await in_thread(asked, question, "low"))
    before, queries = await keys(run), list(library.queries)
    spent = run.budget
    assert await gaps(run) == [(1, question, "given_up")]
    await in_thread(launch.go_on, run, "medium")
    run = await conducted(run)
    assert (run.state, run.leg, run.effort) == ("done", 2, "medium")
    assert run.budget["pages"] > spent["pages"]
    after = await keys(run)
    assert after[: len(before)] == before
    assert after[len(before)] == "wish/1"
    assert after[-2:] == ["report/2", "end/2"]
    turns = [key for key in after if key.startswith("gap/1/turn/") and key.endswith("/act")]
    assert len(turns) > sum(key.endswith("/act") for key in before)
    assert library.queries[: len(queries)] == queries
    assert len(set(library.queries)) == len(library.queries)
    assert await in_thread(lambda: [report.version for report in run.reports.all()]) == [1, 2]


async def test_an_answer_now_can_be_continued_where_it_was(reasoner, library):
    reasoner.go.clear()
    run = await in_thread(asked)
    work = asyncio.create_task(conducted(run))
    await reasoner.acting.wait()
    await in_thread(launch.answer_now, run)
    run = await asyncio.wait_for(work, 20)
    assert (run.state, library.queries) == ("done", [])
    reasoner.go.set()
    await in_thread(launch.go_on, run)
    run = await conducted(run)
    report = await in_thread(run.reports.last)
    assert (report.version, report.answer, report.not_found) == (2, "Tor Vikdal", [])


async def test_a_failed_step_is_tried_again(reasoner, library, monkeypatch):
    search = library.search

    async def broken(*args: Any) -> Any:
        raise StepFailed("The embedding model is not installed.")

    monkeypatch.setattr(library, "search", broken)
    run = await conducted(await in_thread(asked, effort="low"))
    failed = await in_thread(lambda: Step.objects.filter(run=run, kind="search").exclude(error="").first())
    monkeypatch.setattr(library, "search", search)
    with pytest.raises(BadWish, match="did not fail"):
        await in_thread(launch.retry, run, "plan")
    await in_thread(launch.retry, run, failed.key)
    run = await conducted(run)
    assert f"{failed.key}/again/1" in await keys(run)
    report = await in_thread(run.reports.last)
    assert (report.version, report.answer) == (2, "Tor Vikdal")


async def test_a_failed_step_is_tried_again_while_the_run_goes_on(reasoner, library, monkeypatch):
    search, failed = library.search, asyncio.Event()

    async def once_broken(*args: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise StepFailed("The index is away.")
        return await search(*args)

    monkeypatch.setattr(library, "search", once_broken)
    run = await in_thread(asked)
    work = asyncio.create_task(conducted(run))
    await failed.wait()
    reasoner.go.clear()
    async with asyncio.timeout(20):
        while not await in_thread(Step.objects.filter(run=run).exclude(error="").exists):
            await asyncio.sleep(0.02)
    key = await in_thread(lambda: Step.objects.filter(run=run).exclude(error="").get().key)
    await in_thread(launch.retry, run, key)
    await reasoner.heard.wait()
    reasoner.go.set()
    run = await asyncio.wait_for(work, 20)
    made = await keys(run)
    assert f"{key}/again/1" in made
    assert len(made) == len(set(made))
    assert (run.state, run.leg) == ("done", 1)


async def test_a_follow_up_starts_from_what_the_run_before_it_found(reasoner, library):
    run = await conducted(await in_thread(asked))
    follow_up = await in_thread(asked, "Where does he live?", follows=run)
    follow_up = await conducted(follow_up)
    first = reasoner.seen[-1]
    assert first.question.earlier == f"{FIRST} Tor Vikdal"
    notes = await in_thread(lambda: Step.objects.filter(run=follow_up, key="gap/1/inherited").first())
    assert "Tor Vikdal" in notes.result["kept"][0]["quote"]


async def test_a_killed_run_knows_the_wishes_of_before(reasoner, library):
    reasoner.go.clear()
    run = await in_thread(asked)
    work = asyncio.create_task(conducted(run))
    await reasoner.acting.wait()
    await in_thread(launch.add_gap, run, SECOND)
    await in_thread(launch.remark, run, "Only people count.")
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    reasoner.go.set()
    reasoner.seen.clear()
    run = await conducted(run)
    assert await gaps(run) == [(1, FIRST, "closed"), (2, SECOND, "closed")]
    assert {workspace.remarks for workspace in reasoner.seen} == {("Only people count.",)}


def test_a_wish_that_makes_no_sense_is_refused_and_changes_nothing(reasoner):
    run = asked()
    for wish in (
        lambda: launch.drop_gap(run, 7),
        lambda: launch.reword_gap(run, 7, Planned("Why?")),
        lambda: launch.order_gaps(run, [1, 2]),
        lambda: launch.add_gap(run, "  "),
        lambda: launch.remark(run, ""),
        lambda: launch.go_on(run, "extreme"),
        lambda: launch.retry(run, "gap/1/turn/1/act"),
    ):
        with pytest.raises(BadWish):
            wish()
    with pytest.raises(BadQuestion):
        launch.add_gap(run, "x" * 3000)
    run.refresh_from_db()
    assert (run.wishes, run.last_seq, Gap.objects.count()) == (0, 0, 0)


def test_what_is_over_is_not_continued_twice(reasoner):
    run = asked()
    launch.stop(run)
    launch.go_on(run)
    launch.go_on(run)
    run.refresh_from_db()
    assert (run.state, run.leg, run.wishes) == ("queued", 2, 1)
