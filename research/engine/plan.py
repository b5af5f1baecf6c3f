"""Plan and revise: which gaps have to be closed to answer the question, and by what each is known to be closed.

Called by loop.py. A gap may name the finding of an earlier one as #1: it waits for it (hunt.py puts it in). Numbers are
given where the gaps are stored, for the person may add some of their own at the same moment.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict

from django.db.models import Max
from django.utils.translation import gettext as _

from research import models
from research.engine.findings import evidence as known_evidence
from research.engine.findings import gaps as known_gaps
from research.engine.findings import remarks
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.values import Gap, Planned, Question, moved
from research.errors import StepFailed

FRUITLESS_ROUNDS = 2  # rounds without new evidence, after which a third would bring none either


async def plan(question: Question, kit: Kit, journal: Journal) -> None:
    """The gaps of the question, stored. A reasoner that cannot plan leaves one gap: the question itself."""
    await journal.activity(_("Planning what has to be found out"))

    async def step() -> Result:
        made = await kit.reasoner.plan(question, kit.budget.gaps)
        return {"kind": made.kind, **_new(made.gaps, (), kit.budget.gaps, since=0)}

    async def whole() -> Result:
        return {"kind": "fact", **_new((Planned(question.text),), (), 1, since=0)}

    asked = [question.text, question.earlier, kit.budget.gaps]
    try:
        result = await journal.once("plan", "plan", asked, step, _keeper(journal.run_id))
    except StepFailed:
        result = {"gaps": []}
    if not result["gaps"]:
        await journal.once("plan/whole", "plan", asked, whole, _keeper(journal.run_id))


async def revise(question: Question, number: int, kit: Kit, journal: Journal) -> bool:
    """Add what the findings of round `number` show to be needed. Whether another round makes sense: there are open
    gaps, and not two rounds running brought no new evidence."""
    await journal.activity(_("Revising the plan"))
    gaps, known = known_gaps(journal), known_evidence(journal)
    most = kit.budget.gaps - sum(gap.state == "open" for gap in gaps)
    told = remarks(journal)

    async def step() -> Result:
        new = await kit.reasoner.revise(question, gaps, known, most, told) if most > 0 else ()
        return {"round": number, "evidence": len(known), **_new(new, gaps, max(most, 0), since=number)}

    inputs = [[asdict(gap) for gap in gaps], len(known), told]
    with suppress(StepFailed):  # then the plan stays as it is
        await journal.once(f"revise/{number}", "revise", inputs, step, _keeper(journal.run_id))
    return any(gap.state == "open" for gap in known_gaps(journal)) and not _fruitless(number, journal)


def _fruitless(number: int, journal: Journal) -> bool:
    """Whether the last rounds brought nothing new, as their revisions recorded it. What was before the person wanted
    the run to go on does not count."""
    continued = max((step.seq for step in journal.recorded("wish") if step.result["wish"] == "continue"), default=0)
    kept = {
        step.result["round"]: step.result["evidence"] for step in journal.recorded("revise") if step.seq > continued
    }
    if not continued:
        kept[0] = 0
    last = [kept.get(before) for before in range(number - FRUITLESS_ROUNDS, number + 1)]
    return None not in last and len(set(last)) == 1


def _new(planned: Sequence[Planned], before: Sequence[Gap], most: int, since: int) -> Result:
    """The gaps to be stored, numbered after those of `before`; empty and repeated questions are left out."""
    seen = {_plain(gap.question) for gap in before}
    first = max((gap.number for gap in before), default=0) + 1
    gaps: list[Gap] = []
    for one in planned:
        if len(gaps) < most and _plain(one.question) and _plain(one.question) not in seen:
            seen.add(_plain(one.question))
            number = first + len(gaps)
            question, criterion = " ".join(one.question.split()), " ".join(one.criterion.split())
            gaps.append(Gap(number, question, criterion=criterion, since=since, place=number))
    return {"gaps": [asdict(gap) for gap in gaps]}


def _plain(question: str) -> str:
    return " ".join(question.casefold().split()).rstrip("?.! ")


def _keeper(run_id: str) -> Callable[[Result], Result]:
    """Stores new gaps. Runs in the step's transaction, which holds the run's row: where the person has added a gap
    meanwhile, the numbers move up."""

    def keep(result: Result) -> Result:
        if result["gaps"]:
            taken = models.Gap.objects.filter(run_id=run_id).aggregate(Max("number"))["number__max"] or 0
            first = result["gaps"][0]["number"]
            ahead = taken + 1 - first
            for gap in result["gaps"]:
                gap["number"] += ahead
                gap["place"] += ahead
                gap["question"] = moved(gap["question"], first, ahead)
                models.Gap.objects.create(
                    run_id=run_id,
                    number=gap["number"],
                    question=gap["question"],
                    criterion=gap["criterion"],
                    place=gap["place"],
                )
        return result

    return keep
