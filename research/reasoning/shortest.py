"""The shortest span of a sentence that answers a question for a person, a time, a place or a number.

By the question's first words and simple patterns: right often enough to be useful, and always words of the sentence.
Pure. Called by reasoning/extractive.py.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from research.reasoning.relations import DATE

_NUMBER = re.compile(
    r"\b(?:about |some |over |nearly |at least |at most |up to )?(?:\d[\d,.]*\d|\d"
    r"|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-(?:one|two|three|four|five|six|seven|eight|nine))?"
    r"|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million)\b)"
    r"(?:[- ](?:million|billion|thousand|hundred))?(?:\s?%|[- ][a-z]+)?",
    re.IGNORECASE,
)
_NAME = re.compile(r"\b[A-Z][\w'’.-]*(?:\s+(?:of|the|de|van|von|der|la|du|al|bin|[A-Z][\w'’.-]*))*(?<![\s.])")
_SMALL_WORDS = re.compile(r"(?:\s+(?:of|the|de|van|von|der|la|du|al|bin))+$")
_PLACE = re.compile(r"\b(?:in|at|near|from|to|on|off)\s+(?:the\s+)?(?=[A-Z])")
_BEGINS = re.compile(r"(?:^|[,;:.] )(?:(?:and|in|on|at|by|of|for|to|from|with) )?$", re.I)
_GRAMMAR = frozenset(
    """a an and as at but by for from he her his if in it its no not of on or our she since so that the their then there
    these they this those to until when where which while who with you""".split()  # noqa: SIM905
)


def shortest(question: str, sentences: Sequence[str]) -> str:
    """What the question asks for, from the first sentence that has it; empty where none has, or where the question
    asks for nothing of the kind."""
    find = _finder(question)
    return next((span for sentence in sentences if find and (span := find(sentence, question))), "")


def _finder(question: str) -> Callable[[str, str], str] | None:
    """What finds a span of the kind that the question asks for: by the question word that it begins with, or a clause
    of it does ("In the city where X is, who ..."), else by its first one."""
    found = [(match, find) for pattern, find in _ASKS for match in pattern.finditer(question)]
    if not found:
        return None

    def place(one: tuple[re.Match[str], object]) -> tuple[bool, int]:
        begins = re.search(
            r"(?:^|[,;:.] )(?:(?:and|in|on|at|by|of|for|to|from|with) )?$", question[: one[0].start()], re.I
        )
        return not begins, one[0].start()

    match, find = min(found, key=place)
    return find or _of_kind(match[1].casefold())


def _of_kind(kind: str) -> Callable[[str, str], str]:
    """Finds a name that says itself to be of the kind ("McDowell County"), else the first one."""

    def find(sentence: str, question: str) -> str:
        found = list(_names(sentence, question))
        own = [name for name in found if kind.rstrip("s") in name.casefold()]
        return next(iter([*own, *found]), "")

    return find


def _date(sentence: str, question: str) -> str:
    return next((found for match in DATE.finditer(sentence) if (found := match.group()) not in question), "")


def _number(sentence: str, question: str) -> str:
    """Written in digits rather than in words, which often only count what is listed; a bare year last."""
    found = [number for match in _NUMBER.finditer(sentence) if (number := match.group()) not in question]
    found.sort(key=lambda number: (bool(re.fullmatch(r"[12]\d{3}(?: [a-z]+)?", number)), not re.search(r"\d", number)))
    return next(iter(found), "")


def _name(sentence: str, question: str) -> str:
    return next(_names(sentence, question), "")


def _place(sentence: str, question: str) -> str:
    for match in _PLACE.finditer(sentence):
        found = next(_names(sentence[match.end() :], question), "")
        if found and sentence[match.end() :].startswith(found):
            return found
    return next(_names(sentence, question), "")


def _names(sentence: str, question: str) -> Iterator[str]:
    """The names of a sentence that the question does not mention, in order."""
    mentioned = set(re.findall(r"\w+", question.casefold()))
    for match in _NAME.finditer(sentence):
        name = _SMALL_WORDS.sub("", match.group())
        first, *rest = name.split()
        if first.casefold() in _GRAMMAR:  # "The", "In": capitalised as the sentence's first word
            name = " ".join(rest)
        if match.start() == 0 and not rest:  # one capital letter at the beginning of a sentence proves nothing
            continue
        if name and name[0].isupper() and not set(re.findall(r"\w+", name.casefold())) <= mentioned:
            yield name


_ASKS: tuple[tuple[re.Pattern[str], Callable[[str, str], str] | None], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), find)
    for pattern, find in (
        (r"\b(?:when|(?:what|which) (?:year|date|day|century|decade))\b", _date),
        (
            r"\b(?:how (?:many|much|long|old|large|often|far|tall|high|big)|what (?:number|percentage)|population)\b",
            _number,
        ),
        (r"\b(?:who|whom|whose)\b", _name),
        (r"\b(?:where|(?:what|which) (?:city|country|town|state|place))\b", _place),
        # A kind of thing, in words of the question: a name that says it is of that kind.
        (r"\b(?:what|which) (?!is\b|are\b|was\b|were\b|do\b|does\b|did\b|if\b)(\w+)", None),
    )
)
