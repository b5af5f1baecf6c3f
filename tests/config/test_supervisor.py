"""The whole server, really started: on a free port, with a data folder of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from redis import Redis

from config import chromium
from tests.config import processes

pytestmark = pytest.mark.slow

START_SECONDS = 120  # on a machine that does other things, too
STOP_SECONDS = 60


class Server:
    """script/server without its setting up."""

    def __init__(self, data: Path, **changes: str) -> None:
        self.data = data
        self.port = free_port()
        self.log = data.with_suffix(".log")
        # As if the sample had been there and was deleted: reading it keeps a core busy for more than a minute.
        (data / "sample").mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.supervisor"],
                cwd=processes.TOP,
                # A browser that is there already: a fresh data folder would look for Playwright's first.
                env=processes.environment(data, PORT=str(self.port), CHROMIUM=str(chromium.find() or ""), **changes),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, text: str, seconds: float = START_SECONDS) -> None:
        processes.until(
            lambda: text in self.said() or self.process.poll() is not None, seconds, f"{text}: {self.said()}"
        )
        assert text in self.said(), self.said()

    def status(self) -> int:
        try:
            with urlopen(f"http://localhost:{self.port}/healthz", timeout=30) as answer:
                return answer.status
        except HTTPError as error:
            return error.code

    def pid(self, part: str) -> int:
        return pid(self.data, part)

    def another(self, part: str, before: int) -> bool:
        """Whether another process than before has the part in its command, by one look: the killed one may be there."""
        return any(part in command and number != before for number, command in processes.of(self.data).items())


@pytest.fixture(scope="module")
def server():
    with TemporaryDirectory(prefix="scenthound-") as folder:
        server = Server(Path(folder) / "var")
        try:
            server.wait("Ready:")
            server.wait("celery@")  # the worker's "ready"
            yield server
        finally:
            server.process.send_signal(signal.SIGINT)
            ended = server.process.wait(60)
        assert ended == 0
        assert processes.of(server.data) == {}


def pid(data: Path, part: str) -> int:
    """The one process of the data folder whose command has the part in it."""
    (found,) = [pid for pid, command in processes.of(data).items() if part in command]
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def failing(data: Path, **changes: str) -> str:
    """What a start says that has to fail: one sentence."""
    ended = subprocess.run(
        [sys.executable, "-m", "config.supervisor"],
        cwd=processes.TOP,
        env=processes.environment(data, **changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


@contextmanager
def holding(data: Path) -> Iterator["subprocess.Popen[str]"]:
    """A command that holds up all that a worker needs, until the block ends."""
    script = (
        "import sys, django; from config import env; env.choose_settings(); django.setup()\n"
        "from config import supervisor\n"
        "with supervisor.running(): print('inside', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=processes.TOP,
        env=processes.environment(data),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout.readline() == "inside\n"
        yield command


def test_the_site_answers(server):
    assert server.status() == 200


def test_the_first_start_names_the_password_and_the_data_folder(server):
    assert len(re.findall(r"sign in as admin with the password \S{16} ", server.said())) == 1
    assert f"Data:   {server.data}" in server.said()
    assert f"http://localhost:{server.port}" in server.said()


def test_everything_runs_once(server):
    for part in ("config.web", "manage.py egress", "config worker", "config beat", "keeper.py"):
        assert server.pid(part)


def test_a_second_start_is_refused(server):
    said = failing(server.data, PORT=str(free_port()))
    assert f"already runs with the data folder {server.data}" in said


def test_a_port_in_use_is_said(server, tmp_path):
    said = failing(tmp_path / "other", PORT=str(server.port))
    assert f"listens on 127.0.0.1:{server.port} already" in said


def test_a_command_uses_what_the_server_runs(server):
    script = (
        "import django; from config import env; env.choose_settings(); django.setup()\n"
        "from config import supervisor\n"
        "with supervisor.running(): print('inside', flush=True)"
    )
    environment = processes.environment(server.data)
    command = [sys.executable, "-c", script]
    ended = subprocess.run(command, cwd=processes.TOP, env=environment, capture_output=True, text=True, check=False)
    assert ended.stdout == "inside\n", ended.stderr
    assert not (server.data / "logs" / "background.log").exists()
    assert server.status() == 200


def test_a_worker_that_is_killed_is_started_again(server):
    before = server.pid("config worker")
    os.kill(before, signal.SIGKILL)
    processes.until(lambda: server.another("config worker", before), START_SECONDS)
    assert "worker ended by signal 9; starting it again" in server.said()


def test_requests_wait_while_the_web_server_restarts(server):
    os.kill(server.pid("config.web"), signal.SIGKILL)
    assert server.status() == 200


@pytest.mark.parametrize(("name", "part"), [("postgres", "postgres -D"), ("valkey", "valkey-server")])
def test_a_service_that_is_killed_is_started_again(server, name, part):
    before = server.pid(part)
    os.kill(before, signal.SIGKILL)
    processes.until(lambda: server.another(part, before), START_SECONDS)
    processes.until(lambda: server.status() == 200, START_SECONDS)
    # Said by whichever supervisor saw it first: a command that came by may have its own in the background.
    told = [log.read_text(errors="replace") for log in (server.data / "logs").glob("background*.log")]
    assert any(f"{name} ended; starting it again" in said for said in (server.said(), *told))
    assert server.pid("keeper.py")
    # The worker works again: beat rings it, and it listens.
    bell = Redis.from_url(f"unix://{server.data}/run/valkey.sock")
    processes.until(lambda: any("brpop" in it["cmd"] for it in bell.client_list()), START_SECONDS)


def test_two_supervisors_start_a_killed_service_once(server):
    second = subprocess.Popen(
        [sys.executable, "-m", "config.supervisor", "--background"],
        cwd=processes.TOP,
        env=processes.environment(server.data),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        files = Path(f"/proc/{second.pid}/fd")
        waits = server.data / "run" / "background.lock"  # opened when it has begun to look
        processes.until(lambda: any(file.resolve() == waits for file in files.iterdir()), START_SECONDS)
        before = server.pid("valkey-server")
        os.kill(before, signal.SIGKILL)
        processes.until(lambda: server.another("valkey-server", before), START_SECONDS)
        time.sleep(5)  # both have looked
        assert server.pid("valkey-server") != before
        assert server.status() == 200
    finally:
        second.terminate()
        second.wait(60)
    assert server.status() == 200


def test_a_killed_server_leaves_no_process_and_one_whose_service_cannot_start_again_neither():
    with TemporaryDirectory(prefix="scenthound-") as folder:
        killed = Server(Path(folder) / "var")
        killed.wait("Ready:")
        killed.process.kill()
        killed.process.wait()
        processes.until(lambda: processes.of(killed.data) == {}, STOP_SECONDS, "everything is gone")

        server = Server(killed.data)
        server.wait("Ready:")
        assert "Admin:" not in server.said()  # the password was shown once
        (server.data / "postgres" / "PG_VERSION").write_text("12\n")
        os.kill(server.pid("postgres -D"), signal.SIGKILL)
        assert server.process.wait(START_SECONDS) == 1
        assert "was written by PostgreSQL 12" in server.said()
        assert "postgres ended 5 times within a minute and is given up" in server.said()
        processes.until(lambda: processes.of(server.data) == {}, STOP_SECONDS)


def test_commands_start_and_stop_the_worker_and_start_a_killed_service_again_themselves():
    with TemporaryDirectory(prefix="scenthound-") as folder:
        data = Path(folder)
        with holding(data) as command:
            bell = Redis.from_url(f"unix://{data}/run/valkey.sock")
            processes.until((data / "run" / "egress.json").exists, START_SECONDS)
            # The worker listens on its queue: that is what a doorbell needs.
            processes.until(lambda: any("brpop" in it["cmd"] for it in bell.client_list()), START_SECONDS)
            assert not any("config.web" in line for line in processes.of(data).values())
            os.kill(pid(data, "valkey-server"), signal.SIGKILL)
            said = data / "logs" / "background.log"
            processes.until(lambda: "valkey ended; starting it again" in said.read_text(), START_SECONDS)
            processes.until(lambda: "valkey-server" in " ".join(processes.of(data).values()), START_SECONDS)
        assert command.returncode == 0
        processes.until(lambda: processes.of(data) == {}, STOP_SECONDS)


def test_bad_settings_are_said(tmp_path):
    assert "PORT is 'many'" in failing(tmp_path, PORT="many")
    assert "LOG_LEVEL is LOUD" in failing(tmp_path, LOG_LEVEL="loud")
    assert "CHROMIUM is" in failing(tmp_path, CHROMIUM="/no/such/browser")


def test_a_database_that_does_not_answer_is_said(tmp_path):
    url = f"postgresql://somebody:very-secret@127.0.0.1:{free_port()}/x"
    said = failing(tmp_path, PORT=str(free_port()), DATABASE_URL=url)
    assert "DATABASE_URL does not answer" in said
    assert "very-secret" not in said
