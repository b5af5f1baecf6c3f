"""Documents from the operator's own machine: many at once, each with its own answer. Works without a script; with
static/js/upload.js the files are sent one by one, with progress. Called by Django's admin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from search_index import containers, crawl
from search_index.admin.tools import page, tool
from search_index.errors import BadSource
from search_index.extract.types import DOCUMENT_BYTES, SUFFIXES
from search_index.models import Source
from search_index.sources import add_files, add_upload
from search_index.uploads import MAX_CONTAINER_BYTES

DEFAULT_NAME = "Uploads"
TAKEN = (*SUFFIXES, *containers.MAILBOXES, *containers.ARCHIVES)
WITHOUT_SCRIPT = 100  # files in one request: Django's own limit


@dataclass(frozen=True)
class Sent:
    """A file that was sent: whether it was taken, and why not, or under which other name."""

    name: str
    size: int
    taken: bool
    why: str


@require_http_methods(["GET", "POST"])
@tool("view_source")
def uploads(request: HttpRequest) -> HttpResponse:
    """The form; a post keeps the files and begins the crawl that reads them."""
    sent: list[Sent] = []
    failure = ""
    name = request.POST.get("name", "").strip() or DEFAULT_NAME
    source = None
    if request.method == "POST":
        given = request.FILES.getlist("files")
        try:
            if not given:
                raise BadSource("files", _("Choose at least one file."))
            source, sent = _kept(name, given)
        except BadSource as error:
            failure = str(error)
        if "X-One-By-One" in request.headers:  # upload.js: it puts the answer into its list
            shown = {"sent": sent or [Sent(file.name or "", file.size or 0, False, failure) for file in given]}
            return TemplateResponse(request, "admin/search_index/sent.html", shown)
        if source and all(one.taken and not one.why for one in sent):
            told = ngettext("%(count)d file was taken.", "%(count)d files were taken.", len(sent))
            messages.success(request, told % {"count": len(sent)})
            return redirect("admin:search_index_source_change", source.pk)
    known = Source.objects.filter(kind=Source.Kind.UPLOAD).order_by("name")
    return page(
        request,
        "uploads",
        _("Upload documents"),
        name=name,
        known=known,
        source=source,
        sent=sent,
        failure=failure,
        suffixes=", ".join(TAKEN),
        accept=",".join(TAKEN),
        most_bytes=DOCUMENT_BYTES,
        most_container_bytes=MAX_CONTAINER_BYTES,
        at_once=WITHOUT_SCRIPT,
    )


def _kept(name: str, files: "Sequence[UploadedFile[Any]]") -> tuple[Source, list[Sent]]:
    """The files, kept in the upload of this name, which is made if there is none. Raises BadSource."""
    source = Source.objects.filter(kind=Source.Kind.UPLOAD, name=name).first()
    if source is None:
        source, received = add_upload(name, files)
    else:
        received = add_files(source, files)
    if any(one.stored for one in received) and not source.paused:
        crawl.start(source)
    return source, [
        Sent(file.name or "", file.size or 0, bool(one.stored), one.why)
        for file, one in zip(files, received, strict=True)
    ]
