"""A person's runs: the list of them, one run while it is under way, and what can be asked of it: stop, answer, delete.

Shows the journal and passes wishes on; the worker does the rest. Called by research/urls.py.
"""

from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import Any
from uuid import UUID

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import OuterRef, Q, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from research.access import cited_shot_read, run_read, run_write, shot_read
from research.engine.values import Planned
from research.launch import answer_now as ask_to_answer
from research.launch import stop as ask_to_stop
from research.models import Report, Run
from research.views.picture import before, drawn_trail, picture
from research.views.reports import shown_to_owner

PAGE = 20  # runs on a page of the list


@login_required
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """The person's runs, newest first; `?q=` keeps those whose question has all its words."""
    words = request.GET.get("q", "").split()
    latest = Report.objects.filter(run=OuterRef("pk")).order_by("-version")
    found = (
        Run.objects.filter(reduce(and_, (Q(question__icontains=word) for word in words), Q()), owner=request.user.pk)
        .annotate(answer=Subquery(latest.values("answer")[:1]))
        .order_by("-created_at")
    )
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return render(request, "runs.html", {"page": page, "query": " ".join(words)})


@login_required
@require_GET
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run: its plan, its steps, what it spent; the report in place once it is there. `?steps=all` lists every step
    of a long one."""
    return run_page(request, run_read(request, run_id))


@login_required
@require_GET
def steps(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The steps of a long gap that its page left out: those of `?gap=` before the one with the seq `?before=`."""
    the_run = run_read(request, run_id)
    given = [request.GET.get(name, "") for name in ("gap", "before")]
    gap, seq = (int(one) if one.isdecimal() and len(one) < 10 else 0 for one in given)
    return render(request, "run_parts.html#steps", {"run": the_run, "steps": before(the_run, gap, seq)})


@login_required
@require_GET
@cache_control(private=True, max_age=86_400, immutable=True)
@csp_update({"style-src": [UNSAFE_INLINE]})  # type: ignore[arg-type]
def shot(request: HttpRequest, run_id: UUID, seq: int) -> HttpResponse:
    """The picture of what the run's browser showed after the step with this seq. It is never changed. A browser lays a
    bare picture out with styles of its own."""
    return HttpResponse(bytes(shot_read(request, run_id, seq).jpeg), content_type="image/jpeg")


@login_required
@require_GET
@cache_control(private=True, max_age=86_400, immutable=True)
@csp_update({"style-src": [UNSAFE_INLINE]})  # type: ignore[arg-type]
def cited_shot(request: HttpRequest, run_id: UUID, number: int) -> HttpResponse:
    """The picture of the part that is cited of a page which the run had in its browser."""
    return HttpResponse(bytes(cited_shot_read(request, run_id, number).jpeg), content_type="image/jpeg")


@login_required
@require_GET
def trail(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The trail as a picture; the run's page asks for it again while there is more to come. `?after=` is the last step
    it has: 204 where nothing is new."""
    the_run = run_read(request, run_id)
    live = the_run.state not in Run.OVER
    after = request.GET.get("after", "")
    drawn = drawn_trail(the_run, int(after) if live and after.isdecimal() and len(after) < 10 else -1)
    if drawn is None:
        return HttpResponse(status=204)
    return render(request, "run_parts.html#trail", {"run": the_run, "trail": drawn, "live": live})


@login_required
@require_POST
def stop(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Ask the run to stop; it ends before its next step and keeps what it has found."""
    the_run = run_write(request, run_id)
    ask_to_stop(the_run)
    return redirect("run", run_id=the_run.pk)


@login_required
@require_POST
def answer_now(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Ask the run to stop looking and to write its report from what it has."""
    the_run = run_write(request, run_id)
    ask_to_answer(the_run)
    return redirect("run", run_id=the_run.pk)


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Ask whether the run is really to be deleted; a POST deletes it with its report and its public links.

    A worker that has it in hand finds no row to write to, and lets go of it.
    """
    the_run = run_write(request, run_id)
    if request.method == "POST":
        the_run.delete()
        messages.success(request, _("The run is deleted, with its report and its links."))
        return redirect("runs")
    return render(request, "run_delete.html", {"run": the_run})


def run_page(
    request: HttpRequest, the_run: Run, fields: Mapping[int, Planned] | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    """The page of a run; `fields` (`typed` of picture.py) and `more` are what a wish leaves on it that could not be
    granted."""
    drawn = picture(the_run, typed=fields, every_step=request.GET.get("steps") == "all")
    report = shown_to_owner(the_run) if drawn.over else None
    context = {"picture": drawn, "run": the_run, "head": drawn.head, "branches": drawn.branches, "shown": report}
    return render(request, "run.html", {**context, **more}, status=status)
