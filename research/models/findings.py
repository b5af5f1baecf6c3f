"""Gap: what has to be known. Evidence: a verbatim span of a stored snapshot that a run kept for a gap."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from research.models.run import Run


class Gap(models.Model):
    """A sub-question of a run's plan, open until it is answered or given up."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSED = "closed", _("answered")
        GIVEN_UP = "given_up", _("not found")
        DROPPED = "dropped", _("dropped")

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="gaps")
    number = models.PositiveSmallIntegerField()
    question = models.TextField()  # as planned: it may name the finding of another gap as #1
    asked = models.TextField(blank=True)  # with that finding in its place, once it was hunted
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    outcome = models.TextField(blank=True)  # the finding in one line, or why it was given up
    criterion = models.TextField(blank=True)  # what an answer has to say to count: written before anything is searched
    place = models.PositiveSmallIntegerField(default=0)  # the person's order; hunted and written in it

    class Meta:
        ordering = ["run", "place", "number"]
        verbose_name = _("gap")
        verbose_name_plural = _("gaps")
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="one_gap_a_number")]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The question as it is to be read."""
        return self.asked or self.question


class Evidence(models.Model):
    """`snapshot.text[start:end]`, kept by a run for a gap and cited as [E<number>]. `quote` repeats that text verbatim.

    Title, host, address and dates are always read from the snapshot and its page, never stored from a model's reply.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="evidence")
    number = models.PositiveIntegerField()
    gap = models.ForeignKey(Gap, on_delete=models.CASCADE, related_name="evidence")
    # PROTECT: a snapshot that a report rests on cannot go while the run exists.
    snapshot = models.ForeignKey("search_index.Snapshot", on_delete=models.PROTECT, related_name="+")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    quote = models.TextField()
    score = models.FloatField(default=0.0)
    aside = models.BooleanField(default=False)  # set aside when the evidence was sifted: not in the report

    class Meta:
        ordering = ["run", "number"]
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="one_evidence_a_number"),
            models.UniqueConstraint(fields=["run", "snapshot", "start", "end"], name="one_evidence_a_span"),
        ]

    def __str__(self) -> str:
        return f"[E{self.number}]"
