"""The report, set for reading; its download as Markdown; and the passage that a citation leads to.

Called by research/urls.py, and by the run and share views for the parts they have in common.
"""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from research.access import evidence_read, report_read, snapshot_read
from research.engine.markdown import markdown
from research.models import Report, Run
from research.views.cited import ReportShown, cited
from research.views.picture import meters
from research.views.typeset import WHOLE, paragraphs, window


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
def evidence(request: HttpRequest, run_id: UUID, number: int) -> HttpResponse:
    """The stored page at the passage that a piece of evidence is."""
    found = evidence_read(request, run_id, number)
    opened = snapshot_read(found.snapshot_id)
    part = window(opened.text, found.start)
    context = {
        "opened": opened,
        "evidence": found,
        "run": found.run,
        "part": part,
        "paragraphs": paragraphs(opened.text, opened.headings, part, (found.start, found.end)),
        "is_long": len(opened.text) > WHOLE,
    }
    return render(request, "snapshot.html", context)


def report_page(request: HttpRequest, the_report: Report, new_link: str = "") -> HttpResponse:
    """The page of a report; `new_link` is a public link that was just made and is shown this once."""
    context = {
        "run": the_report.run,
        "shown": shown(the_report),
        "versions": the_report.run.reports.order_by("version"),
        "meters": meters(the_report.run),
        "shares": the_report.shares.order_by("-created_at"),
        "new_link": new_link,
    }
    return render(request, "report.html", context)


def shown(the_report: Report) -> ReportShown:
    """A report whose citations lead to the owner's evidence pages."""

    def address(number: int) -> str:
        return reverse("evidence", args=[the_report.run_id, number]) + "#passage"

    return cited(the_report, address)


def shown_to_owner(run: Run) -> ReportShown | None:
    """The latest report of a run, if it has one."""
    found = run.reports.order_by("-version").first()
    return shown(found) if found else None
