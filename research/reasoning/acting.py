"""Acting on pages by rule, where searching and opening did not bring what the gap asks for: open the likeliest page in
the browser, follow what is named like the thing that is asked for, use the page's own search, open its documents, go
through its list page by page. Bounded, and never in a sealed run (research/engine/browse.py refuses it as well).

Pure. Called by extractive.py.
"""

import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

from research.engine.controls import FIELDS, leads_on, trial
from research.engine.names import names
from research.engine.terms import terms, words
from research.engine.values import Action, Workspace
from search_index.api import Control

LOOKS = 2  # pages that a gap has opened in the browser
DEEDS = 10  # on one of them
SCROLLS = 3
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
    new = (number for number, url in pages if url.startswith("http") and url not in workspace.looked)
    target = next(new, None)
    return None if target is None else Action("act", target=target, deed="look")


def go_on(workspace: Workspace) -> Action | None:
    """The next deed on the page that is open in the browser; None where none is left, or what is asked for is there."""
    view = workspace.view
    if not view.tab or len(view.tried) >= DEEDS or is_found(workspace):
        return None
    return next(chain(_clicks(workspace), _searches(workspace), _documents(workspace), _onward(workspace)), None)


def is_found(workspace: Workspace) -> bool:
    """Whether one passage, in view or kept, has the names of the gap and most of its words."""
    gap = workspace.gap.question
    named, asked = _named(gap), set(terms(gap))
    texts = [f"{one.title} {one.text}" for one in workspace.candidates]
    texts += [f"{one.title} {one.quote}" for one in workspace.known]
    found = [set(terms(text)) for text in texts]
    return any(named <= own and len(asked & own) >= COVERED * len(asked) for own in found)


def _clicks(workspace: Workspace) -> Iterator[Action]:
    """What is named like the thing that is asked for, and was not clicked yet."""
    gap, view = workspace.gap.question, workspace.view
    named, asked = _named(gap), set(terms(gap))

    def fit(control: Control) -> int:
        own = set(terms(control.name))
        return 3 * len(named & own) + len(asked & own)

    for control in sorted(view.controls, key=fit, reverse=True):
        click = Action("act", target=control.number, deed="click")
        if control.role in CLICKED and fit(control) >= FITTING and trial(click, view.controls) not in view.tried:
            yield click


def _searches(workspace: Workspace) -> Iterator[Action]:
    view = workspace.view
    for field in view.controls:
        if field.role == "searchbox" or (field.role in FIELDS and _SEARCH.search(field.name)):
            for query in _queries(workspace.gap.question):
                fill = Action("act", query, target=field.number, deed="fill")
                if trial(fill, view.controls) not in view.tried:
                    yield fill


def _documents(workspace: Workspace) -> Iterator[Action]:
    asked = set(terms(workspace.gap.question))
    documents = [link for link in workspace.links if _DOCUMENT.search(urlsplit(link[1]).path)]
    for number, _address in sorted(documents, key=lambda link: -len(asked & set(terms(link[1])))):
        yield Action("open", target=number)


def _onward(workspace: Workspace) -> Iterator[Action]:
    for control in workspace.view.controls:
        if leads_on(control):
            yield Action("act", target=control.number, deed="click")
    if workspace.view.tried.count("scroll") < SCROLLS:
        yield Action("act", deed="scroll")


def _queries(gap: str) -> list[str]:
    """What to search a site for: the names in the gap, then all its words that mean something; no word is added."""
    kept = [word for word in words(gap) if terms(word)]
    return [query for query in dict.fromkeys([" ".join(words(" ".join(names(gap)))), " ".join(kept)]) if query]


def _named(gap: str) -> set[str]:
    return set(terms(" ".join(names(gap))))
