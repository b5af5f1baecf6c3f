"""Replies: read leniently at the edges, strictly inside; schemas narrowed to what was shown."""

import pytest

from research.reasoning import replies


@pytest.mark.parametrize(
    "reply",
    [
        '{"keep": [2, 1]}',
        '```json\n{"keep": [2, 1]}\n```',
        'Sure, here it is: {"keep": [2, 1]} I hope that helps.',
        '{"keep": ["2", 1], "why": "an extra field"}',
    ],
)
def test_a_reply_is_read_whatever_stands_around_it(reply: str) -> None:
    assert replies.read(reply, replies.Note).keep == [2, 1]


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ("", "no JSON object"),
        ("I would keep 2 and 1.", "no JSON object"),
        ('{"keep": [2, 1', "breaks off"),
        ('{"keep": [2, 1]]}', "not valid JSON"),
        ('{"keep": "all"}', "keep"),
        ('{"kept": [1]}', "keep: Field required"),
        ("[" * 100_000 + '{"keep": ' + "[" * 100_000 + "}", "not valid JSON"),
    ],
)
def test_an_unreadable_reply_says_what_is_wrong(reply: str, says: str) -> None:
    with pytest.raises(replies.Unreadable, match=says):
        replies.read(reply, replies.Note)


def test_a_verdict_that_is_none_is_refused() -> None:
    with pytest.raises(replies.Unreadable, match="verdict"):
        replies.read('{"reason": "hm", "verdict": "maybe"}', replies.Judge)


def test_a_schema_is_strict_and_plain() -> None:
    schema = replies.schema(replies.Act, {"kind": ["search"], "number": [0, 4]})
    assert schema["required"] == ["thought", "kind", "query", "number", "outcome"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["kind"]["enum"] == ["search"]
    assert schema["properties"]["number"]["enum"] == [0, 4]
    assert "title" not in schema["properties"]["query"]
    assert "default" not in schema["properties"]["query"]


def test_nothing_stands_beside_what_a_field_is_narrowed_to() -> None:
    """llama.cpp obeys "anyOf" and passes over an "enum" beside it."""
    kind = replies.schema(replies.Act, {"kind": ["search"]})["properties"]["kind"]
    assert kind == {"type": "string", "enum": ["search"]}


def test_a_schema_is_narrowed_inside_lists_too() -> None:
    schema = replies.schema(replies.Draft, {"evidence": [7, 9]})
    assert schema["$defs"]["Sentence"]["properties"]["evidence"]["items"]["enum"] == [7, 9]
    assert schema["$defs"]["Sentence"]["additionalProperties"] is False


def test_where_nothing_may_be_picked_the_list_stays_empty() -> None:
    assert replies.schema(replies.Note, {"keep": []})["properties"]["keep"]["maxItems"] == 0
