"""Checks a report again from the run's own copies of its pages: each copy by its hash, each quotation at its place in
it, each sentence by code and by the judge that is set up now.

Changes nothing, and asks nothing but the judge. What the index has as these pages' texts today is told beside, and
counts for nothing. Called by manage.py verify_report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Literal

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from config.loop import in_thread
from research import models
from research.engine.exhibits import found
from research.engine.findings import computed_in
from research.engine.parallel import together
from research.engine.patience import patiently
from research.engine.values import Computation, Evidence, Judgement, Sentence
from research.engine.verify import by_code, cited_spans
from research.errors import StepFailed
from research.models import Claim, Exhibit, Report
from research.reasoning import Judge
from search_index import api

Change = Literal["same", "better", "worse", "other judge", "unchecked"]
Today = Literal["same", "changed", "gone"]

RANK = {
    Claim.Verdict.SUPPORTED: 3,
    Claim.Verdict.QUOTED: 3,
    Claim.Verdict.PARTLY: 2,
    Claim.Verdict.UNCHECKABLE: 1,
    Claim.Verdict.UNSUPPORTED: 0,
    Claim.Verdict.CONTRADICTED: 0,
}


@dataclass(frozen=True)
class CheckedPage:
    """A page that the report cites. `intact`: the run's copy has the hash that it was kept with. `today`: what the
    index has for it now."""

    title: str
    url: str
    intact: bool
    today: Today


@dataclass(frozen=True)
class CheckedQuotation:
    """A piece of evidence. `in_place`: it stands word for word at its offsets, in a copy that is intact."""

    number: int
    url: str
    in_place: bool


@dataclass(frozen=True)
class ClaimAgain:
    """A sentence with the verdict that the report has, and the one of today, empty where the judge failed; `reason`
    says what is wanting."""

    number: int
    text: str
    evidence: tuple[int, ...]
    before: str
    judge_before: str
    now: str
    judge: str
    reason: str
    change: Change


@dataclass(frozen=True)
class Rechecked:
    """What checking a report again found."""

    run: str
    version: int
    question: str
    judge: str
    pages: tuple[CheckedPage, ...]
    quotations: tuple[CheckedQuotation, ...]
    claims: tuple[ClaimAgain, ...]

    @property
    def troubles(self) -> int:
        """What is worse than it was, or could not be checked."""
        pages = sum(not page.intact for page in self.pages)
        quotations = sum(not quotation.in_place for quotation in self.quotations)
        return pages + quotations + sum(claim.change in ("worse", "unchecked") for claim in self.claims)


@dataclass(frozen=True)
class _Kept:
    """What a report rests on: its evidence by number, what of it is `sound`, and its pages, with whether each is
    intact."""

    claims: tuple[Claim, ...]
    evidence: Mapping[int, Evidence]
    sound: frozenset[int]
    pages: Mapping[Exhibit, bool]
    computed: tuple[Computation, ...]
    question: str
    current: Mapping[str, frozenset[str]]

    def about(self, claim: Claim) -> str:
        """What was asked, in the claim's section too."""
        return f"{self.question} {claim.section}"


async def recheck(report: Report, judging: Judge, name: str) -> Rechecked:
    """The report, which has its run loaded, checked again; `judging` judges, called `name`. Raises RunFailed where it
    cannot."""
    kept = await in_thread(_kept, report)
    claims = await together(_again(claim, kept, judging) for claim in kept.claims)
    return Rechecked(
        run=str(report.run_id),
        version=report.version,
        question=report.run.question,
        judge=name,
        pages=tuple(
            CheckedPage(page.title or page.url, page.url, intact, _today(page, kept.current))
            for page, intact in kept.pages.items()
        ),
        quotations=tuple(
            CheckedQuotation(number, one.url, number in kept.sound) for number, one in kept.evidence.items()
        ),
        claims=tuple(claims),
    )


def _kept(report: Report) -> _Kept:
    light = models.Evidence.objects.only("number").order_by("number")
    claims = tuple(report.claims.prefetch_related(Prefetch("evidence", light)))
    numbers = {one.number for claim in claims for one in claim.evidence.all()} | {
        *report.in_table,
        *report.in_disagreements,
    }
    rows = models.Evidence.objects.filter(run=report.run_id, number__in=numbers).order_by("number")
    # Apart from the rows: a long text is loaded once, however often it is cited.
    pages = {page.pk: page for page in Exhibit.objects.filter(pk__in=rows.values("exhibit"))}
    intact = {key for key, page in pages.items() if sha256(page.text.encode()).hexdigest() == page.sha256}
    evidence, sound = {}, set()
    for row in rows.select_related("gap"):
        page = pages[row.exhibit_id]
        row.exhibit = page
        evidence[row.number] = found(row)
        if page.pk in intact and page.text[row.start : row.end] == row.quote:
            sound.add(row.number)
    return _Kept(
        claims=claims,
        evidence=evidence,
        sound=frozenset(sound),
        pages={page: key in intact for key, page in pages.items()},
        computed=computed_in(report.run),
        question=report.run.question,
        current=api.current([page.url for page in pages.values()]),
    )


async def _again(claim: Claim, kept: _Kept, judging: Judge) -> ClaimAgain:
    numbers = tuple(one.number for one in claim.evidence.all())
    failure = ""
    try:
        found = await _judged(claim, Sentence(claim.text, numbers), kept, judging)
    except StepFailed as failed:
        found, failure = None, str(failed)
    return ClaimAgain(
        number=claim.ordinal,
        text=claim.text,
        evidence=numbers,
        before=claim.verdict,
        judge_before=claim.judge,
        now=found.verdict if found else "",
        judge=found.judge if found else "",
        reason=found.reason if found else failure,
        change=_change(claim, found),
    )


async def _judged(claim: Claim, sentence: Sentence, kept: _Kept, judging: Judge) -> Judgement:
    if claim.verdict == Claim.Verdict.UNCHECKABLE:
        return Judgement("uncheckable", claim.reason, claim.judge)
    cited = [kept.evidence[number] for number in sentence.evidence]
    if not kept.sound.issuperset(sentence.evidence):
        return Judgement("unsupported", _("A quotation is not in the stored text at its place."))
    spans, titles = cited_spans(cited, kept.computed), [one.title for one in cited]
    if found := by_code(sentence.text, spans, titles, kept.about(claim)):
        return found
    return await patiently(partial(judging.judge, sentence, cited))


def _change(claim: Claim, found: Judgement | None) -> Change:
    """The rules know less than a model does: where they say otherwise than one did, that is told, and nothing more."""
    if found is None:
        return "unchecked"
    before, now = RANK[Claim.Verdict(claim.verdict)], RANK[Claim.Verdict(found.verdict)]
    if before == now:
        return "same"
    if found.judge == "rules" and claim.judge in ("model", "checker"):
        return "other judge"
    return "worse" if now < before else "better"


def _today(page: Exhibit, current: Mapping[str, frozenset[str]]) -> Today:
    if page.url not in current:
        return "gone"
    return "same" if page.sha256 in current[page.url] else "changed"
