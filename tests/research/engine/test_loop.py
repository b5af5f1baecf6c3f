import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from config.loop import in_thread
from research import sandbox
from research.engine import watch as watch_module
from research.engine.budget import BUDGETS
from research.engine.journal import Journal, claim
from research.engine.kit import Kit
from research.engine.loop import research
from research.engine.markdown import markdown
from research.engine.tried import tried
from research.engine.values import Action, Judgement, Plan, Planned, Question, Sentence
from research.errors import StepFailed
from research.models import Claim, Evidence, Exhibit, Gap, Report, Run, Step
from research.reasoning.extractive import ExtractiveReasoner
from search_index.models import Snapshot

pytestmark = pytest.mark.django_db(transaction=True)


async def researched(run: Run, library: Any, listener: Any, reasoner: Any = None, effort: str = "low") -> Run:
    """The run after a worker has taken it and gone through it, however it ended."""
    epoch = await in_thread(claim, str(run.pk))
    for _again in range(50):
        if epoch is not None:
            break
        # A worker that was cancelled ends, but not the thread of its last step: it holds the row or prolongs the lease.
        await asyncio.sleep(0.2)
        await in_thread(Run.objects.filter(pk=run.pk, state="running").update, lease_until="2020-01-01T00:00Z")
        epoch = await in_thread(claim, str(run.pk))
    assert epoch is not None
    async with Journal(str(run.pk), epoch, listener) as journal:
        kit = Kit(reasoner or ExtractiveReasoner(library.similarity), library, BUDGETS[effort], sandbox)
        await journal.end(await research(Question(str(run.pk), run.question, (), run.sealed), kit, journal))
    return await in_thread(Run.objects.get, pk=run.pk)


async def rows(model: Any, run: Run, **found: Any) -> list[Any]:
    path = {Claim: "report__run"}.get(model, "run")
    return await in_thread(lambda: list(model.objects.filter(**{path: run.pk}, **found)))


async def test_a_question_ends_in_a_report_of_verbatim_quotations(new_run, library, listener):
    run = await researched(await in_thread(new_run), library, listener)
    assert run.state == "done"
    [report] = await rows(Report, run)
    assert report.answer == "Tor Vikdal"
    assert report.not_found == []
    claims = await rows(Claim, run)
    assert "Tor Vikdal wrote the first version" in claims[0].text
    assert {claim.verdict for claim in claims} == {"quoted"}
    exhibits = {one.pk: one for one in await rows(Exhibit, run)}
    for evidence in await rows(Evidence, run):
        page = exhibits[evidence.exhibit_id]
        assert page.text[evidence.start : evidence.end] == evidence.quote
        assert (await in_thread(Snapshot.objects.get, pk=page.snapshot)).text == page.text
    assert [gap.state for gap in await rows(Gap, run)] == ["closed"]
    kinds = [step.kind for step in await rows(Step, run)]
    assert kinds[0] == "plan"
    assert kinds[-2:] == ["report", "end"]
    assert {"act", "search", "note", "outline", "draft", "check", "answer"} <= set(kinds)


async def test_a_question_that_nothing_answers_ends_in_an_honest_report(new_run, library, listener):
    question = "Which zebra painted quantum teapots?"
    run = await researched(await in_thread(new_run, question), library, listener)
    assert run.state == "done"
    [report] = await rows(Report, run)
    assert (report.answer, report.not_found) == ("", [question])
    assert await rows(Claim, run) == []
    assert await rows(Evidence, run) == []
    assert [gap.state for gap in await rows(Gap, run)] == ["given_up"]


async def test_what_only_comes_near_is_shown_as_such_and_answers_nothing(new_run, library, listener):
    question = "Where was the mother of Tor Vikdal buried?"
    run = await researched(await in_thread(new_run, question), library, listener)
    [report] = await rows(Report, run)
    assert (report.answer, report.confidence, report.not_found) == ("", None, [question])
    assert [gap.state for gap in await rows(Gap, run)] == ["given_up"]
    claims = await rows(Claim, run)
    assert {claim.verdict for claim in claims} == {"quoted"}
    text = await in_thread(markdown, report)
    assert "What came nearest does not answer the question" in text
    done = await in_thread(tried, report)
    assert done.queries[0] == question
    assert done.passages == 1
    assert f"Searched: “{question}”" in text


async def test_where_only_parts_of_a_question_are_answered_it_is_not_found_itself(new_run, library, listener):
    class Silent(ExtractiveReasoner):
        async def draft(self, question, section, known, computed, delta):
            return (Sentence("Tor Vikdal wrote it.", section.evidence[:1]),)

        async def judge(self, sentence, known):
            return Judgement("supported", judge="model")

        async def answer(self, question, claims, known):
            return ""

    question = "Who wrote the first version of Larkspur? Who looks after the job file of Larkspur?"
    run = await researched(await in_thread(new_run, question), library, listener, Silent(library.similarity))
    [report] = await rows(Report, run)
    assert (report.answer, report.not_found) == ("", [question])
    assert {gap.state for gap in await rows(Gap, run)} == {"closed"}
    assert "came nearest" not in await in_thread(markdown, report)


async def test_an_answer_has_a_confidence_and_so_has_each_quotation(new_run, library, listener):
    run = await researched(await in_thread(new_run), library, listener)
    [report] = await rows(Report, run)
    assert 0.1 < report.confidence < 1
    assert all(0 < claim.confidence < 1 for claim in await rows(Claim, run))


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote the first version of Larkspur?",
        "Who wrote the first version of Larkspur? How long is the first wait of a job?",
    ],
)
async def test_a_resumed_run_gives_the_same_report_and_asks_nothing_twice(new_run, library, listener, question):
    undisturbed = await researched(await in_thread(new_run, question), library, listener, effort="medium")
    steps = len(await rows(Step, undisturbed))
    queries = sorted(library.queries)
    library.queries.clear()
    run = await in_thread(new_run, question)
    for epoch in range(1, steps + 2):
        if not await died_after_a_step(run, epoch, library, listener):
            break
    finished = await in_thread(Run.objects.get, pk=run.pk)
    assert finished.state == "done"
    assert sorted(library.queries) == queries
    assert sorted(step.key for step in await rows(Step, run)) == sorted(
        step.key for step in await rows(Step, undisturbed)
    )
    claims, others = await rows(Claim, run), await rows(Claim, undisturbed)
    assert [claim.section for claim in claims] == [claim.section for claim in others]
    if question.count("?") == 1:  # of two gaps side by side, the first to keep a passage chooses its words
        assert [claim.text for claim in claims] == [claim.text for claim in others]


async def died_after_a_step(run: Run, epoch: int, library: Any, listener: Any) -> bool:
    """Let a worker take the run, and die (its task cancelled, its lease run out) after two more steps at the latest."""
    done = asyncio.Event()
    count = 0

    async def publish(run_id: str, message: dict[str, Any]) -> None:
        nonlocal count
        count += "seq" in message
        if count == 2:
            done.set()

    work = asyncio.create_task(researched(run, library, publish, effort="medium"))
    death = asyncio.create_task(done.wait())
    await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
    for task in (work, death):
        task.cancel()
    await asyncio.gather(work, death, return_exceptions=True)
    await in_thread(Run.objects.filter(pk=run.pk, state="running").update, lease_until="2020-01-01T00:00Z")
    return (await in_thread(Run.objects.get, pk=run.pk)).state == "running"


class Slow(ExtractiveReasoner):
    """Takes its time over one kind of step, and says when it has begun."""

    def __init__(self, similarity: Any, slow: str) -> None:
        super().__init__(similarity)
        self.begun = asyncio.Event()
        self.slow = slow

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        if name.startswith("_") or name in ("slow", "begun", "name") or name != self.slow:
            return method

        async def slowly(*args: Any) -> Any:
            self.begun.set()
            await asyncio.sleep(600)

        return slowly


@pytest.mark.parametrize("slow", ["plan", "act", "note", "draft", "answer"])
async def test_stop_ends_a_run_soon_wherever_it_is(new_run, library, listener, monkeypatch, slow):
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.05)
    run = await in_thread(new_run)
    reasoner = Slow(library.similarity, slow)
    work = asyncio.create_task(researched(run, library, listener, reasoner))
    await reasoner.begun.wait()
    await in_thread(Run.objects.filter(pk=run.pk).update, stop_requested=True)
    stopped = await asyncio.wait_for(work, 20)
    assert stopped.state == "stopped"
    [report] = await rows(Report, run)
    claims = await rows(Claim, run)
    if slow in ("draft", "answer"):
        assert "Tor Vikdal" in claims[0].text
    else:
        assert claims == []
        assert report.not_found == [run.question]
    assert (await rows(Step, run))[-1].kind == "end"


async def test_answer_now_writes_from_what_is_known(new_run, library, listener, monkeypatch):
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.05)
    run = await in_thread(new_run)

    class ThinksForEver(ExtractiveReasoner):
        async def act(self, workspace: Any) -> Any:
            if workspace.known:
                await in_thread(Run.objects.filter(pk=run.pk).update, answer_now=True)
                await asyncio.sleep(600)
            return await super().act(workspace)

    run = await asyncio.wait_for(researched(run, library, listener, ThinksForEver(library.similarity)), 20)
    assert run.state == "done"
    [report] = await rows(Report, run)
    assert (report.answer, report.not_found) == ("Tor Vikdal", [])


async def test_a_run_that_is_stopped_before_it_begins_reports_nothing(new_run, library, listener):
    run = await researched(await in_thread(new_run, stop_requested=True), library, listener)
    assert run.state == "stopped"
    assert [step.kind for step in await rows(Step, run)] == ["report", "end"]


def scripted(**methods: Callable[..., Any]) -> type[ExtractiveReasoner]:
    return type("Scripted", (ExtractiveReasoner,), methods)


async def test_a_gap_that_builds_on_another_is_asked_with_its_finding(new_run, library, listener):
    async def plan(self: Any, question: Any, most: int) -> Plan:
        return Plan("chain", (Planned("Who designed the schedules?"), Planned("Where does #1 work?")))

    async def act(self: Any, workspace: Any) -> Any:
        action = await ExtractiveReasoner.act(self, workspace)
        return action if action.kind != "answer" else type(action)("answer", outcome="Ines Aldana")

    reasoner = scripted(plan=plan, act=act)(library.similarity)
    run = await researched(await in_thread(new_run), library, listener, reasoner)
    assert "Where does Ines Aldana work?" in library.queries
    assert [gap.text for gap in await rows(Gap, run)] == [
        "Who designed the schedules?",
        "Where does Ines Aldana work?",
    ]


async def test_failing_steps_do_not_keep_a_report_from_coming(new_run, library, listener):
    failing = random.Random(4)

    def sometimes(name: str) -> Callable[..., Any]:
        async def method(self: Any, *args: Any) -> Any:
            if failing.random() < 0.5:
                raise StepFailed(f"{name} failed")
            return await getattr(ExtractiveReasoner, name)(self, *args)

        return method

    names = ["plan", "act", "note", "outline", "draft", "answer", "revise"]
    for _ in range(8):
        reasoner = scripted(**{name: sometimes(name) for name in names})(library.similarity)
        run = await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
        assert run.state == "done"
        assert len(await rows(Report, run)) == 1


async def test_what_a_reasoner_makes_up_is_kept_out(new_run, library, listener):
    async def note(self: Any, workspace: Any, candidates: Any) -> Any:
        kept = await ExtractiveReasoner.note(self, workspace, candidates)
        invented = [type(one)(one.gap, one.snapshot, one.start, one.end, "Anna wrote it.", 1.0) for one in kept]
        elsewhere = [type(one)(one.gap, 999, one.start, one.end, one.quote, 1.0) for one in kept]
        return (*invented, *elsewhere, *kept)

    async def draft(self: Any, question: Any, section: Any, known: Any, computed: Any, delta: Any) -> Any:
        [first, *_] = section.evidence
        sentence = Sentence("Larkspur was written by Anna Karlsson in 1999.", (first,))
        link = Sentence("See https://evil.test/x for Tor Vikdal.", (first,))
        uncited = Sentence("It is the best job queue.", (77,))
        return (sentence, link, uncited)

    async def answer(self: Any, question: Any, claims: Any, known: Any) -> str:
        return "Anna Karlsson"

    reasoner = scripted(note=note, draft=draft, answer=answer)(library.similarity)
    run = await researched(await in_thread(new_run), library, listener, reasoner)
    evidence = await rows(Evidence, run)
    assert evidence
    assert all("Anna" not in one.quote for one in evidence)
    claims = await rows(Claim, run)
    assert [claim.verdict for claim in claims[:2]] == ["unsupported", "unsupported"]
    assert "Anna, Karlsson" in claims[0].reason
    assert {claim.verdict for claim in claims[2:]} == {"quoted"}  # nothing was left, so the evidence speaks
    assert (await rows(Report, run))[0].answer == ""


async def test_a_claim_that_fails_is_rewritten_once(new_run, library, listener):
    async def draft(self: Any, question: Any, section: Any, known: Any, computed: Any, delta: Any) -> Any:
        return (Sentence("Tor Vikdal wrote it in 1999.", (section.evidence[0],)),)

    async def rewrite(self: Any, sentence: Any, known: Any, reason: str) -> Any:
        assert "1999" in reason
        return Sentence("Tor Vikdal wrote the first version.", (sentence.evidence[0],))

    async def judge(self: Any, sentence: Any, known: Any) -> Any:
        return Judgement("supported")

    reasoner = scripted(draft=draft, rewrite=rewrite, judge=judge)(library.similarity)
    run = await researched(await in_thread(new_run), library, listener, reasoner)
    [claim_row] = await rows(Claim, run)
    assert (claim_row.text, claim_row.verdict) == ("Tor Vikdal wrote the first version.", "supported")


async def test_repeats_and_early_answers_are_refused(new_run, library, listener):
    seen: list[str] = []
    script = [
        ("answer", ""),
        ("search", "Larkspur version"),
        ("search", "version LARKSPUR"),
        ("open", ""),
        ("open", ""),
    ]

    async def act(self: Any, workspace: Any) -> Any:
        seen.append(workspace.observation)
        kind, query = script.pop(0) if script else ("give_up", "")
        return Action(kind, query=query, target=1)

    reasoner = scripted(act=act)(library.similarity)
    await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
    assert "0 distinct queries" in seen[1]
    assert "searched already" in seen[3]
    assert library.queries == ["Larkspur version"]
    assert len(library.opened) == len(set(library.opened))


async def test_only_addresses_that_were_seen_are_opened(new_run, library, listener):
    numbers = iter([1, 55, 2])

    async def act(self: Any, workspace: Any) -> Any:
        return Action("open", target=next(numbers, 99))

    question = "Who wrote http://larkspur.test/people.html?"
    reasoner = scripted(act=act)(library.similarity)
    run = await researched(await in_thread(new_run, question), library, listener, reasoner)
    assert library.opened[0] == "http://larkspur.test/people.html"
    actions = [step.result for step in await rows(Step, run, kind="act")]
    assert actions[1]["refused"]
    assert set(library.opened) <= set(library.snapshots)


async def test_a_resumed_run_gets_no_new_budget(new_run, library, listener):
    run = await in_thread(new_run)
    await in_thread(
        Step.objects.create,
        run=run,
        seq=1,
        key="plan",
        kind="plan",
        input_hash="",
        result={"kind": "fact", "gaps": [{"number": 1, "question": run.question}]},
        cost={"seconds": 0.0, "prompt_tokens": 69_000, "completion_tokens": 0, "model_calls": 1, "pages": 0},
        epoch=1,
        started_at="2026-01-01T00:00Z",
    )
    await in_thread(Gap.objects.create, run=run, number=1, question=run.question)
    await in_thread(Run.objects.filter(pk=run.pk).update, last_seq=1)
    run = await researched(run, library, listener, scripted()(library.similarity))
    assert run.state == "done"
    assert library.queries == []
    assert (await rows(Report, run))[0].not_found == [run.question]
