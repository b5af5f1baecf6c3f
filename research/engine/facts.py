"""The facts of a sentence that code can check: its numbers, dates, units, names and addresses are in the cited spans.

A fact that is in no cited span makes the sentence unsupported, whatever a model thinks of it. The other way round it
proves nothing: entailment, and what is denied, is the judge's part. Read by quantities.py and compared by value: units
convert where that is exact, and a date may say less than the spans' own, never otherwise. Pure. Called by verify.py,
compute.py, survey.py, lexical_judge.py and research/citations.py.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from research.engine.quantities import MAY_BE, UNITS, Quantity, digits, plain, quantities, unit
from research.engine.terms import terms

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"]+|\b(?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s<>\"]*", re.IGNORECASE)
_DENIAL = re.compile(r"\b(?:not|no|never|none|neither|nor|without|cannot|\w+n['’]t)\b", re.IGNORECASE)
# What prose announces with, as stems; none of it says anything of the world.
_ANNOUNCING = frozenset(
    terms(
        """following follows answer answers section report overview summary summarise conclusion evidence sources
        passages findings question details information explain explains describe describes tell tells show shows list
        lists turn look looks see seen next here several things points aspects regarding concerning shown described
        told"""
    )
)
_WORD = re.compile(r"[^\W\d]\w*")
# Capitalised for grammar's sake only, inside a sentence too (after a colon, in a title).
_NO_NAMES = frozenset(
    """a an and are as at but by for from he her his i if in into is it its no not of on one or our she so that the
    their there these they this those to was we were what when where which who will with yes you""".split()  # noqa: SIM905
)


class _Has(NamedTuple):
    """What a text says exactly: its dates, its amounts, all numbers (and weekdays) as they are spelled, those that
    stand without a unit, and the units that it names."""

    dates: list[Quantity]
    amounts: set[tuple[str, Fraction]]  # of what, in units that convert exactly; how much of its base
    numbers: set[str]
    free: set[str]
    units: set[str]


def missing(claim: str, spans: Sequence[str], titles: Sequence[str] = ()) -> list[str]:
    """The facts of `claim` that none of the cited `spans` has, as they stand in it; empty when code finds no fault.

    Names may also come from the `titles` of the cited pages, which the database knows: "he" is who the page is about.
    """
    text = "\n".join(spans)
    found = [address for address in addresses(claim) if address not in text]
    claim = _ADDRESS.sub(" ", claim)
    own = [one for one in quantities(claim) if one.certain]
    has = _has(text)
    words = _words("\n".join([text, *titles]))
    found += [one.text for one in own if not _is_said(one, has)]
    found += [name for name in names(claim) if name.casefold() not in words]
    return list(dict.fromkeys(found))


def names(claim: str) -> list[str]:
    """The words of a sentence that grammar alone does not give a capital: names, acronyms, identifiers."""
    exact = [one for one in quantities(claim) if one.certain]
    found = list(_WORD.finditer(claim))
    taken = {match.start() for match in found for one in exact if one.start <= match.start() < one.end}
    named = [
        match.group()
        for place, match in enumerate(found)
        if match.start() not in taken
        and _is_name(match.group())
        and (not _starts_sentence(claim, match.start()) or _sure_name(match.group(), found, place))
    ]
    return list(dict.fromkeys(named))


def addresses(text: str) -> list[str]:
    """The addresses in a text, without the stops that end a sentence."""
    return [address.rstrip(".,;:!?)'\"") for address in _ADDRESS.findall(text)]


def without_addresses(text: str) -> str:
    """The text without addresses, which a model may have made."""
    return " ".join(_ADDRESS.sub(" ", text).split())


def states_nothing(sentence: str, question: str) -> bool:
    """Whether a sentence is a heading, a question or a connection ("The following tells how jobs are retried.") that
    says nothing of its own: without names, numbers and words beyond the question and those that announce."""
    own = set(terms(sentence)) - set(terms(question))
    if re.search(r"\d", digits(sentence)) or _DENIAL.search(sentence) or own - _ANNOUNCING:
        return False
    if any(name.casefold() not in _words(question) for name in names(sentence)):
        return False
    is_heading = sentence.startswith("#") or sentence.rstrip("*_ ").endswith((":", "?"))
    return is_heading or bool(_ANNOUNCING.intersection(terms(sentence)) - set(terms(question)))


def _has(text: str) -> _Has:
    found = quantities(text)
    measured = [one for one in found if one.unit]
    free = {spelled for one in found if not one.unit for spelled in _spelled(one)}
    named = {known.name for word in [*_words(text), *re.findall("[%€£$°]", text)] if (known := unit(word))}
    return _Has(
        [one for one in found if one.kind == "date"],
        {amount for one in measured for end in one.ends for amount in _amounts(end, one)},
        free.union(*map(_spelled, measured)),
        free,
        named.union(one.unit.name for one in measured if one.unit),
    )


def _is_said(one: Quantity, has: _Has) -> bool:
    """Whether a text has this quantity of a claim, in any form. A measure may be there in any unit that converts
    exactly; else its number has to stand free, and its unit somewhere ("its patience, in seconds, is 90")."""
    if one.kind == "date":
        bare = not one.month and one.years == 1 and has.numbers.issuperset(_spelled(one))
        return bare or any(_tells(other, one, has) for other in has.dates)
    if one.kind == "ordinal" and any(other.day == one.value for other in has.dates):
        return True
    if one.unit is None:
        return has.numbers.issuperset(_spelled(one))
    near = has.free if one.unit.name in has.units else ()
    return all(plain(end) in near or not has.amounts.isdisjoint(_amounts(end, one)) for end in one.ends)


def _tells(said: Quantity, wanted: Quantity, has: _Has) -> bool:
    """Whether a date is the wanted one, or lies in it. Its year may stand apart, as in a heading above it."""
    first, last = wanted.year, wanted.year + wanted.years
    in_year = first <= said.year and said.year + said.years <= last if said.year else str(first) in has.numbers
    orders = [(said.month, said.day)] + [(said.day, said.month)] * (said.either or wanted.either)
    fits = any(wanted.month in (0, month) and wanted.day in (0, day) for month, day in orders)
    return fits and (not first or (in_year and bool(said.year or wanted.month)))


def _spelled(one: Quantity) -> set[str]:
    """Its numbers, each in one spelling: of a score both, of a date its year."""
    if one.kind == "number":
        return {plain(end) for end in one.ends}
    if one.kind == "date":
        return {str(abs(one.year))} if one.year and one.years == 1 else set()
    return set(one.plain.split("/"))


def _amounts(number: Fraction, of: Quantity) -> set[tuple[str, Fraction]]:
    """How much so many of its unit are; of a word for several units, of each."""
    units = [of.unit, *(UNITS[name] for name in MAY_BE.get(of.unit.name, ()))] if of.unit else []
    return {(one.kind, number * one.factor + one.zero) for one in units}


def _is_name(word: str) -> bool:
    """Whether a word is one that a sentence cannot have by grammar alone: a name, an acronym, an identifier."""
    marked = any(letter.isupper() or letter.isdigit() or letter == "_" for letter in word)
    return marked and len(word) > 1 and word.casefold() not in _NO_NAMES


def _sure_name(word: str, words: Sequence[re.Match[str]], place: int) -> bool:
    """Whether the first word of a sentence is a name all the same: not just capitalised, or followed by a name."""
    if any(letter.isupper() or letter.isdigit() or letter == "_" for letter in word[1:]):
        return True
    after = words[place + 1] if place + 1 < len(words) else None
    return after is not None and after.group()[0].isupper() and after.start() - words[place].end() == 1


def _starts_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \t\n\"'“‘’([*-")
    return not before or before[-1] in ".!?:;"


def _words(text: str) -> set[str]:
    return {word.casefold().removesuffix("'s") for word in _WORD.findall(text)}
