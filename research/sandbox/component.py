"""The component that calculations run in: its name, where it is kept, and how it comes to be there, once.

Making it (build.py) takes 22 seconds of a processor. It depends on nothing but the packages that it is made of, guest/
and the kind of processor; so it is kept beside those packages, as their bytecode is, where all data folders of an
installation find it, and in DATA_DIR/sandbox only where nobody may write there. Whoever makes it holds a lock; what was
left half made by one who was killed is thrown away by the next.
Called by research/sandbox/__init__.py, which tries what is found here, and by its tests.
"""

import fcntl
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings

from config.children import tethered

PACKAGES = ("wasmtime", "componentize-py")
LONGEST = 1800.0  # seconds of making it, which lets others go first: with a load of 37 on two cores it took 520
BUILDER = Path(__file__).with_name("build.py")
_GUEST = Path(__file__).with_name("guest")

logger = logging.getLogger(__name__)


class CannotMake(Exception):
    """Why there is no component, in words for people."""


@cache
def name() -> str:
    """The name of its file, from all that it is made of; empty where the packages are not installed."""
    try:
        made_of = [f"{package} {version(package)}" for package in PACKAGES]
    except PackageNotFoundError:
        return ""
    made_of += [sys.platform, platform.machine()]
    made_of += [path.read_text() for path in (BUILDER, *sorted(_GUEST.glob("*.*")))]
    return f"{sha256(repr(made_of).encode()).hexdigest()[:16]}.cwasm"


@cache
def wasmtime() -> Path:
    """The folder of the package, without loading its 30 MB library into this process."""
    found = find_spec("wasmtime")
    assert found is not None, "name() has its version"
    assert found.origin is not None
    return Path(found.origin).parent


def folders() -> list[Path]:
    """Where it may be, the one that is preferred first; nowhere, where the packages are not installed."""
    if not name():
        return []
    return [wasmtime().with_name("scenthound-sandbox"), Path(settings.DATA_DIR) / "sandbox"]


def found() -> list[Path]:
    """The components that are there. Nothing is said about whether they work."""
    return [path for folder in folders() if (path := folder / name()).exists()]


def is_being_made() -> bool:
    """Whether somebody, in this process or another, is at it just now."""
    for folder in folders():
        with suppress(OSError), (folder / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    return False


@contextmanager
def making() -> Iterator[int]:
    """Hold the lock of whoever makes it; wait for it first. Gives its file number, for `make`. Raises CannotMake."""
    path = _folder() / "lock"
    try:
        lock = path.open("a")
    except OSError as error:
        raise CannotMake(f"{path}: {error.strerror}.") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def make(lock: int) -> Path:
    """Make it, with the lock of `making`. Raises CannotMake, with the last words of what failed."""
    folder, began = _folder(), time.monotonic()
    out = folder / name()
    logger.info("the sandbox for calculations is being made, once; it takes about half a minute")
    # Its environment is empty, as componentize-py would search that for packages. It holds the lock as long as it runs.
    command = tethered([sys.executable, "-I", str(BUILDER), str(out)])
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=LONGEST,
            check=False,
            env={},
            cwd="/",
            pass_fds=(lock,),
            start_new_session=True,  # for build.py to be humble as a whole
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotMake(str(error)) from error
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise CannotMake(words or f"Status {done.returncode}.")
    for other in folder.glob("*.cwasm"):
        if other != out:
            other.unlink()
    logger.info("the sandbox for calculations is made (%d s)", time.monotonic() - began)
    return out


def _folder() -> Path:
    """The first folder that can be made and written to. Raises CannotMake."""
    why = ""
    for folder in folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = f"{folder}: {error.strerror}."
            continue
        if os.access(folder, os.W_OK):
            return folder
        why = f"{folder}: {os.strerror(13)}."
    raise CannotMake(why)
