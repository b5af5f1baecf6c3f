"""An egress door of our own, in a thread: the real one of search_index/egress.py, without a process and a file.

`door(allow)` runs one for a block; the fixture `egress` opens one to the fixture `site` alone and points the settings
at it, so that fetch, robots, the browser and whole crawls work in a test. Used by the tests of search_index.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from pytest_django import Settings

from search_index.egress import Door
from search_index.policy import Allow
from tests.fakes.site import Site

PASSWORD = "a-password"
CREDENTIALS = f"site:{PASSWORD}"


@contextmanager
def door(allow: Sequence[str] = (), **choices: Any) -> Iterator[str]:
    """Run a door that opens `allow`; the value is its URL with its password, and the site as who asks. `choices` go to
    Door."""
    running = threading.Event()
    loop = asyncio.new_event_loop()
    url = ""

    async def listen() -> None:
        nonlocal url, stop
        stop = asyncio.Event()
        server = await asyncio.start_server(Door(Allow.parse(allow), PASSWORD, **choices), "127.0.0.1", 0)
        url = f"http://{CREDENTIALS}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        running.set()
        async with server:
            await stop.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    stop: asyncio.Event
    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=lambda: loop).run(listen()), daemon=True)
    thread.start()
    assert running.wait(10)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def egress(site: Site, settings: Settings) -> Iterator[str]:
    """An open door to the fixture `site` and to nothing else that is not public; the value is its URL."""
    with door([site.netloc]) as url:
        settings.EGRESS_ALLOW = [site.netloc]
        settings.EGRESS_URL = url
        yield url
