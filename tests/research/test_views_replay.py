"""A run stepped through: each step's page says what was known then, and nothing of what came later."""

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.fakes.rows import HOSTILE, make_evidence, make_gap, make_run, make_snapshot, make_step

pytestmark = pytest.mark.django_db


def planned(number, question):
    return {"number": number, "question": question, "criterion": f"criterion {number}", "place": number}


def acted(kind, **fields):
    return {"gap": 1, "attempt": 0, "question": "Who made it?", "refused": "", "kind": kind, "outcome": "", **fields}


@pytest.fixture
def run(owner):
    now = timezone.now()
    run = make_run(owner, state="done", started_at=now, finished_at=now)
    make_gap(run, 1, question="Reworded?", state="closed", outcome="Harrison.", place=2)
    make_gap(run, 2, question="What was paid to #1?", state="given_up", place=1)
    evidence = make_evidence(run.gaps.get(number=1), make_snapshot())
    page = {"title": "On sea clocks", "url": "https://clocks.example/harrison"}
    kept = {"number": 1, "snapshot": evidence.exhibit.snapshot, "quote": evidence.quote, **page}
    for kind, result in (
        ("plan", {"kind": "chain", "gaps": [planned(1, "Who made it?"), planned(2, "What was paid to #1?")]}),
        ("act", acted("search", query="first timekeeper")),
        (
            "search",
            {"gap": 1, "query": "first timekeeper", "hits": [{**kept, "start": 0, "end": 1, "source": "Clocks"}]},
        ),
        ("note", {"gap": 1, "evidence": [1], "kept": [kept]}),
        ("act", acted("answer", outcome="Harrison.")),
        ("wish", {"wish": "drop", "number": 1, "gap": 2}),
        ("wish", {"wish": "reopen", "number": 2, "gap": 2}),
        ("outline", {"sections": [{"heading": "Money", "evidence": [1]}]}),
        ("report", {"version": 1, "answer": "Harrison", "not_found": ["What was paid to #1?"]}),
    ):
        make_step(run, kind, result, cost={"model_calls": 1, "pages": 0, "seconds": 1.5})
    return run


def at(client, run, step, **headers):
    return client.get(reverse("replay", args=[run.pk]) + f"?step={step}", headers=headers).content.decode()


def state_of(page, number):
    branch = page[page.index(f'id="plan-{number}"') :]
    return branch.split('<span class="gap-state">', 1)[1].split("<", 1)[0]


def test_each_step_is_the_page_as_it_was(owner_client, run):
    pages = {step: at(owner_client, run, step) for step in range(1, 10)}
    assert [state_of(pages[step], 1) for step in (1, 4, 5, 9)] == ["open", "open", "answered", "answered"]
    assert [state_of(pages[step], 2) for step in (1, 6, 7, 8, 9)] == ["open", "dropped", "open", "open", "not found"]
    assert "Reworded?" not in pages[1]  # the row's words came later
    assert "first timekeeper" not in pages[1]
    assert "The Board paid him" not in pages[3]
    assert "The Board paid him" in pages[4]
    assert "Money" not in pages[7]
    assert "Money" in pages[8]
    assert "criterion 1" in pages[1]


def test_the_step_just_made_is_told_marked_and_timed(owner_client, run):
    page = at(owner_client, run, 4)
    assert "Kept 1 piece of evidence" in page
    assert 'class="step new" id="step-4"' in page
    assert page.count("step new") == 1
    assert "Step 4 of 9" in page
    assert "took 1.5 s" in page
    assert 'class="node evidence new"' in page


def test_links_lead_to_the_steps_beside_and_no_further(owner_client, run):
    assert ('rel="prev"' in at(owner_client, run, 1), 'rel="next"' in at(owner_client, run, 1)) == (False, True)
    middle = at(owner_client, run, 4)
    assert 'href="?step=3"' in middle
    assert 'href="?step=5"' in middle
    assert 'rel="next"' not in at(owner_client, run, 9)


@pytest.mark.parametrize(("step", "stands_at"), [("", 1), ("-3", 1), ("0", 1), ("x", 1), ("999", 9), ("9" * 40, 1)])
def test_a_step_that_is_none_is_the_next_best(owner_client, run, step, stands_at):
    assert f"Step {stands_at} of 9" in at(owner_client, run, step)


def test_with_javascript_only_the_stage_is_sent(owner_client, run):
    page = at(owner_client, run, 4, **{"HX-Request": "true"})
    assert "<html" not in page
    assert 'id="stage"' in page


def test_nothing_can_be_changed_in_the_past(owner_client, run):
    assert 'method="post"' not in at(owner_client, run, 5).split("<main")[1]


def test_of_a_long_gap_the_latest_steps_are_listed(owner_client, run):
    for number in range(20):
        make_step(run, "search", {"gap": 1, "query": f"query {number}", "hits": []})
    page = at(owner_client, run, run.last_seq).split('id="trail-head"')[1]
    assert "11 steps before these" in page
    assert "query 7<" not in page
    assert "query 8<" in page
    assert "query 19<" in page


def test_a_run_without_steps_says_so(owner_client, owner, guest):
    assert "Nothing has happened yet" in at(owner_client, make_run(owner), 1)
    assert owner_client.get(reverse("replay", args=[make_run(guest).pk])).status_code == 404


def test_a_replay_costs_the_same_queries_at_every_step(owner_client, run, django_assert_max_num_queries):
    for number in range(2, 12):
        evidence = make_evidence(
            run.gaps.get(number=1), make_snapshot(url=f"https://x.example/{number}"), number=number
        )
        kept = {"snapshot": evidence.exhibit.snapshot, "quote": HOSTILE, "title": HOSTILE, "url": "https://x.example/"}
        make_step(run, "note", {"gap": 1, "evidence": [number], "kept": [kept]})
    for step in (1, 4, 19):
        with django_assert_max_num_queries(9):
            page = at(owner_client, run, step)
    assert "<script>alert" not in page
