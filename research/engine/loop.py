"""The loop: plan, hunt the gaps, revise the plan, hunt again; then write, verify and deliver. Read it top to bottom.

Each verb is a module; each goes through the journal, so that a run that is killed goes on behind its last step. The
loop ends when the plan is complete, when new rounds bring nothing, when the budget is spent, or when the person says
so; and it always ends with a report, which also says what was not found. Called by research/tasks.py.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import asdict

from django.utils.translation import gettext as _

from research import models
from research.engine.calibrate import calibrate
from research.engine.choose import attempt
from research.engine.confidence import confidence, is_estimated, of_claim
from research.engine.disagree import all_weighed, contrast
from research.engine.findings import approved, contrasted, table
from research.engine.findings import evidence as known_evidence
from research.engine.findings import gaps as known_gaps
from research.engine.findings import kind as kind_of_question
from research.engine.hunt import hunt, workspace
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.limits import reached
from research.engine.parallel import unless
from research.engine.plan import plan, revise
from research.engine.sift import sift
from research.engine.survey import survey
from research.engine.values import CheckedClaim, Evidence, Gap, Question, Workspace
from research.engine.write import quote, write
from research.models import Run


async def research(question: Question, kit: Kit, journal: Journal) -> Run.State:
    """Research the question to its end: a stored report, and the state that the run ends in.

    1. Plan; where the person wants to see the plan first, let go of the run here (State.REVIEW). 2. Look for what is
    asked, unless they want the answer now. 3. Sift what was found, and hold the sources against each other. 4. Write it
    and verify it, unless they want it to stop: then what is known is quoted. 5. Deliver. Raises RunFailed where the
    reasoner cannot be used at all, and LeaseLost where another worker has the run.
    """
    await unless(journal.hurry, plan(question, kit, journal))
    if question.review and not approved(journal) and not journal.hurry.is_set():
        return Run.State.REVIEW
    await unless(journal.hurry, _look(question, kit, journal))
    await sift(question, kit, journal)
    await contrast(question, kit, journal)
    written = await unless(journal.stop, write(question, kit, journal))
    answer, claims = written or ("", await quote(question, kit, journal))
    await _deliver(question, answer, await all_weighed(claims, journal), journal)
    return Run.State.DONE if written else Run.State.STOPPED


async def _look(question: Question, kit: Kit, journal: Journal) -> None:
    """Round after round: hunt all open gaps side by side, and revise the plan by what was found."""
    kit = await calibrate(question, kit, journal)
    if kind_of_question(journal) == "survey":
        await survey(question, kit, journal)
    desks: dict[int, Workspace] = {}
    retries = journal.retries
    for number in range(1, kit.budget.rounds + 1):
        await _round(number, desks, question, kit, journal)
        if journal.retries != retries:  # a failed step is to be tried again: what is recorded by now is only read
            await _look(question, kit, journal)
            break
        if number == kit.budget.rounds or reached(journal, kit.budget, f"revise/{number}"):
            break
        if not await revise(question, number, kit, journal):
            break


async def _round(number: int, desks: dict[int, Workspace], question: Question, kit: Kit, journal: Journal) -> None:
    """One round over the open gaps, side by side, in the person's order. A gap that builds on another's finding waits
    for it; one that the person adds meanwhile is taken up at once, one that they drop is let go."""
    hunting: dict[int, asyncio.Task[Workspace]] = {}
    done: set[int] = set()
    try:
        while True:
            gaps = known_gaps(journal)
            for gap in gaps:
                if gap.state == "dropped" and gap.number in hunting:
                    hunting[gap.number].cancel()
                if gap.number not in hunting | dict.fromkeys(done) and _ready(gap, gaps, done, number):
                    desk = desks.get(gap.number) or workspace(question, gap)
                    hunting[gap.number] = asyncio.create_task(_hunted(number, desk, question, kit, journal))
            if not hunting:
                return
            await _something(hunting, journal)
            for one in [one for one, task in hunting.items() if task.done()]:
                task = hunting.pop(one)
                done.add(one)
                if not task.cancelled():  # the person dropped it
                    desks[one] = task.result()
    finally:
        for task in hunting.values():
            task.cancel()
        await asyncio.gather(*hunting.values(), return_exceptions=True)


async def _hunted(number: int, desk: Workspace, question: Question, kit: Kit, journal: Journal) -> Workspace:
    """A round of one gap: further turns; where its first round did not answer it, independent attempts if the effort
    has them and the reasoner would not only do the same again."""
    if kit.reasoner.varies and kit.budget.attempts > 1 and desk.turn and number == desk.gap.since + 2:
        return await attempt(desk, question, kit, journal)
    return await hunt(desk, kit, journal)


def _ready(gap: Gap, gaps: Sequence[Gap], done: set[int], number: int) -> bool:
    """Whether a gap can be hunted now: it is open, it was there when the round began, and what it needs is known or
    was tried."""
    waiting = {one.number for one in gaps if one.state == "open" and one.number not in done and one.since < number}
    return gap.state == "open" and gap.since < number and not waiting.intersection(gap.needs)


async def _something(hunting: dict[int, "asyncio.Task[Workspace]"], journal: Journal) -> None:
    """Wait until a hunt is over or the person has changed the plan."""
    wished = asyncio.create_task(journal.wished.wait())
    try:
        await asyncio.wait({*hunting.values(), wished}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        wished.cancel()
        journal.wished.clear()


async def _deliver(question: Question, answer: str, claims: Sequence[CheckedClaim], journal: Journal) -> None:
    """Store the report, and settle every gap: answered where a standing claim rests on its evidence, else not found.
    Where a fact was asked for and nothing that stands answers the question, it is not found itself, and of its parts
    none that has but quotations is answered."""
    await journal.activity(_("Finishing the report"))
    gaps = [gap for gap in known_gaps(journal) if gap.state != "dropped"]
    cited = {number for claim in claims if not claim.is_struck for number in claim.evidence}
    served = {one.gap for one in known_evidence(journal) if one.number in cited}
    answered = [gap.number for gap in gaps if gap.state == "closed" or (gap.state == "open" and gap.number in served)]
    is_sought = any(step.key.startswith(f"report/{question.leg}/answer") for step in journal.recorded("answer"))
    is_lacking = is_sought and not answer and kind_of_question(journal) not in ("survey", "essay")
    if is_lacking:
        only_quoted = all(claim.is_struck or claim.verdict == "quoted" for claim in claims)
        whole = {gap.number for gap in gaps if gap.text == question.text}
        answered = [] if only_quoted else [number for number in answered if number not in whole]
    known = [one for one in known_evidence(journal) if one.number in cited]

    async def step() -> Result:
        open_gaps = [gap.text for gap in gaps if gap.number not in answered]
        if is_lacking and answered and question.text not in open_gaps:  # only parts of it were found
            open_gaps.append(question.text)
        return {
            "version": question.leg,
            "answer": answer,
            "confidence": _confidence(question.text, answer, known),
            "not_found": open_gaps if gaps else [question.text],
            "table": table(journal),
            "disagreements": contrasted(journal).get("disagreements", []),
        }

    def keep(result: Result) -> Result:
        report = models.Report.objects.create(run_id=journal.run_id, **result)
        found = models.Evidence.objects.filter(run_id=journal.run_id)
        evidence = dict(found.values_list("number", "pk"))
        classes = dict(found.values_list("number", "exhibit__source_class"))
        stored = models.Claim.objects.bulk_create(
            models.Claim(
                report=report,
                ordinal=ordinal,
                section=claim.section,
                text=claim.text,
                verdict=claim.verdict,
                reason=claim.reason,
                judge=claim.judge,
                confidence=of_claim(
                    claim,
                    {classes[number] for number in claim.evidence},
                    _against(claim.evidence, journal),
                ),
                independent=claim.independent,
                caution=claim.caution,
            )
            for ordinal, claim in enumerate(claims, start=1)
        )
        rests_on = models.Claim.evidence.through
        rests_on.objects.bulk_create(
            rests_on(claim_id=row.pk, evidence_id=evidence[number])
            for row, claim in zip(stored, claims, strict=True)
            for number in dict.fromkeys(claim.evidence)
        )
        rows = models.Gap.objects.filter(run_id=journal.run_id).exclude(state=models.Gap.State.DROPPED)
        rows.filter(number__in=answered).update(state=models.Gap.State.CLOSED)
        rows.exclude(number__in=answered).update(state=models.Gap.State.GIVEN_UP)
        return result

    key = f"report/{question.leg}"
    await journal.once(key, "report", [answer, [asdict(claim) for claim in claims]], step, keep)


def _confidence(question: str, answer: str, known: Sequence[Evidence]) -> float | None:
    return round(confidence(question, answer, known), 3) if answer and is_estimated(question) else None


def _against(numbers: Collection[int], journal: Journal) -> int:
    """How many independent sources say otherwise than this evidence, where the sources were held against each other."""
    found = [one["sides"] for result in journal.results("contrast")[-1:] for one in result["disagreements"]]
    own = [sides for sides in found if any(set(numbers) & set(side["evidence"]) for side in sides)]
    others = [side for sides in own for side in sides if not set(numbers) & set(side["evidence"])]
    return max((side["sources"] for side in others), default=0)
