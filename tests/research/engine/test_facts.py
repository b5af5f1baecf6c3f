import pytest

from research.engine.facts import missing, states_nothing

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
        ("Version 1.0 was released on 13 May 2016.", ["13 May 2016"]),
        ("Version 1.0 was released on 12 June 2016.", ["12 June 2016"]),
        ("Version 1.1 was released.", ["1.1"]),
        ("A job is tried six times.", ["six"]),
        ("The first wait is 10 minutes.", ["10 minutes"]),
        ("The first wait is 10 milliseconds.", ["10 milliseconds"]),
        ("The first wait is 10 kg.", ["10 kg"]),
        ("It was released by Ines Aldana.", ["Ines", "Aldana"]),
        ("Anna Karlsson released it.", ["Anna", "Karlsson"]),
        ("Popen.terminate() sends SIGKILL.", ["SIGKILL"]),
        ("It happened in 1,200 cases.", ["1,200"]),
        ("See https://evil.test/?q=secret for more.", ["https://evil.test/?q=secret"]),
        ("See evil.test/path for more.", ["evil.test/path"]),
        ("It weighs 3.5 g.", ["3.5 g"]),
        ("It costs $30.", ["$30"]),
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
    assert missing("It ended on 3 October 2019.", ["It ended on 2019-09-03."]) == ["3 October 2019"]


def test_ranges_carry_their_unit():
    assert missing("It takes 10 seconds.", ["It takes 10 to 20 seconds."]) == []
    assert missing("It takes 10 to 20 hours.", ["It takes 10 to 20 seconds."]) == ["10 to 20 hours"]


def test_compound_numbers_in_words_are_read():
    assert missing("There were 25 of them.", ["There were twenty-five of them."]) == []
    assert missing("There were 5 of them.", ["There were twenty-five of them."]) == ["5"]


@pytest.mark.parametrize(
    ("claim", "span"),
    [
        ("There were 1.2k cases.", "There were 1,200 cases."),
        ("There were 1,200 cases.", "There were 1.2 thousand cases."),
        ("It cost $5m.", "It cost 5 million dollars."),
        ("It cost 1.2 billion pounds.", "It cost £1.2bn."),
        ("It takes two hundred and fifty jobs.", "It takes 250 jobs."),
        ("It holds 200,000 rows.", "It holds two hundred thousand rows."),
        ("It is 5% of them.", "It is five per cent of them."),
        ("It froze at -5 °C.", "It froze at minus five celsius."),
        ("The line is 1 km long.", "The line is 1000 m long."),
        ("The line is 1,000 metres long.", "The line is a line of 1 km."),
        ("It ran for 90 minutes.", "It ran for 1.5 hours."),
        ("It answers in 0.2 seconds.", "It answers in 200 milliseconds."),
        ("It ran for 3 weeks.", "It ran for 21 days."),
        ("It ran for 24 months.", "It ran for 2 years."),
        ("The screen has 2.54 cm.", "The screen has 1 inch."),
        ("Water boils at 212 °F.", "Water boils at 100 °C."),
        ("It needs 2 GiB.", "It needs 2048 MiB."),
        ("It began on 11/26/2026.", "It began on 26 November 2026."),
        ("It began on 26.11.2026.", "It began on November 26th, 2026."),
        ("It began on the 3rd of May 2014.", "It began on 2014-05-03."),
        ("It began in May 2014.", "It began on 3 May 2014."),
        ("It began in September.", "It began on 2014-09-03."),
        ("It began on 3 May 2014.", "# 2014\nIt began on May 3."),
        ("The season of 2009-10 was short.", "The season of 2009–2010 was short."),
        ("It began in the 1930s.", "It began in 1932."),
        ("It began in the 20th century.", "It began in 1932."),
        ("It was the 1st job.", "It was the first job."),
        ("There was 1 job.", "There was one job."),
        ("The line is 60 minutes long.", "The line is one hour long."),
        ("Half of them failed.", "50 % of them failed."),
        ("It costs 5 pounds.", "It costs £5."),
        ("It weighs 5 pounds.", "It weighs 5 lb."),
        ("It is closed on Mondays.", "On Monday it is closed."),
        ("It began after World War II.", "It began after World War 2."),
        ("It takes 5 to 10 million rows.", "It takes 5 million to 10 million rows."),
    ],
)
def test_the_same_fact_may_be_written_otherwise(claim, span):
    assert missing(claim, [span]) == []


@pytest.mark.parametrize(
    ("claim", "span", "lacking"),
    [
        ("There were 1.3k cases.", "There were 1,200 cases.", ["1.3k"]),
        ("It froze at 5 °C.", "It froze at -5 °C.", ["5 °C"]),
        ("The line is 1 km long.", "The line is 100 m long.", ["1 km"]),
        ("The line is 1 mile long.", "The line is 1600 m long.", ["1 mile"]),  # 1609.344
        ("It needs 1 MB.", "It needs 1000 kB.", ["1 MB"]),  # or 1024: not exact
        ("It needs 16 GiB.", "It needs 16 GB.", ["16 GiB"]),
        ("It ran for 1 month.", "It ran for 30 days.", ["1 month"]),
        ("It began on 4 May 2014.", "It began on 3 May 2014, with 4 jobs.", ["4 May 2014"]),
        ("It began on 3 May 2015.", "It began on 3 May 2014. In 2015 it ended.", ["3 May 2015"]),
        ("It began in May 2015.", "It began in May 2014.", ["May 2015"]),
        ("It began in September.", "It began in October.", ["September"]),
        ("Julia began it in May.", "Marcus began it in May.", ["Julia"]),
        ("It began in 1932.", "It began in the 1930s.", ["1932"]),
        ("It runs on Larkspur 3.1.", "It runs on Larkspur 3.10.", ["3.1"]),
        ("There were 5 jobs.", "It began on 5 May.", ["5"]),
        ("It is closed on Mondays.", "It is closed on Tuesdays.", ["Mondays"]),
        ("It rose by 5 percentage points.", "It rose by 5 %.", ["5 percentage points"]),
        ("It weighs 5 tons.", "It weighs 5 kg.", ["5 tons"]),
        ("It costs £5.", "It weighs 5 lb.", ["£5"]),
    ],
)
def test_another_fact_is_not_taken_for_the_same(claim, span, lacking):
    assert missing("So, " + claim, [span]) == lacking


QUESTION = "How often does Larkspur try a job again, and who wrote it?"


@pytest.mark.parametrize(
    "sentence",
    [
        "## Larkspur, try again",
        "How often Larkspur will try a job:",
        "Who wrote Larkspur?",
        "The following section describes how often Larkspur will try a job.",
        "Here is an overview of the findings:",
        "The sources explain who wrote Larkspur.",
    ],
)
def test_a_heading_or_a_connection_states_nothing(sentence):
    assert states_nothing(sentence, QUESTION)


@pytest.mark.parametrize(
    "sentence",
    [
        "Larkspur wrote it.",  # the question's words, but a statement
        "Larkspur wrote it",
        "Larkspur tries a job often.",
        "Larkspur tries a job again five times.",
        "Larkspur does not try a job again.",
        "The following section describes how often Celery tries a job.",
        "The sources show a delay.",
        "Tor Vikdal",
        "Larkspur is reliable",
    ],
)
def test_a_statement_however_short_is_to_be_checked(sentence):
    assert not states_nothing(sentence, QUESTION)
