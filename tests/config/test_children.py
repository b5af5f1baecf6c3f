"""Children really started: small shell scripts."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from config import children
from config.children import Child
from config.errors import CannotStart


def shell(script, name="child"):
    return Child(name, ("sh", "-c", script))


@pytest.fixture
def lines():
    return []


@pytest.fixture
def say(lines):
    return lambda name, line: lines.append((name, line))


async def stopped(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_each_line_is_handed_over_with_the_name(lines, say):
    code, last = await children.run(shell("echo one; echo two >&2; printf three; exit 4"), say, dict(os.environ))
    assert (code, last) == (4, "three")
    assert lines == [("child", "one"), ("child", "two"), ("child", "three")]


async def test_a_line_without_an_end_does_not_stop_the_child(lines, say):
    code, _ = await children.run(
        shell("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo done"), say, dict(os.environ)
    )
    assert code == 0
    assert lines[-1] == ("child", "done")
    assert sum(len(line) for _, line in lines) == 1_000_000 + len("done")


async def test_a_child_that_dies_is_started_again(lines, say, tmp_path):
    """It fails once; the second time it stays."""
    script = f"test -e {tmp_path}/second || {{ touch {tmp_path}/second; exit 3; }}; echo up; exec sleep 60"
    task = asyncio.create_task(children.keep_up(shell(script), say, dict(os.environ)))
    await until(lambda: ("child", "up") in lines)
    assert lines[0] == ("child", "child ended with status 3; starting it again")
    await stopped(task)


async def test_a_child_that_keeps_dying_is_given_up_with_its_last_words(say, monkeypatch):
    monkeypatch.setattr(children, "FIRST_PAUSE", 0.001)
    child = shell("echo the disk is full; exit 1")
    with pytest.raises(CannotStart, match="child ended 5 times within a minute and is given up: the disk is full"):
        await children.keep_up(child, say, dict(os.environ))


async def test_stopping_ends_the_child_and_what_it_started(lines, say):
    task = asyncio.create_task(children.run(shell("sleep 61 & echo $!; echo $$; wait"), say, dict(os.environ)))
    await until(lambda: len(lines) == 2)
    await stopped(task)
    for _, pid in lines:
        await until(lambda pid=pid: gone(pid))


async def test_a_child_that_will_not_stop_is_killed(lines, say, monkeypatch):
    monkeypatch.setattr(children, "STOP_SECONDS", 0.2)
    task = asyncio.create_task(
        children.run(shell("trap '' TERM; echo $$; while :; do sleep 1; done"), say, dict(os.environ))
    )
    await until(lambda: lines)
    asked = time.monotonic()
    await stopped(task)
    assert time.monotonic() - asked < 15
    assert gone(lines[0][1])


async def test_what_a_child_leaves_behind_does_not_keep_it_alive(lines, say):
    """A browser's process may hold the dead worker's output open."""
    async with asyncio.timeout(20):
        code, _ = await children.run(shell("setsid sleep 30 & echo gone; exit 0"), say, dict(os.environ))
    assert code == 0
