"""A report as Markdown, for a shell and for downloading: sentences with numbered citations, and their sources.

Titles and addresses come from the exhibits, never from text that a model wrote. All text is escaped: nothing of a page
or a model can become a link, an image or markup. Blocking. Called by manage.py research and by the report views.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from research.engine.findings import computed_in, used
from research.engine.tried import not_opened, tried
from research.models import Claim, Evidence, Exhibit, Report
from search_index import api

SHOWN = 10  # queries and pages that were tried, of those named

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_LIST_MARK = re.compile(r"^(\s*)([-+=]|\d+[.)])", re.MULTILINE)


def markdown(report: Report) -> str:
    """The whole report. A page is numbered when it is first cited; struck sentences are counted, not shown."""
    light = Evidence.objects.select_related("exhibit").defer("exhibit__text", "exhibit__headings").order_by("number")
    claims = list(report.claims.prefetch_related(Prefetch("evidence", light)))
    shown = [claim for claim in claims if not claim.is_struck]
    in_table = {one.number: one.exhibit for one in light.filter(run=report.run_id)} if report.table else {}
    sides = {one.number: one for one in light.filter(run=report.run_id, number__in=report.in_disagreements)}
    others = [in_table[number] for number in report.in_table] + [one.exhibit for one in sides.values()]
    numbers = _numbered(shown, others)
    parts = [f"# {_escaped(report.run.question)}"]
    if report.answer:
        parts.append(f"**{_escaped(report.answer)}**")
    parts += [_escaped(why) for why in not_opened(report)]
    if report.only_nearest(claims):
        parts.append(_("No answer was found. What came nearest does not answer the question:"))
    for section, members in groupby(shown, key=lambda claim: claim.section):
        if section and section != report.run.question:
            parts.append(f"## {_escaped(section)}")
        parts += _paragraphs(list(members), numbers)
    if report.disagreements:
        parts.append(f"## {_('Where sources disagree')}")
        parts += [_disagreement(one, sides, numbers) for one in report.disagreements]
    if report.table:
        parts.append(_table(report, in_table, numbers))
    if struck := len(claims) - len(shown):
        parts.append(
            ngettext(
                "%(count)d sentence was left out: its evidence did not support it.",
                "%(count)d sentences were left out: their evidence did not support them.",
                struck,
            )
            % {"count": struck}
        )
    parts += _calculations(report, shown, numbers)
    if report.not_found:
        parts.append(f"## {_('Not found')}")
        parts.append("\n".join(f"- {_escaped(question)}" for question in report.not_found))
        parts.append(_tried(report))
    if numbers:
        parts.append(f"## {_('Sources')}")
        parts.append("\n".join(f"{number}. {_source(page)}" for page, number in numbers.items()))
    return "\n\n".join(parts) + "\n"


def _calculations(report: Report, claims: Sequence[Claim], numbers: Mapping[Exhibit, int]) -> list[str]:
    """What was computed and is said in the sentences: the result, the code that ran, and where its numbers are from."""
    pages = {one.number: one.exhibit for claim in claims for one in claim.evidence.all()}
    computations = computed_in(report.run)
    said = dict.fromkeys(
        one
        for claim in claims
        for one in used(claim.text, (evidence.number for evidence in claim.evidence.all()), computations)
    )
    parts = [f"## {_('Calculations')}"] if said else []
    for one in said:
        marks = "".join(f"\\[{mark}\\]" for mark in dict.fromkeys(numbers[pages[number]] for number in one.evidence))
        parts.append(f"{_escaped(one.text)} {marks}")
        if "\n" in one.code:
            parts.append(
                "\n".join(f"    {line}" for line in one.code.splitlines())
            )  # a fence could be ended from inside
    return parts


def _tried(report: Report) -> str:
    """What was tried in vain, as a short list."""
    done = tried(report)
    lines = [
        ngettext("%(n)d passage was looked at.", "%(n)d passages were looked at.", done.passages) % {"n": done.passages}
    ]
    for label, all_of_them in ((_("Searched"), done.queries), (_("Read in full"), done.pages)):
        if all_of_them:
            named = "; ".join(f"“{_escaped(one)}”" for one in all_of_them[:SHOWN])
            more = _(" and %(n)d more") % {"n": len(all_of_them) - SHOWN} if len(all_of_them) > SHOWN else ""
            lines.append(f"{label}: {named}{more}.")
    lines += map(_escaped, done.unopened[:SHOWN])
    return f"{_('What was tried:')}\n\n" + "\n".join(f"- {line}" for line in lines)


def _table(report: Report, pages: dict[int, Exhibit], numbers: dict[Exhibit, int]) -> str:
    def cell(text: str, evidence: Sequence[int]) -> str:
        marks = dict.fromkeys(numbers[pages[number]] for number in evidence)
        return " ".join([_escaped(" ".join(text.split())), *(f"\\[{mark}\\]" for mark in marks)]).strip() or "—"

    heads = [_escaped(text) for text in (report.table["item"], *report.table["columns"])]
    rows = [
        [cell(row["item"], row["evidence"][:1]), *(cell(one["value"], one["evidence"]) for one in row["cells"])]
        for row in report.table["rows"]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *rows])


def _disagreement(one: dict[str, Any], evidence: Mapping[int, Evidence], numbers: Mapping[Exhibit, int]) -> str:
    """The sides side by side, in a list: what each source says, whose it is, its date and class."""
    lines = [_escaped(one["about"])] if one["about"] else []
    for side in one["sides"]:
        lines.append(f"\n- **{_escaped(side['says'])}**")
        for number in side["evidence"]:
            page = evidence[number].exhibit
            quote = _escaped(" ".join(evidence[number].quote.split()))
            lines.append(f"  - \\[{numbers[page]}\\] “{quote}” ({_escaped(_whose(page))})")
    return "\n".join(lines)


def _whose(page: Exhibit) -> str:
    """Where a page is from, of what day, and who may speak on it."""
    known = api.CLASSES.get(page.source_class)
    date = page.published_on.isoformat() if page.published_on else _("no date")
    return ", ".join([page.host or page.source, date, *([str(known)] if known else [])])


def _numbered(claims: Sequence[Claim], others: Sequence[Exhibit]) -> dict[Exhibit, int]:
    """The number of each cited page, in the order of first citation; those of the table, and those that only disagree,
    come last."""
    numbers: dict[Exhibit, int] = {}
    for claim in claims:
        for evidence in claim.evidence.all():
            numbers.setdefault(evidence.exhibit, len(numbers) + 1)
    for page in others:
        numbers.setdefault(page, len(numbers) + 1)
    return numbers


def _paragraphs(claims: Sequence[Claim], numbers: dict[Exhibit, int]) -> list[str]:
    """Sentences run on in one paragraph; quotations stand by themselves."""
    parts = []
    for quoted, members in groupby(claims, key=lambda claim: claim.verdict == Claim.Verdict.QUOTED):
        cited = [f"{_escaped(claim.text)} {_marks(claim, numbers)}{_doubt(claim)}" for claim in members]
        parts += [_quotation(text) for text in cited] if quoted else [" ".join(cited)]
    return parts


def _marks(claim: Claim, numbers: dict[Exhibit, int]) -> str:
    cited = dict.fromkeys(numbers[evidence.exhibit] for evidence in claim.evidence.all())
    return "".join(f"\\[{number}\\]" for number in cited)


def _doubt(claim: Claim) -> str:
    """What a reader has to know of the claim's sources; it stands beside it."""
    return f" *({_escaped(claim.caution)})*" if claim.caution else ""


def _quotation(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _source(page: Exhibit) -> str:
    place = f"<{page.url.replace('<', '%3C').replace('>', '%3E')}>" if page.is_web else _escaped(page.source)
    return f"{_escaped(page.title or page.url)}, {place}"


def _escaped(text: str) -> str:
    text = _SPECIAL.sub(r"\\\1", text.strip()).replace("://", "\\://")  # many readers link bare addresses
    return _LIST_MARK.sub(r"\1\\\2", text)
