"""What is stored, to be read and never to be changed by hand: pages, their snapshots and passages, and past crawls.

The words come from explain.py. Called by Django's admin.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, F, IntegerField, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Least, Substr
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from search_index import explain
from search_index.admin.cells import STYLES, badge, list_link, page_link
from search_index.admin.judged import deeds
from search_index.models import Crawl, Page, Passage, Snapshot

if TYPE_CHECKING:
    ReadBase = admin.ModelAdmin[Model]
else:
    ReadBase = admin.ModelAdmin

PREVIEW = 100_000  # characters of a snapshot's text: about forty printed pages
EXCERPT = 200  # characters of a passage in a list


class ReadOnly(ReadBase):
    """Rows that can be looked at."""

    show_full_result_count = False  # of an index that may hold millions
    list_per_page = 50
    change_list_template = "admin/search_index/change_list.html"

    class Media:
        css = STYLES

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def passages_of(snapshot: str) -> Coalesce:
    """How many passages the snapshot in this field has; counted for the rows that are shown only."""
    found = Passage.objects.filter(snapshot=OuterRef(snapshot)).order_by().values("snapshot")
    return Coalesce(Subquery(found.annotate(number=Count("pk")).values("number"), output_field=IntegerField()), 0)


class ReasonFilter(admin.SimpleListFilter):
    """By why a page is not in the index, in words; only the reasons that there are."""

    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        there = Page.objects.exclude(reason="").order_by().values_list("reason", flat=True).distinct()
        return sorted(((reason, explain.words(reason)) for reason in there), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Page]) -> QuerySet[Page]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(Page)
class PageAdmin(ReadOnly):
    """Every address that the index knows: whether it is in it, why (not), and the text that it has there."""

    list_display = ("address", "verdict", "source")
    list_filter = ("state", ReasonFilter, ("conflict", admin.EmptyFieldListFilter), "override", "source")
    list_select_related = ("source",)
    search_fields = ("url",)
    change_list_template = "admin/search_index/page/change_list.html"
    ordering = ("-id",)
    change_form_template = "admin/search_index/page/change_form.html"
    fieldsets = (
        (None, {"fields": ("verdict", "shown_url", "source", "found_on", "snapshots")}),
        (gettext_lazy("Judgement"), {"fields": ("shown_signals", "copies", "conflict", "override")}),
        (
            gettext_lazy("History"),
            {"fields": ("first_seen_at", "tried_at", "looks", "changes", "crashes"), "classes": ["collapse"]},
        ),
        (
            gettext_lazy("The last visit"),
            {
                "fields": (
                    "fetched_at",
                    "http_status",
                    "content_type",
                    "final_url",
                    "rendered",
                    "attempts",
                    "due_at",
                    "depth",
                    "etag",
                    "last_modified",
                ),
                "classes": ["collapse"],
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        pages: QuerySet[Any] = super().get_queryset(request).defer("bands").annotate(passages=passages_of("snapshot"))
        return pages

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "cluster" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @admin.display(description=gettext_lazy("address"), ordering="url")
    def address(self, page: Page) -> SafeString:
        return format_html('<span class="address">{}</span>', page.url)

    @admin.display(description=gettext_lazy("state, and why"), ordering="state")
    def verdict(self, page: Any) -> SafeString:
        why = explain.standing(page, page.passages)
        return format_html('{} <span class="why">{}</span>', badge(page.state, page.get_state_display()), why)

    @admin.display(description=gettext_lazy("address"))
    def shown_url(self, page: Page) -> SafeString | str:
        """A link where a browser can open it; the site that is opened is not told where from."""
        if not page.url.startswith(("http://", "https://")):
            return page.url
        return format_html('<a class="address" href="{0}" rel="noopener noreferrer">{0}</a>', page.url)

    @admin.display(description=gettext_lazy("snapshots"))
    def snapshots(self, page: Page) -> SafeString | str:
        count = page.snapshots.count()
        return list_link(Snapshot, count, page__id__exact=page.pk) if count else "0"

    @admin.display(description=gettext_lazy("measured"))
    def shown_signals(self, page: Page) -> SafeString | str:
        return format_html_join(", ", "{}&nbsp;{}", explain.signals(page)) or "–"

    @admin.display(description=gettext_lazy("copies"))
    def copies(self, page: Page) -> SafeString | str:
        if page.cluster is None:
            return "–"
        text = _("the one shown of its cluster") if page.cluster == page.pk else _("a copy: its cluster")
        return format_html(
            '<a href="{}?{}">{}</a>', reverse("index:copies"), urlencode({"cluster": page.cluster}), text
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        page = self.get_object(request, object_id)
        shown = preview(page.snapshot) if isinstance(page, Page) and page.snapshot else {}
        if isinstance(page, Page):
            shown |= deeds(request, page)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})


def preview(snapshot: Snapshot) -> dict[str, Any]:
    """What preview.html shows: the text in pieces, along its passages."""
    return {
        "snapshot": snapshot,
        "pieces": explain.pieces(snapshot, PREVIEW),
        "cut": max(0, len(snapshot.text) - PREVIEW),
    }


class Within(ReadOnly):
    """Rows that are reached from what they belong to: they have pages, but no entry of their own on the front page."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Snapshot)
class SnapshotAdmin(Within):
    """A page's texts, the latest first. Only the latest has passages; the others are what citations point to."""

    list_display = ("shown_title", "page_url", "fetched_at", "language", "passages")
    ordering = ("-fetched_at",)
    change_form_template = "admin/search_index/page/change_form.html"
    fields = ("shown_page", "title", "author", "published_on", "language", "fetched_at", "sha256", "shown_passages")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        snapshots = super().get_queryset(request).defer("text", "headings", "links")
        counted: QuerySet[Any] = snapshots.annotate(page_url=F("page__url"), number=passages_of("pk"))
        return counted

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        snapshot = self.get_object(request, object_id)
        shown = preview(snapshot) if isinstance(snapshot, Snapshot) else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @admin.display(description=gettext_lazy("title"))
    def shown_title(self, snapshot: Snapshot) -> str:
        return snapshot.title or _("(no title)")

    @admin.display(description=gettext_lazy("page"))
    def page_url(self, snapshot: Any) -> SafeString:
        return format_html('<span class="address">{}</span>', snapshot.page_url)

    @admin.display(description=gettext_lazy("passages"))
    def passages(self, snapshot: Any) -> int:
        return int(snapshot.number)

    @admin.display(description=gettext_lazy("page"))
    def shown_page(self, snapshot: Snapshot) -> SafeString:
        return page_link(snapshot.page, snapshot.page.url)

    @admin.display(description=gettext_lazy("passages"))
    def shown_passages(self, snapshot: Any) -> SafeString | str:
        return list_link(Passage, snapshot.number, snapshot__id__exact=snapshot.pk) if snapshot.number else "0"


@admin.register(Passage)
class PassageAdmin(Within):
    """The passages of a snapshot, in the order of its text, with the terms by which they are found."""

    list_display = ("number", "heading", "excerpt", "page_url")
    ordering = ("snapshot_id", "ordinal")
    fields = ("shown_snapshot", "source", "number", "span", "heading", "whole", "lexemes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        passages = super().get_queryset(request).defer("lexemes")
        excerpt = Substr("snapshot__text", F("start") + 1, Least(F("end") - F("start"), EXCERPT))
        shown: QuerySet[Any] = passages.annotate(excerpt=excerpt, page_url=F("snapshot__page__url"))
        return shown

    @admin.display(description=gettext_lazy("number"))
    def number(self, passage: Passage) -> int:
        return passage.ordinal + 1

    @admin.display(description=gettext_lazy("text"))
    def excerpt(self, passage: Any) -> str:
        return f"{passage.excerpt} …" if passage.end - passage.start > EXCERPT else str(passage.excerpt)

    @admin.display(description=gettext_lazy("page"))
    def page_url(self, passage: Any) -> SafeString:
        return format_html('<span class="address">{}</span>', passage.page_url)

    @admin.display(description=gettext_lazy("snapshot"))
    def shown_snapshot(self, passage: Passage) -> SafeString:
        return page_link(passage.snapshot, passage.snapshot)

    @admin.display(description=gettext_lazy("characters"))
    def span(self, passage: Passage) -> str:
        return f"{passage.start}–{passage.end}"

    @admin.display(description=gettext_lazy("text"))
    def whole(self, passage: Passage) -> SafeString:
        text = passage.snapshot.text[passage.start : passage.end]
        return format_html('<div class="snapshot-text">{}</div>', text)


@admin.register(Crawl)
class CrawlAdmin(ReadOnly):
    """Every pass over every source, the latest first."""

    list_display = (
        "created_at",
        "source",
        "verdict",
        "took",
        "fetched",
        "unchanged",
        "refused",
        "failed",
        "passages",
    )
    list_filter = ("state", "source")
    list_select_related = ("source",)
    fieldsets = (
        (None, {"fields": ("source", "shown_state", "error", "took")}),
        (gettext_lazy("Pages"), {"fields": ("fetched", "unchanged", "refused", "failed", "passages")}),
        (
            gettext_lazy("Times and lease"),
            {"fields": ("created_at", "started_at", "finished_at", "lease_owner", "lease_epoch", "lease_until")},
        ),
    )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, crawl: Crawl) -> SafeString:
        return badge(crawl.state, crawl.get_state_display())

    @admin.display(description=gettext_lazy("took"))
    def took(self, crawl: Crawl) -> str:
        return explain.elapsed(crawl)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def verdict(self, crawl: Crawl) -> SafeString:
        return format_html('{} <span class="why">{}</span>', self.shown_state(crawl), crawl.error)
