from typing import Any

import pytest

from config.loop import in_thread
from research import sandbox
from research.engine.budget import BUDGETS
from research.engine.journal import Journal, claim
from research.engine.kit import Kit
from research.engine.loop import research
from research.engine.values import Question
from research.models import Claim, Evidence, Step
from research.reasoning.extractive import ExtractiveReasoner

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "Who wrote the first version of Larkspur? How long is the first wait of a job?"


class OfOneDocument(ExtractiveReasoner):
    """Keeps only evidence of the first document, and names evidence that there is not."""

    async def sift(self, question: Any, gaps: Any, known: Any, most: int) -> tuple[int, ...]:
        return (999, *(one.number for one in known if one.snapshot == known[0].snapshot))


async def finished(run: Any, library: Any, listener: Any, reasoner: Any) -> None:
    epoch = await in_thread(claim, str(run.pk))
    async with Journal(str(run.pk), epoch, listener) as journal:
        kit = Kit(reasoner, library, BUDGETS["medium"], sandbox)
        await journal.end(await research(Question(str(run.pk), run.question, (), run.sealed), kit, journal))


async def test_what_is_set_aside_is_neither_cited_nor_counted_and_stays_in_the_journal(new_run, library, listener):
    run = await in_thread(new_run, QUESTION)
    await finished(run, library, listener, OfOneDocument(library.similarity))
    rows = await in_thread(lambda: list(Evidence.objects.filter(run=run)))
    kept = {row.exhibit_id for row in rows if not row.aside}
    assert len(kept) == 1
    assert {row.exhibit_id for row in rows if row.aside} - kept
    cited = await in_thread(
        lambda: set(Claim.objects.filter(report__run=run).values_list("evidence__aside", flat=True))
    )
    assert cited == {False}
    [step] = await in_thread(lambda: list(Step.objects.filter(run=run, kind="sift")))
    assert sorted(step.result["kept"] + step.result["aside"]) == [row.number for row in rows]


async def test_more_documents_than_the_effort_allows_are_cut(new_run, library, listener, monkeypatch):
    monkeypatch.setitem(BUDGETS, "medium", BUDGETS["low"].__class__(**(vars(BUDGETS["medium"]) | {"keep": 1})))
    run = await in_thread(new_run, QUESTION)

    class Greedy(ExtractiveReasoner):
        async def sift(self, question: Any, gaps: Any, known: Any, most: int) -> tuple[int, ...]:
            return tuple(one.number for one in known)

    await finished(run, library, listener, Greedy(library.similarity))
    kept = await in_thread(
        lambda: set(Evidence.objects.filter(run=run, aside=False).values_list("exhibit__snapshot", flat=True))
    )
    assert len(kept) == 1
