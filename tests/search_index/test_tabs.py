"""Live tabs in a real Chromium, through the real door: what is acted on, what is refused, what is kept."""

from collections.abc import AsyncIterator, Iterator

import pytest
from pytest_django import Settings

from config.loop import in_thread
from search_index import browser, reading
from search_index.tabs import browse, leave
from search_index.values import Browsed, Deed
from tests.fakes.door import door
from tests.fakes.site import Site
from tests.fakes.tasks_site import TASKS, Act, Task, archive

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
RUN = "run-1"


@pytest.fixture
def tasks(settings: Settings) -> Iterator[Site]:
    with archive() as site, door([site.netloc]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = [site.netloc], url
        yield site


@pytest.fixture(autouse=True)
async def _close(tasks: Site) -> AsyncIterator[None]:
    yield
    await leave(RUN)
    await browser.close()


def deed(act: Act, seen: Browsed) -> Deed:
    if not act.name:
        return Deed(act.kind)
    control = next(one for one in seen.controls if one.name == act.name)
    return Deed(act.kind, control.number, act.text, control.name)


async def followed(site: Site, task: Task) -> tuple[Browsed, list[Deed]]:
    url, deeds = site.url + task.path, list[Deed]()
    seen = await browse(RUN, url)
    for act in task.acts:
        deeds.append(deed(act, seen))
        seen = await browse(RUN, url, deeds)
        assert seen.refused == ""
    return seen, deeds


async def test_every_answer_of_the_archive_is_read_and_kept(tasks: Site) -> None:
    missed = {}
    for name, task in TASKS.items():
        try:
            seen, _deeds = await followed(tasks, task)
        except Exception as failure:  # all of them are wanted, not the first
            missed[name] = repr(failure)
            continue
        if task.answer not in seen.opened.text:
            missed[name] = seen.opened.text
            continue
        assert (await in_thread(reading.snapshot, seen.opened.snapshot)).text == seen.opened.text
        assert await reading.open_page(seen.opened.url, sealed=True) == seen.opened
    assert missed == {}
