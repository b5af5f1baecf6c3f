"""Questions whose answers lie behind scripts, clicks, searches and documents of a local site: with the real engine, the
real browser and the real door. Some of each kind: all of them are what script/drill acting measures, and what
tests/search_index/test_tabs.py does in the browser."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from config.endpoints import Endpoint
from config.loop import in_thread
from research.engine.index import WholeIndex
from research.models import Run, Shot, Step
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.model import ModelReasoner
from search_index import browser
from tests.drills.acting import SHARE, Guide, is_kept
from tests.fakes.door import door
from tests.fakes.model_server import serving
from tests.fakes.site import Site
from tests.fakes.tasks_site import TASKS, archive
from tests.research.engine.test_loop import researched, rows

CHOSEN = (
    *("late script", "next button", "infinite list", "site search"),
    *("PDF behind a link", "window by script", "control in a frame", "way back"),
)

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tasks(settings: Settings) -> Iterator[Site]:
    with archive() as site, door([site.netloc]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = [site.netloc], url
        yield site


async def missed(site: Site, reasoner, new_run, listener) -> dict[str, list[str]]:
    """The tasks whose answer is in no evidence, each with what the run did in the browser."""
    found, index = {}, WholeIndex()
    for name in CHOSEN:
        task = TASKS[name]
        run = await in_thread(new_run, f"{task.question} {site.url}{task.path}")
        run = await researched(run, index, listener, reasoner, effort="medium")
        await index.leave(str(run.pk))
        if not await in_thread(is_kept, run, task):
            steps = await rows(Step, run, kind="browse")
            found[name] = [one.error or one.result["refused"] or one.result["did"] for one in steps]
    await browser.close()
    return found


async def test_a_model_that_knows_the_way_finds_every_answer(tasks, new_run, listener):
    guide = Guide()
    with serving(models=guide):
        at = Endpoint(guide.url, "scripted", "", 8192)
        rules = ExtractiveReasoner()
        reasoner = ModelReasoner(dict.fromkeys(("planner", "reader", "writer", "judge"), at), rules)
        assert await missed(tasks, reasoner, new_run, listener) == {}
    assert await in_thread(Shot.objects.count) > len(CHOSEN) / 2
    assert {request.method for request in tasks.requests} == {"GET"}


async def test_the_rules_find_three_of_four(tasks, new_run, listener):
    found = await missed(tasks, ExtractiveReasoner(), new_run, listener)
    assert len(found) <= (1 - SHARE) * len(CHOSEN), found
    assert {request.method for request in tasks.requests} == {"GET"}
    assert await in_thread(Run.objects.filter(state="done").count) == len(CHOSEN)
