"""Read: open a page that the run has seen the address of, and put its most telling passages and its links into view;
or find words in a page that is in view. `shown` and `brought` do the same for a page in the browser (browse.py).

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
from research.engine.values import Action, Candidate, Evidence, View, Workspace
from research.errors import NextToNothing, StepFailed
from search_index.api import Opened, Span, sentences

PASSAGES = 6  # of a page, that a reader looks at
SIFTED = 16  # passages that are compared by meaning; a long page is sifted by words first, which costs nothing
PIECE = 800  # characters
LINKS = 30  # of a page, that are offered to be opened


async def read(desk: Workspace, action: Action, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with the page's best passages and its links in view, and its address remembered."""
    wanted = address(desk, action.target)
    await journal.activity(_("Reading %s") % wanted)

    async def step() -> Result:
        began = timezone.now()
        try:
            page = await kit.index.open(wanted, desk.question.sealed, wanted in desk.question.addresses)
            spend(pages=1)
        except NextToNothing as nothing:
            if desk.question.sealed:
                raise
            spend(pages=1)
            return {"gap": desk.gap.number, "from": "web", "url": wanted, "nothing": str(nothing)}
        except StepFailed as failure:
            raise StepFailed(_("%(page)s could not be opened: %(why)s") % {"page": wanted, "why": failure}) from failure
        return {
            "gap": desk.gap.number,
            "from": "web" if page.fetched_at >= began else "index",
            **await shown(desk.gap.question, page, kit),
        }

    desk = replace(desk, opened=(*desk.opened, wanted), candidates=(), view=View())
    desk = replace(desk, links=_links(desk, (), 1))
    try:
        result = await journal.once(key, "open", [wanted, desk.question.sealed], step)
    except StepFailed as failure:
        return replace(
            desk,
            dead_ends=desk.dead_ends | {wanted},
            observation=str(failure),
        )
    if nothing := result.get("nothing"):
        return replace(desk, view=View(address=wanted), observation=f"{wanted} shows next to nothing: {nothing}")
    desk = brought(desk, result)
    return replace(
        desk,
        # No title: what a page calls itself is its text, and this line is not marked as such in the prompt.
        observation=f"Opened {wanted}: its {len(desk.candidates)} most fitting passages are in view.",
        view=replace(desk.view, address=wanted),
    )


async def shown(question: str, page: Opened, kit: Kit) -> Result:
    """What of a page is put into view for a question, as a journal keeps it."""
    spans = await _telling(question, await kit.index.passages(page.snapshot) or _pieces(page), kit)
    return {
        "url": page.url,
        "title": page.title,
        "snapshot": page.snapshot,
        "host": page.host,
        "links": len(page.links),
        "source": page.source,
        "passages": [{"start": span.start, "end": span.end, "text": span.text} for span in spans],
        "addresses": _related(question, page.links),
    }


def brought(desk: Workspace, result: Result) -> Workspace:
    """The workspace with what was `shown` of a page in view."""
    about = {"snapshot": result["snapshot"], "title": result["title"], "url": result["url"], "source": result["source"]}
    passages = candidates([{**passage, **about, "heading": "", "score": 1.0} for passage in result["passages"]])
    return replace(
        desk,
        candidates=passages,
        links=_links(desk, result["addresses"], len(passages) + 1),
        view=View(address=result["url"], snapshot=result["snapshot"] if passages else 0, shown=len(passages)),
    )


def _links(desk: Workspace, found: Sequence[str], start: int) -> tuple[tuple[int, str], ...]:
    """What can be opened from here, numbered from `start`: what was found, and at any time what the person named."""
    links = dict.fromkeys([*desk.question.addresses, *found])
    return tuple(enumerate((link for link in links if link not in desk.opened), start=start))


async def find(desk: Workspace, action: Action, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with those passages of a page in view that have the words looked for."""
    seen: list[Candidate | Evidence] = [*desk.candidates, *desk.known]
    page = next((one for one in seen if one.url == address(desk, action.target)), None)
    if page is None:  # the number of a link
        return replace(desk, observation="Open the page first, then look in it.")
    await journal.activity(_("Looking for “%(words)s” in %(page)s") % {"words": action.query, "page": page.url})

    async def step() -> Result:
        spans = await kit.index.passages(page.snapshot)
        found, wanted = [terms(span.text) for span in spans], set(terms(action.query))
        weights = rarity(found)
        fit = [overlap(tuple(wanted), one, weights) for one in found]
        best = sorted((i for i in range(len(spans)) if fit[i] > 0), key=lambda i: (-fit[i], i))[:PASSAGES]
        hits = [{"start": spans[i].start, "end": spans[i].end, "text": spans[i].text} for i in sorted(best)]
        return {"gap": desk.gap.number, "url": page.url, "words": action.query, "title": page.title, "passages": hits}

    try:
        result = await journal.once(key, "find", [page.snapshot, action.query], step)
    except StepFailed as failure:
        return replace(desk, observation=f"{page.url} could not be looked through: {failure}")
    source = next((one.source for one in desk.candidates if one.url == page.url), "")
    view = desk.view if desk.view.snapshot == page.snapshot else View(address=page.url, snapshot=page.snapshot)
    about = {"snapshot": page.snapshot, "title": page.title, "url": page.url, "source": source}
    passages = candidates([{**one, **about, "heading": "", "score": 1.0} for one in result["passages"]])
    if not passages:
        return replace(desk, observation=f"“{action.query}” is not in {page.url}.")
    return replace(
        desk,
        candidates=passages,
        links=(),
        view=replace(view, shown=len(passages)),
        observation=f"{len(passages)} passages of {page.url} have these words.",
    )


def address(desk: Workspace, target: int) -> str:
    """The address of a candidate's page, of a link, or (below 0) of the page that evidence is from; "" where there is
    none with that number."""
    seen = {candidate.number: candidate.url for candidate in desk.candidates} | dict(desk.links)
    return ({-one.number: one.url for one in desk.known} | seen).get(target, "")


def _pieces(page: Opened) -> list[Span]:
    """The text of a page of which searches are to find nothing, and which has no passages therefore (a form, a list of
    links): whole sentences, of about a passage's length together."""
    pieces: list[Span] = []
    start = 0
    for _begin, end in sentences(page.text):
        if end - start >= PIECE or end >= len(page.text.rstrip()):
            pieces.append(Span(page.snapshot, start, end, page.text[start:end]))
            start = end
    return pieces


async def _telling(question: str, spans: Sequence[Span], kit: Kit) -> list[Span]:
    """The passages that fit the question best, in the order of the page."""
    if len(spans) <= PASSAGES:
        return list(spans)
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
