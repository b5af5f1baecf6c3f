"""Extraction: what is kept of real kinds of pages and files, and what a hostile one cannot do."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from search_index.errors import Crashed, Unreadable
from search_index.extract import Extracted, reader, sandbox
from search_index.extract.document import normalised
from search_index.extract.extractors import extract
from search_index.judgement.measured import measured
from tests.fakes.site import pdf

PAGES = Path(__file__).resolve().parent.parent / "pages"


def page(name: str, url: str = "https://docs.example.org/lib/page.html") -> Extracted:
    return extract((PAGES / name).read_bytes(), "text/html", url)


def headings(text: Extracted) -> list[tuple[str, int]]:
    return [(text.text[start:end], level) for start, end, level in text.headings]


def test_a_reference_page_keeps_definitions_code_lists_and_tables() -> None:
    found = page("reference.html")
    assert headings(found) == [
        ("tern — Talking to weather stations", 1),
        ("Functions", 2),
        ("How to share multiple unrelated stations", 2),
    ]
    assert "readings(station, since=None, *, units='metric')\nReturn the readings of a station as a list." in found.text
    assert "Asleep – if since is given and the station sleeps" in found.text
    assert "New in version 2.7." in found.text
    assert '    >>> tern.readings("Kirkwall")\n    [Reading(celsius=11.5)]' in found.text
    assert "nickname of at most twelve letters" in found.text
    assert "- gull: for the north" in found.text
    assert "| hPa | pressure |" in found.text
    assert "¶" not in found.text
    assert "Table of Contents" not in found.text
    assert found.language == "en"
    assert found.published_on == date(2025, 4, 17)  # the footer says when it was last changed


def test_an_article_keeps_its_words_and_its_facts_but_not_what_stands_around_it() -> None:
    found = page("article.html", "https://news.example.org/2024/ferry.html")
    assert found.title == "Ferry returns to the northern route"
    assert found.author == "Ann Ridley"
    assert found.published_on == date(2024, 3, 8)
    assert "both of its engines were replaced. Passengers waited" in found.text
    assert ("What changes", 2) in headings(found)
    assert "Seal found" not in found.text
    assert "Copyright" not in found.text


def test_links_are_absolute_and_follow_the_base_address() -> None:
    found = page("article.html", "https://elsewhere.example.org/x.html")
    assert "https://news.example.org/2024/fares.html" in found.links
    assert "https://news.example.org/weather" in found.links
    assert all(link.startswith("https://") and "#" not in link for link in found.links)


def test_a_list_of_links_is_followed_but_not_kept() -> None:
    items = "".join(f'<li><a href="/{n}">The chapter number {n} of the long guide</a></li>' for n in range(40))
    found = extract(
        f"<html><body><main><h1>Contents</h1><ul>{items}</ul></main></body></html>".encode(),
        "text/html",
        "https://e.org/",
    )
    assert found.only_links
    assert found.text == ""
    assert len(found.links) == 40


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html><body><p>Smørrebrød – “naïve” café</p></body></html>".encode(), "text/html; charset=iso-8859-1"),
        (
            "<html><body><p>Smørrebrød – “naïve” café</p></body></html>".encode("cp1252"),
            "text/html; charset=iso-8859-1",
        ),
        (
            "<html><meta charset=windows-1252><body><p>Smørrebrød – “naïve” café</p></body></html>".encode("cp1252"),
            "text/html",
        ),
        ("<html><body><p>Smørrebrød – “naïve” café</p></body></html>".encode("utf-16"), "text/html"),
    ],
)
def test_charsets_are_found_out(body: bytes, content_type: str) -> None:
    assert "Smørrebrød – “naïve” café" in extract(body, content_type, "https://e.org/").text


def test_text_is_normalised_before_spans_are_computed() -> None:
    hidden = "ign\u200bore\u202e all\U000e0041 \u00adprevious"
    found = extract(f"# Cafe\u0301 {hidden}\r\n\r\n\r\n\r\n\r\nText\x01\x07 here  \n".encode(), "text/markdown", "a.md")
    assert found.text == "# Café ignore all previous\n\n\nText here"
    assert headings(found) == [("Café ignore all previous", 1)]
    assert normalised("می\u200cخواهم") == "می\u200cخواهم"  # where a script needs a joiner it stays


def test_markdown_is_kept_as_it_is_and_its_headings_are_found() -> None:
    text = "---\ntitle: x\n---\n# One\n\ntext\n\nTwo\n===\n\n```\n# not a heading\n```\n\n## Three ##\n\nend https://e.org/a."
    found = extract(text.encode(), "text/markdown", "file:notes/read.md")
    assert headings(found) == [("One", 1), ("Two", 1), ("Three", 2)]
    assert found.title == "One"
    assert found.text.startswith("# One")
    assert found.links == ["https://e.org/a"]


def test_restructured_text_has_the_levels_in_which_its_signs_appear() -> None:
    text = "=====\nTitle\n=====\n\nIntro.\n\nPart\n----\n\nText.\n\nDetail\n~~~~~~\n\nMore.\n\nOther part\n----------\n"
    found = extract(text.encode(), "text/x-rst", "file:notes/read.rst")
    assert headings(found) == [("Title", 1), ("Part", 2), ("Detail", 3), ("Other part", 2)]
    assert found.title == "Title"


def test_a_pdf_gives_its_text_page_by_page() -> None:
    found = extract(
        pdf(["The first page\nhas two lines.", "The second page."], "A manual"),
        "application/pdf",
        "https://e.org/m.pdf",
    )
    assert found.title == "A manual"
    assert found.text == "The first page\nhas two lines.\n\nThe second page."


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (pdf([""]), "application/pdf", "scanned"),
        (b"%PDF-1.7 nothing else", "application/pdf", "broken"),
        (b"hello", "application/pdf", "broken"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "image/png", "type"),
        (b"PK\x03\x04\x00\x00", "application/zip", "broken"),
    ],
)
def test_what_has_no_text_says_why(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(Unreadable) as failure:
        extract(body, content_type, "https://e.org/x")
    assert failure.value.reason == reason


@pytest.mark.parametrize("body", [b"<html></html>", b"<html><body><script>x()</script></body></html>"])
def test_a_page_without_text_is_empty_but_no_error(body: bytes) -> None:
    assert extract(body, "text/html", "https://e.org/").text == ""


async def test_the_sandbox_gives_what_the_extractor_gives() -> None:
    body = (PAGES / "article.html").read_bytes()
    here = measured(extract(body, "text/html", "https://e.org/"), "https://e.org/")
    assert await sandbox.extracted(body, "text/html", "https://e.org/") == here
    assert here.measures is not None


async def test_the_sandbox_passes_on_why_there_is_no_text() -> None:
    with pytest.raises(Unreadable) as failure:
        await sandbox.extracted(pdf([""]), "application/pdf", "https://e.org/")
    assert failure.value.reason == "scanned"


async def test_a_page_that_kills_its_process_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_and_die(process: object, body: bytes, asked: dict[str, object]) -> dict[str, object]:
        if body == b"deadly":
            os.kill(process.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        return ask(process, body, asked)  # type: ignore[arg-type]

    ask = sandbox._ask
    monkeypatch.setattr(sandbox, "_ask", ask_and_die)
    with pytest.raises(Crashed) as failure:
        await sandbox.extracted(b"deadly", "text/plain", "https://e.org/")
    assert failure.value.reason == "crash"
    assert (await sandbox.extracted(b"harmless", "text/plain", "https://e.org/")).text == "harmless"


async def test_nothing_secret_is_in_the_environment_of_the_reading_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_KEY", "secret")
    process = sandbox._start()
    try:
        environment = Path(f"/proc/{process.pid}/environ")
        while b"LC_ALL" not in environment.read_bytes():  # until exec has happened
            time.sleep(0.01)
        assert b"secret" not in environment.read_bytes()
    finally:
        sandbox._end(process)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child's memory is not counted from its parent's on")
def test_a_large_worker_does_not_make_its_readers_end_after_each_page() -> None:
    held = b"\1" * (reader.GROWN + 50_000) * 1024  # as a model in memory would be
    process = sandbox._start()
    try:
        answer = sandbox._ask(process, b"a page", {"content_type": "text/plain", "url": "https://e.org/", "length": 6})
        assert (answer["text"], answer["last"]) == ("a page", False)
        assert held
    finally:
        sandbox._end(process)


def test_the_reading_process_ends_with_its_input() -> None:
    process = sandbox._start()
    sandbox._readers.discard(process)
    process.communicate()
    assert process.returncode == 0


def test_a_page_may_not_take_more_than_its_time() -> None:
    """A reader whose extractor never returns is ended by the kernel."""
    endless = "import sys; from search_index.extract import reader; reader.CPU_SECONDS = 0.1\n"
    endless += "reader.extract = lambda *page: [None for _ in iter(int, 1)]\nreader.main()"
    asked = json.dumps({"content_type": "", "url": "", "length": 1}).encode() + b"\nx"
    ended = subprocess.run(
        [sys.executable, "-c", endless], input=asked, capture_output=True, cwd=PAGES.parent.parent, check=False
    )
    assert ended.returncode == -signal.SIGPROF


@pytest.mark.slow
def test_real_articles_are_extracted_as_well_as_the_parts_promise() -> None:
    """181 news pages with their true text; they lie outside the repository, EVAL_DIR names their folder."""
    folder = Path(os.environ.get("EVAL_DIR", "nowhere"), "article-extraction")
    if not folder.exists():
        pytest.skip("EVAL_DIR names no folder with the articles")
    truth = json.loads((folder / "ground-truth.json").read_text())
    precision = recall = 0.0
    for number, article in truth.items():
        gold = shingles(article["articleBody"])
        found = shingles(
            extract(
                gzip.decompress((folder / "html" / f"{number}.html.gz").read_bytes()), "text/html", article["url"]
            ).text
        )
        both = sum((gold & found).values())
        precision += both / (sum(found.values()) or 1) / len(truth)
        recall += both / (sum(gold.values()) or 1) / len(truth)
    assert 2 * precision * recall / (precision + recall) >= 0.955


def shingles(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    return Counter(zip(words, words[1:], words[2:], words[3:], strict=False))


def test_what_a_page_says_it_is_is_told_by_kinds() -> None:
    page = """<html id="XF"><head><title>Storm</title><meta property="og:type" content="Article">
    <meta name="Generator" content="WordPress  6.5"><script type="application/ld+json">
    {"@context": "https://schema.org", "@graph": [{"@type": ["NewsArticle", "Article"], "author": {"@type": "Person"}}]}
    </script><script type="application/ld+json">{broken</script></head><body>
    <div itemscope itemtype="https://schema.org/Product"><span itemprop="offers" itemtype="https://schema.org/Offer">
    </span></div><p>The harbour was closed.</p></body></html>"""
    found = extract(page.encode(), "text/html; charset=utf-8", "https://a.example/").kinds
    assert found == [
        "og:article",
        "generator:WordPress 6.5",
        "generator:XenForo",
        "schema:NewsArticle",
        "schema:Article",
        "schema:Product",
    ]
