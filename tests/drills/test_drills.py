"""Each drill in short: script/drill runs the whole ones. One DATA_DIR for all, whose services are up all the while."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.config import processes

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
    "acting": 2,
    "browser": 1,
    "ssrf": 12,
    "poison": 9,
    "poison-model": 6,
    "contradict": 10,
    "sandbox": 1,
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    data = Path(settings.DATA_DIR)
    (data / "drill").mkdir(exist_ok=True)
    (data / "drill" / "drill").touch()  # stage.py empties only what says that it is a drill's
    if (data / "chromium.json").exists():
        shutil.copy(data / "chromium.json", data / "drill")
    with processes.user(data / "drill"):
        yield data / "drill"


@pytest.mark.parametrize(("name", "runs"), SHORT.items())
def test_drill(name, runs, folder):
    done = subprocess.run(
        [sys.executable, "-m", "tests.drills", name, "--runs", str(runs), "--json"],
        cwd=TOP,
        env={**os.environ, "DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=900,  # none takes that long but one that hangs
        check=False,
    )
    logs = {log.name: log.read_text(errors="replace")[-3000:] for log in (folder / "logs").glob("*.log")}
    document = json.loads(done.stdout) if done.stdout else {}
    if not document.get("passed"):
        pytest.fail(f"{document}\n{done.stderr[-3000:]}\n{logs.get('worker.log')}")
    assert done.returncode == 0
