"""The operator's view of research: what runs, what failed and why, what is public. Rows are shown, never edited.

A run is launched by asking, a report is written by a run; here they can be stopped, revoked and deleted.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from config.endpoints import currency
from research import launch
from research.engine import cost as cost_module
from research.engine.values import Cost
from research.models import Claim, Evidence, Exhibit, Gap, Report, Run, Share, Step

admin.site.site_header = "Scenthound"
admin.site.site_title = "Scenthound"
admin.site.index_title = _("What is kept, and what goes on")


class ReadOnly:
    """Rows that the engine writes: looked at, not changed, and deleted only with their run."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class GapInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = Gap
    fields = ["number", "text", "criterion", "state", "outcome"]
    readonly_fields = ["text"]  # the model has it as a property


@admin.register(Run)
class RunAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Runs, those with trouble findable by state; their steps and their report a click away."""

    list_display = [
        "short_question",
        "state",
        "trouble",
        "owner",
        "created_at",
        "took",
        "steps_made",
    ]
    list_filter = ["state", "reasoner", "effort", "sealed", "created_at"]
    search_fields = ["question", "error", "id__iexact"]
    date_hierarchy = "created_at"
    actions = ["stop_runs"]
    inlines = [GapInline]
    fieldsets = [
        (None, {"fields": ["question", "state", "error", "activity", "links"]}),
        (
            _("As asked"),
            {
                "fields": [
                    "owner",
                    "effort",
                    "limits",
                    "sealed",
                    "sources",
                    "review_plan",
                    "follows",
                    "repeats",
                    "reasoner",
                ]
            },
        ),
        (_("Times"), {"fields": ["created_at", "started_at", "finished_at", "paused", "leg"]}),
        (_("Spent"), {"fields": ["spent"]}),
        (_("Lease"), {"classes": ["collapse"], "fields": ["lease_owner", "lease_epoch", "lease_until", "last_seq"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        runs: QuerySet[Run] = super().get_queryset(request)
        return runs.select_related("owner").annotate(made=Count("steps"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        assert isinstance(request.user, User)
        return request.user.has_perm("research.delete_run")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        """Who may delete a run may delete all it made, though not one of those rows alone. What goes with it is
        counted: Django would load and list every row, and with the exhibits the text of every page."""
        chosen = [run.pk for run in objs]
        counts = {
            model._meta.verbose_name_plural: model._default_manager.filter(**{f"{way}__in": chosen}).count()
            for model, way in (
                (Run, "pk"),
                (Step, "run"),
                (Gap, "run"),
                (Exhibit, "run"),
                (Evidence, "run"),
                (Report, "run"),
                (Claim, "report__run"),
                (Share, "report__run"),
            )
        }
        return [str(run) for run in objs], counts, set(), []

    @admin.display(description=_("question"), ordering="question")
    def short_question(self, run: Run) -> str:
        return Truncator(run.question).chars(90)

    @admin.display(description=_("trouble"), ordering="error")
    def trouble(self, run: Run) -> str:
        return Truncator(run.error).chars(80)

    @admin.display(description=_("took"))
    def took(self, run: Run) -> str:
        if run.started_at is None:
            return ""
        seconds = int(((run.finished_at or timezone.now()) - run.started_at).total_seconds())
        return f"{seconds // 60}:{seconds % 60:02d}"

    @admin.display(description=_("steps"), ordering="made")
    def steps_made(self, run: Run) -> str:
        return _linked(reverse("admin:research_step_changelist") + f"?run__id__exact={run.pk}", str(run.made))  # type: ignore[attr-defined]

    @admin.display(description=_("look at"))
    def links(self, run: Run) -> str:
        steps = _linked(reverse("admin:research_step_changelist") + f"?run__id__exact={run.pk}", str(_("its steps")))
        reports = _linked(
            reverse("admin:research_report_changelist") + f"?run__id__exact={run.pk}", str(_("its reports"))
        )
        pages = _linked(
            reverse("admin:research_exhibit_changelist") + f"?run__id__exact={run.pk}", str(_("the pages it keeps"))
        )
        return format_html("{} · {} · {}", steps, reports, pages)

    @admin.display(description=_("in all its steps"))
    def spent(self, run: Run) -> str:
        costs = [Cost(**cost) for cost in run.steps.values_list("cost", flat=True)]
        return _spent(cost_module.total(costs))

    @admin.action(description=_("Stop: end with what is known"))
    def stop_runs(self, request: HttpRequest, runs: QuerySet[Run]) -> None:
        under_way = list(runs.filter(state__in=[Run.State.QUEUED, Run.State.RUNNING, Run.State.REVIEW]))
        for run in under_way:
            launch.stop(run)
        told = ngettext("%(n)d run was asked to stop.", "%(n)d runs were asked to stop.", len(under_way))
        self.message_user(request, told % {"n": len(under_way)}, messages.SUCCESS)


@admin.register(Step)
class StepAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """The journal. Reached from a run; failed steps are found by the filter."""

    list_display = ["seq", "kind", "key", "brief", "error", "seconds", "spent", "epoch", "finished_at"]
    list_filter = [("error", admin.EmptyFieldListFilter), "kind"]
    list_per_page = 200
    ordering = ["-run__created_at", "seq"]
    search_fields = ["key", "error"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "run__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @admin.display(description=_("result"))
    def brief(self, step: Step) -> str:
        return Truncator(str(step.result)).chars(140)

    @admin.display(description=_("seconds"))
    def seconds(self, step: Step) -> str:
        return f"{step.cost.get('seconds', 0):.2f}"

    @admin.display(description=_("spent"))
    def spent(self, step: Step) -> str:
        return _spent(Cost(**step.cost))


class ClaimInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = Claim
    fields = ["ordinal", "section", "text", "verdict", "reason"]


@admin.register(Report)
class ReportAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Reports with their claims and verdicts."""

    list_display = ["run", "version", "answer", "created_at"]
    search_fields = ["run__question", "answer"]
    list_select_related = ["run"]
    inlines = [ClaimInline]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "run__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]


@admin.register(Evidence)
class EvidenceAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """The quotations that runs keep."""

    list_display = ["number", "run", "quote", "page", "score"]
    search_fields = ["run__question", "quote"]
    fields = ["run", "number", "gap", "page", "start", "end", "quote", "score", "aside"]
    readonly_fields = ["page"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Evidence]:
        evidence: QuerySet[Evidence] = super().get_queryset(request)
        return evidence.select_related("run", "gap", "exhibit").defer("exhibit__text", "exhibit__headings")

    @admin.display(description=_("page"), ordering="exhibit__title")
    def page(self, evidence: Evidence) -> str:
        return _linked(reverse("admin:research_exhibit_change", args=[evidence.exhibit_id]), str(evidence.exhibit))


@admin.register(Exhibit)
class ExhibitAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """The pages that runs keep copies of: what reports rest on. A page's text is loaded where it alone is looked at."""

    list_display = ["__str__", "run", "host", "source", "source_class", "flagged", "fetched_at", "pieces"]
    list_filter = ["source_class", "fetched_at"]
    search_fields = ["url", "title", "host", "run__question"]
    date_hierarchy = "fetched_at"
    fields = [
        *("run", "url", "host", "title", "author", "published_on", "fetched_at", "source", "source_class", "language"),
        *("snapshot", "cluster", "flagged", "sha256", "evidence", "text"),
    ]
    readonly_fields = ["flagged", "evidence"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exhibit]:
        exhibits: QuerySet[Exhibit] = super().get_queryset(request)
        counted = exhibits.select_related("run").annotate(made=Count("evidence"))
        return counted.defer("text", "headings")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "run__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @admin.display(description=_("flags"))
    def flagged(self, exhibit: Exhibit) -> str:
        return ", ".join(exhibit.flags)

    @admin.display(description=_("evidence"), ordering="made")
    def pieces(self, exhibit: Exhibit) -> int:
        return exhibit.made  # type: ignore[attr-defined, no-any-return]

    @admin.display(description=_("evidence"))
    def evidence(self, exhibit: Exhibit) -> str:
        kept = exhibit.evidence.order_by("number")
        address = "admin:research_evidence_change"
        return format_html_join(" · ", '<a href="{}">{}</a>', ((reverse(address, args=[one.pk]), one) for one in kept))


@admin.register(Share)
class ShareAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """The public links: which report, since when, and whether each still works."""

    list_display = ["report", "works", "owner", "created_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "created_at"]
    list_select_related = ["report__run__owner"]
    fields = ["report", "created_at", "revoked_at"]
    actions = ["revoke"]

    @admin.display(description=_("owner"))
    def owner(self, share: Share) -> str:
        return str(share.report.run.owner)

    @admin.display(description=_("works"), boolean=True)
    def works(self, share: Share) -> bool:
        return share.revoked_at is None

    @admin.action(description=_("Revoke: close the links for good"))
    def revoke(self, request: HttpRequest, shares: QuerySet[Share]) -> None:
        n = shares.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(request, ngettext("%(n)d link is closed.", "%(n)d links are closed.", n) % {"n": n})


def _spent(cost: Cost) -> str:
    """What was spent, in a line: only what there is of it."""
    parts = [
        (cost.model_calls, _("%d model calls")),
        (cost.prompt_tokens, _("%d prompt tokens")),
        (cost.cached_tokens, _("%d of them cached")),
        (cost.completion_tokens, _("%d completion tokens")),
        (cost.pages, _("%d pages")),
        (cost.model_seconds, _("%.1f s for the model")),
        (cost.page_seconds, _("%.1f s for pages")),
        (cost.index_seconds, _("%.1f s for the index")),
        (cost.shortened, _("%d pieces shortened for want of room")),
        (cost.left_out, _("%d left out")),
    ]
    said = [str(text) % amount for amount, text in parts if amount]
    if cost.money:
        said.append(f"{cost.money:.4g} {currency()}")
    return " · ".join(said)


def _linked(address: str, text: str) -> str:
    return format_html('<a href="{}">{}</a>', address, text)
