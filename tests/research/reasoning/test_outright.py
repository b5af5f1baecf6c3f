"""What a page that the person pointed to says outright, and what is no answer there."""

import pytest

from research.engine.values import Evidence, addresses, is_page_of, is_site_of
from research.reasoning.outright import outright

GIVEN = "http://mill.test/about"


def said(question: str, line: str, title: str = "The mill", url: str = GIVEN) -> str:
    known = [Evidence(1, 1, 1, 0, len(line), line, 0.5, title, url)]
    found = outright(question, known, (GIVEN,))
    return found.answer if found else ""


@pytest.mark.parametrize(
    ("question", "line", "answer"),
    [
        ("How tall is the mill of Vessen?", "The sails stand 27 metres tall in the wind.", "27 metres"),
        ("Who restored the mill of Vessen?", "It was restored by Greta Molen.", "Greta Molen"),
        ("Which miller worked it in 1822?", "In 1822 it was Pieter Dorn who worked it.", "Pieter Dorn"),
        ("How many floors has the mill?", "There are six floors above the stones.", "six floors"),
        ("How deep is the mill pond?", "In spring the mill pond is four feet deep.", "four feet"),
        ("What colour are the sails?", "The sails are painted dark green.", "dark green"),
        ("What flour does the mill grind?", "The mill grinds rye flour and nothing else.", "rye flour"),
        ("When is the mill open?", "The mill is open on Sundays from two to five.", "Sundays from two to five"),
        ("Where does the path begin?", "The path begins behind the old bakery at the bridge.", "old bakery"),
        ("Which grain was sold in lot 12?", "- 11: a load of oats\n- 12: a load of spelt", "load of spelt"),
        ("What did a sack cost in 1840?", "1830: 9 florins\n1840: 12 florins", "12 florins"),
        ("How much does a sack weigh?", "Each sack weighs 70 pounds.", "70 pounds"),
        ("What is the mill's output?", "The mill's output was low that year.", "The mill's output was low that year."),
    ],
)
def test_a_line_with_what_is_asked_and_of_its_form_answers(question, line, answer):
    assert said(question, line) == answer


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("Who restored the mill of Vessen?", "The mill was painted by Greta Molen."),  # not what is asked of it
        ("Which miller worked it in 1822?", "In 1823 it was Pieter Dorn who worked it."),
        ("How many floors has the mill?", "There are six sails on the mill."),
        ("When is the mill open?", "The mill is open."),
        ("What colour are the sails?", "The sails were made by Greta Molen."),
        ("What is the mill's output?", "Mill's output"),  # what a button is called
        ("What did a sack cost in 1840?", "1830: 9 florins"),
        ("What is the record of Dorn?", "The table has the record of each miller."),  # many things on one page
        ("What is the mill's record output?", "The mill's output was low that year."),
        ("Wann wurde die Mühle gebaut?", "Die Mühle wurde am 4."),  # a sentence that was cut, in words not known here
    ],
)
def test_what_has_other_words_or_another_form_or_is_a_label_does_not(question, line):
    assert said(question, line) == ""


def test_names_are_taken_as_said_on_the_given_page_alone():
    question, line = "How tall is the mill of Vessen?", "The mill is 27 metres tall."
    assert said(question, line, url=f"{GIVEN}?part=2#:~:deeds=12ab") == "27 metres"
    assert said(question, "The tower is 27 metres tall.", url="http://mill.test/other") == ""
    assert said(question, line, url="http://elsewhere.test/about") == ""


def test_the_line_with_most_of_the_question_answers_whatever_comes_first():
    lines = [("The wheel was built by Ada Holt.", 0.9), ("The mill wheel was built in 1790 by Bo Lund.", 0.2)]
    known = [Evidence(n, 1, n, 0, len(line), line, score, "", GIVEN) for n, (line, score) in enumerate(lines, 1)]
    found = outright("Who built the mill wheel in 1790?", known, (GIVEN,))
    assert found is not None
    assert (found.evidence.number, found.answer) == (2, "Bo Lund")


def test_a_page_is_the_same_with_another_query_and_after_deeds():
    assert is_page_of("http://mill.test/about?page=2", [GIVEN])
    assert is_page_of("http://MILL.test/about/#:~:deeds=1", [GIVEN])
    assert not is_page_of("http://mill.test/other", [GIVEN])
    assert is_site_of("http://mill.test/other", [GIVEN])
    assert not is_site_of("http://mill.test:81/about", [GIVEN])


def test_what_is_no_address_is_of_no_site():
    assert not is_site_of("http://[half", [GIVEN, "http://[half"])
    assert not is_page_of(GIVEN, ["http://[half"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See http://mill.test/a, then (https://mill.test/b).", ("http://mill.test/a", "https://mill.test/b")),
        ("How high is http://[2001:db8::1]:8080/tower?", ("http://[2001:db8::1]:8080/tower",)),
        ("[the tower](http://mill.test/tower)", ("http://mill.test/tower",)),
        ("http://[half How high?", ("http://[half",)),
        ("What does https:// mean?", ()),
    ],
)
def test_addresses_are_found_in_a_text(text, found):
    assert addresses(text) == found
