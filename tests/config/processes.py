"""Looking at the processes that Scenthound starts: tests ask what is up, and that nothing stays behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent

# A user of the services: says that they are up, and leaves when its standard input is closed.
USER = """
import sys
from config import env, services
env.choose_settings()
with services.running():
    print("up", flush=True)
    sys.stdin.read()
"""


def environment(data: Path, **changes: str) -> dict[str, str]:
    """This process's environment, for a Scenthound of its own in `data`."""
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return {**inherited, "DATA_DIR": str(data), **changes}


def of(data: Path) -> dict[int, str]:
    """The processes that live in the data folder, by process id: their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            # Valkey writes its title over both, and works in its folder.
            belongs = f"DATA_DIR={data}\0".encode() in (folder / "environ").read_bytes() + b"\0"
            belongs = belongs or (folder / "cwd").readlink().is_relative_to(data)
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:  # it has ended, or belongs to somebody else
            continue
        if state != "Z" and (belongs or str(data) in command):
            found[int(folder.name)] = command
    return found


def until(condition: Callable[[], object], seconds: float = 30, what: str = "") -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.05)


@contextmanager
def user(data: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that uses the embedded services of `data` until the block ends, or until it is killed in it."""
    with subprocess.Popen(
        [sys.executable, "-c", USER],
        cwd=TOP,
        env=environment(data),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said == "up\n", process.communicate()[1]
        yield process
