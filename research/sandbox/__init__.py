"""The sandbox: runs short Python that a model wrote, in a process of its own, under CPython for WebAssembly.

The walls, from the inside: a component that imports nothing (guest/, build.py), so that it has no file, clock, network
or process to name; the process that runs it, which has given up all but its pipes (keeper.py); bubblewrap around that
process, where it works on this machine; and our clock. JSON goes in and comes out; nothing is unpickled. The component
is made when it is first needed, which takes half a minute, and kept in DATA_DIR/sandbox.
Never decides what may be computed: compute.py does. Called by research/tasks.py for the engine's Kit, by the page that
asks, and by the command `models`.
"""

import fcntl
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from config.children import tethered
from config.loop import in_pool
from research.errors import StepFailed

SECONDS = 10.0  # by the clock; keeper.py allows 5 of a processor
BUILD_SECONDS = 300.0  # 20 on two idle cores (LOG.md)
LONGEST = 100_000  # bytes of a reply that are read
AT_ONCE = 2  # each may take half a gigabyte
NOBODY = "65534"
PACKAGES = ("wasmtime", "componentize-py")
SYSTEM = ("/usr", "/lib", "/lib64", "/bin")  # with the libraries that Python itself loads
_HERE = Path(__file__).parent
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sandbox")


@dataclass(frozen=True)
class State:
    """What was found out about this machine: the component in DATA_DIR/sandbox, whether bubblewrap goes around it, and
    why nothing can be computed, in words for people; empty where it can."""

    component: str
    bubblewrap: bool = False
    trouble: str = ""

    @property
    def walls(self) -> str:
        """What stands around a calculation, in words; empty where none is run."""
        if self.trouble:
            return ""
        return _("WebAssembly, in bubblewrap") if self.bubblewrap else _("WebAssembly")


async def run(code: str, inputs: Mapping[str, Sequence[Any]]) -> Any:
    """What `code` leaves under the name `result`, with the lists `inputs` under theirs: JSON, dates as {"date": "..."}.

    Raises StepFailed where the code fails or takes too much, and where there is no sandbox here.
    """
    return await in_pool(_threads, _run, code, inputs)


def works() -> bool:
    """Whether calculations can be offered: as far as is known, when nothing was run yet."""
    return not trouble()


def trouble() -> str:
    """Why nothing can be computed here, in words for people; empty where it can, or where that was not tried yet."""
    if _component() is None:
        return _("The packages %s are not installed.") % ", ".join(PACKAGES)
    state = _recorded()
    return state.trouble if state else ""


def prepare() -> State:
    """Find out what works here, and make the component where there is none. Takes half a minute the first time."""
    component = _component()
    if component is None:
        return State("", trouble=trouble())
    _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with (_folder() / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = _first_that_works(component)
        if state is None:
            said = _build(component)
            state = _first_that_works(component) or State(component, trouble=said or _("Its trial gave no result."))
        _record(state)
    return state


def _run(code: str, inputs: Mapping[str, Sequence[Any]]) -> Any:
    state = _recorded() or prepare()
    if state.trouble:
        raise StepFailed(_("nothing can be computed here. %s") % state.trouble)
    try:
        reply = _reply(state, code, inputs)
    except OSError as error:
        raise StepFailed(f"its process could not be started: {error.strerror}.") from error
    if reply is None:
        raise StepFailed("it took more time or memory than a calculation may have.")
    if "error" in reply:
        raise StepFailed(f"{reply['error']}.")
    return reply["result"]


def _reply(state: State, code: str, inputs: Mapping[str, Sequence[Any]]) -> dict[str, Any] | None:
    """What the sandbox says, by its own word; None where it said nothing that can be read, or not in time. Raises
    OSError where its process could not be started."""
    process = subprocess.Popen(
        _command(state),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    clock = Timer(SECONDS, kill)
    clock.start()
    try:
        with suppress(BrokenPipeError), process.stdin as request:
            request.write(json.dumps({"code": code, "inputs": inputs}).encode())
        said = process.stdout.read(LONGEST)
    finally:
        clock.cancel()
        kill()
        process.wait()
        process.stdout.close()
    try:
        reply = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return reply if isinstance(reply, dict) and reply.keys() & {"result", "error"} else None


def _command(state: State) -> list[str]:
    python, packages = getattr(sys, "_base_executable", sys.executable), _wasmtime().parent
    keeper, component = _HERE / "keeper.py", _folder() / state.component
    command = [python, "-I", "-S", "-B", str(keeper), str(packages), str(component)]
    if not state.bubblewrap:
        return command
    seen = [sys.base_prefix, str(_wasmtime()), str(keeper), str(component)]
    walls = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-user",
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
    ]
    walls += ["--uid", NOBODY, "--gid", NOBODY]
    for path in SYSTEM:
        walls += ["--ro-bind-try", path, path]
    for path in seen:
        walls += ["--ro-bind", path, path]
    return [*walls, "--remount-ro", "/", "--chdir", "/", *command]


def _first_that_works(component: str) -> State | None:
    """The strongest walls within which a trial gives its result."""
    if (_folder() / component).exists():
        for bubblewrap in (True, False):
            state = State(component, bubblewrap)
            if bubblewrap and shutil.which("bwrap") is None:
                continue
            with suppress(OSError):
                if _reply(state, "result = 6 * 7", {}) == {"result": 42}:
                    return state
    return None


def _build(component: str) -> str:
    """Make the component; why that failed, in its last words, or an empty text."""
    part = _folder() / f"{component}.{os.getpid()}"
    command = [sys.executable, "-I", "-B", str(_HERE / "build.py"), str(part)]
    try:
        done = subprocess.run(
            tethered(command), capture_output=True, timeout=BUILD_SECONDS, check=False, env={}, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        return done.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"Status {done.returncode}."
    for old in _folder().glob("*.cwasm"):
        old.unlink()
    part.rename(_folder() / component)
    return ""


@cache
def _component() -> str | None:
    """The name of the component's file, from all that it is made of; None where it cannot be made."""
    try:
        made_of = [f"{name} {version(name)}" for name in PACKAGES]
    except PackageNotFoundError:
        return None
    made_of += [platform.platform(), *(path.read_text() for path in sorted((_HERE / "guest").glob("*.*")))]
    return f"{sha256(repr(made_of).encode()).hexdigest()[:16]}.cwasm"


@cache
def _wasmtime() -> Path:
    """The folder of the package, without loading its 30 MB library into this process."""
    found = find_spec("wasmtime")
    assert found is not None, "_component() has its version"
    assert found.origin is not None
    return Path(found.origin).parent


def _recorded() -> State | None:
    """What prepare() found, while it is about what is needed and there now."""
    try:
        state = State(**json.loads((_folder() / "state.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    there = state.trouble or (_folder() / state.component).exists()
    fits = state.component == _component() and (not state.bubblewrap or shutil.which("bwrap"))
    return state if there and fits else None


def _record(state: State) -> None:
    part = _folder() / f"state.{os.getpid()}"
    part.write_text(json.dumps(asdict(state)))
    part.rename(_folder() / "state.json")


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "sandbox"
