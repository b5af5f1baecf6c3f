"""What a run knows: its gaps and its evidence, read from its journal and from nowhere else.

So a run that was killed, hurried or stopped knows exactly what an undisturbed one knows at that step.
Called by loop.py and write.py. Never touches the database.
"""

from dataclasses import replace

from research.engine.journal import Journal
from research.engine.values import Evidence, Gap


def gaps(journal: Journal) -> tuple[Gap, ...]:
    """The gaps of the plan and its revisions, by number, in the state that the hunt left them in."""
    found: dict[int, Gap] = {}
    for result in journal.results("plan") + journal.results("revise"):
        for gap in result["gaps"]:
            found[gap["number"]] = Gap(gap["number"], gap["question"])
    for action in journal.results("act"):
        number = action["gap"]
        if question := action.get("question"):
            found[number] = replace(found[number], question=question)
        if action["refused"]:
            continue
        found[number] = settled(found[number], action["kind"], action["outcome"])
    return tuple(found[number] for number in sorted(found))


def evidence(journal: Journal) -> tuple[Evidence, ...]:
    """The evidence that the run kept and has not set aside, by number."""
    aside = {number for result in journal.results("sift")[-1:] for number in result["aside"]}
    return tuple(one for one in collected(journal) if one.number not in aside)


def collected(journal: Journal) -> tuple[Evidence, ...]:
    """All the evidence that the run kept, what was set aside too, by number. Of several looks the best score counts."""
    kept = [Evidence(**one) for result in journal.results("note") for one in result["kept"]]
    found = {one.number: one for one in sorted(kept, key=lambda one: one.score)}
    return tuple(found[number] for number in sorted(found))


def settled(gap: Gap, kind: str, outcome: str) -> Gap:
    """The gap after an action that was carried out: answered, given up, or as it was."""
    if kind == "answer":
        return replace(gap, state="closed", outcome=outcome)
    if kind == "give_up":
        return replace(gap, state="given_up", outcome=outcome)
    return gap
