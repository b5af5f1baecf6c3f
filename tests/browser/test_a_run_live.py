"""A run as a person watches it: steps and text arrive, a reload in the middle shows the same, the report takes over."""

import json
import re

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect
from redis import Redis

from research.live import channel
from research.models import Run
from tests.fakes.rows import make_browsed, make_claim, make_evidence, make_gap, make_run, make_snapshot, make_step


@pytest.fixture
def run(owner):
    return make_run(owner, state="running", started_at=timezone.now())


@pytest.fixture
def say(run):
    with Redis.from_url(settings.REDIS_URL) as broker:
        yield lambda **message: broker.publish(channel(run.pk), json.dumps(message))


@pytest.fixture
def step(run, say):
    def commit(kind, result, **fields):
        made = make_step(run, kind, result, **fields)
        say(seq=made.seq)

    return commit


def say_until(is_shown, page, say, **message):
    """Says it until the page shows it: what the broker tells before the page listens is heard by nobody."""
    for _time in range(100):
        say(**message)
        if is_shown():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"The page never showed {message}")


def finish(run, evidence):
    report = run.reports.create(answer="Harrison")
    make_claim(report, "The Board paid Harrison.", evidence)
    Run.objects.filter(pk=run.pk).update(state="done", activity="", finished_at=timezone.now())
    make_step(run, "end", {"state": "done", "error": ""})


def test_a_run_is_watched_from_its_plan_to_its_report(new_page, owner, run, say, step):
    page = new_page(owner)
    page.goto(reverse("run", args=[run.pk]))
    expect(page.get_by_text("The plan comes first")).to_be_visible()

    gap = make_gap(run, question="Who paid for it?")
    step("plan", {"gaps": [{"number": 1, "question": gap.question}]})
    expect(page.locator("#plan-1")).to_contain_text("Who paid for it?")
    expect(page.get_by_text("The plan comes first")).to_have_count(0)

    evidence = make_evidence(gap, make_snapshot())
    step("search", {"gap": 1, "query": "sea clock <b>money</b>", "hits": []})
    step("note", {"gap": 1, "evidence": [1]})
    expect(page.locator("#trail-1")).to_contain_text("sea clock <b>money</b>")
    expect(page.locator("#trail-1")).to_contain_text("The Board paid him £10,000 in 1765.")

    run.gaps.update(state="closed")
    step("act", {"gap": 1, "kind": "answer", "outcome": "The Board."})
    expect(page.locator("#gap-1-head")).to_contain_text("answered")

    step("outline", {"sections": [{"heading": "Money", "evidence": [1]}]})
    expect(page.get_by_role("heading", name="Money")).to_be_visible()
    drafted = page.locator("#draft")
    say_until(lambda: "The Board" in drafted.inner_text(), page, say, section="Money", delta="The Board")
    say(section="Money", delta=" paid <i>him</i>")
    expect(drafted).to_contain_text("The Board paid <i>him</i>")

    trail = page.locator("#trail-1").inner_text()
    page.reload()
    assert page.locator("#trail-1").inner_text() == trail
    step("draft", {"section": "Money", "sentences": [{"text": "The Board paid Harrison.", "evidence": [1]}]})
    expect(page.locator("#draft .claim")).to_have_text("The Board paid Harrison.")

    finish(run, evidence)
    expect(page.locator("#report .answer")).to_contain_text("Harrison")
    expect(page.get_by_role("status").filter(has_text="The report is ready.")).to_be_visible()
    expect(page.locator("#draft")).to_have_count(0)
    expect(page.get_by_role("link", name="The report’s own page")).to_be_visible()
    assert page.locator("#trail-1").inner_text() == trail


def test_a_run_can_be_stopped_while_it_streams(new_page, owner, run, step):
    page = new_page(owner)
    page.goto(reverse("run", args=[run.pk]))
    make_gap(run)
    step("plan", {"gaps": [{"number": 1, "question": "?"}]})
    expect(page.locator("#plan-1")).to_be_visible()  # the buttons have come with the stream by now
    page.get_by_role("button", name="Answer now").click()
    expect(page.get_by_text("answering with what it has")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".state")).to_have_text("stopping")
    run.refresh_from_db()
    assert run.answer_now
    assert run.stop_requested


def test_what_is_being_typed_and_what_is_unfolded_stays_while_the_plan_moves(new_page, owner, run, step):
    make_gap(run, question="Who paid for it?")
    step("plan", {"gaps": [{"number": 1, "question": "Who paid for it?"}]})
    page = new_page(owner)
    page.goto(reverse("run", args=[run.pk]))
    page.locator("#edit-1 summary").click()
    page.locator("#text-1").fill("Who paid for the clock?")
    page.get_by_text("Add a sub-question").click()
    page.locator("#new").fill("And who tried it?")
    make_gap(run, 2, question="When was it paid?", place=2)
    step("revise", {"round": 1, "gaps": [{"number": 2, "question": "When was it paid?"}]})
    expect(page.locator("#plan-2")).to_contain_text("When was it paid?")
    expect(page.locator("#text-1")).to_have_value("Who paid for the clock?")
    expect(page.locator("#text-1")).to_be_visible()
    expect(page.locator("#new")).to_have_value("And who tried it?")
    page.locator("#add-button").click()
    expect(page.locator("#plan-3")).to_contain_text("And who tried it?")
    expect(page.locator("#new")).to_have_value("")
    page.locator("#text-1").press("Enter")
    expect(page.locator("#plan-1 .gap-text")).to_contain_text("Who paid for the clock?")
    assert run.gaps.get(number=1).question == "Who paid for the clock?"


def test_what_the_model_thinks_is_in_a_fold_until_its_step_is_there(new_page, owner, run, say, step):
    page = new_page(owner)
    page.goto(reverse("run", args=[run.pk]))
    expect(page.get_by_role("button", name="Answer now")).to_be_visible()
    fold = page.locator("#thoughts")
    expect(fold).not_to_be_visible()
    expect(page.locator("#plan")).to_be_visible()
    say_until(fold.is_visible, page, say, of="1", thinking="The <b>Board</b> may have paid. ")
    fold.locator("summary").click()
    expect(page.locator("#thinking")).to_contain_text("The <b>Board</b> may have paid.")
    make_gap(run)
    step("plan", {"gaps": [{"number": 1, "question": "?"}]})
    expect(fold).not_to_be_visible()


def test_the_page_says_for_how_long_it_has_waited(new_page, owner, run, say):
    page = new_page(owner)
    page.goto(reverse("run", args=[run.pk]))
    expect(page.locator("#wire")).to_be_attached()
    page.clock.install()
    page.reload()
    page.clock.run_for(30_000)  # the clock goes on by itself as well
    expect(page.locator("#since")).to_have_text(re.compile(r"^3\d s$"))
    activity = page.locator("#activity")
    say_until(lambda: activity.inner_text() == "Reading on", page, say, activity="Reading on")
    page.clock.run_for(5_000)
    expect(page.locator("#since")).to_have_text(re.compile(r"^\d s$"))


def test_a_run_is_read_without_javascript(new_page, owner, run, step):
    page = new_page(owner, java_script_enabled=False)
    make_gap(run, question="Who paid for it?")
    page.goto(reverse("run", args=[run.pk]))
    expect(page.locator("#gap-1")).to_contain_text("Who paid for it?")
    step("search", {"gap": 1, "query": "money", "hits": []})
    page.get_by_role("link", name="Load it again").click()
    expect(page.locator("#trail-1")).to_contain_text("money")


def test_the_browser_of_a_run_is_watched(new_page, owner, run, say):
    gap = make_gap(run)
    page = new_page(owner)
    page.goto(reverse("run", args=[run.pk]))
    figure = page.locator("#browser")
    expect(figure).to_be_hidden()
    say(seq=make_browsed(run, gap, did="clicked the link “Next page”").seq)
    expect(figure).to_contain_text("clicked the link “Next page”")
    expect(figure).to_contain_text("timekeepers.example/list?page=2")
    assert figure.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    say(seq=make_browsed(run, gap, refused="It would log in or register.").seq)
    expect(figure).to_contain_text("It would log in or register.")
    figure.get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/shot")
