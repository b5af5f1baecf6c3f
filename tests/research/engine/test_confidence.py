"""What speaks for a short answer, when to say "not found" instead, and how far a sentence can be trusted."""

import pytest

from research.engine.confidence import basis, confidence, fits, is_estimated, of_claim, signs, withheld
from research.engine.values import CheckedClaim, Evidence, Verdict

FILM = ("Larkspur (1950 film)", "Larkspur is a 1950 film. It was directed by Tor Vikdal.")
DIRECTOR = ("Tor Vikdal", "Tor Vikdal was born in Bergen and died in Oslo.")
NEAR = ("Ada Holm", "Ada Holm directed the film Lavender. She was born in Lima.")
QUESTION = "Where was the director of film Larkspur born?"


def evidence(*pages: tuple[str, str]) -> list[Evidence]:
    return [
        Evidence(number, 1, number, 0, len(quote), quote, 0.9, title, f"http://films.test/{number}")
        for number, (title, quote) in enumerate(pages, start=1)
    ]


def claim(verdict: Verdict, judge: str = "", independent: int = 1) -> CheckedClaim:
    return CheckedClaim("", "Tor was there.", (1,), verdict, judge=judge, independent=independent)


def test_what_was_not_fitted_is_not_estimated_where_the_question_says_where_to_look():
    assert is_estimated("What colour is the lantern room?")
    assert not is_estimated("What colour is the lantern room? https://orrin.example/search")


def test_an_answer_on_a_page_that_the_named_one_leads_to_is_surer_than_one_beside_the_way():
    known = evidence(FILM, DIRECTOR, NEAR)
    assert signs(QUESTION, "Bergen", known).linked == 1
    assert confidence(QUESTION, "Bergen", known) > 4 * confidence(QUESTION, "Lima", known)


def test_where_nothing_that_is_named_was_found_no_answer_is_given():
    assert withheld(QUESTION, "Lima", evidence(NEAR))
    assert not withheld(QUESTION, "Bergen", evidence(FILM, DIRECTOR, NEAR))


def test_a_passage_with_the_words_of_the_question_answers_it_whatever_its_page_is_called():
    known = evidence(("People", "Tor Vikdal wrote the first version of Larkspur."))
    assert signs("Who wrote the first version of Larkspur?", "Tor Vikdal", known).direct == 1
    assert not withheld("Who wrote the first version of Larkspur?", "Tor Vikdal", known)


def test_a_question_that_names_nothing_is_answered_if_the_form_fits():
    known = evidence(("Retries", "A job is tried again. The first wait is 10 seconds."))
    assert not withheld("How long is the first wait?", "10 seconds", known)
    assert withheld("How long is the first wait?", "A job is tried again", known)


@pytest.mark.parametrize(
    ("known", "found"),
    [
        (evidence(NEAR), True),
        (evidence(("Films of Ada Holm", "She made Lavender in 1951."), NEAR), True),
        (evidence(("Films", "Lavender is of 1951, Larkspur of 1950.")), False),
        (evidence(("Lavender (film)", "Lavender is a 1951 film.")), False),
    ],
)
def test_one_of_two_is_not_chosen_where_nothing_was_found_of_both(known: list[Evidence], found: bool):
    assert withheld("Which film was released first, Larkspur or Lavender?", "Larkspur", known) is found
    assert withheld("Were Larkspur and Lavender both released in 1950?", "No", known) is found


@pytest.mark.parametrize(
    "question",
    [
        "Why does it try again?",
        "How does it try again?",
        "What does Larkspur do when a job fails?",
        "What happens then?",
    ],
)
def test_what_is_to_be_explained_is_neither_withheld_nor_estimated(question: str):
    assert not withheld(question, "A job is tried again.", evidence(("Elsewhere", "Nothing of it.")))
    assert not is_estimated(question)


def test_how_much_and_when_are_not_explained():
    assert all(
        map(is_estimated, ("How long is the first wait?", "When was Larkspur released?", "What is its capital?"))
    )


@pytest.mark.parametrize(
    ("question", "answer", "is_fit"),
    [
        ("When was Larkspur released?", "12 May 1950", True),
        ("When was Larkspur released?", "Oslo", False),
        ("Who is told when Larkspur fails?", "Ines Aldana", True),
        ("How many people maintain it?", "four", True),
        ("How many people maintain it?", "Tor Vikdal", False),
        ("Who directed Larkspur?", "Tor Vikdal", True),
        ("Who directed Larkspur?", "Larkspur", False),  # it only repeats the question
        ("Who directed Larkspur?", "1950", False),
        ("Where are the logs kept?", "/var/log/larkspur", True),
        ("Are Oslo and Bergen in Norway?", "yes", True),
        ("Are Oslo and Bergen in Norway?", "Tor Vikdal", False),
        ("Which is older, Oslo or Bergen?", "Bergen", True),
        ("Which is older, Oslo or Bergen?", "Tor Vikdal", False),
        ("Why does it wait?", "Because the server is busy.", True),
        ("Why does it wait?", "", False),
    ],
)
def test_an_answer_has_the_form_that_the_question_asks_for(question: str, answer: str, is_fit: bool):
    assert fits(question, answer) is is_fit


def test_what_one_passage_says_is_said_and_what_follows_from_several_is_inferred():
    known = evidence(FILM, DIRECTOR, NEAR)
    said = basis("Who directed Larkspur?", "Tor Vikdal", known)
    assert (said.said, said.inferred) == ((1,), False)
    chain = basis(QUESTION, "Bergen", known)
    assert (chain.said, chain.way, chain.inferred) == ((2,), (1,), True)
    compared = basis("Are Larkspur and Tor Vikdal from the same country?", "yes", known)
    assert (compared.said, compared.way, compared.inferred) == ((), (1, 2), True)


def test_a_quotation_is_no_truer_than_its_source():
    of_forum = of_claim(claim("quoted"), {"forum"}, 0)
    of_references = of_claim(claim("supported", "model", independent=3), {"reference"}, 0)
    assert of_forum is not None
    assert of_references is not None
    assert of_forum < of_references < 1


def test_sources_that_say_otherwise_and_half_support_make_a_sentence_less_sure():
    whole = of_claim(claim("supported", "model"), {"news"}, 0)
    contested = of_claim(claim("supported", "model"), {"news"}, 1)
    partly = of_claim(claim("partly", "model"), {"news"}, 0)
    assert whole is not None
    assert contested == pytest.approx(whole / 2, abs=0.001)
    assert partly is not None
    assert partly < whole


@pytest.mark.parametrize("verdict", ["contradicted", "unsupported", "uncheckable"])
def test_what_states_nothing_or_was_struck_has_no_confidence(verdict: Verdict):
    assert of_claim(claim(verdict), {"news"}, 0) is None


def test_a_page_whose_address_stands_in_the_question_is_about_what_it_names():
    known = evidence(("Height", "The tower is 41 metres high."))
    asked = "How high is the lighthouse of Orrin?"
    assert withheld(asked, "41 metres", known)
    assert not withheld(f"{asked} {known[0].url}", "41 metres", known)
    assert confidence(f"{asked} {known[0].url}", "41 metres", known) > confidence(asked, "41 metres", known)


def test_a_time_and_a_place_in_plain_words_are_of_the_form_that_is_asked_for():
    assert fits("When may one visit?", "Saturdays from ten to four")
    assert not fits("When may one visit?", "the old fish quay")
    assert fits("Where does the ferry leave?", "old fish quay")
    assert not fits("Where does the ferry leave?", "ferry")
