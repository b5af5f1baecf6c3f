"""Holds PostgreSQL and the broker up while somebody works with them.

With DATABASE_URL and BROKER_URL real servers are only asked; without, config/embedded.py starts servers of our own, and
config/keeper.py stops them when their last user is gone. Nothing else here or anywhere knows the difference.
A service of our own that dies is started again by those of its users that look (`ended`): config/supervisor.py does.
Called by manage.py, config/supervisor.py and the tests.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from redis import Redis, RedisError

from config import embedded, keeper
from config.errors import CannotStart

PGVECTOR = (0, 8)  # iterative index scans


@contextmanager
def running() -> Iterator[None]:
    """Hold the services up for the length of the block: start what is missing, stop the embedded ones as their last
    user. Real servers are only asked whether they answer. Raises CannotStart."""
    prepare_folders()
    if settings.DATABASE_URL:
        check_database()
    if settings.DATABASE_URL and settings.BROKER_URL:
        yield
        return
    with (settings.DATA_DIR / "run" / "users.lock").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            start()
            yield
        finally:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Somebody else works with them still: nothing to wait for. Or the keeper is stopping them: wait for it.
                fcntl.flock(users, fcntl.LOCK_SH)
            else:
                keeper.stop(settings.SOCKETS)


def start() -> None:
    """Start what is missing of the embedded services and their keeper, one process at a time. Whoever calls it is one
    of their users until it has returned: so nobody is about to stop them. Raises CannotStart."""
    with (settings.DATA_DIR / "run" / "start.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        embedded.start_keeper()
        if not settings.DATABASE_URL:
            embedded.start_postgres()
        if not settings.BROKER_URL:
            embedded.start_valkey()


def ended() -> list[str]:
    """The embedded services that were up and whose process is gone, by name."""
    urls = {"postgres": settings.DATABASE_URL, "valkey": settings.BROKER_URL}
    return [name for name, url in urls.items() if not url and not keeper.is_up(settings.SOCKETS, name)]


def prepare_folders() -> None:
    """Make DATA_DIR, what it has to hold and the site's secret key, all for this user only. Raises CannotStart."""
    data = settings.DATA_DIR
    try:
        for folder in (data, data / "run", data / "logs", settings.STATIC_ROOT, settings.SOCKETS):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = data / "secret-key"
        if not key.exists():
            part = key.with_name(f"secret-key.{os.getpid()}")
            part.touch(mode=0o600)
            part.write_text(secrets.token_urlsafe(50))
            part.rename(key)
        if settings.SECRET_KEY == settings.UNSAFE_SECRET_KEY:
            settings.SECRET_KEY = key.read_text()
        if not os.access(data, os.W_OK) or settings.SOCKETS.stat().st_uid != os.geteuid():
            raise PermissionError(13, "it belongs to somebody else")
    except OSError as error:
        raise CannotStart(f"The data folder {data} cannot be used: {error.strerror}.") from error


def check_database() -> None:
    """Ask the server of DATABASE_URL whether it answers and has pgvector. Raises CannotStart."""
    try:
        with psycopg.connect(settings.DATABASE_URL, connect_timeout=10) as database:
            found = database.execute(
                "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
                " AND installed_version IS NULL"
                " UNION ALL SELECT extversion FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise CannotStart(f"The database of DATABASE_URL does not answer: {reason}") from error
    wanted = ".".join(map(str, PGVECTOR))
    if found is None:
        raise CannotStart(f"The database server of DATABASE_URL has no pgvector; version {wanted} or newer is needed.")
    if tuple(int(part) for part in found[0].split(".")[:2]) < PGVECTOR:
        raise CannotStart(f"The database of DATABASE_URL has pgvector {found[0]}; {wanted} or newer is needed.")


def check_broker() -> None:
    """Ask the broker whether it answers. Raises CannotStart."""
    try:
        Redis.from_url(settings.REDIS_URL, socket_connect_timeout=10).ping()
    except (RedisError, ValueError) as error:
        raise CannotStart(f"The broker of BROKER_URL does not answer: {error}") from error


def migrate() -> None:
    """Bring the database's tables up to date. One at a time."""
    with _migrating():
        if _missing_migrations():  # an idle migrate still takes a second
            call_command("migrate", verbosity=0, interactive=False)


def migrate_if_fresh() -> None:
    """Make the tables where there are none yet. Raises CannotStart where they are there and older than this program:
    what changes a database that is in use is for its owner to start."""
    with _migrating():
        missing = _missing_migrations()
        if missing and connection.introspection.table_names():
            raise CannotStart(
                f"The database is older than this program: it lacks {len(missing)} of its migrations, "
                f"{missing[0]} first. "
                "Run python manage.py migrate, or start script/server, which does so; then run this again."
            )
        if missing:
            call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _migrating() -> Iterator[None]:
    with (settings.DATA_DIR / "run" / "migrate.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _missing_migrations() -> list[str]:
    """What the database lacks, as "app.0001_name", in order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
