"""Choose: several independent attempts at a hard gap, or several drafts, of which the judge takes the best.

Attempts side by side with a judge over them are the strongest lever there is for a weak model; only high effort pays
for it. What one attempt found, all know afterwards. Called by loop.py (attempts) and write.py (drafts).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from django.utils.translation import gettext as _

from research.engine.hunt import hunt, settle
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.parallel import together
from research.engine.values import Gap, Question, View, Workspace
from research.errors import StepFailed

# An attempt that begins like the others ends like them: each is told to come from another side.
APPROACHES = (
    "Start from the rarest name, number or quoted word of the sub-question.",
    "Start from the other end: think what a page that has the answer would say, and search for its words.",
    "Start with something wider: find the page of the whole thing, and read it.",
)


async def attempt(desk: Workspace, question: Question, kit: Kit, journal: Journal) -> Workspace:
    """The workspace after independent attempts at its gap, with all that they found; closed where the judge takes the
    answer of one."""
    fresh = [
        replace(
            desk,
            known=(),
            queries=(),
            opened=(),
            candidates=(),
            links=(),
            noted=frozenset(),
            view=View(),
            looked=(),
            turn=0,
            approach=one,
        )
        for one in APPROACHES[: kit.budget.attempts]
    ]
    tried = await together(hunt(one, kit, journal, attempt) for attempt, one in enumerate(fresh, start=1))
    gap = await _settled(desk.gap, tried, kit, journal)
    return _all_of([desk, *tried], gap)


async def best(
    task: str, criteria: Sequence[str], options: Sequence[str], kit: Kit, journal: Journal, *, key: str
) -> int:
    """The place (from 0) of the best of several texts for a task, by the judge; the first where it cannot say."""

    async def step() -> Result:
        return {"picked": await kit.reasoner.choose(task, criteria, options)}

    try:
        return int((await journal.once(key, "pick", [task, criteria, options], step))["picked"])
    except StepFailed:
        return 0


async def _settled(gap: Gap, tried: Sequence[Workspace], kit: Kit, journal: Journal) -> Gap:
    """The gap with the outcome of the attempt that the judge takes; as it was where none has an answer."""
    answers = [one for one in tried if one.gap.state == "closed"]
    await journal.activity(_("Comparing %(n)d attempts at: %(gap)s") % {"n": len(tried), "gap": gap.question})
    outcomes = [one.gap.outcome for one in answers]
    options = [f"{one.gap.outcome} ({' '.join(known.quote for known in one.known[:3])})" for one in answers]
    picked = 0
    if len(set(outcomes)) > 1:
        picked = await best(gap.question, [gap.criterion], options, kit, journal, key=f"gap/{gap.number}/pick")

    async def step() -> Result:
        return {
            "gap": gap.number,
            "question": gap.question,
            "attempt": 0,
            "refused": "",
            "kind": "answer" if outcomes else "",
            "outcome": outcomes[picked] if outcomes else "",
            "outcomes": outcomes,
        }

    keep = partial(settle, journal.run_id)
    result = await journal.once(f"gap/{gap.number}/choose", "choose", outcomes, step, keep)
    return replace(gap, state="closed", outcome=result["outcome"]) if result["kind"] else gap


def _all_of(desks: Sequence[Workspace], gap: Gap) -> Workspace:
    """One workspace with what all of them know and have tried."""
    first = desks[0]
    return replace(
        first,
        gap=gap,
        known=tuple({one.number: one for desk in desks for one in desk.known}.values()),
        queries=tuple(dict.fromkeys(query for desk in desks for query in desk.queries)),
        opened=tuple(dict.fromkeys(address for desk in desks for address in desk.opened)),
        dead_ends=frozenset().union(*(desk.dead_ends for desk in desks)),
        noted=frozenset().union(*(desk.noted for desk in desks)),
        observation=f"{len(desks) - 1} independent attempts were made.",
    )
