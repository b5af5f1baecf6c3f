"""Source: a place the index is fed from. Crawl: one pass over it, with its lease and its counts. Host: a web host, with
its manners and what became of it."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class SourceClass(models.TextChoices):
    """Who speaks on a page: told to readers, and a signal of the ranking."""

    PRIMARY = "primary", _("primary")  # the law, the paper, the project's own documentation, the office that counts
    REFERENCE = "reference", _("reference")
    NEWS = "news", _("news")
    VENDOR = "vendor", _("vendor")
    FORUM = "forum", _("forum")
    USER = "user", _("user content")
    UNKNOWN = "", _("not known")


class Boost(models.IntegerChoices):
    """The operator's own weight on what comes from a source or host."""

    BURY = -1, _("bury")
    NEUTRAL = 0, _("as it ranks")
    BOOST = 1, _("boost")


class Source(models.Model):
    """A place the index is fed from, with its manners."""

    class Kind(models.TextChoices):
        SITE = "site", _("Web site (follows links)")
        SITEMAP = "sitemap", _("Sitemap")
        FEED = "feed", _("Feed (RSS, Atom, JSON)")
        PAGE = "page", _("One web page")
        FOLDER = "folder", _("Folder of documents")
        FILE = "file", _("One document")
        UPLOAD = "upload", _("Uploaded documents")
        WARC = "warc", _("Web archive (WARC)")
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
    allow = models.TextField(
        _("only these addresses"),
        blank=True,
        help_text=_("Patterns, one a line: * stands for anything (/guide/*, *.html). Empty: all that lies below it."),
    )
    deny = models.TextField(
        _("none of these addresses"), blank=True, help_text=_("Patterns, one a line; they go before the others.")
    )
    collection = models.CharField(
        _("collection"),
        max_length=100,
        blank=True,
        db_index=True,
        help_text=_("Sources searched together by one name."),
    )
    source_class = models.CharField(
        _("class"),
        max_length=10,
        choices=SourceClass,
        default=SourceClass.UNKNOWN,
        blank=True,
        help_text=_("Who speaks there. Not known: each page is judged by itself."),
    )
    boost = models.SmallIntegerField(_("ranking"), choices=Boost, default=Boost.NEUTRAL)
    keep_fresh = models.BooleanField(
        _("keep fresh"),
        default=True,
        help_text=_("Crawl it again by itself, as often as its pages are seen to change."),
    )
    crawl_every = models.DurationField(
        null=True, editable=False
    )  # learned; null until there is something to learn from
    next_crawl_at = models.DateTimeField(null=True, editable=False, db_index=True)
    # Of what is read from the disk: names, sizes and times of its files at the last pass. While they are the same there
    # is nothing to read.
    stamp = models.CharField(max_length=64, blank=True, editable=False)
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
    # Seconds of work by stage (fetch, extract, judge, store, embed): summed over tasks side by side, not wall time.
    seconds = models.JSONField(default=dict)
    # At its end, how many of the source's pages were not in the index, by reason: {"robots": 5, ...}.
    reasons = models.JSONField(default=dict)
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

    @property
    def handled(self) -> int:
        """Pages that it is through with, one way or another."""
        return self.fetched + self.unchanged + self.refused + self.failed

    def foreseen(self, waiting: int) -> int:
        """How many pages it will have handled in the end, as far as is known: the limit leaves some waiting."""
        room = self.source.max_pages - self.fetched - self.unchanged - self.failed
        return self.handled + min(waiting, max(room, 0))


class Host(models.Model):
    """A web host that a crawl or a run has spoken to: its manners, shared by all workers, and what became of it."""

    class Standing(models.TextChoices):
        OPEN = "", _("open")
        BLOCKED = "blocked", _("blocked by the operator")
        TRAP = "trap", _("a crawler trap")
        POISON = "poison", _("contradicts itself in copies")
        TRUSTED = "trusted", _("vouched for by the operator")  # nothing closes it but the operator

    CLOSED = (Standing.BLOCKED, Standing.TRAP, Standing.POISON)  # nothing is asked of these

    name = models.CharField(_("host"), max_length=255, unique=True)
    standing = models.CharField(_("standing"), max_length=10, choices=Standing, default=Standing.OPEN, blank=True)
    reason = models.TextField(_("why"), blank=True)
    source_class = models.CharField(
        _("class"), max_length=10, choices=SourceClass, default=SourceClass.UNKNOWN, blank=True
    )
    boost = models.SmallIntegerField(_("ranking"), choices=Boost, default=Boost.NEUTRAL)
    # Politeness: when the next request may begin (by the database's clock), how long answers have taken of late, and
    # how often in a row it has said that it is busy.
    free_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    busy = models.PositiveSmallIntegerField(default=0)
    # How often the browser had more to read than HTTP of pages that hardly looked like it, and how often not: see
    # scripted.py. With a default of the database's own, for hosts are put in by SQL, too.
    renders_gained = models.PositiveIntegerField(default=0, db_default=0)
    renders_idle = models.PositiveIntegerField(default=0, db_default=0)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("host")
        verbose_name_plural = _("hosts")

    def __str__(self) -> str:
        return self.name
