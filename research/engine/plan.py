"""Plan and revise: which gaps have to be closed to answer the question.

Called by loop.py. A gap may name the finding of an earlier one as #1: hunt.py waits for it and puts it in.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from django.utils.translation import gettext as _

from research import models
from research.engine.findings import gaps as known_gaps
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.values import Evidence, Gap, Question
from research.errors import StepFailed


async def plan(question: Question, kit: Kit, journal: Journal) -> tuple[Gap, ...]:
    """The gaps of the question, stored. A reasoner that cannot plan leaves one gap: the question itself."""
    await journal.activity(_("Planning what has to be found out"))

    async def step() -> Result:
        return _numbered(await kit.reasoner.plan(question, kit.budget.gaps), (), kit.budget.gaps)

    async def whole() -> Result:
        return _numbered((question.text,), (), 1)

    keep = _keeper(journal.run_id)
    try:
        result = await journal.once("plan", "plan", asdict(question), step, keep)
    except StepFailed:
        result = {"gaps": []}
    if not result["gaps"]:
        await journal.once("plan/whole", "plan", asdict(question), whole, keep)
    return known_gaps(journal)


async def revise(
    question: Question, known: Sequence[Evidence], key: str, kit: Kit, journal: Journal
) -> tuple[Gap, ...]:
    """New gaps that the findings of a round show to be needed, stored; none where the plan is complete."""
    await journal.activity(_("Revising the plan"))
    gaps = known_gaps(journal)
    most = kit.budget.gaps - sum(gap.state == "open" for gap in gaps)

    async def step() -> Result:
        if most <= 0:
            return {"gaps": [], "complete": False}
        result = _numbered(await kit.reasoner.revise(question, gaps, known, most), gaps, most)
        return {**result, "complete": not result["gaps"]}

    try:
        result = await journal.once(
            key, "revise", [[asdict(gap) for gap in gaps], len(known)], step, _keeper(journal.run_id)
        )
    except StepFailed:
        return ()
    return tuple(Gap(gap["number"], gap["question"]) for gap in result["gaps"])


def _numbered(questions: Sequence[str], before: Sequence[Gap], most: int) -> Result:
    """New gaps with the numbers that follow those of `before`; empty and repeated questions are left out."""
    seen = {_plain(gap.question) for gap in before}
    gaps: list[Result] = []
    for question in questions:
        if len(gaps) < most and _plain(question) and _plain(question) not in seen:
            seen.add(_plain(question))
            gaps.append({"number": len(before) + len(gaps) + 1, "question": " ".join(question.split())})
    return {"gaps": gaps}


def _plain(question: str) -> str:
    return " ".join(question.casefold().split()).rstrip("?.! ")


def _keeper(run_id: str) -> Callable[[Result], Result]:
    def keep(result: Result) -> Result:
        models.Gap.objects.bulk_create(
            models.Gap(run_id=run_id, number=gap["number"], question=gap["question"]) for gap in result["gaps"]
        )
        return result

    return keep
