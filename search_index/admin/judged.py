"""What the judgement made of pages: copies of one text with the one that is shown, copies that contradict it, and pages
refused by what their text is; with what an operator can do about each. Called by Django's admin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from search_index import explain, reindex
from search_index.admin.tools import page, part, tool
from search_index.likeness import told
from search_index.models import Host, Page, Source
from search_index.store import host_of

CLUSTERS = 20  # on a page
COPIES = 8  # shown of a cluster
REFUSED = 30  # on a page


@dataclass(frozen=True)
class Copy:
    """A page of a cluster, with the host by which it can be blocked (empty for files)."""

    page: Page
    host: str
    standing: str
    signals: tuple[tuple[str, str], ...] = ()

    @property
    def judged(self) -> bool:
        """Whether the operator's word can bring it in: it was refused by what its text is."""
        return self.page.state == Page.State.REFUSED and self.page.reason in explain.JUDGED and not self.page.override


@dataclass(frozen=True)
class Cluster:
    """Pages that say the same; `shown` is the one that all are one with, where it still is there."""

    number: int
    count: int
    shown: Copy | None
    copies: list[Copy]

    @property
    def more(self) -> int:
        return self.count - len(self.copies) - (1 if self.shown else 0)


@dataclass(frozen=True)
class Side:
    """A page that contradicts another one: what it says instead, and the page itself where it is still there."""

    url: str
    says: str
    copy: Copy | None


@dataclass(frozen=True)
class Contradiction:
    """Two pages that say the same but for numbers or negations. They are not merged: most have no cluster."""

    title: str
    sides: tuple[Side, ...]


@require_GET
@tool("view_page")
def copies(request: HttpRequest) -> HttpResponse:
    """Clusters of copies, the largest first; with `?only=conflicts` the pages that contradict each other, by twos."""
    only = request.GET.get("only", "")
    number, of = request.GET.get("cluster", ""), request.GET.get("page", "")
    conflicts = Page.objects.exclude(conflict="")
    if only == "conflicts":
        # By address, for there is an index of those in conflict by it.
        shown = part(request, _with_source(conflicts).order_by("url", "pk"), CLUSTERS)
        return page(
            request,
            "copies",
            _("Copies"),
            part=shown,
            contradictions=_contradictions(list(shown)),
            only=only,
            conflicts=shown.paginator.count,
            **_may(request),
        )
    found = Page.objects.filter(cluster__isnull=False)
    if number.isdecimal() and len(number) < 19:
        found = found.filter(cluster=int(number))
    elif of.isdecimal() and len(of) < 19:
        found = found.filter(cluster__in=Page.objects.filter(pk=int(of)).values("cluster"))
    sizes = found.order_by().values("cluster").annotate(size=Count("pk")).order_by("-size", "cluster")
    shown = part(request, sizes.filter(size__gt=1), CLUSTERS)
    counts = {row["cluster"]: row["size"] for row in shown}
    return page(
        request,
        "copies",
        _("Copies"),
        part=shown,
        clusters=_clusters(counts),
        conflicts=conflicts.count(),
        **_may(request),
    )


def _clusters(counts: dict[int, int]) -> list[Cluster]:
    """The clusters with some of their pages, the shown one and those in conflict first; two queries."""
    order = [F("conflict").desc(), F("pk").asc()]
    pages = (
        _with_source(Page.objects.filter(cluster__in=counts))
        .annotate(place=Window(RowNumber(), partition_by=F("cluster"), order_by=order))
        .filter(Q(place__lte=COPIES) | Q(pk=F("cluster")))
        .order_by("cluster", "place")
    )
    copies = _copies(list(pages))
    clusters = []
    for number, count in counts.items():
        of_it = [copy for copy in copies if copy.page.cluster == number]
        shown = next((copy for copy in of_it if copy.page.pk == number), None)
        clusters.append(Cluster(number, count, shown, [copy for copy in of_it if copy is not shown][:COPIES]))
    return clusters


def _contradictions(pages: Sequence[Page]) -> list[Contradiction]:
    """What the pages contradict and what contradicts them, each two once; two queries."""
    lines = {one.pk: told(one.conflict)[:COPIES] for one in pages}
    addresses = {address for of_it in lines.values() for address, _says in of_it}
    others = _with_source(Page.objects.exclude(conflict="").filter(url__in=addresses))
    copies = {copy.page.pk: copy for copy in _copies([*pages, *others])}
    found: dict[frozenset[str], Contradiction] = {}
    for one in pages:
        for address, says in lines[one.pk]:
            there = [(copies[other.pk], dict(told(other.conflict))) for other in others if other.url == address]
            # Another source may have the address, too: the one that is meant tells of this page.
            copy, tells = next((other for other in there if one.url in other[1]), (None, {}))
            mine = Side(one.url, tells.get(one.url, "") if address else says, copies[one.pk])
            theirs = (Side(address, says, copy),) if address else ()
            title = one.snapshot.title if one.snapshot else ""
            found.setdefault(frozenset({one.url, address}), Contradiction(title or one.url, (mine, *theirs)))
    return list(found.values())


def _with_source(pages: QuerySet[Page]) -> QuerySet[Page]:
    """With what is shown of a page, and without what is long."""
    long = ("snapshot__text", "snapshot__headings", "snapshot__links", "bands")
    return pages.select_related("source", "snapshot").defer(*long)


@require_GET
@tool("view_page")
def refused(request: HttpRequest) -> HttpResponse:
    """Pages that were refused by what their text is, the last ones first, with what was measured."""
    judged = Page.objects.filter(reason__in=explain.JUDGED, state=Page.State.REFUSED)
    counts = list(judged.order_by().values_list("reason").annotate(number=Count("pk")).order_by("-number", "reason"))
    reason = request.GET.get("reason", "")
    rows = judged.filter(reason=reason) if reason else judged
    rows = rows.select_related("source").defer("bands").order_by(F("tried_at").desc(nulls_last=True), "-pk")
    shown = part(request, rows, REFUSED)
    taken = Page.objects.filter(override=True).select_related("source").defer("bands").order_by("-pk")[:REFUSED]
    return page(
        request,
        "refused",
        _("Refused by judgement"),
        part=shown,
        copies=_copies(list(shown)),
        reasons=[(code, explain.words(code), number) for code, number in counts],
        reason=reason,
        taken=list(taken),
        hosts=list(Host.objects.exclude(standing__in=[Host.Standing.OPEN, Host.Standing.BLOCKED])[:REFUSED]),
        **_may(request),
    )


@require_POST
@tool("view_page")
def do(request: HttpRequest, number: int, deed: str) -> HttpResponse:
    """Take a page anyway, or judge it again."""
    chosen = get_object_or_404(Page.objects.select_related("source"), pk=number)
    if deed == "take":
        reindex.take_anyway(chosen)
        if chosen.source.kind == Source.Kind.LIVE or chosen.source.paused:
            done = _("%(page)s will be taken when it is read the next time.")
        else:
            done = _("%(page)s will be taken: the crawl of its source is under way.")
    elif deed == "judge":
        reindex.judge_again(chosen)
        done = _("%(page)s will be judged by its text again when it is read the next time.")
    else:
        raise Http404
    messages.success(request, done % {"page": chosen.url})
    back = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return redirect(back)
    return redirect("admin:search_index_page_change", number)


def _copies(pages: Sequence[Page]) -> list[Copy]:
    """The pages with their hosts' standings; one query."""
    hosts = {page.pk: host_of(page.url) for page in pages}
    standings = dict(Host.objects.filter(name__in=set(hosts.values())).values_list("name", "standing"))
    return [
        Copy(page, hosts[page.pk], standings.get(hosts[page.pk], ""), tuple(explain.signals(page))) for page in pages
    ]


def deeds(request: HttpRequest, chosen: Page) -> dict[str, Any]:
    """What page_deeds.html shows beside one page."""
    (copy,) = _copies([chosen])
    return {"copy": copy, **_may(request)}


def _may(request: HttpRequest) -> dict[str, Any]:
    user: Any = request.user
    return {
        "may_act": user.has_perm("search_index.change_page"),
        "may_block": user.has_perm("search_index.change_host"),
        "back": request.get_full_path(),
    }
