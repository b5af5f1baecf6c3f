"""The worker's side of a run: claim it, research it on the shared loop, let it go.

A message is a doorbell: doubled, late and lost ones cost nothing, because a run is claimed by its lease in PostgreSQL.
Called by Celery; rung by launch.py and, for what nobody answered, by the periodic ring_again.
"""

import asyncio
import logging
import threading
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import Error
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from config.loop import in_thread
from config.loop import run as run_on_loop
from research import live
from research.engine import whose
from research.engine.budget import budget
from research.engine.index import WholeIndex
from research.engine.journal import Journal, claim
from research.engine.kit import Kit
from research.engine.loop import research as research_question
from research.engine.parallel import unless
from research.engine.values import Question
from research.errors import LeaseLost, RunFailed
from research.models import Run
from research.reasoning import reasoner

logger = logging.getLogger(__name__)

OVERDUE = timedelta(seconds=3)  # a queued run's bell is rung again after this
_slots = threading.BoundedSemaphore(settings.RUNS_AT_ONCE)


@shared_task  # type: ignore[untyped-decorator]
def research(run_id: str) -> None:
    """Research a run, if it waits for a worker and this one has a hand free; else it goes on waiting."""
    if not _slots.acquire(blocking=False):
        return
    try:
        epoch = claim(run_id)
        if epoch is not None:
            run_on_loop(conduct(run_id, epoch))
    finally:
        _slots.release()
    ring_again.delay()  # a hand is free


@shared_task  # type: ignore[untyped-decorator]
def ring_again() -> None:
    """Ring for runs that wait, or whose worker is gone: the longest waiting first, as many as a worker can take."""
    waiting = Q(state=Run.State.QUEUED, created_at__lt=Now() - OVERDUE)
    abandoned = Q(state=Run.State.RUNNING, lease_until__lt=Now())
    found = Run.objects.filter(waiting | abandoned).order_by("created_at").values_list("pk", flat=True)
    for run_id in found[: settings.RUNS_AT_ONCE]:
        research.delay(str(run_id))


async def conduct(run_id: str, epoch: int) -> None:
    """Research a claimed run to its end, and record how it ended. Raises nothing that research itself raises.

    A worker that shuts down cancels this: the lease is handed back, and the next worker goes on at once.
    """
    journal = Journal(run_id, epoch, live.publish)
    try:
        async with journal:
            question, kit, owner = await in_thread(_prepared, run_id)
            whose.current.set(whose.Whose(owner, run_id, journal.aside))
            state = await unless(journal.lost, research_question(question, kit, journal))
            if state is not None:
                await journal.end(state)
    except asyncio.CancelledError:
        await journal.release()
        raise
    except LeaseLost:
        logger.info("run %s is another worker's now", run_id)
    except RunFailed as failure:
        await _fail(journal, str(failure))
    except Error:
        logger.exception("run %s lost its database; it goes on when its lease is over", run_id)
    except Exception:
        logger.exception("run %s failed", run_id)
        await _fail(journal, _("Something went wrong inside Scenthound; the log says what. Ask again, or report it."))


async def _fail(journal: Journal, why: str) -> None:
    try:
        await journal.end(Run.State.FAILED, why)
    except LeaseLost:
        logger.info("run %s is another worker's now", journal.run_id)


def _prepared(run_id: str) -> tuple[Question, Kit, str]:
    run = Run.objects.get(pk=run_id)
    sources = tuple(run.sources.values_list("id", flat=True))
    question = Question(str(run.pk), run.question, sources, run.sealed)
    kit = Kit(reasoner(run.reasoner), WholeIndex(), budget(run.effort, run.question))
    return question, kit, str(run.owner_id)
