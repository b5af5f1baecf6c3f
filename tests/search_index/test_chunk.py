"""Passages: how long they are, where they begin and end, and what they never cross or divide."""

from itertools import pairwise

import pytest

from search_index.chunk import LEAST, MOST, WHOLE, chunk
from search_index.extract.extractors import extract

SENTENCE = "The larks of the northern dunes sing before sunrise and rest at noon. "  # 13 words


def markdown(text: str) -> tuple[str, list[list[int]]]:
    found = extract(text.encode(), "text/markdown", "x.md")
    return found.text, found.headings


def pieces(text: str, headings: list[list[int]] | None = None) -> list[str]:
    return [text[one.start : one.end] for one in chunk(text, headings or [])]


def test_a_short_document_is_one_passage() -> None:
    text = SENTENCE * 17 + "\n\n" + SENTENCE
    assert WHOLE > len(text.split()) > MOST
    assert pieces(text) == [text.strip()]


def test_passages_have_about_200_words_and_end_with_a_sentence() -> None:
    lengths = [len(piece.split()) for piece in pieces(SENTENCE * 200)]
    assert all(150 <= length <= MOST for length in lengths[:-1])
    assert LEAST <= lengths[-1] <= MOST + LEAST
    assert all(piece.endswith("noon.") for piece in pieces(SENTENCE * 200))


def test_a_passage_begins_with_a_paragraph_where_it_can() -> None:
    paragraph = SENTENCE * 11 + "\n\n"
    assert pieces(paragraph * 4) == [paragraph.strip()] * 4


def test_no_passage_crosses_a_heading_of_the_first_two_levels() -> None:
    text, headings = markdown(
        f"# Birds\n\n{SENTENCE}\n\n## Larks\n\n{SENTENCE}\n\n### Eggs\n\nFour.\n\n## Gulls\n\n{SENTENCE}"
    )
    found = chunk(text, headings)
    assert [one.heading for one in found] == ["Birds", "Birds › Larks", "Birds › Gulls"]
    assert "Four." in text[found[1].start : found[1].end]  # a deeper heading may stand inside a passage
    assert all("#" not in text[one.start : one.end].replace("### Eggs", "") for one in found)


def test_code_and_tables_stay_whole_where_they_fit() -> None:
    code = "\n".join(f"    line_{number} = call({number})" for number in range(20))
    table = "\n".join(f"| {number} | number {number} |" for number in range(20))
    found = pieces(f"{SENTENCE * 14}\n\n{code}\n\n{SENTENCE * 14}\n\n{table}\n\n{SENTENCE * 14}")
    assert any(code.strip() in piece for piece in found)
    assert any(table in piece for piece in found)


def test_what_has_no_sentences_is_cut_between_words() -> None:
    found = pieces(" ".join(f"word{number}" for number in range(2000)))
    assert all(len(piece.split()) <= MOST for piece in found)
    assert " ".join(found).split() == [f"word{number}" for number in range(2000)]


@pytest.mark.parametrize("text", ["x" * 10_000, "没有空格的文字" * 1000, "a. " * 5000, "\n".join(["- item"] * 3000)])
def test_odd_texts_give_passages_that_the_model_can_read(text: str) -> None:
    found = pieces(text)
    assert all(0 < len(piece) <= 2500 for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["", "\n\n", "   "])
def test_nothing_gives_nothing(text: str) -> None:
    assert chunk(text, []) == []


def test_a_text_of_headings_alone_is_still_found() -> None:
    text, headings = markdown("# One\n\n## Two\n")
    assert pieces(text, headings) == ["# One\n\n## Two"]


def test_spans_are_in_order_and_do_not_overlap() -> None:
    text, headings = markdown("\n\n".join(f"## Part {number}\n\n{SENTENCE * (number % 25)}" for number in range(60)))
    found = chunk(text, headings)
    assert all(one.end <= following.start for one, following in pairwise(found))
    assert all(text[one.start : one.end].strip() == text[one.start : one.end] for one in found)
