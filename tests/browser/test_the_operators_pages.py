"""The operator's pages in a real browser: no violation that axe finds, nothing to scroll sideways for, in light and
dark, wide and at 390 px; uploads by script, by dropping, and without a script; the blocklist by keyboard."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from search_index.models import Crawl, Host, Passage, Source
from tests.fakes.filled import depart, filled

# Django's own admin has these on every one of its pages; they are not ours to change.
DJANGOS_OWN = {"label-title-only"}


@pytest.fixture
def index(owner):
    return filled()


def addresses(index):
    def of(name, *more):
        return reverse(f"admin:search_index_{name}", args=more)

    return {
        "home": "/admin/",
        "sources": of("source_changelist"),
        "source-add": of("source_add"),
        "source": of("source_change", index.docs.pk),
        "reindex": of("source_reindex", index.docs.pk),
        "delete": of("source_delete", index.docs.pk),
        "pages": of("page_changelist"),
        "page": of("page_change", index.refused.pk),
        "hosts": of("host_changelist"),
        "host": of("host_change", Host.objects.get(name="spam.example").pk),
        "why": reverse("index:why") + "?url=https://docs.example/guide",
        "why-not": reverse("index:why") + "?url=https://docs.example/never",
        "search": reverse("index:search") + "?q=jobs+in+rows",
        "copies": reverse("index:copies"),
        "refused": reverse("index:refused"),
        "blocklist": reverse("index:blocklist"),
        "blocklist-means": reverse("index:blocklist") + "?host=docs.example&host=spam.example",
        "uploads": reverse("index:uploads"),
        "exchange": reverse("index:exchange"),
        "egress": reverse("index:egress"),
        "egress-none": reverse("index:egress") + "?host=nowhere.example",
        "statistics": reverse("index:statistics"),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_of_the_index_can_be_used_by_everybody(new_page, owner, index, scheme, width):
    now = timezone.now()
    Crawl.objects.create(source=index.docs, state="running", started_at=now - timedelta(minutes=2), fetched=18,
                         lease_until=now + timedelta(hours=1), seconds={"fetch": 8.1, "embed": 60.2})  # fmt: skip
    long = f"{'a-very-long-name-' * 8}.example"
    depart(whose=f"source-{index.docs.pk}")
    depart(whose=f"run-{uuid4()}.sealed", host=long, verdict="sealed")
    depart(host=long, address="64:ff9b:1:2222:3333:4444:5555:a9fe", verdict="address")
    page = new_page(owner, width=width, color_scheme=scheme, reduced_motion="reduce")
    found = []
    for name, address in addresses(index).items():
        page.goto(address)
        page.evaluate("for (const details of document.querySelectorAll('main details')) details.open = true")
        for violation in Axe().run(page, options={"preload": False}).response["violations"]:
            if violation["id"] in DJANGOS_OWN:
                continue
            nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:4])
            found.append(f"{name}: {violation['id']}: {nodes}")
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name}: wider than the window")
    assert found == []


def test_a_host_is_blocked_and_opened_again_by_keyboard(new_page, owner, index):
    page = new_page(owner)
    page.goto(reverse("index:blocklist"))
    page.get_by_label("Hosts or addresses, one a line").focus()
    page.keyboard.type("https://mirror.example/guide")
    page.keyboard.press("Tab")
    page.keyboard.type("Copies us.")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Pages that leave the search at once: 1, with 2 passages.")).to_be_visible()
    page.get_by_role("button", name="Block this host").press("Enter")
    expect(page.get_by_text("Just blocked: mirror.example.")).to_be_visible()
    assert not Passage.objects.filter(host="mirror.example").exists()
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_text("1 host is open again; 1 page waits to be read.")).to_be_visible()


@pytest.fixture
def kept(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path / "uploads"


def make_files(folder: Path) -> list[Path]:
    for name, text in (("a.md", "# A\n\ntext"), ("b.txt", "text"), ("virus.exe", "MZ"), ("empty.md", "")):
        (folder / name).write_text(text)
    return sorted(path for path in folder.iterdir() if path.is_file())


def test_files_are_sent_one_by_one_and_each_has_its_answer(new_page, owner, kept, tmp_path):
    page = new_page(owner)
    page.goto(reverse("index:uploads"))
    page.get_by_label("Into the source").fill("Papers")
    page.get_by_label("Documents").set_input_files(make_files(tmp_path))
    page.get_by_role("button", name="Upload").click()
    lines = page.locator("[data-sent] li")
    expect(lines).to_have_count(4)
    expect(lines.filter(has_text="virus.exe")).to_contain_text("Documents of this type cannot be read.")
    expect(lines.filter(has_text="empty.md")).to_contain_text("It is empty.")
    expect(lines.filter(has_text="taken").filter(has_not_text="not taken")).to_have_count(2)
    assert Source.objects.get(name="Papers").crawls.count() == 1


def test_files_are_dropped(new_page, owner, kept):
    page = new_page(owner)
    page.goto(reverse("index:uploads"))
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["# Dropped\\n\\ntext"], "dropped.md", {type: "text/markdown"}));
        for (const kind of ["dragenter", "dragover", "drop"])
            document.querySelector("[data-drop]").dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
    }""")  # noqa: E501
    expect(page.locator("[data-sent] li")).to_contain_text("dropped.md")
    expect(page.locator("[data-sent] li")).to_contain_text("taken")
    assert Source.objects.get().location.startswith(str(kept))


def test_uploading_needs_no_script(new_page, owner, kept, tmp_path):
    page = new_page(owner, java_script_enabled=False)
    page.goto(reverse("index:uploads"))
    page.get_by_label("Documents").set_input_files(make_files(tmp_path))
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("[data-sent] li")).to_have_count(4)
    expect(page.get_by_text("Documents of this type cannot be read.")).to_be_visible()


def test_keeping_fresh_is_one_click_in_the_list(new_page, owner, index):
    page = new_page(owner)
    page.goto(reverse("admin:search_index_source_changelist"))
    row = page.get_by_role("row").filter(has_text="Docs of the example project")
    row.get_by_role("button", name="Stop keeping fresh").click()
    expect(row.get_by_text("Only when it is told to.")).to_be_visible()
    row.get_by_role("button", name="Keep fresh").click()
    expect(row.get_by_text("learned from how often")).to_be_visible()
