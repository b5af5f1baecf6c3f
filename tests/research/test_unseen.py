import pytest

from research.templatetags.unseen import visible
from research.views.unseen import count, parts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb", ["U+200B"]),
        ("a\u200b\u200b\u200b", ["U+200B ×3"]),
        ("\ufeffStart", ["U+FEFF"]),
        ("do\u202egod\u202c", ["U+202E", "U+202C"]),
        ("a\u2066\u2067\u2068\u2069b", ["U+2066 … U+2069 (4)"]),
        ("soft \u00ad hyphen", ["U+00AD"]),
        ("escape \x1b[31m", ["U+001B"]),
        ("filler \u3164", ["U+3164"]),
        ("a\u200d\u200cb", ["U+200D U+200C"]),
        ("x\ufe01\ufe02", ["U+FE01 U+FE02"]),  # bytes hidden in selectors
        ("x\U000e0049\U000e0067\U000e006e\U000e006f\U000e0072\U000e0065", ["U+E0049 … U+E0065 (6) “Ignore”"]),
        ("🏴\U000e0049\U000e0067\U000e006e\U000e006f\U000e0072\U000e0065 all", ["U+E0049 … U+E0065 (6) “Ignore”"]),
        ("❤\ufe0f\u200b", ["U+200B"]),
    ],
)
def test_what_cannot_be_seen_is_shown_as_a_code(text, shown):
    assert [code for code, label in parts(text) if label] == shown
    stands = "".join(part for part, label in parts(text) if not label)
    assert count(text) == len(text) - len(stands) > 0


@pytest.mark.parametrize(
    "text",
    [
        "plain text\n\twith white space\u00a0of all\u2009kinds",
        "می\u200cخواهم",
        "क्\u200dष",
        "👨\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 1\ufe0f\u20e3 ©\ufe0f",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "葛\U000e0100",
        "שלום\u200f, 5\u200eא",
        "Donau\u00addampf",
    ],
)
def test_what_a_script_is_written_with_is_left_alone(text):
    assert list(parts(text)) == [(text, "")]
    assert count(text) == 0


def test_a_long_text_spelled_in_tags_is_cut():
    text = "x" + "".join(chr(0xE0000 + ord("a")) + chr(0xE0000 + ord("b")) for _ in range(3_000))
    (_, (code, label)) = parts(text)
    assert len(code) < 300
    assert label.startswith("6000 invisible characters")


def test_text_around_a_code_stays_escaped():
    assert str(visible("<b>\u200b&")).startswith("&lt;b&gt;<span")
    assert str(visible("<b>\u200b&")).endswith("</span>&amp;")
