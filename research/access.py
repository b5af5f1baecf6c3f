"""Who may see what: one function per noun and right. Whatever is not yours does not exist (404, never 403).

Never decides whether somebody has to sign in (the views say that). Called by research/views and research/stream.py.
"""

from hashlib import sha256
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from research.models import Evidence, Exhibit, Report, Run, Share, Shot, Step
from search_index.api import Opened, snapshot


def run_read(request: HttpRequest, run_id: UUID) -> Run:
    """A run of this person's. Raises Http404."""
    return get_object_or_404(Run, pk=run_id, owner_id=request.user.pk)


def run_write(request: HttpRequest, run_id: UUID) -> Run:
    """A run that this person may stop, share or delete: their own. Raises Http404."""
    return get_object_or_404(Run, pk=run_id, owner_id=request.user.pk)


def report_read(request: HttpRequest, run_id: UUID, version: int | None = None) -> Report:
    """A version of the report of a run of this person's; None asks for the latest. Raises Http404."""
    reports = Report.objects.select_related("run").filter(run_id=run_id, run__owner_id=request.user.pk)
    if version is not None:
        return get_object_or_404(reports, version=version)
    latest = reports.order_by("-version").first()
    if latest is None:
        raise Http404(_("This run has no report yet."))
    return latest


def evidence_read(request: HttpRequest, run_id: UUID, number: int) -> Evidence:
    """A piece of evidence of a run of this person's. Raises Http404."""
    return get_object_or_404(
        Evidence.objects.select_related("run", "exhibit"), run_id=run_id, run__owner_id=request.user.pk, number=number
    )


def shot_read(request: HttpRequest, run_id: UUID, seq: int) -> Shot:
    """What the browser of a run of this person's showed after a step. Raises Http404."""
    step = get_object_or_404(Step, run_id=run_id, run__owner_id=request.user.pk, seq=seq, kind="browse")
    return get_object_or_404(Shot, run_id=run_id, key=step.key.partition("/again/")[0])


def cited_shot_read(request: HttpRequest, run_id: UUID, number: int) -> Shot:
    """The picture of the part that this person's run cites of the page of a piece of evidence. Raises Http404."""
    exhibits = Exhibit.objects.filter(run__owner_id=request.user.pk, evidence__number=number)
    shots = Shot.objects.filter(run_id=run_id, exhibit__in=exhibits)
    return get_object_or_404(shots)


def share_write(request: HttpRequest, share_id: int) -> Share:
    """A share of a report of this person's. Raises Http404."""
    shares = Share.objects.select_related("report__run")
    return get_object_or_404(shares, pk=share_id, report__run__owner_id=request.user.pk)


def share_read(token: str) -> Share:
    """The share that a public link names, revoked ones included: the view answers those with 410. Raises Http404.

    The token is looked up by its SHA-256 only: how long that takes says nothing about the tokens that exist.
    """
    return get_object_or_404(Share.objects.select_related("report__run"), token_sha256=digest(token))


def shared_evidence_read(share: Share, number: int) -> Evidence:
    """Evidence that the shared report cites; what else the run kept stays private. Raises Http404."""
    in_claims = Q(claims__report_id=share.report_id)
    apart = [*share.report.in_table, *share.report.in_disagreements]
    beside = Q(run=share.report.run_id, number__in=apart)
    return get_object_or_404(
        Evidence.objects.select_related("exhibit").filter(in_claims | beside).distinct(), number=number
    )


def snapshot_read(number: int) -> Opened:
    """A stored snapshot: the index is open to everybody who is signed in. Raises Http404."""
    try:
        return snapshot(number)
    except LookupError as error:
        raise Http404(_("This page is not in the index.")) from error


def digest(token: str) -> str:
    """What is stored of a share's token."""
    return sha256(token.encode()).hexdigest()
