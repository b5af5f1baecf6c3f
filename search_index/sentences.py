"""Splits text into sentences with exact character spans, by rules.

Pure and fast: no model, no I/O. A stop ends a sentence unless the words around it say otherwise (abbreviations,
initials, list numbers, a small letter after it). A line break ends one at a blank line, a heading, a list item or a
table row, but not where a line was merely wrapped. A line of code is never divided.
Called by search_index/chunk.py and, through api.py, by research.
"""

import re
from collections.abc import Iterator

# A stop, what closes with it (quotes, brackets, footnote marks like [12]), and then white space or the end.
# Chinese and Japanese stops need no space after them.
_STOP = re.compile(r"(?:[.!?…]+[\"'”’»)\]*_]*(?:\[\d+\])*(?=\s|$))|[。！？]+[」』”）]*", re.MULTILINE)
_LAST_WORD = re.compile(r"[^\s(\[\"“‘'/—–]*$")
_NEXT_WORD = re.compile(r"\s*[\"'“‘«(\[*_]*(\S*)")
_LIST_NUMBER = re.compile(r"\s*[(\[]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})$")
_IDENTIFIER = re.compile(r"\w+[._(]\w*|[a-z]+[A-Z0-9]|[a-z_]\w*=")
_CODE = re.compile(r"(?: {4}|\t)|\s*(?:>>>|\.\.\.|\$) ")
_FENCE = re.compile(r"\s*(```|~~~)")
# What starts anew whatever stands before it: headings, list items, table rows, quotes, field lists, ruled lines.
_OPENER = re.compile(r"\s*(?:#{1,6}\s|[-*+•‣◦–]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s|\||>|:[\w ]+:|\.\. |[=\-~*^#]{3,}\s*$)")

# After these the sentence goes on, whatever comes.
_NEVER_LAST = frozenset(
    """mr mrs ms dr prof hon rev fr st mt ft gen col maj capt lt sgt cmdr adm gov sen rep pres messrs mme mlle
    e.g i.e eg ie cf viz resp approx ca vs v fig figs eq eqs sec ch chap vol vols no nos nr pp p ed eds trans tab
    art para ref refs rfc dept univ est jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri ave blvd rd
    op cit lit bzw z.b d.h u.a usw""".split()  # noqa: SIM905 - a list of words
)
# After these it goes on unless the next word opens a sentence.
_SELDOM_LAST = frozenset(
    """inc ltd co corp llc plc bros jr sr etc al u.s u.k u.n e.u u.s.a d.c a.m p.m b.c a.d b.c.e c.e ph.d m.d b.a m.a
    b.sc m.sc ll.d esq min max avg std dev misc int ext""".split()  # noqa: SIM905 - a list of words
)
_STARTERS = frozenset(
    """the a an this that these those it its he she they we you i his her their our my in on at by for from with as if
    when while where after before during since although though because however but and or so then there here what who
    why how which one two some many most all each every no not only also to under over both such another other first
    see use note""".split()  # noqa: SIM905 - a list of words
)
# German ordinals: "31. Oktober", "19. Jahrhundert".
_ORDINAL = re.compile(r"\d{1,2}")
_COUNTED = frozenset(
    """januar jänner februar märz april mai juni juli august september oktober november dezember jan feb mär apr jun jul
    aug sep sept okt nov dez jahrhundert jahrhunderts jahrhunderte weltkrieg auflage""".split()  # noqa: SIM905
)


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """The (start, end) spans of the sentences of text[start:end], into `text`, without surrounding white space."""
    end = len(text) if end is None else min(end, len(text))
    spans: list[tuple[int, int]] = []
    for first, last, whole in _blocks(text, start, end):
        if whole:
            _add(text, first, last, spans)
        else:
            _split(text, first, last, spans)
    return spans


def _blocks(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whole) of what no sentence crosses: wrapped lines joined, a line of code whole."""
    begun = -1  # where the open block of prose began
    at, fenced, blank = start, False, True
    previous = (start, start)
    while at < end:
        line_end = text.find("\n", at, end)
        line_end = end if line_end < 0 else line_end
        fence = _FENCE.match(text, at, line_end) is not None
        empty = not text[at:line_end].strip()
        code = fenced or fence or (begun < 0 and not empty and _CODE.match(text, at, line_end) is not None)
        if begun >= 0 and (empty or code or not _wraps(text, *previous, at, line_end)):
            yield begun, previous[1], False
            begun = -1
            code = code or (not empty and not blank and _prompt(text, at, line_end))
        if code and not empty and not fence:
            yield at, line_end, True
        elif begun < 0 and not empty and not code:
            begun = at
        fenced ^= fence
        blank = empty
        previous = (at, line_end)
        at = line_end + 1
    if begun >= 0:
        yield begun, previous[1], False


def _prompt(text: str, start: int, end: int) -> bool:
    return text.startswith((">>> ", "... ", "$ "), start, end)


def _wraps(text: str, start: int, end: int, next_start: int, next_end: int) -> bool:
    """Whether the line text[start:end] goes on in the next one, because it was broken only to fit a width."""
    if _OPENER.match(text, next_start, next_end) or _prompt(text, next_start, next_end):
        return False
    line = text[start:end].rstrip()
    if line.startswith(("#", "|")) or (line[-1:] in ".!?:;" and end - start < 40):
        return False
    return text[next_start:next_end].lstrip()[:1].islower() or end - start >= 50


def _split(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    at = start
    for stop in _STOP.finditer(text, start, end):
        if _ends(text, at, stop.start(), stop.end(), end):
            _add(text, at, stop.end(), spans)
            at = stop.end()
    _add(text, at, end, spans)


def _ends(text: str, start: int, stop: int, after: int, end: int) -> bool:  # noqa: PLR0911 - a list of rules
    """Whether the stop at text[stop:after] ends the sentence that began at `start`."""
    if text[stop] in "。！？":
        return True
    found = _NEXT_WORD.match(text, after, end)
    following = found.group(1) if found else ""
    if not following:
        return True
    if following[0].islower() and not _IDENTIFIER.match(following):
        return False
    if text[stop] != "." or text.startswith("..", stop):
        return True
    if _LIST_NUMBER.match(text, start, stop):
        return False
    tail = _LAST_WORD.search(text, max(start, stop - 40), stop)
    word = tail.group().lower() if tail else ""
    if word in _NEVER_LAST or (_ORDINAL.fullmatch(word) and following.strip(".,;:!?’'\"").lower() in _COUNTED):
        return False
    if word in _SELDOM_LAST or (len(word) == 1 and word.isalpha()) or _initials(word):
        return following.rstrip(".,;:!?’'\"").lower() in _STARTERS and following != "I."
    return True


def _initials(word: str) -> bool:
    """Letters with stops between them: "j.r.r"."""
    return len(word) >= 3 and all(len(part) == 1 and part.isalpha() for part in word.split("."))


def _add(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        spans.append((start, end))
