"""Keeps child processes up: starts them, shows what they say, starts them again when they die, stops them all.

A child is tethered: when the process that keeps it dies, kill -9 included, the kernel sends it SIGTERM.
Knows nothing of what the children do. Called by config/supervisor.py, which counts the Deaths of the embedded services
likewise.
"""

import asyncio
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from config import env
from config.errors import CannotStart

STOP_SECONDS = 7  # then it is killed; the web server gives open streams 3
DEATHS = 5
WINDOW_SECONDS = 60
FIRST_PAUSE = 0.5  # seconds before a dead child is started again; doubled with each death within the window
LONGEST_LINE = 64 * 1024
Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Child:
    """One process to keep up: its name for people, its command, and the open files that it inherits."""

    name: str
    command: tuple[str, ...]
    files: tuple[int, ...] = ()


class Deaths:
    """When something that is kept up died lately: how long to wait, and when it is given up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._times = deque[float](maxlen=DEATHS)

    def another(self, last_words: str) -> float:
        """Count it: the seconds before it is to be started again, more with each death. Raises CannotStart at the
        DEATHS-th within WINDOW_SECONDS."""
        self._times.append(time.monotonic())
        recent = [death for death in self._times if self._times[-1] - death < WINDOW_SECONDS]
        if len(recent) == DEATHS:
            raise CannotStart(f"{self.name} ended {DEATHS} times within a minute and is given up: {last_words}")
        return FIRST_PAUSE * 2.0 ** (len(recent) - 1)


def tethered(command: Sequence[str]) -> list[str]:
    """The command, to be sent SIGTERM when the thread that starts it is gone (Linux; elsewhere nothing does that)."""
    if shutil.which("setpriv") is None:
        return list(command)
    return ["setpriv", "--pdeathsig", "TERM", *command]


async def keep_up(child: Child, say: Say, environment: dict[str, str]) -> NoReturn:
    """Run the child, and again whenever it ends, a little later each time; `say` gets its name and each line it writes.

    Cancelled, it stops the child first. Raises CannotStart when the child dies DEATHS times within WINDOW_SECONDS.
    """
    deaths = Deaths(child.name)
    while True:
        code, last_words = await run(child, say, environment)
        pause = deaths.another(last_words)
        say(child.name, f"{child.name} ended {_how(code)}; starting it again")
        await asyncio.sleep(pause)


async def run(child: Child, say: Say, environment: dict[str, str]) -> tuple[int, str]:
    """Run the child once: its exit status and the last line it wrote. Cancelled, it stops the child first."""
    # A pipe that is not asyncio's, which ends with the last process that holds it: here the child itself is waited for.
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *tethered(child.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            start_new_session=True,  # a Ctrl-C at the terminal is ours to handle
            pass_fds=child.files,
            cwd=env.TOP,
            env=environment,
        )
    finally:
        os.close(writing)
    relay = asyncio.create_task(_relay(reading, child.name, say))
    try:
        code = await process.wait()
    finally:
        await _stop(process)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(relay), 0.5)
        relay.cancel()
    return code, relay.result() if relay.done() and not relay.cancelled() else ""


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End the process, kindly first, and what it has started and left behind (a browser's driver)."""
    sign = signal.SIGTERM
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            sign = signal.SIGKILL
    with suppress(ProcessLookupError):
        os.killpg(process.pid, sign)
    await process.wait()


async def _relay(reading: int, name: str, say: Say) -> str:
    """Hand over each line until the pipe is closed; returns the last one."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
    )
    rest, last = b"", ""
    try:
        while True:
            piece = await reader.read(LONGEST_LINE)
            *lines, rest = (rest + piece).split(b"\n")
            if rest and (not piece or len(rest) > LONGEST_LINE):
                lines, rest = [*lines, rest], b""
            for line in (raw.decode(errors="replace").rstrip() for raw in lines):
                last = line or last
                say(name, line)
            if not piece:
                return last
    finally:
        transport.close()


def _how(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with status {code}"
