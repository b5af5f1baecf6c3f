"""`python -m tests.drills.worker PATCH ... -- worker ...`: Celery's worker, with one thing about it changed.

    clock=SECONDS        its clock is wrong by so much
    die=before|after     it kills itself once at each commit of a step: before it, or right after it
    redeliver=SECONDS    messages are acknowledged when their task is done, and delivered again after so long
    hasty=SECONDS        it waits no longer than this for the first and the next token of a reply
    wide=CALLS           as if the model server had said that it works on so many calls at a time

Started by stage.py.
"""

import datetime as clock
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import django
from django.utils import timezone

from config import env

env.choose_settings()
django.setup()

from django.conf import settings  # noqa: E402

from config.celery import app  # noqa: E402
from research.engine.journal import Journal  # noqa: E402
from research.reasoning import server  # noqa: E402


def _wrong_clock(seconds: float) -> None:
    real_time, real_now = time.time, timezone.now
    time.time = lambda: real_time() + seconds
    timezone.now = lambda: real_now() + clock.timedelta(seconds=seconds)


def _die(when: str) -> None:
    """Where the steps at which it has died already are kept in a file: at each of them once."""
    died = Path(settings.DATA_DIR) / "died"
    commit = Journal._commit

    def dying(self: Journal, new: Any, keep: Any) -> Any:
        name = f"{self.run_id} {new.key}\n"
        recorded = commit(self, new, keep) if when == "after" else None
        with died.open("a+") as file:
            file.seek(0)
            if name not in file.readlines():
                file.write(name)
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        return recorded or commit(self, new, keep)

    Journal._commit = dying  # type: ignore[method-assign]


def _redeliver(seconds: float) -> None:
    app.conf.task_acks_late = True
    app.conf.broker_transport_options = {"visibility_timeout": seconds}


def _hasty(seconds: float) -> None:
    for module in [module for module in sys.modules.values() if hasattr(module, "FIRST_TOKEN_SECONDS")]:
        module.FIRST_TOKEN_SECONDS = module.NEXT_TOKEN_SECONDS = seconds


def _wide(calls: float) -> None:
    server.CALLS_AT_ONCE = int(calls)


def main() -> None:
    patches, arguments = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    for patch in patches:
        name, _equals, value = patch.partition("=")
        if name == "die":
            _die(value)
        else:
            {"clock": _wrong_clock, "redeliver": _redeliver, "hasty": _hasty, "wide": _wide}[name](float(value))
    app.start(arguments)


if __name__ == "__main__":
    main()
