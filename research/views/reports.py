"""The report, set for reading; its downloads as Markdown and CSV; and the passage that a citation leads to.

Called by research/urls.py, and by the run and share views for the parts they have in common.
"""

import csv
from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from research.access import evidence_read, report_read
from research.engine.markdown import markdown
from research.models import Report, Run
from research.views.changes import changes
from research.views.cited import Citation, ReportShown, cited
from research.views.exhibit import opened
from research.views.picture import meters
from research.views.typeset import window


@login_required
@require_GET
def latest(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The latest version of a run's report has an address that stays; the versions have their own."""
    report = report_read(request, run_id)
    return redirect("report", run_id=run_id, version=report.version)


@login_required
@require_GET
def report(request: HttpRequest, run_id: UUID, version: int) -> HttpResponse:
    """One version of a report."""
    return report_page(request, report_read(request, run_id, version))


@login_required
@require_GET
def download(request: HttpRequest, run_id: UUID, version: int) -> HttpResponse:
    """The report as a Markdown file."""
    the_report = report_read(request, run_id, version)
    response = HttpResponse(markdown(the_report), content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="report-{str(run_id)[:8]}-{version}.md"'
    return response


@login_required
@require_GET
def table(request: HttpRequest, run_id: UUID, version: int) -> HttpResponse:
    """The survey's table as a CSV file. Raises Http404 where the report has none."""
    return table_file(shown(report_read(request, run_id, version)))


@login_required
@require_GET
def evidence(request: HttpRequest, run_id: UUID, number: int, version: int | None = None) -> HttpResponse:
    """The page as the run kept it, at the passage that a piece of evidence is; `?at=` chooses another part of a long
    text. Opened from a version of the report, or from the run itself: then the latest version is meant."""
    found = evidence_read(request, run_id, number)
    if version is None:
        from_report = found.run.reports.order_by("-version").first()
    else:
        from_report = report_read(request, run_id, version)
    at = request.GET.get("at", "")
    part = window(found.exhibit.text, int(at) if at.isdecimal() and len(at) < 10 else found.start)

    def address(other: int) -> str:
        return _address(from_report, other) if from_report else ""

    context = {
        "run": found.run,
        "shown": opened(found, from_report, part, address),
        "report_address": reverse("report", args=[run_id, from_report.version]) if from_report else "",
        "run_address": reverse("run", args=[run_id]),
        "has_shot": found.exhibit.shots.exists(),
    }
    return render(request, "evidence.html", context)


def table_file(report: ReportShown) -> HttpResponse:
    """A table as CSV, each cell with the source it was read in. Raises Http404 where the report has none."""
    if report.table is None:
        raise Http404(_("This report has no table."))
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="table-{str(report.report.run_id)[:8]}.csv"'
    response.write("\ufeff")  # spreadsheets take UTF-8 for something else without it
    writer = csv.writer(response)
    columns = [part for column in report.table.columns for part in (column, _("%s: source") % column)]
    writer.writerow(map(_inert, [report.table.item, *columns]))
    for row in report.table.rows:
        cells = [part for cell in row.cells for part in (cell.value, _origin(cell.citations))]
        writer.writerow(map(_inert, [row.item, *cells]))
    return response


def _origin(citations: Sequence[Citation]) -> str:
    return " ".join(citation.source.url or citation.source.title for citation in citations)


def _inert(text: str) -> str:
    """The text as it is, but never a formula to a spreadsheet (OWASP: CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def report_page(request: HttpRequest, the_report: Report, new_link: str = "") -> HttpResponse:
    """The page of a report; `new_link` is a public link that was just made and is shown this once."""
    context = {
        "run": the_report.run,
        "shown": shown(the_report),
        "versions": the_report.run.reports.order_by("version"),
        "changes": changes(the_report),
        "table_address": reverse("table", args=[the_report.run_id, the_report.version]),
        "meters": meters(the_report.run),
        "shares": the_report.shares.order_by("-created_at"),
        "new_link": new_link,
    }
    return render(request, "report.html", context)


def shown(the_report: Report) -> ReportShown:
    """A report whose citations lead to the owner's evidence pages."""

    return cited(the_report, partial(_address, the_report))


def _address(the_report: Report, number: int) -> str:
    return reverse("report-evidence", args=[the_report.run_id, the_report.version, number]) + "#passage"


def shown_to_owner(run: Run) -> ReportShown | None:
    """The latest report of a run, if it has one."""
    found = run.reports.order_by("-version").first()
    return shown(found) if found else None
