"""Write: outline, draft each section from its own evidence only, have it verified, and find the short answer.

Called by loop.py. A draft names evidence by number; a sentence that names none, or none of its section's, is dropped.
"""

from collections.abc import Sequence
from dataclasses import asdict

from django.utils.translation import gettext as _

from research.engine.findings import evidence as known_evidence
from research.engine.findings import gaps as known_gaps
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.parallel import together
from research.engine.values import CheckedClaim, Evidence, Gap, Question, Section, Sentence
from research.engine.verify import checked, quotations, ungrounded, verify
from research.errors import StepFailed


async def write(question: Question, kit: Kit, journal: Journal) -> tuple[str, list[CheckedClaim]]:
    """The short answer and the checked claims, section by section; ("", []) where nothing was found."""
    gaps, known = known_gaps(journal), known_evidence(journal)
    if not known:
        return "", []
    sections = await _outline(question, gaps, known, kit, journal)
    written = await together(
        _section(question, section, known, kit, journal, place=place) for place, section in enumerate(sections, start=1)
    )
    claims = [claim for section in written for claim in section]
    return await _answer(question, claims, known, kit, journal), claims


async def quote(kit: Kit, journal: Journal) -> list[CheckedClaim]:
    """What a stopped run can say at once: the sections that were checked, and quotations for gaps not in them."""
    claims = [checked(claim) for result in journal.results("check") for claim in result["claims"]]
    said = {number for claim in claims for number in claim.evidence}
    known = known_evidence(journal)
    for section in _by_gap(known_gaps(journal), known):
        if not said & set(section.evidence):
            claims += await quotations(section, known, kit)
    return claims


def _by_gap(gaps: Sequence[Gap], known: Sequence[Evidence]) -> list[Section]:
    numbers = {gap.number: tuple(one.number for one in known if one.gap == gap.number) for gap in gaps}
    return [Section(gap.question, numbers[gap.number]) for gap in gaps if numbers[gap.number]]


async def _outline(
    question: Question, gaps: Sequence[Gap], known: Sequence[Evidence], kit: Kit, journal: Journal
) -> list[Section]:
    """The sections that have evidence. Without a usable outline, one for each gap."""
    await journal.activity(_("Outlining the report"))
    numbers = {one.number for one in known}

    async def step() -> Result:
        sections = await kit.reasoner.outline(question, gaps, known)
        return {
            "sections": [
                {"heading": section.heading, "evidence": own}
                for section in sections
                if (own := [number for number in section.evidence if number in numbers])
            ]
        }

    try:
        result = await journal.once("outline", "outline", [[asdict(gap) for gap in gaps], sorted(numbers)], step)
    except StepFailed:
        result = {"sections": []}
    outlined = [Section(section["heading"], tuple(section["evidence"])) for section in result["sections"]]
    return outlined or _by_gap(gaps, known)


async def _section(
    question: Question, section: Section, known: Sequence[Evidence], kit: Kit, journal: Journal, *, place: int
) -> list[CheckedClaim]:
    own = [one for one in known if one.number in section.evidence]
    sentences = await _draft(question, section, own, kit, journal, key=f"draft/{place}")
    return await verify(section, sentences, own, kit, journal, key=f"check/{place}")


async def _draft(
    question: Question, section: Section, own: Sequence[Evidence], kit: Kit, journal: Journal, *, key: str
) -> list[Sentence]:
    """The section's sentences; none where the reasoner fails, and then verify shows quotations."""
    await journal.activity(_("Writing: %s") % section.heading)

    async def delta(text: str) -> None:
        await journal.publish(journal.run_id, {"section": section.heading, "delta": text})

    async def step() -> Result:
        sentences = await kit.reasoner.draft(question, section, own, delta)
        return {
            "section": section.heading,
            "sentences": [
                {"text": sentence.text.strip(), "evidence": cited}
                for sentence in sentences
                if (cited := [number for number in sentence.evidence if number in section.evidence])
                and sentence.text.strip()
            ],
        }

    try:
        result = await journal.once(key, "draft", [section.heading, section.evidence], step)
    except StepFailed:
        return []
    return [Sentence(sentence["text"], tuple(sentence["evidence"])) for sentence in result["sentences"]]


async def _answer(
    question: Question, claims: Sequence[CheckedClaim], known: Sequence[Evidence], kit: Kit, journal: Journal
) -> str:
    """The short answer; empty where nothing that stands answers the question, or code finds a fact in it that the
    report's evidence does not have."""
    standing = [Sentence(claim.text, claim.evidence) for claim in claims if claim.verdict != "struck"]
    if not standing:
        return ""
    await journal.activity(_("Answering in a few words"))
    cited = {number for sentence in standing for number in sentence.evidence}
    evidence = [one for one in known if one.number in cited]

    async def step() -> Result:
        answer = " ".join((await kit.reasoner.answer(question, standing, evidence)).split())
        lacking = ungrounded(answer, question, evidence)
        return {"answer": "" if lacking else answer, "refused": lacking}

    try:
        return str((await journal.once("answer", "answer", [asdict(one) for one in standing], step))["answer"])
    except StepFailed:
        return ""
