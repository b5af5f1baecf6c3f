"""The names that a text mentions, by their capitals: what a hop from one passage to the next goes by.

Pure. Called by confidence.py, and by all of reasoning/ that works by rules. Knows no language but by a few small words
that stand within names; where nothing is written with capitals it finds nothing.
"""

import re
from collections.abc import Iterator, Sequence

from research.engine.terms import STOP_WORDS, plain, terms

_LETTER = r"[A-Z\u00c0-\u00de]"
_CAPITAL = rf"(?:(?:{_LETTER}|St|Dr|Mr|Mrs|Jr|Sr)\.|{_LETTER}[\w'’-]*)"
_SMALL = r"(?:of|the|de|van|von|der|den|la|le|du|al|bin|ibn|di|da|del|y|zu|and|for|on|&)"
NAME = rf"\b{_CAPITAL}(?:[\s-]+(?:{_SMALL}\s+){{0,2}}{_CAPITAL})*"  # as a pattern
_NAME = re.compile(NAME)
MOST = 0.65  # of a name's words, and of a question's names: spellings differ
_PARENTHESIS = re.compile(r"\s*\([^()]*\)\s*$")
_POSSESSIVE = re.compile(r"['’]s?$")
CALENDAR = frozenset(
    """january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday""".split()  # noqa: SIM905 - a list of words
)
# Words that a sentence begins with: their capital says nothing.
_OPENERS = STOP_WORDS | frozenset("although though despite two three four five six seven".split())  # noqa: SIM905


def subject(title: str) -> str:
    """What a page is about, by its title: without what stands in parentheses at its end ("The Game (1997 film)")."""
    return _PARENTHESIS.sub("", title).strip()


def names(text: str) -> Iterator[str]:
    """The names in the text, in order, as they are written, repeats kept. Months and days are none."""
    for match in _NAME.finditer(text):
        found = match.group().split()
        while found and found[0].casefold().strip("'’.-") in _OPENERS:
            found = found[1:]
        name = _POSSESSIVE.sub("", " ".join(found).strip(".-'’ "))
        if len(name) > 2 and plain(name) not in CALENDAR:
            yield name


def mentions(text: str, name: str) -> bool:
    """Whether the text holds the name, word for word, in whatever case."""
    return f" {plain(name)} " in f" {plain(text)} "


def all_named(question: str, texts: Sequence[str]) -> bool:
    """Whether most of what the question names is named in one text or another: most words of most of its names. A
    question without names, or where the names are nowhere, is not known to be about what was found."""
    asked = [set(terms(name)) for name in names(question) if terms(name)]
    found = [set(terms(text)) for text in texts]
    there = [any(len(name & text) > MOST * len(name) for text in found) for name in asked]
    return bool(there) and sum(there) >= MOST * len(there)
