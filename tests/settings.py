"""The settings of the tests: a PostgreSQL and a Valkey of their own, in DATA_DIR or var/test of this checkout."""

import os
from pathlib import Path

os.environ["ENV_FILE"] = os.devnull  # a developer's own .env must not change what is tested
os.environ.setdefault("DATA_DIR", str(Path(__file__).resolve().parent.parent / "var" / "test"))
for name in [name for name in os.environ if name.startswith(("CHAT_", "EMBED_", "RERANK_", "EGRESS_"))]:
    del os.environ[name]  # a developer's own settings must not leak in

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES  # noqa: E402

SECRET_KEY = "only-for-tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A pool would keep connections to the test database open and so keep it from being dropped.
DATABASES["default"]["OPTIONS"].pop("pool")
