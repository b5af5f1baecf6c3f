"""Every page, in light and dark, wide and at 390 px: no violation that axe finds, nothing to scroll sideways for, no
complaint on the console (new_page sees to that)."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from research.access import digest
from research.models import Share
from tests.fakes.rows import (
    HOSTILE,
    make_browsed,
    make_claim,
    make_evidence,
    make_gap,
    make_report,
    make_run,
    make_snapshot,
    make_step,
)


@pytest.fixture
def report(owner):
    text = "A heading\n" + "A line of the page. " * 40 + "\u200b\u202e" + HOSTILE + "\nUnbroken" + "x" * 300
    snapshot = make_snapshot(text, title="A title as long as titles get " * 4, headings=[[0, 9, 3]])
    run = make_run(owner, state="done", started_at=timezone.now(), finished_at=timezone.now())
    gap = make_gap(run, state="closed")
    make_step(run, "plan", {"gaps": [{"number": 1, "question": gap.question}]})
    make_evidence(gap, snapshot, "A line of the page.")
    make_step(run, "note", {"gap": 1, "evidence": [1]})
    report = run.reports.create(answer="A short answer", not_found=["A gap"])
    for verdict in ("supported", "partly", "quoted", "unsupported"):
        make_claim(report, f"A sentence that is {verdict}.", run.evidence.get(), verdict=verdict, reason="A reason")
    return report


@pytest.fixture
def under_way(owner):
    run = make_run(owner, state="running", activity="Reading", started_at=timezone.now(), reasoner="model")
    gap = make_gap(run)
    make_step(run, "plan", {"gaps": [{"number": 1, "question": gap.question}]})
    make_step(run, "search", {"gap": 1, "query": "q" * 200, "hits": []})
    make_browsed(run, gap, address="https://x.example/" + "y" * 300, did="clicked the link “" + "z" * 200 + "”")
    make_browsed(run, gap, refused="It would buy or order something.", pictured=False)
    make_step(run, "open", {}, key="gap/1", error="It did not answer.")
    make_step(run, "act", {"gap": 1, "kind": "answer", "outcome": "Found."}, cost={"thinking": ["Well."]})
    make_step(run, "outline", {"sections": [{"heading": "Part", "evidence": []}]})
    return run


@pytest.fixture
def planned(owner):
    run = make_run(owner, state="review", started_at=timezone.now(), paused_at=timezone.now(), review_plan=True)
    for number in range(1, 8):
        gap = make_gap(run, number, question=f"{'Long words ' * 9} #{number - 1}?", criterion="a name", place=number)
    make_step(run, "plan", {"gaps": [{"number": 1, "question": gap.question}]})
    run.gaps.filter(number=3).update(state="dropped")
    return run


@pytest.fixture
def addresses(report, under_way, planned, owner):
    token = "token-of-this-test"
    Share.objects.create(report=report, token_sha256=digest(token))
    run = report.run_id
    return [
        reverse("ask"),
        reverse("runs"),
        reverse("runs") + "?q=nowhere",
        reverse("run", args=[run]),
        reverse("run", args=[under_way.pk]),
        reverse("run", args=[planned.pk]),
        reverse("replay", args=[under_way.pk]) + "?step=4",
        reverse("replay", args=[run]) + "?step=2",
        reverse("ask") + f"?follows={run}",
        reverse("run", args=[make_run(owner).pk]),
        reverse("run", args=[make_run(owner, state="failed", error="Do this.").pk]),
        reverse("report", args=[run, 1]),
        reverse("evidence", args=[run, 1]),
        reverse("report-evidence", args=[run, 1, 1]),
        reverse("delete", args=[run]),
        reverse("search"),
        reverse("password"),
        reverse("shared", args=[token]),
        reverse("shared-evidence", args=[token, 1]),
        "/nowhere",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_can_be_used_by_everybody(new_page, owner, addresses, scheme, width):
    page = new_page(owner, width=width, color_scheme=scheme, reduced_motion="reduce")
    stranger = new_page(width=width, color_scheme=scheme, reduced_motion="reduce")
    found = []
    for visitor, address in [(stranger, "/sign-in"), *((page, address) for address in addresses)]:
        visitor.goto(address)
        visitor.evaluate("for (const fold of document.querySelectorAll('main details')) fold.open = true")
        for violation in Axe().run(visitor).response["violations"]:
            nodes = "; ".join(node["html"][:120] for node in violation["nodes"])
            found.append(f"{address}: {violation['id']}: {nodes}")
        if visitor.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{address}: wider than the window")
    assert found == []


def test_the_keyboard_skips_the_bar(new_page, owner):
    page = new_page(owner)
    page.goto("/runs")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_the_chosen_theme_is_remembered(new_page, owner):
    page = new_page(owner, color_scheme="light")
    page.goto("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto("/runs")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark != light


def test_hostile_text_runs_nothing(new_page, owner):
    hostile = make_snapshot(HOSTILE, title=HOSTILE)
    run = make_run(owner, question=HOSTILE, state="done")
    evidence = make_evidence(make_gap(run, question=HOSTILE), hostile, HOSTILE)
    report = run.reports.create(answer=HOSTILE, not_found=[HOSTILE])
    make_claim(report, HOSTILE, evidence, section=HOSTILE)
    page = new_page(owner)
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for address in (reverse("report", args=[run.pk, 1]), reverse("run", args=[run.pk]), "/runs",
                    reverse("evidence", args=[run.pk, 1])):  # fmt: skip
        page.goto(address)
        assert page.locator("h1").first.is_visible()
    assert all(url.startswith(page.url.split("/runs")[0]) for url in asked)


def test_a_report_prints_without_the_sites_furniture(new_page, owner):
    page = new_page(owner)
    page.goto(reverse("report", args=[make_report(owner).run_id, 1]))
    page.emulate_media(media="print")
    assert page.get_by_text("The Board paid Harrison").is_visible()
    assert not page.get_by_role("navigation").is_visible()
    assert not page.get_by_role("button", name="Make a public link").is_visible()
