"""The facts of a sentence that code can check: its numbers, dates, units, names and addresses are in the cited spans.

A fact that is in no cited span makes the sentence unsupported, whatever a model thinks of it. The other way round it
proves nothing: entailment, and what is denied, is the judge's part. Numbers count by their value (1,200 = 1.2 thousand
= 1.2k), dates in any order and format, measures in any unit that converts exactly (1 km = 1000 m; never kB to bytes,
which are 1,000 or 1,024, nor months to days). Pure. Called by verify.py, lexical_judge.py and
research/citations.py.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from research.engine.terms import terms

_SMALL = """zero - two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()  # noqa: SIM905 - "one" is left out: it is mostly no number ("one of them")
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = ["third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]  # "second" is also a unit
_VALUES = {word: value for value, word in enumerate(_SMALL) if word != "-"}
_VALUES |= {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_VALUES |= {word: value for value, word in enumerate(_ORDINALS, start=3)}
_UNITS_OF_TENS = {word: value for word, value in _VALUES.items() if value < 10 and word not in _ORDINALS} | {"one": 1}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SHORT_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "mn": 10**6, "bn": 10**9, "tn": 10**12}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


class _Unit(NamedTuple):
    """What a unit measures, and how many of that kind's base it is; 0 above all of them is where it begins (°F)."""

    kind: str
    factor: Fraction
    zero: Fraction = Fraction(0)


# The name to show: what is measured, how much of the base unit it is, and how it is written.
_UNITS: dict[str, tuple[str, str, str]] = {
    "%": ("share", "1", "% percent percentage"),
    "ns": ("time", "1/1000000000", "ns nanosecond nanoseconds"),
    "µs": ("time", "1/1000000", "µs us microsecond microseconds"),
    "ms": ("time", "1/1000", "ms msec millisecond milliseconds"),
    "s": ("time", "1", "s sec secs second seconds"),
    "min": ("time", "60", "min mins minute minutes"),
    "h": ("time", "3600", "h hr hrs hour hours"),
    "day": ("time", "86400", "day days"),
    "week": ("time", "604800", "week weeks"),
    "month": ("calendar", "1", "month months"),  # of no fixed number of days
    "year": ("calendar", "12", "year years"),
    "decade": ("calendar", "120", "decade decades"),
    "century": ("calendar", "1200", "century centuries"),
    "bit": ("data", "1/8", "bit bits"),
    "byte": ("data", "1", "byte bytes"),
    "KiB": ("data", "1024", "kib kibibyte kibibytes"),
    "MiB": ("data", "1048576", "mib mebibyte mebibytes"),
    "GiB": ("data", "1073741824", "gib gibibyte gibibytes"),
    "TiB": ("data", "1099511627776", "tib tebibyte tebibytes"),
    "kB": ("kB", "1", "kb kilobyte kilobytes"),  # 1,000 bytes or 1,024: each of them is a kind of its own
    "MB": ("MB", "1", "mb megabyte megabytes"),
    "GB": ("GB", "1", "gb gigabyte gigabytes"),
    "TB": ("TB", "1", "tb terabyte terabytes"),
    "mm": ("length", "1/1000", "mm millimetre millimetres millimeter millimeters"),
    "cm": ("length", "1/100", "cm centimetre centimetres centimeter centimeters"),
    "m": ("length", "1", "m metre metres meter meters"),
    "km": ("length", "1000", "km kilometre kilometres kilometer kilometers"),
    "inch": ("length", "127/5000", "inch inches"),
    "foot": ("length", "381/1250", "ft foot feet"),
    "yard": ("length", "1143/1250", "yard yards yd"),
    "mile": ("length", "201168/125", "mile miles"),
    "mg": ("mass", "1/1000", "mg milligram milligrams"),
    "g": ("mass", "1", "g gram grams"),
    "kg": ("mass", "1000", "kg kilogram kilograms"),
    "tonne": ("mass", "1000000", "tonne tonnes"),
    "ton": ("ton", "1", "ton tons"),  # a metric one, a short one, a long one
    "ml": ("volume", "1/1000", "ml millilitre millilitres milliliter milliliters"),
    "l": ("volume", "1", "l litre litres liter liters"),
    "$": ("$", "1", "$ usd dollar dollars"),
    "€": ("€", "1", "€ eur euro euros"),
    "£": ("£", "1", "£ gbp pound pounds"),
    "°C": ("temperature", "1", "°c celsius"),
    "°F": ("temperature", "5/9", "°f fahrenheit"),
    "Hz": ("frequency", "1", "hz hertz"),
    "kHz": ("frequency", "1000", "khz"),
    "MHz": ("frequency", "1000000", "mhz"),
    "GHz": ("frequency", "1000000000", "ghz"),
    "W": ("power", "1", "w watt watts"),
    "kW": ("power", "1000", "kw kilowatt kilowatts"),
    "MW": ("power", "1000000", "mw megawatt megawatts"),
}
_UNIT = {word: unit for unit, (_kind, _factor, words) in _UNITS.items() for word in words.split()}
_OF = {
    unit: _Unit(kind, Fraction(factor), Fraction(-160, 9) if unit == "°F" else Fraction(0))
    for unit, (kind, factor, _words) in _UNITS.items()
}

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"]+|\b(?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s<>\"]*", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:[,\u00a0\u2009\u202f']\d{3})+(?![\d])")
_SHORT = re.compile(rf"(?<![\w.])(\d+(?:\.\d+)?)({'|'.join(_SHORT_SCALES)})\b")
_MILLIONS = re.compile(r"([$€£]\s?)(\d+(?:\.\d+)?)(m|b)\b")  # "$5m" are millions, "5m" are metres
_NUMBER = re.compile(r"(?:(?<![\w.)\]])(?<!\d )[-−](?=\d))?\d+(?:[.:]\d+)*")
_MONTH_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(\d{4})"
_DATES = [
    (re.compile(rf"\b{_YEAR}-(\d{{2}})-(\d{{2}})\b"), "ymd"),
    (re.compile(rf"\b{_YEAR}/(\d{{1,2}})/(\d{{1,2}})\b"), "ymd"),
    (re.compile(rf"\b(\d{{1,2}})\.\s?(\d{{1,2}})\.\s?{_YEAR}\b"), "dmy"),
    (re.compile(rf"\b(\d{{1,2}})/(\d{{1,2}})/{_YEAR}\b"), "??y"),  # either order
    (re.compile(rf"\b{_DAY}\.?\s+(?:of\s+)?({_MONTH_NAME})(?:,?\s+(?:of\s+)?{_YEAR}\b)?", re.IGNORECASE), "dmy"),
    (re.compile(rf"\b({_MONTH_NAME})\s+{_DAY}(?!\d)(?:,?\s+{_YEAR}\b)?", re.IGNORECASE), "mdy"),
    (re.compile(rf"\b({_MONTH_NAME}),?\s+(?:of\s+)?{_YEAR}\b", re.IGNORECASE), "my"),
    (re.compile(rf"\b{_YEAR},?\s+({_MONTH_NAME})", re.IGNORECASE), "ym"),
]
_MONTH = re.compile(rf"\b({_MONTH_NAME})", re.IGNORECASE)
# What a month alone is told by: "may" and "march" are other words, and so is "Mar" beside nothing.
_IN = re.compile(
    r"\b(?:in|of|since|until|till|by|from|during|before|after|early|late|mid)[\s-]+(?:early |late |mid-?)?$", re.I
)
# 5 s, 5-second, 5 to 10 seconds: group 1 and 2 are the numbers, 3 the unit.
_MEASURE = re.compile(
    r"((?:(?<![\w.)\]])(?<!\d )[-−](?=\d))?\d+(?:[.:]\d+)*)(?:\s*(?:-|–|to|and|or)\s*(\d+(?:[.:]\d+)*))?"
    r"[\s-]*([%°µ€£$]?[A-Za-z]+|[%€£$])(?![\w])"
)
_MONEY = re.compile(r"([$€£])\s?(\d+(?:\.\d+)*)")
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


class Date(NamedTuple):
    """A date as far as it is said; 0 for what is not. `text` is how it stands there, at `start`."""

    year: int
    month: int
    day: int
    text: str = ""
    start: int = 0

    def says(self, other: "Date") -> bool:
        """Whether it has each part that the other one has, with the same value."""
        return all(not wanted or own == wanted for own, wanted in zip(self[:3], other[:3], strict=True))


class Measure(NamedTuple):
    """A number with its unit, as they stand in a text with digits, at `start`."""

    number: str
    unit: str
    start: int

    @property
    def amount(self) -> tuple[str, Fraction] | None:
        """What is measured, and how much of it in that kind's base unit; None for a number that is none (10:30)."""
        unit = _OF[self.unit]
        value = _fraction(self.number)
        return None if value is None else (unit.kind, value * unit.factor + unit.zero)


def missing(claim: str, spans: Sequence[str], titles: Sequence[str] = ()) -> list[str]:
    """The facts of `claim` that none of the cited `spans` has, as they stand in it; empty when code finds no fault.

    Names may also come from the `titles` of the cited pages, which the database knows: "he" is who the page is about.
    """
    text = "\n".join(spans)
    found = _addresses_missing(claim, text)
    claim = _ADDRESS.sub(" ", claim)
    plain_claim, plain_text = digits(claim), digits(text)
    numbers_lacking, measures_lacking = _numbers_missing(_undated(plain_claim), plain_text)
    return [
        *found,
        *_dates_missing(plain_claim, plain_text),
        *numbers_lacking,
        *measures_lacking,
        *_names_missing(claim, "\n".join([text, *titles])),
    ]


def dates(text: str) -> list[Date]:
    """The dates in a text, in order; those that can be read in two orders, in both."""
    found: list[Date] = []
    taken: list[tuple[int, int]] = []
    for pattern, order in _DATES:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            read = [date for one in (("dmy", "mdy") if order == "??y" else (order,)) if (date := _date(match, one))]
            if read:
                taken.append(match.span())
                found += read
    for match in _MONTH.finditer(text):
        alone = not any(start <= match.start() < end for start, end in taken)
        if alone and match[1][0].isupper() and (len(match[1].rstrip(".")) > 3 or match[1] == "May"):
            sure = match[1].casefold() not in ("may", "march") or _IN.search(text[: match.start()])
            if sure:
                found.append(Date(0, _month(match[1]), 0, match[1].rstrip("."), match.start()))
    return sorted(found, key=lambda date: date.start)


def digits(text: str) -> str:
    """The text with numbers in words as digits, thousands without separators, and scales multiplied out."""
    text = _THOUSANDS.sub(lambda match: re.sub(r"\D", "", match.group()), text)
    text = re.sub(r"\bper\s+cent\b", "percent", text, flags=re.IGNORECASE)
    text = _MILLIONS.sub(lambda match: f"{match[1]}{_times(match[2], 10**6 if match[3] == 'm' else 10**9)}", text)
    text = _SHORT.sub(lambda match: _times(match[1], _SHORT_SCALES[match[2]]), text)
    tens, units = "|".join(_TENS), "|".join(_UNITS_OF_TENS)
    text = re.sub(
        rf"\b({tens})[-\s]({units})\b",
        lambda match: str(_VALUES[match[1].lower()] + _UNITS_OF_TENS[match[2].lower()]),
        text,
        flags=re.IGNORECASE,
    )
    text = re.sub(
        rf"\b({'|'.join(_VALUES)})\b", lambda match: str(_VALUES[match[1].lower()]), text, flags=re.IGNORECASE
    )
    text = re.sub(r"\bminus\s+(?=\d)", "-", text, flags=re.IGNORECASE)
    text = re.sub(rf"\b(?:one|a)\s+({'|'.join(_SCALES)})\b", r"1 \1", text, flags=re.IGNORECASE)
    text = re.sub(
        r"\b(\d+)\s+hundred(?:\s+and)?\s+(\d{1,2})\b(?!\s*[%\d.])",
        lambda match: str(int(match[1]) * 100 + int(match[2])),
        text,
        flags=re.IGNORECASE,
    )
    for scale in (list(_SCALES), list(_SCALES)[1:]):  # "2 hundred thousand"
        text = re.sub(
            rf"(\d+(?:\.\d+)?)\s+({'|'.join(scale)})\b",
            lambda match: _times(match[1], _SCALES[match[2].lower()]),
            text,
            flags=re.IGNORECASE,
        )
    return text


def numbers(text: str) -> set[str]:
    """The numbers in a text with digits, each in one spelling; those of its dates too."""
    return {_plain(number) for number in _NUMBER.findall(text)} | {
        str(part) for date in dates(text) for part in date[:3] if part
    }


def names(claim: str) -> list[str]:
    """The words of a sentence that grammar alone does not give a capital: names, acronyms, identifiers."""
    found = list(_WORD.finditer(claim))
    named = [
        match.group()
        for place, match in enumerate(found)
        if _is_name(match.group())
        and (not _starts_sentence(claim, match.start()) or _sure_name(match.group(), found, place))
        and not _MONTH.fullmatch(match.group())
        and not (match.group().casefold() in _UNIT and claim[: match.start()].rstrip()[-1:].isdigit())
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


def _addresses_missing(claim: str, text: str) -> list[str]:
    return [address for address in addresses(claim) if address not in text]


def _dates_missing(claim: str, text: str) -> list[str]:
    """The claim's dates that the text does not have: what it has may say more (the year as well), never otherwise. The
    year may stand apart, as in a heading above it."""
    months = [Date(0, _month(match[1]), 0) for match in _MONTH.finditer(text) if match[1][0].isupper()]
    has, plain = [*dates(text), *months], numbers(text)
    there: dict[int, bool] = {}
    lacking: dict[int, str] = {}
    for date in dates(claim):
        undated = date._replace(year=0) if date.month and str(date.year) in plain else date
        said = any(one.says(date) or (not one.year and one.says(undated)) for one in has)
        there[date.start] = said or there.get(date.start, False)
        lacking[date.start] = date.text
    return list(dict.fromkeys(lacking[start] for start, said in there.items() if not said))


def _numbers_missing(claim: str, text: str) -> tuple[list[str], list[str]]:
    """(numbers, measures) of the claim, which has no dates any more, that the text does not have. A measure may be
    there in any unit that converts exactly. Else its number has to be there, and not with other units only, and its
    unit somewhere ("between 5 and 10 seconds")."""
    has, bound = numbers(text), _measures(text)
    amounts = {one.amount for one in bound if one.amount is not None}
    units = {one.unit for one in bound} | {_UNIT[word] for word in _words(text) if word in _UNIT}
    units |= {_UNIT[sign] for sign in "%€£$" if sign in text}
    converted, wrong = set(), []
    for one in _measures(claim):
        if one.amount in amounts:
            converted.add(one.start)
            continue
        of_number = {other.unit for other in bound if other.number == one.number}
        free = _count(one.number, text) > sum(other.number == one.number for other in bound)
        if one.number in has and one.unit not in of_number and (one.unit not in units or not free):
            wrong.append(f"{one.number} {one.unit}")
    found = [match for match in _NUMBER.finditer(claim) if match.start() not in converted]
    lacking = [match.group() for match in found if _plain(match.group()) not in has]
    return list(dict.fromkeys(lacking)), list(dict.fromkeys(wrong))


def _names_missing(claim: str, text: str) -> list[str]:
    has = _words(text)
    return [name for name in names(claim) if name.casefold() not in has]


def _is_name(word: str) -> bool:
    """Whether a word is one that a sentence cannot have by grammar alone: a name, an acronym, an identifier."""
    marked = any(letter.isupper() or letter.isdigit() or letter == "_" for letter in word)
    return marked and len(word) > 1 and word.casefold() not in _NO_NAMES and word.casefold() not in _VALUES


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


def _date(match: re.Match[str], order: str) -> Date | None:
    """What a pattern found, its groups in this order; None where that is no date."""
    parts = {part: match[place] or "" for place, part in enumerate(order, start=1)}
    named = parts.get("m", "")
    if named.casefold() in ("may", "march") and not named[0].isupper():
        return None
    month = int(named) if named.isdigit() else _month(named)
    day = int(parts.get("d") or 0)
    if not 1 <= month <= 12 or day > 31 or ("d" in parts and not day):
        return None
    return Date(int(parts.get("y") or 0), month, day, match.group(), match.start())


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _undated(text: str) -> str:
    """The text with nothing where its dates stand."""
    for date in dates(text):
        text = text[: date.start] + " " * len(date.text) + text[date.start + len(date.text) :]
    return text


def _times(number: str, scale: int) -> str:
    value = Fraction(number) * scale
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.12g}"


def _fraction(number: str) -> Fraction | None:
    return Fraction(number) if re.fullmatch(r"-?\d+(?:\.\d+)?", number) else None


def _plain(number: str) -> str:
    """One spelling of a number: without leading zeros, and without zeros that end a fraction."""
    sign, number = ("-", number[1:]) if number[0] in "-−" else ("", number)
    if number.count(".") == 1 and ":" not in number:
        number = number.rstrip("0").rstrip(".") if set(number.split(".")[1]) == {"0"} else number
    return sign + re.sub(r"^0+(?=\d)", "", number)


def _count(number: str, text: str) -> int:
    return sum(_plain(found) == number for found in _NUMBER.findall(text))


def _measures(text: str) -> list[Measure]:
    """Every number that a unit follows, or that a currency's sign stands before."""
    found = [Measure(_plain(match[2]), _UNIT[match[1]], match.start(2)) for match in _MONEY.finditer(text)]
    for match in _MEASURE.finditer(text):
        if unit := _UNIT.get(match[3].casefold()):
            found += [Measure(_plain(match[place]), unit, match.start(place)) for place in (1, 2) if match[place]]
    return found
