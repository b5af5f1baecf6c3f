"""The whole way, as a person goes it: the real server in processes of its own, a web site, a browser, nothing replaced.

Add a source in the admin, see it crawled, ask, watch the report stream, reload in the middle, have the worker killed,
open a citation, share, read the share signed out, revoke it. The model is the scripted server, over real HTTP.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from config import chromium, env, services
from tests.fakes import model_server
from tests.fakes.model_server import ModelServer
from tests.fakes.site import Site

T = TypeVar("T")

pytestmark = pytest.mark.slow

PATIENCE = 90  # seconds: two busy cores, a model to load, pages to embed


def environment(data: Path, **variables: str) -> dict[str, str]:
    """What a person's shell would give: the real settings, and a data folder of its own."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATA_DIR": str(data), **variables}


class Server:
    """A running `config.supervisor` with a data folder of its own, and what it printed."""

    def __init__(self, data: Path, process: "subprocess.Popen[str]", log: Path, port: int) -> None:
        self.data, self.process, self.log, self.url = data, process, log, f"http://localhost:{port}"

    def said(self, pattern: str) -> re.Match[str]:
        """What it printed that matches, waited for."""

        def look() -> re.Match[str] | None:
            assert self.process.poll() is None, self.log.read_text()
            return re.search(pattern, self.log.read_text())

        return until(look)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Straight from its PostgreSQL: what is really stored."""
        sockets = next(path.parent for path in (self.data / "run").glob(".s.PGSQL.5432"))
        with psycopg.connect(host=str(sockets), user="scenthound", dbname="scenthound") as database:
            return database.execute(query).fetchall()

    def kill_worker(self) -> None:
        """kill -9, as the kernel's out-of-memory killer would."""
        workers = [child for child in psutil.Process(self.process.pid).children() if "worker" in child.cmdline()]
        assert workers
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)


def until(look: Callable[[], T | None]) -> T:
    """What `look` gives, as soon as it gives something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found


@contextmanager
def serving(data: Path, **variables: str) -> Iterator[Server]:
    """script/server's process with this data folder; stopped as Ctrl-C stops it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = data / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor"],
            cwd=env.TOP,
            env=environment(data, PORT=str(port), LEASE_SECONDS="5", **variables),
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        yield Server(data, process, log, port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    services.prepare_folders()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(chromium.launcher()), chromium_sandbox=True)
        yield running
        running.close()


@pytest.fixture
def models() -> Iterator[ModelServer]:
    """The scripted model server, slow enough that a report can be watched."""
    with model_server.serving() as running:
        running.pause = 0.02
        yield running


def sign_in(page: Page, server: Server) -> None:
    password = server.said(r"with the password (\S+)")[1]
    page.goto(f"{server.url}/sign-in")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("textbox", name="What do you want to know?")).to_be_visible()


def add_source(page: Page, server: Server, site: Site) -> None:
    page.goto(f"{server.url}/admin/search_index/source/add/")
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
    page.get_by_label("Name").fill("Larkspur")
    page.get_by_label("Kind").select_option("site")
    page.get_by_label("Location").fill(f"{site.url}/")
    page.get_by_label("Seconds between requests").fill("0")
    page.get_by_role("button", name="Save", exact=True).click()
    crawled = """
        SELECT crawl.state FROM search_index_crawl crawl JOIN search_index_source source ON source.id = source_id
        WHERE name = 'Larkspur'
    """
    until(lambda: server.rows(crawled) == [("done",)])


def test_a_question_goes_the_whole_way(tmp_path: Path, site: Site, models: ModelServer, browser: Browser) -> None:
    variables = {"CHAT_URL": models.url, "CHAT_MODEL": "scripted", "EGRESS_ALLOW": site.netloc}
    with serving(tmp_path, **variables) as server:
        server.said("The sample source is being indexed")
        page = browser.new_page()
        sign_in(page, server)
        add_source(page, server, site)
        assert site.hits("/private/") == 0

        page.goto(server.url)
        page.get_by_label("Larkspur").check()
        page.get_by_label("Libraries").uncheck()
        page.get_by_role("textbox", name="What do you want to know?").fill("How often is a failed job retried?")
        page.keyboard.press("Enter")
        page.wait_for_url("**/runs/*")
        run_page = page.url

        # It streams; a worker that dies in the middle and a reader who reloads lose nothing.
        expect(page.locator("#gaps .step").first).to_be_visible(timeout=PATIENCE * 1000)
        server.kill_worker()
        page.reload()
        expect(page.get_by_role("link", name="The report’s own page")).to_be_visible(timeout=PATIENCE * 1000)
        assert server.rows("SELECT state FROM research_run") == [("done",)]
        assert server.rows("SELECT key FROM research_step GROUP BY run_id, key HAVING count(*) > 1") == []

        # A citation opens the stored passage, which holds the quote.
        page.get_by_role("link", name="The report’s own page").click()
        citation = page.locator(".prose .cite").first
        citation.click()
        marked = page.locator("#passage").first
        expect(marked).to_be_in_viewport()
        quotes = [quote for (quote,) in server.rows("SELECT quote FROM research_evidence")]
        shown = " ".join(page.locator("mark").all_inner_texts())
        assert any(" ".join(str(quote).split()) in " ".join(shown.split()) for quote in quotes)
        expect(page.get_by_role("link", name=re.compile("opens in a new tab"))).to_have_attribute(
            "href", re.compile(re.escape(site.url))
        )

        # Shared, read by somebody who is signed in nowhere, revoked.
        page.goto(f"{run_page}/report")
        page.get_by_role("button", name="Make a public link").click()
        link = page.get_by_label("The link, shown this once").input_value()
        stranger = browser.new_context().new_page()
        answer = stranger.goto(link)
        assert answer is not None
        assert answer.headers["x-robots-tag"].startswith("noindex")
        stranger.locator(".prose .cite").first.click()
        expect(stranger.locator("#passage").first).to_be_visible()
        page.goto(f"{run_page}/report")
        page.get_by_role("button", name=re.compile("Revoke the link")).click()
        gone = stranger.goto(link)
        assert gone is not None
        assert gone.status == 410
        assert link.rsplit("/", 1)[1] not in server.log.read_text()
        assert "Warning:" not in server.log.read_text()
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or [])]


def test_without_a_model_the_shell_gives_one_json_document(tmp_path: Path, site: Site) -> None:
    variables = environment(tmp_path, EGRESS_ALLOW=site.netloc)

    def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=env.TOP, env=variables, capture_output=True, text=True, timeout=300, check=False
        )

    added = manage("add_source", f"{site.url}/", "--name", "Larkspur", "--wait", "--json")
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)
    asked = manage("research", "How often is a failed job retried?", "--source", "Larkspur", "--sealed", "--json")
    assert asked.returncode == 0, asked.stderr
    report = json.loads(asked.stdout)
    assert report["state"] == "done"
    assert report["claims"]
    assert {claim["verdict"] for claim in report["claims"]} <= {"quoted", "unsupported"}
    assert all(one["url"].startswith(site.url) for one in report["evidence"])
    wrong = manage("research", "Anything?", "--source", "No such source")
    assert wrong.returncode == 2
    assert "No such source" in wrong.stderr
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or [])]
