"""Acting on pages by rule, where searching and opening did not bring what the gap asks for: open the likeliest page in
the browser, follow what is named like the thing that is asked for, use the page's own search, open its documents, go
through its list page by page, look behind its tabs and what few other things there are. Bounded, and never in a sealed
run (research/engine/browse.py refuses it as well).

Pure. Called by extractive.py, and by model.py for a page that the person named.
"""

import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from itertools import takewhile
from math import ceil
from typing import Literal
from urllib.parse import urldefrag

from research.engine.controls import CHOICES, leads_on, trial
from research.engine.names import names
from research.engine.terms import terms, words
from research.engine.values import Action, Workspace, page_of
from search_index.api import FIELDS, Control

LOOKS = 2  # pages that a gap has opened in the browser
DEEDS = 10  # on one of them
QUERIES = 4  # to one search field
FEW = 6  # things to click on: so few are tried one after the other, whatever they are called
PATIENCE = 3  # pages of a list that are gone through although nothing of them was kept
CLICKED = ("tab", "button", "menuitem", "link")  # what is tried whatever it is called: what stays on the page first
TICKED = ("checkbox", "radio", "switch", "option", "treeitem")  # only by its name
FITTING = 3  # a shared word counts 1, one of a name 4: what is clicked has a name of the gap, or three of its words
KIN = 5  # letters that two words begin with alike, to be of one family: Asplenium, Aspleniaceae
LETTERS = 5  # buttons of one letter: so many are an alphabet, of which that is clicked which begins what is sought
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
    new = (number for number, url in pages if _is_page(url) and urldefrag(url).url not in workspace.looked)
    target = next(new, None)
    return None if target is None else Action("act", target=target, deed="look")


def _is_page(url: str) -> bool:
    """Whether there can be anything to use at the address: a document is read, and that is all."""
    scheme, _host, path = page_of(url)
    return scheme.startswith("http") and not _DOCUMENT.search(path)


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
    named = _named(workspace.gap.question)
    away = bool(view.deeds) and view.deeds[-1].kind == "click" and urldefrag(view.address).url != view.tab

    def fresh(actions: Iterable[Action]) -> Iterator[Action]:
        return (one for one in actions if trial(one, view.controls) not in view.tried)

    if away and not view.controls:  # a document: nothing can be done with it
        yield Action("act", deed="back")
    # One word of many that name the thing is no more than a hint; several words that are all the gap's are more.
    yield from fresh(
        one.click for one in clicks if one.fit >= FITTING and (one.is_whole or 2 * len(named & one.words) >= len(named))
    )
    yield from fresh(_results(workspace))
    if _searched(view.tried) and any(leads_on(one) or one.name.isdecimal() for one in view.controls):
        yield from _onward(workspace, "next")
    yield from fresh(_searches(workspace))
    yield from fresh(_choices(workspace))
    yield from _documents(workspace)
    yield from _onward(workspace, "next")
    yield from fresh(one.click for one in clicks if one.fit or one.control.role == "tab")
    yield from _onward(workspace, "scroll")
    blind = [one for one in clicks if not one.fit and one.control.role in CLICKED]
    buttons = [one for one in blind if one.control.role != "link"]
    yield from fresh(one.click for one in (blind if len(blind) <= FEW else buttons[:FEW]))
    if away:
        yield Action("act", deed="back")


@dataclass(frozen=True)
class _Click:
    """Something that can be clicked, the words of its name, and how well they fit: a shared word counts 1, one of a
    name or with a digit 4, a word of the same family 1. `is_whole`: it has several words, and all are the gap's."""

    control: Control
    words: frozenset[str]
    fit: int
    is_whole: bool

    @property
    def click(self) -> Action:
        return Action("act", target=self.control.number, deed="click")


def _clicks(workspace: Workspace) -> list[_Click]:
    """What can be clicked and is not chosen already, what fits best first."""
    gap, controls = workspace.gap.question, workspace.view.controls
    named, asked = _named(gap), set(terms(gap))
    initials = _initials(workspace) if sum(len(one.name) == 1 for one in controls) >= LETTERS else set()
    found = []
    for control in controls:
        if control.role in (*CLICKED, *TICKED) and not control.value:
            own = frozenset(terms(control.name))
            is_whole = len(own) > 1 and own <= asked
            fit = _shared(own, named, asked) + FITTING * (is_whole or control.name.casefold() in initials)
            kin = any(_are_kin(one, other) for one in own for other in asked)
            found.append(_Click(control, own, fit or int(kin), is_whole))
    roles = (*CLICKED, *TICKED)
    return sorted(found, key=lambda one: (-one.fit, roles.index(one.control.role)))


def _shared(own: Set[str], named: Set[str], asked: Set[str]) -> int:
    """How well words fit: one that the gap has, too, counts 1, one of a name in it 4."""
    return 3 * len(named & own) + len(asked & own)


def _initials(workspace: Workspace) -> set[str]:
    """The letters that the gap's words begin with which the page does not show."""
    shown = set(terms(" ".join(f"{one.title} {one.text}" for one in workspace.candidates)))
    return {term[0] for term in terms(workspace.gap.question) if term not in shown}


def _are_kin(one: str, other: str) -> bool:
    alike = max(KIN, ceil(COVERED * min(len(one), len(other))))
    return len(one) >= alike and one[:alike] == other[:alike]


def _results(workspace: Workspace) -> Iterator[Action]:
    """What the site's own search has just found: links that have all the words that were typed."""
    kind, _space, typed = (workspace.view.tried or ("",))[-1].partition(" ")
    if kind == "fill":
        for control in workspace.view.controls:
            if control.role == "link" and set(terms(typed)) <= set(terms(control.name)):
                yield Action("act", target=control.number, deed="click")


def _searched(tried: tuple[str, ...]) -> bool:
    """Whether what is in view is what a search has found, or a further page of it."""
    before = [one for one in tried if one.partition(" ")[0] != "next"]
    return bool(before) and before[-1].startswith("fill")


def _searches(workspace: Workspace) -> Iterator[Action]:
    for field in workspace.view.controls:
        # A list to choose from shows what is chosen, a field only what was typed.
        is_typed_in = field.role == "combobox" and (not field.value or f"fill {field.value}" in workspace.view.tried)
        if field.role == "searchbox" or is_typed_in or (field.role in FIELDS and _SEARCH.search(field.name)):
            for query in _queries(workspace.gap.question):
                yield Action("act", query, target=field.number, deed="fill")


def _choices(workspace: Workspace) -> Iterator[Action]:
    """The options that fit the gap best, of each list that does not stand on one of them already. Those of a list that
    opens by a click stand in the text of the page, if anywhere."""
    gap = workspace.gap.question
    named, asked = _named(gap), set(terms(gap))
    shown = tuple(dict.fromkeys(word for one in workspace.candidates for word in words(one.text)))

    def fit(option: str) -> int:
        own = set(terms(option))
        found = _shared(own, named, asked)
        return found if found >= FITTING or (own and own <= asked) else 0

    for control in workspace.view.controls:
        if control.role in CHOICES and (control.value or control.options or control.role != "combobox"):
            fits = {option: fit(option) for option in control.options or shown}
            best = max(fits.values(), default=0)
            if best > fit(control.value):
                fitting = (option for option in fits if fits[option] == best)
                yield from (Action("act", option, target=control.number, deed="select") for option in fitting)


def _documents(workspace: Workspace) -> Iterator[Action]:
    asked = set(terms(workspace.gap.question))
    documents = [link for link in workspace.links if _DOCUMENT.search(page_of(link[1])[2])]
    for number, _address in sorted(documents, key=lambda link: -len(asked & set(terms(link[1])))):
        yield Action("open", target=number)


def _onward(workspace: Workspace, deed: Literal["next", "scroll"]) -> Iterator[Action]:
    """The next page, or further down; once, and on as long as it is done and brings something new, or nearly so."""
    view = workspace.view
    times = [one for one in view.tried if one == deed]
    patient = deed == "next" and len(times) < PATIENCE and [one.kind for one in view.deeds[-1:]] == [deed]
    if not times or (view.tried[-1] == deed and (patient or view.address not in workspace.dead_ends)):
        yield Action("act", deed=deed)


def _without(text: str, labels: Iterable[str]) -> str:
    for label in filter(None, labels):
        text = text.replace(label, " ")
    return text


def _queries(gap: str) -> list[str]:
    """What to search a site for: the names in the gap; what comes first of them, before "of" or the like; all its words
    that mean something; the last two, which tend to be the thing itself; each of them. Many sites want every word, or
    know only headings. No word is added."""
    kept, named = [word for word in words(gap) if terms(word)], words(" ".join(names(gap)))
    first = list(takewhile(str.istitle, named))
    tries = [" ".join(named), " ".join(first if len(first) > 1 else ()), " ".join(kept), " ".join(kept[-2:]), *kept]
    return [query for query in dict.fromkeys(tries) if query][:QUERIES]


def _named(gap: str) -> set[str]:
    """The words that tell the thing that is asked for from others like it."""
    return {*terms(" ".join(names(gap))), *(term for term in terms(gap) if any(map(str.isdigit, term)))}
