"""The verdict on a page: what stays, what goes and under which name."""

import pytest

from search_index.judgement.language import senseless
from search_index.judgement.measures import measure
from search_index.judgement.quality import Verdict, verdict
from search_index.judgement.words import Words
from tests.search_index.judgement import texts


def judged(text: str, title: str = "", language: str = "en", links: tuple[str, ...] = ()) -> Verdict:
    return verdict(text, title, language, measure(Words(text), links, "example.org", senseless(text)))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (texts.ARTICLE, "en"),
        (texts.POEM, "en"),
        (texts.REFERENCE, "en"),
        (texts.TABLE, "en"),
        (texts.GERMAN, "de"),
        (texts.JAPANESE, "ja"),
        (texts.NOTE, "en"),
        ("404 ways to cook an egg\n\n" + texts.ARTICLE, "en"),
        ("This chapter says how cookies are set and how consent is stored.\n\n" + texts.ARTICLE, "en"),
    ],
    ids=["article", "poem", "reference", "table", "german", "japanese", "short", "404 in a title", "about cookies"],
)
def test_what_is_worth_reading_stays(text: str, language: str) -> None:
    told = judged(text, language=language)
    assert (told.keep, told.reason, told.signals.get("rule")) == (True, "", None)


@pytest.mark.parametrize(
    ("text", "reason", "rule"),
    [
        ("Sorry, the page you are looking for does not exist. Go back to the start.", "boilerplate", "not_found"),
        ("Die gesuchte Seite wurde leider nicht gefunden. Zurück zur Startseite, bitte.", "boilerplate", "not_found"),
        ("Please log in to view this page. Email, password. Forgot your password? Sign up.", "boilerplate", "wall"),
        ("You need to enable JavaScript to run this app. It will not work without.", "boilerplate", "script"),
        (
            "We use cookies to show you ads. Our partners process personal data. Accept all or manage options here.",
            "boilerplate",
            "consent",
        ),
        ("This domain is for sale! Make an offer to the owner of it today.", "boilerplate", "parked"),
        (texts.lorem(), "boilerplate", "lorem_ipsum"),
        (texts.stuffed(), "spam", "stuffed"),
        (texts.keywords(), "spam", "stuffed"),
        (" ".join("{big|large|huge} word number" for _ in range(40)), "spam", "spintax"),
        ("\n".join(["We sell the best boats of the whole coast."] * 40), "repeated", "repeated"),
        (texts.noise(1), "gibberish", "noise"),
        ("Next page", "thin", "thin"),
    ],
)  # fmt: skip
def test_what_is_not_goes_with_its_reason(text: str, reason: str, rule: str) -> None:
    told = judged(text)
    assert (told.keep, told.reason, told.signals["rule"]) == (False, reason, rule)
    assert told.sentence


@pytest.mark.parametrize("seed", range(5))
def test_sentences_that_have_nothing_to_do_with_each_other_are_gibberish(seed: int) -> None:
    assert judged(texts.markov(seed)).reason == "gibberish"


def test_links_to_many_sites_without_a_word_about_them_are_a_link_farm() -> None:
    links = tuple(f"https://shop{number}.example/" for number in range(80))
    anchors = "\n".join(f"- Shop {number}" for number in range(80))
    assert judged(anchors, links=links).reason == "linkfarm"
    described = "\n".join(f"- Shop {number} sells boats, sails and ropes to all the harbours." for number in range(80))
    assert judged(described, links=links).reason != "linkfarm"


def test_english_rules_leave_other_languages_alone() -> None:
    assert judged(texts.markov(1), language="id").keep


def test_a_published_filter_that_fails_lowers_the_score_and_keeps_the_page() -> None:
    told = judged(texts.TABLE)
    assert told.keep
    assert "gopher_alphabetic" in told.signals["failed"]
    assert told.score < judged(texts.ARTICLE).score == 1.0


def test_a_text_of_one_word_a_million_times_is_judged_quickly() -> None:
    assert judged("boat " * 1_000_000).reason in {"spam", "repeated"}
