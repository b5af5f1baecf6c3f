"""One box that takes any address, and says whether it is in the index and why (not). Called by Django's admin."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from search_index import why as explaining
from search_index.admin.tools import page, tool
from search_index.models import Host, Page


@require_GET
@tool("view_page")
def why(request: HttpRequest) -> HttpResponse:
    """The answer for `?url=`."""
    address = request.GET.get("url", "").strip()
    answer = explaining.why(address) if address else None
    return page(
        request,
        "why",
        _("Why is this page (not) in the index?"),
        address=address,
        answer=answer,
        pages=[(known, Page.State(known.state).label) for known in answer.pages] if answer else [],
        standing=Host.Standing(answer.host_standing).label if answer and answer.host_standing else "",
    )
