"""Fitting: the best whole, the next in short, the rest counted; never half a sentence, nothing left out in silence."""

from collections.abc import Sequence

import pytest

from research.engine.values import Candidate, Evidence
from research.prompts import Prompt
from research.reasoning.fit import Fitted, fit
from research.reasoning.sight import Passage, numbered
from search_index.api import sentences

QUOTE = "Sharks swim far. They eat fish at night. They sleep by day."
TEXT = "Cats sleep. Dogs bark. Sharks swim far. Birds sing. Sharks eat fish. Cows give milk. Tides rise."


def evidence(number: int, score: float) -> Evidence:
    return Evidence(number, 1, 1, 0, len(QUOTE), QUOTE, score, "Sharks", "https://a.example/")


def passage(number: int) -> Candidate:
    return Candidate(number, number, 0, len(TEXT), TEXT, "", f"Page {number}", "", "sea", 0.5, tuple(sentences(TEXT)))


async def fitted(items: Sequence[Evidence], room: int, **options: int) -> Fitted[Evidence] | None:
    def made(shown: Sequence[Evidence]) -> Prompt:
        lines = [f"E{one.number}: {one.quote}" for one in shown]
        return Prompt("Pick.", "\n".join(["<<<", *lines, ">>>", "Question: do sharks swim?"]))

    async def fits(prompt: Prompt) -> bool:
        return len(prompt.user) <= room

    return await fit(items, made, fits, **options)


KNOWN = [evidence(number, score) for number, score in enumerate([0.1, 0.9, 0.5, 0.3, 0.7], 1)]


async def test_where_all_has_room_nothing_is_said() -> None:
    found = await fitted(KNOWN, 1000)
    assert found is not None
    assert found.shown == tuple(KNOWN)
    assert (found.shortened, found.left_out) == (0, 0)
    assert "shown" not in found.prompt.user


@pytest.mark.parametrize("room", range(140, 400, 7))
async def test_it_always_fits_and_always_says_what_is_missing(room: int) -> None:
    found = await fitted(KNOWN, room)
    assert found is not None
    assert len(found.prompt.user) <= room
    numbers = [one.number for one in found.shown]
    whole = [one.number for one in found.shown if one.quote == QUOTE]
    by_score = [2, 5, 3, 4, 1]
    assert set(numbers) == set(by_score[: len(numbers)])  # the best
    assert numbers == sorted(numbers)  # in the order in which they were found
    assert set(whole) == set(by_score[: len(whole)])
    assert all(QUOTE.startswith(one.quote) for one in found.shown)  # verbatim
    assert found.shortened == len(numbers) - len(whole)
    assert found.left_out == 5 - len(numbers)
    said = found.prompt.user.partition(">>>")[2]
    for count, word in ((found.shortened, "in part"), (found.left_out, "not shown")):
        assert (word in said) is bool(count)
        assert not count or str(count) in said


async def test_more_room_never_shows_less() -> None:
    shown = [(len(one.shown), -one.shortened) for room in range(120, 400) if (one := await fitted(KNOWN, room))]
    assert shown == sorted(shown)


async def test_what_fits_in_no_way_is_none() -> None:
    assert await fitted(KNOWN, 40) is None


async def test_no_more_than_the_best_so_many_are_shown_and_that_is_said_too() -> None:
    found = await fitted(KNOWN, 1000, most=2)
    assert found is not None
    assert [one.number for one in found.shown] == [2, 5]
    assert "(3 more pieces of evidence not shown.)\nQuestion" in found.prompt.user


async def test_nothing_to_show_is_the_prompt_alone() -> None:
    found = await fitted([], 1000)
    assert found is not None
    assert found.shown == ()


async def test_a_passage_in_short_is_its_sentences_nearest_to_the_gap_with_their_own_numbers() -> None:
    def made(shown: Sequence[Passage]) -> Prompt:
        lines = [f"[{number}] {text}" for one in shown for number, text in one.sentences]
        return Prompt("", "\n".join(lines))

    async def fits(prompt: Prompt) -> bool:
        return len(prompt.user) < 170

    found = await fit(numbered([passage(1), passage(2)]), made, fits, "How far do sharks swim?")
    assert found is not None
    first, second = found.shown
    assert [number for number, _text in second.sentences] == [8, 10, 12]  # one more than the two about sharks
    assert second.text(*second.spans[10]) == "Sharks swim far."
    assert (found.shortened, found.left_out) == (2 - (len(first.spans) == 7), 0)
