"""Sets stored text for reading: paragraphs, headings, and what is marked in them, as values that templates escape.

Never makes markup, so nothing of a page can become any. Called by the search, snapshot and share views.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WINDOW = 100_000  # characters of a long text on one page: about 40 printed pages
WHOLE = 200_000  # a text up to this length is shown in one piece
LINE = 5_000  # a line longer than this is cut where it has to be
EXCERPT = 480  # characters of a hit
# A line that somebody broke for want of room: it stops in mid sentence at a typewriter's width, and the next goes on
# without an indent. Files of text are full of them, pages and PDFs less so.
_BROKEN = re.compile(r"[^\n]{49,109}[^.!?:;\s]\n(?=[a-z([`“'\"])")

Piece = tuple[str, bool]  # text, and whether it is marked


@dataclass(frozen=True)
class Paragraph:
    """A line of the stored text, or several that were broken for want of room. `level` is 2..6 for a heading and 0
    otherwise; `first` has the first marked piece."""

    pieces: tuple[Piece, ...]
    level: int
    first: bool


@dataclass(frozen=True)
class Window:
    """The part of a text on one page: text[start:end], and where the parts before and after begin (None: no more)."""

    start: int
    end: int
    before: int | None
    after: int | None


def window(text: str, place: int) -> Window:
    """The whole text where it is short enough, else the part around `place`, cut at line ends."""
    if len(text) <= WHOLE:
        return Window(0, len(text), None, None)
    place = min(max(place, 0), len(text) - 1)
    start = _line_start(text, max(0, place - WINDOW // 2))
    end = _line_start(text, start + WINDOW) if start + WINDOW < len(text) else len(text)
    before = max(0, start - WINDOW // 2) if start else None
    after = min(len(text) - 1, end + WINDOW // 2) if end < len(text) else None
    return Window(start, end, before, after)


def around(text: str, start: int, end: int, margin: int = 1_500) -> Window:
    """The lines from `margin` characters before text[start:end] to `margin` after it, and nothing beyond."""
    first = _line_start(text, max(0, start - margin))
    stop = min(len(text), end + margin)
    last = text.find("\n", stop, stop + LINE)
    return Window(first, stop if last < 0 else last, None, None)


def paragraphs(
    text: str, headings: Sequence[tuple[int, int, int]], part: Window, marked: tuple[int, int] = (0, 0)
) -> list[Paragraph]:
    """The lines of text[part.start:part.end], with text[marked[0]:marked[1]] marked in them."""
    levels = {start: level for start, _end, level in headings}
    result: list[Paragraph] = []
    depth, seen = 1, False
    for start, end in _lines(text, part.start, part.end):
        level = next((levels[place] for place in range(start, min(end, start + 8)) if place in levels), 0)
        if level:  # a page's own levels may jump; an outline that skips none can be walked by ear
            depth = level = min(max(level, 2), depth + 1, 6)
        pieces = tuple(_mark(text, start, end, *marked))
        first = not seen and any(is_marked for _text, is_marked in pieces)
        seen = seen or first
        result.append(Paragraph(pieces, level, first))
    return result


def excerpt(text: str, query: str) -> list[Piece]:
    """At most EXCERPT characters of `text` from about the first word of `query` on, with those words marked."""
    pattern = _terms(query)
    found = pattern.search(text) if pattern else None
    start = 0
    if len(text) > EXCERPT and found and found.start() > 80:
        start = text.rfind(" ", 0, found.start() - 60) + 1
    part = text[start : start + EXCERPT]
    if start + EXCERPT < len(text):
        part = part.rsplit(" ", 1)[0] + " …"
    if start:
        part = "… " + part
    return list(_mark_terms(part, pattern))


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The (start, end) of every line with something on it; broken lines are one."""
    while start < end:
        line = start
        while broken := _BROKEN.match(text, line, end):
            line = broken.end()
        stop = text.find("\n", line, end)
        stop = end if stop < 0 else stop
        if text[start:stop].strip():
            yield start, stop
        start = stop + 1


def _line_start(text: str, place: int) -> int:
    found = text.rfind("\n", max(0, place - LINE), place)
    return place if found < 0 else found + 1


def _mark(text: str, start: int, end: int, first: int, last: int) -> Iterator[Piece]:
    """text[start:end] in up to three pieces: before, in and after text[first:last]."""
    cuts = (start, min(max(first, start), end), max(min(last, end), start), end)
    for left, right, is_marked in ((cuts[0], cuts[1], False), (cuts[1], cuts[2], True), (cuts[2], cuts[3], False)):
        if left < right:
            yield text[left:right].replace("\n", " "), is_marked


def _terms(query: str) -> re.Pattern[str] | None:
    words = set(re.findall(r"\w{3,}", query.lower()))
    stems = sorted((re.escape(word.removesuffix("s")) for word in words), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(stems)})\w*", re.IGNORECASE) if stems else None


def _mark_terms(text: str, pattern: re.Pattern[str] | None) -> Iterator[Piece]:
    place = 0
    for found in pattern.finditer(text) if pattern else ():
        if found.start() > place:
            yield text[place : found.start()], False
        yield found.group(), True
        place = found.end()
    if place < len(text):
        yield text[place:], False
