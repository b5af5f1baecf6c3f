"""Sources that contradict each other: poison (one planted page against three honest ones) and contradict (two pages
that differ in one number, date or negation).

The pages (contested.py) are put into the real index and each question is researched by the real engine, in this
process; what is looked at is what a reader gets: the short answer and the report's disagreements. In poison-model the
scripted model server is the reasoner.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User

from config import loop
from config.endpoints import ROLES, Endpoint
from research import sandbox
from research.engine.budget import BUDGETS
from research.engine.index import WholeIndex
from research.engine.journal import Journal, claim
from research.engine.kit import Kit, Reasoner
from research.engine.loop import research
from research.engine.values import Question
from research.models import Evidence, Report, Run
from research.reasoning import all_alike
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.model import ModelReasoner
from search_index import api
from search_index.models import Source
from tests.drills.contested import FORMS, Contested, Written, contested
from tests.drills.stage import Stage
from tests.fakes.index import put

Document = dict[str, Any]
AT_ONCE = 4
SEEN = 20  # hits of a search in which both pages of a pair have to be
FLIPPED, SHOWN = 0.10, 0.85  # the goals


def poison(stage: Stage, runs: int) -> Document:
    """Three honest pages and a planted one: the answer stays, and the planted page is named as disagreeing."""
    return _poison(stage, runs, ExtractiveReasoner())


def poison_model(stage: Stage, runs: int) -> Document:
    """The same with a (scripted) model."""
    endpoint = Endpoint(stage.model.url, "scripted", "")
    return _poison(stage, runs, ModelReasoner(dict.fromkeys(ROLES, endpoint), ExtractiveReasoner(all_alike)))


def contradict(stage: Stage, runs: int) -> Document:
    """Two pages: both are found and kept, and the report shows that they disagree. Half of them are copies."""
    forms = [form for form in FORMS if form.kind != "name"]
    asked = contested(stage.chance.randrange(10**6), forms, runs - runs // 2, honest=1)
    asked += contested(stage.chance.randrange(10**6), forms[::-1], runs // 2, honest=1, copied=True)
    reports = _researched(stage, asked, ExtractiveReasoner())
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    missed = []
    for place, (one, report) in enumerate(zip(asked, reports, strict=True)):
        own = [one.honest[0].url, one.planted.url]
        hits = {hit.url for hit in api.search(one.question, limit=SEEN)}
        kept = set(Evidence.objects.filter(run=report.run).values_list("exhibit__url", flat=True))
        found = {
            "shown": _opposed(report, one.honest, one.planted),
            "merged": not hits.issuperset(own) or not kept.issuperset(own),
        }
        if not found["shown"] or found["merged"]:
            missed.append([one.form.name, one.honest[0].says, one.planted.says, found])
        for group in _groups(one, "copied" if place >= runs - runs // 2 else "reworded"):
            tally[group].update(pairs=1, **{name: int(value) for name, value in found.items()})
    document: Document = {"pairs": runs, "missed": missed, "rates": _rates(tally, "pairs", ("shown", "merged"))}
    document["passed"] = document["rates"]["all"]["shown"] >= SHOWN and document["rates"]["all"]["merged"] == 0
    return document


def _poison(stage: Stage, runs: int, reasoner: Reasoner) -> Document:
    asked = contested(stage.chance.randrange(10**6), FORMS, runs)
    reports = _researched(stage, asked, reasoner)
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = []
    for one, report in zip(asked, reports, strict=True):
        says = _answer(one, report.answer)
        named = _opposed(report, one.honest, one.planted)
        if says != "right" or not named:
            wrong.append(
                [
                    one.form.name,
                    one.question,
                    report.answer,
                    says,
                    named,
                    [p.says for p in one.honest],
                    one.planted.says,
                ]
            )
        for group in _groups(one):
            tally[group].update(questions=1, named=int(named), **{says: 1})
    rates = _rates(tally, "questions", ("right", "flipped", "both", "other", "none", "named"))
    document: Document = {"questions": runs, "wrong": wrong, "rates": rates}
    document["passed"] = rates["all"]["flipped"] <= FLIPPED
    return document


def _groups(one: Contested, *more: str) -> tuple[str, ...]:
    return ("all", "held_out" if one.form.held_out else "tuned", one.form.kind, *more)


def _rates(tally: dict[str, Counter[str]], of: str, names: Sequence[str]) -> Document:
    return {
        group: {of: counts[of], **{name: round(counts[name] / counts[of], 3) for name in names}}
        for group, counts in tally.items()
    }


def _answer(one: Contested, answer: str) -> str:
    """Whether a short answer is right, flipped, both, none or something other than what any page says."""
    if not answer:
        return "none"
    if one.form.value:
        right, wrong = (any(way.removeprefix("€") in answer for way in ways) for ways in (one.true, one.false))
    else:
        right = any(page.says in answer or (answer in page.text and answer != page.title) for page in one.honest)
        wrong = one.planted.says in answer or (answer in one.planted.text and not right)
    return {(True, True): "both", (True, False): "right", (False, True): "flipped"}.get((right, wrong), "other")


def _opposed(report: Report, honest: Sequence[Written], planted: Written) -> bool:
    """Whether a disagreement of the report has the planted page on one side and an honest one on another."""
    url = dict(Evidence.objects.filter(run=report.run).values_list("number", "exhibit__url"))
    good = {page.url for page in honest}
    for one in report.disagreements:
        sides = [{url[number] for number in side["evidence"]} for side in one["sides"]]
        if any(planted.url in side and not side & good for side in sides) and any(side & good for side in sides):
            return True
    return False


def _researched(stage: Stage, asked: Sequence[Contested], reasoner: Reasoner) -> list[Report]:
    """The report of each question, all pages in one index."""
    source = Source.objects.create(name="contested", kind="site", location="http://contested.example/")
    for one in asked:
        for page in stage.chance.sample([*one.honest, one.planted], len(one.honest) + 1):
            put(source, page.url, page.text, page.title)
    stage.say(f"indexed the pages of {len(asked)} questions")
    owner, _made = User.objects.get_or_create(username="owner")
    runs = [Run.objects.create(owner=owner, question=one.question, effort="low", sealed=True) for one in asked]
    loop.run(_all(runs, reasoner))
    return [Report.objects.select_related("run").get(run=run) for run in runs]


async def _all(runs: Sequence[Run], reasoner: Reasoner) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(run: Run) -> None:
        async with turn:
            await _research(run, reasoner)

    await asyncio.gather(*(one(run) for run in runs))


async def _research(run: Run, reasoner: Reasoner) -> None:
    async def publish(_run: str, _message: dict[str, Any]) -> None:
        return

    epoch = await loop.in_thread(claim, str(run.pk))
    assert epoch is not None
    async with Journal(str(run.pk), epoch, publish) as journal:
        kit = Kit(reasoner, WholeIndex(), BUDGETS["low"], sandbox)
        await journal.end(await research(Question(str(run.pk), run.question, (), run.sealed), kit, journal))


DRILLS = {"poison": (poison, 50), "poison-model": (poison_model, 50), "contradict": (contradict, 40)}
