"""What came to the egress door in the last hour or day: how much, what was refused and why, where to, for whom.

Reads what departures.py has written; each figure is one query over that time, whatever is filtered by. A run is only
linked to: its page and what it asked are research's. Called by Django's admin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from search_index import whose as asking
from search_index.admin.charts import Chart, bars
from search_index.admin.tools import page, tool
from search_index.models import Departure, Source
from search_index.refusals import SHORT

HOSTS, ASKERS, LATEST = 25, 25, 25  # shown, at most
HOUR, DAY = "hour", "day"
# How long back, and how long a bar is.
SPANS = {HOUR: (timedelta(hours=1), timedelta(minutes=2)), DAY: (timedelta(days=1), timedelta(hours=1))}
REFUSED = ~Q(verdict="passed")


@dataclass(frozen=True)
class Wanted:
    """What the page is narrowed to; what is empty asks for nothing."""

    span: str
    host: str
    whose: str
    verdict: str  # of SHORT, or "refused": all but "passed"

    def query(self, **changes: str) -> str:
        """The page's own address with these changes."""
        asked = {"span": self.span, "host": self.host, "whose": self.whose, "verdict": self.verdict} | changes
        return "?" + urlencode({name: value for name, value in asked.items() if value})


@dataclass(frozen=True)
class Row:
    """A reason, a host or an asker with what there is of it; `link` is its own page, `narrow` this page of it alone."""

    label: str
    requests: int
    refused: int = 0
    up: int = 0
    down: int = 0
    rate: float = 0.0  # requests a minute, from its first to its last
    last: datetime | None = None
    link: str = ""
    narrow: str = ""


@require_GET
@tool("view_departure")
def egress(request: HttpRequest) -> HttpResponse:
    """Requests by hour or minute, refusals by reason, hosts, runs and sources, and the latest refusals."""
    wanted = _wanted(request)
    length, step = SPANS[wanted.span]
    now = timezone.now()
    rows = _rows(wanted, now - length)
    reasons = _reasons(rows, wanted)
    passed = next((one.requests for one in reasons if one.label == str(SHORT["passed"])), 0)
    return page(
        request,
        "egress",
        _("Egress"),
        wanted=wanted,
        spans=[(HOUR, _("The last hour"), wanted.query(span=HOUR)), (DAY, _("The last day"), wanted.query(span=DAY))],
        verdicts=[("refused", _("all that was refused")), *((code, str(words)) for code, words in SHORT.items())],
        filtered=bool(wanted.host or wanted.whose or wanted.verdict),
        unfiltered=Wanted(wanted.span, "", "", "").query(),
        requests=(total := sum(one.requests for one in reasons)),
        refused=total - passed,
        up=sum(one.up for one in reasons),
        down=sum(one.down for one in reasons),
        rate=total / (length.total_seconds() / 60),
        reasons=[one for one in reasons if one.label != str(SHORT["passed"])],
        chart=_chart(rows, now, length, step, wanted),
        hosts=_hosts(rows, wanted),
        askers=_askers(rows, wanted),
        latest=[(one, _name(one.whose, {}), SHORT.get(one.verdict, one.verdict)) for one in _latest(rows)],
        ever=bool(total) or Departure.objects.exists(),
    )


def _wanted(request: HttpRequest) -> Wanted:
    given = {name: request.GET.get(name, "").strip()[:255] for name in ("span", "host", "whose", "verdict")}
    return Wanted(
        span=given["span"] if given["span"] in SPANS else DAY,
        host=given["host"].lower(),
        whose=given["whose"],
        verdict=given["verdict"] if given["verdict"] in {"refused", *SHORT} else "",
    )


def _rows(wanted: Wanted, since: datetime) -> "QuerySet[Departure]":
    rows = Departure.objects.filter(at__gte=since)
    if wanted.host:
        rows = rows.filter(host=wanted.host)
    if wanted.whose:
        rows = rows.filter(whose__in=[wanted.whose, wanted.whose + asking.SEALED])
    if wanted.verdict == "refused":
        rows = rows.filter(REFUSED)
    elif wanted.verdict:
        rows = rows.filter(verdict=wanted.verdict)
    return rows


def _grouped(rows: "QuerySet[Departure]", by: str) -> "QuerySet[Any, dict[str, Any]]":
    found: QuerySet[Any, dict[str, Any]] = rows.order_by().values(by)
    told: QuerySet[Any, dict[str, Any]] = found.annotate(
        requests=Count("pk"),
        refused=Count("pk", filter=REFUSED),
        bytes_up=Coalesce(Sum("up"), 0),
        bytes_down=Coalesce(Sum("down"), 0),
        first=Min("at"),
        last=Max("at"),
    )
    return told


def _row(found: dict[str, Any], label: str, link: str = "", narrow: str = "") -> Row:
    minutes = max((found["last"] - found["first"]).total_seconds() / 60, 1.0)
    return Row(
        label=label,
        requests=found["requests"],
        refused=found["refused"],
        up=found["bytes_up"],
        down=found["bytes_down"],
        rate=found["requests"] / minutes,
        last=found["last"],
        link=link,
        narrow=narrow,
    )


def _reasons(rows: "QuerySet[Departure]", wanted: Wanted) -> list[Row]:
    """All that there was, by verdict."""
    found = _grouped(rows, "verdict").order_by("-requests")
    return [
        _row(one, str(SHORT.get(one["verdict"], one["verdict"])), narrow=wanted.query(verdict=one["verdict"]))
        for one in found
    ]


def _hosts(rows: "QuerySet[Departure]", wanted: Wanted) -> list[Row]:
    """The hosts that the most bytes came from, and those that were asked the most."""
    found = _grouped(rows.exclude(host=""), "host").order_by(F("bytes_down").desc(), "-requests")[:HOSTS]
    return [_row(one, one["host"], narrow=wanted.query(host=one["host"])) for one in found]


def _askers(rows: "QuerySet[Departure]", wanted: Wanted) -> list[Row]:
    found = list(_grouped(rows, "whose").order_by("-requests")[:ASKERS])
    numbers = {one["whose"].removesuffix(asking.SEALED).removeprefix("source-") for one in found}
    sources = Source.objects.filter(pk__in=[int(number) for number in numbers if number.isdecimal()])
    names = {str(number): name for number, name in sources.values_list("pk", "name")}
    return [
        _row(one, _name(one["whose"], names), _link(one["whose"], names), wanted.query(whose=one["whose"]))
        for one in found
    ]


def _latest(rows: "QuerySet[Departure]") -> "Sequence[Departure]":
    return list(rows.filter(REFUSED).order_by("-at")[:LATEST])


def _name(whose: str, names: dict[str, str]) -> str:
    """Who asked, in words."""
    kind, _dash, number = whose.removesuffix(asking.SEALED).partition("-")
    if kind == "run":
        words = _("sealed run %(number)s") if whose.endswith(asking.SEALED) else _("run %(number)s")
        return words % {"number": number[:8]}
    if kind == "source":
        return names.get(number) or _("source %(number)s") % {"number": number}
    if kind == "searxng":
        return _("SearXNG, for the engines that it asks")
    return _("the index itself (robots.txt and the like)") if kind == asking.SITE else _("nobody we know")


def _link(whose: str, names: dict[str, str]) -> str:
    """The page of the run or source in the admin; empty where there is none."""
    kind, _dash, number = whose.removesuffix(asking.SEALED).partition("-")
    if kind == "run":
        return reverse("admin:research_run_change", args=[number])
    return reverse("admin:search_index_source_change", args=[number]) if number in names else ""


def _chart(rows: "QuerySet[Departure]", now: datetime, length: timedelta, step: timedelta, wanted: Wanted) -> Chart:
    """Requests by steps of time, the right-most bar the current one."""
    ends = [now - step * number for number in reversed(range(length // step))]
    # One aggregate with a filter for each bar: the rows are read once.
    counts = rows.order_by().aggregate(
        **{f"bar{number}": Count("pk", filter=Q(at__gt=end - step, at__lte=end)) for number, end in enumerate(ends)}
    )
    values = [counts[f"bar{number}"] for number in range(len(ends))]
    told = [
        ngettext("until %(time)s: %(count)d request", "until %(time)s: %(count)d requests", value)
        % {"time": date_format(timezone.localtime(end), "H:i"), "count": value}
        for end, value in zip(ends, values, strict=True)
    ]
    label = _("Requests, by the hour") if wanted.span == DAY else _("Requests, by two minutes")
    return bars(label, values, told)
