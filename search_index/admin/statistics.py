"""The index in figures, on one page. Called by Django's admin."""

from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from search_index import rerank
from search_index.admin.charts import bars
from search_index.admin.tools import page, tool
from search_index.figures import figures


@require_GET
@tool("view_source")
def statistics(request: HttpRequest) -> HttpResponse:
    """Counts, disk, models, queues, breakdowns, growth."""
    shown = figures()
    told = [
        ngettext("%(day)s: %(count)d text", "%(day)s: %(count)d texts", count)
        % {"day": date_format(day, "j M"), "count": count}
        for day, count in shown.days
    ]
    stored = sum(count for _day, count in shown.days)
    growth = bars(
        _("Texts stored a day, of the last %(days)d days") % {"days": len(shown.days)},
        [count for _day, count in shown.days],
        told,
    )
    return page(
        request,
        "statistics",
        _("Statistics and disk"),
        figures=shown,
        growth=growth,
        stored=stored,
        reranking_trouble=rerank.trouble(),  # as this process, which answers searches itself, has seen it
    )
