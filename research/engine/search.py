"""Search: ask the index for passages, and put them into view; or the next ones of the search or page in view. Where the
operator has set up a web search, it is asked beside the index, for addresses that may then be opened like links: what
it says of their pages is never looked at, and of the query only words go out that may (outward.py).

Called by hunt.py. A repeat of a query never gets here.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from django.utils.translation import gettext as _

from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.outward import to_ask
from research.engine.parallel import together
from research.engine.values import Action, Candidate, View, Workspace
from research.errors import StepFailed
from search_index.api import Hit, sentences

MORE = 6  # passages that "more" brings of a page


async def search(desk: Workspace, action: Action, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with the passages that the query found in view, the addresses on the web, and the query
    remembered."""
    await journal.activity(_("Searching: %s") % action.query)
    (hits, found), (addresses, beside) = await together(
        [_passages(desk, action, key, kit, journal), _addresses(desk, action.query, key, kit, journal)]
    )
    own = [address for address in desk.question.addresses if address not in desk.opened]
    return replace(
        desk,
        queries=(*desk.queries, action.query),
        candidates=candidates(hits or []),
        links=tuple(enumerate([*own, *(addresses or [])], start=len(hits or []) + 1)),
        view=View() if hits is None else View(query=action.query, reasoning=action.reasoning, shown=len(hits)),
        observation=f"{found}{beside}",
    )


async def _passages(
    desk: Workspace, action: Action, key: str, kit: Kit, journal: Journal
) -> tuple[list[Any] | None, str]:
    """The index's hits, and what is to be said of them; None where the search failed."""

    async def step() -> Result:
        hits = await kit.index.search(action.query, action.reasoning, desk.question.sources, kit.reasoner.hits)
        return {"gap": desk.gap.number, "query": action.query, "hits": [_kept(hit) for hit in hits]}

    try:
        result = await journal.once(key, "search", [action.query, action.reasoning, desk.question.sources], step)
    except StepFailed as failure:
        return None, f"The search failed: {failure}"
    hits: list[Result] = result["hits"]
    return hits, f"“{action.query}” found {len(hits)} passages." if hits else f"“{action.query}” found nothing."


async def _addresses(desk: Workspace, query: str, key: str, kit: Kit, journal: Journal) -> tuple[list[Any] | None, str]:
    """Addresses on the web for the query, and what is to be said of them; in a sealed run nobody is asked."""
    is_new = not journal.has(key)  # what was searched before is replayed as it was
    if desk.question.sealed or not (journal.has(f"{key}/web") or (is_new and kit.index.asks_the_web)):
        return None, ""
    asked = to_ask(desk, query)
    if is_new and not asked:
        return None, " The web was not asked: only words of the question go out, and names from public pages."

    async def step() -> Result:
        found = await kit.index.web(asked)
        return {"gap": desk.gap.number, "query": asked, "addresses": list(found.urls), "left_out": found.left_out}

    try:
        result = await journal.once(f"{key}/web", "web", query, step)
    except StepFailed as failure:
        return None, f" The web search failed: {failure}"
    addresses = [url for url in result["addresses"] if url not in desk.opened]
    return addresses, f" {len(addresses)} addresses were found on the web."


async def more(desk: Workspace, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with the next passages of the search or of the page that is in view."""
    view = desk.view
    await journal.activity(_("Looking further: %s") % (view.query or view.address))

    async def step() -> Result:
        if view.query:
            most = view.shown + kit.reasoner.hits
            hits = await kit.index.search(view.query, view.reasoning, desk.question.sources, most)
            return {"gap": desk.gap.number, "of": view.query, "hits": [_kept(hit) for hit in hits[view.shown :]]}
        spans = await kit.index.passages(view.snapshot)
        seen = {(start, end) for snapshot, start, end in desk.noted if snapshot == view.snapshot}
        unseen = [span for span in spans if (span.start, span.end) not in seen][:MORE]
        page = next(one for one in desk.candidates if one.snapshot == view.snapshot)
        about = {name: getattr(page, name) for name in ("snapshot", "title", "url", "source")}
        hits_of_page = [
            {"start": span.start, "end": span.end, "text": span.text, "heading": "", "score": 1.0, **about}
            for span in unseen
        ]
        return {"gap": desk.gap.number, "of": view.address, "hits": hits_of_page}

    try:
        result = await journal.once(key, "more", asdict(view), step)
    except StepFailed as failure:
        return replace(desk, observation=f"The next passages could not be had: {failure}")
    hits = result["hits"]
    if not hits:
        return replace(desk, view=replace(view, query="", snapshot=0), observation="There is no more of it.")
    view = replace(view, shown=view.shown + len(hits))
    return replace(desk, candidates=candidates(hits), view=view, observation=f"{len(hits)} further passages.")


def candidates(found: Sequence[Result]) -> tuple[Candidate, ...]:
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


def in_view(hits: Sequence[Hit]) -> tuple[Candidate, ...]:
    """Hits as candidates."""
    return candidates([_kept(hit) for hit in hits])


def _kept(hit: Hit) -> Result:
    names = ("passage", "snapshot", "start", "end", "text", "heading", "title", "url", "source", "score")
    return {name: getattr(hit, name) for name in names}
