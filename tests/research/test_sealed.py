"""What a sealed run asks for is shut at the door, whatever the code that asks has forgotten to check."""

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User

from config.loop import in_thread
from research import launch, tasks
from research.engine.journal import claim
from search_index import browser
from search_index.errors import Refused
from search_index.fetch import close, fetch
from search_index.render import render
from tests.fakes.door import door
from tests.fakes.site import Site


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sealed", [True, False])
async def test_no_request_of_a_sealed_run_leaves(
    owner: User, site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    kept: list[Any] = []
    came: list[str] = []

    async def forgetful(*_: Any) -> None:
        """An engine that fetches whatever it likes: itself, in a task that it starts, and in the browser."""
        for asked in (fetch(site.url), asyncio.create_task(fetch(site.url)), render(site.url)):
            try:
                await asked
                came.append("a page")
            except Refused as refused:
                came.append(refused.reason)

    monkeypatch.setattr(tasks, "research_question", forgetful)
    monkeypatch.setattr(launch, "ring", lambda: None)
    run = await in_thread(launch.launch, owner, "Who wrote it?", "low", [], sealed)
    epoch = await in_thread(claim, str(run.pk))
    assert epoch is not None
    with door([site.netloc], keep=kept.append) as settings.EGRESS_URL:
        await tasks.conduct(str(run.pk), epoch)
        await browser.close()
        await close()
    assert came == (["sealed"] if sealed else ["a page"]) * 3
    assert {passage.whose for passage in kept} == {f"run-{run.pk}" + ".sealed" * sealed}
    assert bool(site.requests) is not sealed
