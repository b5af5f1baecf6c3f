"""Answers questions for a property of something that is reached from a named thing by relations, where the pages say
it: "Where was the director of film X born?", "Who is the paternal grandfather of Y?".

By rules of English (relations.py); what they do not fit is left to others. Pure. Called by reasoning/extractive.py.
"""

import re
from collections.abc import Callable, Sequence

from research.engine.names import NAME, names, subject
from research.engine.terms import plain
from research.reasoning.relations import Page, began, born, died, follow, life, named, page_of, relations

_PLACE = rf"(?P<place>{NAME}(?:, {NAME}){{0,2}})"
_BIRTHPLACE = re.compile(rf"\b(?:born|birthplace)\b[^.;()]{{0,60}}?\b(?:in|at|near) (?:the )?{_PLACE}")
_DEATHPLACE = re.compile(rf"\b(?:died|death|killed|executed)\b[^.;()]{{0,60}}?\b(?:in|at|near) (?:the )?{_PLACE}")
_BURIAL = re.compile(rf"\b(?:buried|interred|burial|entombed)\b[^.;()]{{0,60}}?\b(?:in|at|near) (?:the )?{_PLACE}")
_AWARD = re.compile(
    rf"\b(?:won|received|awarded|winner of|recipient of) (?:(?:the|an?|his|her) )?(?:[a-z-]+ ){{0,3}}?(?P<place>{NAME})"
)
_SCHOOL = re.compile(
    rf"\b(?:educated at|graduated? (?:of|from)|attended|studied (?:[\w ]+ )?at|degree (?:[\w ]+ )?(?:from|at))"
    rf" (?:the )?(?P<place>{NAME})"
)
_NATIONALITY = re.compile(r"\b(?:is|was) (?:an?|the) (?:[a-z-]+ ){0,3}(?P<place>[A-Z][a-z]+(?:[- ][A-Z][a-z]+)?)")

_WHO = re.compile(r"(?:^|[,;:.] |\b(?:of|by|to|for|is|was|and) )(?:who|whom)\b|\bname\b", re.I)


def looked_up(question: str, pages: Sequence[Page]) -> str:
    """The answer, in words of the pages; empty where the question does not ask so or the pages do not say."""
    find = _property(question)
    for start, end, page in named(question, pages):
        path = relations(question, start, end)
        if not path:
            continue
        *way, last = path if find is None else (*path, "")
        reached = _reached(page, way, pages)
        if reached is None:
            continue
        if answer := (find(reached) if find else _who(question, reached, last)):
            return answer
    return ""


def _reached(page: Page, way: Sequence[str], pages: Sequence[Page]) -> Page | None:
    for relation in way:
        name = follow(page, relation)
        led = page_of(name, [one for one in pages if one != page]) if name else None
        if led is None:
            return None
        page = led
    return page


def _who(question: str, page: Page, relation: str) -> str:
    """Whom the relation leads to, where the question asks for that: not "which film has the director who"."""
    return follow(page, relation) if _WHO.search(question) else ""


def _property(question: str) -> Callable[[Page], str] | None:
    """What finds the property that the question asks for; None where it asks for somebody or something else."""
    asks = question.casefold()
    where, time = re.search(r"\b(?:where|place)\b", asks), re.search(r"\b(?:when|date|year|day)\b", asks)
    table: list[tuple[bool, Callable[[Page], str]]] = [
        (bool(re.search(r"\bbur(?:ied|ial)\b", asks)), _found(_BURIAL)),
        (bool(where and re.search(r"\b(?:born|birth)\b", asks)), _birthplace),
        (bool(where and re.search(r"\bdie[ds]?\b|\bdeath\b", asks)), _deathplace),
        (bool(re.search(r"\b(?:award|prize)s?\b", asks)), _found(_AWARD)),
        (bool(re.search(r"\b(?:educated|graduated?|study|studied|attend|school|university)\b", asks)), _found(_SCHOOL)),
        (bool(time and re.search(r"\bdie[ds]?\b|\bdeath\b", asks)), died),
        (bool(time and re.search(r"\b(?:born|birth)\b|\bbirthday\b", asks)), born),
        (bool(time and re.search(r"\b(?:founded|established|released|formed|opened|start\w*)\b", asks)), began),
        (
            bool(re.search(r"\bnationality\b|\b(?:which|what) country\b.*\bfrom\b|\bcitizen", asks)),
            _found(_NATIONALITY),
        ),
    ]
    return next((find for asked, find in table if asked), None)


def _found(pattern: re.Pattern[str]) -> Callable[[Page], str]:
    def find(page: Page) -> str:
        match = pattern.search(page.text)
        return match["place"].strip(" ,") if match else ""

    return find


def _birthplace(page: Page) -> str:
    """Said of the birth; else the first place in the parentheses of a life ("12 May 1900, Naples – 1970")."""
    return _found(_BIRTHPLACE)(page) or _of_life(page, 0)


def _deathplace(page: Page) -> str:
    """Said of the death; else the place after the dash in the parentheses of a life."""
    return _found(_DEATHPLACE)(page) or _of_life(page, 1)


def _of_life(page: Page, half: int) -> str:
    halves = re.split(r"\s[–—-]\s", life(page))
    own = plain(subject(page.title))
    return next((name for name in names(halves[half]) if plain(name) not in own), "") if half < len(halves) else ""
