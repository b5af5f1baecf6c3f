"""The words of a line that answer a question, where the line is known to: there also a time or a place in plain words
and a thing in small letters count, which anywhere else would be guesses.

By rules of English. Pure. Called by reasoning/outright.py.
"""

import re

from research.engine.confidence import DAYS
from research.engine.terms import STOP_WORDS, terms
from research.reasoning.shortest import Form, form_of, shortest

_HOUR = r"\d{1,2}(?:[:.]\d\d)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon|midnight|dawn|dusk"
_CLOCK = rf"(?:{_HOUR})(?: o['’]clock| ?[ap]\.?m\b\.?)?"
_TIMES = re.compile(
    rf"\b(?:{DAYS})(?:(?:,| and| to| until) (?:{DAYS}))*"
    rf"(?:,? (?:from|at|between) {_CLOCK}(?: (?:to|until|and) {_CLOCK})?)?"
    rf"|(?<=\bat ){_CLOCK}\b|\b(?:every|each) (?:day|night|week|month|year|morning|evening)\b"
    r"|\b(?:spring|summer|autumn|winter)\b",
    re.IGNORECASE,
)
_PLACES = re.compile(
    r"\b(?:in|at|near|from|to|on|off|behind|under|inside|outside|above|below|beside|opposite|by)\s+"
    r"(the\s+[a-z][\w-]*(?:\s+[a-z][\w-]*){0,3})"
)
_ARTICLE = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)
_LABELLED = re.compile(r"^\W*(?P<label>[^:|]{1,60}?)\s*:\s+(?P<value>[^|]+)$")  # "1890: 1,260 crowns"


def exactly(question: str, line: str) -> str:
    """What the question asks for; empty where the line has nothing of that form, or the question asks for none."""
    form, kind = form_of(question)
    if value := valued(question, line):
        return shortest(question, [value]) or (_bare(value) if form in ("kind", None) else "")
    return shortest(question, [line]) or _plainly(form, kind, question, line)


def valued(question: str, line: str) -> str:
    """What stands behind a colon, where all before it is of the question, and it says something new."""
    found, known = _LABELLED.match(line), set(terms(question))
    is_label = found is not None and terms(found["label"]) and known.issuperset(terms(found["label"]))
    return found["value"] if found and is_label and not known.issuperset(terms(found["value"])) else ""


def _plainly(form: Form | None, kind: str, question: str, line: str) -> str:
    match form:
        case "date":
            found = [match.group() for match in _TIMES.finditer(line)]
        case "place":
            found = [_place(match[1]) for match in _PLACES.finditer(line)]
        case "kind":  # "colza oil" of oils
            pairs = re.finditer(rf"\b([\w-]+) {re.escape(kind)}\b", line, re.IGNORECASE)
            found = [pair.group() for pair in pairs if pair[1].casefold() not in STOP_WORDS]
        case _:
            found = []
    return next((one for one in found if not set(terms(one)) <= set(terms(question))), "")


def _place(words: str) -> str:
    """Up to the next small word of grammar, without the article."""
    own = _bare(words).split()
    return " ".join(own[: next((at for at, word in enumerate(own) if word in STOP_WORDS), len(own))])


def _bare(words: str) -> str:
    """Without an article before and a stop behind."""
    return _ARTICLE.sub("", words.strip()).rstrip(" .;,")
