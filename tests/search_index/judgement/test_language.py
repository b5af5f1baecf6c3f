"""The language of a text, and what a page's own word about it counts."""

import threading

import pytest

from search_index.judgement.language import language, senseless
from tests.search_index.judgement import texts


@pytest.mark.parametrize(
    ("text", "declared", "told"),
    [
        (texts.ARTICLE, "", "en"),
        (texts.GERMAN, "", "de"),
        (texts.GERMAN, "en-US", "de"),
        (texts.JAPANESE, "en", "ja"),
        ("Hello", "", ""),
        ("Hello", "fr_FR", "fr"),
        ("Det er en dansk sætning om hvordan man laver kaffe i morgen.", "da", "da"),
        (texts.GERMAN * 4 + texts.ARTICLE[:200], "", "de"),
        ("    print(x)\n" * 40 + "This is what the function does when it is called.", "", "en"),
        ("", "", ""),
        ("1 2 3 4 5", "nonsense", ""),
    ],
)
def test_the_language_of_most_of_the_text_is_told(text: str, declared: str, told: str) -> None:
    assert language(text, declared) == told


def test_letters_at_random_are_in_no_language() -> None:
    assert senseless(texts.noise(3)) > 0.9
    assert senseless(texts.ARTICLE) == 0.0


def test_threads_may_ask_at_the_same_time() -> None:
    told: list[str] = []
    threads = [threading.Thread(target=lambda: told.append(language(texts.GERMAN))) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["de"] * 8
