"""Public links to one version of a report: made and revoked by its owner, read by whoever has the link (security C8).

The token leaves this process once, in the answer to the POST that makes it; only its SHA-256 is stored.
Called by research/urls.py.
"""

import secrets
from functools import partial, wraps
from typing import Any, Protocol
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET, require_POST

from research.access import digest, report_read, share_read, share_write, shared_evidence_read
from research.models import Share
from research.views.cited import ReportShown, cited
from research.views.exhibit import opened
from research.views.reports import report_page, table_file
from research.views.typeset import around


class View(Protocol):
    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse: ...


def unlisted(view: View) -> View:
    """The answer is for whoever has the link: no search engine, no cache and no next site may learn of it."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "private, no-store"
        return response

    return answer


# Not `unlisted`: without a referrer the browser names no origin, and the forms on this page would be refused.
@login_required
@require_POST
@cache_control(private=True, no_store=True)
def share(request: HttpRequest, run_id: UUID, version: int) -> HttpResponse:
    """Make a link, and show the report with it: this answer is the only place where it can be read."""
    report = report_read(request, run_id, version)
    token = secrets.token_urlsafe(32)
    report.shares.create(token_sha256=digest(token))
    return report_page(request, report, request.build_absolute_uri(reverse("shared", args=[token])))


@login_required
@require_POST
def revoke(request: HttpRequest, share_id: int) -> HttpResponse:
    """Close a link for good."""
    the_share = share_write(request, share_id)
    Share.objects.filter(pk=the_share.pk, revoked_at=None).update(revoked_at=timezone.now())
    messages.success(request, _("The link is revoked. Whoever opens it is told so."))
    return redirect("report", run_id=the_share.report.run_id, version=the_share.report.version)


@require_GET
@unlisted
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The report, as everybody with the link sees it."""
    the_share = share_read(token)
    if the_share.revoked_at:
        return render(request, "shared_revoked.html", status=410)
    context = {
        "shown": _shown(the_share, token),
        "run": the_share.report.run,
        "table_address": reverse("shared-table", args=[token]),
    }
    return render(request, "shared.html", context)


@require_GET
@unlisted
def shared_table(request: HttpRequest, token: str) -> HttpResponse:
    """The survey's table as a CSV file, for everybody with the link."""
    the_share = share_read(token)
    if the_share.revoked_at:
        return render(request, "shared_revoked.html", status=410)
    return table_file(_shown(the_share, token))


def _shown(the_share: Share, token: str) -> ReportShown:
    return cited(the_share.report, partial(_address, token))


def _address(token: str, number: int) -> str:
    return reverse("shared-evidence", args=[token, number]) + "#passage"


@require_GET
@unlisted
def shared_evidence(request: HttpRequest, token: str, number: int) -> HttpResponse:
    """The passage of a citation with some lines around it; the rest of the page is not shared."""
    the_share = share_read(token)
    if the_share.revoked_at:
        return render(request, "shared_revoked.html", status=410)
    found = shared_evidence_read(the_share, number)
    part = around(found.exhibit.text, found.start, found.end)
    context = {
        "token": token,
        "run": the_share.report.run,
        "shown": opened(found, the_share.report, part, partial(_address, token)),
        "report_address": reverse("shared", args=[token]),
        "is_cut": part.start > 0 or part.end < len(found.exhibit.text),
    }
    return render(request, "shared_evidence.html", context)
