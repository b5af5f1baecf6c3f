"""Dates and numbers: read however they are written, and compared by what their wording allows."""

import pytest

from research.engine.quantities import compatible, quantities


@pytest.mark.parametrize(
    "text", ["on 5 May 1932", "on May 5, 1932", "on 1932-05-05", "on 05.05.1932", "on the 5th of May 1932"]
)
def test_a_date_is_one_date_however_it_is_written(text):
    [found] = quantities(f"It opened {text}.")
    [same] = quantities("It opened on 5 May 1932.")
    assert (found.kind, found.low, found.high) == ("date", same.low, same.high)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,203 people", 1203),
        ("forty-eight rooms", 48),
        ("two hundred and fifty men", 250),
        ("a dozen eggs", 12),
        ("1.2 million people", 1_200_000),
        ("a capacity of 1950", 1950),
        ("1932 seats", 1932),
        ("€3.1 million", 3_100_000),
        ("-5 degrees", -5),
        ("1.2 km", 1200),
        ("120 square kilometres", 120_000_000),
    ],
)
def test_a_number_is_read_in_digits_and_words_and_units(text, value):
    [found] = quantities(f"It had {text}.")
    assert found.kind == "number"
    assert found.value == pytest.approx(value)


@pytest.mark.parametrize("text", ["one of them", "the 12th time", "at 10:30", "version 1.2.3", "nobody"])
def test_what_is_no_quantity_is_left_alone(text):
    assert quantities(f"It was {text}") == []


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("in 1932", "on 5 May 1932", True),
        ("in the 1930s", "in 1932", True),
        ("in 1932", "in 1933", False),
        ("on 5 May 1932", "on 5 June 1932", False),
        ("1.2 million people", "1,203,000 people", True),
        ("exactly 1.2 million people", "1,203,000 people", False),
        ("about 400 people", "412 people", True),
        ("400 people", "412 people", False),
        ("40 people", "41 people", False),
        ("over 300 people", "340 people", True),
        ("1.2 km", "1,203 m", True),
        ("80 miles", "129 km", True),
        ("80 miles", "150 km", False),
        ("3.1 m", "3.14 m", True),
        ("3.1 m", "3.24 m", False),
        ("on Mondays", "on Monday", True),
        ("on Mondays", "on Tuesdays", False),
    ],
)
def test_rounded_converted_and_less_exact_quantities_may_both_be_right(one, other, agree):
    [a], [b] = quantities(one), quantities(other)
    assert compatible(a, b) is agree
    assert compatible(b, a) is agree
