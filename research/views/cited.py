"""A report as it is read: sections of claims, each claim with its citation marks, and the sources they lead to.

Titles, hosts, addresses and dates come from the exhibits that the evidence stands in, never from text that a model
wrote. Sources are numbered in the order of first citation; several passages of one source are told apart by a letter.
Reads rows, changes none. Called by the report, run and share views, and by stream.py when a run ends.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from string import ascii_lowercase
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy

from research.engine.confidence import basis
from research.engine.exhibits import found
from research.engine.findings import computed_in, used
from research.engine.tried import Tried, not_opened, tried
from research.engine.values import Computation
from research.models import STRUCK, Claim, Evidence, Report
from search_index import api

UNSURE = 0.5
# From this confidence on, in words.
CONFIDENCE = (
    (0.85, gettext_lazy("very likely right")),
    (0.65, gettext_lazy("probably right")),
    (0.4, gettext_lazy("uncertain")),
    (0.0, gettext_lazy("probably not right")),
)
JUDGES = {"rules": gettext_lazy("not checked by a model"), "checker": gettext_lazy("checked by the checker")}
SHORT = {  # beside a number of sentences
    Claim.Verdict.SUPPORTED: gettext_lazy("supported"),
    Claim.Verdict.PARTLY: gettext_lazy("partly supported"),
    Claim.Verdict.QUOTED: gettext_lazy("quoted"),
    Claim.Verdict.UNCHECKABLE: gettext_lazy("not checkable"),
    Claim.Verdict.UNSUPPORTED: gettext_lazy("struck"),
    Claim.Verdict.CONTRADICTED: gettext_lazy("struck as contradicted"),
}

Address = Callable[[int], str]  # the address of the page that shows a piece of evidence, by its number


@dataclass(frozen=True)
class SourceShown:
    """A cited page. `url` is empty where a browser could not open it (files, datasets); `place` is its host, or
    then the name of the index's source."""

    number: int
    title: str
    place: str
    url: str
    author: str
    published_on: date | None
    fetched_at: datetime
    source_class: str = ""  # who may speak on it, in words; empty where it is not known


@dataclass(frozen=True)
class Citation:
    """A mark in the text: it leads to `address`, where the passage that starts with `quote` is highlighted."""

    mark: str
    evidence: int
    quote: str
    address: str
    source: SourceShown


@dataclass(frozen=True)
class CalculationShown:
    """What was computed from the evidence: `code` is what ran, `inputs` are what it took, each with where it stands."""

    number: int
    text: str
    code: str
    inputs: tuple[tuple[str, Citation], ...]


@dataclass(frozen=True)
class ClaimShown:
    """A sentence of the report with its verdict and its marks."""

    number: int
    text: str
    verdict: str
    verdict_label: str
    reason: str
    judge_label: str  # who judged it, where that is worth knowing: not a model
    independent: int
    caution: str
    confidence: float | None
    citations: tuple[Citation, ...]
    first: tuple[Citation, ...]  # those whose source the report has not cited before: the margin introduces it
    calculations: tuple[CalculationShown, ...]  # those whose result it says

    @property
    def is_unsure(self) -> bool:
        """Whether a reader should look twice: it is rather not certain."""
        return self.confidence is not None and self.confidence < UNSURE

    @property
    def repeated(self) -> tuple[Citation, ...]:
        return tuple(citation for citation in self.citations if citation not in self.first)


@dataclass(frozen=True)
class Count:
    """How many sentences have a verdict."""

    verdict: str
    label: str
    number: int


@dataclass(frozen=True)
class SectionShown:
    """A part of the report. `struck` are the claims that checking removed; they are shown apart, in a fold."""

    heading: str
    claims: tuple[ClaimShown, ...]
    struck: tuple[ClaimShown, ...]


@dataclass(frozen=True)
class CellShown:
    """A cell of a survey's table; `why` says why it is empty."""

    column: str
    value: str
    why: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True)
class RowShown:
    """A thing of a survey with where it is named, and its cells in the order of the columns."""

    item: str
    citations: tuple[Citation, ...]
    cells: tuple[CellShown, ...]


@dataclass(frozen=True)
class TableShown:
    """A survey's table."""

    item: str
    columns: tuple[str, ...]
    rows: tuple[RowShown, ...]
    empty: int  # cells


@dataclass(frozen=True)
class SideShown:
    """What some sources say where others say otherwise: `says` is the value, in their words. `sources` are independent
    ones; each citation has its source with date and class."""

    says: str
    sources: int
    citations: tuple[Citation, ...]


@dataclass(frozen=True)
class DisagreementShown:
    """A question on which sources disagree, the side that most of them are on first."""

    about: str
    sides: tuple[SideShown, ...]


@dataclass(frozen=True)
class ReportShown:
    """Everything that a page needs to set a report."""

    report: Report
    sections: tuple[SectionShown, ...]
    table: TableShown | None
    sources: tuple[tuple[SourceShown, tuple[Citation, ...]], ...]
    counts: tuple[Count, ...]  # of the verdicts that there are, the good ones first
    confidence_label: str  # in the short answer, in words; empty where it was not estimated
    tried: Tried | None = None  # where something was not found
    not_opened: tuple[str, ...] = ()  # addresses of the question, and why they could not be
    nearest: bool = False  # there is no answer: the quotations are what came nearest to one
    inferred: bool = False  # the short answer is concluded from what the sources say; none says it in these words
    rests_on: tuple[Citation, ...] = ()  # what the short answer rests on: what says it, or what it is concluded from

    disagreements: tuple[DisagreementShown, ...] = ()
    calculations: tuple[CalculationShown, ...] = ()  # those whose result stands in a sentence

    @property
    def checked(self) -> int:
        """How many sentences were checked."""
        return sum(count.number for count in self.counts)

    @property
    def struck(self) -> int:
        """How many of them were taken out."""
        return sum(count.number for count in self.counts if count.verdict in STRUCK)


def cited(report: Report, address: Address) -> ReportShown:
    """The report as it is read. A fixed number of queries, however long it is."""
    claims = list(report.claims.prefetch_related(Prefetch("evidence", with_sources())))
    kept = [claim for claim in claims if not claim.is_struck]
    in_table = list(with_sources().filter(run=report.run_id, number__in=report.in_table)) if report.table else []
    numbers = report.in_disagreements
    disagreeing = list(with_sources().filter(run=report.run_id, number__in=numbers)) if numbers else []
    in_order = [evidence for claim in kept for evidence in claim.evidence.all()]
    citations = _citations([*in_order, *in_table, *disagreeing], address)
    calculations = _calculations(report, kept, citations)
    sections, introduced = [], set[int]()
    for heading, members in groupby(claims, key=lambda claim: claim.section):
        shown = [_shown(claim, citations, calculations, introduced) for claim in members]
        standing = tuple(claim for claim in shown if claim.verdict not in STRUCK)
        struck = tuple(claim for claim in shown if claim.verdict in STRUCK)
        sections.append(SectionShown(heading, standing, struck))
    return ReportShown(
        report,
        tuple(sections),
        _table(report, citations),
        _sources(citations.values()),
        counts=_counts(claims),
        confidence_label=_confidence(report.confidence),
        tried=tried(report) if report.not_found else None,
        not_opened=not_opened(report),
        nearest=report.only_nearest(claims),
        disagreements=_disagreements(report, citations),
        calculations=tuple(calculations.values()),
        **_basis(report, in_order, citations),
    )


def _basis(report: Report, known: Iterable[Evidence], citations: dict[int, Citation]) -> dict[str, Any]:
    """What the short answer rests on, of the evidence that the report cites."""
    if not report.answer:
        return {}
    rests_on = basis(report.run.question, report.answer, list({one.number: found(one) for one in known}.values()))
    marks = tuple(citations[number] for number in dict.fromkeys((*rests_on.said, *rests_on.way)))
    return {"inferred": rests_on.inferred, "rests_on": marks}


def with_sources() -> QuerySet[Evidence]:
    """Evidence with what is shown of its page, but without the page's text, which may be long."""
    return (
        Evidence.objects.select_related("exhibit", "gap").defer("exhibit__text", "exhibit__headings").order_by("number")
    )


def source(evidence: Evidence, number: int) -> SourceShown:
    """What is shown of the page that a piece of evidence stands in."""
    page = evidence.exhibit
    return SourceShown(
        number=number,
        title=page.title or page.url,
        place=page.host if page.is_web and page.host else page.source,
        url=page.url if page.is_web else "",
        author=page.author,
        published_on=page.published_on,
        fetched_at=page.fetched_at,
        source_class=str(api.CLASSES.get(page.source_class, "")),
    )


def marks(cited: Iterable[tuple[int, int]]) -> dict[int, str]:
    """The mark of every piece of evidence by its number, in the order of the marks; `cited` has (number, exhibit's id)
    in the order of citation."""
    of_page: dict[int, list[int]] = {}
    for number, page in dict.fromkeys(cited):
        of_page.setdefault(page, []).append(number)
    return {
        number: f"{source}{_letter(place)}" if len(several) > 1 else str(source)
        for source, several in enumerate(of_page.values(), start=1)
        for place, number in enumerate(several)
    }


def _citations(cited_in_order: Iterable[Evidence], address: Address) -> dict[int, Citation]:
    """Every cited piece of evidence by its number, in the order of the marks."""
    in_order = {evidence.number: evidence for evidence in cited_in_order}
    sources: dict[int, SourceShown] = {}
    result = {}
    for number, mark in marks((one.number, one.exhibit_id) for one in in_order.values()).items():
        evidence = in_order[number]
        if evidence.exhibit_id not in sources:
            sources[evidence.exhibit_id] = source(evidence, len(sources) + 1)
        result[number] = Citation(mark, number, evidence.quote, address(number), sources[evidence.exhibit_id])
    return result


def _table(report: Report, citations: dict[int, Citation]) -> TableShown | None:
    if not report.table:
        return None

    def marks(part: dict[str, Any]) -> tuple[Citation, ...]:
        return tuple(citations[number] for number in part["evidence"] if number in citations)

    rows = tuple(
        RowShown(
            row["item"],
            marks(row)[:1],  # the first passage that names it: a thing may be named on a hundred pages
            tuple(
                CellShown(column, cell["value"], cell["why"], marks(cell))
                for column, cell in zip(report.table["columns"], row["cells"], strict=True)
            ),
        )
        for row in report.table["rows"]
    )
    empty = sum(not cell.value for row in rows for cell in row.cells)
    return TableShown(report.table["item"], tuple(report.table["columns"]), rows, empty)


def _disagreements(report: Report, citations: dict[int, Citation]) -> tuple[DisagreementShown, ...]:
    return tuple(
        DisagreementShown(
            one["about"],
            tuple(
                SideShown(side["says"], side["sources"], tuple(citations[number] for number in side["evidence"]))
                for side in one["sides"]
            ),
        )
        for one in report.disagreements
    )


def _letter(place: int) -> str:
    """a, b, ... z, aa, ab, ..."""
    prefix = _letter(place // 26 - 1) if place >= 26 else ""
    return prefix + ascii_lowercase[place % 26]


def _calculations(
    report: Report, claims: Iterable[Claim], citations: dict[int, Citation]
) -> dict[Computation, CalculationShown]:
    """What was computed and is said in these sentences, in the order of the text."""
    computations = computed_in(report.run)
    said = dict.fromkeys(one for claim in claims for one in _said_in(claim, computations))
    return {
        one: CalculationShown(number, one.text, one.code, tuple((says, citations[at]) for says, at in one.inputs))
        for number, one in enumerate(said, start=1)
    }


def _said_in(claim: Claim, computations: Iterable[Computation]) -> list[Computation]:
    return used(claim.text, (one.number for one in claim.evidence.all()), computations)


def _shown(
    claim: Claim,
    citations: dict[int, Citation],
    calculations: dict[Computation, CalculationShown],
    introduced: set[int],
) -> ClaimShown:
    """A claim with its marks; the sources that it is the first to cite are added to `introduced`."""
    if claim.is_struck:  # what was struck rests on nothing, so it cites nothing
        citations, calculations = {}, {}
    marks = tuple(citations[evidence.number] for evidence in claim.evidence.all() if evidence.number in citations)
    first = []
    for mark in marks:
        if mark.source.number not in introduced:
            introduced.add(mark.source.number)
            first.append(mark)
    label = claim.get_verdict_display()
    return ClaimShown(
        claim.ordinal,
        claim.text,
        claim.verdict,
        label,
        claim.reason,
        str(JUDGES.get(claim.judge, "")),
        claim.independent,
        claim.caution,
        claim.confidence,
        marks,
        tuple(first),
        tuple(calculations[one] for one in _said_in(claim, calculations)),
    )


def _counts(claims: Sequence[Claim]) -> tuple[Count, ...]:
    numbers = Counter(claim.verdict for claim in claims)
    return tuple(
        Count(str(verdict), str(label), numbers[verdict]) for verdict, label in SHORT.items() if numbers[verdict]
    )


def _confidence(value: float | None) -> str:
    """How sure the short answer is, in words: a number would look more exact than it is."""
    if value is None:
        return ""
    return str(next(label for least, label in CONFIDENCE if value >= least))


def _sources(citations: Iterable[Citation]) -> tuple[tuple[SourceShown, tuple[Citation, ...]], ...]:
    by_number: dict[int, list[Citation]] = {}
    for citation in citations:
        by_number.setdefault(citation.source.number, []).append(citation)
    return tuple((several[0].source, tuple(several)) for _number, several in sorted(by_number.items()))
