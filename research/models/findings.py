"""Gap: what has to be known. Exhibit: a page as a run saw it, in its own keeping. Evidence: a verbatim span of one.
Shot: a small picture of a page in the run's browser."""

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


class Exhibit(models.Model):
    """A snapshot that a run cites, copied whole into the run's own keeping: a source that is deleted or crawled again
    afterwards changes and breaks no report. Never changed. `snapshot` is the id that it had in the index.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="exhibits")
    snapshot = models.PositiveBigIntegerField()
    url = models.TextField()
    host = models.CharField(max_length=255, blank=True)  # empty for files
    title = models.TextField(blank=True)
    author = models.TextField(blank=True)
    published_on = models.DateField(null=True)
    fetched_at = models.DateTimeField()
    source = models.TextField(blank=True)  # the name of the index's source
    source_class = models.CharField(max_length=10, blank=True)  # search_index.api.CLASSES
    language = models.CharField(max_length=10, blank=True)
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    headings = models.JSONField(default=list)  # [[start, end, level], ...] into `text`
    # What all near-duplicates of its text have in common in the index; empty where it has none.
    cluster = models.PositiveBigIntegerField(null=True)
    flags = models.JSONField(default=list)  # what a reader has to know of its text: hidden, invisible, instructions

    class Meta:
        ordering = ["run", "id"]
        verbose_name = _("exhibit")
        verbose_name_plural = _("exhibits")
        constraints = [models.UniqueConstraint(fields=["run", "snapshot"], name="one_exhibit_a_snapshot")]

    def __str__(self) -> str:
        return self.title or self.url

    @property
    def is_web(self) -> bool:
        """Whether `url` is an address that a browser can open (files of a folder or dataset have none)."""
        return self.url.startswith(("http://", "https://"))


class Evidence(models.Model):
    """`exhibit.text[start:end]`, kept by a run for a gap and cited as [E<number>]. `quote` repeats that text verbatim.

    Title, host, address and dates are always read from the exhibit, never stored from a model's reply.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="evidence")
    number = models.PositiveIntegerField()
    gap = models.ForeignKey(Gap, on_delete=models.CASCADE, related_name="evidence")
    exhibit = models.ForeignKey(Exhibit, on_delete=models.CASCADE, related_name="evidence")
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
            models.UniqueConstraint(fields=["run", "exhibit", "start", "end"], name="one_evidence_a_span"),
        ]

    def __str__(self) -> str:
        return f"[E{self.number}]"


class Shot(models.Model):
    """What a run's browser showed after a step of kind "browse": the latest one is what it does just now. Or, where it
    has an `exhibit`, the part of that page that the run cites.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="shots")
    exhibit = models.ForeignKey(Exhibit, null=True, on_delete=models.CASCADE, related_name="shots")
    key = models.CharField(max_length=200)  # of the step
    jpeg = models.BinaryField()  # 640 pixels wide, 40 KB at most
    address = models.TextField()  # where the page was by then
    did = models.TextField(blank=True)  # what had been done, in a few words
    at = models.DateTimeField()

    class Meta:
        ordering = ["run", "id"]
        verbose_name = _("shot")
        verbose_name_plural = _("shots")
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="one_shot_a_step")]

    def __str__(self) -> str:
        return self.did or self.address
