"""What the browser tests share: one Chromium, the site over the test database, and pages that complain.

A page fails its test when the browser's console has an error in it: a script that broke, or something that the content
security policy had to stop.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from config import chromium
from config.asgi import application

# What a page shows by itself is there within a second or not at all, but for a machine on which all the tests run:
# Playwright's five seconds were not enough there. A test that passes is not slower for it.
expect.set_options(timeout=15_000)

HERE = Path(__file__).parent
NewPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            # WhiteNoise answers with synchronous iterators, of which Django warns under ASGI.
            item.add_marker(pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume"))


# Not for the session: as long as Playwright is open its loop runs in this thread, and no async test could.
@pytest.fixture(scope="module")
def browser(django_db_modify_db_settings: None) -> Iterator[Browser]:
    # Playwright's own loop runs in this thread, where Django would refuse the database for that reason alone.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium.launcher()), chromium_sandbox=True)
        yield running
        running.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def server(transactional_db: None) -> Iterator[str]:
    """The address of the site, served from this process over the test database."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    serving = uvicorn.Server(
        uvicorn.Config(application, log_config=None, lifespan="off", timeout_graceful_shutdown=1, access_log=False)
    )
    thread = threading.Thread(target=serving.run, args=([listening],))
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    serving.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def new_page(browser: Browser, server: str) -> Iterator[NewPage]:
    """Makes pages, each in a context of its own: `new_page(user, width=390, color_scheme="dark")`; without a user it is
    signed out."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(user: User | None = None, width: int = 1280, **options: object) -> Page:
        context = browser.new_context(
            base_url=server,
            viewport={"width": width, "height": 844},
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        if user is not None:
            context.add_cookies([{"name": name, "value": value, "url": server} for name, value in cookies(user)])
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert [text for text in complaints if "the server responded with a status of" not in text] == []


@pytest.fixture
def owner(transactional_db: None) -> User:
    return User.objects.create_superuser("owner", password="owner-password")


def cookies(user: User) -> list[tuple[str, str]]:
    client = Client()
    client.force_login(user)
    return [(name, morsel.value) for name, morsel in client.cookies.items()]
