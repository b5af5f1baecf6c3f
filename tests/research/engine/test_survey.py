"""A survey lists all there is of a kind and fills its table cell by cell, each cell from evidence of its own."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from config.loop import in_thread
from research.models import Evidence, Gap, Report, Run, Step
from research.reasoning import listing
from search_index.models import Page, Snapshot
from tests.research.engine.library import Library
from tests.research.engine.test_loop import researched, rows

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "Compare all falcons by wingspan and prey"
NAMES = [
    f"{first}{last}" for first in ("Ash", "Bog", "Cliff", "Dune", "Elm", "Fen", "Glen") for last in ("wing", "hawk")
]


@pytest.fixture
def aviary(library: Library, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Fourteen falcons, far more than one search shows; one of them has no known wingspan. And an owl."""
    source = Page.objects.first().source
    library.snapshots.clear()
    texts = {
        name: f"{name} is a falcon of the north. Its wingspan is {50 + n} cm. It hunts prey such as voles."
        for n, name in enumerate(NAMES)
    }
    texts["Fenhawk"] = "Fenhawk is a falcon of the south. It hunts prey such as larks."
    texts["Owl"] = "The Owl is a bird of the night. Falcons do not like it."
    for name, text in texts.items():
        page = Page.objects.create(source=source, url=f"http://larkspur.test/{name}.html", state="indexed")
        page.snapshot = Snapshot.objects.create(
            page=page, text=text, sha256=name, title=name, fetched_at="2026-01-01T00:00Z"
        )
        page.save()
        library.snapshots[page.url] = page.snapshot
    monkeypatch.setattr("research.engine.survey.BATCH", 4)
    return library


async def surveyed(new_run: Any, aviary: Library, listener: Any, effort: str = "medium") -> Run:
    return await researched(await in_thread(new_run, QUESTION), aviary, listener, effort=effort)


async def test_every_thing_is_listed_though_no_search_shows_them_all(new_run, aviary, listener):
    run = await surveyed(new_run, aviary, listener)
    [report] = await rows(Report, run)
    assert report.table["columns"] == ["wingspan", "prey"]
    assert sorted(row["item"] for row in report.table["rows"]) == sorted(NAMES)
    assert [gap.state for gap in await rows(Gap, run)] == ["closed"]
    assert report.not_found == []


async def test_a_cell_rests_on_evidence_or_says_why_it_is_empty(new_run, aviary, listener):
    run = await surveyed(new_run, aviary, listener)
    [report] = await rows(Report, run)
    table = {row["item"]: row["cells"] for row in report.table["rows"]}
    quotes = {one.number: one.quote for one in await rows(Evidence, run)}
    assert "50 cm" in table["Ashwing"][0]["value"]
    for cell in (cell for cells in table.values() for cell in cells):
        assert bool(cell["value"]) == bool(cell["evidence"]) == (not cell["why"])
        assert all(cell["value"] in " ".join(quotes[number].split()) for number in cell["evidence"])
    assert (table["Fenhawk"][0]["value"], bool(table["Fenhawk"][0]["why"])) == ("", True)


async def test_a_survey_that_is_killed_goes_on_where_it_was(new_run, aviary, listener):
    whole = await surveyed(new_run, aviary, listener)
    expected = (await rows(Report, whole))[0].table
    queries = sorted(aviary.queries)
    aviary.queries.clear()
    run = await in_thread(new_run, QUESTION)
    for most in (3, 8, 20):
        work = asyncio.create_task(researched(run, aviary, listener, effort="medium"))
        while not work.done() and await in_thread(Step.objects.filter(run=run).count) < most:
            await asyncio.sleep(0.01)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await in_thread(Run.objects.filter(pk=run.pk, state="running").update, lease_until="2020-01-01T00:00Z")
    run = await researched(run, aviary, listener, effort="medium")
    table = (await rows(Report, run))[0].table
    assert [row["item"] for row in table["rows"]] == [row["item"] for row in expected["rows"]]
    assert set(aviary.queries) == set(queries)
    keys = [step.key for step in await rows(Step, run)]
    assert len(keys) == len(set(keys))


async def test_a_survey_of_nothing_is_hunted_like_any_question(new_run, library, listener):
    run = await researched(await in_thread(new_run, "List all quantum teapots"), library, listener)
    [report] = await rows(Report, run)
    assert (report.table, report.not_found) == ({}, ["List all quantum teapots"])


@pytest.mark.parametrize(
    ("question", "item", "columns"),
    [
        ("Compare all falcons by wingspan and prey", "falcons", ("wingspan", "prey")),
        ("List every job queue in this index with its broker, licence", "job queue", ("broker", "licence")),
        ("List all web servers", "web servers", ()),
    ],
)
def test_a_question_says_what_to_list_and_in_which_respects(question: str, item: str, columns: Sequence[str]) -> None:
    shape = listing.shape(question)
    assert (shape.item, shape.columns) == (item, columns)
