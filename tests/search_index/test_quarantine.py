"""Quarantine: what breaks its parser is tried twice, then left alone until it changes; the crawl goes on."""

import os
import signal
from pathlib import Path

import pytest

from search_index import sources
from search_index.extract import sandbox
from search_index.models import Page, Source
from tests.fakes.site import Answer, Site
from tests.search_index.test_crawl import crawled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses whose reading brought a process down; whatever says "deadly" does."""
    victims: list[str] = []
    ask = sandbox._ask

    def ask_and_die(process: object, body: bytes, asked: dict[str, object]) -> dict[str, object]:
        if b"deadly" in body:
            victims.append(str(asked["url"]))
            os.kill(process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        return ask(process, body, asked)  # type: ignore[arg-type]

    monkeypatch.setattr(sandbox, "_ask", ask_and_die)
    return victims


def folder(tmp_path: Path) -> Source:
    for name, text in (("a.md", "The larks sing."), ("b.md", "A deadly file."), ("c.md", "The gulls cry.")):
        (tmp_path / name).write_text(text)
    return sources.add(str(tmp_path), kind="folder", name="Papers")


def test_a_file_that_breaks_its_parser_is_tried_twice_and_then_quarantined(killed: list[str], tmp_path: Path) -> None:
    source = folder(tmp_path)
    done = crawled(source)
    assert (done.state, done.fetched) == ("done", 2)
    page = Page.objects.get(url="file:Papers/b.md")
    assert (page.state, page.reason, page.crashes) == (Page.State.REFUSED, "quarantine", 2)
    assert killed == ["file:Papers/b.md"] * 2


def test_it_is_not_tried_again_until_it_changes(killed: list[str], tmp_path: Path) -> None:
    source = folder(tmp_path)
    crawled(source)
    crawled(source)
    assert len(killed) == 2
    assert Page.objects.get(url="file:Papers/b.md").reason == "quarantine"
    (tmp_path / "b.md").write_text("Another deadly file.")
    crawled(source)
    assert len(killed) == 4
    (tmp_path / "b.md").write_text("A harmless file.")
    crawled(source)
    page = Page.objects.get(url="file:Papers/b.md")
    assert (page.state, page.crashes) == (Page.State.INDEXED, 0)


def test_a_page_of_a_site_is_tried_twice_in_one_crawl(
    killed: list[str], site: Site, egress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_index.frontier.BACK_OFF", 0.1)
    site.pages = {
        "/index.html": Answer(b"<html><body><p>Larks. <a href='/bad.html'>bad</a></p></body></html>"),
        "/bad.html": Answer(b"<html><body><p>A deadly page.</p></body></html>"),
    }
    source = sources.add(f"{site.url}/index.html", name="Larkspur")
    assert crawled(source).state == "done"
    page = Page.objects.get(url=f"{site.url}/bad.html")
    assert (page.reason, page.crashes, len(killed)) == ("quarantine", 2, 2)
