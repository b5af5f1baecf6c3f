"""The panel of a crawl in a real browser: it follows the crawl, keeps the focus, and rests when the crawl is over."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from config import chromium
from search_index.models import Crawl, Source

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

InBrowser = Callable[[Callable[[Tab], Any]], Any]


@pytest.fixture
def in_browser(live_server: LiveServer) -> Iterator[InBrowser]:
    """Runs a function with the operator's browser tab in a thread of its own: Playwright's loop keeps the database
    from being used in its thread."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="operator-password"))
    cookies = [{"name": name, "value": cookie.value, "url": live_server.url} for name, cookie in client.cookies.items()]
    with ThreadPoolExecutor(1) as thread:
        playwright = thread.submit(lambda: sync_playwright().start()).result()
        try:
            browser = thread.submit(
                lambda: playwright.chromium.launch(executable_path=chromium.launcher(), chromium_sandbox=True)
            ).result()
            tab = thread.submit(lambda: browser.new_context(base_url=live_server.url).new_page()).result()
            thread.submit(lambda: tab.context.add_cookies(cookies)).result()
            yield lambda work: thread.submit(work, tab).result()
        finally:
            thread.submit(playwright.stop).result()


def test_the_panel_follows_the_crawl_to_its_end_and_then_rests(in_browser: InBrowser) -> None:
    source = Source.objects.create(name="Docs", kind="site", location="https://docs.example/")
    now = timezone.now()
    crawl = Crawl.objects.create(source=source, state="running", started_at=now, lease_until=now + timedelta(hours=1))
    complaints: list[str] = []
    asked: list[str] = []

    def open_page(tab: Tab) -> None:
        tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        tab.on("request", lambda request: asked.append(request.url) if "progress" in request.url else None)
        tab.goto(reverse("admin:search_index_source_change", args=[source.pk]))
        tab.get_by_label("Name:").fill("Half typed")
        tab.get_by_role("button", name="Pause").focus()

    def sees_figures(tab: Tab) -> None:
        expect(tab.locator("#progress dd", has_text="4,321")).to_be_visible(timeout=20_000)
        expect(tab.get_by_role("button", name="Pause")).to_be_focused()

    def sees_the_end(tab: Tab) -> None:
        expect(tab.get_by_role("button", name="Crawl now")).to_be_visible(timeout=20_000)
        expect(tab.get_by_label("Name:")).to_have_value("Half typed")
        before = len(asked)
        tab.wait_for_timeout(4_500)  # two polls would have come in this time: their absence has no event to wait for
        assert len(asked) == before

    in_browser(open_page)
    Crawl.objects.filter(pk=crawl.pk).update(fetched=4321)
    in_browser(sees_figures)
    Crawl.objects.filter(pk=crawl.pk).update(state="done", finished_at=timezone.now())
    in_browser(sees_the_end)
    in_browser(lambda tab: tab.get_by_role("button", name="Crawl now").click())
    in_browser(lambda tab: expect(tab.get_by_text("Waiting for a worker.")).to_be_visible(timeout=20_000))
    assert source.crawls.count() == 2
    assert complaints == []
