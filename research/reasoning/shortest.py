"""The shortest span of a sentence that answers a question for a person, a time, a place, a number, a colour or a thing
of some kind.

By the question's first words and simple patterns: right often enough to be useful, and always words of the sentence.
Pure. Called by reasoning/extractive.py and exactly.py.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from research.engine.confidence import MEASURED
from research.engine.names import CALENDAR
from research.engine.terms import plain
from research.reasoning.relations import DATE

Form = Literal["date", "number", "colour", "name", "place", "kind"]

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
_COLOUR = re.compile(
    r"\b(?:(?:light|dark|pale|deep|bright) )?(?:amber|azure|beige|black|blue|bronze|brown|burgundy|cobalt|copper|coral"
    r"|cream|crimson|cyan|emerald|gold(?:en)?|gr[ae]y|green|indigo|ivory|khaki|lavender|lilac|magenta|maroon|mauve|navy"
    r"|ochre|olive|orange|pink|purple|red|ruby|sapphire|scarlet|silver|tan|teal|turquoise|umber|vermilion|violet|white"
    r"|yellow)\b(?:(?:, | and |, and )(?:black|blue|gold|gr[ae]y|green|orange|red|silver|white|yellow)\b)*",
    re.IGNORECASE,
)
_GRAMMAR = frozenset(
    """a an and as at but by for from he her his if in it its no not of on or our she since so that the their then there
    these they this those to until when where which while who with you""".split()  # noqa: SIM905
)


def shortest(question: str, sentences: Sequence[str]) -> str:
    """What the question asks for, from the first sentence that has it; empty where none has, or where the question
    asks for nothing of the kind."""
    form, kind = form_of(question)
    if form is None:
        return ""
    find = _FINDERS.get(form) or _of_kind(kind)
    return next((span for sentence in sentences if (span := find(sentence, question))), "")


def form_of(question: str) -> tuple[Form | None, str]:
    """The form of what the question asks for, by the question word that it begins with, or a clause of it does ("In the
    city where X is, who ..."), else by its first one; and the kind of thing that it names ("bird" of "which bird",
    "year" of "what year"), in lower case. None where its form is not known."""
    found = [(match, form) for pattern, form in _ASKS for match in pattern.finditer(question)]

    def place(one: tuple[re.Match[str], Form]) -> tuple[bool, int]:
        begins = re.search(
            r"(?:^|[,;:.] )(?:(?:and|in|on|at|by|of|for|to|from|with) )?$", question[: one[0].start()], re.I
        )
        return not begins, one[0].start()

    if not found:
        return None, ""
    match, form = min(found, key=place)
    return form, (match["kind"] or "").casefold()


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


def _colour(sentence: str, question: str) -> str:
    return next((found for match in _COLOUR.finditer(sentence) if (found := match.group()) not in question), "")


def _name(sentence: str, question: str) -> str:
    return next(_names(sentence, question), "")


def _place(sentence: str, question: str) -> str:
    for match in _PLACE.finditer(sentence):
        found = next(_names(sentence[match.end() :], question), "")
        if found and sentence[match.end() :].startswith(found):
            return found
    return next(_names(sentence, question), "")


def _names(sentence: str, question: str) -> Iterator[str]:
    """The names of a sentence that the question does not mention, in order. Months and days are none."""
    mentioned = set(re.findall(r"\w+", question.casefold()))
    for match in _NAME.finditer(sentence):
        name = _SMALL_WORDS.sub("", match.group())
        first, *rest = name.split()
        if first.casefold() in _GRAMMAR:  # "The", "In": capitalised as the sentence's first word
            name = " ".join(rest)
        if match.start() == 0 and not rest:  # one capital letter at the beginning of a sentence proves nothing
            continue
        is_new = not set(re.findall(r"\w+", name.casefold())) <= mentioned
        if name and name[0].isupper() and is_new and plain(name) not in CALENDAR:
            yield name


_FINDERS: Mapping[Form, Callable[[str, str], str]] = {
    "date": _date,
    "number": _number,
    "colour": _colour,
    "name": _name,
    "place": _place,
}
_ASKED: tuple[tuple[str, Form], ...] = (
    (r"\b(?:when|(?:what|which) (?P<kind>year|date|day|century|decade))\b", "date"),
    (rf"\b(?:how (?:{MEASURED})|what (?P<kind>number|percentage)|population)\b", "number"),
    (
        r"\bwhat (?:is|was|are|were) [^?]*\b(?:range|height|depth|length|width|weight|speed|price|cost|distance|level"
        r"|temperature|capacity)\b|\bwhat (?:does|did|do) [^?]*\b(?:cost|weigh|measure)\b(?P<kind>)",
        "number",
    ),
    (r"\b(?:what|which) (?P<kind>colou?rs?)\b", "colour"),
    (r"\b(?:who|whom|whose)\b(?P<kind>)", "name"),
    (r"\b(?:where|(?:what|which) (?P<kind>city|country|town|state|place))\b", "place"),
    # A kind of thing, in words of the question: a name that says it is of that kind.
    (r"\b(?:what|which) (?!is\b|are\b|was\b|were\b|do\b|does\b|did\b|if\b)(?P<kind>\w+)", "kind"),
)
_ASKS = tuple((re.compile(pattern, re.IGNORECASE), form) for pattern, form in _ASKED)
