import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from redis import Redis

from config import services
from config.errors import CannotStart
from tests.config import processes

pytestmark = pytest.mark.slow


@pytest.fixture
def data():
    """A data folder with a path as short as people's are: pytest's own paths are too long for a socket."""
    with TemporaryDirectory(prefix="scenthound-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def used():
    """A data folder that has its database already, for tests that leave nothing running: it takes seconds to make."""
    with TemporaryDirectory(prefix="scenthound-") as folder:
        with processes.user(Path(folder)):
            pass
        yield Path(folder)


def databases(folder):
    with psycopg.connect(host=str(folder), user="scenthound", dbname="postgres") as database:
        return {name for (name,) in database.execute("SELECT datname FROM pg_database")}


def names(data):
    """What is up, in a word each."""
    commands = " ".join(processes.of(data).values())
    return {name for name in ("postgres -D", "valkey-server", "keeper.py") if name in commands}


def command(data, *arguments):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=processes.TOP,
        env=processes.environment(data),
        capture_output=True,
        text=True,
        check=False,
    )


ALL = {"postgres -D", "valkey-server", "keeper.py"}


def test_the_services_answer_and_stop_with_their_last_user(data):
    data = data / "folder with spaces"
    with processes.user(data):
        with processes.user(data):
            assert "scenthound" in databases(data / "run")
            assert Redis.from_url(f"unix://{data}/run/valkey.sock").ping()
        assert names(data) == ALL
    assert data.stat().st_mode & 0o077 == 0
    assert processes.of(data) == {}


def test_what_was_stored_is_there_at_the_next_start(used):
    with processes.user(used):
        Redis.from_url(f"unix://{used}/run/valkey.sock").set("bell", "rung")
        with psycopg.connect(host=str(used / "run"), user="scenthound", dbname="scenthound") as database:
            database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with processes.user(used):
        assert Redis.from_url(f"unix://{used}/run/valkey.sock").get("bell") == b"rung"
        with psycopg.connect(host=str(used / "run"), user="scenthound", dbname="scenthound") as database:
            assert database.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_user_that_is_killed_leaves_nothing_behind(used):
    with processes.user(used) as user:
        user.kill()
    processes.until(lambda: processes.of(used) == {}, what="everything is gone")


def test_services_whose_keeper_was_killed_are_adopted_and_stopped(used):
    with processes.user(used) as user:
        (keeper,) = [pid for pid, command in processes.of(used).items() if "keeper.py" in command]
        subprocess.run(["kill", "-9", str(keeper), str(user.pid)], check=True)
        user.wait()
    assert names(used) == ALL - {"keeper.py"}
    with processes.user(used):
        assert names(used) == ALL
    assert processes.of(used) == {}


def test_a_database_that_was_killed_recovers(used):
    with processes.user(used) as user:
        pids = [str(pid) for pid in processes.of(used)]
        subprocess.run(["kill", "-9", *pids], check=True)
        user.wait()
    with processes.user(used):
        assert "scenthound" in databases(used / "run")


def test_a_stale_process_id_is_never_signalled(used):
    """A file left by a crash may name a process that has nothing to do with us."""
    with subprocess.Popen(["sleep", "600"]) as stranger:
        try:
            (used / "run" / "postgres.pid").write_text(f"{stranger.pid}\n")
            (used / "run" / "valkey.pid").write_text(f"{stranger.pid}\n")
            with processes.user(used) as user:
                user.kill()
            processes.until(lambda: processes.of(used) == {})
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_very_long_data_folder_works(tmp_path):
    data = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 6)
    with processes.user(data):
        assert names(data) == ALL
    assert processes.of(data) == {}


def test_two_data_folders_do_not_meet(data):
    with processes.user(data / "one"), processes.user(data / "two"):
        Redis.from_url(f"unix://{data}/one/run/valkey.sock").set("mine", "1")
        assert Redis.from_url(f"unix://{data}/two/run/valkey.sock").get("mine") is None


def test_only_this_user_may_look_into_the_data_folder(used):
    for path in (used / "run", used / "postgres", used / "secret-key"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_data_folder_below_a_file_is_refused_in_one_sentence(data):
    (data / "file").write_text("")
    ended = command(data / "file" / "data", "clearsessions")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "cannot be used: Not a directory" in ended.stderr


def test_a_cluster_of_another_major_version_is_refused(data):
    with processes.user(data):
        pass
    (data / "postgres" / "PG_VERSION").write_text("12\n")
    ended = command(data, "clearsessions")
    assert ended.returncode == 1
    assert "was written by PostgreSQL 12" in ended.stderr
    processes.until(lambda: processes.of(data) == {})


def test_a_command_brings_a_fresh_database_up_to_date_and_says_of_an_older_one_what_to_run(data):
    asked = "from research.models import Run; print(Run.objects.count(), 'runs')"
    fresh = command(data, "shell", "--no-imports", "-c", asked)
    assert (fresh.returncode, fresh.stdout) == (0, "0 runs\n"), fresh.stderr
    assert processes.of(data) == {}
    with processes.user(data):
        assert command(data, "migrate", "--verbosity=0", "research", "0003").returncode == 0
        refused = command(data, "clearsessions")
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert "of its migrations, research.0004_trust first" in refused.stderr
        assert "Run python manage.py migrate" in refused.stderr
        assert command(data, "migrate", "--verbosity=0").returncode == 0
        assert command(data, "clearsessions").returncode == 0


def test_a_database_that_does_not_answer_is_said_in_one_sentence(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.DATABASE_URL = f"postgresql://somebody:very-secret@127.0.0.1:{port}/scenthound"
    with pytest.raises(CannotStart, match="does not answer") as refused:
        services.check_database()
    assert "very-secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.django_db
@pytest.mark.parametrize(("needed", "accepted"), [((0, 8), True), ((0, 99), False), ((1, 0), False)])
def test_the_version_of_pgvector_is_compared_by_number(settings, monkeypatch, needed, accepted):
    monkeypatch.setattr(services, "PGVECTOR", needed)
    settings.DATABASE_URL = make_conninfo(**settings.EMBEDDED_DATABASE)
    if accepted:
        services.check_database()
    else:
        with pytest.raises(CannotStart, match="or newer is needed"):
            services.check_database()


def test_a_broker_that_does_not_answer_is_said_in_one_sentence(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    with pytest.raises(CannotStart, match="BROKER_URL does not answer"):
        services.check_broker()
