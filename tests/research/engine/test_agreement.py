"""What two sentences are to each other. Those that agree or only differ are as many here as those that disagree."""

import pytest

from research.engine.agreement import compare, compatible
from research.engine.quantities import quantities
from research.engine.stated import Value, stated

BRIDGE = "Varn Bridge"


def verdict(one: str, other: str, titles: tuple[str, str] = ("", ""), asked: str = "") -> str:
    """The strongest verdict, which has to be the same whichever sentence comes first."""
    statements = [stated(text, title, asked) for text, title in zip((one, other), titles, strict=True)]
    found = []
    for a, b in (statements, statements[::-1]):
        verdicts = {point.verdict for point in compare(a, b)}
        found.append(next((name for name in ("disagree", "agree") if name in verdicts), ""))
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Varn Bridge was opened in 1932.", "Inaugurated in 1947, the Varn Bridge is a landmark of Bergen."),
        ("The Varn Bridge is 412 metres long.", "With a length of 518 m, the Varn Bridge crosses the Orm."),
        ("The Orm Theatre seats 1,200 people.", "The Orm Theatre has a capacity of 1,650."),
        ("Swimming in Lake Orm is allowed.", "Swimming is forbidden in Lake Orm."),
        ("Visitors may swim in Lake Orm.", "Visitors may not swim in Lake Orm."),
        ("The architect of the Varn Bridge was Tor Vikdal.", "The Varn Bridge was designed by Ines Aldana."),
        ("Tor Vikdal designed the Varn Bridge.", "Ines Aldana designed the Varn Bridge."),
        ("The Orm Museum is closed on Mondays.", "The Orm Museum is closed on Tuesdays."),
        ("The toll for the Varn Bridge costs €5.", "Crossing the Varn Bridge costs 7 euros."),
        ("Parliament approved the Orm Treaty.", "Parliament rejected the Orm Treaty."),
        ("Adult humans have 206 bones.", "An adult human has 208 bones."),
        ("The mushroom Varnia orma is edible.", "Varnia orma is a poisonous mushroom."),
        ("Lake Orm is 80 miles long.", "Lake Orm stretches 190 km."),
        ("Tor Vikdal was born on 3 May 1901.", "Tor Vikdal, born in 1911, was an engineer."),
    ],
)
def test_another_number_date_name_or_a_denial_is_a_disagreement(one, other):
    assert verdict(one, other) == "disagree"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Varn Bridge was opened in 1932.", "Inaugurated on 5 May 1932, the Varn Bridge is a landmark."),
        ("The Varn Bridge is 1.2 km long.", "The Varn Bridge has a length of 1,203 metres."),
        ("The city has a population of 1.2 million.", "About 1,203,000 people live in the city."),
        ("Lake Orm is 80 miles long.", "Lake Orm stretches 129 km."),
    ],
)
def test_the_same_value_in_other_words_and_units_agrees(one, other):
    assert verdict(one, other) == "agree"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Varn Bridge was opened in 1932.", "The Varn Bridge was closed in 1978."),
        ("The Varn Bridge is 412 metres long.", "The Varn Bridge rises 80 metres above the river."),
        ("In 2010 Orm had 12,400 inhabitants.", "In 2020 Orm had 15,300 inhabitants."),
        ("The museum opened in 1932.", "The museum is closed on Mondays."),
        ("The north tower of Orm Castle is 40 m high.", "The south tower of Orm Castle is 52 m high."),
        ("Version 2.0 of Larkspur was released in 2019.", "Version 1.0 of Larkspur was released in 2016."),
        ("The Orm Tunnel, near the Varn Bridge, opened in 1947.", "The Varn Bridge opened in 1932."),
        ("Tor Vikdal designed the Varn Bridge.", "The Varn Bridge was built by Ines Aldana."),
        ("Tor Vikdal was born on 3 May 1901.", "Tor Vikdal died in 1981."),
        ("Tor Vikdal was born in 1901.", "Ines Aldana was born in 1911."),
        ("Chess is played by 605 million people.", "Chess has 64 squares."),
        ("The Varn Bridge was opened in 1932.", "The Varn Bridge, painted red, was opened by the mayor."),
    ],
)
def test_other_things_years_and_versions_and_more_detail_are_none(one, other):
    assert verdict(one, other) != "disagree"


def test_it_is_what_the_page_is_about():
    it = "It was opened in 1947."
    assert verdict("The Varn Bridge was opened in 1932.", it, ("", "Visiting Varn Bridge")) == "disagree"
    assert verdict("The Varn Bridge was opened in 1932.", it, ("", "Orm Tunnel")) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("Varn Bridge", "Varn Bridge in Winter"), ("Orm", "Varn Orm Castle"), ("Varn Hall", "New Varn Hall")],
)
def test_a_name_that_another_one_only_contains_is_another_thing(one, other):
    assert verdict(f"{one} is a film of 1932.", f"{other} is a film of 1947.", (one, other)) == ""


def test_a_surname_and_a_middle_name_are_the_same_person():
    assert verdict("Tor Vikdal was born in 1901.", "Tor Olaf Vikdal was born in 1911.") == "disagree"
    assert verdict("In 1901 Vikdal was born.", "Tor Vikdal was born in 1911.", ("Tor Vikdal", "")) == "disagree"


def test_titles_that_name_two_editions_set_pages_apart():
    said = ("It sold 5,000 copies.", "It sold 7,000 copies.")
    assert verdict(*said, ("Varn Report 2019", "Varn Report 2020")) == ""
    assert verdict(*said, ("Varn Song (1990 film)", "Varn Song (novel)")) == ""
    assert verdict(*said, ("Varn Song", "Varn Song")) == "disagree"


def test_a_question_says_which_of_a_titles_names_is_meant():
    one, other = "The hotel has 48 rooms.", "The hotel has 84 rooms."
    titles = ("Notes on Hotel Varn", "The Orm Courier: Hotel Varn")
    assert verdict(one, other, titles, "How many rooms does Hotel Varn have?") == "disagree"


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("in 1932", "on 5 May 1932", True),
        ("in the 1930s", "in 1932", True),
        ("in the 20th century", "in 1932", True),
        ("in the 19th century", "in 1932", False),
        ("in 1932", "in 1933", False),
        ("on 5 May 1932", "on 5 June 1932", False),
        ("on 3/4/1932", "on 4 March 1932", True),
        ("1.2 million people", "1,203,000 people", True),
        ("exactly 1.2 million people", "1,203,000 people", False),
        ("about 400 people", "412 people", True),
        ("400 people", "412 people", False),
        ("40 people", "41 people", False),
        ("over 300 people", "340 people", True),
        ("10 to 20 people", "15 people", True),
        ("10 to 20 people", "25 people", False),
        ("1.2 km", "1,203 m", True),
        ("80 miles", "129 km", True),
        ("80 miles", "150 km", False),
        ("5 tons", "4.9 tonnes", True),
        ("two thirds", "67 %", True),
        ("3.1 m", "3.14 m", True),
        ("3.1 m", "3.24 m", False),
        ("on Mondays", "on Monday", True),
        ("on Mondays", "on Tuesdays", False),
    ],
)
def test_rounded_converted_and_less_exact_quantities_may_both_be_right(one, other, agree):
    a, b = (Value(found.kind, text, None, found) for text in (one, other) for found in quantities(text))
    assert compatible(a, b) is agree
    assert compatible(b, a) is agree
