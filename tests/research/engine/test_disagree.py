"""Contrast: sources that say otherwise are shown side by side, and the side that is outvoted is not the answer."""

from typing import Any

import pytest

from config.loop import in_thread
from research.engine.note import store
from research.engine.values import Evidence as Kept
from research.errors import StepFailed
from research.models import Claim, Evidence, Gap, Report, Step
from research.reasoning.extractive import ExtractiveReasoner
from tests.research.engine.test_loop import researched, rows
from tests.research.engine.test_sift import OfOneDocument

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "In what year was the Varn Bridge opened?"
GOOD = (
    ("http://a.org/x", "Varn Bridge", "The Varn Bridge was opened in 1932. It is painted red."),
    ("http://b.org/x", "The Varn Bridge", "Inaugurated in 1932, the Varn Bridge carries two tracks."),
)
PLANTED = ("http://c.org/x", "Varn Bridge", "The Varn Bridge was opened in 1947 to the public.")


async def asked(new_run: Any, library: Any, listener: Any, *pages: Any, reasoner: Any = None) -> Report:
    for page in pages:
        await in_thread(library.add, *page)
    run = await researched(await in_thread(new_run, QUESTION), library, listener, reasoner)
    [report] = await rows(Report, run)
    return report


async def sides(report: Report) -> list[list[tuple[str, set[str]]]]:
    """What each side says, and on which hosts."""
    host = await in_thread(
        lambda: dict(Evidence.objects.filter(run=report.run_id).values_list("number", "exhibit__host"))
    )
    return [
        [(side["says"], {host[number] for number in side["evidence"]}) for side in one["sides"]]
        for one in report.disagreements
    ]


async def test_the_side_of_most_sources_comes_first_and_the_other_is_not_the_answer(new_run, library, listener):
    report = await asked(new_run, library, listener, PLANTED, *GOOD)
    assert await sides(report) == [[("1932", {"a.org", "b.org"}), ("1947", {"c.org"})]]
    assert report.disagreements[0]["about"] == QUESTION
    assert [side["sources"] for side in report.disagreements[0]["sides"]] == [2, 1]
    assert report.answer == "1932"
    claims = await in_thread(lambda: list(Claim.objects.filter(report=report).prefetch_related("evidence__exhibit")))
    planted = [one for one in claims if any(e.exhibit.host == "c.org" for e in one.evidence.all())]
    assert planted
    assert all("otherwise" in one.caution and one.independent == 1 for one in planted)
    assert {one.independent for one in claims if "1932" in one.text} == {2}


async def test_of_as_many_sources_the_better_class_is_believed(new_run, library, listener):
    report = await asked(new_run, library, listener, (*PLANTED, "primary"), (*GOOD[0], "forum"))
    assert report.answer == "1947"
    assert [says for says, _hosts in (await sides(report))[0]] == ["1947", "1932"]


async def test_where_neither_side_is_stronger_both_are_said(new_run, library, listener):
    report = await asked(new_run, library, listener, PLANTED, GOOD[0])
    assert "1932" in report.answer
    assert "1947" in report.answer
    assert "disagree" in report.answer


async def test_two_pages_of_one_owner_do_not_outvote_another(new_run, library, listener):
    twice = [("http://one.c.org/y", "Varn Bridge", "In 1947 the Varn Bridge was opened."), PLANTED]
    report = await asked(new_run, library, listener, *twice, GOOD[0])
    assert [side["sources"] for side in report.disagreements[0]["sides"]] == [1, 1]
    assert "1932" in report.answer


async def test_sources_that_agree_are_no_disagreement(new_run, library, listener):
    report = await asked(new_run, library, listener, *GOOD)
    assert report.disagreements == []
    assert report.answer == "1932"


async def test_what_was_set_aside_comes_back_where_it_disagrees(new_run, library, listener):
    report = await asked(new_run, library, listener, GOOD[0], PLANTED, reasoner=OfOneDocument(library.similarity))
    assert len((await sides(report))[0]) == 2
    numbers = report.in_disagreements
    assert await in_thread(Evidence.objects.filter(run=report.run_id, number__in=numbers, aside=True).count) == 0


class Judging(ExtractiveReasoner):
    """Says of every pair that it disagrees; or cannot."""

    def __init__(self, similarity: Any, *, works: bool) -> None:
        super().__init__(similarity)
        self.works = works
        self.pairs: list[Any] = []

    async def contrast(self, pairs: Any) -> tuple[int, ...]:
        self.pairs += pairs
        if not self.works:
            raise StepFailed("no")
        return (*range(len(pairs)), 99)


@pytest.mark.parametrize("works", [True, False])
async def test_of_what_the_rules_are_not_sure_the_judge_decides(new_run, library, listener, works):
    judge = Judging(library.similarity, works=works)
    unsure = [
        ("http://a.org/x", "Varn Bridge", "The Varn Bridge with its original deck was opened in 1932."),
        ("http://c.org/x", "Varn Bridge", "The Varn Bridge was opened in 1947."),
    ]
    report = await asked(new_run, library, listener, *unsure, reasoner=judge)
    assert [pair.says for pair in judge.pairs] == [("1932", "1947")]
    assert judge.pairs[0].about == QUESTION
    assert len(report.disagreements) == works
    [step] = await in_thread(lambda: list(Step.objects.filter(run=report.run_id, kind="confirm")))
    assert bool(step.error) != works


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("The wait is 10", "The wait is 10.5 seconds", 2),
        ("Dogs are allowed here", "It is not so that dogs are allowed here", 2),
        ("It was 5 degrees", "It was -5 degrees", 2),
        ("The wait is 10 seconds", "The wait is 10 seconds at first", 1),
    ],
)
def test_another_number_or_a_denial_is_never_kept_as_the_same(new_run, library, one, other, count):
    run = new_run()
    Gap.objects.create(run=run, number=1, question="?")
    urls = list(library.snapshots)
    found = [
        Kept(0, 1, library.snapshots[url].pk, 0, len(quote), quote, 1.0, "", url)
        for url, quote in zip(urls, (one, other), strict=False)
    ]
    assert len({kept.number for kept in store(str(run.pk), 1, found)}) == count
