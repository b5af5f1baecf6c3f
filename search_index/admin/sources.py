"""Sources: their list, the form that adds one and starts its crawl, and a source's page with its crawl as it goes.

The words come from explain.py, the deeds from crawl.py and sources.py. Called by Django's admin.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from search_index import crawl, explain, reindex, sources
from search_index.admin.cells import STYLES, badge, list_link, page_link
from search_index.admin.charts import Chart, bars
from search_index.admin.tools import page
from search_index.admin.weight import WEIGHING, Weighed, weight
from search_index.errors import BadSource
from search_index.models import Crawl, Page, Passage, Snapshot, Source

if TYPE_CHECKING:
    SourceBase = admin.ModelAdmin[Source]
    SourceForm = forms.ModelForm[Source]
else:
    SourceBase, SourceForm = admin.ModelAdmin, forms.ModelForm

MANNERS = ("max_depth", "delay")  # towards hosts on the web
ADDRESSES = ("allow", "deny")  # of a web source
JUDGED = ("collection", "source_class")  # what is said of all of its pages
NOT_KEPT_FRESH = frozenset({Source.Kind.LIVE, Source.Kind.UPLOAD})  # kinds that are never crawled by themselves
TREND = 12  # crawls in the small chart of the list
REACH = frozenset({"allow", "deny", "max_depth"})  # which links a crawl follows


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
        fields = ("location", "kind", "name", "max_pages", *JUDGED, *MANNERS, *ADDRESSES)
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
        more = {name: given[name] for name in (*MANNERS, *ADDRESSES, *JUDGED) if given[name] not in {None, ""}}
        Source.objects.filter(pk=source.pk).update(**more)
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


class Collection(admin.SimpleListFilter):
    """By collection; only those that there are."""

    title = gettext_lazy("collection")
    parameter_name = "collection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        there = Source.objects.exclude(collection="").order_by("collection").values_list("collection", flat=True)
        return [(name, name) for name in there.distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Source]) -> QuerySet[Source]:
        return queryset.filter(collection=self.value()) if self.value() else queryset


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


def turn_fresh(source: Source) -> str:
    """Keep the source fresh from now on, or no longer."""
    if source.kind in NOT_KEPT_FRESH:
        return _("%s is not crawled by itself.") % source
    Source.objects.filter(pk=source.pk).update(keep_fresh=not source.keep_fresh)
    return ""


def read_anew(source: Source) -> str:
    """Have everything read and judged from scratch."""
    if source.kind == Source.Kind.LIVE:
        return _("%s is not crawled: runs feed it.") % source
    if source.paused:
        return _("%s is paused: resume it first.") % source
    reindex.reindex(source)
    return ""


def stop(source: Source) -> str:
    """End the crawl under way; what is stored stays."""
    return "" if crawl.stop(source) else _("No crawl of %s is under way.") % source


DEEDS: dict[str, tuple[Callable[[Source], str], Any]] = {  # by the last part of the button's address
    "crawl": (crawl_now, gettext_lazy("The crawl of %s is under way.")),
    "pause": (pause, gettext_lazy("%s is paused.")),
    "resume": (resume, gettext_lazy("%s goes on.")),
    "stop": (stop, gettext_lazy("The crawl of %s is stopped.")),
    "fresh": (turn_fresh, gettext_lazy("Whether %s is kept fresh is changed.")),
    "reindex": (read_anew, gettext_lazy("%s is read from scratch: its crawl is under way.")),
}


@admin.register(Source)
class SourceAdmin(Weighed, SourceBase):
    """Every source with its figures and its last crawl; on a source's page, the crawl as it goes."""

    list_display = ("named", "last_crawl", "coverage", "troubles", "freshness")
    list_filter = (LastCrawl, "paused", Collection, "kind", "boost")
    list_per_page = 50
    search_fields = ("name", "location", "collection")
    search_help_text = gettext_lazy("Name, location or collection")
    actions = ("crawl_selected", "pause_selected", "resume_selected", *WEIGHING)
    change_list_template = "admin/search_index/source/change_list.html"
    change_form_template = "admin/search_index/source/change_form.html"

    class Media:
        css = STYLES

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        return explain.with_figures(super().get_queryset(request))

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def named(self, source: Source) -> SafeString:
        said = [str(source.get_kind_display()), source.collection]
        said.append(str(source.get_source_class_display()) if source.source_class else "")
        boost = weight(source.boost, source.get_boost_display()) if source.boost else ""
        return format_html('{}<div class="when">{} {}</div>', source.name, " · ".join(filter(None, said)), boost)

    @admin.display(description=gettext_lazy("pages in the index"), ordering="indexed")
    def coverage(self, source: Any) -> SafeString | str:
        """How many of the pages it is known to have are in the index, and with how many passages."""
        if not source.known:
            return "–"
        said = {"indexed": intcomma(source.indexed), "known": intcomma(source.known)}
        count = list_link(Page, _("%(indexed)s of %(known)s") % said, source__id__exact=source.pk)
        passages = ngettext("%(count)s passage", "%(count)s passages", source.passages)
        return format_html(
            '{}<meter max="{}" value="{}" aria-label="{}"></meter><div class="when">{}</div>',
            count,
            source.known,
            source.indexed,
            _("pages in the index, of those known"),
            passages % {"count": intcomma(source.passages)},
        )

    @admin.display(description=gettext_lazy("freshness"), ordering="next_crawl_at")
    def freshness(self, source: Source) -> SafeString:
        """When it is looked at again; and the switch, which posts by itself from within the list's form."""
        said = explain.freshness(source)
        if source.kind in NOT_KEPT_FRESH:
            return format_html('<span class="when">{}</span>', said)
        label = _("Stop keeping fresh") if source.keep_fresh else _("Keep fresh")
        return format_html(
            '<span class="when">{}</span> <button type="submit" class="quiet" formaction="{}">{}'
            '<span class="visually-hidden">: {}</span></button>',
            said,
            reverse("admin:search_index_source_do", args=[source.pk, "fresh"]),
            label,
            source.name,
        )

    @admin.display(description=gettext_lazy("not indexed"))
    def troubles(self, source: Any) -> SafeString | str:
        found = []
        if source.refused:
            text = ngettext("%d refused", "%d refused", source.refused) % source.refused
            found.append((list_link(Page, text, source__id__exact=source.pk, state__exact="refused"),))
        if source.failed:
            text = ngettext("%d failed", "%d failed", source.failed) % source.failed
            found.append((list_link(Page, text, source__id__exact=source.pk, state__exact="failed"),))
        trend = _trend(source)
        drawn = render_to_string("admin/search_index/bars.html", {"chart": trend}) if trend else ""
        return format_html("{} {}", format_html_join(", ", "{}", found) or "–", drawn)

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

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Patterns are a few short lines."""
        if db_field.name in ADDRESSES:
            kwargs["widget"] = AdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Source | None = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **(kwargs if change else {**kwargs, "form": AddSource}))

    def get_fieldsets(self, request: HttpRequest, obj: Source | None = None) -> Any:
        if obj is None:
            return [
                (None, {"fields": ("location", "kind", "name", "max_pages", *JUDGED)}),
                (
                    _("Manners on the web, and which addresses"),
                    {"fields": (*MANNERS, *ADDRESSES), "classes": ["collapse"]},
                ),
            ]
        web = obj.kind not in sources.LOCAL
        fresh = ("keep_fresh",) if obj.kind not in NOT_KEPT_FRESH else ()
        shown = [(_("Settings"), {"fields": ("name", "kind", "location", "max_pages", *fresh)})]
        if web:
            shown.append((_("Manners, and which addresses"), {"fields": (*MANNERS, *ADDRESSES)}))
        return [*shown, (_("In the search"), {"fields": (*JUDGED, "boost")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> tuple[str, ...]:
        """Another place is another source; and the name of a local source is part of its documents' addresses."""
        if obj is None:
            return ()
        return ("name", "kind", "location") if obj.kind in sources.LOCAL else ("kind", "location")

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)  # no more: a pause in the meantime must stay
            if not REACH.isdisjoint(form.changed_data):
                reindex.read_again(obj)
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
            path("<int:number>/reindex", view(self.ask_reindex), name="search_index_source_reindex"),
            path("<int:number>/<slug:deed>", view(require_POST(self.do)), name="search_index_source_do"),
        ]
        return own + super().get_urls()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        source = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if source and source.kind != Source.Kind.LIVE:
            shown = {
                "progress": explain.progress(source),
                "courses": _courses(source),
                "freshness": explain.freshness(source),
                "kept_fresh": source.kind not in NOT_KEPT_FRESH,
            }
        may = source is not None and self.has_change_permission(request, source)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown, "may_act": may})

    def show_progress(self, request: HttpRequest, number: int) -> HttpResponse:
        """The panel alone, for the page that asks for it every two seconds until the crawl is over."""
        source = get_object_or_404(Source, pk=number)
        if not self.has_view_permission(request, source):
            raise PermissionDenied
        shown = {"progress": explain.progress(source), "may_act": self.has_change_permission(request, source)}
        return TemplateResponse(request, "admin/search_index/source/progress.html", shown)

    def ask_reindex(self, request: HttpRequest, number: int) -> HttpResponse:
        """What reading the source from scratch means; a post does it."""
        source = get_object_or_404(Source, pk=number)
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        if request.method == "POST":
            return self.do(request, number, "reindex")
        cost = reindex.cost(source)
        at_least = explain.duration(cost.at_least) if cost.at_least >= timedelta(seconds=1) else ""
        return page(
            request,
            "source/reindex",
            _("Read %(source)s from scratch?") % {"source": source},
            source=source,
            cost=cost,
            at_least=at_least,
            opts=self.opts,
        )

    def do(self, request: HttpRequest, number: int, deed: str) -> HttpResponse:
        """A button: crawl, pause, resume, stop, keep fresh or not, read from scratch."""
        source = get_object_or_404(Source, pk=number)
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        if deed not in DEEDS:
            raise Http404
        self._do(request, deed, [source])
        if deed == "fresh" and "_selected_action" not in request.POST and "action" in request.POST:
            return redirect("admin:search_index_source_changelist")  # the switch in the list
        return redirect("admin:search_index_source_change", number)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, {"title": _("Sources"), "health": _health(), **(extra_context or {})})

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

    def delete_model(self, request: HttpRequest, obj: Source) -> None:
        """With an upload its documents go, too."""
        sources.delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Source]) -> None:
        for source in queryset:
            sources.delete(source)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with the sources, as figures: Django would load and list every passage."""
        chosen = [source.pk for source in objs]
        counts = {
            model._meta.verbose_name_plural: model._default_manager.filter(**{f"{way}__in": chosen}).count()
            for model, way in ((Page, "source"), (Snapshot, "page__source"), (Passage, "source"), (Crawl, "source"))
        }
        return [str(source) for source in objs], counts, set(), []


def _health() -> dict[str, int]:
    """How many sources there are, and of them those that fail, rest and work; one query."""
    last = Crawl.objects.filter(source=OuterRef("pk")).order_by("-created_at", "-pk").values("state")[:1]
    return Source.objects.annotate(last=Subquery(last)).aggregate(
        all=Count("pk"),
        failed=Count("pk", filter=Q(last=Crawl.State.FAILED)),
        never=Count("pk", filter=Q(last=None) & ~Q(kind=Source.Kind.LIVE)),
        running=Count("pk", filter=Q(last=Crawl.State.RUNNING)),
        queued=Count("pk", filter=Q(last=Crawl.State.QUEUED)),
        paused=Count("pk", filter=Q(paused=True)),
    )


def _trend(source: Any) -> Chart | None:
    """How many pages were not indexed, crawl by crawl; nothing where there is no course to see."""
    ended = [one for one in source.last_crawls if one.finished_at and one.started_at][:TREND][::-1]
    counts = [sum(one.reasons.values()) for one in ended]
    if len(counts) < 2 or not any(counts):
        return None
    told = [_("%(when)s: %(count)d not in the index") % {"when": explain.moment(one.finished_at), "count": count}
            for one, count in zip(ended, counts, strict=True)]  # fmt: skip
    label = _("Pages not in the index after each of the last %(count)d crawls, now %(last)d")
    return bars(label % {"count": len(counts), "last": counts[-1]}, counts, told)


def _courses(source: Source) -> list[tuple[explain.Course, Chart]]:
    """For each reason a chart of its course; all to one scale, so that they compare."""
    courses = explain.reasons_over_time(source)
    most = max((max(course.counts) for course in courses), default=0)
    drawn = []
    for course in courses:
        told = [f"{when}: {count}" for when, count in zip(course.moments, course.counts, strict=True)]
        said = _("%(reason)s: %(counts)s") % {"reason": course.label, "counts": ", ".join(map(str, course.counts))}
        drawn.append((course, bars(said, course.counts, told, most)))
    return drawn
