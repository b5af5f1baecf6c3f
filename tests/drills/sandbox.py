"""sandbox: whether code that wants out of the sandbox gets out, or takes more than it may (escapes.py).

What it could reach is laid out: a file, the environment and an open descriptor of the process that starts it, each with
a secret; a folder to write to, a port to call, a process to signal. That these canaries sing is shown with the same
snippets outside of any sandbox.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from research import sandbox as real
from tests.drills.escapes import SNIPPETS, TELLING
from tests.drills.stage import Failed, Stage

Document = dict[str, Any]
Run = Callable[[str], Any]
MEGABYTES = 512 + 64  # of memory that the process may write to; and of its libraries, which it shares
SLACK = 2.0  # seconds, beside the time that a calculation may take, on a busy machine
# Runs a snippet as it is: what the guest is without its walls.
BARE = "import json, sys; names = {}; exec(sys.stdin.read(), names); print(json.dumps({'result': names.get('result')}))"


@dataclass
class Host:
    """What a snippet could reach, and what of it was reached."""

    secret: str
    port: int
    calls: int = 0
    signals: int = 0
    marker: str = field(default_factory=lambda: f"marker-{secrets.token_hex(6)}")

    def try_(self, code: str, run: Run) -> tuple[list[str], float, float]:
        """What the snippet touched, in words; the seconds and the megabytes that it took."""
        self.calls = self.signals = 0
        with tempfile.TemporaryDirectory(prefix="scenthound-") as name:
            folder = Path(name)
            folder.chmod(0o777)
            (folder / "secret").write_text(self.secret)
            (folder / "secret").chmod(0o666)
            filled = code.format(folder=folder, port=self.port, pid=os.getpid(), marker=self.marker)
            began = time.monotonic()
            with _watched() as peak:
                said = run(filled)
            seconds = time.monotonic() - began
            time.sleep(0.05)  # for a call or a signal that is under way
            there = {path.name: path.read_text() if path.is_file() else "" for path in folder.iterdir()}
        touched = {
            "said a secret": self.secret in _letters(said),
            "changed files": there != {"secret": self.secret},
            "called the port": bool(self.calls),
            "sent a signal": bool(self.signals),
            "left a process": bool(self._left_processes()),
            "took more time than it may": seconds > real.SECONDS + SLACK,
            "took more memory than it may": peak[0] > MEGABYTES,
        }
        return [what for what, is_so in touched.items() if is_so], seconds, peak[0]

    def _left_processes(self) -> int:
        left = [one for one in psutil.process_iter(["cmdline"]) if self.marker in (one.info["cmdline"] or [])]
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        return len(left)


def sandbox(stage: Stage, runs: int) -> Document:
    """S-10: 0 escapes, the host untouched, each within the limits. With one run only within the strongest walls of this
    machine, else within the weaker ones too."""
    state = real.prepare()
    if state.trouble:
        raise Failed(f"There is no sandbox here: {state.trouble}")
    states = [state] + [real.State(state.component)] * (state.bubblewrap and runs > 1)
    document: Document = {"snippets": len(SNIPPETS), "walls": {}}
    with _host() as host:
        for one in states:
            stage.say(f"{len(SNIPPETS)} snippets within {one.walls}")
            document["walls"][one.walls] = _tried(host, lambda code, one=one: real._reply(one, code, {}))
        silent = [name for name in TELLING if not host.try_(SNIPPETS[name], _outside)[0]]
    document |= {"outside": len(TELLING), "unnoticed_outside": silent}
    document["passed"] = not silent and not any(each["escapes"] for each in document["walls"].values())
    return document


def _tried(host: Host, run: Run) -> Document:
    found = {name: host.try_(code, run) for name, code in SNIPPETS.items()}
    return {
        "escapes": {name: touched for name, (touched, _seconds, _peak) in found.items() if touched},
        "seconds_most": round(max(seconds for _touched, seconds, _peak in found.values()), 1),
        "megabytes_most": round(max(peak for _touched, _seconds, peak in found.values())),
    }


@contextmanager
def _host() -> Iterator[Host]:
    """This process, with all that a snippet could reach in it."""
    secret = secrets.token_hex(16)
    listener = socket.create_server(("127.0.0.1", 0))
    host = Host(secret, listener.getsockname()[1])

    def answer() -> None:
        with suppress(OSError):
            while True:
                listener.accept()[0].close()
                host.calls += 1

    def note(_signal: int, _frame: Any) -> None:
        host.signals += 1

    os.environ["SANDBOX_CANARY"] = secret
    former = signal.signal(signal.SIGUSR1, note)
    threading.Thread(target=answer, daemon=True).start()
    with tempfile.TemporaryFile() as file:
        file.write(secret.encode())
        file.flush()
        os.set_inheritable(file.fileno(), True)
        file.seek(0)
        try:
            yield host
        finally:
            signal.signal(signal.SIGUSR1, former)
            del os.environ["SANDBOX_CANARY"]
            listener.close()


def _outside(code: str) -> Any:
    """The snippet's result without any sandbox, but with our environment and open files: for TELLING only."""
    with tempfile.TemporaryFile() as reply:
        process = subprocess.Popen(
            [sys.executable, "-c", BARE],
            stdin=subprocess.PIPE,
            stdout=reply,
            stderr=subprocess.DEVNULL,
            close_fds=False,
        )
        try:
            process.communicate(code.encode(), timeout=real.SECONDS + SLACK + 1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reply.seek(0)
        try:
            return json.loads(reply.read())
        except ValueError:
            return None


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The most megabytes that our children have resident meanwhile, together."""
    peak, over = [0.0], threading.Event()
    known = {one.pid for one in psutil.Process().children(recursive=True)}

    def look() -> None:
        while not over.wait(0.02):
            total = 0.0
            for one in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    total += one.memory_info().rss / 1e6 if one.pid not in known else 0
            peak[0] = max(peak[0], total)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join()


def _letters(said: Any) -> str:
    """All that a reply says, where it says letters as numbers too."""
    result = said.get("result") if isinstance(said, dict) else None
    numbers = result if isinstance(result, list) else []
    return str(said) + "".join(chr(one) for one in numbers if isinstance(one, int) and 0 <= one < 0x110000)


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {"sandbox": (sandbox, 2)}
