"""What a run knows: its gaps, its evidence, what was said to it, read from its journal and from nowhere else.

So a run that was killed, hurried, stopped or continued knows exactly what an undisturbed one knows at that step. The
person's wishes (wish.py) are rows of the journal as well: the plan is what the planner and the person made of it.
Called by loop.py and the verbs. Never touches the database.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from django.utils.translation import gettext as _

from research.engine.journal import Journal, Result
from research.engine.quantities import quantities
from research.engine.values import Computation, Evidence, Gap, QuestionKind
from research.models import Run


class Recorded(Protocol):
    """A step that did not fail."""

    @property
    def kind(self) -> str: ...

    @property
    def result(self) -> dict[str, Any]: ...


class Records(Protocol):
    """A journal, or as much of it as a replay has come to (views/replay.py)."""

    def recorded(self, *kinds: str) -> Sequence[Recorded]: ...

    def has(self, key: str) -> bool: ...


def gaps(journal: Records) -> tuple[Gap, ...]:
    """The gaps of the plan, its revisions and the person's wishes, in the person's order, in the state that the hunt
    left them in."""
    found: dict[int, Gap] = {}
    for step in journal.recorded("plan", "revise", "act", "choose", "wish"):
        if step.kind == "wish":
            _wished(found, step.result)
        elif step.kind in ("plan", "revise"):
            found |= {gap["number"]: Gap(**gap) for gap in step.result["gaps"]}
        elif not step.result["refused"]:
            asked = replace(found[step.result["gap"]], asked=step.result["question"])
            if not step.result["attempt"]:
                asked = settled(asked, step.result["kind"], step.result["outcome"])
            found[asked.number] = asked
    for wish in (step.result for step in journal.recorded("wish")):
        gap = found.get(wish.get("gap", 0))
        if wish["wish"] == "retry" and gap and gap.state != "dropped" and not journal.has(wish["key"]):
            found[gap.number] = replace(gap, state="open")  # it was answered meanwhile: not without that step
    return tuple(sorted(found.values(), key=lambda gap: (gap.place, gap.number)))


def kind(journal: Journal) -> QuestionKind:
    """What kind of question the plan took it for; a fact, where there is no plan."""
    return next((result["kind"] for result in journal.results("plan") if result["kind"]), "fact")


def evidence(journal: Journal) -> tuple[Evidence, ...]:
    """The evidence that a report may cite, by number: what the run kept and has not set aside, and what was found for
    a claim while it was checked."""
    later = [Evidence(**one) for result in journal.results("support") for one in result["kept"]]
    found = {one.number: one for one in (*later, *sifted(journal))}
    return tuple(found[number] for number in sorted(found))


def sifted(journal: Journal) -> tuple[Evidence, ...]:
    """The evidence that goes on to the writing, by number; what disagrees with it is a part of it. What checking finds
    afterwards is not: a run that is taken up again writes from the same as before."""
    aside = set_aside(journal) - {
        number
        for one in contrasted(journal).get("disagreements", ())
        for side in one["sides"]
        for number in side["evidence"]
    }
    return tuple(one for one in collected(journal) if one.number not in aside)


def set_aside(journal: Journal) -> set[int]:
    """The numbers of the evidence that was set aside when it was sifted."""
    return {number for result in journal.results("sift")[-1:] for number in result["aside"]}


def collected(journal: Journal) -> tuple[Evidence, ...]:
    """All the evidence that looking kept, what was set aside too, by number. Of several looks the best score counts."""
    kept = [Evidence(**one) for result in journal.results("note", "list", "cell") for one in result["kept"]]
    found = {one.number: one for one in sorted(kept, key=lambda one: one.score)}
    return tuple(found[number] for number in sorted(found))


def contrasted(journal: Journal) -> Result:
    """What holding the sources against each other found (disagree.py); empty where that is still to come."""
    return next(iter(journal.results("contrast")[-1:]), {})


def computations(journal: Journal) -> tuple[Computation, ...]:
    """What was computed from the evidence."""
    return computed(journal.results("compute"))


def computed(results: Iterable[Result]) -> tuple[Computation, ...]:
    """What these steps computed."""
    return tuple(
        Computation(
            result["text"],
            tuple(result["evidence"]),
            result["code"],
            tuple((says, number) for says, number in result["inputs"]),
        )
        for result in results
        if result["evidence"]
    )


def computed_in(run: Run) -> tuple[Computation, ...]:
    """What a run computed, from its rows. Blocking."""
    return computed(run.steps.filter(kind="compute", error="").order_by("seq").values_list("result", flat=True))


def used(claim: str, evidence: Iterable[int], computations: Iterable[Computation]) -> list[Computation]:
    """The calculations whose result stands in a sentence that cites this evidence."""
    cited, there = set(evidence), _values(claim)
    return [one for one in computations if cited.issuperset(one.evidence) and there & _values(one.value)]


def _values(text: str) -> set[object]:
    """The numbers and days that a text says, by value."""
    return {(one.year, one.month, one.day) if one.kind == "date" else one.value for one in quantities(text)}


def table(journal: Journal) -> Result:
    """A survey's table, as models.Report keeps it; empty for other questions."""
    shape = next(iter(journal.results("shape")), None)
    named: dict[str, list[int]] = {}
    for batch in journal.results("list"):
        for name, number in zip(batch["names"], batch["evidence"], strict=False):
            named.setdefault(name, []).append(number)
    if shape is None or not named:
        return {}
    cells = {(cell["item"], cell["column"]): cell for cell in journal.results("cell")}
    empty = {"value": "", "evidence": [], "why": _("The budget was spent before it was looked up.")}
    rows = [
        {
            "item": name,
            "evidence": sorted(set(numbers)),
            "cells": [
                {part: cells.get((name, column), empty)[part] for part in ("value", "evidence", "why")}
                for column in shape["columns"]
            ],
        }
        for name, numbers in named.items()
    ]
    return {"item": shape["item"], "columns": shape["columns"], "rows": rows}


def remarks(journal: Journal) -> tuple[str, ...]:
    """What the person said to steer the run, in order."""
    return tuple(wish["text"] for wish in journal.results("wish") if wish["wish"] == "remark")


def approved(journal: Journal) -> bool:
    """Whether the person has seen the plan and wants the hunt to begin."""
    return any(wish["wish"] in ("approve", "continue") for wish in journal.results("wish"))


def settled(gap: Gap, kind: str, outcome: str) -> Gap:
    """The gap after an action that was carried out: answered, given up, or as it was."""
    if gap.state == "dropped":
        return gap
    if kind == "answer":
        return replace(gap, state="closed", outcome=outcome)
    if kind == "give_up":
        return replace(gap, state="given_up", outcome=outcome)
    return gap


def _wished(found: dict[int, Gap], wish: Result) -> None:
    """Change the gaps as the person wished. launch.py has checked that the gap is there."""
    gap = found.get(wish.get("gap", 0))
    match wish["wish"]:
        case "add":
            found[wish["gap"]] = Gap(wish["gap"], wish["text"], criterion=wish["criterion"], place=wish["place"])
        case "drop" if gap:
            found[gap.number] = replace(gap, state="dropped")
        case "reword" if gap:
            asked = gap.asked if wish["text"] == gap.question else ""
            found[gap.number] = replace(
                gap, question=wish["text"], criterion=wish["criterion"], asked=asked, state="open", outcome=""
            )
        case "reopen" if gap:
            found[gap.number] = replace(gap, state="open", outcome="")
        case "retry" if gap and gap.state != "dropped":
            found[gap.number] = replace(gap, state="open", outcome="")
        case "order":
            places = {number: place for place, number in enumerate(wish["gaps"], start=1)}
            found |= {number: replace(found[number], place=place) for number, place in places.items()}
        case "continue":
            found |= {one.number: replace(one, state="open") for one in found.values() if one.state == "given_up"}
