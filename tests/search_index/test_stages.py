"""The seconds of a crawl by stage: summed, kept over a change of workers, counted where the work fails, too."""

import threading
import time

import pytest

from search_index.stages import Stages


def test_seconds_are_summed_by_stage() -> None:
    stages = Stages()
    for _number in range(3):
        with stages.timed("fetch"):
            time.sleep(0.01)
    stages.add("embed", 2.0)
    assert stages.seconds["fetch"] >= 0.03
    assert stages.seconds["embed"] == 2.0
    assert set(stages.seconds) == {"fetch", "embed"}


def test_what_was_counted_before_is_kept() -> None:
    stages = Stages({"fetch": 1.5})
    stages.add("fetch", 0.25)
    assert stages.seconds == {"fetch": 1.75}


def test_work_that_fails_has_taken_its_time() -> None:
    stages = Stages()
    with pytest.raises(OSError), stages.timed("store"):
        raise OSError
    assert "store" in stages.seconds


def test_threads_lose_nothing() -> None:
    stages = Stages()

    def count() -> None:
        for _number in range(2000):
            stages.add("judge", 1.0)

    threads = [threading.Thread(target=count) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stages.seconds == {"judge": 16_000.0}
