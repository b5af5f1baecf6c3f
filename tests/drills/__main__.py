"""`python -m tests.drills NAME [--runs N] [--seed S] [--json]`: break something on purpose, and see that all goes on.

Prints one JSON document; ends with status 1 where the drill's criterion was not met, 2 where its name is unknown.
Called by script/drill, script/benchmark and tests/drills/test_drills.py.
"""

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

import django

TOP = Path(__file__).resolve().parent.parent.parent
NAME = next((word for word in sys.argv[1:] if not word.startswith("-")), "drill")

# Services of the drill's own, whatever a developer's .env says.
for variable in [each for each in os.environ if each.startswith(("CHAT_", "EMBED_", "RERANK_", "EGRESS_"))]:
    del os.environ[variable]
os.environ |= {
    "ENV_FILE": os.devnull,
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "LEASE_SECONDS": "3",
    "LOG_LEVEL": "WARNING",
}
os.environ |= {"DATABASE_URL": "", "BROKER_URL": "", "CHAT_URL": "http://127.0.0.1:9/v1"}  # runs are a model's
os.environ.setdefault("DATA_DIR", str(TOP / "var" / "drill" / NAME))
django.setup()

from tests.drills.all import DRILLS  # noqa: E402
from tests.drills.stage import Failed, stage  # noqa: E402


def main() -> None:
    options = argparse.ArgumentParser(prog="script/drill", description=__doc__)
    options.add_argument("name", choices=sorted(DRILLS))
    options.add_argument("--runs", type=int, help="how many runs are asked")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    options.add_argument("--json", action="store_true", help="print the JSON document alone")
    given = options.parse_args()
    drill, usual = DRILLS[given.name]

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    say(f"drill {given.name}, seed {given.seed}")
    began = time.monotonic()
    document = {"drill": given.name, "seed": given.seed}
    try:
        with stage(given.seed, say) as set_up:
            document |= drill(set_up, given.runs or usual)
    except Failed as failure:
        document |= {"passed": False, "failed": str(failure)}
    document["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(document, ensure_ascii=False, indent=None if given.json else 1, default=str))
    sys.exit(0 if document["passed"] else 1)


if __name__ == "__main__":
    main()
