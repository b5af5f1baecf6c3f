"""Verify: no sentence stays in a report that its evidence does not carry.

The gates, in this order: (1) each cited quotation stands in the run's copy of its page at its offsets, (2) a sentence
that states nothing is marked as such, (3) of any other each number, date, name, unit and address is in the cited spans,
(4) the judge says that the spans entail it; where none answers, its words are compared. A sentence that fails
is rewritten once; then, if the budget allows, its own words are searched for once, and it is checked against what that
finds; then it is struck: struck sentences are kept, with the reason, outside the text. Called by write.py for each
section; recheck.py and citations.py ask the gates of code again.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace

from django.utils.translation import gettext as _

from research import models
from research.engine.exhibits import exhibits
from research.engine.facts import missing, states_nothing, without_addresses
from research.engine.findings import computations
from research.engine.findings import gaps as known_gaps
from research.engine.hunt import workspace
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.lexical_judge import judged as judged_by_words
from research.engine.limits import reached
from research.engine.note import evidence_of, store
from research.engine.orders import caution
from research.engine.parallel import together
from research.engine.search import search
from research.engine.values import (
    STRUCK,
    Action,
    CheckedClaim,
    Computation,
    Evidence,
    Judgement,
    Question,
    Section,
    Sentence,
)
from research.errors import StepFailed

FOUND = 3  # pieces of evidence, the best, that a claim which was searched for is checked against


async def verify(
    question: Question,
    section: Section,
    sentences: Sequence[Sentence],
    kit: Kit,
    journal: Journal,
    *,
    known: Sequence[Evidence],
    key: str,
) -> list[CheckedClaim]:
    """Every sentence of a section with its verdict. A section of which nothing is left shows quotations instead."""
    await journal.activity(_("Checking: %s") % section.heading)
    evidence = {one.number: one for one in known}
    sound = await _sound({number for sentence in sentences for number in sentence.evidence}, evidence, journal)
    claims = await together(
        _settle(question, sentence, evidence, kit, journal, section=section.heading, sound=sound, key=f"{key}/{place}")
        for place, sentence in enumerate(sentences, start=1)
    )

    async def step() -> Result:
        left = [claim for claim in claims if not claim.is_struck and claim.verdict != "uncheckable"]
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
        CheckedClaim(section.heading, one.quote, (one.number,), "quoted", caution=caution([one], section.heading))
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
    return missing(answer, cited_spans(cited, computed), [*(one.title for one in cited), question.text])


def cited_spans(cited: Sequence[Evidence], computed: Sequence[Computation]) -> list[str]:
    """What is cited, and what was computed of nothing else."""
    numbers = {one.number for one in cited}
    return [one.quote for one in cited] + [one.span for one in computed if numbers.issuperset(one.evidence)]


async def _settle(
    question: Question,
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
    about = f"{question.text} {section}"
    found = await _judged(sentence, cited, kit, journal, about=about, sound=sound, key=f"{key}/judge")
    if found.verdict in STRUCK:
        again = await _rewritten(sentence, cited, kit, journal, reason=found.reason, key=f"{key}/rewrite")
        if again is not None:
            second = await _judged(again, cited, kit, journal, about=about, sound=sound, key=f"{key}/judge-again")
            if second.verdict not in STRUCK:
                sentence, found = again, second
    if found.verdict in STRUCK and (further := await _searched(question, sentence, cited, kit, journal, key=key)):
        proved = Sentence(sentence.text, tuple(one.number for one in further))
        sound = await _sound(set(proved.evidence), {one.number: one for one in further}, journal)
        third = await _judged(proved, further, kit, journal, about=about, sound=sound, key=f"{key}/judge-found")
        if third.verdict not in STRUCK:
            sentence, found, cited = proved, third, further
    cites = () if found.verdict == "uncheckable" else sentence.evidence
    warned = caution(cited, section)
    return CheckedClaim(section, sentence.text, cites, found.verdict, found.reason, found.judge, caution=warned)


async def _judged(
    sentence: Sentence,
    cited: Sequence[Evidence],
    kit: Kit,
    journal: Journal,
    *,
    about: str,
    sound: set[int],
    key: str,
) -> Judgement:
    """What the gates say; `about` is what was asked."""
    if any(one.number not in sound for one in cited):
        return Judgement("unsupported", _("A quotation is not in the stored text at its place."))
    spans, titles = cited_spans(cited, computations(journal)), [one.title for one in cited]
    if settled := by_code(sentence.text, spans, titles, about):
        return settled

    async def step() -> Result:
        return asdict(await kit.reasoner.judge(sentence, cited))

    try:
        return Judgement(**await journal.once(key, "judge", asdict(sentence), step))
    except StepFailed:
        return judged_by_words(sentence.text, spans, titles)


def by_code(sentence: str, spans: Sequence[str], titles: Sequence[str], about: str) -> Judgement | None:
    """What code can say of a sentence by itself, with the spans that it cites, their pages' titles and what was asked;
    None where a judge has to."""
    if any(_same(sentence, span) for span in spans):
        return Judgement("quoted")
    if states_nothing(sentence, about):  # before its facts: it may name what was asked about
        return Judgement("uncheckable")
    if lacking := missing(sentence, spans, titles):
        return Judgement("unsupported", _("Not in the cited passages: %s") % ", ".join(lacking))
    return None


async def _searched(
    question: Question, sentence: Sentence, cited: Sequence[Evidence], kit: Kit, journal: Journal, *, key: str
) -> list[Evidence]:
    """New evidence for a sentence: the best that one search for its own words finds, kept for the gap that it serves.
    Empty where the budget or the person's patience is at its end."""
    query = without_addresses(sentence.text)
    late = journal.hurry.is_set() and not journal.has(f"{key}/search")
    if late or not query or reached(journal, kit.budget, f"{key}/search"):
        return []
    gap = next(gap for gap in known_gaps(journal) if gap.number == cited[0].gap)
    desk = workspace(question, replace(gap, question=query, asked="", criterion=""))
    desk = await search(desk, Action("search", query=query), f"{key}/search", kit, journal)
    if not desk.candidates:
        return []

    async def step() -> Result:
        kept = await kit.reasoner.note(desk, desk.candidates)
        found = [one for kept_one in kept if (one := evidence_of(gap.number, kept_one, desk.candidates))]
        return {"gap": gap.number, "claim": sentence.text, "kept": [asdict(one) for one in found[:FOUND]]}

    def keep(result: Result) -> Result:
        stored = store(journal.run_id, gap.number, [Evidence(**one) for one in result["kept"]])
        kept = {one.number: asdict(one) for one in stored}
        rows = models.Evidence.objects.filter(run_id=journal.run_id, number__in=kept)
        rows.update(aside=False)
        return {**result, "evidence": list(kept), "kept": list(kept.values())}

    try:
        result = await journal.once(f"{key}/support", "support", sentence.text, step, keep)
    except StepFailed:
        return []
    known = set(sentence.evidence)
    return [one for one in (Evidence(**kept) for kept in result["kept"]) if one.number not in known]


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
