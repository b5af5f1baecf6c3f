"""Streams cut anywhere: thoughts apart, prose out of JSON, circles noticed."""

import json

import pytest

from research.reasoning.pieces import Events, Prose, Thoughts, loops, without_links

DRAFT = json.dumps(
    {
        "sentences": [
            {"text": 'Jaws was "directed" by 😀 Spielberg; "text": is a word.', "evidence": [3]},
            {"text": "Größe\nzählt.", "evidence": [3, 4]},
        ]
    }
)


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 11, 1000])
def test_prose_is_the_same_however_the_json_is_cut(size: int) -> None:
    prose = Prose()
    assert "".join(prose.feed(piece) for piece in cut(DRAFT, size)) == (
        'Jaws was "directed" by 😀 Spielberg; "text": is a word. Größe\nzählt.'
    )


def test_prose_comes_word_by_word_before_the_json_ends() -> None:
    prose = Prose()
    assert prose.feed('{"sentences": [{"text": "The shark ate the bo') == "The shark ate the "
    assert prose.feed("at") == ""
    assert prose.feed('."') == ""
    assert prose.feed(', "evidence"') == "boat."


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_no_address_is_shown_while_a_section_is_drafted(size: int) -> None:
    prose = Prose()
    reply = '{"sentences": [{"text": "See https://evil.example/?secret=1 or www.evil.example now.", "evidence": [1]}]}'
    shown = "".join(prose.feed(piece) for piece in cut(reply, size))
    assert "evil" not in shown
    assert "See" in shown
    assert "now." in shown


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_thoughts_are_set_apart_however_the_marks_are_cut(size: int) -> None:
    thoughts = Thoughts()
    fed = [thoughts.feed(piece) for piece in cut('<think>is 1 <2?</think>{"a": "<thin"}', size)] + [thoughts.rest()]
    assert "".join(said for said, _ in fed) == '{"a": "<thin"}'
    assert "".join(thought for _, thought in fed) == "is 1 <2?"


@pytest.mark.parametrize("stretch", [" ", "\n", "no no ", "The same line again and again.\n", "[1, 2], " * 2])
def test_a_reply_that_goes_in_a_circle_is_noticed(stretch: str) -> None:
    assert loops('{"text": "' + stretch * 260)


def test_ordinary_text_with_repeats_is_no_circle() -> None:
    assert not loops("| --- | --- | --- | --- |\n" * 4)
    assert not loops(json.dumps({"keep": list(range(100))}))
    assert not loops(DRAFT * 3)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Read https://a.example/b?c=d, then stop.", "Read then stop."),
        ("Mail mailto:a@b.example now", "Mail now"),
        ("www.example.com", ""),
        ("The ratio is 3:4 and std::vector stays.", "The ratio is 3:4 and std::vector stays."),
    ],
)
def test_addresses_are_taken_out_of_a_model_s_words(text: str, clean: str) -> None:
    assert without_links(text) == clean


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_events_are_the_same_however_the_stream_is_cut(size: int, end: str) -> None:
    lines = [
        ": a comment",
        "",
        'data: {"a": "Größe"}',
        "",
        "event: more",
        "data:{",
        "data: }",
        "",
        "data: [DONE]",
        "",
        "data: cut",
    ]
    events, stream = Events(), end.join(lines).encode()
    found = [event for at in range(0, len(stream), size) for event in events.feed(stream[at : at + size])]
    assert [event.decode() for event in found] == ['{"a": "Größe"}', "{\n}", "[DONE]"]


def test_an_event_without_an_end_is_not_kept_for_ever() -> None:
    events = Events()
    assert events.feed(b"data: " + b"x" * (Events.LONGEST - 6)) == []
    with pytest.raises(ValueError, match="no end"):
        events.feed(b"x")
