"""manage.py models: each role's server as it is, what is worked around, or what to do."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from research import sandbox
from research.sandbox import component
from tests.fakes.model_server import ModelServer, model_server  # noqa: F401 - a fixture


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, model_server: ModelServer) -> ModelServer:  # noqa: F811
    monkeypatch.setenv("CHAT_URL", model_server.url)
    return model_server


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    call_command("models", json=True)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_without_a_server_it_says_that_no_model_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("models")
    assert "no model is asked" in capsys.readouterr().out


def test_a_server_that_can_everything_is_shown_once_for_all_roles(
    named: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    named.counts_tokens = named.tool_calls = True
    call_command("models")
    first, facts, computing = capsys.readouterr().out.splitlines()
    assert first == f"planner, reader, writer, judge: scripted {named.url}"
    assert facts.strip() == (
        "context 8192 tokens (server) · JSON schema obeyed · does not think aloud · tools called · tokens by server · "
        "8 calls at once, at most 64"
    )
    assert computing.startswith("calculations: on, within WebAssembly")
    assert len(named.probed) == 2  # one for the schema, one for the tools


def test_a_sandbox_that_cannot_be_made_is_said_to_be_off(
    named: ModelServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "prepare", lambda: sandbox.State("", trouble="No space left."))
    monkeypatch.setattr(sandbox, "trouble", lambda: "No space left.")
    call_command("models")
    assert capsys.readouterr().out.splitlines()[-1] == "calculations: off. No space left."
    assert shown(capsys)["sandbox"] == {"walls": "", "trouble": "No space left.", "being_made": False}


def test_a_sandbox_that_is_being_made_is_said_to_be(named: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    with component.making():
        call_command("models")
        assert "is being made just now" in capsys.readouterr().out.splitlines()[-1]
        assert shown(capsys)["sandbox"] == {"walls": "", "trouble": "", "being_made": True}


def test_what_is_missing_is_named_with_what_is_done_about_it(
    named: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    named.refuses = frozenset({"response_format", "stream_options", "tools"})
    named.thinks = "Hm."
    named.models[:] = [{"id": "scripted"}]
    judge = shown(capsys)["roles"]["judge"]
    assert (judge["schema"], judge["thinks"], judge["tools"], judge["tokens"]) == (
        *("refused", True, "refused", "estimate"),
    )
    said = " ".join(judge["worked_around"])
    for word in ("schema", "stream_options", "CHAT_CONTEXT", "CHAT_TOKENIZER", "thinks"):
        assert word in said


def test_a_role_without_a_usable_server_says_what_to_do_and_the_command_fails(
    named: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHAT_URL_JUDGE", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("PRICE_PROMPT_JUDGE", "2.5")
    with pytest.raises(CommandError, match="Not every role"):
        call_command("models", json=True)
    roles = json.loads(capsys.readouterr().out)["roles"]
    assert roles["reader"]["error"] == ""
    assert "cannot be reached" in roles["judge"]["error"]
    assert roles["judge"]["prices"] == {"prompt": 2.5, "cached": 2.5, "completion": 0.0}
    monkeypatch.setenv("CHAT_URL", "")
    with pytest.raises(CommandError):
        call_command("models")
    assert "CHAT_URL_READER" in capsys.readouterr().out
