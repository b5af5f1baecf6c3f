"""Starts a run, and passes on what the person wants of it: before it hunts, while it hunts, and afterwards.

The row is the order; the message to the workers is only a doorbell, rung after the commit: whoever hears it takes the
run that is next (research/queue.py). A broker that is down loses nothing: research.tasks.ring_again finds the row. What
changes the plan is a wish: a row of the run's journal like any step, so that a resumed run knows it too. Called by the
views and by manage.py research.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from config.endpoints import endpoints
from research.engine.budget import Budget, budget, extended, stored
from research.engine.values import Planned
from research.errors import BadQuestion, BadWish, PlanChanged
from research.models import Gap, Run, Step
from research.tasks import ring
from search_index import api

LONGEST_QUESTION = 2000  # characters; more is a document, not a question
MOST_GAPS = 30  # that a person may have in a plan


def launch(
    owner: User,
    question: str,
    effort: str,
    sources: Sequence[int],
    sealed: bool,
    *,
    limits: Mapping[str, int] | None = None,
    review_plan: bool = False,
    follows: Run | None = None,
    repeats: Run | None = None,
) -> Run:
    """Create the run, waiting for a worker. `sources` are ids; empty means all. `limits` are the person's own, some of
    engine/budget.LIMITS. A run that `follows` another starts from its evidence. Raises BadQuestion."""
    question = _text(question)
    if not question:
        raise BadQuestion(_("Ask a question first."))
    if effort not in Run.Effort.values:
        raise BadQuestion(_("There is no effort “%s”.") % effort)
    if set(sources) - api.known(sources):
        raise BadQuestion(_("A source that was chosen is gone. Choose again."))
    with transaction.atomic():
        run = Run.objects.create(
            owner=owner,
            question=question,
            effort=effort,
            sealed=sealed,
            reasoner="model" if endpoints() else "extractive",
            limits=dict(limits or {}),
            budget=stored(budget(effort, limits or {})),
            review_plan=review_plan,
            follows=follows,
            repeats=repeats,
        )
        run.sources.set(sources)
        transaction.on_commit(ring)
    return run


def again(run: Run) -> Run:
    """The same question once more, as it was asked, to be compared with this run."""
    assert isinstance(run.owner, User)
    sources = list(run.sources.values_list("pk", flat=True))
    return launch(run.owner, run.question, run.effort, sources, run.sealed, limits=run.limits, repeats=run)


# --- While it runs ----------------------------------------------------------------------------------------------------


def stop(run: Run) -> None:
    """Ask the run to end with what is known. One that no worker has ends at once, one that is over stays so."""
    with transaction.atomic():
        waiting = _locked(run, Run.State.QUEUED, Run.State.REVIEW)
        if waiting is None:
            Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(stop_requested=True)
            return
        waiting.state = Run.State.STOPPED
        waiting.stop_requested = True
        waiting.finished_at = timezone.now()
        waiting.save(update_fields=["state", "stop_requested", "finished_at"])
        _record(waiting, f"end/{waiting.leg}", "end", {"state": Run.State.STOPPED, "error": ""})


def answer_now(run: Run) -> None:
    """Ask the run to stop looking and to write its report from what it has."""
    Run.objects.filter(pk=run.pk, state__in=[Run.State.QUEUED, Run.State.RUNNING]).update(answer_now=True)
    with transaction.atomic():
        waiting = _locked(run, Run.State.REVIEW)
        if waiting is not None:
            waiting.answer_now = True
            _resume(waiting)


def approve(run: Run) -> None:
    """The person has seen the plan: hunt. A run that waits for nothing stays as it is."""
    with transaction.atomic():
        waiting = _locked(run, Run.State.REVIEW)
        if waiting is not None:
            _wish(waiting, "approve")
            _resume(waiting)


def go_on(run: Run, effort: str = "") -> None:
    """Continue a run that is over, behind its last step: with as much budget again (of another effort, if it is given),
    and what was given up open again. It ends in a further version of its report. One that is not over stays as it is.
    """
    if effort and effort not in Run.Effort.values:
        raise BadWish(_("There is no effort “%s”.") % effort)
    with transaction.atomic():
        over = _locked(run, *Run.OVER)
        if over is not None:
            _continue(over, effort or over.effort)


def retry(run: Run, key: str) -> None:
    """Try a failed step again: when the round is over where the run is under way, else by continuing the run. The
    sub-question that it was made for is open again. Raises BadWish where no failed step has this key."""
    with transaction.atomic():
        locked = _locked(run)
        if locked is None or not Step.objects.filter(run=locked, key=key).exclude(error="").exists():
            raise BadWish(_("This step did not fail, so it cannot be tried again."))
        place = re.match(r"gap/(\d+)/", key)
        gap = int(place[1]) if place else 0
        locked.gaps.filter(number=gap).exclude(state=Gap.State.DROPPED).update(state=Gap.State.OPEN, outcome="")
        _wish(locked, "retry", key=key.partition("/again/")[0], gap=gap)
        if locked.state in Run.OVER:
            _continue(locked, locked.effort)


# --- The plan ---------------------------------------------------------------------------------------------------------


def add_gap(run: Run, text: str, criterion: str = "") -> None:
    """Add a sub-question to the plan, last. Raises BadWish where it is empty or too long, or the plan is full."""
    with transaction.atomic():
        locked = _open_to_wishes(run)
        text = _text(text)
        if not text:
            raise BadWish(_("Write the sub-question first."))
        last = locked.gaps.aggregate(number=Max("number"), place=Max("place"))
        number, place = (last["number"] or 0) + 1, (last["place"] or 0) + 1
        if locked.gaps.exclude(state=Gap.State.DROPPED).count() >= MOST_GAPS:
            raise BadWish(_("A plan has at most %d sub-questions. Drop one first.") % MOST_GAPS)
        Gap.objects.create(run=locked, number=number, question=text, criterion=_text(criterion), place=place)
        _wish(locked, "add", gap=number, text=text, criterion=_text(criterion), place=place)


def drop_gap(run: Run, number: int) -> None:
    """Take a sub-question out of the plan. What was found for it stays in the journal, and it can be reopened."""
    _change(run, number, "drop", state=Gap.State.DROPPED)


def reopen_gap(run: Run, number: int) -> None:
    """Hunt a sub-question (again) that was dropped, answered or given up."""
    _change(run, number, "reopen", state=Gap.State.OPEN, outcome="")


def reword_gap(run: Run, number: int, wording: Planned, was: Planned | None = None) -> None:
    """Put a sub-question, or what an answer to it has to say, in other words: it is open again, with what was found for
    it, for whether that suffices has to be judged anew. `was` is how it read when the person began to write. Raises
    BadWish, and PlanChanged where it reads otherwise by now."""
    new = Planned(_text(wording.question), _text(wording.criterion))
    if not new.question:
        raise BadWish(_("Write the sub-question first."))
    with transaction.atomic():
        locked = _open_to_wishes(run)
        gap = locked.gaps.filter(number=number).first()
        if gap is None:
            raise BadWish(_("The plan has no sub-question %d.") % number)
        now = Planned(gap.question, gap.criterion)
        if new == now:
            return
        if was is not None and was != now:
            raise PlanChanged(_("Sub-question %d was changed meanwhile.") % number)
        if new.question != now.question:
            gap.asked = ""
        gap.question, gap.criterion, gap.state, gap.outcome = new.question, new.criterion, Gap.State.OPEN, ""
        gap.save(update_fields=["question", "criterion", "asked", "state", "outcome"])
        _wish(locked, "reword", gap=number, text=new.question, criterion=new.criterion)


def order_gaps(run: Run, numbers: Sequence[int]) -> None:
    """Put the plan into this order. Raises BadWish where these are not exactly its sub-questions."""
    with transaction.atomic():
        locked = _open_to_wishes(run)
        gaps = {gap.number: gap for gap in locked.gaps.all()}
        if sorted(numbers) != sorted(gaps):
            raise BadWish(_("The plan has changed meanwhile. Look at it again, and order it then."))
        for place, number in enumerate(numbers, start=1):
            gaps[number].place = place
        Gap.objects.bulk_update(gaps.values(), ["place"])
        _wish(locked, "order", gaps=list(numbers))


def remark(run: Run, text: str) -> None:
    """Say something that steers the run: every next decision sees it. Raises BadWish."""
    with transaction.atomic():
        locked = _open_to_wishes(run)
        text = _text(text)
        if not text:
            raise BadWish(_("Write your remark first."))
        _wish(locked, "remark", text=text)


def _change(run: Run, number: int, wish: str, **fields: Any) -> None:
    with transaction.atomic():
        locked = _open_to_wishes(run)
        if not locked.gaps.filter(number=number).update(**fields):
            raise BadWish(_("The plan has no sub-question %d.") % number)
        _wish(locked, wish, gap=number)


def _open_to_wishes(run: Run) -> Run:
    locked = _locked(run)
    if locked is None:
        raise BadWish(_("The run is gone."))
    return locked


def _locked(run: Run, *states: Run.State) -> Run | None:
    """The run's row, held until the transaction ends; None where it is in none of the states."""
    rows = Run.objects.select_for_update().filter(pk=run.pk)
    return (rows.filter(state__in=states) if states else rows).first()


def _wish(run: Run, wish: str, **what: Any) -> None:
    """Record what the person wishes. The worker sees within a second that there is one more."""
    run.wishes += 1
    run.save(update_fields=["wishes"])
    _record(run, f"wish/{run.wishes}", "wish", {"wish": wish, "number": run.wishes, **what})


def _record(run: Run, key: str, kind: str, result: dict[str, Any]) -> None:
    run.last_seq += 1
    run.save(update_fields=["last_seq"])
    Step.objects.create(
        run=run,
        seq=run.last_seq,
        key=key,
        kind=kind,
        input_hash="",
        result=result,
        epoch=run.lease_epoch,
        started_at=timezone.now(),
    )


def _continue(run: Run, effort: str) -> None:
    spend = extended(Budget(**run.budget), effort, run.limits)
    run.leg += 1
    run.effort = effort
    run.budget = stored(spend)
    run.stop_requested = run.answer_now = False
    run.error = ""
    run.paused_at, run.finished_at = run.finished_at, None
    run.gaps.filter(state=Gap.State.GIVEN_UP).update(state=Gap.State.OPEN)
    _wish(run, "continue", effort=effort, leg=run.leg)
    _resume(run)


def _resume(run: Run) -> None:
    """Let a worker take the run again; the time it lay still does not count as work."""
    if run.paused_at:
        run.paused += timezone.now() - run.paused_at
        run.paused_at = None
    run.state = Run.State.QUEUED
    run.save()
    transaction.on_commit(ring)


def _text(text: str) -> str:
    """What a person typed, fit to be stored and shown. Raises BadQuestion where it is too long."""
    text = text.replace("\x00", "").strip()
    if len(text) > LONGEST_QUESTION:
        raise BadQuestion(
            _("The question has %(length)d characters; at most %(most)d can be asked.")
            % {"length": len(text), "most": LONGEST_QUESTION}
        )
    return text
