"""The scripted model server as a program of its own: what the drills and the tests of whole servers start."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

MESSAGES = [{"role": "user", "content": "Sub-question: Do sharks swim?\n[1] Cats sleep.\n[2] Sharks swim."}]
NOTE = {"type": "json_schema", "json_schema": {"name": "note", "schema": {}}}


@pytest.mark.slow
def test_it_serves_fails_and_logs_as_it_is_told(tmp_path: Path) -> None:
    log = tmp_path / "asked.jsonl"
    command = [sys.executable, "-m", "tests.fakes.model_server", "--log", str(log), "--fault", "broken:note:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().strip()
            with httpx2.Client(base_url=url, trust_env=False) as client:
                body = {"model": "scripted", "messages": MESSAGES, "response_format": NOTE}
                assert client.get("/models").json()["data"][0]["id"] == "scripted"
                assert client.post("/chat/completions", json=body).status_code == 500
                reply = client.post("/chat/completions", json=body).json()
        finally:
            server.terminate()
    assert json.loads(reply["choices"][0]["message"]["content"]) == {"keep": [2]}
    assert reply["usage"]["prompt_tokens"] > 0
    first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert (first["step"], first["fault"], second["fault"]) == ("note", "broken", "")
    assert first["digest"] == second["digest"]
