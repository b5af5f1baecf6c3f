"""Which spellings of an address are one page."""

import pytest

from search_index.spelling import same_page, without_tracking


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://e.org/a?utm_source=x&id=7&fbclid=y", "https://e.org/a?id=7"),
        ("https://e.org/a?gclid=1", "https://e.org/a"),
        ("https://e.org/shop;jsessionid=0A1B?id=7", "https://e.org/shop?id=7"),
        ("https://e.org/a?PHPSESSID=abc&q=terns", "https://e.org/a?q=terns"),
        ("https://e.org/a?q=utm_source", "https://e.org/a?q=utm_source"),
        ("https://e.org/a?", "https://e.org/a"),
        ("https://e.org/a;b", "https://e.org/a;b"),
    ],
)
def test_what_only_tells_visitors_apart_goes(url: str, bare: str) -> None:
    assert without_tracking(url) == bare


@pytest.mark.parametrize(
    ("url", "named", "believed"),
    [
        ("https://e.org/a/?page=2&sort=up", "https://e.org/a?page=2", True),
        ("http://www.e.org/a/index.html", "https://e.org/a/", True),
        ("https://e.org/About", "https://e.org/about", True),
        ("https://e.org/a?id=7", "https://e.org/a?id=8", False),
        ("https://e.org/a", "https://e.org/", False),  # every page of a badly set up site names its start page
        ("https://e.org/a", "https://other.org/a", False),
    ],
)
def test_a_page_is_believed_about_spellings_only(url: str, named: str, believed: bool) -> None:
    assert same_page(url, named) is believed
