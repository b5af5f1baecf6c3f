"""What the door writes down: in batches, beside the passages, and through a database that does not answer."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.db import DataError, OperationalError
from django.utils import timezone

from search_index import departures
from search_index.departures import Keeper, forget
from search_index.models import Departure
from search_index.relay import Limits, Passage
from search_index.tasks import forget_departures


def passage(number: int = 1) -> Passage:
    return Passage(Limits(), whose=f"run-{number}", host="a.example", port=443, address="1.1.1.1", verdict="passed")


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.django_db(transaction=True)
def test_what_passed_stands_in_the_database() -> None:
    one = passage()
    one.up, one.down, one.seconds = 10, 2000, 1.5
    with Keeper(every=0.01) as keeper:
        keeper.keep(one)
        until(Departure.objects.exists)
    row = Departure.objects.get()
    assert (row.whose, row.host, row.port, row.address, row.verdict) == ("run-1", "a.example", 443, "1.1.1.1", "passed")
    assert (row.up, row.down, row.milliseconds) == (10, 2000, 1500)
    assert timezone.now() - timedelta(seconds=20) < row.at < timezone.now() - timedelta(seconds=1.4)  # when it began


def test_a_database_that_hangs_holds_up_no_passage_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "CLOSING_SECONDS", 0.05)
    hangs, began = threading.Event(), time.monotonic()

    def hang(rows: Sequence[Departure]) -> None:
        hangs.wait(20)

    with Keeper(hang, every=0.001) as keeper:
        for number in range(1000):
            keeper.keep(passage(number))
    assert time.monotonic() - began < 15
    hangs.set()


def test_lines_wait_for_the_database_and_the_oldest_are_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(departures, "WAITING", 5)
    monkeypatch.setattr(departures, "AT_ONCE", 3)
    answers, tried, written = threading.Event(), threading.Event(), list[str]()

    def write(rows: Sequence[Departure]) -> None:
        tried.set()
        if not answers.is_set():
            raise OperationalError("the server is gone")
        written.extend(row.whose for row in rows)

    with Keeper(write, every=0.01) as keeper:
        keeper.keep(passage(0))
        assert tried.wait(10)
        for number in range(1, 8):
            keeper.keep(passage(number))
        answers.set()
        until(lambda: len(written) == 5)
    assert written == [f"run-{number}" for number in range(3, 8)]
    warnings = [record.getMessage() for record in caplog.records]
    assert sum("does not answer" in warning for warning in warnings) == 1
    assert any(warning.startswith("3 lines") for warning in warnings)


def test_lines_that_the_database_refuses_do_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    written: list[str] = []

    def write(rows: Sequence[Departure]) -> None:
        if rows[0].whose == "run-0":
            raise DataError("too long")
        written.extend(row.whose for row in rows)

    with Keeper(write, every=0.01) as keeper:
        keeper.keep(passage(0))
        until(lambda: "dropped" in caplog.text)
        keeper.keep(passage(1))
        until(lambda: written == ["run-1"])


@pytest.mark.django_db
def test_what_is_old_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(departures, "FORGOTTEN", 2)
    now = timezone.now()
    ages = (1, 13, 15, 16, 17)
    Departure.objects.bulk_create(
        Departure(at=now - timedelta(days=days), whose=f"run-{days}", verdict="passed") for days in ages
    )
    assert forget() == 3
    assert set(Departure.objects.values_list("whose", flat=True)) == {"run-1", "run-13"}
    forget_departures()
    assert Departure.objects.count() == 2
