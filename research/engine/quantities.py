"""The exact things that a text says: dates, weekdays and numbers with their units, each as the range that its wording
allows. "About 400 metres", "0.4 km" and "1,312 feet" may be one length; "5 May 1932" lies in "1932".

Pure. Knows English and the common ways of writing numbers. Called by stated.py.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

CONVERTED = 0.03  # two units of one measure are seldom converted more exactly
ROUNDED = 0.03  # a number of fewer digits may be the other one rounded, up to so far
WHOLE = 1000  # whole numbers below it are counted, not rounded
HEDGED = 0.1  # "about 400"

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()  # noqa: SIM905
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_WORDS = {word: value for value, word in enumerate(_ONES)} | {word: 10 * value for value, word in enumerate(_TENS)}
_SCALES = {"hundred": 100, "thousand": 10**3, "k": 10**3, "million": 10**6, "billion": 10**9, "bn": 10**9}
_SCALES |= {"trillion": 10**12, "dozen": 12}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905

# The measure, then its units: how many of the base unit, and how each is written.
_MEASURES = """
length: 0.001 mm millimetre millimeter; 0.01 cm centimetre centimeter; 1 m metre meter; 1000 km kilometre kilometer
length: 1609.344 mi mile; 0.3048 ft foot feet; 0.0254 inch inches; 0.9144 yard; 1852 nautical_mile
mass: 0.000001 mg milligram; 0.001 g gram; 1 kg kilo kilogram; 1000 t ton tonne; 0.4536 lb lbs pound
time: 0.001 ms millisecond; 1 s sec second; 60 min minute; 3600 h hr hour; 86400 day; 604800 week; 2629746 month
time: 31556952 year
area: 1 m² sq_m square_metre square_meter; 1000000 km² sq_km square_kilometre square_kilometer; 10000 ha hectare
area: 4046.86 acre; 2589988 sq_mi square_mile
volume: 0.001 ml millilitre; 1 l litre liter; 1000 m³ cubic_metre cubic_meter
speed: 1 km/h kmh kph kilometres_per_hour kilometres_an_hour; 1.609344 mph miles_per_hour miles_an_hour
power: 1 w watt; 1000 kw kilowatt; 1000000 mw megawatt; 1000000000 gw gigawatt
energy: 1 kwh; 1000 mwh
data: 1 byte; 1000 kb kilobyte; 1000000 mb megabyte; 1000000000 gb gigabyte; 1000000000000 tb terabyte
frequency: 1 hz hertz; 1000 khz; 1000000 mhz; 1000000000 ghz
temperature: 1 °c °C degree
%: 1 % percent per_cent percentage_point
$: 1 dollar usd
€: 1 euro eur
£: 1 gbp pound_sterling
"""
_UNITS: dict[str, tuple[str, float]] = {sign: (sign, 1.0) for sign in "$€£"}
for _line in _MEASURES.strip().splitlines():
    _measure, _colon, _units = _line.partition(": ")
    for _unit in _units.split(";"):
        _factor, *_written = _unit.split()
        for _word in _written:
            _UNITS[_word.replace("_", " ")] = (_measure, float(_factor))
_UNITS |= {f"{word}s": unit for word, unit in _UNITS.items() if len(word) > 3 and word[-1].isalpha()}

_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_SCALE = r"hundred|thousand|million|billion|trillion|bn|dozen|k"
_DIGITS = r"\d{1,3}(?:[,\u2009\u00a0]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
# "1,203", "1.2 million", "forty-eight", "two hundred and fifty", "a dozen"; $ before it, a unit after.
_NUMBER = re.compile(
    rf"(?<![\w.,:])(?P<minus>(?<!\S)[-−])?(?P<money>[$€£]\s?)?(?P<number>(?:{_DIGITS})(?:\s?(?:{_SCALE})\b)?"
    rf"|(?:\b(?:a|one)\s+(?=(?:{_SCALE})\b))?\b(?:{_WORD}|{_SCALE})(?:(?:\s+and\s+|[-\s])(?:{_WORD}|{_SCALE}))*\b)"
    rf"(?P<unit>[\s-]?(?:{'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![\w/]))?",
    re.IGNORECASE,
)
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_YEAR = r"(?P<year>1\d{3}|20\d{2})(?!\d|,\d|\.\d)"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_YEAR}-(?P<numeric>\d\d)-(?P<day>\d\d)\b",
        rf"\b(?P<day>\d\d?)\.(?P<numeric>\d\d?)\.{_YEAR}\b",
        rf"\b(?P<day>\d\d?)(?:st|nd|rd|th)?(?: of)? {_MONTH},? {_YEAR}\b",
        rf"\b{_MONTH} (?P<day>\d\d?)(?:st|nd|rd|th)?,? {_YEAR}\b",
        rf"\b{_MONTH},? {_YEAR}\b",
        rf"\b{_YEAR}(?P<decade>s)\b",
        rf"(?<![\w.,$€£-]){_YEAR}(?![\w%°€$£])",
    )
)
_DAY = re.compile(r"\b((?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)s?\b")
# What stands before a year that is one, whatever follows; elsewhere "1932 seats" are counted.
_BEFORE_YEAR = re.compile(
    r"\b(?:in|since|from|until|till|by|during|circa|ca?|year|early|late|mid|spring|summer|autumn|winter|between|after"
    r"|before)\.?\s*$|[(–-]\s*$",
    re.IGNORECASE,
)
_MEASURED = re.compile(
    r"\b(?:capacity|population|length|height|width|depth|weight|mass|area|cost|price|total|elevation|altitude|number)"
    r" of\s*$|\b(?:about|around|some|over|nearly|almost|roughly|approximately|than|least|most|has|have|had|seats|holds"
    r"|hold)\s*$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s+(?!(?:and|or|to|but|the|a|an|by|in|on|at|as|was|were|is|when|with|for|of|after|before|it)\b)[a-z]"
)
_RANGES = (  # what stands before a number: what it may then be, from and up to so many times the number
    (re.compile(r"\b(?:exactly|precisely)\s*$", re.I), 1.0, 1.0),
    (re.compile(r"\b(?:over|exceeding|more than|at least|upwards of)\s*$", re.I), 1.0, 1.5),
    (re.compile(r"\b(?:up to|less than|fewer than|at most|under|below)\s*$", re.I), 0.5, 1.0),
    (
        re.compile(r"(?:\b(?:about|around|roughly|approximately|circa|ca|some|almost|nearly|close to)\.?|~)\s*$", re.I),
        1 - HEDGED,
        1 + HEDGED,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """Something exact in a text. `low` and `high` are what its wording allows: days of a date, base units of a number;
    of a weekday its name is all there is. `unit` is how many base units one is."""

    kind: Literal["date", "number", "weekday"]
    text: str
    start: int
    end: int
    measure: str = ""
    low: float = 0.0
    high: float = 0.0
    value: float = 0.0
    unit: float = 1.0
    exact: bool = False


def quantities(text: str) -> list[Quantity]:
    """All that a text says exactly, in order; nothing twice."""
    found: list[Quantity] = []
    for one in [*_dates(text), *_numbers(text), *_weekdays(text)]:
        if not any(one.start < other.end and other.start < one.end for other in found):
            found.append(one)
    return sorted(found, key=lambda one: one.start)


def compatible(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities of one kind and measure may both be right."""
    if one.kind == "weekday":
        return one.text == other.text
    if one.low <= other.high and other.low <= one.high:
        return True
    if one.kind == "date" or one.exact or other.exact:
        return False
    apart = abs(one.value - other.value) / max(abs(one.value), abs(other.value), 1e-12)
    if one.unit != other.unit:
        return apart <= CONVERTED
    return apart <= ROUNDED and _is_rounded(one.value / one.unit, other.value / other.unit)


def _dates(text: str) -> Iterator[Quantity]:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            given = match.groupdict()
            if not (given.get("month") or given.get("numeric") or given.get("decade")) and _is_count(text, match):
                continue
            month = (
                _MONTHS.index(given["month"][:3].lower()) + 1 if given.get("month") else int(given.get("numeric") or 0)
            )
            span = _days(int(given["year"]), month, int(given.get("day") or 0), 10 if given.get("decade") else 1)
            if span:
                yield Quantity("date", match.group(), *match.span(), low=span[0], high=span[1])


def _is_count(text: str, year: re.Match[str]) -> bool:
    """Whether four digits are a number of things: "a capacity of 1950", "1,950 seats" without its comma."""
    before = text[: year.start()]
    if _MEASURED.search(before):
        return True
    return bool(_COUNTED.match(text, year.end())) and not _BEFORE_YEAR.search(before)


def _days(year: int, month: int, day: int, years: int) -> tuple[int, int] | None:
    """The first and the last day that a date may mean; None where there is no such date."""
    try:
        first = date(year, month or 1, day or 1)
        last = date(year + years - 1, month or 12, day or monthrange(year, month or 12)[1])
    except ValueError:
        return None
    return first.toordinal(), last.toordinal()


def _weekdays(text: str) -> Iterator[Quantity]:
    for match in _DAY.finditer(text):
        yield Quantity("weekday", match[1], *match.span())


def _numbers(text: str) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(text):
        written = match["number"].lower()
        value = _value(written)
        if match["minus"] and value:
            value = -value
        if value is None or re.match(r"(?:st|nd|rd|th)\b|[:.]\d", text[match.end("number") :]):
            continue
        measure, unit = _UNITS.get((match["money"] or match["unit"] or "").strip(" -\u00a0").lower(), ("", 1.0))
        before = text[: match.start()]
        ends = next(((low, high) for pattern, low, high in _RANGES if pattern.search(before)), (1.0, 1.0))
        low, high = sorted(end * value * unit for end in ends)
        exact = bool(_RANGES[0][0].search(before))
        yield Quantity("number", match.group(), *match.span(), measure, low, high, value * unit, unit, exact)


def _value(written: str) -> float | None:
    """A number's value; None of "one" alone, which is mostly none ("one of them")."""
    total = current = 0.0
    parts = [part for part in re.split(r"[\s-]+|(?<=\d)(?=[a-z])", written) if part not in ("and", "a")]
    if parts == ["one"]:
        return None
    for part in parts:
        if part in _SCALES:
            current = (current or 1) * _SCALES[part]
            if _SCALES[part] >= 1000:
                total, current = total + current, 0.0
        else:
            current += _WORDS[part] if part in _WORDS else float(re.sub(r"[,\u2009\u00a0]", "", part))
    return total + current


def _is_rounded(one: float, other: float) -> bool:
    """Whether the number of fewer digits is the other one, rounded: from a thousand on, or where the other has
    decimals."""
    coarse, fine = sorted((one, other), key=_digits)
    if _digits(coarse) == _digits(fine) or (abs(coarse) < WHOLE and fine == int(fine)):
        return False
    return float(f"{fine:.{_digits(coarse)}g}") == coarse


def _digits(number: float) -> int:
    return len(f"{number:.12g}".replace(".", "").strip("0")) or 1
