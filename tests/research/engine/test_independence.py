"""Independent sources: one owner and copies count once."""

import pytest

from research.engine.independence import Origin, independent, registrable, weighed
from research.engine.stated import stated
from research.engine.values import CheckedClaim, Evidence

LONG = "The bridge over the Orm was painted red by carters who had been paid in herring and in rope that winter. " * 3


def evidence(number: int, quote: str = "The Varn Bridge was opened in 1932.") -> Evidence:
    return Evidence(number, 1, number, 0, len(quote), quote, 1.0, "Varn Bridge", "")


def origin(number: int, host: str = "", text: str = "", **more: object) -> Origin:
    fields = {"source": f"source{number}", "cluster": None, "source_class": "", "author": "", **more}
    return Origin(number, host, text=text or f"Text number {number} says what it says.", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "whole"),
    [
        ("www.news.bbc.co.uk", "bbc.co.uk"),
        ("docs.python.org", "python.org"),
        ("ann.github.io", "ann.github.io"),
        ("bob.github.io:8000", "bob.github.io"),
        ("127.0.0.1", "127.0.0.1"),
        ("larkspur.test", "larkspur.test"),
    ],
)
def test_what_somebody_registered_is_one_source(host, whole):
    assert registrable(host) == whole


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        (origin(1, "a.example.org"), origin(2, "b.example.org"), 1),
        (origin(1, "a.org"), origin(2, "b.org"), 2),
        (origin(1, "a.org", cluster=7), origin(2, "b.org", cluster=7), 1),
        (origin(1, "a.org", LONG), origin(2, "b.org", LONG), 1),
        (origin(1, source="docs"), origin(2, source="docs"), 1),
        (origin(1, source="docs"), origin(2, source="notes"), 2),
        (origin(1, source="docs"), origin(2, "b.org", source="docs"), 2),
    ],
)
def test_one_owner_and_copies_count_once(one, other, count):
    found = independent([evidence(1), evidence(2)], {1: one, 2: other})
    assert len(set(found.values())) == count
    assert found[1] == 1


def test_a_long_quotation_that_two_pages_share_is_one_source():
    pages = {1: origin(1, "a.org"), 2: origin(2, "b.org")}
    assert len(set(independent([evidence(1, LONG), evidence(2, LONG)], pages).values())) == 1


def test_texts_that_disagree_are_no_copies_of_each_other():
    pages = {1: origin(1, "a.org", LONG + "It has 5 arches."), 2: origin(2, "b.org", LONG + "It has 7 arches.")}
    known = [evidence(1), evidence(2)]
    assert len(set(independent(known, pages).values())) == 1
    assert len(set(independent(known, pages, [(2, 1)]).values())) == 2


def claimed(classes: dict[int, str], *, host: str = "a.org", outvoted: frozenset[int] = frozenset()) -> CheckedClaim:
    claim = CheckedClaim("", "The Varn Bridge was opened in 1932.", (1,), "supported")
    said = {1: "The Varn Bridge was opened in 1932.", 2: "Inaugurated in 1932, the Varn Bridge is red.",
            3: "The Varn Bridge was opened in 1947."}  # fmt: skip
    return weighed(
        claim,
        sources={number: number for number in classes},
        origins={number: {"host": host, "class": name, "author": ""} for number, name in classes.items()},
        statements={number: [stated(said[number])] for number in classes},
        outvoted=outvoted,
    )


def test_a_claim_counts_who_says_the_same_and_not_who_says_otherwise():
    assert claimed({1: "news", 2: "news", 3: "news"}).independent == 2
    assert claimed({1: "news", 2: "news", 3: "news"}).caution == ""


@pytest.mark.parametrize(("name", "word"), [("vendor", "vendor"), ("forum", "forum"), ("user", "user"), ("", "who")])
def test_a_claim_that_rests_on_one_weak_source_says_so(name, word):
    assert word in claimed({1: name}).caution


def test_one_good_source_a_file_or_two_forums_need_no_caution():
    assert claimed({1: "primary"}).caution == ""
    assert claimed({1: ""}, host="").caution == ""
    assert claimed({1: "forum", 2: "forum"}).caution == ""


def test_a_claim_that_only_outvoted_evidence_says_is_disputed():
    assert "otherwise" in claimed({1: "forum"}, outvoted=frozenset({1})).caution
