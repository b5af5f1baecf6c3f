from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from research.engine.journal import claim
from research.models import Run
from research.queue import in_line, next_runs, place
from tests.fakes.rows import make_step

pytestmark = pytest.mark.django_db

PAST = timezone.now() - timedelta(hours=1)


def ask(owner: str, count: int = 1, **fields: object) -> list[Run]:
    """Runs of a person, one second after the other."""
    user, _made = User.objects.get_or_create(username=owner)
    runs = [Run.objects.create(owner=user, question=f"{owner} {number}", **fields) for number in range(1, count + 1)]
    for run in runs:
        ask.clock += timedelta(seconds=1)
        Run.objects.filter(pk=run.pk).update(created_at=ask.clock)
    return runs


ask.clock = PAST


def line() -> list[str]:
    return [Run.objects.get(pk=run_id).question for run_id in in_line()]


def test_people_take_turns_whoever_asks_the_most():
    ask("ann", 4)
    ask("bob", 2)
    ask("eve")
    assert line() == ["ann 1", "bob 1", "eve 1", "ann 2", "bob 2", "ann 3", "ann 4"]


def test_who_has_runs_at_work_comes_after_who_has_none():
    ask("ann", 2, state="running", lease_until=timezone.now() + timedelta(hours=1))
    ask("ann", 2)
    ask("bob", 3)
    assert line() == ["bob 1", "bob 2", "ann 1", "bob 3", "ann 2"]


def test_runs_are_taken_in_the_order_in_which_their_places_are_shown():
    ask("ann", 5)
    ask("bob", 2)
    ask("eve", 3)
    shown = line()
    taken = []
    while following := next_runs(1, 1):
        [(run_id, _suspect)] = following
        assert place(Run.objects.get(pk=run_id)) == 1
        assert claim(run_id)
        taken.append(Run.objects.get(pk=run_id).question)
    assert taken == shown


def test_what_was_begun_goes_on_before_anything_else_begins():
    [waits] = ask("ann")
    [gone] = ask("bob", state="running", lease_until=PAST)
    ask("eve", state="running", lease_until=timezone.now() + timedelta(hours=1))
    assert next_runs(5, 5) == [(str(gone.pk), False), (str(waits.pk), False)]
    assert next_runs(1, 1)[0] == (str(gone.pk), False)


def test_a_run_whose_workers_die_before_it_makes_a_step_is_a_suspect():
    [dies] = ask("ann", state="running", lease_until=PAST, lease_epoch=2)
    [goes_on] = ask("bob", state="running", lease_until=PAST, lease_epoch=2)
    make_step(goes_on, "act", {})  # of epoch 1
    [waits] = ask("eve")
    assert next_runs(5, 5) == [(str(goes_on.pk), False), (str(dies.pk), True), (str(waits.pk), False)]
    assert next_runs(5, 0) == [(str(goes_on.pk), False), (str(waits.pk), False)]


def test_a_run_that_does_not_wait_has_no_place():
    [run] = ask("ann", state="done")
    assert place(run) == 0
    run.state = "queued"  # as it was read, a moment before a worker took it
    assert place(run) == 0
