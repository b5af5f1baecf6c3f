"""The reader of numbers, dates and units: what it reads, where that stands, what is the same, what it leaves alone."""

from fractions import Fraction

import pytest

from research.engine.quantities import UNITS, Quantity, digits, quantities


def read(text: str) -> list[Quantity]:
    found = quantities(text)
    assert all(text[one.start : one.end] == one.text for one in found)
    return found


# What is written, how many of what it is.
NUMBERS = """
1,203 people | 1203
1 203 people, of thin spaces | 1203
1'203'000 francs | 1203000
1.2k | 1200
5M rows | 5000000
1.2 million people | 1200000
2 hundred thousand | 200000
forty-eight rooms | 48
two hundred and fifty men | 250
nine hundred ninety-nine thousand nine hundred and ninety-nine | 999999
two million three hundred and one thousand and five | 2301005
a dozen eggs | 12
two dozen | 24
half a million | 500000
two and a half million | 2500000
zero | 0
.594 of them | 0.594
½ cup | 1/2
1½ km | 3/2 km
3 1/2 miles | 7/2 mile
1/2 litre | 1/2 l
half an hour | 1/2 h
two thirds of it | 2/3 part
a quarter of the town | 1/4 part
half the votes | 1/2 part
a capacity of 1950 | 1950
1932 seats | 1932
-5 °C | -5 °C
minus five celsius | -5 °C
−5 degrees | -5 degree
5% | 5 %
five per cent | 5 %
5 percentage points | 5 percentage point
3 basis points | 3 basis point
$5m | 5000000 $
US$5 million | 5000000 $
€3.1 million | 3100000 €
£1.2bn | 1200000000 £
5 million pounds | 5000000 £
USD 30 | 30 $
12 pounds | 12 pound
1,312 feet | 1312 ft
120 square kilometres | 120 km²
30 miles per hour | 30 mph
10-second waits | 10 s
5 MW | 5 MW
5 mW | 5 mW
one kilometre | 1 km
"""


@pytest.mark.parametrize("line", NUMBERS.strip().splitlines())
def test_a_number_is_read_in_digits_words_scales_and_units(line):
    text, _bar, expected = line.replace("1 203", "1\u2009203").partition(" | ")
    amount, _space, name = expected.partition(" ")
    [found] = [one for one in read(f"It had {text}.") if one.kind == "number"]
    assert (found.value, found.unit.name if found.unit else "", found.certain) == (Fraction(amount), name, True)


@pytest.mark.parametrize(
    ("text", "low", "high", "unit"),
    [
        ("10 to 20 km", 10, 20, "km"),
        ("10–20%", 10, 20, "%"),
        ("between 5 and 10 seconds", 5, 10, "s"),
        ("from five to ten seconds", 5, 10, "s"),
        ("$5–10 million", 5_000_000, 10_000_000, "$"),
        ("€900 to €1.2 million", 900, 1_200_000, "€"),
        ("500–1500 people", 500, 1500, ""),
    ],
)
def test_a_range_is_one_number_with_two_ends_and_one_unit(text, low, high, unit):
    [found] = read(f"It took {text}.")
    assert (*found.ends, found.unit.name if found.unit else "") == (low, high, unit)


def test_two_numbers_that_are_no_range_share_their_unit():
    assert [(one.value, one.unit and one.unit.name) for one in read("It had 5 or 6 metres.")] == [(5, "m"), (6, "m")]
    assert [one.value for one in read("It fell from 10 to 5.")] == [10, 5]
    assert [one.value for one in read("There were five, six of each.")] == [5, 6]


# What is written; year-month-day, 0 for what is not said; how many years it lasts.
DATES = """
12 May 1999 | 1999-5-12
12th of May 1999 | 1999-5-12
the twelfth of May, 1999 | 1999-5-12
May 12, 1999 | 1999-5-12
May 12th, 1999 | 1999-5-12
12 may 1999 | 1999-5-12
12-May-1999 | 1999-5-12
1999-05-12 | 1999-5-12
1999/05/12 | 1999-5-12
12.05.1999 | 1999-5-12
26. 11. 2026 | 2026-11-26
11/26/2026 | 2026-11-26
Sept. 3, 2019 | 2019-9-3
12 May | 0-5-12
in May | 0-5-0
May 1999 | 1999-5-0
in 1932 | 1932-0-0
mid-1932 | 1932-0-0
the 1930s | 1930-0-0 10
the 1800s | 1800-0-0 100
the 19th century | 1800-0-0 101
the nineteenth century | 1800-0-0 101
the XIX century | 1800-0-0 101
44 BC | -44-0-0
3,700 BC | -3700-0-0
AD 79 | 79-0-0
"""


@pytest.mark.parametrize("line", DATES.strip().splitlines())
def test_a_date_is_read_in_any_order_as_far_as_it_is_said(line):
    text, _bar, expected = line.partition(" | ")
    [found] = read(f"It was {text}.")
    years = f" {found.years}" if found.years > 1 else ""
    assert (found.kind, f"{found.year}-{found.month}-{found.day}{years}", found.certain) == ("date", expected, True)


def test_some_dates_are_two_and_some_may_be_read_in_two_orders():
    assert [(one.month, one.day) for one in read("on 3–5 May 1932")] == [(5, 3), (5, 5)]
    assert [(one.month, one.day) for one in read("on May 3 and 5, 1932")] == [(5, 3), (5, 5)]
    assert [one.year for one in read("the season of 2009–10")] == [2009, 2010]
    assert [one.year for one in read("(1879–1955)")] == [1879, 1955]
    assert [one.either for one in read("on 3/4/1999, on 13/4/1999, on 3.4.1999")] == [True, False, False]
    assert [one.kind for one in read("on 31/2/1999")] == ["code"]


# What is written, as what it is read and how that is spelled.
OTHERS = """
the 12th time | ordinal 12
the twelfth time | ordinal 12
the twenty-first time | ordinal 21
Louis XIV | ordinal 14
World War I | ordinal 1
Chapter V | ordinal 5
on Mondays | weekday monday
version 1.2.3 | code 1.2.3
version 2.10 | code 2.10
Python 3.10 | code 3.10
section 4.2 | code 4.2
§ 5 | code 5
No. 5 | code 5
chapter five | code 5
+49 30 1234567 | code 49301234567
(555) 123-4567 | code 5551234567
555-123-4567 | code 5551234567
tel. 0800 123 456 | code 800123456
ISBN 978-3-16-148410-0 | code 9783161484100
978-3-16-148410-0 | code 9783161484100
192.168.0.1 | code 192.168.0.1
10:30 | code 10:30
24/7 | code 24/7
GPT-4 | code 4
3,5 | code 3,5
agent 007 | code 7
1234567890123456789 | code 1234567890123456789
"""


@pytest.mark.parametrize("line", OTHERS.strip().splitlines())
def test_ordinals_weekdays_and_codes_are_no_numbers(line):
    text, _bar, expected = line.partition(" | ")
    [found] = read(f"It was {text}.")
    assert f"{found.kind} {found.plain}" == expected


@pytest.mark.parametrize(
    "text",
    ["one of them", "Malcolm X", "And I went", "model F16", "v2.0", "they may go", "a second try", "hundreds", "a few"],
)
def test_what_says_nothing_exactly_is_not_read_for_certain(text):
    assert [one for one in read(f"It was {text}") if one.certain] == []


@pytest.mark.parametrize(
    ("text", "hedge"),
    [("about 400", "about"), ("~400", "about"), ("more than 400", "over"), ("400+", "over"), ("up to 400", "under"),
     ("exactly 400", "exactly"), ("400", "")],
)  # fmt: skip
def test_what_is_said_of_a_number_is_kept(text, hedge):
    assert [one.hedge for one in read(f"It had {text} rooms.")] == [hedge]


@pytest.mark.parametrize(
    ("one", "other"),
    [("2.54 cm", "1 inch"), ("1 mile", "1609.344 m"), ("1 lb", "453.59237 g"), ("212 °F", "100 °C"), ("1 h", "60 min"),
     ("1 acre", "4046.8564224 m²"), ("36 km/h", "10 m/s"), ("2 GiB", "2048 MiB"), ("2 years", "24 months"),
     ("0 °C", "273.15 kelvin"), ("50 %", "one half"), ("1 percentage point", "100 basis points"), ("8 bits", "1 byte")],
)  # fmt: skip
def test_units_convert_exactly(one, other):
    [a], [b] = read(one), read(other)
    assert a.unit
    assert b.unit
    assert a.unit.kind == b.unit.kind
    assert a.base(a.value) == b.base(b.value)


def test_units_that_do_not_convert_exactly_are_of_kinds_of_their_own():
    apart = ["day", "month", "byte", "kB", "MB", "tonne", "ton", "pound", "°C", "degree", "%", "pp", "$", "€"]
    assert len({UNITS[name].kind for name in apart}) == len(apart)


def test_digits_writes_a_text_with_its_numbers_in_digits():
    assert digits("Five of 1,200 cost $5m; the third of May, one of them, chapter two.") == (
        "5 of 1200 cost $5000000; the third of May, one of them, chapter 2."
    )


def test_no_text_is_too_long_or_too_large_to_be_read():
    for text in [
        "9" * 9_000,
        "9" * 9_000 + "th",
        "1" + " million" * 2_000,
        "1," * 9_000,
        "one " * 2_000,
        "." + "5" * 9_000,
    ]:
        assert read(text)
