"""The sandbox itself: its walls and limits, each alone, and what is said where there is none. script/drill sandbox
tries to get out of it in sixty ways."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from research import sandbox
from research.errors import StepFailed


@pytest.fixture(params=[True, False], ids=["bubblewrap", "bare"])
def within(request, monkeypatch):
    """The sandbox with bubblewrap around it, where this machine has that, and without."""
    state = sandbox.prepare()
    assert not state.trouble
    if request.param and not state.bubblewrap:
        pytest.skip("bubblewrap does not work on this machine")
    monkeypatch.setattr(sandbox, "_recorded", lambda: sandbox.State(state.component, request.param))


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
    component = sandbox.prepare().component
    if said:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{said}\n")
        (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name) if said else None)
    assert sandbox._first_that_works(component) == sandbox.State(component, bubblewrap=False)


@pytest.mark.parametrize("lost", ["component", "bwrap"])
def test_what_was_found_counts_while_it_is_there(elsewhere, monkeypatch, lost: str) -> None:
    component = sandbox._component()
    assert component
    state = sandbox.State(component, bubblewrap=True)
    (elsewhere / "sandbox").mkdir()
    (elsewhere / "sandbox" / component).touch()
    sandbox._record(state)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert sandbox._recorded() == state
    if lost == "component":
        (elsewhere / "sandbox" / component).unlink()
    else:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    assert sandbox._recorded() is None


async def test_a_process_that_cannot_be_started_fails_the_step(within, monkeypatch) -> None:
    monkeypatch.setattr(sandbox, "_command", lambda state: ["/nowhere"])
    with pytest.raises(StepFailed, match="could not be started: No such file"):
        await sandbox.run("result = 1", {})


@pytest.fixture
def elsewhere(settings, tmp_path: Path) -> Path:
    """A DATA_DIR where no sandbox was made."""
    settings.DATA_DIR = tmp_path
    return tmp_path


async def test_where_it_cannot_be_made_it_is_off_and_says_so(elsewhere, monkeypatch) -> None:
    assert sandbox.works()  # nobody has tried yet
    monkeypatch.setattr(sandbox, "_build", lambda component: "No space left on device")
    with pytest.raises(StepFailed, match="No space left on device"):
        await sandbox.run("result = 1", {})
    assert not sandbox.works()
    assert sandbox.trouble() == "No space left on device"
    assert sandbox.prepare().walls == ""


def test_a_component_that_cannot_be_built_leaves_the_last_words_of_its_builder(elsewhere, monkeypatch) -> None:
    (elsewhere / "sandbox").mkdir()
    (elsewhere / "build.py").write_text("raise OSError('it is too warm')")
    monkeypatch.setattr(sandbox, "_HERE", elsewhere)
    assert sandbox._build("any.cwasm") == "OSError: it is too warm"


def test_without_its_packages_it_is_off(elsewhere, monkeypatch) -> None:
    monkeypatch.setattr(sandbox, "PACKAGES", ("wasmtime", "scenthound-nothing"))
    sandbox._component.cache_clear()
    try:
        assert not sandbox.works()
        assert "scenthound-nothing" in sandbox.trouble()
    finally:
        sandbox._component.cache_clear()


def test_a_damaged_component_is_made_anew(elsewhere, monkeypatch) -> None:
    folder = elsewhere / "sandbox"
    folder.mkdir()
    component = sandbox._component()
    assert component
    (folder / component).write_bytes(b"no component")
    built = []
    monkeypatch.setattr(sandbox, "_build", lambda component: built.append(component) or "as expected")
    assert sandbox.prepare().trouble == "as expected"
    assert built == [component]


def test_the_ask_page_says_that_calculations_are_off_where_a_model_is_set(owner_client, elsewhere, monkeypatch) -> None:
    monkeypatch.setenv("CHAT_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("CHAT_MODEL", "a model")
    assert "Calculations are off" not in owner_client.get("/").content.decode()
    (elsewhere / "sandbox").mkdir()
    state = {"component": sandbox._component(), "bubblewrap": False, "trouble": "No space left."}
    (elsewhere / "sandbox" / "state.json").write_text(json.dumps(state))
    page = owner_client.get("/").content.decode()
    assert "Calculations are off." in page
    assert "No space left." in page
    monkeypatch.delenv("CHAT_URL")
    assert "Calculations are off" not in owner_client.get("/").content.decode()
