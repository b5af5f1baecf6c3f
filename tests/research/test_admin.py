import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from research.models import Run, Share
from tests.fakes.rows import HOSTILE, make_evidence, make_gap, make_report, make_run, make_snapshot, make_step

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(admin_user):
    client = Client()
    client.force_login(admin_user)
    return client


@pytest.fixture
def report(owner):
    report = make_report(owner)
    make_step(report.run, "open", {}, error=f"It did not answer. {HOSTILE}")
    Share.objects.create(report=report, token_sha256="1" * 64)
    return report


@pytest.mark.parametrize("model", ["run", "step", "report", "evidence", "exhibit", "share"])
def test_rows_are_listed_and_shown_but_not_edited(staff, report, model):
    listed = staff.get(reverse(f"admin:research_{model}_changelist"))
    assert listed.status_code == 200
    assert "<script>alert" not in listed.content.decode()
    row = listed.context["cl"].result_list[0]
    shown = staff.get(reverse(f"admin:research_{model}_change", args=[row.pk]))
    assert shown.status_code == 200
    assert 'name="_save"' not in shown.content.decode()
    assert staff.get(reverse(f"admin:research_{model}_add")).status_code == 403


def test_the_steps_of_a_run_are_a_click_away(staff, report, owner):
    make_step(make_run(owner), "plan", {"gaps": []}, key="another run")
    address = reverse("admin:research_step_changelist") + f"?run__id__exact={report.run.pk}"
    assert address.replace("&", "&amp;") in staff.get(reverse("admin:research_run_changelist")).content.decode()
    page = staff.get(address).content.decode()
    assert "It did not answer." in page
    assert "another run" not in page


def test_runs_under_way_are_stopped_and_others_left_alone(staff, owner):
    runs = [make_run(owner, state=state) for state in ("running", "done")]
    staff.post(reverse("admin:research_run_changelist"),
               {"action": "stop_runs", "_selected_action": [run.pk for run in runs]})  # fmt: skip
    assert Run.objects.get(state="running").stop_requested
    assert not Run.objects.get(state="done").stop_requested


def test_links_are_revoked(staff, report):
    share = Share.objects.get()
    staff.post(reverse("admin:research_share_changelist"), {"action": "revoke", "_selected_action": [share.pk]})
    share.refresh_from_db()
    assert share.revoked_at is not None


def test_a_run_is_deleted_with_all_it_made(staff, report):
    answer = staff.post(reverse("admin:research_run_delete", args=[report.run.pk]), {"post": "yes"})
    assert answer.status_code == 302
    assert not Run.objects.exists()


def test_the_list_of_runs_costs_no_more_queries_with_more_runs(staff, owner, django_assert_max_num_queries):
    for _ in range(15):
        make_run(owner)
    with django_assert_max_num_queries(12):
        staff.get(reverse("admin:research_run_changelist"))


@pytest.mark.parametrize("model", ["evidence", "exhibit"])
def test_a_list_of_what_runs_keep_loads_no_text_and_costs_no_more_queries_when_it_is_longer(staff, report, model):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(reverse(f"admin:research_{model}_changelist")).status_code == 200
        return [query["sql"] for query in queries]

    few = asked()
    for number in range(2, 12):
        make_evidence(report.run.gaps.get(), make_snapshot(url=f"https://x.example/{number}"), number=number)
    many = asked()
    assert len(many) == len(few)
    assert not any('"research_exhibit"."text"' in sql for sql in many)


def test_the_pages_that_a_run_keeps_are_a_click_away(staff, report, owner):
    make_evidence(make_gap(make_run(owner)), make_snapshot(title="Another run's", url="https://x.example/"))
    address = reverse("admin:research_exhibit_changelist") + f"?run__id__exact={report.run.pk}"
    run = staff.get(reverse("admin:research_run_change", args=[report.run.pk])).content.decode()
    assert address.replace("&", "&amp;") in run
    page = staff.get(address).content.decode()
    assert "On sea clocks" in page
    assert "Another run" not in page


def test_what_goes_with_a_run_is_counted_before_it_is_deleted_and_no_text_is_loaded(staff, report):
    with CaptureQueriesContext(connection) as queries:
        page = staff.get(reverse("admin:research_run_delete", args=[report.run.pk])).content.decode()
    for counted in ("Exhibits: 1", "Evidence: 1", "Claims: 2", "Shares: 1"):
        assert counted in page
    assert not any('"research_exhibit"."text"' in query["sql"] for query in queries)


def test_the_admin_is_for_staff(owner_client):
    assert owner_client.get(reverse("admin:index")).status_code == 302


def test_what_a_run_and_its_steps_have_spent_is_shown(staff, owner):
    run = make_run(owner)
    cost = {"model_calls": 2, "prompt_tokens": 900, "cached_tokens": 600, "model_seconds": 1.5, "money": 0.25}
    make_step(run, "act", {}, cost=cost)
    make_step(
        run, "plan", {}, key="plan", cost={"seconds": 1.0, "model_calls": 1, "prompt_tokens": 100}
    )  # an older one
    steps = staff.get(reverse("admin:research_step_changelist") + f"?run__id__exact={run.pk}").content.decode()
    assert "2 model calls · 900 prompt tokens · 600 of them cached · 1.5 s for the model · 0.25 USD" in steps
    shown = staff.get(reverse("admin:research_run_change", args=[run.pk])).content.decode()
    assert "3 model calls · 1000 prompt tokens · 600 of them cached" in shown
