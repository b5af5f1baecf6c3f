"""The facts of a sentence that code can check: its numbers, dates, units, names and addresses are in the cited spans.

A fact that is in no cited span makes the sentence unsupported, whatever a model thinks of it. The other way round it
proves nothing: entailment is the judge's part. Pure. Called by verify.py.
"""

import re
from collections.abc import Sequence

_SMALL = """zero - two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()  # noqa: SIM905 - "one" is left out: it is mostly no number ("one of them")
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = ["third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]  # "second" is also a unit
_VALUES = {word: value for value, word in enumerate(_SMALL) if word != "-"}
_VALUES |= {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_VALUES |= {word: value for value, word in enumerate(_ORDINALS, start=3)}
_UNITS_OF_TENS = {word: value for word, value in _VALUES.items() if value < 10 and word not in _ORDINALS} | {"one": 1}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_UNITS = {
    "%": "% percent percentage",
    "ms": "ms msec millisecond milliseconds",
    "µs": "µs us microsecond microseconds",
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "day": "day days",
    "week": "week weeks",
    "year": "year years",
    "byte": "byte bytes",
    "bit": "bit bits",
    "kB": "kb kib kilobyte kilobytes",
    "MB": "mb mib megabyte megabytes",
    "GB": "gb gib gigabyte gigabytes",
    "TB": "tb tib terabyte terabytes",
    "mm": "mm millimetre millimetres millimeter millimeters",
    "cm": "cm centimetre centimetres centimeter centimeters",
    "m": "m metre metres meter meters",
    "km": "km kilometre kilometres kilometer kilometers",
    "mile": "mile miles",
    "foot": "ft foot feet",
    "inch": "inch inches",
    "mg": "mg milligram milligrams",
    "g": "g gram grams",
    "kg": "kg kilogram kilograms",
    "tonne": "tonne tonnes ton tons",
    "l": "l litre litres liter liters",
    "$": "$ usd dollar dollars",
    "€": "€ eur euro euros",
    "£": "£ gbp pound pounds",
    "°C": "°c celsius",
    "°F": "°f fahrenheit",
    "Hz": "hz hertz",
    "kHz": "khz",
    "MHz": "mhz",
    "GHz": "ghz",
    "W": "w watt watts",
    "kW": "kw kilowatt kilowatts",
    "MW": "mw megawatt megawatts",
}
_UNIT = {word: unit for unit, words in _UNITS.items() for word in words.split()}

_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"]+|\b(?:[a-z0-9-]+\.)+[a-z]{2,}/[^\s<>\"]*", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:[,\u00a0\u2009\u202f']\d{3})+(?![\d])")
_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_MONTH = re.compile(
    r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\b\.?",
    re.IGNORECASE,
)
# 5 s, 5-second, 5 to 10 seconds: group 1 and 2 are the numbers, 3 the unit.
_MEASURE = re.compile(
    r"(\d+(?:[.:]\d+)*)(?:\s*(?:-|–|to|and|or)\s*(\d+(?:[.:]\d+)*))?[\s-]*([%°µ€£$]?[A-Za-z]+|[%€£$])(?![\w])"
)
_MONEY = re.compile(r"([$€£])\s?(\d+(?:\.\d+)*)")
_WORD = re.compile(r"[^\W\d]\w*")
# Capitalised for grammar's sake only, inside a sentence too (after a colon, in a title).
_NO_NAMES = frozenset(
    """a an and are as at but by for from he her his i if in is it its no not of on one or our she so that the their
    there these they this those to was we were what when where which who will with yes you""".split()  # noqa: SIM905
)


def missing(claim: str, spans: Sequence[str], titles: Sequence[str] = ()) -> list[str]:
    """The facts of `claim` that none of the cited `spans` has, as they stand in it; empty when code finds no fault.

    Names may also come from the `titles` of the cited pages, which the database knows: "he" is who the page is about.
    """
    text = "\n".join(spans)
    found = _addresses_missing(claim, text)
    claim = _ADDRESS.sub(" ", claim)
    plain_claim, plain_text = _digits(claim), _digits(text)
    return [
        *found,
        *_numbers_missing(plain_claim, plain_text),
        *_months_missing(claim, text),
        *_units_missing(plain_claim, plain_text),
        *_names_missing(claim, "\n".join([text, *titles])),
    ]


def _addresses_missing(claim: str, text: str) -> list[str]:
    return [address for address in _ADDRESS.findall(claim) if address.rstrip(".,;:!?)'\"") not in text]


def _numbers_missing(claim: str, text: str) -> list[str]:
    has = _numbers(text)
    return [number for number in dict.fromkeys(_NUMBER.findall(claim)) if _plain(number) not in has]


def _months_missing(claim: str, text: str) -> list[str]:
    has = _months(text)
    return [name for name, month in _dated_months(claim) if month not in has]


def _units_missing(claim: str, text: str) -> list[str]:
    """Measures whose number the text has with other units only, or whose unit the text does not know at all."""
    bound = _measures(text)
    units = {unit for _number, unit in bound} | {_UNIT[word] for word in _words(text) if word in _UNIT}
    units |= {_UNIT[sign] for sign in "%€£$" if sign in text}
    wrong = []
    for number, unit in _measures(claim):
        of_number = {other for same, other in bound if same == number}
        free = _count(number, text) > sum(same == number for same, _other in bound)
        if unit not in of_number and (unit not in units or not free):
            wrong.append(f"{number} {unit}")
    return list(dict.fromkeys(wrong))


def _names_missing(claim: str, text: str) -> list[str]:
    has = _words(text)
    lacking = []
    found = list(_WORD.finditer(claim))
    for place, match in enumerate(found):
        name = match.group()
        if not _is_name(name) or (_starts_sentence(claim, match.start()) and not _sure_name(name, found, place)):
            continue
        if name.casefold() not in has and name.casefold()[:3] not in _MONTHS:
            lacking.append(name)
    return list(dict.fromkeys(lacking))


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
    before = text[:start].rstrip(" \t\n\"'“”‘’([*-")
    return not before or before[-1] in ".!?:;"


def _words(text: str) -> set[str]:
    return {word.casefold().removesuffix("'s") for word in _WORD.findall(text)}


def _digits(text: str) -> str:
    """The text with numbers in words as digits, thousands without separators, and scales multiplied out."""
    text = _THOUSANDS.sub(lambda match: re.sub(r"\D", "", match.group()), text)
    text = re.sub(r"\bper\s+cent\b", "percent", text, flags=re.IGNORECASE)
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
    text = re.sub(rf"\b(?:one|a)\s+({'|'.join(_SCALES)})\b", r"1 \1", text, flags=re.IGNORECASE)
    return re.sub(
        rf"(\d+(?:\.\d+)?)\s+({'|'.join(_SCALES)})\b",
        lambda match: f"{float(match[1]) * _SCALES[match[2].lower()]:.12g}",
        text,
        flags=re.IGNORECASE,
    )


def _numbers(text: str) -> set[str]:
    numbers = {_plain(number) for number in _NUMBER.findall(text)}
    for date in _ISO_DATE.findall(text):
        numbers |= {_plain(part) for part in date}
    return numbers


def _plain(number: str) -> str:
    """One spelling of a number: without leading zeros, and without a fraction of nothing but zeros."""
    if number.count(".") == 1 and ":" not in number:
        number = number.rstrip("0").rstrip(".") if set(number.split(".")[1]) == {"0"} else number
    return number.lstrip("0") or "0"


def _count(number: str, text: str) -> int:
    return sum(_plain(found) == number for found in _NUMBER.findall(text))


def _measures(text: str) -> list[tuple[str, str]]:
    """(number, unit) for every number that a unit follows, or that a currency's sign stands before."""
    found = [(_plain(number), _UNIT[sign]) for sign, number in _MONEY.findall(text)]
    for first, last, word in _MEASURE.findall(text):
        if unit := _UNIT.get(word.casefold()):
            found += [(_plain(number), unit) for number in (first, last) if number]
    return found


def _months(text: str) -> set[int]:
    months = {_MONTHS.index(match[1].lower()) + 1 for match in _MONTH.finditer(text) if match[1][0].isupper()}
    return months | {int(month) for _year, month, _day in _ISO_DATE.findall(text)}


def _dated_months(claim: str) -> list[tuple[str, int]]:
    """Months that stand beside a number: "May 2016", "12 May". Elsewhere "may" and "march" are other words."""
    found = []
    for match in _MONTH.finditer(claim):
        beside = claim[max(0, match.start() - 6) : match.start()] + claim[match.end() : match.end() + 3]
        if match[1][0].isupper() and any(letter.isdigit() for letter in beside):
            found.append((match.group(), _MONTHS.index(match[1].lower()) + 1))
    return found
