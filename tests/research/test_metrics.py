"""/metrics: who may read it, and that its figures are those of the database and the broker."""

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from research import figures
from research.figures import Ledger
from research.models import Run, Step
from research.views import metrics
from tests.fakes.rows import make_run, make_step

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_counted_yet(monkeypatch):
    """A process that has not been asked before."""
    site = metrics.Site()
    registry = metrics.CollectorRegistry()
    registry.register(site)
    monkeypatch.setattr(metrics, "registry", registry)
    return site


def read(client, **headers):
    """Every sample by name and labels."""
    text = client.get("/metrics", headers=headers).content.decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_without_a_token_this_machine_may_read_it(stranger_client, address):
    assert stranger_client.get("/metrics", REMOTE_ADDR=address).status_code == 200


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.1", {}),
        ("", {}),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}),  # a proxy on this machine passed it on
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}),
    ],
)
def test_for_others_it_does_not_exist(stranger_client, owner_client, address, headers):
    for client in (stranger_client, owner_client):
        assert client.get("/metrics", REMOTE_ADDR=address, headers=headers).status_code == 404


def test_with_a_token_only_who_has_it_may_read_it(stranger_client, settings):
    settings.METRICS_TOKEN = "a-token"
    assert stranger_client.get("/metrics").status_code == 404
    assert stranger_client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 404
    answer = stranger_client.get("/metrics", headers={"Authorization": "Bearer a-token"}, REMOTE_ADDR="192.0.2.1")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")


def test_the_figures_are_those_of_the_rows(stranger_client, owner):
    past = timezone.now() - timezone.timedelta(seconds=90)
    waiting = make_run(owner)
    Run.objects.filter(pk=waiting.pk).update(created_at=past)
    run = make_run(owner, state="running", lease_epoch=3, lease_until=past)
    spent = {"seconds": 2.0, "model_calls": 2, "prompt_tokens": 900, "cached_tokens": 600, "completion_tokens": 50,
             "model_seconds": 1.5, "money": 0.25}  # fmt: skip
    make_step(run, "act", {}, cost=spent)
    make_step(run, "act", {}, cost={"model_calls": 1, "prompt_tokens": 100})
    make_step(run, "open", {}, error="It did not answer.", cost={"page_seconds": 5.0})
    found = read(stranger_client)
    expected = {
        ("scenthound_runs", "queued"): 1,
        ("scenthound_runs", "running"): 1,
        ("scenthound_runs", "failed"): 0,
        ("scenthound_runs_abandoned",): 1,
        ("scenthound_lease_takeovers_total",): 2,
        ("scenthound_steps_total", "act", "done"): 2,
        ("scenthound_steps_total", "failed", "open"): 1,
        ("scenthound_step_seconds_total", "act"): 2.0,
        ("scenthound_model_calls_total",): 3,
        ("scenthound_tokens_total", "prompt"): 1000,
        ("scenthound_tokens_total", "cached"): 600,
        ("scenthound_tokens_total", "completion"): 50,
        ("scenthound_waited_seconds_total", "model"): 1.5,
        ("scenthound_waited_seconds_total", "page"): 5.0,
        ("scenthound_money_total", "USD"): 0.25,
        ("scenthound_index_rows", "search_index_passage"): 0,
        ("scenthound_broker_up",): 1,
        ("scenthound_streams",): 0,
    }
    assert {name: found[name] for name in expected} == expected
    assert 89 < found["scenthound_oldest_wait_seconds",] < 120
    assert found["scenthound_index_bytes", "search_index_passage"] > 0
    assert ("scenthound_messages",) in found


def test_a_broker_that_is_down_is_said_and_hides_nothing_else(stranger_client, owner, settings):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    make_run(owner)
    found = read(stranger_client)
    assert found["scenthound_broker_up",] == 0
    assert ("scenthound_messages",) not in found
    assert found["scenthound_runs", "queued"] == 1


def test_it_is_counted_once_in_a_while_however_often_it_is_asked(
    stranger_client, owner, nothing_counted_yet, django_assert_num_queries
):
    read(stranger_client)
    make_run(owner)
    with django_assert_num_queries(0):
        assert read(stranger_client)["scenthound_runs", "queued"] == 0
    nothing_counted_yet._counted_at -= metrics.FRESH_SECONDS + 1
    assert read(stranger_client)["scenthound_runs", "queued"] == 1


def test_old_steps_are_added_up_once_and_new_ones_come_to_them(owner, monkeypatch):
    ledger, run = Ledger(), make_run(owner)
    for _ in range(3):
        make_step(run, "act", {}, cost={"model_calls": 1})
    Step.objects.update(finished_at=timezone.now() - 2 * figures.SETTLED)
    assert ledger.sums().spent["model_calls"] == 3
    make_step(run, "act", {}, cost={"model_calls": 5})
    read_again: list[int] = []
    summed = figures._summed

    def counting(steps):
        read_again.append(steps.count())
        return summed(steps)

    monkeypatch.setattr(figures, "_summed", counting)
    assert ledger.sums().spent["model_calls"] == 8
    assert ledger.sums().spent["model_calls"] == 8
    assert read_again == [1, 1]
    run.delete()
    assert ledger.sums().spent["model_calls"] == 3  # what was spent is spent
