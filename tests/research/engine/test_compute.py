"""Calculations: what a model may have computed, of which numbers, and what comes back. They run in the real sandbox."""

import pytest

from research import sandbox
from research.engine.compute import LONGEST, calculation, shown
from research.engine.values import Computation, Evidence
from research.errors import StepFailed


def evidence(number: int, quote: str) -> Evidence:
    return Evidence(number, 1, 1, 0, len(quote), quote, 0.5, "", "")


KNOWN = [
    evidence(3, "She was born on 1 January 1947."),
    evidence(5, "He died on 12 May 1991, aged 44."),
    evidence(6, "It had 3 rooms, 4.5 doors, 2.5 roofs and 5 windows from 12 May 2016 to 3 September 2019."),
    evidence(8, "Of 1,200 people 2.1 million were counted, the first of them in May 1991."),
]


async def computed(code: str) -> str:
    read = calculation(code, KNOWN)
    return shown(await sandbox.run(read.code, read.lists))


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1991 - 1947", "44"),
        ("(3 + 4.5) * 2 / 5", "3"),
        ("max(3, 7, 5) - min(3, 7)", "4"),
        ("-round(2.5 * 3, 1)", "-7.5"),
        ("sum(3, 4.5, 2.5)", "10"),
        ("days(2019-09-03, 2016-05-12)", "1209"),
        ("round(years(1991-05-12, 1947-01-01))", "44"),
        ("late = 2019-09-03\nearly = 2016-05-12\ndays(late, early) / 7", "172.7142857"),
        ("import statistics\nvalues = [3, 4.5, 5]\nmean = statistics.mean(values)", "4.166666667"),
        ("print(math.sqrt(1200 / 1000))", "1.095445115"),
        ("E8[1] / E8[0]", "1750"),
        ("days(E5[0], E3[0])", "16202"),
        ("[room * 2 for room in sorted(E6[:2])]", "6, 9"),
        ("date(1991, 5, 12) + datetime.timedelta(days=7)", "1991-05-19"),
        ("1991 > 1947", "True"),
        ("sum(E6[:4]) == 3 + 4.5 + 2.5 + 5", "True"),
        ("max({'Oslo': 3, 'Bergen': 5}.values())", "5"),
        ("1991 − 1947", "44"),
        ("2,100,000 ÷ 1,200 × 2", "3500"),
        ("1,000 + 7", "1007"),
        ("max(100,365)", "365"),
        ("sqrt(1200 / 12)", "10"),
        ("median(E6[:3])", "3"),
        ("2019-09-03 - 2016-05-12", "1209"),
    ],
)
async def test_arithmetic_and_spans_of_time_are_computed(code: str, value: str) -> None:
    assert await computed(code) == value


@pytest.mark.parametrize(
    "code",
    [
        "",
        "# nothing",
        "1991 -",
        "1 / 0",
        "len('a') + unknown",
        "__import__('os').listdir('/')",
        "open('/etc/passwd').read()",
        "1e400",
        "2 ** 10000 * 1.0",
        "years(1991-13-45, 1947-01-01)",
        "1 + " * LONGEST + "1",
        "-" * (LONGEST - 1) + "1",
        "(" * 1000 + "1" + ")" * 1000,
        "max()",
        "for one in E6:\n    total = one",
        "b'1'[0]",
        "1j * 1j",
        "...",
        "None",
        "'Oslo'",
        "str(E6[0])",
        "[]",
        "list(range(1000))",
        "{'a': 1}",
        "[[1], [2]]",
        "float('nan')",
        "1000 ** 1000",
    ],
)
async def test_anything_else_is_refused_with_a_reason(code: str) -> None:
    with pytest.raises(StepFailed, match=r"\.$"):
        await computed(code)


@pytest.mark.parametrize(
    "code",
    ["1991 - 1950", "5,000 + 1", "int('57') + 1", "0x7BC - 1947", "x = 57\nx", "days(1991-05-12, 1950-01-01)", "E4[0]"],
)
def test_a_number_that_stands_nowhere_is_refused_wherever_it_is_in_the_code(code: str) -> None:
    with pytest.raises(StepFailed, match="is not in what is known"):
        calculation(code, KNOWN)


def test_a_calculation_rests_on_the_evidence_that_has_its_numbers() -> None:
    assert calculation("years(1991-05-12, 1947-01-01)", KNOWN).inputs == (("1991-05-12", 5), ("1947-01-01", 3))
    assert calculation("1991 - 1947", KNOWN).inputs == (("1991", 5), ("1947", 3))
    assert calculation("44 * 12", KNOWN).inputs == (("44", 5),)
    assert calculation("E8[0] - E8[-1] + 1_200", KNOWN).inputs == (("E8: 1200, 2100000, 1991", 8), ("1200", 8))
    assert calculation("E3[0]", KNOWN).lists == {"E3": [{"date": "1947-01-01"}]}


def test_what_is_told_is_the_last_line_without_the_words_of_comments_and_dates_as_they_were_written() -> None:
    assert calculation("1991  -  1947  # his age", KNOWN).says == "1991 - 1947"
    assert calculation("x = 1991\nage = x - 1947", KNOWN).says == "age"
    assert calculation("print(days(1991-05-12, 1947-01-01))", KNOWN).says == "days(1991-05-12, 1947-01-01)"


def test_a_sentence_may_rest_on_the_result_and_its_unit_and_on_no_word_of_the_code() -> None:
    assert Computation("years(1991-05-12, 1947-01-01) = 44.36", (3, 5)).span == "years 44.36"
    assert Computation("paris = 57", (3,)).span == "57"
