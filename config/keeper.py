"""Stops the embedded services when nobody uses them any more, however their users ended.

Every user of the services holds a shared lock on `users.lock` while it works, and the kernel drops the lock of a
process that dies, kill -9 included. The keeper is a small process that waits for the lock exclusively: it gets it when
the last user is gone, and then stops the services. Imports nothing but the standard library, and not the package
config: it lives as long as the services do and costs 10 MB.
Started by config/services.py, which uses `stop` itself when its user is the last one and wants to see it done, and
`is_up` while it holds the services up.
"""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from pathlib import Path

# SIGINT is PostgreSQL's "fast" shutdown: it ends connections, writes a checkpoint, exits. Valkey saves on SIGTERM.
SERVICES = {
    "postgres": (".s.PGSQL.5432", signal.SIGINT),
    "valkey": ("valkey.sock", signal.SIGTERM),
}
STOP_SECONDS = 60


def stop(sockets: Path) -> None:
    """Stop the services whose sockets are in the folder, and wait until they are gone."""
    stopping = [pid for name in SERVICES if (pid := _signalled(sockets, name))]
    deadline = time.monotonic() + STOP_SECONDS
    while any(map(_alive, stopping)) and time.monotonic() < deadline:
        time.sleep(0.02)


def is_up(sockets: Path, name: str) -> bool:
    """Whether the process of a service that was up a moment ago still is. Asks the kernel, not the service."""
    with contextlib.suppress(OSError, ValueError):
        return _alive(_pid(sockets, name))
    return False


def _signalled(sockets: Path, name: str) -> int | None:
    """The process that was told to stop. A process id is believed only while its service answers: a file left by a
    crash may name a stranger by now."""
    path, sign = SERVICES[name]
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as line:
        line.connect(str(sockets / path))
        pid = _pid(sockets, name)
        os.kill(pid, sign)
        return pid
    return None


def _pid(sockets: Path, name: str) -> int:
    return int((sockets / f"{name}.pid").read_text().split("\n", 1)[0])


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # where it was started by this very process, it stays a zombie until waited for
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # no /proc on this system
        return True
    return state != "Z"  # a zombie waits for whoever started it, who may have other things to do


def main(run: Path, sockets: Path) -> None:
    """Wait in DATA_DIR/run until nobody uses the services, then stop them. Only one keeper stays."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Left in the other order, its own lock first: who gets in next as a user must find no keeper, and start one.
    with (run / "users.lock").open("a") as users, (run / "keeper.lock").open("a") as keeper:
        try:
            fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        fcntl.flock(users, fcntl.LOCK_EX)
        stop(sockets)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
