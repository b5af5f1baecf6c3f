"""Invisible characters in stored text: found, counted, and named for a reader who cannot see them.

What is invisible: all that Unicode says to ignore where it cannot be shown (Default_Ignorable_Code_Point of
DerivedCoreProperties.txt: zero width, bidirectional controls, fillers, variation selectors, tags), and control
characters. Left alone where a script or an emoji is not written without it: joiners between the letters of Arabic and
Indic scripts, selectors behind emoji and ideographs, direction marks beside letters that run from right to left, a
hyphenation point within a word. Pure. Called by templatetags/unseen.py and views/exhibit.py.
"""

import re
import unicodedata
from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

SPELLED = 200  # characters of a text written in tags that are spelled out

_UNSEEN = re.compile(
    r"["
    r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters that are no white space
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    r"]+"
)
_RIGHT_TO_LEFT = r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_EMOJI = r"[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff]"
_NEEDED = re.compile(
    r"(?<=\w)\u00ad(?=\w)"  # a word may be divided here
    r"|(?<=[\u0600-\u1cff\ua800-\uabff])[\u200c\u200d]"  # Arabic, Indic, Khmer and Mongolian letters join or do not
    rf"|(?<={_EMOJI})[\ufe0e\ufe0f]?\u200d(?={_EMOJI})"  # one emoji made of several
    rf"|(?<={_EMOJI})[\ufe0e\ufe0f]"
    r"|(?<=[#*0-9])\ufe0f(?=\u20e3)"  # keycaps
    r"|(?<=\U0001f3f4)[\U000e0020-\U000e007e]{3,6}\U000e007f"  # the flags of England, Scotland and Wales
    r"|(?<=[\u3400-\u9fff\U00020000-\U0003ffff])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"  # forms of an ideograph
    r"|(?<=[\u1820-\u18aa])[\u180b-\u180f]"  # and of a Mongolian letter
    rf"|(?<={_RIGHT_TO_LEFT})[\u061c\u200e\u200f]|[\u061c\u200e\u200f](?={_RIGHT_TO_LEFT})"
)


def parts(text: str) -> Iterator[tuple[str, str]]:
    """The text in parts, in order: (as it stands, "") or, in place of invisible characters, (their code, what they are
    in words): ("U+200B", "invisible character: zero width space")."""
    place = 0
    for start, end in _runs(text):
        if place < start:
            yield text[place:start], ""
        yield _code(text[start:end]), _label(text[start:end])
        place = end
    if place < len(text):
        yield text[place:], ""


def count(text: str) -> int:
    """How many invisible characters parts() shows."""
    return sum(end - start for start, end in _runs(text))


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """The (start, end) of invisible characters that follow each other, without those that the writing needs."""
    for found in _UNSEEN.finditer(text):
        needed = _NEEDED.match(text, found.start())
        start = needed.end() if needed else found.start()
        if start < found.end():
            yield start, found.end()


def _code(run: str) -> str:
    """U+200B; U+200B ×3; U+200B U+200C; U+E0049 … U+E006E (6) “Ignore”, where tags spell a text."""
    codes = [f"U+{ord(one):04X}" for one in run]
    if len(run) > 1 and len(set(run)) == 1:
        return f"{codes[0]} ×{len(run)}"
    code = " ".join(codes) if len(run) <= 3 else f"{codes[0]} … {codes[-1]} ({len(run)})"
    spelled = "".join(chr(ord(one) - 0xE0000) for one in run if 0xE0020 <= ord(one) <= 0xE007E)
    cut = spelled if len(spelled) <= SPELLED else spelled[:SPELLED] + "…"
    return f"{code} “{cut}”" if spelled else code


def _label(run: str) -> str:
    names = list(dict.fromkeys(unicodedata.name(one, _("control character")).lower() for one in run))
    said = ngettext("invisible character: %(names)s", "%(count)d invisible characters: %(names)s", len(run))
    return said % {"count": len(run), "names": ", ".join(names[:3]) + (" …" if len(names) > 3 else "")}
