"""The worker's side of a run: claim it, research it on the shared loop, let it go.

A message is a doorbell and names no run: who hears it takes the run that is next (research/queue.py), if it has a hand
free, and begins it on the loop, where it costs no thread. Doubled, late and lost messages cost nothing, because a run
is claimed by its lease in PostgreSQL. Called by Celery; rung by launch.py and, for what nobody answered, by the
periodic ring_again, which a worker also calls when it starts; then it sees to the sandbox, too.
"""

import logging
import threading
from asyncio import CancelledError
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.conf import settings
from django.db import Error
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from config import loop
from config.endpoints import endpoints
from config.loop import in_pool, in_thread
from research import live, sandbox
from research.engine import whose
from research.engine.budget import Budget
from research.engine.index import WholeIndex, at_the_door
from research.engine.journal import Journal, claim, hand_back
from research.engine.kit import Kit
from research.engine.loop import research as research_question
from research.engine.parallel import unless
from research.engine.search import candidates
from research.engine.values import Candidate, Question
from research.errors import LeaseLost, RunFailed
from research.models import Run
from research.queue import next_runs, overdue
from research.reasoning import reasoner
from search_index.api import asking

logger = logging.getLogger(__name__)

INHERITED = 20  # pieces of evidence of the earlier run that a follow-up reads first
OVERDUE = 3.0  # seconds after which a queued run's bell is rung again
CANDIDATES = 20  # runs that are tried to be claimed, one after the other, while other workers do the same
_taking = threading.Lock()
_taker = ThreadPoolExecutor(1, thread_name_prefix="taker")  # neither waits behind searches and pages nor they behind it
_hands: set[tuple[str, int]] = set()  # the runs, with their epochs, that this process works on
_suspects: set[tuple[str, int]] = set()  # those of them that may kill it: at most one (research/queue.py)


@shared_task  # type: ignore[untyped-decorator]
def research() -> None:
    """Take the run that is next, if one waits and this worker has a hand free, and begin it."""
    with _taking:
        if len(_hands) >= settings.RUNS_AT_ONCE:
            return
        taken = _claimed()
        if taken is None:
            return
    run_id, epoch = taken
    try:
        loop.start(_in_hand(run_id, epoch))
    except loop.Stopped:
        hand_back(run_id, epoch)


def _claimed() -> tuple[str, int] | None:
    """The run that is next, and its epoch, now in this process's hands; None where none is to be had."""
    held = {run_id for run_id, _epoch in list(_hands)}  # a lease lost to a busy moment is no reason to begin anew
    for run_id, suspect in next_runs(CANDIDATES, suspects=0 if _suspects else 1):
        epoch = claim(run_id) if run_id not in held else None
        if epoch is not None:
            _hands.add((run_id, epoch))
            if suspect:
                _suspects.add((run_id, epoch))
            return run_id, epoch
    return None


@shared_task  # type: ignore[untyped-decorator]
def ring_again() -> None:
    """Ring for each run that waits too long, or whose worker is gone; no more bells than a worker has hands."""
    for _bell in range(min(overdue(OVERDUE), settings.RUNS_AT_ONCE)):
        research.delay()


def _begin(**_: Any) -> None:
    """A worker that starts does not wait for the clock to ring: it may be there in place of one that died."""
    try:
        ring_again()
    except (Error, OperationalError) as error:
        logger.warning("runs that wait are begun a little later: %s", error)


def _see_to_the_sandbox(**_: Any) -> None:
    """Where a model may want to compute: make what it does that in, while nobody waits for it yet."""
    if endpoints():
        sandbox.prepare_soon()


worker_ready.connect(_begin)
worker_ready.connect(_see_to_the_sandbox)


async def _in_hand(run_id: str, epoch: int) -> None:
    """Conduct the run, and then take another one."""
    try:
        await conduct(run_id, epoch)
    finally:
        _hands.discard((run_id, epoch))
        _suspects.discard((run_id, epoch))
    await in_pool(_taker, research)


async def conduct(run_id: str, epoch: int) -> None:
    """Research a claimed run to its end, and record how it ended. Raises nothing that research itself raises.

    A worker that shuts down cancels this: the lease is handed back, and the next worker goes on at once.
    """

    async def publish(to: str, message: dict[str, Any]) -> None:
        await live.publish(to, message)
        if "seq" in message and (run_id, epoch) in _suspects:  # it has made a step: no suspect any more
            _suspects.discard((run_id, epoch))
            await in_pool(_taker, research)

    journal = Journal(run_id, epoch, publish)
    try:
        async with journal:
            question, kit, owner = await in_thread(_prepared, run_id)
            whose.current.set(whose.Whose(owner, run_id, journal.aside, journal.think))
            try:
                with asking(at_the_door(run_id), sealed=question.sealed):
                    state = await unless(journal.lost, research_question(question, kit, journal))
            finally:
                await kit.index.leave(run_id)
            if state is Run.State.REVIEW:
                await journal.review()
            elif state is not None:
                await journal.end(state, leg=question.leg)
    except CancelledError:
        await journal.release()
        await in_pool(_taker, ring)
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


def ring() -> None:
    """Tell the workers that a run waits. Never raises: without a broker it waits until ring_again finds it."""
    try:
        research.delay()
    except OperationalError as error:
        logger.warning("the broker cannot be reached; what waits is begun once it can: %s", error)


async def _fail(journal: Journal, why: str) -> None:
    try:
        await journal.end(Run.State.FAILED, why, await in_thread(_leg, journal.run_id))
    except LeaseLost:
        logger.info("run %s is another worker's now", journal.run_id)


def _prepared(run_id: str) -> tuple[Question, Kit, str]:
    run = Run.objects.get(pk=run_id)
    sources = tuple(run.sources.values_list("id", flat=True))
    question = Question(
        run=str(run.pk),
        text=run.question,
        sources=sources,
        sealed=run.sealed,
        today=run.created_at.date().isoformat(),
        auto=run.effort == Run.Effort.AUTO,
        review=run.review_plan,
        limits=run.limits,
        leg=run.leg,
        earlier=_earlier(run),
        inherited=_inherited(run),
    )
    return question, Kit(reasoner(run.reasoner), WholeIndex(), Budget(**run.budget), sandbox), str(run.owner_id)


def _leg(run_id: str) -> int:
    return Run.objects.values_list("leg", flat=True).get(pk=run_id)


def _earlier(run: Run) -> str:
    """What was asked and answered before a follow-up."""
    if run.follows is None:
        return ""
    report = run.follows.reports.last()
    return f"{run.follows.question} {report.answer if report else ''}".strip()


def _inherited(run: Run) -> tuple[Candidate, ...]:
    """The evidence that a follow-up starts from, as passages to be read first: the best of it."""
    if run.follows is None:
        return ()
    rows = run.follows.evidence.select_related("exhibit").order_by("-score", "number")[:INHERITED]
    return candidates(
        [
            {
                "snapshot": row.exhibit.snapshot,
                "start": row.start,
                "end": row.end,
                "text": row.quote,
                "heading": "",
                "title": page.title,
                "url": page.url,
                "source": page.source,
                "score": row.score,
            }
            for row in rows
            for page in [row.exhibit]
        ]
    )
