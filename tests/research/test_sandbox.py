"""The sandbox itself: its walls and limits, each alone, how it comes to be there, and what is said where there is none.
script/drill sandbox tries to get out of it in sixty ways."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import call_command

from research import sandbox, tasks
from research.errors import StepFailed
from research.sandbox import build, component
from tests.config.processes import until


@pytest.fixture(params=[True, False], ids=["bubblewrap", "bare"])
def within(request, monkeypatch):
    """The sandbox with bubblewrap around it, where this machine has that, and without."""
    state = sandbox.prepare()
    assert not state.trouble
    if request.param and not state.bubblewrap:
        pytest.skip("bubblewrap does not work on this machine")
    monkeypatch.setattr(sandbox, "_known", lambda: sandbox.State(state.component, request.param))


async def test_json_goes_in_and_comes_out(within) -> None:
    inputs = {"E1": [1, 2.5, True, {"date": "1991-05-12"}]}
    assert await sandbox.run("result = [E1[0] + E1[1], not E1[2], E1[3]]", inputs) == [
        3.5,
        False,
        {"date": "1991-05-12"},
    ]


async def test_the_same_code_gives_the_same_result(within) -> None:
    code = "import random\nresult = [random.random(), hash('a')]"
    assert await sandbox.run(code, {}) == await sandbox.run(code, {})


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('/etc/hostname')", "not computing"),
        ("import socket", "No module named"),
        ("import time\nresult = time.time()", "not computing"),
        ("result = bytearray(10**9)", "MemoryError"),
        ("print('x' * 10**9)", "MemoryError"),
        ("result = 'x'", "a result is"),
        ("result = [1] * 10**6", "too long"),
        ("raise SystemExit", "SystemExit"),
    ],
)
async def test_what_is_not_computing_fails_and_says_why(within, code: str, said: str) -> None:
    with pytest.raises(StepFailed, match=said):
        await sandbox.run(code, {})


async def test_what_does_not_end_is_ended(within) -> None:
    began = time.monotonic()
    with pytest.raises(StepFailed, match="more time"):
        await sandbox.run("while True: pass", {})
    assert time.monotonic() - began < sandbox.SECONDS + 2


async def test_it_is_killed_by_the_clock_where_it_takes_no_processor_time(within, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 0.5)
    monkeypatch.setattr(sandbox, "_command", lambda state: ["sleep", "60"])
    began = time.monotonic()
    with pytest.raises(StepFailed, match="more time"):
        await sandbox.run("result = 1", {})
    assert time.monotonic() - began < 5


async def test_a_reply_without_end_is_not_read_to_its_end(within, monkeypatch) -> None:
    monkeypatch.setattr(sandbox, "_command", lambda state: ["yes", '{"result": 1}'])
    with pytest.raises(StepFailed, match="more time"):
        await sandbox.run("result = 1", {})


async def test_the_process_inherits_no_environment_and_no_open_file(within, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("CHAT_KEY", "secret")
    child = f"import os, json; print(json.dumps({{'result': [dict(os.environ), os.listdir('{'/proc/self/fd'}')]}}))"
    monkeypatch.setattr(sandbox, "_command", lambda state: [shutil.which("python3") or "python3", "-I", "-c", child])
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        environment, files = await sandbox.run("", {})
    assert "CHAT_KEY" not in environment
    assert len(files) == 4  # its three, and the one that lists them


@pytest.mark.parametrize("said", ["exit 1", "sleep 1; echo '{}'", ""], ids=["fails", "says nothing", "is not there"])
def test_where_bubblewrap_does_not_work_it_is_left_out(monkeypatch, tmp_path: Path, said: str) -> None:
    made = sandbox.prepare().component
    if said:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{said}\n")
        (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name) if said else None)
    assert sandbox._first_that_works() == sandbox.State(made, bubblewrap=False)


async def test_a_process_that_cannot_be_started_fails_the_step(within, monkeypatch) -> None:
    monkeypatch.setattr(sandbox, "_command", lambda state: ["/nowhere"])
    with pytest.raises(StepFailed, match="could not be started: No such file"):
        await sandbox.run("result = 1", {})


@pytest.fixture(scope="module")
def real() -> str:
    """The real component of this installation."""
    return sandbox.prepare().component


@pytest.fixture
def elsewhere(settings, monkeypatch, tmp_path: Path) -> Path:
    """A DATA_DIR where no sandbox was made, of an installation where none was made either."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    monkeypatch.setattr(component, "folders", lambda: [tmp_path / "packages", settings.DATA_DIR / "sandbox"])
    monkeypatch.setattr(sandbox, "_found", None)
    return tmp_path


BUILDER = """
import shutil, sys, time
with open({log!r}, "a") as log:
    print("began", file=log)
time.sleep({seconds})
shutil.copy({made!r}, sys.argv[1])
"""


@pytest.fixture
def builder(request, real: str, elsewhere: Path, monkeypatch) -> Path:
    """One that takes as many seconds as it is given, and no processor. Returns its log, a line each time it begins."""
    log, script = elsewhere / "log", elsewhere / "builder.py"
    script.write_text(BUILDER.format(log=str(log), seconds=getattr(request, "param", 0.5), made=real))
    log.touch()
    monkeypatch.setattr(component, "BUILDER", script)
    return log


def test_two_who_need_it_at_once_make_it_once(builder: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: sandbox.prepare(), range(2))
    assert first == second
    assert not first.trouble
    assert builder.read_text() == "began\n"


MAKER = """
import django, sys
from pathlib import Path
django.setup()
from research import sandbox
from research.sandbox import component
component.folders, component.BUILDER = lambda: [Path(sys.argv[1])], Path(sys.argv[2])
sandbox.prepare()
"""


@pytest.mark.parametrize("builder", [60], indirect=True)
def test_one_who_is_killed_in_the_middle_leaves_it_to_the_next(elsewhere: Path, builder: Path, monkeypatch) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "DATA_DIR": str(elsewhere / "data")}
    command = [sys.executable, "-c", MAKER, str(elsewhere / "packages"), str(component.BUILDER)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        until(lambda: builder.read_text() == "began\n")
        assert sandbox.is_being_made()
        assert not sandbox.is_ready()
    finally:
        process.kill()
        process.wait()
    until(lambda: not sandbox.is_being_made())  # its builder has gone with it
    script = component.BUILDER.read_text().replace("sleep(60)", "sleep(0)")
    component.BUILDER.write_text(script)
    assert not sandbox.prepare().trouble
    assert builder.read_text() == "began\n" * 2


def test_what_a_killed_builder_left_is_thrown_away_and_what_is_not_whole_never_gets_the_name(
    tmp_path: Path, monkeypatch
) -> None:
    out = tmp_path / "a.cwasm"
    process = subprocess.Popen([sys.executable, "-I", str(component.BUILDER), str(out)], start_new_session=True)
    try:
        until((tmp_path / "part" / "guest").exists)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / "part").exists()
    assert not out.exists()

    def component_made(part: Path) -> Path:
        assert list(part.iterdir()) == []
        return part

    monkeypatch.setattr(build, "_be_humble", lambda: None)
    monkeypatch.setattr(build, "_component", component_made)
    monkeypatch.setattr(build, "_translated", lambda made: b"whole")
    monkeypatch.setattr(sys, "argv", ["build.py", str(out)])
    build.main()
    assert out.read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a.cwasm"]


async def test_a_calculation_that_comes_too_early_waits(builder: Path) -> None:
    assert not sandbox.is_ready()
    assert await sandbox.run("result = 6 * 7", {}) == 42
    assert sandbox.is_ready()


def test_another_data_folder_of_the_installation_finds_it(elsewhere: Path, builder: Path, settings) -> None:
    first = sandbox.prepare()
    settings.DATA_DIR = elsewhere / "other"
    assert sandbox.prepare() == first
    assert builder.read_text() == "began\n"


def test_where_packages_cannot_be_written_to_it_is_kept_with_the_data(elsewhere: Path, builder: Path) -> None:
    (elsewhere / "packages").touch()  # root may write to any folder
    assert Path(sandbox.prepare().component).parent == elsewhere / "data" / "sandbox"


def test_where_nothing_can_be_written_to_it_is_off_and_not_tried_with_each_calculation(
    elsewhere: Path, builder: Path
) -> None:
    for place in (elsewhere / "packages", elsewhere / "data" / "sandbox"):
        place.touch()
    said = f"{elsewhere / 'data' / 'sandbox'}: File exists."
    assert sandbox.prepare().trouble == said
    assert sandbox.trouble() == said  # this process knows, although it could not be written down
    assert builder.read_text() == ""


@pytest.mark.parametrize("lost", ["component", "bwrap"])
def test_what_was_found_counts_while_it_is_there(elsewhere: Path, monkeypatch, lost: str) -> None:
    path = elsewhere / component.name()
    path.touch()
    (elsewhere / "data" / "sandbox").mkdir()
    state = sandbox.State(str(path), bubblewrap=True)
    sandbox._record(state)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert sandbox._known() == state
    if lost == "component":
        path.unlink()
    else:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    assert sandbox._known() is None


async def test_where_it_cannot_be_made_it_is_off_and_says_so(elsewhere: Path, builder: Path) -> None:
    assert sandbox.works()  # nobody has tried yet
    component.BUILDER.write_text("raise OSError('it is too warm')")
    with pytest.raises(StepFailed, match="OSError: it is too warm"):
        await sandbox.run("result = 1", {})
    assert not sandbox.works()
    assert sandbox.trouble() == "OSError: it is too warm"
    assert sandbox.prepare().walls == ""


async def test_what_could_not_be_made_is_tried_again_when_a_worker_starts(builder: Path, monkeypatch) -> None:
    script = component.BUILDER.read_text()
    component.BUILDER.write_text("raise OSError('No space left')")
    assert sandbox.prepare().trouble
    component.BUILDER.write_text(script)
    tasks._see_to_the_sandbox()
    assert "prepare sandbox" not in [one.name for one in threading.enumerate()]  # without a model nobody computes
    monkeypatch.setenv("CHAT_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("CHAT_MODEL", "a model")
    tasks._see_to_the_sandbox()
    until(sandbox.works)


def test_without_its_packages_it_is_off(elsewhere: Path, monkeypatch) -> None:
    monkeypatch.setattr(component, "PACKAGES", ("wasmtime", "scenthound-nothing"))
    monkeypatch.setattr(component, "name", component.name.__wrapped__)  # what is cached is what all other tests need
    assert component.name() == ""
    assert not sandbox.works()
    assert "scenthound-nothing" in sandbox.trouble()
    assert sandbox.prepare().trouble == sandbox.trouble()
    assert not sandbox.is_being_made()


def test_a_damaged_component_is_made_anew(elsewhere: Path, builder: Path) -> None:
    path = elsewhere / "packages" / component.name()
    path.parent.mkdir()
    path.write_bytes(b"no component")
    assert sandbox.prepare().component == str(path)
    assert builder.read_text() == "began\n"


def test_the_command_check_says_how_calculations_stand(builder: Path, monkeypatch, settings, capsys) -> None:
    def said() -> str:
        call_command("check")
        return str(capsys.readouterr().out.splitlines()[-1])

    settings.SECRET_KEY = "a" * 50  # the tests' own is too short to pass
    assert "no issues" in said()  # without a model nobody computes
    monkeypatch.setenv("CHAT_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("CHAT_MODEL", "a model")
    assert said() == "calculations: not tried yet; a worker makes their sandbox when it starts"
    script = component.BUILDER.read_text()
    component.BUILDER.write_text("raise OSError('No space left.')")
    sandbox.prepare()
    assert said() == "calculations: off. OSError: No space left."
    with component.making():
        assert said().startswith("calculations: their sandbox is being made just now")
    component.BUILDER.write_text(script)
    sandbox.prepare()
    assert said().startswith("calculations: on, within WebAssembly")


def test_the_ask_page_says_that_calculations_are_off_where_a_model_is_set(owner_client, builder, monkeypatch) -> None:
    monkeypatch.setenv("CHAT_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("CHAT_MODEL", "a model")
    assert "Calculations are off" not in owner_client.get("/").content.decode()
    component.BUILDER.write_text("raise OSError('No space left.')")
    sandbox.prepare()
    page = owner_client.get("/").content.decode()
    assert "Calculations are off." in page
    assert "No space left." in page
    monkeypatch.delenv("CHAT_URL")
    assert "Calculations are off" not in owner_client.get("/").content.decode()
