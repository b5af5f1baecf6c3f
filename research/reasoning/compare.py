"""Answers questions that compare two named things, where their pages say enough: which is older or came first, which
lived longer, whether both are of one country or one kind.

"Which film has the director who died first, A or B?" leads through a relation on both sides (relations.py).
By rules of English; what they do not fit is left to others. Pure. Called by reasoning/extractive.py.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from research.engine.names import names, subject
from research.engine.terms import plain, terms
from research.reasoning.relations import Page, began, born, died, follow, named, page_of, relations, when

_LATER = re.compile(r"\b(?:later|last|latest|younger|youngest|newer|newest|more recent(?:ly)?|after)\b", re.I)
_EARLIER = re.compile(r"\b(?:first|earlier|earliest|older|oldest|before|sooner)\b", re.I)
_CLOSED = re.compile(r"^(?:are|is|were|was|do|does|did|have|has|had|can|could)\b", re.I)
_PLACE = re.compile(
    r"\b(?:country|countries|nation(?:ality|alities)?|city|state|place|county|continent|origin\w*)\b", re.I
)
_HAVING = re.compile(r"['’]s?\b|\b(?:have|has|had|whose|share)\b", re.I)
_SAID_AT_ONCE = 300  # characters in which a page says where its subject is from
_STEM = 4  # letters that "Iran" and "Iranian", "Norway" and "Norwegian" share


@dataclass(frozen=True)
class _Side:
    """One of the two: as the question writes it, and the page that decides."""

    spoken: str
    page: Page


def compared(question: str, pages: Sequence[Page]) -> str:
    """The answer: one of the two as the question writes it, or yes or no; empty where the question does not compare or
    the pages do not say enough."""
    sides = _sides(question, pages)
    if len(sides) != 2:
        return ""
    if _CLOSED.search(question) and not _offers(question, sides):
        return _both(question, sides)
    return _which(question, sides)


def _offers(question: str, sides: Sequence[_Side]) -> bool:
    """Whether one of the two is asked for: "Was A or B born first?" is answered neither by yes nor by no."""
    between = question[question.find(sides[0].spoken) + len(sides[0].spoken) : question.find(sides[1].spoken)]
    return bool(re.search(r"\bor\b", between) and (_LATER.search(question) or _EARLIER.search(question)))


def _sides(question: str, pages: Sequence[Page]) -> list[_Side]:
    """The two things that the question names with "or" or "and" between them, each with the page that decides."""
    found = named(question, pages)
    for (start, end, one), (next_start, next_end, other) in pairwise(found):
        between = question[end:next_start]
        if re.search(r"\b(?:or|and)\b", between) and len(between) < 60:
            sides = []
            for first, last, page in ((start, end, one), (next_start, next_end, other)):
                written = re.match(r"\s*\([^()]*\)", question[last:])  # "Hoppet (Film)"
                decides = _led(question, first, last, page, pages)
                if decides is None:
                    return []
                sides.append(_Side(question[first : last + (written.end() if written else 0)], decides))
            return sides
    return []


def _led(question: str, start: int, end: int, page: Page, pages: Sequence[Page]) -> Page | None:
    """The page at the end of the relations that the question puts before both sides; None where they lead nowhere."""
    asked = question if _HAVING.search(question) else question[:end]  # "are A and B both directors" leads nowhere
    for relation in [one for one in relations(asked, start, end) if one != "publisher"][:1]:
        name = follow(page, relation)
        led = page_of(name, [one for one in pages if one != page]) if name else None
        if led is None:
            return None
        page = led
    return page


def _which(question: str, sides: Sequence[_Side]) -> str:
    """The side with the earlier or the later date, or the longer life."""
    if re.search(r"\blived? longer\b|\blonger life\b", question, re.I):
        lives = [(when(born(side.page)), when(died(side.page))) for side in sides]
        if not all(birth[0] and death[0] for birth, death in lives):
            return ""
        days = [
            sum((b - a) * unit for a, b, unit in zip(birth, death, (372, 31, 1), strict=True)) for birth, death in lives
        ]
        return sides[0].spoken if days[0] >= days[1] else sides[1].spoken
    later, earlier = _LATER.search(question), _EARLIER.search(question)
    if not later and not earlier:
        return ""
    dates = [when(_date_of(question)(side.page)) for side in sides]
    if not all(year for year, _month, _day in dates) or dates[0] == dates[1]:
        return ""
    ahead = dates[0] < dates[1]
    return sides[0].spoken if ahead == bool(earlier and not later) else sides[1].spoken


def _date_of(question: str) -> Callable[[Page], str]:
    if re.search(r"\bdie[ds]?\b|\bdeath\b", question, re.I):
        return died
    if re.search(r"\b(?:born|older|younger|oldest|youngest|birth)\b", question, re.I):
        return lambda page: born(page) or began(page)
    return began


def _both(question: str, sides: Sequence[_Side]) -> str:
    """Yes or no: whether both are from one place; else whether both pages say what the question asks of both."""
    one, other = sides
    if _PLACE.search(question):
        places = [_places(side.page) for side in sides]
        if not all(places):
            return ""
        return "yes" if any(_alike(a, b) for a in places[0] for b in places[1]) else "no"
    spoken = set(terms(f"{one.spoken} {other.spoken}"))
    wanted = {term for term in terms(question) if term not in spoken and term not in ("both", "same")}
    if not wanted:
        return ""
    return "yes" if all(wanted & set(terms(side.page.text)) for side in sides) else "no"


def _places(page: Page) -> set[str]:
    """The words with capitals with which a page begins, but for its subject's own."""
    own = set(plain(subject(page.title)).split())
    words = {word for name in names(page.text[:_SAID_AT_ONCE]) for word in plain(name).split()}
    return {word for word in words - own if len(word) >= _STEM and not word.isdigit()}


def _alike(one: str, other: str) -> bool:
    return one[:_STEM] == other[:_STEM]
