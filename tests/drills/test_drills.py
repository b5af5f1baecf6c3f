"""Each drill in short: script/drill runs the whole ones. One DATA_DIR for all, which the first makes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = pytest.mark.slow

TOP = Path(__file__).resolve().parents[2]
# Not here, as they take minutes however few runs there are: boundaries (a death at each step) and model (four outages).
SHORT = {
    "crash": 2,
    "deploy": 2,
    "delivery": 2,
    "zombie": 2,
    "clock": 2,
    "broker": 3,
    "garbage": 3,
    "migrate": 2,
    "replay": 1,
    "sse": 1,
    "cancel": 3,
    "answer": 1,
    "injection": 1,
    "xss": 1,
    "acting": 4,
    "browser": 1,
    "ssrf": 12,
    "poison": 9,
    "poison-model": 6,
    "contradict": 10,
    "sandbox": 1,
}


@pytest.mark.parametrize(("name", "runs"), SHORT.items())
def test_drill(name, runs):
    folder = Path(settings.DATA_DIR) / "drill"
    done = subprocess.run(
        [sys.executable, "-m", "tests.drills", name, "--runs", str(runs), "--json"],
        cwd=TOP,
        env={**os.environ, "DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    logs = {log.name: log.read_text(errors="replace")[-3000:] for log in (folder / "logs").glob("*.log")}
    document = json.loads(done.stdout) if done.stdout else {}
    if not document.get("passed"):
        pytest.fail(f"{document}\n{done.stderr[-3000:]}\n{logs.get('worker.log')}")
    assert done.returncode == 0
