"""The settings of the tests: a PostgreSQL and a Valkey of their own, in DATA_DIR or var/test of this checkout; where
several processes test at once (pytest -n), in a folder of each process's own below it."""

import os
import shutil
from pathlib import Path

os.environ["ENV_FILE"] = os.devnull  # a developer's own .env must not change what is tested
os.environ.setdefault("DATA_DIR", str(Path(__file__).resolve().parent.parent / "var" / "test"))
data, process = Path(os.environ["DATA_DIR"]), os.environ.get("PYTEST_XDIST_WORKER", "")
if process and data.name != process:
    (data / process).mkdir(parents=True, exist_ok=True)
    if (data / "chromium.json").exists():  # the browser that script/test found
        shutil.copy(data / "chromium.json", data / process)
    data = data / process
    os.environ["DATA_DIR"] = str(data)
(data / "static").mkdir(parents=True, exist_ok=True)  # WhiteNoise wants it as soon as it is imported
for name in [name for name in os.environ if name.startswith(("CHAT_", "EMBED_", "RERANK_", "EGRESS_"))]:
    del os.environ[name]  # a developer's own settings must not leak in

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES  # noqa: E402

SECRET_KEY = "only-for-tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A pool would keep connections to the test database open and so keep it from being dropped.
DATABASES["default"]["OPTIONS"].pop("pool")
