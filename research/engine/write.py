"""Write: outline, draft each section from its own evidence only, have it verified, and find the short answer.

Called by loop.py. A draft names evidence by number; a sentence that names none, or none of its section's, is dropped.
"""

from collections.abc import Sequence
from dataclasses import asdict

from django.utils.translation import gettext as _

from research.engine.choose import best
from research.engine.confidence import withheld
from research.engine.findings import computations, contrasted, sifted
from research.engine.findings import evidence as known_evidence
from research.engine.findings import gaps as known_gaps
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.orders import stated
from research.engine.parallel import together
from research.engine.terms import plain
from research.engine.values import CheckedClaim, Evidence, Gap, Question, Section, Sentence
from research.engine.verify import checked, quotations, ungrounded, verify
from research.errors import StepFailed


async def write(question: Question, kit: Kit, journal: Journal) -> tuple[str, list[CheckedClaim]]:
    """The short answer and the checked claims, section by section; ("", []) where nothing was found."""
    gaps, known = _standing(journal)
    if not known:
        return "", []
    sections = await _outline(question, gaps, known, kit, journal)
    written = await together(
        _section(question, section, known, kit, journal, place=place) for place, section in enumerate(sections, start=1)
    )
    claims = [claim for section in written for claim in section]
    return await _answer(question, claims, kit, journal), claims


async def quote(question: Question, kit: Kit, journal: Journal) -> list[CheckedClaim]:
    """What a stopped run can say at once: the sections that were checked, and quotations for gaps not in them."""
    own = [step.result for step in journal.recorded("check") if step.key.startswith(f"report/{question.leg}/")]
    claims = [checked(claim) for result in own for claim in result["claims"]]
    said = {number for claim in claims for number in claim.evidence}
    gaps, known = _standing(journal)
    for section in _by_gap(gaps, known):
        if not said & set(section.evidence):
            claims += await quotations(section, known, journal)
    return claims


def _standing(journal: Journal) -> tuple[list[Gap], list[Evidence]]:
    """Gaps that the person has not dropped, with their evidence. What only a survey's table rests on is said there."""
    gaps = [gap for gap in known_gaps(journal) if gap.state != "dropped"]
    numbers = {gap.number for gap in gaps}
    read = {number for result in journal.results("note") for number in result["evidence"]}
    return gaps, [one for one in sifted(journal) if one.gap in numbers and one.number in read]


def _by_gap(gaps: Sequence[Gap], known: Sequence[Evidence]) -> list[Section]:
    numbers = {gap.number: tuple(one.number for one in known if one.gap == gap.number) for gap in gaps}
    return [Section(gap.text, numbers[gap.number]) for gap in gaps if numbers[gap.number]]


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
        inputs = [[asdict(gap) for gap in gaps], sorted(numbers)]
        result = await journal.once(f"report/{question.leg}/outline", "outline", inputs, step)
    except StepFailed:
        result = {"sections": []}
    outlined = [Section(section["heading"], tuple(section["evidence"])) for section in result["sections"]]
    return outlined or _by_gap(gaps, known)


async def _section(
    question: Question, section: Section, known: Sequence[Evidence], kit: Kit, journal: Journal, *, place: int
) -> list[CheckedClaim]:
    own = [one for one in known if one.number in section.evidence]
    base = f"report/{question.leg}"
    await journal.activity(_("Writing: %s") % section.heading)
    count = kit.budget.drafts if kit.reasoner.varies else 1
    drafts = await together(
        _draft(question, section, own, kit, journal, is_shown=number == 1, key=f"{base}/draft/{place}/{number}")
        for number in range(1, count + 1)
    )
    sentences = await _best(section, drafts, kit, journal, key=f"{base}/pick/{place}")
    return await verify(question, section, sentences, kit, journal, known=own, key=f"{base}/check/{place}")


async def _best(
    section: Section, drafts: Sequence[list[Sentence]], kit: Kit, journal: Journal, *, key: str
) -> list[Sentence]:
    """The draft that the judge takes, by what the plan said an answer has to say."""
    written = [draft for draft in drafts if draft]
    if len(written) < 2:
        return written[0] if written else []
    texts = [" ".join(sentence.text for sentence in draft) for draft in written]
    criteria = [gap.criterion for gap in known_gaps(journal) if gap.criterion and gap.state != "dropped"]
    return written[await best(section.heading, criteria, texts, kit, journal, key=key)]


async def _draft(
    question: Question,
    section: Section,
    own: Sequence[Evidence],
    kit: Kit,
    journal: Journal,
    *,
    is_shown: bool,
    key: str,
) -> list[Sentence]:
    """The section's sentences; none where the reasoner fails, and then verify shows quotations. Of several drafts the
    first is shown while it is written."""
    numbers = {one.number for one in own}
    computed = [one for one in computations(journal) if numbers.issuperset(one.evidence)]

    async def delta(text: str) -> None:
        if is_shown:
            await journal.publish(journal.run_id, {"section": section.heading, "delta": text})

    async def step() -> Result:
        sentences = await kit.reasoner.draft(question, section, own, computed, delta)
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
        result = await journal.once(key, "draft" if is_shown else "redraft", [section.heading, section.evidence], step)
    except StepFailed:
        return []
    return [Sentence(sentence["text"], tuple(sentence["evidence"])) for sentence in result["sentences"]]


async def _answer(question: Question, claims: Sequence[CheckedClaim], kit: Kit, journal: Journal) -> str:
    """The short answer; empty where nothing that stands answers the question. What more or better sources contradict
    does not become the answer; where neither side is the stronger, both answers are said."""
    found = contrasted(journal)
    outvoted = set(found.get("outvoted", ()))
    key = f"report/{question.leg}/answer"
    answer = await _answered(question, claims, kit, journal, without=outvoted, key=key)
    for sides in found.get("undecided", ()):
        own = next((side for side in sides if _is_from(answer, side["says"])), None)
        if own:
            without = outvoted | set(own["evidence"])
            other = await _answered(question, claims, kit, journal, without=without, key=f"{key}/other")
            if any(_is_from(other, side["says"]) for side in sides if side != own):
                return _("%(one)s or %(other)s: sources disagree") % {"one": answer, "other": other}
            break
    return answer


def _is_from(answer: str, says: str) -> bool:
    """Whether a short answer is what a side of a disagreement says."""
    one, other = f" {plain(answer)} ", f" {plain(says)} "
    return bool(answer) and (one in other or other in one)


async def _answered(
    question: Question,
    claims: Sequence[CheckedClaim],
    kit: Kit,
    journal: Journal,
    *,
    without: set[int],
    key: str,
) -> str:
    """The answer from what stands but for some evidence; empty where code finds a fact in it that the rest does not
    have, or that too little speaks for it: a model answers from what is about something else, too."""
    standing = [
        Sentence(claim.text, own)
        for claim in claims
        if not claim.is_struck and (own := tuple(number for number in claim.evidence if number not in without))
    ]
    if not standing:
        return ""
    await journal.activity(_("Answering in a few words"))
    cited = {number for sentence in standing for number in sentence.evidence}
    evidence = [one for one in known_evidence(journal) if one.number in cited]

    async def step() -> Result:
        answer = " ".join((await kit.reasoner.answer(question, standing, evidence)).split())
        refused = ""
        if lacking := ungrounded(answer, question, evidence, computations(journal)):
            facts = ", ".join(lacking)
            refused = _("“%(answer)s”: not in the cited passages: %(facts)s") % {"answer": answer, "facts": facts}
        elif withheld(question.text, answer, stated(evidence, question.text)):
            refused = _("“%s”: too little speaks for it") % answer
        return {"answer": "" if refused else answer, "refused": refused}

    try:
        return str((await journal.once(key, "answer", [asdict(one) for one in standing], step))["answer"])
    except StepFailed:
        return ""
