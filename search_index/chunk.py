"""Divides a text into passages along its headings, paragraphs and sentences; the spans are exact.

A passage has about 200 words, never crosses a heading of level 1 or 2, and keeps code and tables whole where they fit.
Pure. Called by search_index/indexing.py.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search_index.sentences import sentences

TARGET = 200  # words
MOST = 220
WHOLE = 240  # a section up to this long is one passage, and so is a short document
LEAST = 60  # a tail shorter than this joins the passage before it
_TOP = 2  # headings of these levels are never crossed
_SIGNS_A_WORD = 7  # text of long words, code or Chinese counts by its length: the embedding model reads 512 tokens
_CODE = re.compile(r" {4}|\t|\|")


@dataclass(frozen=True)
class Chunk:
    """A passage's span in the text, and the path of headings above it ("Guide › Install")."""

    start: int
    end: int
    heading: str


@dataclass(frozen=True)
class _Unit:
    """What is not divided if it can be helped: a sentence, a block of code, a heading inside a section."""

    start: int
    end: int
    words: int
    opens: bool  # begins a paragraph: a passage had better begin here


def chunk(text: str, headings: Sequence[Sequence[int]]) -> list[Chunk]:
    """The passages of `text`, in its order; `headings` are (start, end, level) spans into it, in order."""
    chunks: list[Chunk] = []
    for start, end, path in _sections(text, headings):
        units = list(_units(text, start, end))
        if units:
            chunks += [Chunk(first, last, path) for first, last in _packed(units)]
    if not chunks and text.strip():  # nothing but headings
        start = len(text) - len(text.lstrip())
        chunks.append(Chunk(start, min(len(text.rstrip()), start + TARGET * _SIGNS_A_WORD), ""))
    return chunks


def _sections(text: str, headings: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, str]]:
    """(start, end, path) of the text between headings of the top levels, the headings themselves left out."""
    path: list[tuple[int, str]] = []
    start = 0
    for heading_start, heading_end, level in headings:
        if level > _TOP:
            continue
        yield start, heading_start, _joined(path)
        title = " ".join(text[heading_start:heading_end].split())
        path = [(above, name) for above, name in path if above < level] + [(level, title)]
        start = heading_end
    yield start, len(text), _joined(path)


def _joined(path: list[tuple[int, str]]) -> str:
    return " › ".join(name for _level, name in path)


def _units(text: str, start: int, end: int) -> Iterator[_Unit]:
    """The sentences of a part; lines of code or of a table that follow each other are one unit where it fits."""
    block: list[tuple[int, int]] = []
    at = start
    for first, last in sentences(text, start, end):
        if not text[first:last].strip("#*=-~_^ \t"):  # what is left of a heading's markup, a ruled line
            continue
        line = text.rfind("\n", start, first) + 1 or start
        if _CODE.match(text, line):
            if block and (text[block[-1][1] : first].count("\n") > 2 or _words(text, block[0][0], last) > MOST):
                yield _unit(text, at, block[0][0], block[-1][1])
                at, block = block[-1][1], []
            block.append((first, last))
            continue
        if block:
            yield _unit(text, at, block[0][0], block[-1][1])
            at, block = block[-1][1], []
        yield from _pieces(text, at, first, last)
        at = last
    if block:
        yield _unit(text, at, block[0][0], block[-1][1])


def _unit(text: str, after: int, start: int, end: int) -> _Unit:
    return _Unit(start, end, _words(text, start, end), opens="\n\n" in text[after:start])


def _pieces(text: str, after: int, start: int, end: int) -> Iterator[_Unit]:
    """A sentence, cut between words where it is longer than a passage may be (a list without stops, data)."""
    while _words(text, start, end) > MOST:
        limit = start + TARGET * _SIGNS_A_WORD // 2
        cut = max(text.rfind(" ", start, limit), text.rfind("\n", start, limit))
        cut = limit if cut <= start else cut
        yield _unit(text, after, start, cut)
        after, start = cut, cut + (len(text[cut:end]) - len(text[cut:end].lstrip()))
    if start < end:
        yield _unit(text, after, start, end)


def _words(text: str, start: int, end: int) -> int:
    part = text[start:end]
    return max(len(part.split()), len(part) // _SIGNS_A_WORD)


def _packed(units: list[_Unit]) -> Iterator[tuple[int, int]]:
    """Spans of about TARGET words; a paragraph's beginning is preferred as the place to divide."""
    if sum(unit.words for unit in units) <= WHOLE:
        yield units[0].start, units[-1].end
        return
    begun = 0
    while begun < len(units):
        stop = _stop(units, begun)
        if sum(unit.words for unit in units[stop:]) < LEAST:
            stop = len(units)
        yield units[begun].start, units[stop - 1].end
        begun = stop


def _stop(units: list[_Unit], begun: int) -> int:
    """Where the passage that begins at units[begun] ends (exclusive)."""
    words = 0
    paragraph = begun
    for number in range(begun, len(units)):
        if number > begun and units[number].opens and words >= TARGET // 2:
            paragraph = number
        words += units[number].words
        if words > MOST and number > begun:
            return paragraph if paragraph > begun else number
    return len(units)
