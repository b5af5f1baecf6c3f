"""Search: ask the index for passages, and put them into view.

Called by hunt.py. A repeat of a query never gets here.
"""

from dataclasses import replace

from django.utils.translation import gettext as _

from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.values import Action, Candidate, Workspace
from research.errors import StepFailed
from search_index.api import sentences


async def search(desk: Workspace, action: Action, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with the passages that the query found in view, and the query remembered."""
    await journal.activity(_("Searching: %s") % action.query)

    async def step() -> Result:
        hits = await kit.index.search(action.query, action.reasoning, desk.question.sources, kit.reasoner.hits)
        return {
            "gap": desk.gap.number,
            "query": action.query,
            "hits": [
                {
                    "passage": hit.passage,
                    "snapshot": hit.snapshot,
                    "start": hit.start,
                    "end": hit.end,
                    "text": hit.text,
                    "heading": hit.heading,
                    "title": hit.title,
                    "url": hit.url,
                    "source": hit.source,
                    "score": hit.score,
                }
                for hit in hits
            ],
        }

    desk = replace(desk, queries=(*desk.queries, action.query), candidates=(), links=())
    try:
        result = await journal.once(key, "search", [action.query, action.reasoning, desk.question.sources], step)
    except StepFailed as failure:
        return replace(desk, observation=f"The search failed: {failure}")
    hits = result["hits"]
    found = f"“{action.query}” found {len(hits)} passages." if hits else f"“{action.query}” found nothing."
    return replace(desk, candidates=candidates(hits), observation=found)


def candidates(found: list[Result]) -> tuple[Candidate, ...]:
    """Passages as a journal keeps them, numbered from 1, with their sentences as spans into the snapshot."""
    return tuple(
        Candidate(
            number=number,
            snapshot=one["snapshot"],
            start=one["start"],
            end=one["end"],
            text=one["text"],
            heading=one["heading"],
            title=one["title"],
            url=one["url"],
            source=one["source"],
            score=one["score"],
            sentences=tuple((one["start"] + start, one["start"] + end) for start, end in sentences(one["text"])),
        )
        for number, one in enumerate(found, start=1)
    )
