"""Measures what reports cite: the figures of `manage.py evaluate citations`, over the last report of each run.

Citations are checked against what the runs keep: that they name something, that it is verbatim, that the sentences'
numbers are in it. Whether they support their sentences is asked anew of the judge that is set up now (precision and
recall as ALCE, arXiv 2305.14627, defines them), whatever judged when the reports were written. Changes nothing.
Called by the command `evaluate`.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean, median
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from research import evaluate
from research.engine.exhibits import found
from research.engine.facts import addresses, missing
from research.engine.findings import computed_in
from research.engine.lexical_judge import judged as judged_by_words
from research.engine.patience import patiently
from research.engine.quantities import digits
from research.engine.values import Computation, Evidence, Judgement, Sentence, Verdict
from research.engine.verify import by_code
from research.errors import BadQuestion, StepFailed
from research.models import STRUCK, Claim, Report, Run
from research.reasoning import Judge, judge, name_of_judge, server

AT_ONCE = 8  # judgements; a model server is asked no faster than it answers (reasoning/server.py)
SUPPORTING: frozenset[Verdict] = frozenset({"supported", "quoted"})

Progress = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Cited:
    """A sentence that stands in a report, with what it cites."""

    sentence: Sentence
    known: tuple[Evidence, ...]
    computed: tuple[str, ...]  # of nothing but what it cites
    about: str  # what was asked
    fabricated: int  # citations, and addresses in its text, that name nothing which the run keeps
    verbatim: int  # citations whose quotation stands in the kept page at its offsets
    altered: int  # citations of a kept page whose hash is not that of its text
    hosts: int
    independent: int
    caution: str

    @property
    def spans(self) -> list[str]:
        return [*(one.quote for one in self.known), *self.computed]

    @property
    def titles(self) -> list[str]:
        return [one.title for one in self.known]


@dataclass(frozen=True)
class Found:
    """What judging a sentence anew found: of it with all it cites, and how many of its citations count for that."""

    verdict: Verdict
    precise: int
    failed: bool  # the judge did not answer; its words were compared


def of_run(run_id: str, say: Progress) -> dict[str, Any]:
    """The figures of one run. Raises BadQuestion where there is no such run, or no report of it."""
    return _figures([run_id], say)


def of_questions(path: Path, sources: Sequence[int], effort: str, limit: int | None, say: Progress) -> dict[str, Any]:
    """The figures of a questions file, each researched like in `evaluate answers`; one that was killed goes on. A
    worker has to be up. Raises BadQuestion."""
    asked = evaluate.questions(path)[:limit]
    with evaluate.ledger(path, sources, effort) as runs:
        evaluate.researched(asked, sources, effort, runs, say)
        figures = _figures([runs.runs[one.id] for one in asked], say)
        runs.forget()
    return figures


def _figures(run_ids: Sequence[str], say: Progress) -> dict[str, Any]:
    reports = [report for one in run_ids if (report := _report(one)) is not None]
    if not reports:
        raise BadQuestion(_("There is no report to measure."))
    claims, kept = list[Claim](), list[Cited]()
    for report in reports:
        own = list(report.claims.prefetch_related("evidence__exhibit", "evidence__gap"))
        results = computed_in(report.run)
        claims += own
        kept += [_cited(one, report, results) for one in own if not one.is_struck and one.verdict != "uncheckable"]
    say(_("Judging %(count)d sentences: %(judge)s") % {"count": len(kept), "judge": name_of_judge()})
    return summary(kept, asyncio.run(_judged(kept, judge()))) | {
        "runs": len(reports),
        "struck": sum(claim.verdict in STRUCK for claim in claims),
        "uncheckable": sum(claim.verdict == Claim.Verdict.UNCHECKABLE for claim in claims),
        "by_verdict": dict(sorted(Counter(claim.verdict for claim in claims).items())),
        "judge": name_of_judge(),
    }


def summary(kept: Sequence[Cited], found: Sequence[Found]) -> dict[str, Any]:
    """The figures over sentences that stand; null where there is nothing to take a share of."""
    cited = sum(len(one.known) for one in kept)
    numbered = [one for one in kept if re.search(r"\d", digits(one.sentence.text))]
    made = sum(one.fabricated for one in kept)
    return {
        "claims": len(kept),
        "citations": cited,
        "fabricated": _share(made, cited + made),
        "uncited": sum(not one.known for one in kept),
        "verbatim_rate": _share(sum(one.verbatim for one in kept), cited),
        "altered": sum(one.altered for one in kept),
        "number_rate": _share(sum(not _lacking(one) for one in numbered), len(numbered)),
        "precision": _share(sum(one.precise for one in found), cited),
        "recall": _share(sum(one.verdict in SUPPORTING for one in found), len(found)),
        "judged": dict(sorted(Counter(one.verdict for one in found).items())),
        "judge_failed": sum(one.failed for one in found),
        "hosts_mean": _mean(one.hosts for one in kept),
        "hosts_median": _median(one.hosts for one in kept),
        "independent_mean": _mean(one.independent for one in kept),
        "independent_median": _median(one.independent for one in kept),
        "cautions": sum(bool(one.caution) for one in kept),
    }


def _report(run_id: str) -> Report | None:
    try:
        run = Run.objects.filter(pk=run_id).first()
    except ValidationError:  # no id at all
        run = None
    if run is None:
        raise BadQuestion(_("There is no run %s, and no file of that name.") % run_id)
    return run.reports.select_related("run").last()


def _cited(claim: Claim, report: Report, computations: Sequence[Computation]) -> Cited:
    run = report.run
    named = list(claim.evidence.all())
    rows = [one for one in named if one.run_id == run.pk and one.exhibit.run_id == run.pk]
    known = tuple(map(found, rows))
    numbers = {one.number for one in known}
    kept = "\n".join([*(one.quote for one in known), *(one.url for one in known)])
    return Cited(
        sentence=Sentence(claim.text, tuple(numbers)),
        known=known,
        computed=tuple(one.span for one in computations if numbers.issuperset(one.evidence)),
        about=f"{run.question} {claim.section}",
        fabricated=len(named) - len(rows) + sum(one not in kept for one in addresses(claim.text)),
        verbatim=sum(one.exhibit.text[one.start : one.end] == one.quote for one in rows),
        altered=sum(sha256(one.exhibit.text.encode()).hexdigest() != one.exhibit.sha256 for one in rows),
        hosts=len({one.exhibit.host or one.exhibit.source for one in rows}),
        independent=claim.independent,
        caution=claim.caution,
    )


def _lacking(one: Cited) -> list[str]:
    """The numbers, dates and measures of a sentence that what it cites does not have."""
    return [fact for fact in missing(one.sentence.text, one.spans, one.titles) if re.search(r"\d", digits(fact))]


async def _judged(kept: Sequence[Cited], judging: Judge) -> list[Found]:
    try:
        return await few([lambda one=one: _found(one, judging) for one in kept])  # type: ignore[misc]
    finally:
        await server.close()


async def _found(one: Cited, judging: Judge) -> Found:
    """The verdict on the sentence with all it cites, and its precise citations: those that support it alone, or without
    which the others do not."""
    whole, failed = await verdict(one.sentence.text, one.known, one.about, judging, one.computed)
    if whole.verdict not in SUPPORTING or len(one.known) == 1:
        return Found(whole.verdict, len(one.known) if whole.verdict in SUPPORTING else 0, failed)
    precise = 0
    for own in one.known:
        alone, _failed = await verdict(one.sentence.text, [own], one.about, judging)
        if alone.verdict not in {*SUPPORTING, "partly"}:
            others = [other for other in one.known if other is not own]
            alone, _failed = await verdict(one.sentence.text, others, one.about, judging)
            precise += alone.verdict not in SUPPORTING
        else:
            precise += 1
    return Found(whole.verdict, precise, failed)


async def verdict(
    text: str, known: Sequence[Evidence], about: str, judging: Judge, computed: Sequence[str] = ()
) -> tuple[Judgement, bool]:
    """What the gates of verify.py and then this judge say of a sentence with these pieces of evidence; and whether the
    judge failed, so that its words were compared."""
    spans, titles = [*(one.quote for one in known), *computed], [one.title for one in known]
    if settled := by_code(text, spans, titles, about):
        return settled, False
    return await asked(text, known, judging)


async def asked(text: str, known: Sequence[Evidence], judging: Judge) -> tuple[Judgement, bool]:
    """What the judge alone says; and whether it failed, so that the words were compared."""

    async def step() -> Judgement:
        return await judging.judge(Sentence(text, tuple(one.number for one in known)), known)

    try:
        return await patiently(step), False
    except StepFailed:
        return judged_by_words(text, [one.quote for one in known], [one.title for one in known]), True


async def few(work: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The results of all of it, in order, a few at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(begin: Callable[[], Awaitable[T]]) -> T:
        async with turns:
            return await begin()

    return list(await asyncio.gather(*map(one, work)))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Iterable[int]) -> float | None:
    found = list(values)
    return round(fmean(found), 4) if found else None


def _median(values: Iterable[int]) -> float | None:
    found = list(values)
    return float(median(found)) if found else None
