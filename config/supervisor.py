"""Runs Scenthound: the services, and besides the egress door, the worker, the periodic tasks and the web server.

`python -m config.supervisor` is what script/server ends in. Commands that need the worker (add_source --wait, research)
use `running`, which starts all but the web server in the background where no script/server runs with this DATA_DIR.
Does no work of its own: it starts, shows, restarts and stops.
"""

import asyncio
import errno
import fcntl
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.management import get_commands
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper

from config import children, chromium, env, logs, services
from config.checks import SETTINGS_TAG
from config.children import Child
from config.errors import CannotStart

COLOURS = {"web": 36, "worker": 32, "egress": 35, "beat": 34, "sample": 33}
LOOK_SECONDS = 2.0  # between two looks whether PostgreSQL and the broker are still there
BACKGROUND = "--background"


class StopAsked(Exception):
    """Ctrl-C, or SIGTERM."""


@contextmanager
def running() -> Iterator[None]:
    """Hold up, for the length of the block, all that a worker needs and the worker itself. What script/server runs with
    the same DATA_DIR, or, with EGRESS_URL set, somebody else in containers, is not started again. Raises CannotStart.
    """
    with services.running():
        if settings.EGRESS_URL or _is_locked(_server_lock()):
            yield
            return
        with (settings.DATA_DIR / "logs" / "background.log").open("wb") as output:
            background = subprocess.Popen(
                children.tethered([sys.executable, "-m", "config.supervisor", BACKGROUND]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=env.TOP,
                env=_environment(),
            )
        try:
            yield
        finally:
            background.terminate()
            background.wait()


def main() -> None:
    """The whole server, or with --background all but the web server."""
    env.choose_settings()
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(0))  # until the loop runs: leave through every `finally`
    try:
        django.setup()
        if BACKGROUND in sys.argv:
            with services.running():
                asyncio.run(_until_asked(_services(), _background()))
        else:
            serve()
    except (env.BadEnvironment, CannotStart) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def serve() -> None:
    """Hold the site up until a signal comes. Raises CannotStart."""
    services.prepare_folders()
    with _server_lock().open("a+") as lock:
        if not _locked(lock):
            raise CannotStart(f"Scenthound already runs with the data folder {settings.DATA_DIR}.")
        _complain()
        with _listener() as listener, services.running():
            chromium.ensure()
            if settings.BROKER_URL:
                services.check_broker()
            services.migrate()
            password = _make_admin()
            _leave_database()
            asyncio.run(_until_asked(_services(), _web(listener), _background(), _welcome(password)))
    print("Stopped.", flush=True)


# --- Before the start ------------------------------------------------------------------------------------------------


def _complain() -> None:
    """Say what is wrong with the settings. Raises CannotStart."""
    found = checks.run_checks(tags=[SETTINGS_TAG])  # Django's own would import every view: script/test runs them
    errors = [f"{message.msg} ({message.id})" for message in found if message.is_serious()]
    if errors:
        raise CannotStart("\n".join(errors))
    for message in found:
        print(f"{message.msg} ({message.id})", file=sys.stderr)


def _listener() -> socket.socket:
    """The socket the site is served on: opened here, so that requests wait while the web server restarts."""
    address = f"{settings.HOST}:{settings.PORT}"
    try:
        return socket.create_server((settings.HOST, settings.PORT), backlog=512)
    except PermissionError as error:
        raise CannotStart(f"This user may not listen on {address}; choose a PORT above 1023.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(f"Something else listens on {address} already; set PORT to a free one.") from error
        raise CannotStart(f"Nothing can listen on {address}: is HOST an address of this machine?") from error


def _make_admin() -> str:
    """Make the first administrator where there is none: the password, which is kept nowhere; else an empty string."""
    users = get_user_model().objects
    if users.filter(is_superuser=True).exists():
        return ""
    password = secrets.token_urlsafe(12)
    users.create_superuser("admin", password=password)
    return password


def _leave_database() -> None:
    """Close all connections, and the pool's threads with them: from here on only the children work with it."""
    connections.close_all()
    database = connections["default"]
    assert isinstance(database, DatabaseWrapper), "DATABASES names PostgreSQL"
    database.close_pool()


# --- The children ----------------------------------------------------------------------------------------------------


async def _until_asked(*work: Coroutine[None, None, None]) -> None:
    """Do all the work at once until a signal asks to stop, or until one raises CannotStart."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in (_signalled(), *work):
                group.create_task(one)
    except* StopAsked:
        pass
    except* CannotStart as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):  # a group within a group, as _background has one of its own
            first = first.exceptions[0]
        raise first from None


async def _signalled() -> NoReturn:
    asked = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sign, asked.set)
    await asked.wait()
    print("Stopping ...", flush=True)
    raise StopAsked


async def _services() -> NoReturn:
    """Start an embedded service that was killed again; of two supervisors the later one finds it up.

    We are one of the services' users until the loop has ended, and it does not end before its threads: what is started
    here is not being stopped elsewhere, and is stopped with all the others. Raises CannotStart, like `keep_up`.
    """
    deaths: dict[str, children.Deaths] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for name in services.ended():
            pause = deaths.setdefault(name, children.Deaths(name)).another(f"see {settings.DATA_DIR / 'logs'}")
            _say(name, f"{name} ended; starting it again")
            await asyncio.sleep(pause)
            try:
                await asyncio.to_thread(services.start)
            except CannotStart as error:
                _say(name, str(error))


async def _web(listener: socket.socket) -> None:
    command = (sys.executable, "-m", "config.web", "--fd", str(listener.fileno()))
    await children.keep_up(Child("web", command, (listener.fileno(),)), _say, _environment())


async def _background() -> None:
    """Keep the door, the worker and the periodic tasks up. One process a DATA_DIR does so; others wait to take over."""
    with (settings.DATA_DIR / "run" / "background.lock").open("a+") as lock:
        while not _locked(lock):
            await asyncio.sleep(0.2)
        (settings.DATA_DIR / "run" / "egress.json").unlink(missing_ok=True)
        celery = (sys.executable, "-m", "celery", "--quiet", "-A", "config")
        alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        work = [
            Child("worker", (*celery, "worker", *alone)),
            Child("beat", (*celery, "beat", "--pidfile=")),
        ]
        if not settings.EGRESS_URL:
            work.insert(0, Child("egress", (sys.executable, "manage.py", "egress")))
        async with asyncio.TaskGroup() as group:
            for child in work:
                group.create_task(children.keep_up(child, _say, _environment()))


async def _welcome(password: str) -> None:
    """Wait until the site answers, say where it is, and see that there is something to ask."""
    print(f"Data:   {settings.DATA_DIR}", flush=True)
    if password:
        print(f"Admin:  sign in as admin with the password {password} (shown only this once)", flush=True)
    while not await _answers():
        await asyncio.sleep(0.1)
    print(f"Ready:  http://localhost:{settings.PORT} (Ctrl-C stops everything)", flush=True)
    if "add_sample" in get_commands():
        await children.run(Child("sample", (sys.executable, "manage.py", "add_sample")), _say, _environment())


async def _answers() -> bool:
    """Whether the web server, not only its socket, answers."""
    host = "127.0.0.1" if settings.HOST == "0.0.0.0" else settings.HOST  # noqa: S104 - compared, not bound
    try:
        reader, writer = await asyncio.open_connection(host, settings.PORT)
        writer.write(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = await reader.readline()
        writer.close()
    except OSError:
        return False
    return answer.startswith(b"HTTP/")


# --- Small things ----------------------------------------------------------------------------------------------------


def _say(name: str, line: str) -> None:
    """Show a child's line: with its name where people read, as it is where lines are JSON."""
    if not logs.is_pretty(settings.LOG_FORMAT):
        print(line, flush=True)
    elif sys.stdout.isatty():
        print(f"\033[{COLOURS.get(name, 0)}m{name:>6}\033[0m {line}", flush=True)
    else:
        print(f"{name:>6} {line}", flush=True)


def _environment() -> dict[str, str]:
    """What the children get: our settings, whatever folder they run in and wherever they write to."""
    form = "pretty" if logs.is_pretty(settings.LOG_FORMAT) else "json"
    return env.with_changes(DATA_DIR=str(settings.DATA_DIR), LOG_FORMAT=form, PYTHONUNBUFFERED="1")


def _server_lock() -> Path:
    return Path(settings.DATA_DIR) / "run" / "server.lock"


def _locked(file: IO[str]) -> bool:
    """Take the lock, until the file is closed, unless another process has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    with path.open("a+") as file:
        return not _locked(file)


if __name__ == "__main__":
    main()
