"""Source: a place the index is fed from. Crawl: one pass over it, with its lease and its counts."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Source(models.Model):
    """A place the index is fed from, with its manners."""

    class Kind(models.TextChoices):
        SITE = "site", _("Web site (follows links)")
        SITEMAP = "sitemap", _("Sitemap")
        FOLDER = "folder", _("Folder of documents")
        FILE = "file", _("One document")
        BEIR = "beir", _("BEIR dataset")
        LIVE = "live", _("Live web (pages that runs opened)")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    location = models.TextField(_("location"), help_text=_("An address (site, sitemap) or a path on this machine."))
    max_pages = models.PositiveIntegerField(_("at most pages"), default=1000, validators=[MinValueValidator(1)])
    max_depth = models.PositiveSmallIntegerField(_("at most links away"), default=10)
    delay = models.FloatField(
        _("seconds between requests"),
        default=1.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(120.0)],
        help_text=_(
            "To one host. A longer Crawl-delay in robots.txt wins; hosts of your own (EGRESS_ALLOW) can take 0."
        ),
    )
    paused = models.BooleanField(_("paused"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("source")
        verbose_name_plural = _("sources")

    def __str__(self) -> str:
        return self.name


class Crawl(models.Model):
    """One pass over a source. A worker owns it while its lease holds (database time); every write carries the epoch."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        STOPPED = "stopped", _("stopped")

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="crawls")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    error = models.TextField(blank=True)
    fetched = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    passages = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("crawl")
        verbose_name_plural = _("crawls")
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=models.Q(state__in=["queued", "running"]), name="one_crawl_a_source"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.created_at:%Y-%m-%d %H:%M}"
