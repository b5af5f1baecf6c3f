"""Which pages that HTTP has brought go to the browser, and what is learned of a host."""

import pytest

from search_index.extract import Extracted
from search_index.scripted import Sign, learn, sign, worth_it

LONG = "word " * 400


@pytest.mark.parametrize(
    ("body", "words", "expected"),
    [
        ("<p>Short.</p>", "Short.", Sign.NONE),
        ("<p>Short.</p><script>count()</script>", "Short.", Sign.WEAK),
        ("<p>Short.</p><script type=module src=/x.js></script>", "Short.", Sign.LIKELY),
        ("<div id=root></div><script src=/static/js/main.8f.js></script>", "", Sign.STRONG),
        ("<div id='app' class='a'><!-- here --></div><script></script>", "", Sign.STRONG),
        ("<body><app-root>Loading...</app-root><script></script>", "Loading...", Sign.STRONG),
        ("<main id=c><p>Loading …</p></main><script></script>", "word " * 120, Sign.STRONG),
        ("<noscript>You need to enable JavaScript to run this app.</noscript><script></script>", "", Sign.STRONG),
        ("<div id=__next><p>Text.</p></div><script></script>", LONG, Sign.NONE),
        ("<article>Text</article><div id=root></div><script></script>", LONG, Sign.WEAK),
        ("<article>Text</article><div>Loading comments ...</div><script></script>", LONG, Sign.NONE),
    ],
)
def test_the_signs_of_a_page(body: str, words: str, expected: Sign) -> None:
    assert sign(f"<!doctype html><html>{body}".encode(), Extracted(words)) == expected


def test_a_list_of_links_is_not_rendered() -> None:
    assert sign(b"<script></script>", Extracted("", only_links=True)) == Sign.NONE


@pytest.mark.django_db
def test_a_host_is_remembered_where_the_signs_are_weak() -> None:
    assert [worth_it("a.test", one) for one in Sign] == [False, True, True, True]
    learn("a.test", gained=False)
    learn("a.test", gained=False)
    assert [worth_it("a.test", one) for one in Sign] == [False, False, True, True]
    for _page in range(3):
        learn("b.test", gained=True)
    learn("b.test", gained=False)
    learn("b.test", gained=False)
    assert worth_it("b.test", Sign.WEAK)
