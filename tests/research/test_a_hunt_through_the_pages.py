"""One run with the real engine, by its pages only: ask, review the plan, start, remark, go on, and step through all of
it. Whatever the engine records, each page can show."""

import pytest
from django.urls import reverse

from config import loop
from research import live, tasks
from research.models import Run
from research.reasoning.extractive import ExtractiveReasoner
from search_index.models import Source
from tests.research.engine.library import Library

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_work(monkeypatch):
    """Has this process do what waits for a worker."""
    library = Library()

    async def publish(run_id, message):
        return

    monkeypatch.setattr(tasks.research, "delay", lambda *args: None)
    monkeypatch.setattr(live, "publish", publish)
    monkeypatch.setattr(tasks, "WholeIndex", lambda: library)
    monkeypatch.setattr(tasks, "reasoner", lambda name: ExtractiveReasoner(library.similarity))

    def work():
        tasks.research()
        assert loop.drain(60)

    return work


def test_a_hunt_through_the_pages(owner_client, owner, at_work):
    sources = list(Source.objects.values_list("pk", flat=True))
    question = "Who wrote the first version of Larkspur? How long is the first wait of a job?"
    asked = {"question": question, "effort": "auto", "sources": sources, "review_plan": "on", "rounds": "2"}
    address = owner_client.post("/", asked).headers["Location"]
    run = Run.objects.get()
    at_work()
    assert "Start the hunt" in owner_client.get(address).content.decode()

    def post(name, **form):
        assert owner_client.post(reverse(name, args=[run.pk]), form).status_code == 302

    post("remark", remark="The manual says it.")
    post("approve", new="When was Larkspur first released?", **{"text-2": "How long is the very first wait of a job?"})
    at_work()
    page = owner_client.get(address).content.decode()
    assert "The report’s own page" in page
    assert "How long is the very first wait of a job?" in page
    post("continue", effort="low")
    at_work()

    run.refresh_from_db()
    assert (run.state, run.leg, run.reports.count()) == ("done", 2, 2)
    for step in range(1, run.last_seq + 1):
        assert (
            f"Step {step} of {run.last_seq}"
            in owner_client.get(reverse("replay", args=[run.pk]) + f"?step={step}").content.decode()
        )
    assert 'class="node evidence' in owner_client.get(reverse("trail", args=[run.pk])).content.decode()
