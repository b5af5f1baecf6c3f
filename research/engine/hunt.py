"""Hunt one gap: turn after turn of act, then search or read, then note, until it is closed or its turns are used up.

The reasoner proposes an action; whether it is carried out is decided here, in code: repeats are refused, an answer
counts only after the effort's least number of distinct queries, and only what was seen can be opened, by number.
Called by loop.py, for several gaps side by side.
"""

import re
from dataclasses import asdict, replace

from django.utils.translation import gettext as _

from research import models
from research.engine.findings import settled
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.limits import pages_left, reached
from research.engine.note import note
from research.engine.read import read
from research.engine.search import search
from research.engine.values import Action, Gap, Question, Workspace
from research.errors import StepFailed

FAILURES_IN_A_ROW = 2  # a reasoner that cannot act twice running will not do better a third time
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+")


def workspace(question: Question, gap: Gap) -> Workspace:
    """An empty workspace. Addresses that the person wrote into the question may be opened from the start."""
    addresses = dict.fromkeys(address.rstrip(".,;:?!") for address in _ADDRESS.findall(question.text))
    return Workspace(
        question=question,
        gap=gap,
        known=(),
        queries=(),
        opened=(),
        candidates=(),
        links=tuple(enumerate(addresses, start=1)),
        observation="Nothing was tried yet.",
        turns_left=0,
        may_answer=False,
    )


async def hunt(desk: Workspace, path: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace after this round's turns: with its gap closed, given up or still open."""
    failures = 0
    for turn in range(1, kit.budget.turns + 1):
        step = f"{path}/turn/{turn}"
        if reached(journal, kit.budget, f"{step}/act"):
            break
        desk = replace(
            desk,
            turns_left=kit.budget.turns - turn + 1,
            may_answer=len(desk.queries) >= kit.budget.least_queries,
        )
        try:
            action, refused = await _act(desk, f"{step}/act", kit, journal)
        except StepFailed as failure:
            failures += 1
            if failures == FAILURES_IN_A_ROW:
                break
            desk = replace(desk, observation=f"The last action could not be decided: {failure}")
            continue
        failures = 0
        if refused:
            desk = replace(desk, observation=refused)
        elif action.kind in ("answer", "give_up"):
            return replace(desk, gap=settled(desk.gap, action.kind, action.outcome))
        elif action.kind == "search":
            desk = await note(await search(desk, action, f"{step}/search", kit, journal), f"{step}/note", kit, journal)
        else:
            desk = await note(await read(desk, action, f"{step}/open", kit, journal), f"{step}/note", kit, journal)
    return desk


async def _act(desk: Workspace, key: str, kit: Kit, journal: Journal) -> tuple[Action, str]:
    """What the reasoner wants to do, and why that is refused (empty where it is done)."""
    await journal.activity(_("Thinking about: %s") % desk.gap.question)

    async def step() -> Result:
        action = await kit.reasoner.act(desk)
        return {
            "gap": desk.gap.number,
            "question": desk.gap.question,
            "url": _address(desk, action.target) if action.kind == "open" else "",
            "refused": _refusal(desk, action, pages_left(journal, kit.budget)),
            **asdict(action),
        }

    def keep(result: Result) -> Result:
        row = models.Gap.objects.filter(run_id=journal.run_id, number=result["gap"])
        row.update(question=result["question"])
        if result["kind"] in ("answer", "give_up") and not result["refused"]:
            state = models.Gap.State.CLOSED if result["kind"] == "answer" else models.Gap.State.GIVEN_UP
            row.update(state=state, outcome=result["outcome"])
        return result

    inputs = [
        desk.gap.question,
        desk.queries,
        desk.opened,
        [one.number for one in desk.known],
        [(one.snapshot, one.start, one.end) for one in desk.candidates],
        desk.observation,
    ]
    result = await journal.once(key, "act", inputs, step, keep)
    fields = {name: result[name] for name in ("kind", "query", "reasoning", "target", "outcome")}
    return Action(**fields), result["refused"]


def _refusal(desk: Workspace, action: Action, pages: int) -> str:
    """Why the action is not carried out, in words for the reasoner; empty where it is."""
    reasons: dict[str, bool] = {}
    if action.kind == "search":
        reasons = {
            "A search needs a query.": not action.query.strip(),
            f"“{action.query}” was searched already. Try other words, or open a page.": (
                _plain(action.query) in map(_plain, desk.queries)
            ),
        }
    elif action.kind == "open":
        address = _address(desk, action.target)
        reasons = {
            f"There is nothing with the number {action.target} to open.": not address,
            f"{address} was opened already.": address in desk.opened,
            "No more pages can be opened in this run.": pages <= 0,
        }
    else:
        tried = len(desk.queries)
        reasons = {
            f"Not yet: {tried} distinct queries were tried. Search with other words first.": not desk.may_answer,
            "There is no evidence yet to answer from.": action.kind == "answer" and not desk.known,
        }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _address(desk: Workspace, target: int) -> str:
    for candidate in desk.candidates:
        if candidate.number == target:
            return candidate.url
    return dict(desk.links).get(target, "")


def _plain(query: str) -> list[str]:
    return sorted(re.findall(r"\w+", query.casefold()))
