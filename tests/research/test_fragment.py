from urllib.parse import unquote

import pytest

from research.views.fragment import LONGEST, at_passage

URL = "https://clocks.example/page"
TEXT = "Sea clocks\nJohn-Harrison, who & what: 100%. The end.\nAgain now. The end.\nLast words"


def at(quote: str, text: str = TEXT, *, last: bool = False, url: str = URL) -> str:
    start = text.rindex(quote) if last else text.index(quote)
    return at_passage(url, text, start, start + len(quote)).removeprefix(url)


@pytest.mark.parametrize(
    ("quote", "fragment"),
    [
        ("Sea clocks", "#:~:text=Sea%20clocks"),
        ("John-Harrison, who & what: 100%.", "#:~:text=John%2DHarrison%2C%20who%20%26%20what%3A%20100%25."),
        ("Sea clocks\nJohn-Harrison, who", "#:~:text=Sea%20clocks,John%2DHarrison%2C%20who"),
    ],
)
def test_a_quotation_is_percent_encoded_with_the_signs_that_have_a_meaning(quote, fragment):
    assert at(quote) == fragment


def test_words_that_stand_elsewhere_before_are_told_apart_by_what_is_before_them():
    assert at("The end.") == "#:~:text=The%20end."
    assert at("The end.", last=True) == "#:~:text=Again%20now.-,The%20end."


def test_a_long_quotation_is_named_by_its_ends():
    quote = " ".join(f"word{number}" for number in range(100))
    assert len(quote) > LONGEST
    fragment = unquote(at(quote, f"Before. {quote} After."))
    assert fragment == "#:~:text=word0 word1 word2 word3 word4 word5,word94 word95 word96 word97 word98 word99"


def test_an_end_that_comes_twice_is_told_apart_by_what_is_after_it():
    fragment = at("First. So it is.\nSo it is.", "First. So it is.\nSo it is. Not so.")
    assert fragment == "#:~:text=First.%20So%20it%20is.,So%20it%20is.,-Not%20so."


def test_a_fragment_that_is_there_is_kept():
    assert at("Sea clocks", url=f"{URL}#top") == ":~:text=Sea%20clocks"


def test_no_quotation_is_no_fragment():
    assert at_passage(URL, TEXT, 0, 0) == URL
