"""Page: one URL or file known to the index. Snapshot: its text at a moment. Passage: a piece of it, the unit of search.

A page in state `queued` is the frontier: fetching, refusing or failing it moves it on, in the same transaction that
stores what came of it, so a killed crawl goes on where it was.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _

from search_index.models.source import Crawl, Source, SourceClass


class Page(models.Model):
    """One URL or file known to the index, with what came of fetching it.

    `url` is an http(s) address, or `file:SOURCE/PATH` and `beir:SOURCE/ID` for what has none.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        INDEXED = "indexed", _("in the index")
        REFUSED = "refused", _("refused")
        FAILED = "failed", _("failed")
        GONE = "gone", _("gone")

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="pages")
    url = models.TextField()
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    # Why it was refused or failed: a short code (robots, scope, size, type, status, thin, egress, timeout ...) + detail
    reason = models.CharField(max_length=30, blank=True)
    detail = models.TextField(blank=True)
    depth = models.PositiveSmallIntegerField(default=0)
    found_on = models.TextField(blank=True)
    published_on = models.DateField(null=True)  # as the feed says that listed it, for a page that does not say itself
    crawl = models.ForeignKey(Crawl, null=True, on_delete=models.SET_NULL, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)  # when it was last looked at, whatever came of it
    final_url = models.TextField(blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, blank=True)
    etag = models.TextField(blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    rendered = models.BooleanField(default=False)  # by the browser
    first_seen_at = models.DateTimeField(auto_now_add=True)
    body_sha256 = models.CharField(max_length=64, blank=True)  # of what was fetched: the same again needs no reading
    looks = models.PositiveIntegerField(default=0)  # how often it was fetched and read, or found unchanged
    changes = models.PositiveIntegerField(default=0)  # how often it had another text than the time before
    crashes = models.PositiveSmallIntegerField(default=0)  # of the process that read it; after two it is quarantined
    # Judgement: what was measured of its text; the buckets of its MinHash; the page that all near-duplicates of a text
    # are one with (its own id, or another page's); what its copies say otherwise in numbers or negations, a line each.
    signals = models.JSONField(default=dict)
    bands = ArrayField(models.BigIntegerField(), default=list)
    cluster = models.BigIntegerField(null=True, db_index=True)
    # Its title as other pages would name it ("jaws film" of "Jaws (film) – Encyclopedia"): see names.py.
    name = models.CharField(max_length=200, blank=True, db_index=True)
    conflict = models.TextField(blank=True)
    override = models.BooleanField(default=False)  # the operator wants it, whatever its text is judged to be
    snapshot = models.OneToOneField("Snapshot", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("page")
        verbose_name_plural = _("pages")
        constraints = [models.UniqueConstraint(fields=["source", "url"], name="one_page_a_url")]
        indexes = [
            models.Index(fields=["source", "state", "depth", "id"]),
            models.Index(fields=["source", "-tried_at"], name="page_tried"),
            models.Index(fields=["url"]),
            GinIndex(fields=["bands"], name="page_bands"),
            models.Index(fields=["url"], condition=~models.Q(conflict=""), name="page_in_conflict"),
        ]

    def __str__(self) -> str:
        return self.url


class Snapshot(models.Model):
    """The immutable extracted text of a page at a moment. Never changed, and deleted with its page only. What a report
    cites does not hang on it: a run keeps copies of its own.

    `headings` is [[start, end, level], ...] into `text`; `links` the absolute addresses the page linked to.
    """

    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="snapshots")
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    title = models.TextField(blank=True)
    author = models.TextField(blank=True)
    published_on = models.DateField(null=True)
    language = models.CharField(max_length=10, blank=True)
    source_class = models.CharField(max_length=10, choices=SourceClass, default=SourceClass.UNKNOWN, blank=True)
    headings = models.JSONField(default=list)
    links = models.JSONField(default=list)
    # What a reader has to know of its text (hidden, invisible, instructions: extract/document.py). As the page was last
    # seen to be: what it hides may change while what it says does not.
    flags = models.JSONField(default=list)
    fetched_at = models.DateTimeField()

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        constraints = [models.UniqueConstraint(fields=["page", "sha256"], name="one_snapshot_a_text")]
        indexes = [models.Index(fields=["sha256"], name="snapshot_text")]  # which pages say the very same

    def __str__(self) -> str:
        return self.title or self.page.url


class Passage(models.Model):
    """A piece of a page's current snapshot: `snapshot.text[start:end]`, with its lexical terms.

    `heading` is the path of headings above it ("Guide › Install"): context for embedding, never part of the quote.
    `digest` is of title, heading and text: a passage that says the same in the page's next snapshot keeps its row, and
    with it its vectors. What a search filters by is repeated here, so that it is filtered before it is ranked.
    """

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="passages")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    ordinal = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    heading = models.TextField(blank=True)
    digest = models.UUIDField()
    lexemes = SearchVectorField()
    host = models.CharField(max_length=255, blank=True)  # empty for files
    language = models.CharField(max_length=10, blank=True)
    source_class = models.CharField(max_length=10, blank=True)
    published_on = models.DateField(null=True)

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        constraints = [
            models.UniqueConstraint(
                fields=["snapshot", "ordinal"], name="one_passage_an_ordinal", deferrable=models.Deferrable.DEFERRED
            )
        ]
        indexes = [
            GinIndex(fields=["lexemes"], name="passage_lexemes", fastupdate=False),
            models.Index(fields=["host"], name="passage_host"),
            models.Index(fields=["language"], name="passage_language"),
            models.Index(fields=["source_class"], name="passage_class"),
            models.Index(fields=["published_on"], name="passage_day"),
        ]

    def __str__(self) -> str:
        return f"{self.snapshot_id}:{self.start}-{self.end}"
