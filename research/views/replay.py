"""Replay: a run stepped through, after the fact or while it goes on: its page as it was after one of its steps.

Reads rows, changes none. Called by research/urls.py.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from research.access import run_read
from research.models import Run
from research.told import told
from research.views.picture import picture


@dataclass(frozen=True)
class Moment:
    """Where a replay stands: a step, what it did, when, and how long it took."""

    seq: int
    of: int  # the run's last step
    kind: str
    gap: int
    told: str
    failed: bool
    after: float  # seconds since the run was begun
    took: float  # seconds

    @property
    def before(self) -> int:
        return self.seq - 1

    @property
    def next(self) -> int:
        return self.seq + 1 if self.seq < self.of else 0


@login_required
@require_GET
def replay(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The page as it was after `?step=N`; the first step where N is none, the last where there are not so many."""
    run = run_read(request, run_id)
    asked = request.GET.get("step", "")
    seq = max(1, min(int(asked) if asked.isdecimal() and len(asked) < 10 else 1, run.last_seq))
    context: dict[str, Any] = {"run": run, "moment": None}
    if run.last_seq:
        drawn = picture(run, until=seq)
        context |= {"picture": drawn, "moment": _moment(run, drawn.seq)}
    part = "#stage" if request.headers.get("HX-Request") else ""
    return render(request, f"replay.html{part}", context)


def _moment(run: Run, seq: int) -> Moment:
    step = run.steps.get(seq=seq)
    began = run.started_at or run.created_at
    return Moment(
        seq=seq,
        of=run.last_seq,
        kind=step.kind,
        gap=step.result.get("gap") or 0,
        told=told(step.kind, step.result, step.error),
        failed=bool(step.error),
        after=max(0.0, (step.finished_at - began).total_seconds()),
        took=step.cost.get("seconds", 0.0),
    )
