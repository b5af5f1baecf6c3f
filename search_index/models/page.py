"""Page: one URL or file known to the index. Snapshot: its text at a moment. Passage: a piece of it, the unit of search.

A page in state `queued` is the frontier: fetching, refusing or failing it moves it on, in the same transaction that
stores what came of it, so a killed crawl goes on where it was.
"""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField, HnswIndex

from search_index.models.source import Crawl, Source

DIMENSIONS = 384  # of bge-small-en-v1.5, the built-in embedding model


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
    crawl = models.ForeignKey(Crawl, null=True, on_delete=models.SET_NULL, related_name="+")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)
    final_url = models.TextField(blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, blank=True)
    etag = models.TextField(blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    rendered = models.BooleanField(default=False)  # by the browser
    snapshot = models.OneToOneField("Snapshot", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name = _("page")
        verbose_name_plural = _("pages")
        constraints = [models.UniqueConstraint(fields=["source", "url"], name="one_page_a_url")]
        indexes = [models.Index(fields=["source", "state", "depth", "id"]), models.Index(fields=["url"])]

    def __str__(self) -> str:
        return self.url


class Snapshot(models.Model):
    """The immutable extracted text of a page at a moment; what citations point to. Never changed, never deleted alone.

    `headings` is [[start, end, level], ...] into `text`; `links` the absolute addresses the page linked to.
    """

    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="snapshots")
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    title = models.TextField(blank=True)
    author = models.TextField(blank=True)
    published_on = models.DateField(null=True)
    language = models.CharField(max_length=10, blank=True)
    headings = models.JSONField(default=list)
    links = models.JSONField(default=list)
    fetched_at = models.DateTimeField()

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        constraints = [models.UniqueConstraint(fields=["page", "sha256"], name="one_snapshot_a_text")]

    def __str__(self) -> str:
        return self.title or self.page.url


class Passage(models.Model):
    """A piece of a page's current snapshot: `snapshot.text[start:end]`, with its vector and its lexical terms.

    `heading` is the path of headings above it ("Guide › Install"): context for embedding, never part of the quote.
    """

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="passages")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    ordinal = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    heading = models.TextField(blank=True)
    lexemes = SearchVectorField()
    embedding = HalfVectorField(dimensions=DIMENSIONS)

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        constraints = [models.UniqueConstraint(fields=["snapshot", "ordinal"], name="one_passage_an_ordinal")]
        indexes = [
            GinIndex(fields=["lexemes"], name="passage_lexemes", fastupdate=False),
            HnswIndex(
                name="passage_embedding",
                fields=["embedding"],
                m=16,
                ef_construction=128,
                opclasses=["halfvec_ip_ops"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.snapshot_id}:{self.start}-{self.end}"
