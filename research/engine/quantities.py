"""Reads the exact things that a text says: numbers with their units, ordinals, dates, weekdays and codes.

Each with its place in the text and its normalised value: 1,200 = 1.2 thousand = 1.2k; $5m is 5,000,000 of "$"; "12th of
May 1999" is 1999-05-12. What looks like a number and is none (a version, a telephone number, an ISBN, a time, a score)
is a code: it counts as it is spelled. What English leaves open ("one of them", "second", "May") is read, but
not `certain`. Pure; knows English. Called by facts.py, stated.py and lexical_judge.py, which make of it what they need:
whether spans have each quantity of a claim, whether two sentences may both be right.
"""

import re
import unicodedata
from fractions import Fraction
from functools import partial
from typing import Literal, NamedTuple

# What is measured, then its units: how many of the base unit, and how each is written, its name first; "metre" is
# "meter" as well. All are exact: the SI Brochure (9th edition, tables 2 to 8), the international yard and pound of 1959
# (NIST SP 811, appendix B: foot .3048 m, pound .45359237 kg, acre 4,840 square yards), the nautical mile of 1929, IEC
# 80000-13 for KiB. What stands after a "/" does not convert exactly into the rest of the measure, after a bare one into
# nothing: a month is no number of days (its size here: a twelfth of 365.2425), a kB has 1,000 bytes or 1,024. "*": each
# unit is a measure of its own. Behind "@" stands where a unit begins.
_TABLE = """
time: 0.000000001 ns nanosecond; 0.000001 µs μs us microsecond; 0.001 ms msec millisecond; 1 s sec second; 60 min minute
time: 3600 h hr hour; 86400 day; 604800 week
time/calendar: 2629746 month; 31556952 year yr; 315569520 decade; 3155695200 century centuries
data: 1 byte; 1024 KiB kibibyte; 1048576 MiB mebibyte; 1073741824 GiB gibibyte; 1099511627776 TiB tebibyte
data/: 1000 kB kilobyte; 1000000 MB megabyte; 1000000000 GB gigabyte; 1000000000000 TB terabyte
data: 0.125 bit; 125 kbit kilobit; 125000 Mbit Mb megabit; 125000000 Gbit Gb gigabit
length: 0.001 mm millimetre; 0.01 cm centimetre; 1 m metre; 1000 km kilometre; 0.0254 inch inches; 0.3048 ft foot feet
length: 0.9144 yard yd; 1609.344 mile mi; 1852 nautical_mile
mass: 0.001 mg milligram; 1 g gram; 1000 kg kilo kilogram; 1000000 tonne t metric_ton; 453.59237 lb
mass: 28.349523125 oz ounce
mass/: 1000000 ton; 453.59237 pound
volume: 0.001 ml mL millilitre; 0.01 cl centilitre; 1 l L litre; 1000 m³ m3 cubic_metre
area: 1 m² m2 sq_m square_metre; 1000000 km² km2 sq_km square_kilometre; 10000 ha hectare; 4046.8564224 acre
area: 0.09290304 sq_ft square_foot square_feet; 2589988.110336 sq_mi square_mile
speed: 1 km/h kmh kph kilometres_per_hour kilometres_an_hour; 1.609344 mph miles_per_hour miles_an_hour; 1.852 knot
speed: 3.6 m/s metres_per_second
power: 1000 kW kilowatt; 1000000 MW megawatt; 1000000000 GW gigawatt; 1 W watt; 0.001 mW milliwatt
energy: 1 kWh kilowatt_hour; 1000 MWh; 1000000 GWh; 1000000000 TWh
frequency: 1 Hz hertz; 1000 kHz kilohertz; 1000000 MHz megahertz; 1000000000 GHz gigahertz
temperature: 1 °C celsius degrees_celsius; 5/9@-160/9 °F fahrenheit degrees_fahrenheit; 1@-273.15 kelvin
temperature/: 1 degree °
%: 1 % percent per_cent percentage; 0.1 ‰ per_mille
percentage point: 1 percentage_point pp; 0.01 basis_point bps
*: 1 $ US$ dollar usd US_dollar; 1 € euro eur; 1 £ gbp pound_sterling pounds_sterling; 1 ¥ yen jpy; 1 ₹ rupee inr
"""


class Unit(NamedTuple):
    """A unit: what it measures, how many of that measure's base it is, and where it begins in it (°F). Two units
    convert exactly where their `kind` is one."""

    name: str
    measure: str
    kind: str
    factor: Fraction
    zero: Fraction = Fraction(0)


UNITS: dict[str, Unit] = {}  # by each way to write it
for _line in _TABLE.strip().splitlines():
    _kind, _colon, _units = _line.partition(": ")
    for _unit in _units.split("; "):
        _factor, *_names = (word.replace("_", " ") for word in _unit.split())
        _measure, _slash, _own = _kind.replace("*", _names[0]).partition("/")
        _converts = f"{_measure}/{_own or _names[0]}" if _slash else _measure
        _sizes = (Fraction(_size) for _size in (*_factor.split("@"), "0")[:2])
        UNITS |= dict.fromkeys(_names, Unit(_names[0], _measure, _converts, *_sizes))
UNITS |= {name.replace("tre", "ter"): one for name, one in UNITS.items()}
UNITS |= {f"{name}s": one for name, one in UNITS.items() if len(name) > 1 and name[-1].isalpha() and name[-1] != "s"}
_FOLDED = {name.casefold(): one for name, one in reversed(UNITS.items()) if len(name) > 1 and name != "us"}
PART = Unit("part", "%", "%", Fraction(100))  # "two thirds of them"
# What a word may mean that stands for several units: a number of it may be any of theirs.
MAY_BE = {"ton": ("tonne",), "pound": ("lb", "£"), "degree": ("°C", "°F")}

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()  # noqa: SIM905
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905
_WORDS = {word: value for value, word in enumerate(_ONES)}
_WORDS |= {word: 10 * value for value, word in enumerate(_TENS, start=2)}
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SHORT = {"k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9, "tn": 10**12}
_ROMAN = "I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI XVII XVIII XIX XX XXI".split()  # noqa: SIM905
_FIRST = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
fifteenth sixteenth seventeenth eighteenth nineteenth""".split()  # noqa: SIM905
_ORDINALS = {word: value for value, word in enumerate(_FIRST, start=1)}
_ORDINALS |= {f"{word[:-1]}ieth": 10 * value for value, word in enumerate(_TENS, start=2)}
_NTH = _ORDINALS | {roman: value for value, roman in enumerate(_ROMAN, start=1)}
_HEDGED = {
    "exactly": "exactly precisely",
    "over": "over exceeding more_than at_least upwards_of +",
    "under": "up_to less_than fewer_than at_most under below",
    "about": "about around roughly approximately circa ca. ca c. some almost nearly close_to ~ ≈",
}
_HEDGES = {said.replace("_", " "): hedge for hedge, all_said in _HEDGED.items() for said in all_said.split()}
_PARTS = {word: value for word, value in _ORDINALS.items() if 3 <= value <= 10} | {"half": 2, "halve": 2, "quarter": 4}
_VULGAR = {sign: Fraction(unicodedata.numeric(sign)).limit_denominator(9) for sign in "½⅓⅔¼¾⅛⅜⅝⅞"}
_MONTHS = """january february march april may june july august september october november december""".split()  # noqa: SIM905
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
_MONTH_PLACES = {name[:3]: place for place, name in enumerate(_MONTHS, start=1)}
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# A number after one of these, without a unit, says which and not how many: another version is another thing.
LABELS = frozenset(
    """version release edition chapter section phase line route model volume season episode series part pep rfc
    number issue article act flight room platform gate grade level type class stage step highway motorway bus page
    figure table appendix paragraph rule no""".split()  # noqa: SIM905
)

_TH = "|".join(sorted(_ORDINALS, key=len, reverse=True))
_MONTH = rf"(?P<month>{'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in _MONTHS)}|sept)\b\.?"
_YEAR = r"(?P<year>\d{4})(?!\d|-\d\d-)"
_MORE = r"(?:-|–|to|and|or)"
_DATED = (
    r"(?P<year>\d{4})(?P<iso>[-/.])(?P<month>\d\d?)(?P=iso)(?P<day>\d\d?)(?!\d)",
    rf"(?P<day>\d\d?)(?P<sign>[-/]|\.\s?)(?P<month>\d\d?)(?P=sign){_YEAR}",
    rf"(?:(?P<other>\d\d?)(?:st|nd|rd|th)?\s*{_MORE}\s*)?(?P<day>\d\d?|{_TH})(?:st|nd|rd|th)?\.?[\s-]+"
    rf"(?:(?:day\s+)?of\s+)?{_MONTH}(?:[\s,-]+(?:of\s+)?{_YEAR})?",
    rf"{_MONTH}\s+(?P<day>\d\d?)(?:st|nd|rd|th)?(?:\s*{_MORE}\s*(?P<other>\d\d?))?(?![\d:%]|[.,]\d)(?:,?\s+{_YEAR})?",
    rf"{_MONTH},?\s+(?:of\s+)?{_YEAR}",
    rf"{_YEAR},?\s+{_MONTH}(?:\s+(?P<day>\d\d?)(?!\d))?",
    _MONTH,
)
_DATES = [re.compile(pattern, re.IGNORECASE) for pattern in _DATED]
_ERA = re.compile(r"(?:AD\s(?P<ad>\d{1,4})|(?P<year>\d{1,3},\d{3}|\d{1,4})\s?(?:(?P<bc>BCE?\b|B\.C\.)|A\.?D\b|CE\b))")
_CENTURY = re.compile(rf"(?P<number>\d\d?|{_TH}|[IVX]+)(?:st|nd|rd|th)?[\s-]century(?P<bc>\s(?:BCE?\b|B\.C\.))?", re.I)
_YEARS = re.compile(
    r"(?P<year>1\d{3}|20\d\d)(?:(?P<decade>['’]?s\b)|[-–](?P<to>\d\d)(?![\w-]))?(?![\w%°€$£]|[,.:/]\d|-\d+-)"
)
# What stands before a year that is one, whatever follows, or before May; elsewhere "1932 seats" are counted.
_BEFORE_TIME = frozenset(
    """in since from until till by during circa c ca year early late mid spring summer autumn winter between after
    before""".split()  # noqa: SIM905
)
_MEASURED = frozenset(  # before "of 1950"
    "capacity population length height width depth weight mass area cost price total elevation altitude number".split()  # noqa: SIM905
)
_COUNTING = frozenset(["than", "least", "most", "has", "have", "had", "seats", "holds", "hold"])
_COUNTED = re.compile(
    r"\s+(?!(?:and|or|to|but|the|a|an|by|in|on|at|as|was|were|is|when|with|for|of|after|before|it)\b)[a-z]"
)
_WEEKDAY = re.compile(rf"(?P<said>{'|'.join(map(str.capitalize, _WEEKDAYS))})s?\b")
_CALLED = re.compile(
    r"(?i)(?:(?:ISBN(?:-1[03])?|tel|phone|fax)\b[.:]*\s*)[+(]?\d[\d ()X/-]{5,}[\dX]|(?<=\+)\d[\d ().-]{6,}\d"
    r"|(?<=\()\d{3,5}\)\s?\d[\d -]{4,}\d"
)
_CODE = re.compile(
    r"0\d+(?:[ -]\d{2,})*(?![.:/,]\d)|(?P<said>\d+(?:\.\d+)?)[^\W\d_]{1,3}\b|\d+(?:[.:,/]\d+)+\w*"
    r"|\d+(?:-[\dX]+){2,}|\.?\d\w*"
)
_GOES_ON = re.compile(r"(?!x\b)\w|[.:,/]\d|-\d+-[\dX]")
_NAMED = re.compile(r"(?:\b[A-Z]\w*-|\w[.:,]|[#§]\s?)$")
_NUMERAL = re.compile(  # of more than 18 digits it is a code
    rf"([1-8]/[2-9])(?=\s[a-z])|([{''.join(_VULGAR)}])"
    rf"|(\d{{1,3}}(?:[,\u00a0\u2009\u202f'’]\d{{3}}){{1,5}}(?!,?\d)(?:\.\d{{1,18}})?|\d{{1,18}}(?:\.\d{{1,18}})?"
    rf"|\.\d{{1,18}})(?!\d)(?:\s?([{''.join(_VULGAR)}])|\s([1-8]/[2-9])\b)?"
)
_SPELT = re.compile(rf"(\s+and\s+|[\s-]+)?({'|'.join([*_WORDS, *_SCALES])})\b", re.IGNORECASE)
_HALF = re.compile(r"half[\s-]an?(?=\s)", re.IGNORECASE)
_AND_HALF = re.compile(r"\s+and\s+(a|one|three)[\s-](half|quarter)s?\b", re.IGNORECASE)
_SCALED = re.compile(rf"[\s-]?({'|'.join(_SCALES)})s?\b", re.IGNORECASE)
_SHORTLY = re.compile(r"([kKM]|\s?(?:mn|bn|tn))\b")
_SHORTLY_PAID = re.compile(r"\s?([kKmMbB]|mn|bn|tn)\b")
_PART = re.compile(
    rf"(?i)(?:(?P<many>{'|'.join(_WORDS)})[\s-])?(?P<part>{'|'.join(_PARTS)})(?P<s>s?)\b(?P<whole>(?=\s(?:of|the)\b))?"
)
_MONEY = re.compile(r"(?:US)?[$€£¥₹]\s?|(?:USD|EUR|GBP|JPY)\s")
_UNIT = re.compile(r"[\s-]?((?:°\s?)?[^\W\d_]+(?:/[^\W\d_]+|[23])?|[%‰°€£$¥₹])(?![\w/])((?:[ -][^\W\d_]+){0,2})")
_JOINED = re.compile(r"\s*([-–—])\s*|\s+(to|and|or)\s+", re.IGNORECASE)
_MINUS = re.compile(r"(?:(?<![\w.)\]])(?<!\d )[-−]|\bminus\s)$", re.IGNORECASE)
_ORDINAL = re.compile(rf"(\d{{1,9}})(?:st|nd|rd|th)\b|(?:({'|'.join(_TENS)})[\s-])?({_TH})\b", re.IGNORECASE)
_ROMAN_NUMBER = re.compile(rf"(?:{'|'.join(_ROMAN)})\b")
_NO_NUMBER = re.compile(r"\s+(?:of|another|who|that|which|by|is|was|can|may|must|should)\b|[^\w\s-]|\s*$")
# Where a quantity may begin: at a sign, a digit, or one of the words of _BEGIN; "F16" and "v2.0" are words.
_ANCHOR = re.compile(rf"[$€£¥₹{''.join(_VULGAR)}]|[^\W\d_][^\W\d]*(?:\d\w*(?:\.\d+)*)?|(?<![\w.])\.?\d+|\d+")
_BEGIN = {*_WORDS, *_SCALES, *_ORDINALS, *_PARTS, *_MONTHS, *_MONTH_PLACES, *_WEEKDAYS, "sept", "us", "ad", "isbn"}
_BEGIN |= {"usd", "eur", "gbp", "jpy", "tel", "phone", "fax", *(f"{day}s" for day in _WEEKDAYS)}
_BEGIN = {*_ROMAN, *(one for word in _BEGIN for one in (word, word.capitalize(), word.upper()))}


class Quantity(NamedTuple):
    """Something exact in a text, which stands there from `start` to `end`; `plain` is its text with its numbers in
    digits, of a code its spelling. `value` is how many of its `unit`; of a range the lower end, and `to` the upper."""

    kind: Literal["number", "ordinal", "date", "weekday", "code"]
    text: str
    start: int
    end: int
    plain: str = ""
    certain: bool = True
    value: Fraction = Fraction(0)
    to: Fraction | None = None
    unit: Unit | None = None
    hedge: str = ""  # what is said of a number: "exactly", "about", "over", "under"
    year: int = 0  # of a date: 0 where it is not said, as month and day; before Christ below 0
    month: int = 0
    day: int = 0
    years: int = 1  # that it lasts: 10 of a decade
    either: bool = False  # 3/4/1999: day and month may be the other way round

    @property
    def measure(self) -> str:
        """What its unit measures; empty where it has none."""
        return self.unit.measure if self.unit else ""

    @property
    def ends(self) -> tuple[Fraction, ...]:
        """Its value; of a range both."""
        return (self.value,) if self.to is None else (self.value, self.to)

    def base(self, number: Fraction) -> Fraction:
        """So many of its unit in the base unit of what it measures."""
        return number * self.unit.factor + self.unit.zero if self.unit else number


def quantities(text: str) -> list[Quantity]:
    """All that a text says exactly, in order, no part of it twice."""
    found: list[Quantity] = []
    end = 0
    for anchor in _ANCHOR.finditer(text):
        word, start = anchor.group(), anchor.start()
        if start < end or (word[0].isalpha() and word not in _BEGIN):
            continue
        if read := next((read for reader in _READERS if (read := reader(text, start))), []):
            found += read
            end = read[-1].end
    return found


def digits(text: str) -> str:
    """The text with its numbers in digits, thousands without separators, and scales multiplied out."""
    parts, end = [], 0
    for one in quantities(text):
        in_words = one.kind == "code" and one.text.isalpha()  # "chapter five"
        if one.certain and one.plain and (one.kind in ("number", "ordinal") or in_words):
            parts += [text[end : one.start], one.plain]
            end = one.end
    return "".join([*parts, text[end:]])


def plain(value: Fraction) -> str:
    """One spelling of a number."""
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.12g}"


def unit(word: str) -> Unit | None:
    """The unit that is written so."""
    return UNITS.get(word) or _FOLDED.get(word.casefold())


def _dates(text: str, start: int) -> list[Quantity]:
    """A date as far as it is said; the two of "3 to 5 May"."""
    for match in (match for pattern in _DATES if (match := pattern.match(text, start))):
        given = match.groupdict()
        name, own, year = given["month"], match.group().rstrip("."), int(given.get("year") or 0)
        month = int(name) if name.isdigit() else _MONTH_PLACES[name[:3].lower()]
        days = [int(day) if day.isdigit() else _NTH[day.lower()] for day in map(given.get, ("other", "day")) if day]
        is_open = given.get("sign") in ("-", "/")
        if is_open and month > 12:
            month, days = days[0], [month]
        is_alone, is_verb = not (days or year), name.lower() in ("may", "march")
        if name.islower() and (is_alone or (is_verb and not year)):
            continue
        before = text[max(0, start - 20) : start].lower().replace("-", " ").split()[-1:]
        told = not is_verb or not {"of", *_BEFORE_TIME}.isdisjoint(before)  # "in May"
        certain = not is_alone or (told and (len(name) > 3 or name == "May"))
        if 1 <= month <= 12 and all(1 <= day <= _DAYS[month - 1] for day in days):
            at, either = (own, start, start + len(own), "", certain), is_open and month != days[0] <= 12
            return [
                Quantity("date", *at, year=year, month=month, day=day, either=either) for day in sorted(days) or [0]
            ]
    return []


def _years(text: str, start: int) -> list[Quantity]:
    """A century, a year, a decade, or the two years of "2009–10"."""
    if match := _CENTURY.match(text, start):
        said = match["number"]
        number = int(said) if said.isdigit() else _NTH.get(said) or _NTH.get(said.lower(), 0)
        first = -100 * number if match["bc"] else 100 * (number - 1)  # 1801 to 1900; 1800 counts, too
        return [_lasting(match, first, 101)] if number else []
    if match := _ERA.match(text, start):
        return [_lasting(match, (-1 if match["bc"] else 1) * int((match["year"] or match["ad"]).replace(",", "")))]
    if not (match := _YEARS.match(text, start)) or (not match["decade"] and _is_count(text, match)):
        return []
    year = int(match["year"])
    if match["decade"]:
        return [_lasting(match, year, 10 if year % 100 else 100)]
    later = int(match["to"] or 0)
    return [_lasting(match, year), *([_lasting(match, year - year % 100 + later)] if later > year % 100 else [])]


def _lasting(match: re.Match[str], year: int, years: int = 1) -> Quantity:
    return Quantity("date", match.group(), *match.span(), year=year, years=years)


def _is_count(text: str, year: re.Match[str]) -> bool:
    """Whether four digits are a number of things: "a capacity of 1950", "1,950 seats" without its comma."""
    before = text[max(0, year.start() - 24) : year.start()]
    word, last = ["", "", *before.lower().split()][-2:]
    told = last in _COUNTING or (last in _HEDGES and last not in _BEFORE_TIME) or (last == "of" and word in _MEASURED)
    if told or _MINUS.search(before) or _unit_at(text, year.end())[0]:
        return True
    is_year = last.strip(".(") in _BEFORE_TIME or before.rstrip()[-1:] in ("(", "–", "-")
    return bool(_COUNTED.match(text, year.end())) and not is_year


def _spelled(kind: Literal["code", "weekday"], pattern: re.Pattern[str], text: str, start: int) -> list[Quantity]:
    """A weekday; or what is no number although it has digits: 1.2.3, 10:30, 24/7, 007, 3D, a telephone number."""
    match = pattern.match(text, start)
    return [_code(match.group(), match.groupdict().get("said") or match.group(), start, kind)] if match else []


def _code(text: str, said: str, start: int, kind: Literal["code", "weekday"] = "code") -> Quantity:
    spelled = re.sub(r"^\D+(?=\d)|(?<=\d)\.0$|[\s()-]", "", said.lower())
    return Quantity(kind, text, start, start + len(text), re.sub(r"^0+(?=\d)", "", spelled))


def _parts(text: str, start: int) -> list[Quantity]:
    """Two thirds, one quarter, a third of, half the: parts of a whole, as 50 % is."""
    if not (match := _PART.match(text, start)):
        return []
    part, many = match["part"].lower(), _WORDS.get((match["many"] or "one").lower(), 1)
    if match["many"]:
        fits = 0 < many < _PARTS[part] and bool(match["s"]) == (many > 1)
    else:
        fits = match["whole"] is not None and (
            part == "half" or text[max(0, start - 3) : start].endswith(("a ", "an "))
        )
    value = Fraction(many, _PARTS[part])
    return [Quantity("number", match.group(), *match.span(), value=value, unit=PART)] if fits else []


def _ordinals(text: str, start: int) -> list[Quantity]:
    """The 12th, the twelfth, the twenty-first, Louis XIV. "First" and "second" may mean something else."""
    if match := _ORDINAL.match(text, start):
        number = int(match[1] or _WORDS.get((match[2] or "zero").lower(), 0) + _ORDINALS[match[3].lower()])
        certain = number > 2 or bool(match[1])
        return [Quantity("ordinal", match.group(), *match.span(), str(number), certain, Fraction(number))]
    if not (match := _ROMAN_NUMBER.match(text, start)):
        return []
    number, name = _NTH[match.group()], ["", *text[max(0, start - 20) : start].split()][-1]
    is_sure = name.lower() in LABELS or name == "War" or (name.istitle() and len(name) > 3 and len(match.group()) > 1)
    return [Quantity("ordinal", match.group(), *match.span(), str(number), value=Fraction(number))] if is_sure else []


def _numbers(text: str, start: int) -> list[Quantity]:
    """A number with its unit, or a range of them; a code where it only says which one is meant."""
    if not (read := _amount(text, start)):
        return []
    before = text[max(0, start - 24) : start]
    word, last = ["", "", *before.replace("(", " ").lower().split()][-2:]
    one, scale, written = read
    one = _joined(text, one, scale, last) or one
    is_name = (
        last.rstrip(".") in LABELS or _NAMED.search(before) or re.fullmatch(r"\d+\.\d*0", written)
    )  # 3.10 is not 3.1
    if is_name and one.unit is None and scale == 1 and one.to is None:
        return [_code(text[start : one.end], written if written[0].isdigit() else one.plain, start)]
    if minus := _MINUS.search(text, max(0, start - 6), start):
        one = one._replace(start=minus.start(), value=-one.value, plain=f"-{one.plain}")
    if written.lower() == "one" and scale == 1 and not one.unit and _NO_NUMBER.match(text, one.end):
        return []  # "one of them", "this one"
    certain = written.lower() != "one" or scale > 1 or one.measure not in ("", "time")
    beside = (f"{word} {last}", last, before[-1:], text[one.end : one.end + 1])
    hedge = next((_HEDGES[said] for said in beside if said in _HEDGES), "")
    return [one._replace(text=text[one.start : one.end], certain=certain, hedge=hedge)]


def _joined(text: str, one: Quantity, scale: int, before: str) -> Quantity | None:
    """The number as a range, where another one ends it; with the other's unit, where that is both's."""
    by = _JOINED.match(text, one.end)
    if not by or not (read := _amount(text, by.end())) or _dates(text, by.end()):
        return None
    other, times, _written = read
    found = one.unit or other.unit
    value = one.value * times if scale == 1 and one.value * times < other.value else one.value  # "2 to 3 million"
    is_range = bool(by[1]) or by[2].lower() == "to" or before == "between"
    if is_range and value < other.value and other.unit in (None, found):
        shown = f"{one.plain.replace(plain(one.value), plain(value), 1)}{by.group()}{other.plain}"
        return one._replace(end=other.end, plain=shown, value=value, to=other.value, unit=found)
    return one._replace(unit=found)


def _amount(text: str, start: int) -> tuple[Quantity, int, str] | None:
    """The number that begins here with its unit, its scale, and its digits or words; None where there is none, or it
    goes on as something else."""
    money = _MONEY.match(text, start)
    at = money.end() if money else start
    if match := _NUMERAL.match(text, at):
        share, sign, whole, behind, over = match.groups()
        value = Fraction(re.sub(r"[^\d.]", "", whole or "") or share or _VULGAR[sign])
        value, end = value + (_VULGAR[behind] if behind else Fraction(over or 0)), match.end()
    elif match := _HALF.match(text, at):
        value, end = Fraction(1, 2), match.end()
    elif spelt := _spelt(text, at):
        value, end = spelt
    else:
        return None
    if half := _AND_HALF.match(text, end):
        value, end = value + Fraction(3 if half[1] == "three" else 1, _PARTS[half[2].lower()]), half.end()
    written, scale = text[at:end], 1
    if short := (_SHORTLY_PAID if money else _SHORTLY).match(text, end):
        scale, end = _SHORT[short[1].strip().lower()], short.end()
    while scale < 10**12 and (long := _SCALED.match(text, end)):
        scale, end = scale * _SCALES[long[1].lower()], long.end()
    shown, value = f"{text[start:at]}{plain(value * scale)}", value * scale
    found, last = (unit(money.group().strip()), end) if money else _unit_at(text, end)
    found = UNITS["£"] if found and found.name == "pound" and scale >= 10**6 else found
    is_half_of = written[:4].lower() == "half" and scale == 1 and not found
    if is_half_of or re.match(r"0\d", written) or _GOES_ON.match(text, last):
        return None
    own = (text[start:last], start, last, shown + text[end:last])
    return Quantity("number", *own, value=value, unit=found), scale, written


def _unit_at(text: str, start: int) -> tuple[Unit | None, int]:
    """The unit that follows a number, and where it ends."""
    if match := _UNIT.match(text, start):
        word, more = match[1].replace(" ", ""), match[2]
        for behind in dict.fromkeys((more, more[: more.find(more[:1], 1)], "")):
            if found := unit(word + behind.replace("-", " ")):
                return found, match.end(1) + len(behind)
    return None, start


def _spelt(text: str, start: int) -> tuple[Fraction, int] | None:
    """The number in words that begins here, and its end: the first word that does not fit ("five six" are two)."""
    total, current, last, end = 0, 0, 10**15, start
    while match := _SPELT.match(text, end):
        word, is_and = match[2].lower(), bool(match[1] and match[1].strip(" -\n"))
        value, scale = _WORDS.get(word, 0), _SCALES.get(word, 0)
        is_round = current % 100 == 0 and current + total > 0
        if end == start:
            fits = not match[1] and (not scale or text[max(0, start - 2) : start].lower() == "a ")
        elif scale:
            fits = not is_and and (0 < current < 100 if scale <= 100 else current > 0 and scale < last)
        else:
            fits = value > 0 and (is_round or (not is_and and current % 100 >= 20 and current % 10 == 0 and value < 10))
        if not fits:
            break
        if scale > 100:
            total, current, last = total + (current or 1) * scale, 0, scale
        else:
            current = (current or 1) * scale if scale else current + value
        end = match.end()
    return (Fraction(total + current), end) if end > start else None


_READERS = (
    _dates, _years, partial(_spelled, "code", _CALLED), _parts, _ordinals, _numbers, partial(_spelled, "code", _CODE),
    partial(_spelled, "weekday", _WEEKDAY),
)  # fmt: skip
