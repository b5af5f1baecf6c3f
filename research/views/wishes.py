"""What a person wishes of a run: another plan, a remark, to start, to go on, to try again, to ask once more.

Passes wishes on to launch.py; the worker does the rest. With JavaScript the answer is the plan as it is now, in place;
without it, the run's page. What cannot be done is said where it was typed, and nothing typed is lost.
Called by research/urls.py.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from research import launch
from research.access import run_write
from research.engine.values import Planned
from research.errors import BadQuestion, BadWish, PlanChanged
from research.models import Run
from research.views.picture import plan as plan_of
from research.views.picture import rows
from research.views.runs import run_page
from research.views.tree import moved


@login_required
@require_POST
def plan(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Change the plan by its form: `text-3` and `criterion-3` reword a sub-question that read `was-text-3` and
    `was-criterion-3` when the form was made, `new` (with `criterion`) is a further one, and `do` is "up-3", "down-3",
    "drop-3" or "reopen-3". All of it is done, or nothing."""
    return _wish(request, run_id, _change, at="plan")


@login_required
@require_POST
def approve(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Start the hunt, with the plan as it stands in the form."""

    def start(run: Run, form: QueryDict) -> None:
        _change(run, form)
        launch.approve(run)

    return _wish(request, run_id, start, at="plan")


@login_required
@require_POST
def remark(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Say something that steers the run."""
    return _wish(request, run_id, lambda run, form: launch.remark(run, form.get("remark", "")), at="remark")


@login_required
@require_POST
def go_on(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Let a run that is over go on, with the effort that was chosen."""
    return _wish(request, run_id, lambda run, form: launch.go_on(run, form.get("effort", "")))


@login_required
@require_POST
def retry(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Try the failed step with this `key` again."""
    return _wish(request, run_id, lambda run, form: launch.retry(run, form.get("key", "")))


@login_required
@require_POST
def again(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Research the same question once more, to be compared with this run."""
    repetition = launch.again(run_write(request, run_id))
    return redirect("run", run_id=repetition.pk)


def _wish(
    request: HttpRequest, run_id: UUID, pass_on: Callable[[Run, QueryDict], None], at: str = "run"
) -> HttpResponse:
    """Pass it on, and show what came of it. `at` is the part of the page that says what is wrong."""
    run = run_write(request, run_id)
    wrong: dict[str, Any] = {}
    try:
        with transaction.atomic():
            pass_on(run, request.POST)
    except BadQuestion as error:
        wrong = {"wrong": str(error), "typed": request.POST, "at": at}
    run.refresh_from_db()
    status = 422 if wrong else 200
    fields = {number: typed for number, typed, _was in _reworded(run, request.POST)} if wrong else {}
    if request.headers.get("HX-Request"):
        form = request.POST
        done = {"added": form.get("new", "").strip(), "said": form.get("remark", "").strip()}
        context = {"run": run, "branches": plan_of(run, fields), **(wrong or done)}
        return render(request, "run_parts.html#wished", context, status=status)
    if wrong:
        return run_page(request, run, fields, status, **wrong)
    return redirect("run", run_id=run.pk)


def _change(run: Run, form: QueryDict) -> None:
    do, _dash, of = form.get("do", "").partition("-")
    number = int(of) if of.isdecimal() and len(of) < 5 else 0
    stale: list[str] = []
    for gap, typed, was in _reworded(run, form):
        if (do, number) != ("drop", gap):
            try:
                launch.reword_gap(run, gap, typed, was)
            except PlanChanged as error:
                stale.append(str(error))
    if stale:
        stale.append(_("What the plan says now stands below your words. Save again to put yours in its place."))
        raise BadWish(" ".join(stale))
    if do == "add" or form.get("new", "").strip():
        launch.add_gap(run, _one_line(form.get("new", "")), _one_line(form.get("criterion", "")))
    match do:
        case "up" | "down":
            launch.order_gaps(run, moved(rows(run), number, -1 if do == "up" else 1))
        case "drop":
            launch.drop_gap(run, number)
        case "reopen":
            launch.reopen_gap(run, number)


def _reworded(run: Run, form: QueryDict) -> Iterator[tuple[int, Planned, Planned]]:
    """The sub-questions whose fields were changed: number, what was typed, what stood there when the form was made."""
    for gap in rows(run):
        typed, was = (
            Planned(
                _one_line(form.get(f"{when}text-{gap.number}", gap.question)),
                _one_line(form.get(f"{when}criterion-{gap.number}", gap.criterion)),
            )
            for when in ("", "was-")
        )
        if typed != was:
            yield gap.number, typed, was


def _one_line(text: str) -> str:
    return " ".join(text.split())
