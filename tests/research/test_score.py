import pytest

from research.score import exact, f1, normal, recall


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
