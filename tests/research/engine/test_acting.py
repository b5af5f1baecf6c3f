"""Questions whose answers lie behind scripts, clicks, searches and documents of a local site: with the real engine, the
real browser and the real door. How many are found in all is what script/drill acting measures."""

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
from tests.research.engine.test_loop import researched

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tasks(settings: Settings) -> Iterator[Site]:
    with archive() as site, door([site.netloc]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = [site.netloc], url
        yield site


async def missed(site: Site, reasoner, new_run, listener) -> dict[str, list[str]]:
    """The tasks whose answer is in no evidence, with what the browser was asked for each."""
    found = {}
    index = WholeIndex()
    import os

    for name, task in [
        (k, v) for k, v in TASKS.items() if not os.environ.get("ONLY") or k in os.environ["ONLY"].split(",")
    ]:
        run = await in_thread(new_run, f"{task.question} {site.url}{task.path}")
        run = await researched(run, index, listener, reasoner, effort="medium")
        await index.leave(str(run.pk))
        import sys, json

        def tell(run=run, task=task, name=name):
            print("=====", name, task.question, is_kept(run, task), file=sys.stderr)
            for one in Step.objects.filter(run=run, kind__in=["act", "open", "browse", "note", "search"]):
                r = one.result
                print(
                    "  ",
                    one.key,
                    one.error[:100],
                    {
                        k: r.get(k)
                        for k in ("kind", "deed", "query", "target", "refused", "outcome", "did", "address", "url")
                        if r.get(k)
                    },
                    "|",
                    [p["text"][:80] for p in r.get("passages", [])][:3],
                    [c["role"] + " " + c["name"] for c in r.get("controls", [])][:6],
                    [k["quote"][:60] for k in r.get("own", [])][:4],
                    file=sys.stderr,
                )

        await in_thread(tell)
        if not await in_thread(is_kept, run, task):
            found[name] = await in_thread(
                lambda run=run: [
                    f"{one.kind} {one.result} {one.error}"[:300]
                    for one in Step.objects.filter(run=run, kind__in=["act", "open", "browse"])
                ]
            )
    await browser.close()
    return found


async def test_a_model_that_knows_the_way_finds_every_answer(tasks, new_run, listener):
    guide = Guide()
    with serving(models=guide):
        at = Endpoint(guide.url, "scripted", "", 8192)
        rules = ExtractiveReasoner()
        reasoner = ModelReasoner(dict.fromkeys(("planner", "reader", "writer", "judge"), at), rules)
        assert await missed(tasks, reasoner, new_run, listener) == {}
    assert await in_thread(Shot.objects.count) > len(TASKS) / 2
    assert {request.method for request in tasks.requests} == {"GET"}


async def test_the_rules_find_three_of_four(tasks, new_run, listener):
    found = await missed(tasks, ExtractiveReasoner(), new_run, listener)
    assert len(found) <= (1 - SHARE) * len(TASKS), found
    assert {request.method for request in tasks.requests} == {"GET"}
    assert await in_thread(Run.objects.filter(state="done").count) == len(TASKS)
