"""What the extractive reasoner answers by rule: comparisons, and properties at the end of a chain of relations."""

import pytest

from research.reasoning.compare import compared
from research.reasoning.lookup import looked_up
from research.reasoning.relations import Page, follow, named, relations, when
from research.reasoning.shortest import shortest
from research.reasoning.telling import Said, telling

PAGES = [
    Page("Larkspur (1950 film)", "Larkspur is a 1950 Italian film directed by Tor Vikdal and starring Wren Okafor."),
    Page("Night of Clocks", "Night of Clocks is a 1962 drama. It was directed by Ines Aldana."),
    Page(
        "Tor Vikdal",
        "Tor Vikdal (12 May 1901, Bergen – 3 March 1970) was a Norwegian director. He died in Oslo, Norway.",
    ),
    Page(
        "Ines Aldana",
        "Ines Aldana (born 4 July 1899 in Lima, Peru; died 1981) was a Peruvian director, buried in Cusco.",
    ),
    Page("Ada Vikdal", "Ada Vikdal was the daughter of Tor Vikdal and his wife Mia Holm. She married Bo Lund."),
    Page("Bo Lund", "Bo Lund was a Norwegian painter. He was a son of Olaf Lund."),
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which film came out first, Larkspur or Night Of Clocks?", "Larkspur"),
        ("Which film was released more recently, Larkspur (1950 Film) or Night Of Clocks?", "Night Of Clocks"),
        ("Who was born later, Tor Vikdal or Ines Aldana?", "Tor Vikdal"),
        ("Who is older, Tor Vikdal or Ines Aldana?", "Ines Aldana"),
        ("Who lived longer, Tor Vikdal or Ines Aldana?", "Ines Aldana"),
        (
            "Which film has the director who died earlier, Larkspur (1950 film) or Night of Clocks?",
            "Larkspur (1950 film)",
        ),
        ("Which film has the director born first, Larkspur or Night of Clocks?", "Night of Clocks"),
        ("Are Tor Vikdal and Bo Lund of the same nationality?", "yes"),
        ("Are Tor Vikdal and Ines Aldana both from the same country?", "no"),
        ("Do the films Larkspur and Night of Clocks have directors from the same country?", "no"),
        ("Are Tor Vikdal and Ines Aldana both directors?", "yes"),
        ("Was Tor Vikdal or Ines Aldana born first?", "Ines Aldana"),
        ("Who is older, Tor Vikdal or Bo Lund?", ""),  # a page that does not say when
        ("Who is Tor Vikdal?", ""),
        ("Which is older, a clock or a film?", ""),
    ],
)
def test_two_named_things_are_compared_where_their_pages_say_enough(question: str, answer: str) -> None:
    assert compared(question, PAGES) == answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was the director of film Larkspur born?", "12 May 1901"),
        ("Where was the director of Larkspur born?", "Bergen"),
        ("Which film has the director who is older, Larkspur or Lavender?", ""),  # a film is asked for, nobody's name
        ("What is the place of birth of the director of Night of Clocks?", "Lima, Peru"),
        ("Where did the director of Larkspur die?", "Oslo, Norway"),
        ("Where is the director of Night of Clocks buried?", "Cusco"),
        ("What is the date of death of Ada Vikdal's father?", "3 March 1970"),
        ("Who is Ada Vikdal's mother?", "Mia Holm"),
        ("Who is the father-in-law of Ada Vikdal?", "Olaf Lund"),
        ("What nationality is Ada Vikdal's husband?", "Norwegian"),
        ("Who is the mother of Bo Lund?", ""),
        ("What is a queue?", ""),
    ],
)
def test_a_property_is_looked_up_at_the_end_of_the_relations_that_lead_to_it(question: str, answer: str) -> None:
    assert looked_up(question, PAGES) == answer


def test_relations_are_read_from_the_named_thing_outwards() -> None:
    question = "Where was the father of the director of Larkspur born?"
    [(start, end, page)] = named(question, PAGES[:1])
    assert page is PAGES[0]
    assert relations(question, start, end) == ["director", "father"]
    assert relations("Larkspur's director's wife", 0, 8) == ["director", "spouse"]


def test_the_longest_name_is_the_one_that_is_meant() -> None:
    pages = [Page("Clocks", ""), Page("Night of Clocks", "")]
    assert [page.title for _start, _end, page in named("Who made Night of Clocks?", pages)] == ["Night of Clocks"]


def test_a_page_that_does_not_say_leads_nowhere() -> None:
    assert follow(PAGES[5], "mother") == ""
    assert follow(Page("A", "A is a film."), "director") == ""


@pytest.mark.parametrize(
    ("date", "found"),
    [("12 May 1901", (1901, 5, 12)), ("July 4, 1899", (1899, 7, 4)), ("1981", (1981, 0, 0)), ("", (0, 0, 0))],
)
def test_dates_are_compared_as_numbers(date: str, found: tuple[int, int, int]) -> None:
    assert when(date) == found


def test_the_sentence_that_answers_comes_before_the_one_that_only_leads_to_it() -> None:
    said = [
        Said("Jump for Glory", "Jump for Glory is a film directed by Raoul Walsh.", 0.9),
        Said("Betrayed", "Raoul Walsh and his spouse Miriam Cooper made it.", 0.6),
        Said("Spouse", "A spouse is a partner in a marriage.", 0.6),
    ]
    ranked = telling("Who is the spouse of the director of Jump for Glory?", said, [0.8, 0.7, 0.7])
    assert ranked[0].title == "Betrayed"
    assert shortest("Who is the spouse of the director of Jump for Glory?", [ranked[0].text]) == "Raoul Walsh"


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("What county borders it?", "Between Avery and McDowell County it runs.", "McDowell County"),
        ("In the year when it began, who led it?", "In 1901 it was led by Ines Aldana.", "Ines Aldana"),
        ("Who led it when it began?", "In 1901 it was led by Ines Aldana.", "Ines Aldana"),
        ("What is it?", "It is led by Ines Aldana.", ""),
        ("How long is it?", "In 2001 one bridge of 8 km joined two cities.", "8 km"),
        ("How many times is it tried?", "In 2001 it was tried five times.", "five times"),
    ],
)
def test_the_question_word_that_counts_says_what_kind_of_span_is_wanted(question, sentence, answer) -> None:
    assert shortest(question, [sentence]) == answer
