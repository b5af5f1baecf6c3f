"""What a citation opens: the page as the run kept it, at the passage, with what a reader needs to judge it by.

Reads the run's own rows only, never the index: what it shows stays as it was when the source is deleted or crawled
again. A fixed number of queries, however long the report is. Called by views/reports.py and views/shares.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext

from research.models import STRUCK, Claim, Evidence, Exhibit, Report
from research.views import unseen
from research.views.cited import Address, marks
from research.views.fragment import at_passage
from research.views.typeset import WHOLE, Paragraph, Window, paragraphs
from search_index import api

FLAGS: dict[str, str | Promise] = {  # of Exhibit.flags, for its reader
    "hidden": gettext_lazy("This page has text that its readers are not shown. It was left out."),
    "invisible": gettext_lazy("This page has invisible characters. They were left out."),
    "instructions": gettext_lazy(
        "This page tells machines that read it what to do, in its text or hidden in it. It was not followed."
    ),
}


@dataclass(frozen=True)
class InTable:
    """A cell of the report's table that rests on the passage; `column` is empty where a row is named by it."""

    item: str
    column: str
    value: str


@dataclass(frozen=True)
class Neighbour:
    """The evidence before or after this one, in the order of the marks."""

    mark: str
    address: str


@dataclass(frozen=True)
class Opened:
    """A piece of evidence, opened. `claims` and `cells` are what rests on it in the report; `mark` is how the report
    cites it, and empty where it does not; `place` is its place (from 1) among the `all` that it cites."""

    evidence: Evidence
    exhibit: Exhibit
    report: Report | None
    source_class: str | Promise  # in words
    live: str  # the live page's address, opened at the passage; empty where a browser could not open it
    notes: tuple[str | Promise, ...]
    part: Window
    paragraphs: list[Paragraph]
    is_long: bool  # too long for one page
    has_passage: bool  # whether the passage is in this part of a long text
    claims: tuple[Claim, ...]
    cells: tuple[InTable, ...]
    disputes: tuple[str, ...]  # what sources disagree about, this one on one of the sides
    mark: str
    place: int
    all: int
    before: Neighbour | None
    after: Neighbour | None


def opened(evidence: Evidence, report: Report | None, part: Window, address: Address) -> Opened:
    """The evidence at the passage, with the `part` of its page that is to be shown. `report` is the one that it was
    opened from; its other evidence is at `address`."""
    page = evidence.exhibit
    marked = marks(_cited(report)) if report else {}
    order = list(marked)
    place = order.index(evidence.number) + 1 if evidence.number in marked else 0

    def neighbour(at: int) -> Neighbour | None:
        return Neighbour(marked[order[at]], address(order[at])) if place and 0 <= at < len(order) else None

    return Opened(
        evidence=evidence,
        exhibit=page,
        report=report,
        source_class=source_class(page.source_class),
        live=at_passage(page.url, page.text, evidence.start, evidence.end) if page.is_web else "",
        notes=notes(page.flags, page.text[part.start : part.end]),
        part=part,
        paragraphs=paragraphs(page.text, page.headings, part, (evidence.start, evidence.end)),
        is_long=len(page.text) > WHOLE,
        has_passage=part.start <= evidence.start < part.end,
        claims=tuple(report.claims.filter(evidence=evidence).exclude(verdict__in=STRUCK)) if report else (),
        cells=_cells(report, evidence.number) if report else (),
        disputes=_disputes(report, evidence.number) if report else (),
        mark=marked.get(evidence.number, ""),
        place=place,
        all=len(order),
        before=neighbour(place - 2),
        after=neighbour(place),
    )


def source_class(value: str) -> str | Promise:
    """Who speaks on a page, in words; empty where it is not known."""
    return api.CLASSES.get(value, "")


def notes(flags: Sequence[str], shown: str) -> tuple[str | Promise, ...]:
    """What a reader has to know of a page, by its flags and by the part of its text that is shown."""
    found = unseen.count(shown)
    said = ngettext(
        "%(count)d invisible character of this text is shown as a code, like U+200B.",
        "%(count)d invisible characters of this text are shown as codes, like U+200B.",
        found,
    )
    told = [FLAGS.get(flag, flag) for flag in flags if flag != "invisible" or not found]
    return (said % {"count": found}, *told) if found else tuple(told)


def _cited(report: Report) -> list[tuple[int, int]]:
    """(number, exhibit's id) of all that the report cites, in the order of cited.py: in its sentences, in its table, on
    the sides of its disagreements."""
    through = Claim.evidence.through.objects.filter(claim__report=report).exclude(claim__verdict__in=STRUCK)
    in_order = through.order_by("claim__ordinal", "evidence__number")
    found = list(in_order.values_list("evidence__number", "evidence__exhibit_id"))
    for numbers in filter(None, (report.in_table, report.in_disagreements)):
        rows = Evidence.objects.filter(run=report.run_id, number__in=numbers).order_by("number")
        found += rows.values_list("number", "exhibit_id")
    return found


def _cells(report: Report, number: int) -> tuple[InTable, ...]:
    columns = report.table.get("columns", [])
    found = []
    for row in report.table.get("rows", []):
        if number in row["evidence"][:1]:
            found.append(InTable(row["item"], "", ""))
        found += [
            InTable(row["item"], column, cell["value"])
            for column, cell in zip(columns, row["cells"], strict=True)
            if number in cell["evidence"]
        ]
    return tuple(found)


def _disputes(report: Report, number: int) -> tuple[str, ...]:
    return tuple(
        one["about"] for one in report.disagreements if any(number in side["evidence"] for side in one["sides"])
    )
