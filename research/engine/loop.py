"""The loop: plan, hunt the gaps, revise the plan, hunt again; then write, verify and deliver. Read it top to bottom.

Each verb is a module; each goes through the journal, so that a run that is killed goes on behind its last step. The
loop ends when the plan is complete, when new rounds bring nothing, when the budget is spent, or when the person says
so; and it always ends with a report, which also says what was not found. Called by research/tasks.py.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import asdict, replace

from django.utils.translation import gettext as _

from research import models
from research.engine.findings import evidence as known_evidence
from research.engine.findings import gaps as known_gaps
from research.engine.hunt import hunt, workspace
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.limits import reached
from research.engine.parallel import together, unless
from research.engine.plan import plan, revise
from research.engine.sift import sift
from research.engine.values import CheckedClaim, Gap, Question, Workspace
from research.engine.write import quote, write
from research.models import Run

_REFERENCE = re.compile(r"#(\d+)")


async def research(question: Question, kit: Kit, journal: Journal) -> Run.State:
    """Research the question to its end: a stored report, and the state that the run ends in.

    1. Look for what is asked, unless the person wants the answer now. 2. Sift what was found. 3. Write it and verify
    it, unless the person wants it to stop: then what is known is quoted. 4. Deliver. Raises RunFailed where the
    reasoner cannot be used at all, and LeaseLost where another worker has the run.
    """
    await unless(journal.hurry, _look(question, kit, journal))
    await sift(question, kit, journal)
    written = await unless(journal.stop, write(question, kit, journal))
    answer, claims = written or ("", await quote(kit, journal))
    await _deliver(question, answer, claims, journal)
    return Run.State.DONE if written else Run.State.STOPPED


async def _look(question: Question, kit: Kit, journal: Journal) -> None:
    """Plan, then round after round: hunt all open gaps side by side, and revise the plan by what was found."""
    desks = {gap.number: workspace(question, gap) for gap in await plan(question, kit, journal)}
    for number in range(1, kit.budget.rounds + 1):
        before = len(_kept(desks))
        desks |= await _round(desks, f"hunt/{number}", kit, journal)
        if number == kit.budget.rounds or reached(journal, kit.budget, f"hunt/{number}/revise"):
            break
        known = [one for one in known_evidence(journal) if one.number in _kept(desks)]
        new = await revise(question, known, f"hunt/{number}/revise", kit, journal)
        still_open = [desk for desk in desks.values() if desk.gap.state == "open"]
        if not new and (not still_open or len(_kept(desks)) == before):
            break
        desks |= {gap.number: workspace(question, gap) for gap in new}


def _kept(desks: dict[int, Workspace]) -> set[int]:
    return {one.number for desk in desks.values() for one in desk.known}


async def _round(desks: dict[int, Workspace], path: str, kit: Kit, journal: Journal) -> dict[int, Workspace]:
    """One round over the open gaps, side by side. A gap that builds on another's finding (#1) waits for it."""
    finished = {number: asyncio.Event() for number in desks}
    after = dict(desks)

    async def one(number: int) -> None:
        desk = desks[number]
        if desk.gap.state == "open":
            for other in _references(desk.gap):
                if other in finished and other < number:  # only backwards, so that none waits in a circle
                    await finished[other].wait()
            gap = replace(desk.gap, question=_resolved(desk.gap.question, after))
            after[number] = await hunt(replace(desk, gap=gap), f"{path}/gap/{number}", kit, journal)
        finished[number].set()

    await together(one(number) for number in desks)
    return after


def _references(gap: Gap) -> list[int]:
    return [int(number) for number in _REFERENCE.findall(gap.question)]


def _resolved(question: str, desks: dict[int, Workspace]) -> str:
    """The question with the findings that it builds on in place of their numbers."""

    def finding(match: re.Match[str]) -> str:
        desk = desks.get(int(match[1]))
        if desk is None:
            return match.group()
        return desk.gap.outcome if desk.gap.state == "closed" else f"({desk.gap.question})"

    return _REFERENCE.sub(finding, question)


async def _deliver(question: Question, answer: str, claims: Sequence[CheckedClaim], journal: Journal) -> None:
    """Store the report, and settle every gap: answered where a standing claim rests on its evidence, else not found."""
    await journal.activity(_("Finishing the report"))
    gaps = known_gaps(journal)
    cited = {number for claim in claims if claim.verdict != "struck" for number in claim.evidence}
    served = {one.gap for one in known_evidence(journal) if one.number in cited}
    answered = [gap.number for gap in gaps if gap.state == "closed" or (gap.state == "open" and gap.number in served)]

    async def step() -> Result:
        open_gaps = [gap.question for gap in gaps if gap.number not in answered]
        return {"version": 1, "answer": answer, "not_found": open_gaps if gaps else [question.text]}

    def keep(result: Result) -> Result:
        report = models.Report.objects.create(run_id=journal.run_id, **result)
        evidence = {one.number: one for one in models.Evidence.objects.filter(run_id=journal.run_id)}
        for ordinal, claim in enumerate(claims, start=1):
            row = models.Claim.objects.create(
                report=report,
                ordinal=ordinal,
                section=claim.section,
                text=claim.text,
                verdict=claim.verdict,
                reason=claim.reason,
            )
            row.evidence.set([evidence[number] for number in claim.evidence])
        rows = models.Gap.objects.filter(run_id=journal.run_id)
        rows.filter(number__in=answered).update(state=models.Gap.State.CLOSED)
        rows.exclude(number__in=answered).update(state=models.Gap.State.GIVEN_UP)
        return result

    await journal.once("report", "report", [answer, [asdict(claim) for claim in claims]], step, keep)
