"""Read: open a page that the run has seen the address of, and put its most telling passages and its links into view.

Called by hunt.py, which has refused every address that the run has not seen. A sealed run opens nothing on the web:
the index sees to that, and answers from what it has.
"""

from collections.abc import Sequence
from dataclasses import replace

from django.utils import timezone
from django.utils.translation import gettext as _

from research.engine.cost import spend
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.search import candidates
from research.engine.terms import overlap, rarity, terms
from research.engine.values import Action, Workspace
from research.errors import StepFailed
from search_index.api import Span

PASSAGES = 6  # of a page, that a reader looks at
SIFTED = 16  # passages that are compared by meaning; a long page is sifted by words first, which costs nothing
LINKS = 30  # of a page, that are offered to be opened


async def read(desk: Workspace, action: Action, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with the page's best passages and its links in view, and its address remembered."""
    address = _address(desk, action.target)
    await journal.activity(_("Reading %s") % address)

    async def step() -> Result:
        began = timezone.now()
        page = await kit.index.open(address, desk.question.sealed)
        spend(pages=1)
        spans = await _telling(desk.gap.question, await kit.index.passages(page.snapshot), kit)
        return {
            "gap": desk.gap.number,
            "url": page.url,
            "title": page.title,
            "snapshot": page.snapshot,
            "host": page.host,
            "from": "web" if page.fetched_at >= began else "index",
            "links": len(page.links),
            "source": page.source,
            "passages": [{"start": span.start, "end": span.end, "text": span.text} for span in spans],
            "addresses": _related(desk.gap.question, page.links),
        }

    desk = replace(desk, opened=(*desk.opened, address), candidates=(), links=())
    try:
        result = await journal.once(key, "open", [address, desk.question.sealed], step)
    except StepFailed as failure:
        return replace(desk, observation=f"{address} could not be opened: {failure}")
    about = {"snapshot": result["snapshot"], "title": result["title"], "url": result["url"], "source": result["source"]}
    passages = candidates([{**passage, **about, "heading": "", "score": 1.0} for passage in result["passages"]])
    fresh = [link for link in result["addresses"] if link not in desk.opened]
    return replace(
        desk,
        candidates=passages,
        links=tuple(enumerate(fresh, start=len(passages) + 1)),
        observation=f"Opened “{result['title'] or address}”: its {len(passages)} most fitting passages are in view.",
    )


def _address(desk: Workspace, target: int) -> str:
    seen = {candidate.number: candidate.url for candidate in desk.candidates} | dict(desk.links)
    return seen[target]


async def _telling(question: str, spans: Sequence[Span], kit: Kit) -> list[Span]:
    """The passages that fit the question best, in the order of the page."""
    found = [terms(span.text) for span in spans]
    weights, wanted = rarity(found), terms(question)
    by_words = sorted(range(len(spans)), key=lambda i: -overlap(wanted, found[i], weights))[:SIFTED]
    close = await kit.index.similarity(question, [spans[i].text for i in by_words])
    by_meaning = sorted(zip(close, by_words, strict=True), reverse=True)[:PASSAGES]
    return [spans[i] for i in sorted(i for _close, i in by_meaning)]


def _related(question: str, links: Sequence[str]) -> list[str]:
    """The page's links, those whose address shares words with the question first, as many as are offered."""
    wanted = set(terms(question))
    return sorted(dict.fromkeys(links), key=lambda link: -len(wanted & set(terms(link))))[:LINKS]
