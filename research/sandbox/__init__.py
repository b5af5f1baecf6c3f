"""The sandbox: runs short Python that a model wrote, in a process of its own, under CPython for WebAssembly.

The walls, from the inside: a component that imports nothing (guest/, build.py), so that it has no file, clock, network
or process to name; the process that runs it, which has given up all but its pipes (keeper.py); bubblewrap around that
process, where it works on this machine; and our clock. JSON goes in and comes out; nothing is unpickled. Where the
component is and how it is made says component.py; a worker sees to it when it starts (`prepare_soon`), and a
calculation that comes earlier waits.
Never decides what may be computed: compute.py does. Called by research/tasks.py for the engine's Kit, by the page that
asks, and by the commands `check`, `models` and `make_sandbox`.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread, Timer
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from config.loop import in_pool
from research.errors import StepFailed
from research.sandbox import component
from research.sandbox.component import CannotMake

SECONDS = 10.0  # by the clock; keeper.py allows 5 of a processor
LONGEST = 100_000  # bytes of a reply that are read
AT_ONCE = 2  # each may take half a gigabyte
NOBODY = "65534"
SYSTEM = ("/usr", "/lib", "/lib64", "/bin")  # with the libraries that Python itself loads
KEEPER = Path(__file__).with_name("keeper.py")
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sandbox")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """What was found out about this machine: the component's file, whether bubblewrap goes around it, and why nothing
    can be computed, in words for people; empty where it can."""

    component: str
    bubblewrap: bool = False
    trouble: str = ""

    @property
    def walls(self) -> str:
        """What stands around a calculation, in words; empty where none is run."""
        if self.trouble:
            return ""
        return _("WebAssembly, in bubblewrap") if self.bubblewrap else _("WebAssembly")


_found: State | None = None  # by this process's last `prepare`


async def run(code: str, inputs: Mapping[str, Sequence[Any]]) -> Any:
    """What `code` leaves under the name `result`, with the lists `inputs` under theirs: JSON, dates as {"date": "..."}.

    Raises StepFailed where the code fails or takes too much, and where there is no sandbox here.
    """
    return await in_pool(_threads, _run, code, inputs)


def works() -> bool:
    """Whether calculations can be offered: as far as is known, when nothing was run yet."""
    return not trouble()


def is_ready() -> bool:
    """Whether a calculation would be run at once. Where not, it waits until the sandbox is made, or fails."""
    return _known() is not None


def is_being_made() -> bool:
    """Whether somebody, in this process or another, makes the sandbox just now."""
    return component.is_being_made()


def trouble() -> str:
    """Why nothing can be computed here, in words for people; empty where it can, or where that was not tried yet."""
    if not component.name():
        return _("The packages %s are not installed.") % ", ".join(component.PACKAGES)
    state = _known()
    return state.trouble if state else ""


def in_words() -> str:
    """Whether calculations are on, as far as is known, for operators."""
    if is_being_made():
        return _("their sandbox is being made just now, which takes about half a minute")
    state = _known()
    if why := trouble():
        return _("off. %s") % why
    if state is None:
        return _("not tried yet; a worker makes their sandbox when it starts")
    return _("on, within %s") % state.walls


def prepare() -> State:
    """Find out what works here, and make the component where there is none that does, which takes half a minute; while
    somebody else makes it, wait for that."""
    global _found  # noqa: PLW0603 - this process knows it also where it cannot be written down
    name = component.name()
    if not name:
        return State("", trouble=trouble())
    with suppress(OSError):
        for folder in (settings.DATA_DIR, _record_file().parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _found = _first_that_works() or _made()
    except CannotMake as error:
        _found = State(name, trouble=str(error))
    if _found.trouble:
        logger.warning("nothing can be computed. %s", _found.trouble)
    with suppress(OSError):
        _record(_found)
    return _found


def _run(code: str, inputs: Mapping[str, Sequence[Any]]) -> Any:
    state = _known() or prepare()
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
    python, wasmtime = getattr(sys, "_base_executable", sys.executable), component.wasmtime()
    command = [python, "-I", "-S", "-B", str(KEEPER), str(wasmtime.parent), state.component]
    if not state.bubblewrap:
        return command
    seen = [sys.base_prefix, str(wasmtime), str(KEEPER), state.component]
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


def prepare_soon() -> None:
    """`prepare`, and do not wait for it."""
    Thread(target=prepare, name="prepare sandbox", daemon=True).start()


def _made() -> State:
    """What works once the component is made, by us or by whoever was at it already. Raises CannotMake."""
    with component.making() as lock:
        state = _first_that_works()
        if state is None:
            component.make(lock)
            state = _first_that_works()
    if state is None:
        raise CannotMake(_("Its trial gave no result."))
    return state


def _first_that_works() -> State | None:
    """The strongest walls within which a trial gives its result."""
    for path in component.found():
        for bubblewrap in (True, False):
            state = State(str(path), bubblewrap)
            if bubblewrap and shutil.which("bwrap") is None:
                continue
            with suppress(OSError):
                if _reply(state, "result = 6 * 7", {}) == {"result": 42}:
                    return state
    return None


def _known() -> State | None:
    """What prepare() found, in this process or another one, while it is about what is needed and there now."""
    try:
        recorded = State(**json.loads(_record_file().read_text()))
    except (OSError, ValueError, TypeError):
        recorded = None
    return next((state for state in (recorded, _found) if state and _still_is(state)), None)


def _still_is(state: State) -> bool:
    path = Path(state.component)
    there = path.exists() and (not state.bubblewrap or shutil.which("bwrap") is not None)
    return path.name == component.name() and (bool(state.trouble) or there)


def _record(state: State) -> None:
    file = _record_file()
    part = file.with_name(f"state.{os.getpid()}")
    part.write_text(json.dumps(asdict(state)))
    part.rename(file)


def _record_file() -> Path:
    return Path(settings.DATA_DIR) / "sandbox" / "state.json"
