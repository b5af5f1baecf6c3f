"""Sources: their list, the form that adds one and starts its crawl, and a source's page with its crawl as it goes.

The words come from explain.py, the deeds from crawl.py and sources.py. Called by Django's admin.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied
from django.db.models import PROTECT, ManyToOneRel, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from search_index import crawl, explain, sources
from search_index.admin.cells import STYLES, badge, list_link, page_link
from search_index.errors import BadSource
from search_index.models import Crawl, Page, Passage, Snapshot, Source

if TYPE_CHECKING:
    SourceBase = admin.ModelAdmin[Source]
    SourceForm = forms.ModelForm[Source]
else:
    SourceBase, SourceForm = admin.ModelAdmin, forms.ModelForm

MANNERS = ("max_depth", "delay")  # towards hosts on the web
SHOWN = 20  # of the rows that keep sources from being deleted


class AddSource(SourceForm):
    """A new source: its location is enough, the rest is found out or has a sensible value."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        required=False,
        choices=[("", gettext_lazy("Found out from the location"))]
        + [(kind.value, kind.label) for kind in Source.Kind if kind is not Source.Kind.LIVE],
    )

    class Meta:
        model = Source
        fields = ("location", "kind", "name", "max_pages", *MANNERS)
        widgets = {"location": AdminTextInputWidget(attrs={"class": "vLargeTextField", "autofocus": True})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "max_pages", *MANNERS):
            self.fields[name].required = False
            self.fields[name].initial = None
        self.fields["location"].help_text = _(
            "The address of a site or sitemap (https://docs.example.org/guide/: the pages below that folder are read),"
            " or the path of a folder, document or BEIR dataset on this machine."
        )
        self.fields["name"].help_text = _("Left empty: taken from the location.")
        self.fields["max_pages"].help_text = _("Left empty: %(web)d from the web, everything from a folder.") % {
            "web": sources.WEB_PAGES
        }
        self.fields["delay"].help_text = _("To one host. Left empty: 1, and 0 to hosts of your own (EGRESS_ALLOW).")

    def clean(self) -> dict[str, Any]:
        """Check the location for its kind, and that it is not a source already."""
        given = super().clean() or self.cleaned_data
        if not given.get("location") or "kind" in self.errors:
            return given
        try:
            given["kind"] = given["kind"] or sources.guess_kind(given["location"].strip())
            given["location"] = sources.checked_location(given["kind"], given["location"])
        except BadSource as error:
            self.add_error("location", str(error))
            return given
        known = Source.objects.filter(kind=given["kind"], location=given["location"]).first()
        if known:
            there = format_html(_("This is a source already: {}. Crawl it again there."), page_link(known, known))
            self.add_error("location", there)
        return given

    def add(self) -> Source:
        """Store the source. Raises BadSource."""
        given = self.cleaned_data
        source = sources.add(given["location"], kind=given["kind"], name=given["name"], max_pages=given["max_pages"])
        manners = {name: given[name] for name in MANNERS if given[name] is not None}
        Source.objects.filter(pk=source.pk).update(**manners)
        return source


class LastCrawl(admin.SimpleListFilter):
    """By how the last crawl stands: failed ones are one click away."""

    title = gettext_lazy("last crawl")
    parameter_name = "crawl"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*Crawl.State.choices, ("never", _("never crawled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Source]) -> QuerySet[Source]:
        if self.value() is None:
            return queryset
        last = Crawl.objects.filter(source=OuterRef("pk")).order_by("-created_at", "-pk").values("state")[:1]
        found = queryset.annotate(last_state=Subquery(last))
        if self.value() == "never":
            return found.filter(last_state=None)
        return found.filter(last_state=self.value())


def crawl_now(source: Source) -> str:
    """Begin a crawl. Returns why not, or nothing."""
    if source.kind == Source.Kind.LIVE:
        return _("%s is not crawled: runs feed it.") % source
    if source.paused:
        return _("%s is paused: resume it first.") % source
    crawl.start(source)
    return ""


def pause(source: Source) -> str:
    """Keep workers from the source until it is resumed."""
    if source.kind == Source.Kind.LIVE:
        return _("%s is not crawled: runs feed it.") % source
    Source.objects.filter(pk=source.pk).update(paused=True)
    return ""


def resume(source: Source) -> str:
    """Let workers go on with the source's crawl, if one is under way."""
    Source.objects.filter(pk=source.pk).update(paused=False)
    if source.crawls.filter(state__in=explain.ACTIVE).exists():
        crawl.start(source)  # rings the bell of the one under way
    return ""


def stop(source: Source) -> str:
    """End the crawl under way; what is stored stays."""
    return "" if crawl.stop(source) else _("No crawl of %s is under way.") % source


DEEDS: dict[str, tuple[Callable[[Source], str], Any]] = {  # by the last part of the button's address
    "crawl": (crawl_now, gettext_lazy("The crawl of %s is under way.")),
    "pause": (pause, gettext_lazy("%s is paused.")),
    "resume": (resume, gettext_lazy("%s goes on.")),
    "stop": (stop, gettext_lazy("The crawl of %s is stopped.")),
}


@admin.register(Source)
class SourceAdmin(SourceBase):
    """Every source with its figures and its last crawl; on a source's page, the crawl as it goes."""

    list_display = ("named", "last_crawl", "troubles", "indexed", "passages")
    list_filter = ("paused", "kind", LastCrawl)
    search_fields = ("name", "location")
    search_help_text = gettext_lazy("Name or location")
    actions = ("crawl_selected", "pause_selected", "resume_selected")
    change_form_template = "admin/search_index/source/change_form.html"

    class Media:
        css = STYLES

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        return explain.with_figures(super().get_queryset(request))

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def named(self, source: Source) -> SafeString:
        return format_html('{}<div class="when">{}</div>', source.name, source.get_kind_display())

    @admin.display(description=gettext_lazy("pages"), ordering="indexed")
    def indexed(self, source: Any) -> SafeString | str:
        return list_link(Page, source.indexed, source__id__exact=source.pk) if source.indexed else "0"

    @admin.display(description=gettext_lazy("passages"), ordering="passages")
    def passages(self, source: Any) -> int:
        return int(source.passages)

    @admin.display(description=gettext_lazy("not indexed"))
    def troubles(self, source: Any) -> SafeString | str:
        found = []
        if source.refused:
            text = ngettext("%d refused", "%d refused", source.refused) % source.refused
            found.append((list_link(Page, text, source__id__exact=source.pk, state__exact="refused"),))
        if source.failed:
            text = ngettext("%d failed", "%d failed", source.failed) % source.failed
            found.append((list_link(Page, text, source__id__exact=source.pk, state__exact="failed"),))
        return format_html_join(", ", "{}", found) or "–"

    @admin.display(description=gettext_lazy("last crawl"))
    def last_crawl(self, source: Any) -> SafeString:
        """Its state and time, its error, and whether the source is paused: what is wrong stands beside the name."""
        paused = badge("paused", _("paused")) if source.paused else ""
        if not source.last_crawls:
            return format_html("– {}", paused)
        last = source.last_crawls[0]
        since = explain.moment(last.finished_at or last.started_at or last.created_at)
        error = format_html('<div class="why">{}</div>', last.error) if last.error else ""
        state = badge(last.state, last.get_state_display())
        return format_html('{} <span class="when">{}</span> {}{}', state, since, paused, error)

    # --- the form ---

    def get_form(self, request: HttpRequest, obj: Source | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **(kwargs if change else {**kwargs, "form": AddSource}))

    def get_fieldsets(self, request: HttpRequest, obj: Source | None = None) -> Any:
        if obj is None:
            manners = {"fields": MANNERS, "classes": ["collapse"]}
            return [
                (None, {"fields": ("location", "kind", "name", "max_pages")}),
                (_("Manners on the web"), manners),
            ]
        web = () if obj.kind in sources.LOCAL else MANNERS
        return [(_("Settings"), {"fields": ("name", "kind", "location", "max_pages", *web)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> tuple[str, ...]:
        """Another place is another source; and the name of a local source is part of its documents' addresses."""
        if obj is None:
            return ()
        return ("name", "kind", "location") if obj.kind in sources.LOCAL else ("kind", "location")

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)  # no more: a pause in the meantime must stay
            return
        source = form.add()
        crawl.start(source)
        obj.pk = source.pk
        obj.refresh_from_db()

    def response_post_save_add(self, request: HttpRequest, obj: Source) -> HttpResponseRedirect:
        return redirect("admin:search_index_source_change", obj.pk)

    def has_change_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        """The live web makes itself as runs open pages: there is nothing to set."""
        return super().has_change_permission(request, obj) and (obj is None or obj.kind != Source.Kind.LIVE)

    # --- the crawl ---

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:number>/progress", view(require_GET(self.show_progress)), name="search_index_source_progress"),
            path("<int:number>/<slug:deed>", view(require_POST(self.do)), name="search_index_source_do"),
        ]
        return own + super().get_urls()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        source = self.get_object(request, object_id)
        shown = {"progress": explain.progress(source)} if source and source.kind != Source.Kind.LIVE else {}
        may = source is not None and self.has_change_permission(request, source)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown, "may_act": may})

    def show_progress(self, request: HttpRequest, number: int) -> HttpResponse:
        """The panel alone, for the page that asks for it every two seconds until the crawl is over."""
        source = get_object_or_404(Source, pk=number)
        if not self.has_view_permission(request, source):
            raise PermissionDenied
        shown = {"progress": explain.progress(source), "may_act": self.has_change_permission(request, source)}
        return TemplateResponse(request, "admin/search_index/source/progress.html", shown)

    def do(self, request: HttpRequest, number: int, deed: str) -> HttpResponse:
        """A button of the panel: crawl, pause, resume or stop."""
        source = get_object_or_404(Source, pk=number)
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        if deed not in DEEDS:
            raise Http404
        self._do(request, deed, [source])
        return redirect("admin:search_index_source_change", number)

    def _do(self, request: HttpRequest, deed: str, chosen: Sequence[Source]) -> None:
        act, done = DEEDS[deed]
        for source in chosen:
            why_not = act(source)
            self.message_user(request, why_not or done % source, messages.WARNING if why_not else messages.SUCCESS)
            if not why_not:
                self.log_change(request, source, done % source)

    @admin.action(description=gettext_lazy("Crawl now"), permissions=["change"])
    def crawl_selected(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        self._do(request, "crawl", list(queryset))

    @admin.action(description=gettext_lazy("Pause"), permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        self._do(request, "pause", list(queryset))

    @admin.action(description=gettext_lazy("Resume"), permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        self._do(request, "resume", list(queryset))

    # --- deleting ---

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with the sources, as figures (Django would load and list every passage), and what forbids it: rows
        of other apps that PROTECT a snapshot, such as the evidence of reports."""
        chosen = [source.pk for source in objs]
        counts = {
            model._meta.verbose_name_plural: model._default_manager.filter(**{f"{way}__in": chosen}).count()
            for model, way in ((Page, "source"), (Snapshot, "page__source"), (Passage, "source"), (Crawl, "source"))
        }
        return [str(source) for source in objs], counts, set(), list(_protectors(chosen))


def _protectors(sources: Sequence[int]) -> Iterator[SafeString]:
    """What must not lose a snapshot of these sources, one line a row, at most SHOWN a kind."""
    for relation in Snapshot._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel) and relation.on_delete is PROTECT:
            name = relation.field.name
            rows = relation.related_model._default_manager.filter(**{f"{name}__page__source__in": sources})
            for row in rows.select_related(f"{name}__page").defer(f"{name}__text")[:SHOWN]:
                yield format_html("{} {}: {}", relation.related_model._meta.verbose_name, row, getattr(row, name))
