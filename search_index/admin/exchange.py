"""Lists of sources, in and out: OPML (what feed readers exchange) and CSV (what a table program writes). A list is
looked at before anything of it is added. Called by Django's admin.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from search_index import crawl, sources
from search_index.admin.tools import page, tool
from search_index.errors import BadSource
from search_index.lists import Listed, imported, write_csv, write_opml
from search_index.models import Source

LARGEST = 2_000_000  # bytes of a list
MOST = 1_000  # sources of a list
FORMS = {"opml": (write_opml, "text/x-opml"), "csv": (write_csv, "text/csv")}


@dataclass(frozen=True)
class Proposed:
    """A source of the list: as it would be added, or why it would not be."""

    listed: Listed
    kind: str
    location: str
    known: Source | None = None
    fault: str = ""

    @property
    def is_new(self) -> bool:
        return not self.fault and self.known is None


@require_http_methods(["GET", "POST"])
@tool("view_source")
def exchange(request: HttpRequest) -> HttpResponse:
    """The form; a posted list is shown as it would be added; posted again with `add`, it is."""
    text, failure = "", ""
    proposed: list[Proposed] = []
    if request.method == "POST":
        try:
            text = _text(request)
            proposed = proposals(_listed(text))
        except BadSource as error:
            failure = str(error)
        if "add" in request.POST and proposed:
            return _add(request, proposed)
    return page(
        request,
        "exchange",
        _("Import and export sources"),
        text=text,
        failure=failure,
        proposed=proposed,
        new=sum(one.is_new for one in proposed),
        sources=Source.objects.exclude(kind=Source.Kind.LIVE).count(),
    )


@require_GET
@tool("view_source")
def export(request: HttpRequest, form: str) -> HttpResponse:
    """All sources as a file to keep."""
    if form not in FORMS:
        raise Http404
    write, content_type = FORMS[form]
    rows = list(Source.objects.exclude(kind=Source.Kind.LIVE).order_by("collection", "name"))
    name = time.strftime(f"scenthound-sources-%Y-%m-%d.{form}")
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(write(rows), content_type=f"{content_type}; charset=utf-8", headers=headers)


def proposals(listed: Sequence[Listed]) -> list[Proposed]:
    """Each source of the list: new, known already, or with what is wrong with it; one query."""
    checked = []
    for one in listed:
        try:
            if one.problem:
                raise BadSource("list", one.problem)
            kind = one.kind or sources.guess_kind(one.location)
            checked.append(Proposed(one, kind, sources.checked_location(kind, one.location)))
        except BadSource as error:
            checked.append(Proposed(one, one.kind, one.location, fault=str(error)))
    rows = Source.objects.filter(location__in=[one.location for one in checked])
    known = {(source.kind, source.location): source for source in rows}
    return [one if one.fault else replace(one, known=known.get((one.kind, one.location))) for one in checked]


def _text(request: HttpRequest) -> str:
    """The list that was sent, as a file or as text. Raises BadSource."""
    file = request.FILES.get("file")
    if file is None:
        text = str(request.POST.get("text", ""))
    elif (file.size or 0) > LARGEST:
        raise BadSource("size", _("The list is larger than %d MB.") % (LARGEST // 1_000_000))
    else:
        text = file.read().decode("utf-8-sig", "replace")
    if not text.strip():
        raise BadSource("empty", _("Choose a file, or paste a list."))
    return text


def _listed(text: str) -> list[Listed]:
    """The sources of the list. Raises BadSource."""
    listed = imported(text)
    if len(listed) > MOST:
        raise BadSource("size", _("The list names more than %d sources; divide it.") % MOST)
    return listed


def _add(request: HttpRequest, proposed: Sequence[Proposed]) -> HttpResponse:
    """Add what is new, each with its crawl; one that fails after all is told and keeps none of the others."""
    added = 0
    for one in proposed:
        if not one.is_new:
            continue
        try:
            with transaction.atomic():
                source = sources.add(one.location, kind=one.kind, name=_free(one.listed.name))
                if one.listed.settings:
                    Source.objects.filter(pk=source.pk).update(**one.listed.settings)
                crawl.start(source)
        except BadSource as error:
            messages.warning(request, f"{one.location}: {error}")
        else:
            added += 1
    told = ngettext(
        "%(count)d source was added; its crawl begins.",
        "%(count)d sources were added; their crawls begin.",
        added,
    )
    messages.success(request, told % {"count": added})
    return redirect("admin:search_index_source_changelist")


def _free(name: str) -> str:
    """The name where no source has it, else nothing: then one is made from the location."""
    name = name[:90]
    return "" if Source.objects.filter(name=name).exists() else name
