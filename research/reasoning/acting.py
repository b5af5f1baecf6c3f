"""Acting on pages by rule, where searching and opening did not bring what the gap asks for: open the likeliest page in
the browser, follow what is named like the thing that is asked for, use the page's own search, open its documents, go
through its list page by page. Bounded, and never in a sealed run (research/engine/browse.py refuses it as well).

Pure. Called by extractive.py.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urldefrag, urlsplit

from research.engine.controls import CHOICES, trial
from research.engine.names import names
from research.engine.terms import terms, words
from research.engine.values import Action, Workspace
from search_index.api import FIELDS

LOOKS = 2  # pages that a gap has opened in the browser
DEEDS = 10  # on one of them
QUERIES = 4  # to one search field
FEW = 6  # things to click on: so few are tried one after the other, whatever they are called
CLICKED = ("link", "button", "tab", "menuitem")
FITTING = 3  # a shared word counts 1, one of a name 4: what is clicked has a name of the gap, or three of its words
COVERED = 0.75  # of the gap's words in one passage: what is asked for is there
_SEARCH = re.compile(r"search|find|look|quer|keyword|filter", re.IGNORECASE)
_DOCUMENT = re.compile(r"\.(?:pdf|docx?|odt|epub|pptx?|xlsx?)$", re.IGNORECASE)


def look(workspace: Workspace) -> Action | None:
    """To open a page in the browser: the one in view, else the likeliest that something of it was kept which shares a
    word with the gap."""
    if workspace.question.sealed or len(workspace.looked) >= LOOKS or is_found(workspace):
        return None
    asked = set(terms(workspace.gap.question))
    near = [one for one in workspace.known if asked.intersection(terms(f"{one.title} {one.quote}"))]
    pages = [(0, workspace.view.address)]
    pages += [(-one.number, one.url) for one in sorted(near, key=lambda one: (-one.score, one.number))]
    new = (number for number, url in pages if url.startswith("http") and urldefrag(url).url not in workspace.looked)
    target = next(new, None)
    return None if target is None else Action("act", target=target, deed="look")


def go_on(workspace: Workspace) -> Action | None:
    """The next deed on the page that is open in the browser; None where none is left, or what is asked for is there."""
    view = workspace.view
    if not view.tab or len(view.tried) >= DEEDS or is_found(workspace):
        return None
    return next(_deeds(workspace), None)


def is_found(workspace: Workspace) -> bool:
    """Whether one passage, in view or kept, has the names of the gap and, with its title, most of its words, one at
    least itself; what is written on something to click on does not count."""
    gap = workspace.gap.question
    named, asked = _named(gap), set(terms(gap))
    texts = [(one.title, one.text) for one in workspace.candidates]
    texts += [(one.title, one.quote) for one in workspace.known]
    labels = [one.name for one in workspace.view.controls]
    for title, text in texts:
        own = set(terms(_without(text, [*labels, title])))
        has = own | set(terms(title))
        if asked & own and named <= has and len(asked & has) >= COVERED * len(asked):
            return True
    return False


def _deeds(workspace: Workspace) -> Iterator[Action]:
    """What can be done next, the likeliest first; what goes by a name only if it was not tried yet."""
    view, clicks = workspace.view, _clicks(workspace)

    def fresh(actions: Iterable[Action]) -> Iterator[Action]:
        return (one for one in actions if trial(one, view.controls) not in view.tried)

    yield from fresh(click for fit, click in clicks if fit >= FITTING)
    yield from fresh(_results(workspace))
    yield from fresh(_searches(workspace))
    yield from fresh(_choices(workspace))
    yield from _documents(workspace)
    yield from _onward(workspace)
    yield from fresh(click for fit, click in clicks if fit or len(clicks) <= FEW)
    if view.deeds and view.deeds[-1].kind == "click" and urldefrag(view.address).url != view.tab:
        yield Action("act", deed="back")


def _clicks(workspace: Workspace) -> list[tuple[int, Action]]:
    """What can be clicked, with how well its name fits: a shared word counts 1, one of a name or with a digit 4."""
    gap = workspace.gap.question
    named, asked = _named(gap), set(terms(gap))
    fits = []
    for control in workspace.view.controls:
        own = set(terms(control.name))
        if control.role in CLICKED:
            click = Action("act", target=control.number, deed="click")
            fits.append((3 * len(named & own) + len(asked & own), click))
    return sorted(fits, key=lambda one: -one[0])


def _results(workspace: Workspace) -> Iterator[Action]:
    """What the site's own search has just found: links that have all the words that were typed."""
    kind, _space, typed = (workspace.view.tried or ("",))[-1].partition(" ")
    if kind == "fill":
        for control in workspace.view.controls:
            if control.role == "link" and set(terms(typed)) <= set(terms(control.name)):
                yield Action("act", target=control.number, deed="click")


def _searches(workspace: Workspace) -> Iterator[Action]:
    for field in workspace.view.controls:
        if field.role == "searchbox" or (field.role in FIELDS and _SEARCH.search(field.name)):
            for query in _queries(workspace.gap.question):
                yield Action("act", query, target=field.number, deed="fill")


def _choices(workspace: Workspace) -> Iterator[Action]:
    """Options that are called by a word of the gap: they stand in the text of the page."""
    asked = {word.casefold() for word in words(workspace.gap.question) if terms(word)}
    shown = dict.fromkeys(word for one in workspace.candidates for word in words(one.text) if word.casefold() in asked)
    for control in workspace.view.controls:
        if control.role in CHOICES:
            yield from (Action("act", word, target=control.number, deed="select") for word in shown)


def _documents(workspace: Workspace) -> Iterator[Action]:
    asked = set(terms(workspace.gap.question))
    documents = [link for link in workspace.links if _DOCUMENT.search(urlsplit(link[1]).path)]
    for number, _address in sorted(documents, key=lambda link: -len(asked & set(terms(link[1])))):
        yield Action("open", target=number)


def _onward(workspace: Workspace) -> Iterator[Action]:
    """The next page, or further down; once, and on as long as that brings something new."""
    view = workspace.view
    for deed in ("next", "scroll"):
        times = [one for one in view.tried if one.startswith(deed)]
        if not times or (view.tried[-1] == times[-1] and view.address not in workspace.dead_ends):
            yield Action("act", deed=deed)


def _without(text: str, labels: Iterable[str]) -> str:
    for label in filter(None, labels):
        text = text.replace(label, " ")
    return text


def _queries(gap: str) -> list[str]:
    """What to search a site for: the names in the gap; all its words that mean something; the last two, which tend to
    be the thing itself; each of them. Many sites want every word, or know only headings. No word is added."""
    kept = [word for word in words(gap) if terms(word)]
    tries = [" ".join(words(" ".join(names(gap)))), " ".join(kept), " ".join(kept[-2:]), *kept]
    return [query for query in dict.fromkeys(tries) if query][:QUERIES]


def _named(gap: str) -> set[str]:
    """The words that tell the thing that is asked for from others like it."""
    return {*terms(" ".join(names(gap))), *(term for term in terms(gap) if any(map(str.isdigit, term)))}
