"""Sift: which of the evidence goes on to the report, of so many documents as the effort allows.

The hunt keeps what may belong to the answer before it can know; only at its end is it clear what does. What is set
aside stays in the journal, but is neither outlined nor cited. What a survey's table rests on is never set aside.
Called by loop.py between looking and writing.
"""

from dataclasses import asdict

from django.utils.translation import gettext as _

from research import models
from research.engine.findings import collected, table
from research.engine.findings import gaps as known_gaps
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.values import Question
from research.errors import StepFailed


async def sift(question: Question, kit: Kit, journal: Journal) -> None:
    """Record what goes on and what is set aside; where the reasoner fails, all of it goes on."""
    gaps, known = known_gaps(journal), collected(journal)
    if not known:
        return
    await journal.activity(_("Sifting what was found"))

    async def step() -> Result:
        document = {one.number: one.snapshot for one in known}
        wanted = [one for one in await kit.reasoner.sift(question, gaps, known, kit.budget.keep) if one in document]
        documents = list(dict.fromkeys(document[number] for number in wanted))[: kit.budget.keep]
        chosen = {number for number in wanted if document[number] in documents}
        chosen |= {number for row in table(journal).get("rows", ()) for number in _cited(row)}
        return {
            "kept": [one.number for one in known if one.number in chosen],
            "aside": [one.number for one in known if one.number not in chosen],
        }

    def keep(result: Result) -> Result:
        rows = models.Evidence.objects.filter(run_id=journal.run_id)
        rows.filter(number__in=result["aside"]).update(aside=True)
        rows.filter(number__in=result["kept"]).update(aside=False)
        return result

    try:
        await journal.once(
            f"report/{question.leg}/sift", "sift", [[asdict(one) for one in known], kit.budget.keep], step, keep
        )
    except StepFailed:
        return


def _cited(row: Result) -> list[int]:
    return [number for part in (row, *row["cells"]) for number in part["evidence"]]
