"""Hosts: their list with what became of each, and the blocklist: many at once, consequences first, undone by a click.

The deeds are blocklist.py's. Called by Django's admin.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from search_index import blocklist as blocks
from search_index import explain
from search_index.admin.cells import STYLES, badge, list_link
from search_index.admin.tools import page, part, tool
from search_index.admin.weight import WEIGHING, Weighed, weight
from search_index.models import Host, Page, Passage

if TYPE_CHECKING:
    HostBase = admin.ModelAdmin[Host]
else:
    HostBase = admin.ModelAdmin

SHOWN = 50  # blocked hosts on a page
JUST_BLOCKED = "just-blocked"  # in the session: what Undo undoes


def standing(host: Host) -> SafeString:
    """A host's standing as a badge with its reason."""
    sign = badge(host.standing or "open", host.get_standing_display())
    return format_html('{} <span class="why">{}</span>', sign, host.reason)


@admin.register(Host)
class HostAdmin(Weighed, HostBase):
    """Every web host that was spoken to: standing and why, what the search has of it, its weight in the ranking."""

    list_display = ("name", "shown_standing", "passages", "source_class", "shown_boost")
    list_filter = ("standing", "boost", "source_class")
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("name",)
    search_help_text = gettext_lazy("A part of the name")
    actions = ("block_selected", "unblock_selected", *WEIGHING)
    change_list_template = "admin/search_index/change_list.html"
    change_form_template = "admin/search_index/host/change_form.html"
    fields = ("name", "shown_standing", "passages", "manners", "source_class", "boost", "first_seen_at")
    readonly_fields = ("name", "shown_standing", "passages", "manners", "first_seen_at")

    class Media:
        css = STYLES

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        there = Passage.objects.filter(host=OuterRef("name")).order_by().values("host")
        number = Subquery(there.annotate(number=Count("pk")).values("number"), output_field=IntegerField())
        hosts: QuerySet[Any] = super().get_queryset(request).annotate(number=Coalesce(number, 0))
        return hosts

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Hosts come of crawls and of the blocklist."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Host | None = None) -> bool:
        """With its row a host would lose its standing."""
        return False

    @admin.display(description=gettext_lazy("standing, and why"), ordering="standing")
    def shown_standing(self, host: Host) -> SafeString:
        return standing(host)

    @admin.display(description=gettext_lazy("passages"))
    def passages(self, host: Any) -> SafeString | str:
        return list_link(Page, host.number, q=f"://{host.name}") if host.number else "0"

    @admin.display(description=gettext_lazy("ranking"), ordering="boost")
    def shown_boost(self, host: Host) -> SafeString | str:
        return weight(host.boost, host.get_boost_display())

    @admin.display(description=gettext_lazy("manners"))
    def manners(self, host: Host) -> str:
        return explain.manners(host)

    # --- actions ---

    @admin.action(description=gettext_lazy("Block … (shows first what that means)"), permissions=["change"])
    def block_selected(self, request: HttpRequest, queryset: QuerySet[Host]) -> HttpResponse:
        return _shown(request, list(queryset.values_list("name", flat=True)))

    @admin.action(description=gettext_lazy("Unblock, and read again"), permissions=["change"])
    def unblock_selected(self, request: HttpRequest, queryset: QuerySet[Host]) -> None:
        _unblock(request, list(queryset.values_list("name", flat=True)))


@tool("view_host")
def blocklist(request: HttpRequest) -> HttpResponse:
    """What is blocked; a box for a list of hosts; and, for the hosts that are posted or asked for by `?host=`, what
    blocking them means."""
    if request.method == "POST":
        hosts, wrong = blocks.named(request.POST.get("hosts", ""))
        return _shown(request, hosts, wrong, request.POST.get("why", ""))
    hosts, wrong = blocks.named("\n".join(request.GET.getlist("host")))
    return _shown(request, hosts, wrong)


def _shown(request: HttpRequest, hosts: Sequence[str], wrong: Sequence[str] = (), why: str = "") -> HttpResponse:
    about = blocks.consequences(hosts)
    return page(
        request,
        "blocklist",
        _("Blocklist"),
        part=part(request, Host.objects.filter(standing=Host.Standing.BLOCKED).order_by("name"), SHOWN),
        consequences=about,
        pages=sum(one.pages for one in about),
        passages=sum(one.passages for one in about),
        wrong=wrong,
        why=why,
        just_blocked=[] if hosts else request.session.get(JUST_BLOCKED, []),
        may_act=request.user.has_perm("search_index.change_host"),
    )


@require_POST
@tool("view_host")
def do(request: HttpRequest, deed: str) -> HttpResponse:
    """Block or unblock the posted hosts."""
    hosts, _wrong = blocks.named("\n".join(request.POST.getlist("host")))
    if deed == "block":
        _block(request, hosts, request.POST.get("why", "").strip())
    elif deed == "unblock":
        _unblock(request, hosts)
    else:
        raise Http404
    return redirect("index:blocklist")


def _block(request: HttpRequest, hosts: Sequence[str], why: str) -> None:
    pages = blocks.block(hosts, why)
    request.session[JUST_BLOCKED] = list(hosts)
    hosts_told = ngettext("%(count)d host is blocked", "%(count)d hosts are blocked", len(hosts))
    pages_told = ngettext("%(count)d page has left the search", "%(count)d pages have left the search", pages)
    told = {"hosts": hosts_told % {"count": len(hosts)}, "pages": pages_told % {"count": pages}}
    messages.success(request, _("%(hosts)s; %(pages)s.") % told)


def _unblock(request: HttpRequest, hosts: Sequence[str]) -> None:
    pages = blocks.unblock(hosts)
    request.session.pop(JUST_BLOCKED, None)
    hosts_told = ngettext("%(count)d host is open again", "%(count)d hosts are open again", len(hosts))
    pages_told = ngettext("%(count)d page waits to be read", "%(count)d pages wait to be read", pages)
    told = {"hosts": hosts_told % {"count": len(hosts)}, "pages": pages_told % {"count": pages}}
    messages.success(request, _("%(hosts)s; %(pages)s.") % told)
