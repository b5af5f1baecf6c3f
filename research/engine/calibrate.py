"""Calibrate: settle the effort of a run that was asked with Auto, by its plan and by what a first look finds.

Neither overthinking an easy question nor giving up on a hard one: a single fact that the first search has right before
it needs little; a chain needs rounds; a survey, or a question that the index knows little of, needs all there is.
Where the person named a page to start from, it says nothing that the index knows little: it is not there yet.
Called by loop.py after the plan. The person's own limits hold whatever is chosen.
"""

from dataclasses import replace

from django.utils.translation import gettext as _

from research import models
from research.engine.budget import budget, stored
from research.engine.findings import gaps as known_gaps
from research.engine.findings import kind
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.terms import overlap, rarity, terms
from research.engine.values import Question
from research.errors import StepFailed

LOOKED_AT = 5  # hits of the first search
# The share of the question's words, weighed by rarity, that one passage of the first look has. Measured on three sets
# (LOG.md): 33 % of questions of one hop lie above PLAIN and 2 % below SPARSE; of two hops 2 to 18 % and 7 to 31 %; of
# four hops none and 53 %.
PLAIN = 0.75
SPARSE = 0.4


async def calibrate(question: Question, kit: Kit, journal: Journal) -> Kit:
    """The kit with the budget that this run may spend."""
    if not question.auto:
        return kit
    await journal.activity(_("Looking how hard it is"))

    async def step() -> Result:
        hits = await kit.index.search(question.text, "", question.sources, LOOKED_AT)
        found = [terms(f"{hit.title} {hit.text}") for hit in hits]
        weights, wanted = rarity(found), terms(question.text)
        fit = max((overlap(wanted, one, weights) for one in found), default=0.0)
        is_led = bool(question.addresses) and not question.sealed
        effort, why = _effort(kind(journal), len(known_gaps(journal)), fit, is_led=is_led)
        return {"effort": effort, "why": why, "fit": round(fit, 2), "budget": stored(budget(effort, question.limits))}

    def keep(result: Result) -> Result:
        models.Run.objects.filter(pk=journal.run_id).update(budget=result["budget"])
        return result

    try:
        result = await journal.once("calibrate", "calibrate", question.text, step, keep)
    except StepFailed:
        return kit
    # Of a run that was continued, the kit has the larger budget already.
    chosen = replace(kit.budget, **result["budget"])
    return replace(kit, budget=kit.budget if question.leg > 1 else chosen)


def _effort(kind: str, gaps: int, fit: float, *, is_led: bool) -> tuple[str, str]:
    """The effort, and why in words for the person."""
    if kind in ("survey", "essay"):
        return "high", _("It asks for a survey, not for a fact.")
    if fit < SPARSE and not is_led:
        return "high", _("A first search found little that fits.")
    if gaps == 1 and kind in ("fact", "latest") and fit >= PLAIN:
        return "low", _("It asks for one thing, and a first search found passages that fit.")
    if fit < SPARSE:
        return "medium", _("It says where to look; the index has little of it yet.")
    return "medium", _("It has several parts, or its answer is not in plain sight.")
