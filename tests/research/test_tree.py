"""The plan as a tree: pure functions, no rows."""

import pytest

from research.engine.values import Gap
from research.views.tree import DEEPEST, in_order, moved, tree


def gap(number, question="?", place=None):
    return Gap(number, question, place=number if place is None else place)


CHAIN = [gap(1), gap(2, "#1's wife?"), gap(3, "alone?"), gap(4, "#2's town and #1's?"), gap(5, "#1's son?")]


def numbers(gaps):
    return [branch.number for branch in in_order(tree(gaps, {}))]


def test_a_gap_hangs_under_the_last_of_those_that_it_builds_on():
    assert numbers(CHAIN) == [1, 2, 4, 5, 3]
    (first, third) = tree(CHAIN, {})
    assert [child.number for child in first.children] == [2, 5]
    assert [child.number for child in first.children[0].children] == [4]
    assert (first.is_first, first.is_last, third.is_last) == (True, False, True)


def test_a_reference_to_nothing_or_to_a_later_gap_hangs_nowhere():
    assert [branch.number for branch in tree([gap(1, "#2?"), gap(2, "#9?")], {})] == [1, 2]


@pytest.mark.parametrize(
    ("number", "by", "order"),
    [
        (3, -1, [3, 1, 2, 4, 5]),  # with all that hangs under what it passes
        (1, 1, [3, 1, 2, 4, 5]),
        (5, -1, [1, 5, 2, 4, 3]),
        (1, -1, [1, 2, 4, 5, 3]),  # it is the first already
        (4, 1, [1, 2, 4, 5, 3]),
        (9, 1, [1, 2, 4, 5, 3]),  # there is none
    ],
)
def test_a_gap_changes_places_with_the_one_beside_it(number, by, order):
    assert moved(CHAIN, number, by) == order


def test_the_persons_places_count():
    assert numbers([gap(1, place=3), gap(2, place=2), gap(3, "#1?", place=1)]) == [2, 1, 3]


def test_a_long_chain_is_indented_so_far_only():
    gaps = [gap(1), *(gap(number, f"#{number - 1}?") for number in range(2, 9))]
    deep = [branch.is_deep for branch in in_order(tree(gaps, {}))]
    assert deep == [depth >= DEEPEST for depth in range(1, 9)]
