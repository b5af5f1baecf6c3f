import asyncio
import threading
import time

import pytest

from config import loop


@pytest.fixture
def _restarted():
    """Let the loop be used again after a test has stopped it."""
    yield
    loop._stopping.clear()


def test_the_result_comes_back_to_the_thread_that_waits():
    async def work():
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert loop.run(work()) == "loop"


def test_what_the_work_raises_is_raised_to_who_waits():
    async def work():
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        loop.run(work())


@pytest.mark.usefixtures("_restarted")
def test_a_shutdown_lets_the_work_clean_up_and_frees_who_waits():
    begun, cleaned, outcome = threading.Event(), threading.Event(), []

    async def work():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # handing back a lease takes a turn of the loop
            cleaned.set()

    def wait():
        try:
            loop.run(work())
        except loop.Stopped:
            outcome.append("stopped")

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert begun.wait(20)
    loop.stop()
    waiting.join(5)
    assert cleaned.is_set()
    assert outcome == ["stopped"]


@pytest.mark.usefixtures("_restarted")
def test_after_a_shutdown_nothing_new_begins():
    begun = []

    async def work():
        begun.append(True)

    loop.stop()
    with pytest.raises(loop.Stopped):
        loop.run(work())
    assert begun == []


@pytest.mark.usefixtures("_restarted")
def test_what_is_started_holds_no_thread_and_is_waited_for_on_the_way_out():
    begun, cleaned = threading.Event(), threading.Event()

    async def work():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleaned.set()

    loop.start(work())
    assert begun.wait(20)
    loop.stop()
    assert loop.drain(20)
    assert cleaned.is_set()


def test_what_fails_after_it_was_started_is_logged(caplog):
    async def work():
        raise LookupError("gone")

    loop.start(work())
    assert loop.drain(20)
    deadline = time.monotonic() + 20
    while "LookupError: gone" not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
