"""What a person wishes of a run, through the pages: each wish, what refuses it, and that nothing typed is lost."""

import pytest
from django.urls import reverse
from django.utils import timezone

from research.models import Run, Step
from tests.fakes.rows import HOSTILE, make_gap, make_report, make_run, make_step

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def run(owner):
    run = make_run(owner, state="review", paused_at=timezone.now(), started_at=timezone.now())
    for number, question in enumerate(("Who made it?", "What was paid to #1?", "Who tried it?"), 1):
        make_gap(run, number, question=question, criterion=f"criterion {number}", place=number)
    return run


def send(client, run, name, headers=None, **form):
    return client.post(reverse(name, args=[run.pk]), form, headers=headers)


def typed(**changes):
    """The form of the plan as the page sends it."""
    return {"text-1": "Who made it?", "text-2": "What was paid to #1?", "text-3": "Who tried it?", **changes}


def plan(run):
    return [(gap.number, gap.question, gap.state) for gap in run.gaps.all()]


def wishes(run):
    return [step.result["wish"] for step in Step.objects.filter(run=run, kind="wish").order_by("seq")]


def test_a_plan_to_review_is_a_form_that_says_when_each_is_done(owner_client, run):
    page = owner_client.get(reverse("run", args=[run.pk])).content.decode()
    for shown in ("Start the hunt", "The plan waits for you.", "What was paid to #1?</textarea>", "criterion 2"):
        assert shown in page
    assert "Answer now" not in page


def test_starting_the_hunt_keeps_what_was_typed(owner_client, run):
    answer = send(owner_client, run, "approve", **typed(**{"text-3": "Who  tried\nit at Greenwich?", "new": "And?"}))
    assert answer.headers["Location"] == reverse("run", args=[run.pk])
    run.refresh_from_db()
    assert run.state == Run.State.QUEUED
    assert [text for _number, text, _state in plan(run)] == [
        "Who made it?",
        "What was paid to #1?",
        "Who tried it at Greenwich?",
        "And?",
    ]
    assert wishes(run) == ["reword", "add", "approve"]


def test_what_is_not_changed_is_no_wish(owner_client, run):
    send(owner_client, run, "plan", **typed())
    assert wishes(run) == []


@pytest.mark.parametrize(
    ("do", "after", "wish"),
    [
        ("down-1", [3, 1, 2], "order"),
        ("up-3", [3, 1, 2], "order"),
        ("up-1", [1, 2, 3], "order"),
        ("drop-3", [1, 2, 3], "drop"),
        ("reopen-1", [1, 2, 3], "reopen"),
    ],
)
def test_a_button_moves_drops_or_puts_back_and_keeps_what_was_typed(owner_client, run, do, after, wish):
    run.gaps.filter(number=1).update(state="dropped")
    send(owner_client, run, "plan", **typed(**{"text-2": "And what was paid to #1?", "do": do}))
    assert [number for number, _text, _state in plan(run)] == after
    assert wishes(run) == ["reword", wish]
    states = {number: state for number, _text, state in plan(run)}
    assert states[3] == ("dropped" if do == "drop-3" else "open")
    assert states[1] == ("open" if do == "reopen-1" else "dropped")


def test_a_field_that_was_emptied_is_no_hindrance_to_dropping_it(owner_client, run):
    assert send(owner_client, run, "plan", **typed(**{"text-3": "", "do": "drop-3"})).status_code == 302
    assert plan(run)[2] == (3, "Who tried it?", "dropped")


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"text-2": "  "}, "Write the sub-question first."),
        ({"do": "add", "new": " "}, "Write the sub-question first."),
        ({"new": "x" * 2001}, "2001"),
        ({"do": "drop-9"}, "no sub-question 9"),
    ],
)
@pytest.mark.parametrize("headers", [None, HTMX])
def test_what_cannot_be_done_is_said_and_nothing_of_it_is_done_or_lost(owner_client, run, form, reason, headers):
    before = plan(run)
    answer = send(owner_client, run, "plan", headers, **typed(**{"text-1": f"Reworded {HOSTILE}", **form}))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert reason in page
    assert 'role="alert"' in page
    assert "Reworded &lt;script&gt;" in page
    assert form.get("new", "").strip() in page
    assert plan(run) == before
    assert wishes(run) == []


def test_with_javascript_the_plan_comes_back_in_place(owner_client, run):
    page = send(owner_client, run, "plan", HTMX, **typed(new="A further one?", criterion="a name")).content.decode()
    assert "<html" not in page
    assert page.index('hx-target="#plan"') < page.index("A further one?</textarea>") < page.index('hx-target="#add"')
    assert "a name</textarea>" in page


@pytest.mark.parametrize("state", ["review", "running", "done"])
def test_a_criterion_is_reworded_beside_its_sub_question(owner_client, run, state):
    run.state = state
    run.save()
    run.gaps.update(state="closed")
    page = owner_client.get(reverse("run", args=[run.pk])).content.decode()
    for field in ('name="criterion-2"', 'name="was-text-2" value="What was paid to #1?"', "criterion 2</textarea>"):
        assert field in page
    send(owner_client, run, "plan", **typed(**{"criterion-2": "a  sum of\nmoney", "was-criterion-2": "criterion 2"}))
    assert [(gap.criterion, gap.state) for gap in run.gaps.all()][:2] == [
        ("criterion 1", "closed"),
        ("a sum of money", "open"),
    ]
    assert wishes(run) == ["reword"]
    page = owner_client.get(reverse("run", args=[run.pk])).content.decode()
    assert "You reworded sub-question 2: What was paid to #1? Done when: a sum of money" in page


def stale():
    """The form of a tab that has not seen what another one reworded; it rewords sub-questions 2 and 3 itself."""
    seen = {f"was-{name}": text for name, text in typed().items()}
    return {**seen, **typed(**{"text-2": f"My words {HOSTILE}", "text-3": "Who tried it at sea?"})}


@pytest.mark.parametrize("headers", [None, HTMX])
def test_a_stale_tab_overwrites_nothing_and_loses_nothing(owner_client, run, headers):
    other = {"text-1": "Who built it?", "text-2": "How much was paid to #1?", "criterion-2": "a sum"}
    send(owner_client, run, "plan", **typed(**other))
    before = plan(run)
    answer = send(owner_client, run, "plan", headers, **stale())
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Sub-question 2 was changed meanwhile. What the plan says now" in page
    assert plan(run) == before
    for shown in (
        "Who built it?</textarea>",  # not what the tab was made with
        "My words &lt;script&gt;",
        "Who tried it at sea?</textarea>",
        "<q>How much was paid to #1?</q>",
        'name="was-text-2" value="How much was paid to #1?"',
    ):
        assert shown in page
    again = {f"was-{name}": text for name, text in typed(**other).items()}
    again |= {**stale(), **again, "text-1": "Who built it?", "criterion-2": "a sum"}
    assert send(owner_client, run, "plan", headers, **again).status_code in (200, 302)
    assert [text for _number, text, _state in plan(run)] == [
        "Who built it?",
        " ".join(f"My words {HOSTILE}".split()),
        "Who tried it at sea?",
    ]
    assert wishes(run) == ["reword"] * 4


def test_starting_the_hunt_from_a_stale_tab_asks_first(owner_client, run):
    send(owner_client, run, "plan", **typed(**{"text-2": "How much was paid to #1?"}))
    assert send(owner_client, run, "approve", **stale()).status_code == 422
    run.refresh_from_db()
    assert run.state == "review"


def test_a_stale_tab_that_says_the_same_or_changed_nothing_is_no_hindrance(owner_client, run):
    send(owner_client, run, "plan", **typed(**{"text-1": "Who built it?", "text-2": f"My words {HOSTILE}"}))
    assert send(owner_client, run, "plan", **stale()).status_code == 302
    assert plan(run)[0][1] == "Who built it?"
    assert wishes(run) == ["reword"] * 3


def test_a_remark_steers_a_run_under_way(owner_client, owner):
    run = make_run(owner, state="running", started_at=timezone.now())
    make_gap(run)
    assert send(owner_client, run, "remark", remark="Leave blogs aside.").status_code == 302
    page = owner_client.get(reverse("run", args=[run.pk])).content.decode()
    assert "You said: Leave blogs aside." in page
    assert "Leave books aside." in send(owner_client, run, "remark", HTMX, remark="Leave books aside.").content.decode()
    refused = send(owner_client, run, "remark", remark=" ")
    assert (refused.status_code, "Write your remark first." in refused.content.decode()) == (422, True)
    assert wishes(run) == ["remark", "remark"]


def test_a_run_that_is_over_says_what_going_on_may_spend_and_goes_on(owner_client, owner):
    run = make_report(owner).run
    run.gaps.update(state="given_up")
    page = owner_client.get(reverse("run", args=[run.pk])).content.decode()
    for shown in ("1 sub-question stayed without an answer", "up to 100 pages, 60 minutes", "Run it again", "follows="):
        assert shown in page
    refused = send(owner_client, run, "continue", effort="endless")
    assert (refused.status_code, "endless" in refused.content.decode()) == (422, True)
    assert send(owner_client, run, "continue", effort="high").status_code == 302
    run.refresh_from_db()
    assert (run.state, run.leg, run.effort, run.budget["pages"]) == ("queued", 2, "high", 130)
    assert wishes(run) == ["continue"]


@pytest.mark.parametrize(
    ("state", "fields", "says"),
    [
        ("stopped", {}, "can be continued from there"),
        ("failed", {"error": "Start the server."}, "Start the server."),
        ("done", {"answer_now": True}, "Answered early"),
    ],
)
def test_each_end_says_what_to_do(owner_client, owner, state, fields, says):
    run = make_run(owner, state=state, started_at=timezone.now(), finished_at=timezone.now(), **fields)
    page = owner_client.get(reverse("run", args=[run.pk])).content.decode()
    assert says in page
    assert reverse("continue", args=[run.pk]) in page


def test_a_failed_step_is_tried_again_once_it_is_asked_for(owner_client, owner):
    run = make_run(owner, state="done", finished_at=timezone.now(), started_at=timezone.now())
    make_gap(run)
    make_step(run, "open", {}, key="gap/1/turn/1/open", error="It did not answer.")
    page = owner_client.get(reverse("run", args=[run.pk])).content.decode()
    assert "Try again</button>" in page
    refused = send(owner_client, run, "retry", key="gap/1/turn/2/open")
    assert (refused.status_code, "did not fail" in refused.content.decode()) == (422, True)
    send(owner_client, run, "retry", key="gap/1/turn/1/open")
    run.refresh_from_db()
    assert (run.state, wishes(run)) == ("queued", ["retry", "continue"])
    assert "Try again</button>" not in owner_client.get(reverse("run", args=[run.pk])).content.decode()


def test_a_question_is_run_again_to_be_compared(owner_client, owner):
    run = make_report(owner).run
    answer = send(owner_client, run, "again")
    repetition = Run.objects.exclude(pk=run.pk).get()
    assert answer.headers["Location"] == reverse("run", args=[repetition.pk])
    assert (repetition.question, repetition.repeats) == (run.question, run)
    assert "Repeats" in owner_client.get(reverse("run", args=[repetition.pk])).content.decode()


@pytest.mark.parametrize("name", ["plan", "approve", "remark", "continue", "retry", "again"])
def test_wishes_are_the_owners_own_and_are_posted(owner_client, guest_client, run, name):
    assert send(guest_client, run, name, **typed(remark="x", key="x", effort="low", new="x")).status_code == 404
    assert owner_client.get(reverse(name, args=[run.pk])).status_code == 405
    assert wishes(run) == []
