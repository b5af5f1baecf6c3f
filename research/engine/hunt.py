"""Hunt one gap: turn after turn of act, then search, read, browse or compute, then note, until it is closed or its
turns of the round are used up.

What the person named is opened first. Then the reasoner proposes an action; whether it is carried out is decided here,
in code: repeats are refused, an answer counts only after the effort's least number of distinct queries and of pages
read in full, and only what was seen can be opened, by number. What is done in the browser costs pages, not turns: on a
site it takes four or five steps to get to what one search brings. What is read on a site that the person named counts
as a query. Called by loop.py, for several gaps side by side.
"""

import re
from dataclasses import asdict, replace

from django.db import connection
from django.utils.translation import gettext as _

from research import models
from research.engine.browse import browse, picture
from research.engine.browse import refusal as browse_refusal
from research.engine.compute import compute
from research.engine.facts import missing
from research.engine.findings import gaps as known_gaps
from research.engine.findings import remarks, settled
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.limits import pages_left, reached
from research.engine.note import note
from research.engine.read import address, find, read
from research.engine.search import more, search
from research.engine.terms import unordered
from research.engine.values import REFERENCE, Action, Gap, Question, Workspace, is_site_of
from research.errors import StepFailed

FAILURES_IN_A_ROW = 3  # at the third it does not do better, nor do the rules in its place (reasoning/model.py)
THIN = 250  # characters of a page that is looked at in the browser as well: a form and its labels
CHANGED = "The sub-question was changed meanwhile."


def workspace(question: Question, gap: Gap) -> Workspace:
    """An empty workspace. Addresses that the person wrote into the question may be opened from the start, and what an
    earlier run found is in view."""
    return Workspace(
        question=question,
        gap=gap,
        known=(),
        queries=(),
        opened=(),
        candidates=question.inherited,
        links=tuple(enumerate(question.addresses, start=len(question.inherited) + 1)),
        observation="Nothing was tried yet.",
        turns_left=0,
        may_answer=False,
    )


async def hunt(desk: Workspace, kit: Kit, journal: Journal, attempt: int = 0) -> Workspace:
    """The workspace after a round's turns: with its gap closed, given up or still open.

    `attempt` above 0 is an independent one, which settles nothing: choose.py does.
    """
    path = f"gap/{desk.gap.number}" + (f"/attempt/{attempt}" if attempt else "")
    if desk.turn == 0 and desk.candidates:
        desk = await note(desk, f"{path}/inherited", kit, journal)
    failures, left = 0, kit.budget.turns
    while left > 0:
        gap = _asked(desk.gap.number, journal)
        step = f"{path}/turn/{desk.turn + 1}"
        if gap.state == "dropped" or reached(journal, kit.budget, f"{step}/act"):
            break
        desk = replace(
            desk,
            gap=gap,
            turn=desk.turn + 1,
            turns_left=left,
            may_answer=len(desk.queries) + _led(desk) >= kit.budget.least_queries,
            may_compute=kit.sandbox.works(),
            remarks=remarks(journal),
        )
        try:
            action, refused = await _act(desk, f"{step}/act", kit, journal, attempt=attempt)
        except StepFailed as failure:
            failures, left = failures + 1, left - 1
            if failures == FAILURES_IN_A_ROW:
                break
            observation = f"The last action could not be decided: {failure}"
            desk = replace(desk, wasted=desk.wasted + 1, observation=observation)
            continue
        failures = 0
        if action.kind != "act" or refused:
            left -= 1
        if refused == CHANGED:
            await journal.hear()
        if refused:
            desk = replace(desk, wasted=desk.wasted + 1, observation=refused)
        elif action.kind in ("answer", "give_up"):
            return replace(desk, gap=settled(desk.gap, action.kind, action.outcome))
        else:
            desk = replace(desk, wasted=0, done=desk.done | {_once(desk, action)})
            desk = await _done(desk, action, step, kit, journal)
    return desk


async def _done(desk: Workspace, action: Action, step: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace after an action that looks for something; what it brought into view is read."""
    match action.kind:
        case "search":
            desk = await search(desk, action, f"{step}/search", kit, journal)
        case "open":
            desk = await read(desk, action, f"{step}/open", kit, journal)
            if _is_thin(desk) and pages_left(journal, kit.budget):
                seen = await browse(desk, Action("act", deed="look"), f"{step}/browse", kit, journal)
                desk = seen if seen.view.tab else replace(desk, looked=seen.looked)
        case "find":
            desk = await find(desk, action, f"{step}/find", kit, journal)
        case "more":
            desk = await more(desk, f"{step}/more", kit, journal)
        case "act":
            desk = await browse(desk, action, f"{step}/browse", kit, journal)
        case _:
            return await compute(desk, action, f"{step}/compute", kit, journal)
    desk = await note(desk, f"{step}/note", kit, journal)
    await picture(desk, f"{step}/picture", kit, journal)
    return desk


def _led(desk: Workspace) -> int:
    """How many pages, or states of a page, were read of the sites that the person named: each counts as a query does,
    for who says where to look wants no other words searched for."""
    return sum(is_site_of(page, desk.question.addresses) and page not in desk.dead_ends for page in desk.opened)


def _is_thin(desk: Workspace) -> bool:
    """Whether the web page just opened says next to nothing: what it has is behind its fields and buttons."""
    text = sum(len(one.text) for one in desk.candidates)
    return text < THIN and desk.view.address.startswith("http") and not desk.question.sealed


def _asked(number: int, journal: Journal) -> Gap:
    """The gap as the plan has it now, with the findings that it builds on in place of their numbers."""
    gaps = {gap.number: gap for gap in known_gaps(journal)}

    def finding(match: re.Match[str]) -> str:
        other = gaps.get(int(match[1]))
        if other is None or other.number >= number:
            return match.group()
        return other.outcome if other.state == "closed" else f"({other.question})"

    gap = gaps[number]
    return replace(gap, question=REFERENCE.sub(finding, gap.question))


async def _act(desk: Workspace, key: str, kit: Kit, journal: Journal, *, attempt: int) -> tuple[Action, str]:
    """What the reasoner wants to do, and why that is refused (empty where it is done)."""
    await journal.activity(_("Thinking about: %s") % desk.gap.question)
    wishes = journal.wishes

    async def step() -> Result:
        pages = pages_left(journal, kit.budget)
        action = _given(desk) if pages else None
        if action is None:
            action = _thorough(desk, await kit.reasoner.act(desk), kit.budget.least_pages if pages else 0)
        return {
            "gap": desk.gap.number,
            "attempt": attempt,
            "question": desk.gap.question,
            "url": address(desk, action.target) if action.kind in ("open", "find") else _tab(desk, action),
            "refused": _refusal(desk, action, pages),
            **asdict(action),
        }

    def keep(result: Result) -> Result:
        with connection.cursor() as cursor:
            cursor.execute(_ASK, {**result, "run": journal.run_id, "wishes": wishes})
            if not cursor.rowcount:
                return {**result, "refused": CHANGED}
        if not result["refused"] and not attempt:
            settle(journal.run_id, result)
        return result

    inputs = [
        desk.gap.question,
        desk.queries,
        desk.opened,
        [one.number for one in desk.known],
        [(one.snapshot, one.start, one.end) for one in desk.candidates],
        desk.observation,
        desk.remarks,
    ]
    result = await journal.once(key, "act", inputs, step, keep)
    fields = {name: result[name] for name in ("kind", "query", "reasoning", "target", "outcome", "deed")}
    return Action(**fields), result["refused"]


def _tab(desk: Workspace, action: Action) -> str:
    """The address that is open in the browser, or is to be."""
    return "" if action.kind != "act" else desk.view.tab or address(desk, action.target) or desk.view.address


def settle(run_id: str, result: Result) -> Result:
    """Let the gap's row say what became of it, where the step answered it or gave it up. For a step's `keep`."""
    states = {"answer": models.Gap.State.CLOSED, "give_up": models.Gap.State.GIVEN_UP}
    if state := states.get(result["kind"]):
        row = models.Gap.objects.filter(run_id=run_id, number=result["gap"])
        row.update(state=state, outcome=result["outcome"])
    return result


# Plain SQL, as every turn runs it: through the ORM it takes ten times the processor (LOG.md). It runs in the step's
# transaction, which holds the run's row, and changes nothing where the person dropped or reworded the gap meanwhile.
_ASK = """
UPDATE research_gap SET asked = %(question)s
WHERE run_id = %(run)s AND number = %(gap)s AND NOT EXISTS (
    SELECT FROM research_step
    WHERE run_id = %(run)s AND kind = 'wish' AND (result ->> 'gap')::integer = %(gap)s
        AND (result ->> 'number')::integer > %(wishes)s AND result ->> 'wish' IN ('drop', 'reword')
)
"""


def _once(desk: Workspace, action: Action) -> tuple[str, str]:
    """What of finding words in a page, and of computing, is not to be done a second time."""
    if action.kind == "find":
        return address(desk, action.target), unordered(action.query)
    return "", f"{action.kind} {action.query.strip()}"


def _is_said(desk: Workspace, outcome: str) -> bool:
    """Whether an answer is made of what is known: each of its names and numbers stands in a kept sentence, was computed
    or was asked. A small model answers with what it remembers ("the Titanic")."""
    said = [*(one.quote for one in desk.known), *desk.computed, desk.question.text, desk.gap.question]
    return not missing(outcome, said, [one.title for one in desk.known])


def _given(desk: Workspace) -> Action | None:
    """To open an address that the person named, before anything else is tried."""
    given = desk.question.addresses
    own = [number for number, url in desk.links if url in given and desk.turn <= len(given)]
    return Action("open", target=own[0]) if own else None


def _thorough(desk: Workspace, action: Action, least_pages: int) -> Action:
    """The action; or, before an answer counts, that the page of the best evidence is read in full: snippets mislead."""
    if action.kind != "answer" or len(desk.opened) >= least_pages:
        return action
    best = sorted(desk.known, key=lambda one: (-one.score, one.number))
    unread = next((one for one in best if one.url not in desk.opened), None)
    if unread is None:
        return action
    return Action("open", target=-unread.number, reasoning=_("Before this counts as an answer, its page is read."))


def _refusal(desk: Workspace, action: Action, pages: int) -> str:
    """Why the action is not carried out, in words for the reasoner; empty where it is."""
    reasons: dict[str, bool] = {}
    match action.kind:
        case "search":
            reasons = {
                "A search needs a query.": not action.query.strip(),
                f"“{action.query}” was searched already. Try other words, or open a page.": (
                    unordered(action.query) in map(unordered, desk.queries)
                ),
            }
        case "open":
            page = address(desk, action.target)
            reasons = {
                f"There is nothing with the number {action.target} to open.": not page,
                f"{page} was opened already.": page in desk.opened,
                "No more pages can be opened in this run.": pages <= 0,
            }
        case "find":
            reasons = {
                "To find something, say which words to look for.": not action.query.strip(),
                f"There is no page with the number {action.target}.": not address(desk, action.target),
                "That was looked for there already.": _once(desk, action) in desk.done,
            }
        case "more":
            reasons = {"Nothing is in view that there could be more of.": not (desk.view.query or desk.view.snapshot)}
        case "compute":
            reasons = {
                "Nothing can be computed here.": not desk.may_compute,
                "There is nothing to compute: a calculation has numbers in it.": not re.search(r"\d", action.query),
                "That was computed already.": _once(desk, action) in desk.done,
            }
        case "act":
            reasons = {
                "No more pages can be used in this run.": pages <= 0,
                browse_refusal(desk, action): True,
            }
        case _:
            tried = len(desk.queries)
            reasons = {
                f"Not yet: {tried} distinct queries were tried. Search with other words first.": not desk.may_answer,
                "There is no evidence yet to answer from.": action.kind == "answer" and not desk.known,
                "Some of that answer stands in no known sentence. Answer in their words, or search on.": (
                    action.kind == "answer" and not _is_said(desk, action.outcome)
                ),
            }
    return next((reason for reason, holds in reasons.items() if holds), "")
