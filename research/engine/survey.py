"""Survey: list all things of a kind that the index knows, and say the same of each, cell by cell.

Not the first few hits: query after query is followed until its further passages name nothing new, and what was found
suggests further queries, until those name nothing new either. Each cell rests on evidence of its own; an empty one says
why. Every batch and every cell is a step, so a survey that is killed goes on where it was. Called by loop.py where the
plan says that the question asks for a survey; its table (findings.table) is part of the report.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial

from django.utils.translation import gettext as _

from research.engine.facts import missing
from research.engine.findings import gaps as known_gaps
from research.engine.hunt import settle
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.limits import reached
from research.engine.note import evidence_of, store
from research.engine.parallel import together
from research.engine.search import in_view
from research.engine.terms import plain
from research.engine.values import Evidence, Question, Shape
from research.errors import StepFailed

BATCH = 10  # passages that are looked through at a time
CELL_HITS = 5  # passages that a cell is filled from
BARREN = 2  # batches of further queries that name nothing new, after which there is nothing new


@dataclass
class _Survey:
    """A survey under way: `names` are the things found by their plain spelling, `seen` the passages looked through."""

    shape: Shape
    gap: int
    question: Question
    kit: Kit
    journal: Journal
    names: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[int, int]] = field(default_factory=set)


async def survey(question: Question, kit: Kit, journal: Journal) -> None:
    """List the things, fill their cells, and close the first gap with what was found; it stays open where nothing
    was."""
    gap = next((gap.number for gap in known_gaps(journal) if gap.state == "open"), 0)
    if not gap:
        return
    await journal.activity(_("Deciding what to compare"))

    async def step() -> Result:
        return asdict(await kit.reasoner.shape(question))

    try:
        made = await journal.once("survey/shape", "shape", question.text, step)
    except StepFailed:
        return  # the hunt looks for the gap as for any other
    shape = Shape(made["item"], tuple(made["columns"]), tuple(made["queries"]))
    under_way = _Survey(shape, gap, question, kit, journal)
    await _list(under_way)
    await together(_row(under_way, item, name) for item, name in enumerate(under_way.names.values(), start=1))
    if under_way.names:
        await _close(under_way)


async def _list(survey: _Survey) -> None:
    """Look for things until nothing new comes, or there are as many as the budget has."""
    most, own = survey.kit.budget.items, len(survey.shape.queries)
    number = barren = 0
    for place, query in enumerate(_queries(survey), start=1):
        offset = 0
        while True:
            number += 1
            key = f"survey/list/{number}"
            if len(survey.names) >= most or reached(survey.journal, survey.kit.budget, key):
                return
            before = len(survey.names)
            passages = await _batch(survey, query, offset, key)
            new = len(survey.names) - before
            barren = 0 if new else barren + 1
            if not new or passages < BATCH:
                break
            offset += BATCH
        if place >= own and barren >= BARREN:
            return


def _queries(survey: _Survey) -> Iterator[str]:
    """The survey's own queries; then what each found thing leads to, as they come."""
    yield from survey.shape.queries
    asked: set[str] = set()
    while fresh := [name for name in survey.names.values() if name not in asked]:
        asked.add(fresh[0])
        yield f"{survey.shape.item} like {fresh[0]}"


async def _batch(survey: _Survey, query: str, offset: int, key: str) -> int:
    """Add the things that the query's passages from `offset` on name; how many passages there were. Those that were
    looked through already are skipped."""
    journal, gap = survey.journal, survey.gap
    await journal.activity(_("%(n)d found; looking for more: %(query)s") % {"n": len(survey.names), "query": query})

    async def step() -> Result:
        hits = await survey.kit.index.search(query, "", survey.question.sources, offset + BATCH)
        hits = hits[offset:]
        shown = in_view([hit for hit in hits if (hit.snapshot, hit.start) not in survey.seen])
        listed = await survey.kit.reasoner.items(survey.shape, shown) if shown else ()
        stand = [(one.name, kept) for one in listed if (kept := evidence_of(gap, one.kept, shown))]
        found = [(name, kept) for name, kept in stand if not missing(name, [kept.quote], [kept.title])]
        spelled = dict(survey.names)
        for name, _kept in found:
            spelled.setdefault(plain(name), name)
        return {
            "gap": gap,
            "query": query,
            "offset": offset,
            "passages": [[hit.snapshot, hit.start] for hit in hits],
            "names": [spelled[plain(name)] for name, _kept in found],
            "kept": [asdict(kept) for _name, kept in found],
        }

    try:
        result = await journal.once(key, "list", [query, offset], step, lambda made: _stored(journal, gap, made))
    except StepFailed:
        return 0
    survey.seen |= {(snapshot, start) for snapshot, start in result["passages"]}
    for name in result["names"]:
        if len(survey.names) < survey.kit.budget.items:
            survey.names.setdefault(plain(name), name)
    return len(result["passages"])


async def _row(survey: _Survey, item: int, name: str) -> None:
    for place, column in enumerate(survey.shape.columns, start=1):
        key = f"survey/item/{item}/cell/{place}"
        if reached(survey.journal, survey.kit.budget, key):
            return
        await _cell(survey, name, column, key)


async def _cell(survey: _Survey, name: str, column: str, key: str) -> None:
    journal, gap = survey.journal, survey.gap
    await journal.activity(_("Looking up %(column)s of %(item)s") % {"column": column, "item": name})

    async def step() -> Result:
        hits = await survey.kit.index.search(f"{name} {column}", "", survey.question.sources, CELL_HITS)
        shown = in_view(hits)
        filled = await survey.kit.reasoner.cell(survey.shape, name, column, shown)
        kept = evidence_of(gap, filled.kept, shown) if filled.kept and filled.value else None
        lacking = missing(filled.value, [kept.quote], [kept.title, survey.question.text]) if kept else []
        if not hits:
            why = _("No passage was found for it.")
        elif lacking:
            why = _("What the model said is not in the passage: %s") % ", ".join(lacking)
        else:
            why = "" if kept else _("The passages found do not say it.")
        return {
            "gap": gap,
            "item": name,
            "column": column,
            "value": "" if why else filled.value,
            "why": why,
            "kept": [asdict(kept)] if kept and not why else [],
        }

    try:
        await journal.once(key, "cell", [name, column], step, lambda made: _stored(journal, gap, made))
    except StepFailed:
        return  # the journal says why, and the table that it was not looked up


async def _close(survey: _Survey) -> None:
    """The gap is answered by the table."""
    journal, count, question = survey.journal, len(survey.names), survey.question.text

    async def step() -> Result:
        outcome = _("%(n)d found, listed in the table.") % {"n": count}
        return {
            "gap": survey.gap,
            "question": question,
            "attempt": 0,
            "refused": "",
            "kind": "answer",
            "outcome": outcome,
        }

    await journal.once("survey/close", "choose", count, step, partial(settle, journal.run_id))


def _stored(journal: Journal, gap: int, made: Result) -> Result:
    kept = store(journal.run_id, gap, [Evidence(**one) for one in made["kept"]])
    return {**made, "evidence": [one.number for one in kept], "kept": [asdict(one) for one in kept]}
