"""A plan that is reviewed and changed by its person, the picture of a trail, and a run that is stepped through."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from tests.fakes.rows import make_evidence, make_gap, make_run, make_snapshot, make_step

QUESTIONS = ["Who made it?", "What was paid to #1?", "Who tried it?"]


@pytest.fixture
def review(owner):
    run = make_run(owner, state="review", started_at=timezone.now(), paused_at=timezone.now(), review_plan=True)
    gaps = [{"number": number, "question": question} for number, question in enumerate(QUESTIONS, 1)]
    for gap in gaps:
        make_gap(run, **gap, place=gap["number"])
    make_step(run, "plan", {"gaps": gaps})
    return run


@pytest.fixture
def done(owner):
    now = timezone.now()
    run = make_run(owner, question="A question", state="done", started_at=now, finished_at=now)
    evidence = make_evidence(make_gap(run, state="closed", outcome="The Board."), make_snapshot())
    about = {"snapshot": evidence.exhibit.snapshot, "title": "On sea clocks", "url": "https://clocks.example/harrison"}
    hits = [{**about, "start": 0, "end": 1, "source": "Clocks"}]
    make_step(run, "plan", {"gaps": [{"number": 1, "question": "Who paid?"}]})
    make_step(run, "search", {"gap": 1, "query": "who paid", "hits": hits})
    make_step(run, "note", {"gap": 1, "evidence": [1], "kept": [{"number": 1, "quote": evidence.quote, **about}]})
    make_step(run, "search", {"gap": 1, "query": "nothing of use", "hits": []})
    answer = {"gap": 1, "attempt": 0, "question": "Who paid?", "refused": "", "kind": "answer", "outcome": "The Board."}
    make_step(run, "act", answer)
    return run


def plan(run):
    return [(gap.number, gap.question, gap.state) for gap in run.gaps.all()]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_plan_is_reworded_ordered_dropped_added_to_and_started(new_page, owner, review, scripts):
    page = new_page(owner, java_script_enabled=scripts)
    page.goto(reverse("run", args=[review.pk]))
    page.get_by_label("Sub-question 3", exact=True).fill("Who tried it at sea?")
    page.get_by_label("A further sub-question").fill("What did it weigh?")
    page.get_by_role("button", name="Move sub-question 3 up").press("Enter")
    expect(page.locator("#text-4")).to_have_value("What did it weigh?")
    assert [number for number, _text, _state in plan(review)] == [3, 1, 2, 4]
    page.get_by_role("button", name="Drop sub-question 2").click()
    page.get_by_role("button", name="Put back sub-question 2").click()
    page.get_by_role("button", name="Drop sub-question 4").click()
    expect(page.get_by_role("button", name="Put back sub-question 4")).to_be_visible()
    page.get_by_label("Sub-question 1", exact=True).fill("Who built it?")
    page.get_by_role("button", name="Start the hunt").click()
    expect(page.locator(".state")).to_have_text("waiting")
    assert plan(review) == [
        (3, "Who tried it at sea?", "open"),
        (1, "Who built it?", "open"),
        (2, QUESTIONS[1], "open"),
        (4, "What did it weigh?", "dropped"),
    ]


def test_the_focus_stays_on_the_button_that_moves(new_page, owner, review):
    page = new_page(owner)
    page.goto(reverse("run", args=[review.pk]))
    page.get_by_role("button", name="Move sub-question 3 up").press("Enter")
    expect(page.locator(".tree > .branch").first).to_have_id("plan-3")
    expect(page.locator("#up-3")).to_be_focused()


def test_what_was_typed_outlives_a_refusal(new_page, owner, review):
    page = new_page(owner)
    page.goto(reverse("run", args=[review.pk]))
    page.get_by_label("Sub-question 1", exact=True).fill("Who built it?")
    page.get_by_label("Sub-question 2", exact=True).fill(" ")
    page.get_by_role("button", name="Save the changes").click()
    expect(page.get_by_role("alert")).to_have_text("Write the sub-question first.")
    expect(page.get_by_label("Sub-question 1", exact=True)).to_have_value("Who built it?")
    assert [text for _number, text, _state in plan(review)] == QUESTIONS


def test_a_plan_that_another_tab_changes_follows(new_page, owner, review):
    here, there = new_page(owner), new_page(owner)
    for page in (here, there):
        page.goto(reverse("run", args=[review.pk]))
    here.get_by_role("button", name="Drop sub-question 3").click()
    expect(there.get_by_role("button", name="Put back sub-question 3")).to_be_visible()
    here.get_by_role("button", name="Start the hunt").click()
    expect(there.get_by_role("button", name="Start the hunt")).to_have_count(0)
    expect(there.locator(".state")).to_have_text("waiting")


def test_what_is_typed_meets_what_another_tab_saved(new_page, owner, review):
    here, there = new_page(owner), new_page(owner)
    for page in (here, there):
        page.goto(reverse("run", args=[review.pk]))
    here.get_by_label("Sub-question 1", exact=True).fill("My words?")
    here.get_by_label("Sub-question 2", exact=True).focus()  # the field is left, and not sent yet
    there.get_by_label("Sub-question 1", exact=True).fill("Theirs?")
    there.get_by_label("Done when (sub-question 2)").fill("a sum")
    there.get_by_role("button", name="Save the changes").click()
    expect(here.get_by_label("Done when (sub-question 2)")).to_have_value("a sum")
    expect(here.get_by_label("Sub-question 1", exact=True)).to_have_value("My words?")
    here.get_by_role("button", name="Save the changes").click()
    expect(here.get_by_role("alert")).to_contain_text("Sub-question 1 was changed meanwhile.")
    expect(here.locator("#wording-1")).to_contain_text("The plan says: Theirs?")
    assert review.gaps.get(number=1).question == "Theirs?"
    expect(here.get_by_label("Sub-question 1", exact=True)).to_have_value("My words?")
    here.get_by_role("button", name="Save the changes").click()
    expect(here.get_by_role("alert")).to_have_count(0)
    expect(there.get_by_label("Sub-question 1", exact=True)).to_have_value("My words?")
    assert review.gaps.get(number=1).question == "My words?"


def test_the_earlier_steps_of_a_long_run_load_in_their_place(new_page, owner, done):
    for number in range(100):
        make_step(done, "search", {"gap": 1, "query": f"query {number}", "hits": []})
    page = new_page(owner)
    page.goto(reverse("run", args=[done.pk]))
    steps = page.locator("#trail-1 > .step")
    expect(steps).to_have_count(80)
    page.get_by_role("link", name="24 steps before these").click()
    expect(steps).to_have_count(104)
    expect(steps.first).to_contain_text("who paid")
    expect(page.locator("#earlier-1")).to_have_count(0)
    page.reload()
    page.locator(".node.search").first.click()  # its step is not listed: the page that lists all of them
    page.wait_for_url("**?steps=all#step-2")
    expect(steps).to_have_count(104)
    page.locator(".node.search").nth(2).click()
    page.wait_for_url("**?steps=all#step-6")


def test_a_node_of_the_trail_marks_its_path(new_page, owner, done):
    page = new_page(owner)
    page.goto(reverse("run", args=[done.pk]))
    page.locator(".node.page").focus()
    marked = page.locator(".node.on")
    assert [one.split("\n")[0] for one in marked.all_inner_texts()] == ["who paid", "On sea clocks", "E1"]
    expect(page.locator(".lines path.on")).to_have_count(2)
    page.locator(".node.search", has_text="nothing of use").focus()
    expect(page.locator(".lines path.on")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#picture")).not_to_be_visible()
    expect(page.locator("#trail-1")).to_contain_text("nothing of use")


def test_a_run_is_stepped_through_by_button_key_slider_and_by_itself(new_page, owner, done):
    page = new_page(owner)
    page.clock.install()
    page.goto(reverse("replay", args=[done.pk]))
    expect(page.locator("#just-now")).to_have_text("Planned 1 sub-question")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#just-now")).to_contain_text("Searched “who paid”")
    expect(page).to_have_url(re.compile(r"\?step=2$"))
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#just-now")).to_contain_text("Kept 1 piece of evidence")
    expect(page.locator(".step.new")).to_contain_text("The Board paid him")
    expect(page.locator("#plan-1")).to_contain_text("open")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#just-now")).to_contain_text("Searched “who paid”")
    page.get_by_role("slider").fill("5")
    expect(page.locator("#plan-1")).to_contain_text("answered")
    page.get_by_role("slider").fill("3")
    expect(page.locator("#just-now")).to_contain_text("Kept 1")
    page.get_by_role("button", name="Play").click()
    for told in ("nothing of use", "Answered: The Board."):
        page.clock.run_for(1_500)
        expect(page.locator("#just-now")).to_contain_text(told)
    page.clock.run_for(1_500)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.reload()
    expect(page.locator("#just-now")).to_contain_text("Answered: The Board.")


def test_a_run_is_stepped_through_without_javascript(new_page, owner, done):
    page = new_page(owner, java_script_enabled=False)
    page.goto(reverse("replay", args=[done.pk]) + "?step=4")
    expect(page.get_by_role("button", name="Play")).to_have_count(0)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#just-now")).to_contain_text("Answered: The Board.")
    page.get_by_role("link", name="Previous").click()
    expect(page.locator("#just-now")).to_contain_text("nothing of use")
