"""Note: keep the sentences in view that are worth keeping for the gap, as evidence with a number.

What is kept is checked in code to be a verbatim span of a passage in view. A span that says what the run has kept
already, for this gap or another, is not kept twice: its first number counts for both, and the better score.
Called by hunt.py after each search and each page.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from urllib.parse import urldefrag

from django.utils.translation import ngettext

from research import models
from research.engine.exhibits import exhibit
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.stated import denies
from research.engine.values import Candidate, Evidence, Kept, Workspace
from research.errors import StepFailed

_WORD = re.compile(r"[-−$€£]?\d[\d.,:]*\d[%°]?|[-−$€£]?\d[%°]?|[^\W\d]\w*")
MOST = 20  # pieces of evidence that one look may add


async def note(desk: Workspace, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with what was kept of the passages in view among what is known. What brought them into view, and
    none of them was worth keeping, is a dead end."""
    fresh = [one for one in desk.candidates if (one.snapshot, one.start, one.end) not in desk.noted]
    tried = desk.view.query or desk.view.address
    if not fresh:
        return replace(desk, dead_ends=desk.dead_ends | {tried}) if tried else desk
    await journal.activity(
        ngettext("Reading %(count)d passage for: %(gap)s", "Reading %(count)d passages for: %(gap)s", len(fresh))
        % {"count": len(fresh), "gap": desk.gap.question}
    )

    async def step() -> Result:
        kept = await kit.reasoner.note(desk, fresh)
        found = [evidence for one in kept if (evidence := evidence_of(desk.gap.number, one, desk.candidates))]
        return {"gap": desk.gap.number, "kept": [asdict(one) for one in found[:MOST]]}

    def keep(result: Result) -> Result:
        found = [Evidence(**one) for one in result["kept"]]
        stored = store(journal.run_id, desk.gap.number, found)
        kept = {one.number: asdict(one) for one in stored}
        # As this gap found it: what gaps side by side find at the same moment must not depend on which was first.
        own = [asdict(replace(one, number=same.number)) for one, same in zip(found, stored, strict=True)]
        return {"gap": desk.gap.number, "evidence": list(kept), "kept": list(kept.values()), "own": own}

    spans = [(one.snapshot, one.start, one.end) for one in fresh]
    try:
        result = await journal.once(key, "note", [desk.gap.question, spans], step, keep)
    except StepFailed as failure:
        return replace(desk, observation=f"{desk.observation} They could not be read: {failure}")
    known = {one.number: one for one in desk.known}
    for one in (Evidence(**own) for own in result["own"]):
        before = known.get(one.number, one)
        known[one.number] = replace(before, score=max(before.score, one.score))
    new = len(known) - len(desk.known)
    return replace(
        desk,
        dead_ends=desk.dead_ends if new or not tried else desk.dead_ends | {tried},
        known=tuple(known.values()),
        noted=desk.noted | frozenset(spans),
        observation=f"{desk.observation} {new} pieces of new evidence were kept.",
    )


def evidence_of(gap: int, kept: Kept, candidates: Sequence[Candidate]) -> Evidence | None:
    """The kept span as evidence still without a number; None if it is not a verbatim span of a passage in view."""
    for seen in candidates:
        inside = seen.snapshot == kept.snapshot and seen.start <= kept.start < kept.end <= seen.end
        if inside and seen.text[kept.start - seen.start : kept.end - seen.start] == kept.quote:
            return Evidence(0, gap, kept.snapshot, kept.start, kept.end, kept.quote, kept.score, seen.title, seen.url)
    return None


def store(run_id: str, gap: int, new: list[Evidence]) -> list[Evidence]:
    """Each piece of evidence as its row has it: what is new is stored, and what says what the run has already is that.
    Runs in the step's transaction, which holds the run's row: numbers of gaps hunted side by side do not collide."""
    rows = list(models.Evidence.objects.filter(run_id=run_id).select_related("exhibit").defer("exhibit__text"))
    gap_id = models.Gap.objects.values_list("id", flat=True).get(run_id=run_id, number=gap)
    kept: list[Evidence] = []
    fresh: list[models.Evidence] = []
    for one in new:
        same = next((row for row in rows if _says_the_same(row, one)), None)
        if same is None:
            same = models.Evidence(
                run_id=run_id,
                number=len(rows) + 1,
                gap_id=gap_id,
                exhibit=exhibit(run_id, one.snapshot),
                start=one.start,
                end=one.end,
                quote=one.quote,
                score=one.score,
            )
            rows.append(same)
            fresh.append(same)
        elif same.score < one.score:
            same.score = one.score
            if same not in fresh:
                same.save(update_fields=["score"])
        kept.append(
            replace(
                one,
                number=same.number,
                snapshot=same.exhibit.snapshot,
                start=same.start,
                end=same.end,
                quote=same.quote,
                title=same.exhibit.title,
                url=same.exhibit.url,
            )
        )
    models.Evidence.objects.bulk_create(fresh)
    return kept


def _says_the_same(row: models.Evidence, new: Evidence) -> bool:
    """Whether two spans overlap by half of the shorter one, or one quotes the other's very words from elsewhere. What
    a page shows after a deed is mostly what it showed before: there, what is longer says more."""
    if row.exhibit.snapshot == new.snapshot:
        shared = min(row.end, new.end) - max(row.start, new.start)
        if shared * 2 > min(row.end - row.start, new.end - new.start):
            return True
    old, now = _words(row.quote), _words(new.quote)
    if denies(row.quote) != denies(new.quote):  # "... is allowed" stands in "nobody says that ... is allowed" as well
        return False
    if row.exhibit.snapshot != new.snapshot and urldefrag(row.exhibit.url).url == urldefrag(new.url).url:
        return now in old
    return now in old or (old in now and len(old) * 2 > len(now))


def _words(quote: str) -> str:
    """The words with single spaces between, numbers whole: "10" is no part of "10.5", nor 5 the same as -5 or 5%."""
    return " ".join(["", *_WORD.findall(quote.casefold()), ""])
