"""Sentences: where they end, and where they only seem to."""

import time

import pytest

from search_index.sentences import sentences

PROSE = "Some prose follows here. It has e.g. many words in it, as Mr. Smith of the U.S. Army said on Jan. 5. "


def split(text: str) -> list[str]:
    return [" ".join(text[start:end].split()) for start, end in sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["One sentence.", "Another one!", "And a third?"],
        ["Dr. Smith met Mr. J. R. R. Tolkien at St. John's.", "They talked."],
        ["It costs 3.14 dollars.", "Version 2.0.1 is out.", "See https://example.org/a.b?c=d for more"],
        ["Fruit, e.g. Apples, is good.", "So is bread (i.e. Toast)."],
        ["Am 31. Oktober 1978 wurde sie stillgelegt.", "Das war im 20. Jahrhundert.", "Es waren 31.", "Danach nichts."],
        ["He lives in the U.S. Navy base.", "She moved from the U.S.", "The flight left at 5 p.m.", "It was late."],
        ["“Where is he?” she asked.", "“Gone.”", "Nobody knew."],
        ["It was founded in 1999.", "2000 was better."],
        ["Apple Inc. Chief Tim Cook spoke.", "He sat down."],
        ["See Fig. 3 and No. 5 on p. 12.", "Then go on."],
        ["It was proven (Lee et al. 2019).[12]", "Others disagree.[3][4]", "Why?"],
        ["Use json.dumps to write.", "json.loads() reads.", "iPhone owners agree."],
        ["Wait... what happened?", "Nothing…", "Then it rained."],
        ["He was born on Jan. 5 in Washington, D.C. and died there."],
    ],
)
def test_sentences_end_where_a_reader_would_end_them(parts: list[str]) -> None:
    assert split(" ".join(parts)) == parts


def test_chinese_needs_no_space_after_a_stop() -> None:
    assert split("他来了。她走了！为什么？") == ["他来了。", "她走了！", "为什么？"]


def test_a_wrapped_line_goes_on_and_a_blank_line_ends() -> None:
    text = (
        "This is a line that was broken because the page was only so wide,\nand here it goes on until\n"
        "its end. More follows.\n\nA heading\n\nThe text below it"
    )
    assert split(text) == [
        "This is a line that was broken because the page was only so wide, and here it goes on until its end.",
        "More follows.",
        "A heading",
        "The text below it",
    ]


def test_list_items_headings_and_table_rows_stand_alone() -> None:
    text = (
        "# Title here\nIntro without a stop\n- item one. It goes on.\n- item two\n1. First.\n2. Second.\n| a. B | c |"
    )
    assert split(text) == [
        "# Title here",
        "Intro without a stop",
        "- item one.",
        "It goes on.",
        "- item two",
        "1. First.",
        "2. Second.",
        "| a. B | c |",
    ]


def test_a_line_of_code_is_never_divided() -> None:
    text = 'Try it.\n\n    a = b. Then\n\n```\nx = 1. Y = 2.\n```\n\n>>> print("A. B. C")\nA. B'
    assert split(text) == ["Try it.", "a = b. Then", "x = 1. Y = 2.", '>>> print("A. B. C")', "A. B"]


def test_spans_are_exact_ordered_and_keep_to_the_part_asked_for() -> None:
    text = "Before. First one. Second one. After."
    spans = sentences(text, 8, 30)
    assert [text[start:end] for start, end in spans] == ["First one.", "Second one."]


@pytest.mark.parametrize("text", ["", " \n\t\n", "...", ".", "\n\n\n.\n", "a", "1.", "“”"])
def test_odd_texts_give_spans_without_white_space_around(text: str) -> None:
    for start, end in sentences(text):
        assert text[start:end] == text[start:end].strip() != ""


def test_time_grows_with_the_length_only() -> None:
    def seconds(text: str) -> float:
        began = time.process_time()
        sentences(text)
        return time.process_time() - began

    one = min(seconds(PROSE * 1_000) for _attempt in range(3))
    assert seconds(PROSE * 10_000) < 30 * one
    assert seconds("a" * 1_000_000) + seconds(". " * 200_000) + seconds("(" * 200_000) < 5
