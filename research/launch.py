"""Starts a run, and passes on what the person wants of it while it runs.

The row is the order; the message to the workers is only a doorbell, rung after the commit: whoever hears it takes the
run that is next (research/queue.py). A broker that is down loses nothing: research.tasks.ring_again finds the row.
Called by the views and by manage.py research.
"""

import logging
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from config.endpoints import endpoints
from research.errors import BadQuestion
from research.models import Run, Step
from research.tasks import research
from search_index import api

logger = logging.getLogger(__name__)

LONGEST_QUESTION = 2000  # characters; more is a document, not a question


def launch(owner: User, question: str, effort: str, sources: Sequence[int], sealed: bool) -> Run:
    """Create the run, waiting for a worker. `sources` are ids; empty means all. Raises BadQuestion."""
    question = question.replace("\x00", "").strip()
    if not question:
        raise BadQuestion(_("Ask a question first."))
    if len(question) > LONGEST_QUESTION:
        raise BadQuestion(
            _("The question has %(length)d characters; at most %(most)d can be asked.")
            % {"length": len(question), "most": LONGEST_QUESTION}
        )
    if effort not in Run.Effort.values:
        raise BadQuestion(_("There is no effort “%s”.") % effort)
    if sources and set(sources) - {source.id for source in api.sources()}:
        raise BadQuestion(_("A source that was chosen is gone. Choose again."))
    with transaction.atomic():
        run = Run.objects.create(
            owner=owner,
            question=question,
            effort=effort,
            sealed=sealed,
            reasoner="model" if endpoints() else "extractive",
        )
        run.sources.set(sources)
        transaction.on_commit(lambda: _ring(run))
    return run


def stop(run: Run) -> None:
    """Ask the run to end with what is known. One that no worker has yet ends at once, one that is over stays so."""
    with transaction.atomic():
        waiting = Run.objects.select_for_update().filter(pk=run.pk, state=Run.State.QUEUED).first()
        if waiting is None:
            Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(stop_requested=True)
            return
        waiting.state = Run.State.STOPPED
        waiting.stop_requested = True
        waiting.finished_at = timezone.now()
        waiting.last_seq += 1
        waiting.save(update_fields=["state", "stop_requested", "finished_at", "last_seq"])
        Step.objects.create(
            run=waiting,
            seq=waiting.last_seq,
            key="end",
            kind="end",
            input_hash="",
            result={"state": Run.State.STOPPED, "error": ""},
            epoch=waiting.lease_epoch,
            started_at=waiting.finished_at,
        )


def answer_now(run: Run) -> None:
    """Ask the run to stop looking and to write its report from what it has."""
    Run.objects.filter(pk=run.pk, state__in=[Run.State.QUEUED, Run.State.RUNNING]).update(answer_now=True)


def _ring(run: Run) -> None:
    try:
        research.delay()
    except OperationalError as error:
        logger.warning("the broker cannot be reached; run %s waits until it can: %s", run.pk, error)
