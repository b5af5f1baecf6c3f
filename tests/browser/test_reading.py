"""Reading a report: its citations, its public link, and asking in the first place."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from research.models import Run
from search_index.models import Source
from tests.fakes.rows import QUOTE, TEXT, make_claim, make_evidence, make_report, make_snapshot


@pytest.fixture
def report(owner):
    return make_report(owner, make_snapshot("A line before.\n" * 200 + TEXT + "\nA line after." * 200))


def test_a_citation_shows_its_quote_and_opens_the_stored_page_at_the_passage(new_page, owner, report):
    page = new_page(owner)
    page.goto(reverse("report", args=[report.run_id, 1]))
    citation = page.locator(".claim a.cite")
    quote = page.get_by_role("tooltip")
    expect(quote).to_be_hidden()
    citation.hover()
    expect(quote).to_contain_text(QUOTE)
    page.keyboard.press("Escape")
    expect(quote).to_be_hidden()
    citation.click()
    passage = page.locator("#passage")
    expect(passage).to_have_text(QUOTE)
    expect(passage).to_be_in_viewport()


def test_the_next_passage_is_a_step_away_and_so_is_the_sentence_that_rests_on_it(new_page, owner, report):
    other = make_snapshot("Another page.\n" * 200 + TEXT, url="https://other.example/")
    make_claim(report, "The next sentence.", make_evidence(report.run.gaps.get(), other, number=2))
    page = new_page(owner, width=390)
    page.goto(reverse("report", args=[report.run_id, 1]))
    page.locator(".claim a.cite").first.click()
    page.get_by_role("link", name="Next passage: 2").click()
    expect(page.locator("h1")).to_have_text("On sea clocks")
    expect(page.locator("#passage")).to_be_in_viewport()
    expect(page.get_by_text("passage 2 of 2")).to_be_in_viewport()
    page.get_by_role("link", name="The next sentence.").click()
    expect(page.locator("#claim-3")).to_be_in_viewport()


def test_the_live_page_is_opened_in_a_new_tab_at_the_passage(new_page, owner, site):
    lines = "".join(f"<p>Line {number} of the page.</p>" for number in range(300))
    site.pages["/long.html"] = f"<title>Long</title><main>{lines}<p id=it>{QUOTE}</p>{lines}</main>"
    page = new_page(owner)
    report = make_report(owner, make_snapshot(url=f"{site.url}/long.html"))
    page.goto(reverse("report-evidence", args=[report.run_id, 1, 1]))
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="/long.html").click()
    live = opened.value
    expect(live.locator("#it")).to_be_in_viewport()
    assert live.evaluate("scrollY") > 1_000
    assert live.evaluate("opener") is None


def test_the_quote_of_a_citation_fits_a_telephone(new_page, owner, report):
    page = new_page(owner, width=390)
    page.goto(reverse("report", args=[report.run_id, 1]))
    page.locator(".claim a.cite").focus()
    page.keyboard.press("Shift")  # focus that is seen
    box = page.get_by_role("tooltip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_a_report_is_shared_read_signed_out_and_revoked(new_page, owner, report):
    page = new_page(owner)
    page.goto(reverse("report", args=[report.run_id, 1]))
    page.get_by_role("button", name="Make a public link").click()
    link = page.get_by_label("The link, shown this once").input_value()
    stranger = new_page()
    stranger.goto(link)
    expect(stranger.get_by_text("The Board paid Harrison £10,000.")).to_be_visible()
    expect(stranger.get_by_role("navigation")).to_have_count(0)
    stranger.locator(".claim a.cite").click()
    expect(stranger.locator("#passage")).to_have_text(QUOTE)
    page.get_by_role("button", name="Revoke the link").click()
    expect(page.get_by_role("status")).to_contain_text("The link is revoked.")
    stranger.goto(link)
    expect(stranger.get_by_role("heading", name="This link is revoked")).to_be_visible()


def test_the_link_is_copied(new_page, owner, report):
    page = new_page(owner, permissions=["clipboard-read", "clipboard-write"])
    page.goto(reverse("report", args=[report.run_id, 1]))
    page.get_by_role("button", name="Make a public link").click()
    link = page.get_by_label("The link, shown this once").input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link


def test_enter_asks_once_and_shift_enter_makes_a_line(new_page, owner):
    Source.objects.create(name="Clocks", kind="site", location="https://clocks.example/")
    page = new_page(owner)
    page.goto("/")
    field = page.get_by_label("What do you want to know?")
    expect(field).to_be_focused()
    field.press_sequentially("Who made")
    field.press("Shift+Enter")
    field.press_sequentially("the first sea clock?")
    field.press("Enter")
    expect(page.locator("h1")).to_have_text("Who made the first sea clock?")
    assert Run.objects.get().question.split() == ["Who", "made", "the", "first", "sea", "clock?"]
