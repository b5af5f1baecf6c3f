"""manage.py serve_model: what it refuses, what it says, and what it becomes. Nothing is served here: transformers is no
part of the installation."""

import json
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from research.management.commands import serve_model


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """What the process would have become."""
    found: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(serve_model, "_look_for", lambda packages: None)
    monkeypatch.setattr(
        serve_model.os, "execve", lambda _path, program, environment: found.append((program, environment))
    )
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    return tmp_path


def test_what_is_missing_is_named_with_the_command_that_installs_it(folder: Path) -> None:
    with pytest.raises(CommandError, match=r"torch, transformers.*: .*python.* -m pip install torch") as missing:
        call_command("serve_model", str(folder))
    assert sys.executable in str(missing.value)


def test_a_folder_is_served_offline_and_its_settings_are_said(
    folder: Path,
    became: list[tuple[list[str], dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys,
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    call_command("serve_model", str(folder), port=8123)
    ((program, environment),) = became
    assert program[-5:] == [str(folder), "--host", "127.0.0.1", "--port", "8123"]
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert (tmp_path / "hf" / "hub").is_dir()  # without it the server does not start
    assert capsys.readouterr().out.splitlines()[1:] == ["CHAT_URL=http://127.0.0.1:8123/v1", f"CHAT_MODEL={folder}"]


def test_a_name_on_the_hub_is_left_as_it_is(became: list[tuple[list[str], dict[str, str]]], monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    call_command("serve_model", "Qwen/Qwen3-4B")
    ((program, environment),) = became
    assert "Qwen/Qwen3-4B" in program
    assert environment.get("HF_HUB_OFFLINE") != "1"


@pytest.mark.parametrize(
    ("config", "says"), [(None, "config.json cannot be read"), ({"architectures": None}, "names no architectures")]
)
def test_a_folder_that_cannot_be_served_is_refused_before_it_is_tried(
    config: object, says: str, tmp_path: Path, became: list[tuple[list[str], dict[str, str]]]
) -> None:
    if config:
        (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CommandError, match=says):
        call_command("serve_model", str(tmp_path))
    assert became == []


def test_a_place_without_a_model_is_refused(tmp_path: Path, became: list[tuple[list[str], dict[str, str]]]) -> None:
    with pytest.raises(CommandError, match="There is no model"):
        call_command("serve_model", str(tmp_path / "none.gguf"))
    assert became == []


def test_a_gguf_is_turned_into_a_folder_once(
    tmp_path: Path, became: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch, settings
) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(serve_model, "find_spec", lambda name: object())
    monkeypatch.setattr(
        serve_model,
        "CONVERT",
        "import sys, pathlib; folder = pathlib.Path(sys.argv[2]); folder.mkdir();"
        " (folder / 'config.json').write_text('{}'); print(sys.argv[1], file=(folder / 'log').open('a'))",
    )
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF")
    for _time in range(2):
        call_command("serve_model", str(file))
    first, second = (program[program.index("serve") + 1] for program, _environment in became)
    assert first == second == str(tmp_path / "models" / "tiny-4")
    assert (Path(first) / "log").read_text() == f"{file}\n"
