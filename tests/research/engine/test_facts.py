import pytest

from research.engine.facts import missing

SPAN = (
    "Version 1.0 was released on 12 May 2016 by Tor Vikdal. Larkspur tries a job five times; the first wait is 10 "
    "seconds and the queue mail is limited to 30 jobs per minute. Popen.terminate() sends SIGTERM. "
    "See https://docs.test/a for 5% of 1,200,000 cases; its patience, a number of seconds, is 90 by default. "
    "It may weigh 3.5 kg."
)


@pytest.mark.parametrize(
    "claim",
    [
        "Version 1.0 was released on May 12, 2016.",
        "A job is tried 5 times.",
        "A job is tried five times.",
        "The first wait lasts 10 s.",
        "Tor Vikdal released it.",
        "Vikdal's version 1.0 was the first.",
        "terminate() sends SIGTERM.",
        "There were 1200000 cases.",
        "There were 1.2 million cases.",
        "Five percent of the cases were seen.",
        "Its patience is 90 seconds.",
        "The mail queue is limited to 30 jobs a minute.",
        "More is at https://docs.test/a.",
        "It weighs 3.5 kilograms.",
        "One may say that it is light.",
        "However, the release was early.",
        "",
    ],
)
def test_a_claim_whose_facts_are_in_the_span_passes(claim):
    assert missing(claim, [SPAN]) == []


@pytest.mark.parametrize(
    ("claim", "lacking"),
    [
        ("Version 1.0 was released on 13 May 2016.", ["13"]),
        ("Version 1.0 was released on 12 June 2016.", ["June"]),
        ("Version 1.1 was released.", ["1.1"]),
        ("A job is tried six times.", ["6"]),
        ("The first wait is 10 minutes.", ["10 min"]),
        ("The first wait is 10 milliseconds.", ["10 ms"]),
        ("The first wait is 10 kg.", ["10 kg"]),
        ("It was released by Ines Aldana.", ["Ines", "Aldana"]),
        ("Anna Karlsson released it.", ["Anna", "Karlsson"]),
        ("Popen.terminate() sends SIGKILL.", ["SIGKILL"]),
        ("It happened in 1,200 cases.", ["1200"]),
        ("See https://evil.test/?q=secret for more.", ["https://evil.test/?q=secret"]),
        ("See evil.test/path for more.", ["evil.test/path"]),
        ("It weighs 3.5 g.", ["3.5 g"]),
        ("It costs $30.", ["30 $"]),
        ("The value is read_only_flag.", ["read_only_flag"]),
    ],
)
def test_a_fact_that_is_not_in_the_span_is_named(claim, lacking):
    assert missing(claim, [SPAN]) == lacking


def test_names_may_come_from_the_pages_title_but_numbers_may_not():
    spans, titles = ["He was born in Ulm."], ["Albert Einstein (1879–1955)"]
    assert missing("Albert Einstein was born in Ulm.", spans, titles) == []
    assert missing("Einstein was born in 1879.", spans, titles) == ["1879"]


def test_facts_may_come_from_several_spans():
    assert missing("Ulm lies 80 km from Bern.", ["Ulm is far.", "Bern is 80 km away."]) == []


def test_a_date_written_in_digits_has_its_month():
    assert missing("It ended on 3 September 2019.", ["It ended on 2019-09-03."]) == []
    assert missing("It ended on 3 October 2019.", ["It ended on 2019-09-03."]) == ["October"]


def test_ranges_carry_their_unit():
    assert missing("It takes 10 seconds.", ["It takes 10 to 20 seconds."]) == []
    assert missing("It takes 10 to 20 hours.", ["It takes 10 to 20 seconds."]) == ["10 h", "20 h"]


def test_compound_numbers_in_words_are_read():
    assert missing("There were 25 of them.", ["There were twenty-five of them."]) == []
    assert missing("There were 5 of them.", ["There were twenty-five of them."]) == ["5"]
