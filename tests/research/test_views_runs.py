import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import now

from research.models import Report, Run, Step
from tests.fakes.rows import (
    HOSTILE,
    PIXEL,
    TEXT,
    make_begun,
    make_browsed,
    make_evidence,
    make_gap,
    make_noted,
    make_report,
    make_run,
    make_snapshot,
    make_step,
)

pytestmark = pytest.mark.django_db

LONG = (
    "Which of the makers of sea clocks was paid by the Board, in which year, and how much did he get for it in the end?"
)


def run_page(client, run):
    return client.get(reverse("run", args=[run.pk])).content.decode()


def test_a_waiting_run_shows_its_place_in_the_queue(owner_client, owner, guest):
    make_run(guest)
    run = make_run(owner)
    assert "2nd in the queue" in run_page(owner_client, run)


def test_a_run_under_way_shows_plan_trail_draft_and_meters(owner_client, owner):
    run = make_begun(owner, activity="Reading a page")
    make_evidence(run.gaps.get(), make_snapshot())
    make_step(run, "open", {"gap": 1, "url": "https://x.example/", "title": "X", "snapshot": None, "host": "x.example",
                            "from": "web", "links": 0}, cost={"pages": 1})  # fmt: skip
    make_step(run, "note", {"gap": 1, "evidence": [1]})
    make_step(run, "open", {}, key="hunt/1/gap/1/turn/3/open", error="x.example does not answer")
    make_step(run, "outline", {"sections": [{"heading": "Money", "evidence": [1]}]})
    make_step(run, "draft", {"section": "Money", "sentences": [{"text": "He was paid.", "evidence": [1]}]})
    page = run_page(owner_client, run)
    for shown in (
        "Gap 1 of the plan",
        "sea clock money",
        "x.example",
        "The Board paid him £10,000",
        "x.example does not answer",
        "Money",
        "He was paid.",
        "Reading a page",
        "1 of 30",
        "Answer now",
        "stream?after=7",
    ):
        assert shown in page


def test_a_finished_run_shows_its_report_and_connects_no_stream(owner_client, owner):
    page = run_page(owner_client, make_report(owner).run)
    assert "John Harrison" in page
    assert "stream" not in page


def test_a_failed_run_says_why_and_offers_to_ask_again(owner_client, owner):
    run = make_run(owner, state="failed", error="Start the model server.")
    page = run_page(owner_client, run)
    assert "Start the model server." in page
    assert f"?again={run.pk}" in page


def test_nothing_of_a_run_is_rendered_as_markup(owner_client, owner):
    run = make_run(owner, question=HOSTILE, state="running", activity=HOSTILE, started_at=timezone.now())
    gap = make_gap(run, question=HOSTILE, outcome=HOSTILE)
    make_evidence(gap, make_snapshot(HOSTILE, title=HOSTILE), HOSTILE)
    make_step(run, "search", {"gap": 1, "query": HOSTILE, "hits": [{"title": HOSTILE, "url": "javascript:alert(1)",
              "snapshot": 1, "start": 0, "end": 1, "source": HOSTILE}]})  # fmt: skip
    make_step(run, "note", {"gap": 1, "evidence": [1]})
    make_step(run, "act", {"gap": 1, "kind": "answer", "outcome": HOSTILE}, cost={"thinking": [HOSTILE]})
    make_step(run, "outline", {"sections": [{"heading": HOSTILE, "evidence": [1]}]})
    make_step(run, "draft", {"section": HOSTILE, "sentences": [{"text": HOSTILE, "evidence": [1]}]})
    make_step(run, "judge", {}, error=HOSTILE)
    page = run_page(owner_client, run)
    assert page.count("&lt;script&gt;") >= 9
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "javascript:" not in page


def test_a_run_page_costs_no_more_queries_with_more_steps(owner_client, owner, django_assert_max_num_queries):
    run = make_run(owner, state="running", started_at=timezone.now())
    make_noted(run, *range(1, 9))
    with django_assert_max_num_queries(10):
        run_page(owner_client, run)


def make_long(run, steps, gaps=8):
    """A journal of so many steps: of each search the page that it found, what was kept of it, and one thought."""
    rows = [make_gap(run, number, question=f"{number}: {LONG}", criterion=LONG) for number in range(1, gaps + 1)]
    snapshot = make_snapshot(title=LONG[:80], url=f"https://x.example/{run.pk}")
    for gap in rows:
        make_evidence(gap, snapshot, TEXT[: 20 + gap.number], gap.number)
    page = {"title": LONG[:80], "url": "https://x.example/", "snapshot": snapshot.pk}
    hit = {**page, "start": 0, "end": 9, "source": "X"}

    def steps_of():
        for turn in range(steps // 4):
            gap = turn % gaps + 1
            yield "act", {"gap": gap, "kind": "search", "reasoning": LONG}
            yield "search", {"gap": gap, "query": f"query {turn} {LONG[:60]}", "hits": [hit] * 8}
            yield "open", {"gap": gap, **page, "host": "x.example", "from": "web"}
            yield "note", {"gap": gap, "evidence": [gap], "kept": [{**page, "quote": LONG}]}

    Step.objects.bulk_create(
        Step(run=run, seq=seq, key=f"gap/{result['gap']}/{seq}", kind=kind, result=result, epoch=1, started_at=now())
        for seq, (kind, result) in enumerate(steps_of(), run.last_seq + 1)
    )
    run.last_seq += steps
    run.save()


def seqs(page):
    return [int(seq) for seq in re.findall(r'id="step-(\d+)"', page)]


@pytest.mark.parametrize("gaps", [3, 8, 30])
def test_the_page_of_a_long_run_stays_small_and_gives_the_rest_when_asked(owner_client, owner, gaps):
    run = make_run(owner, state="done", started_at=now(), finished_at=now())
    make_long(run, 1200, gaps)
    page = run_page(owner_client, run)
    assert len(page) < 280_000
    assert 60 <= len(seqs(page)) <= 80
    listed = set(seqs(page))
    for address in re.findall(r'hx-get="([^"]*/steps[^"]*)"', page):
        listed |= set(seqs(owner_client.get(address.replace("&amp;", "&")).content.decode()))
    assert listed == set(range(1, 1201))
    every = owner_client.get(reverse("run", args=[run.pk]) + "?steps=all").content.decode()
    assert set(seqs(every)) == listed
    assert "before these" not in every


def test_the_page_of_a_run_costs_the_same_queries_at_any_length(owner_client, owner):
    costs = []
    for steps in (100, 1200):
        run = make_run(owner, state="running", started_at=now())
        make_long(run, steps)
        run_page(owner_client, run)
        with CaptureQueriesContext(connection) as queries:
            run_page(owner_client, run)
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 10


def test_steps_that_are_not_listed_say_how_many_failed_and_can_be_tried_again(owner_client, guest_client, owner):
    run = make_run(owner, state="running", started_at=now())
    make_step(run, "search", {}, key="gap/1/one", error="no answer")
    make_step(run, "search", {}, key="gap/1/two", error="no answer")
    make_step(run, "wish", {"wish": "retry", "key": "gap/1/two", "gap": 1}, key="wish/1")
    make_long(run, 600)
    page = run_page(owner_client, run)
    assert "steps before these, 2 failed" in page
    address = reverse("steps", args=[run.pk]) + "?gap=1&before=6"
    earlier = owner_client.get(address).content.decode()
    assert seqs(earlier) == [1, 2, 3, 4, 5]
    assert earlier.count("Try again") == 1
    assert "It was to be tried again." in earlier
    assert guest_client.get(address).status_code == 404
    assert seqs(owner_client.get(reverse("steps", args=[run.pk]) + "?gap=x&before=y").content.decode()) == []


def test_the_picture_of_the_trail_is_sent_where_there_is_more_of_it(owner_client, owner):
    run = make_run(owner, state="running")
    make_gap(run)
    address = reverse("trail", args=[run.pk])
    assert owner_client.get(address + "?after=0").status_code == 204
    make_step(run, "search", {"gap": 1, "query": "sea clock money", "hits": []})
    make_step(run, "check", {"section": "s", "claims": []})
    page = owner_client.get(address + "?after=0").content.decode()
    assert "sea clock money" in page
    assert f"{address}?after=1" in page
    assert owner_client.get(address + "?after=1").status_code == 204
    run.state = "done"
    run.save()
    assert "hx-get" not in owner_client.get(address + "?after=1").content.decode()


def test_stop_and_answer_now_reach_a_run_under_way(owner_client, owner):
    run = make_run(owner, state="running")
    assert owner_client.post(reverse("answer-now", args=[run.pk])).status_code == 302
    assert owner_client.post(reverse("stop", args=[run.pk])).status_code == 302
    run.refresh_from_db()
    assert run.answer_now
    assert run.stop_requested


def test_a_wish_has_to_be_posted_with_its_token(owner, owner_client):
    run = make_run(owner, state="running")
    assert owner_client.get(reverse("stop", args=[run.pk])).status_code == 405
    owner_client.handler.enforce_csrf_checks = True
    refused = owner_client.post(reverse("stop", args=[run.pk]))
    assert refused.status_code == 403
    assert "This form was too old" in refused.content.decode()
    run.refresh_from_db()
    assert not run.stop_requested


def test_deleting_asks_first(owner_client, owner):
    report = make_report(owner)
    address = reverse("delete", args=[report.run.pk])
    assert "Delete this run?" in owner_client.get(address).content.decode()
    assert Run.objects.exists()
    assert owner_client.post(address).headers["Location"] == reverse("runs")
    assert not Run.objects.exists()
    assert not Report.objects.exists()


def test_the_history_is_ones_own_paged_and_found_by_words(owner_client, owner, guest):
    make_run(guest, question="The guest's secret")
    for number in range(25):
        make_run(owner, question=f"Question {number:02d} on clocks")
    make_report(owner)
    first, second = (owner_client.get(f"/runs?page={page}").content.decode() for page in (1, 2))
    assert "Who was paid for the sea clock?" in first
    assert "John Harrison" in first
    assert "Question 00 on clocks" in second
    assert "secret" not in first + second
    found = owner_client.get("/runs?q=clocks+07").content.decode()
    assert found.count("<h2>") == 1
    assert "Question 07" in found
    assert "No question has these words" in owner_client.get("/runs?q=nowhere").content.decode()


def test_an_empty_history_says_so(owner_client):
    assert "Nothing asked yet" in owner_client.get("/runs").content.decode()


@pytest.mark.parametrize(("money", "shown"), [(0.0, ""), (0.00123, "0.0012"), (12.345, "12.35")])
def test_what_a_run_costs_is_among_its_meters_where_prices_are_set(owner_client, owner, money, shown):
    run = make_run(owner, state="running", reasoner="model", started_at=timezone.now())
    make_step(run, "plan", {"gaps": []}, cost={"model_calls": 1, "money": money / 2})
    make_step(run, "act", {"gap": 0, "kind": "search"}, key="other", cost={"model_calls": 1, "money": money / 2})
    page = run_page(owner_client, run)
    assert ("<dt>USD</dt>" in page) is bool(shown)
    assert shown in page


@pytest.fixture
def browsing(owner):
    return make_run(owner, state="running", started_at=timezone.now())


def test_what_the_browser_does_is_shown_live_and_on_the_trail(owner_client, browsing):
    gap = make_gap(browsing)
    make_step(browsing, "plan", {"gaps": [{"number": 1, "question": gap.question}]})
    assert '<figure class="browser" id="browser" hidden>' in run_page(owner_client, browsing)
    first = make_browsed(browsing, gap, make_snapshot())
    last = make_browsed(browsing, gap, did="typed “sea <b>clock</b>” \u202e", title="A\u202e page")
    page = run_page(owner_client, browsing)
    live, _figure, trail = page.partition("</figure>")
    assert reverse("shot", args=[browsing.pk, last.seq]) in live
    assert reverse("shot", args=[browsing.pk, first.seq]) not in live
    assert "typed “sea &lt;b&gt;clock&lt;/b&gt;”" in live
    assert "\u202e" not in page
    assert "https://timekeepers.example/list?page=2" in live
    for step in (first, last):
        assert reverse("shot", args=[browsing.pk, step.seq]) in trail
    assert 'alt="What the browser showed of The list"' in trail
    assert "2 pages" in page


def test_why_something_was_not_done_is_shown(owner_client, browsing):
    make_browsed(browsing, make_gap(browsing), refused="It would buy or order something.", pictured=False)
    page = run_page(owner_client, browsing)
    assert "Not done: It would buy or order something." in page
    assert "/shot" not in page


def test_a_picture_is_only_its_owner_s(owner_client, guest_client, client, browsing):
    step = make_browsed(browsing, make_gap(browsing))
    other = make_step(browsing, "search", {"gap": 1, "query": "x", "hits": []})
    address = reverse("shot", args=[browsing.pk, step.seq])
    answer = owner_client.get(address)
    assert (answer.status_code, answer.content, answer.headers["Content-Type"]) == (200, PIXEL, "image/jpeg")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert guest_client.get(address).status_code == 404
    assert client.get(address).status_code == 302
    assert owner_client.get(reverse("shot", args=[browsing.pk, other.seq])).status_code == 404
    assert owner_client.get(reverse("shot", args=[browsing.pk, 99])).status_code == 404


def test_a_run_that_is_over_shows_no_live_view(owner_client, browsing):
    make_browsed(browsing, make_gap(browsing))
    Run.objects.filter(pk=browsing.pk).update(state="done", finished_at=timezone.now())
    page = run_page(owner_client, browsing)
    assert 'id="browser"' not in page
    assert "/shot" in page
