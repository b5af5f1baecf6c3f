"""Run: one question being researched. Step: one row of its append-only journal."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from research.engine.budget import BUDGETS, stored


def usual() -> dict[str, int]:
    """What a run may spend unless it is launched with something else."""
    return stored(BUDGETS["medium"])


class Run(models.Model):
    """One question being researched: state, effort, budget, lease.

    A worker owns a run while its lease holds (database time) and its epoch is the row's: every write of the engine is
    conditional on the epoch, so a paused worker that wakes up after its lease was taken over cannot write.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        REVIEW = "review", _("plan to review")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")

    OVER = (State.DONE, State.STOPPED, State.FAILED)  # nothing more comes, unless it is continued

    class Effort(models.TextChoices):
        AUTO = "auto", _("Auto")
        LOW = "low", _("Low")
        MEDIUM = "medium", _("Medium")
        HIGH = "high", _("High")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="runs")
    question = models.TextField(_("question"))
    effort = models.CharField(_("effort"), max_length=10, choices=Effort, default=Effort.AUTO)
    # Empty: every source. A sealed run opens nothing on the live web.
    sources = models.ManyToManyField("search_index.Source", blank=True, related_name="+")
    sealed = models.BooleanField(_("sealed"), default=False)
    reasoner = models.CharField(max_length=20, default="extractive")  # extractive | model, fixed when it is launched
    review_plan = models.BooleanField(_("review the plan first"), default=False)
    # What it may spend in all (engine/budget.py): of its effort and the person's own limits; continuing it adds to it.
    budget = models.JSONField(default=usual)
    limits = models.JSONField(default=dict)  # those that the person set, some of engine/budget.LIMITS
    # A follow-up starts from the evidence of the run it follows; a repetition is compared with the run it repeats.
    follows = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="follow_ups")
    repeats = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="repetitions")
    leg = models.PositiveSmallIntegerField(
        default=1
    )  # each time it is continued is a new leg, with a report of its own
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    # What the person asked for while it ran; the worker looks at these every second. Wishes that change the plan are
    # rows of the journal ("wish/1", "wish/2" ...): `wishes` counts them.
    stop_requested = models.BooleanField(default=False)
    answer_now = models.BooleanField(default=False)
    wishes = models.PositiveIntegerField(default=0)
    activity = models.TextField(blank=True)  # what it is doing right now, for the page
    error = models.TextField(blank=True)  # why it failed, and what to do
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    last_seq = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)  # since when its plan waits to be reviewed
    paused = models.DurationField(default=timedelta)  # how long it lay still: in review, and between its legs

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        indexes = [models.Index(fields=["owner", "-created_at"]), models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return self.question[:80]


class Step(models.Model):
    """One row of a run's append-only journal. `key` ("hunt/2/gap/1/turn/5/act") names it once in the run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    seq = models.PositiveIntegerField()  # 1, 2, 3 ... within the run: the id of the event on the stream
    key = models.CharField(max_length=200)
    kind = models.CharField(
        max_length=20
    )  # plan, act, search, open, note, revise, draft, judge, ... (engine/journal.py)
    input_hash = models.CharField(max_length=64)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)  # a step that failed is recorded as failed, never as an empty result
    cost = models.JSONField(default=dict)  # engine/values.py: Cost; a wish has none
    epoch = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "seq"]
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="one_step_a_key"),
            models.UniqueConstraint(fields=["run", "seq"], name="one_step_a_seq"),
        ]

    def __str__(self) -> str:
        return self.key
