"""Verify: no sentence stays in a report that its evidence does not carry.

In this order: (1) each cited quotation stands in the stored snapshot at its offsets, (2) each number, date, name, unit
and address of the sentence is in the cited spans, (3) the judge says that they entail it. A sentence that fails is
rewritten once, then struck: struck sentences are kept, with the reason, outside the text.
Called by write.py for each section.
"""

from collections.abc import Sequence
from dataclasses import asdict

from django.utils.translation import gettext as _

from research.engine.exhibits import exhibits
from research.engine.facts import missing
from research.engine.findings import computations
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.orders import caution
from research.engine.parallel import together
from research.engine.values import STRUCK, CheckedClaim, Computation, Evidence, Judgement, Question, Section, Sentence
from research.errors import StepFailed


async def verify(
    section: Section,
    sentences: Sequence[Sentence],
    known: Sequence[Evidence],
    kit: Kit,
    journal: Journal,
    *,
    key: str,
) -> list[CheckedClaim]:
    """Every sentence of a section with its verdict. A section of which nothing is left shows quotations instead."""
    await journal.activity(_("Checking: %s") % section.heading)
    evidence = {one.number: one for one in known}
    sound = await _sound({number for sentence in sentences for number in sentence.evidence}, evidence, journal)
    claims = await together(
        _settle(sentence, evidence, kit, journal, section=section.heading, sound=sound, key=f"{key}/{place}")
        for place, sentence in enumerate(sentences, start=1)
    )

    async def step() -> Result:
        left = [claim for claim in claims if not claim.is_struck]
        shown = claims if left else [*claims, *await quotations(section, known, journal)]
        return {"section": section.heading, "claims": [asdict(claim) for claim in shown]}

    result = await journal.once(key, "check", [asdict(claim) for claim in claims], step)
    return [checked(claim) for claim in result["claims"]]


async def quotations(
    section: Section, known: Sequence[Evidence], journal: Journal, most: int = 3
) -> list[CheckedClaim]:
    """The section's best evidence as it stands: what is left to say when nothing else can be shown to be true."""
    own = sorted((one for one in known if one.number in section.evidence), key=lambda one: (-one.score, one.number))
    sound = await _sound({one.number for one in own[:most]}, {one.number: one for one in own}, journal)
    return [
        CheckedClaim(section.heading, one.quote, (one.number,), "quoted", caution=caution([one.quote], section.heading))
        for one in own[:most]
        if one.number in sound
    ]


def checked(claim: Result) -> CheckedClaim:
    """A checked claim as the journal keeps it."""
    return CheckedClaim(**{**claim, "evidence": tuple(claim["evidence"])})


def ungrounded(
    answer: str, question: Question, cited: Sequence[Evidence], computed: Sequence[Computation]
) -> list[str]:
    """The facts of a short answer that neither the report's evidence has nor what was computed of it; what the question
    names may be repeated."""
    return missing(answer, _spans(cited, computed), [*(one.title for one in cited), question.text])


def _spans(cited: Sequence[Evidence], computed: Sequence[Computation]) -> list[str]:
    """What is cited, and what was computed of nothing else."""
    numbers = {one.number for one in cited}
    return [one.quote for one in cited] + [one.text for one in computed if numbers.issuperset(one.evidence)]


async def _settle(
    sentence: Sentence,
    evidence: dict[int, Evidence],
    kit: Kit,
    journal: Journal,
    *,
    section: str,
    sound: set[int],
    key: str,
) -> CheckedClaim:
    cited = [evidence[number] for number in sentence.evidence]
    found = await _judged(sentence, cited, kit, journal, sound=sound, key=f"{key}/judge")
    if found.verdict in STRUCK:
        again = await _rewritten(sentence, cited, kit, journal, reason=found.reason, key=f"{key}/rewrite")
        if again is not None:
            second = await _judged(again, cited, kit, journal, sound=sound, key=f"{key}/judge-again")
            if second.verdict not in STRUCK:
                sentence, found = again, second
    warned = caution([one.quote for one in cited], section)
    return CheckedClaim(
        section, sentence.text, sentence.evidence, found.verdict, found.reason, found.judge, caution=warned
    )


async def _judged(
    sentence: Sentence, cited: Sequence[Evidence], kit: Kit, journal: Journal, *, sound: set[int], key: str
) -> Judgement:
    if any(one.number not in sound for one in cited):
        return Judgement("unsupported", _("A quotation is not in the stored text at its place."))
    if any(_same(sentence.text, one.quote) for one in cited):
        return Judgement("quoted")
    if lacking := missing(sentence.text, _spans(cited, computations(journal)), [one.title for one in cited]):
        return Judgement("unsupported", _("Not in the cited passages: %s") % ", ".join(lacking))

    async def step() -> Result:
        return asdict(await kit.reasoner.judge(sentence, cited))

    try:
        return Judgement(**await journal.once(key, "judge", asdict(sentence), step))
    except StepFailed as failure:
        return Judgement("unsupported", _("It could not be checked: %s") % failure)


async def _rewritten(
    sentence: Sentence, cited: Sequence[Evidence], kit: Kit, journal: Journal, *, reason: str, key: str
) -> Sentence | None:
    async def step() -> Result:
        again = await kit.reasoner.rewrite(sentence, cited, reason)
        return {"text": again.text if again else ""}

    try:
        result = await journal.once(key, "rewrite", [asdict(sentence), reason], step)
    except StepFailed:
        return None
    return Sentence(result["text"], sentence.evidence) if result["text"] else None


async def _sound(numbers: set[int], evidence: dict[int, Evidence], journal: Journal) -> set[int]:
    """The numbers of the evidence whose quotation is in its exhibit's text at its offsets."""
    cited = [evidence[number] for number in numbers]
    kept = await exhibits(journal.run_id, (one.snapshot for one in cited))
    return {
        one.number
        for one in cited
        if one.snapshot in kept and kept[one.snapshot].text[one.start : one.end] == one.quote
    }


def _same(sentence: str, quote: str) -> bool:
    return " ".join(sentence.split()) == " ".join(quote.split())
