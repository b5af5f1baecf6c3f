"""The Celery application. Its messages are doorbells: what is to be done, and how far it is, lives in PostgreSQL."""

import sys
from logging.config import dictConfig
from typing import Any
from warnings import filterwarnings

from celery import Celery, bootsteps
from celery.platforms import SecurityWarning
from celery.signals import setup_logging, worker_shutting_down
from django.conf import settings

from config import env, loop

env.choose_settings()
env.skip_checks_of_celery()

# Its advice against root is for workers that unpickle what they are sent; our messages are JSON.
filterwarnings("ignore", category=SecurityWarning)

HAND_BACK_SECONDS = 4.0  # for leases on the way out; whoever stops a worker kills it after 7 s (config/children.py)

app = Celery("scenthound")
app.config_from_object("django.conf:settings", namespace="CELERY")
if "beat" not in sys.argv:  # it rings by name; the tasks import nearly all there is, 100 MB
    app.autodiscover_tasks()
app.Task.throws = (loop.Stopped,)  # a shutdown is no error: logged in one line, without a traceback


class HandBack(bootsteps.StartStopStep):  # type: ignore[misc]
    """Keeps a worker that shuts down alive until what was on the loop has handed its leases back."""

    requires = ("celery.worker.components:Pool",)

    def stop(self, parent: Any) -> None:
        loop.stop()
        loop.drain(HAND_BACK_SECONDS)


app.steps["worker"].add(HandBack)


def _log_as_django_does(**_: Any) -> None:
    """Keep Celery from setting up logging of its own, for the worker and for beat."""
    dictConfig(settings.LOGGING)


def _let_go(**_: Any) -> None:
    """End every run and crawl at once, instead of waiting for them: the next worker goes on from the last step."""
    loop.stop()


setup_logging.connect(_log_as_django_does)
worker_shutting_down.connect(_let_go)
