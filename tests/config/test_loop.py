import asyncio
import threading

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
    assert begun.wait(5)
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
