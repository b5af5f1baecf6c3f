import pytest

from research.score import Bin, calibration_error, exact, f1, normal, recall, reliability


def test_case_punctuation_articles_and_spaces_do_not_count() -> None:
    assert normal("  The  Rear-Adm. J. Edward Snyder!") == "rearadm j edward snyder"


@pytest.mark.parametrize(
    ("answer", "answers", "em", "overlap"),
    [
        ("The Orange", ["orange"], 1, 1),
        ("Stanley Hall", ["G. Stanley Hall", "Stanley Hall"], 1, 1),
        ("Stanley", ["G. Stanley Hall"], 0, 2 * 1 / (1 + 3)),
        ("yes", ["no"], 0, 0),
        ("yes, they are", ["yes"], 0, 0),  # of yes and no there is no half
        ("", ["orange"], 0, 0),
        ("orange", [], 0, 0),
    ],
)
def test_the_best_of_the_expected_answers_counts(answer: str, answers: list[str], em: float, overlap: float) -> None:
    assert exact(answer, answers) == em
    assert f1(answer, answers) == pytest.approx(overlap)


def test_recall_is_of_each_gold_document_once() -> None:
    assert recall(["a", "b", "c"], ["a", "d"]) == 0.5
    assert recall([], ["a", "a"]) == 0


def test_confidence_is_held_against_the_share_that_is_right() -> None:
    sure = [(0.95, True)] * 9 + [(0.95, False), (0.15, False), (0.15, True), (1.0, True)]
    assert reliability(sure) == [Bin(2, pytest.approx(0.15), 0.5), Bin(11, pytest.approx(10.5 / 11), 10 / 11)]
    assert calibration_error(sure) == pytest.approx((2 * 0.35 + 11 * (0.5 / 11)) / 13)
