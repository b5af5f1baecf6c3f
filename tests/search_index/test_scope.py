"""Which addresses belong to a source: patterns, their order, and what they must not be fooled by."""

import time

import pytest

from search_index import policy, sources
from search_index.models import Source
from search_index.scope import patterns

START = "https://example.org/docs/index.html"


def holds(url: str, *, allow: str = "", deny: str = "", kind: str = "site", location: str = START) -> bool:
    return sources.scope(Source(kind=kind, location=location, allow=allow, deny=deny)).holds(url)


@pytest.mark.parametrize(
    ("pattern", "url", "fits"),
    [
        ("/guide/*", "https://e.org/guide/", True),
        ("/guide/*", "https://e.org/guide/a/b.html", True),
        ("/guide/*", "https://e.org/guide", False),
        ("/guide/*", "https://e.org/a/guide/b", False),
        ("/guide/", "https://e.org/guide/a", True),  # a folder means all below it
        ("/guide", "https://e.org/guide/a", False),
        ("*.html", "https://e.org/a/b.html", True),
        ("*.html", "https://e.org/a/b.html?page=2", True),  # what follows the question mark does not matter
        ("*.html", "https://e.org/a/b.htm", False),
        ("*?page=*", "https://e.org/a?page=2", True),  # unless the pattern has one
        ("*?page=*", "https://e.org/a?sort=page=2", False),
        ("*", "https://e.org/", True),
        ("/a*a", "https://e.org/a", False),  # the two ends must not overlap
        ("/a*a", "https://e.org/aa", True),
        ("/*/b/*/d", "https://e.org/a/b/c/d", True),
        ("/*/b/*/d", "https://e.org/a/c/b/d", False),
        ("/[ab].c", "https://e.org/a.c", False),  # only the star is special
        ("/a.c", "https://e.org/abc", False),
        ("/Über uns/*", "https://e.org/%C3%9Cber%20uns/x", True),
        ("/%c3%9cber/*", "https://e.org/%C3%9Cber/x", True),
        ("/Guide/*", "https://e.org/guide/x", False),  # paths are told apart by their case
        ("https://e.org/a/*", "https://e.org/a/b", True),
        ("https://e.org/a/*", "http://e.org/a/b", False),
        ("*://e.org/a/*", "http://e.org/a/b", True),
        ("https://E.ORG/a/*", "https://e.org/a/b", True),
        ("https://e.org/*", "https://e.org.evil.net/a", False),
        ("https://*.e.org/*", "https://evil.net/https://x.e.org/a", False),
        ("https://*.e.org/*", "https://docs.e.org/a", True),
        ("https://e.org", "https://e.org/any/thing", True),
        ("https://e.org/", "https://e.org/any/thing", True),
        ("https://bücher.example/*", "https://xn--bcher-kva.example/a", True),
        ("/to=http://*", "https://e.org/a", False),  # no whole address: it does not begin like one
    ],
)
def test_a_pattern_fits(pattern: str, url: str, fits: bool) -> None:
    (made,) = patterns(pattern)
    assert made.fits(policy.parse(url)) is fits


def test_patterns_are_read_line_by_line() -> None:
    assert [one.text for one in patterns(" /a/* \r\n\n*.html\n")] == ["/a/*", "*.html"]
    assert patterns("\n  \n") == ()


def test_an_address_made_for_a_pattern_keeps_nobody_busy() -> None:
    (made,) = patterns("*a" * 30 + "b")
    began = time.monotonic()
    assert not made.fits(policy.parse("https://e.org/" + "a" * 4000))
    assert time.monotonic() - began < 10


def test_deny_goes_before_allow() -> None:
    assert holds("https://example.org/docs/a.html", allow="*.html", deny="/docs/b*")
    assert not holds("https://example.org/docs/b.html", allow="*.html", deny="/docs/b*")
    assert not holds("https://example.org/docs/b.html", allow="/docs/b.html", deny="*")


def test_allow_narrows_what_lies_below_the_start() -> None:
    assert holds("https://example.org/docs/a.html", allow="*.html\n/docs/guide/*")
    assert holds("https://example.org/docs/guide/a", allow="*.html\n/docs/guide/*")
    assert not holds("https://example.org/docs/a.pdf", allow="*.html\n/docs/guide/*")
    assert not holds("https://example.org/other/a.html", allow="*.html")
    assert not holds("https://other.org/docs/a.html", allow="*.html")


def test_a_pattern_for_whole_addresses_lets_in_another_host() -> None:
    allow = "https://api.example.org/*\n/docs/*"
    assert holds("https://api.example.org/reference", allow=allow)
    assert holds("https://example.org/docs/a", allow=allow)
    assert not holds("https://blog.example.org/a", allow=allow)
    assert not holds("https://api.example.org/logo.png", allow=allow)
    assert not holds("https://api.example.org/private/a", allow=allow, deny="/private/")


def test_a_page_and_a_feed_hold_what_they_are_redirected_to() -> None:
    for kind in ("page", "feed"):
        assert holds("https://elsewhere.net/a", kind=kind)
        assert not holds("https://elsewhere.net/a", kind=kind, deny="*://elsewhere.net/*")
        assert not holds("https://elsewhere.net/a", kind=kind, allow="*.html")
        assert not holds("javascript:alert(1)", kind=kind)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://example.org/docs/a", ""),
        ("https://example.org/docs/x/a", "pattern /docs/x/ keeps it out"),
        ("https://example.org/a", "does not lie below /docs/"),
        ("https://other.org/docs/a", "on another host"),
        ("https://example.org/docs/a.png", "no text at it"),
    ],
)
def test_a_refusal_says_why(url: str, says: str) -> None:
    refusal = sources.scope(Source(kind="site", location=START, deny="/docs/x/")).refusal(url)
    assert says in refusal
    assert bool(refusal) is bool(says)


def test_an_address_that_fits_no_pattern_says_so() -> None:
    scope = sources.scope(Source(kind="site", location=START, allow="*.html"))
    assert "none of the patterns" in scope.refusal("https://example.org/docs/a")
