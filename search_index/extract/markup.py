"""Sets a whole HTML tree as text, nothing taken for boilerplate: for chapters and e-mails, which have none around them.

html.py sets what trafilatura found to be the main part of a page; this is for what is all main part. Pure.
Called by html.py.
"""

from collections.abc import Iterator
from typing import Any

from lxml.etree import XPath

from search_index.extract.document import Writer, flat, normalised

_LEFT_OUT = frozenset("script style template noscript head title svg iframe object select button textarea".split())  # noqa: SIM905
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    """address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3
    h4 h5 h6 header hr li main nav ol p pre section summary table tbody ul""".split()  # noqa: SIM905 - a list of words
)
_HOLDS_BLOCKS = XPath(f"boolean(descendant::*[{' or '.join(f'self::{tag}' for tag in sorted(_BLOCKS))}])")
_MOST_COLUMNS = 64


def set_whole(element: Any, writer: Writer) -> None:
    """Append a container's content: its own words and inline children as paragraphs, its blocks as blocks."""
    loose: list[str] = [_spaced(element.text)]
    listed = False
    for child in element:
        if not isinstance(child.tag, str) or child.tag in _LEFT_OUT:
            loose.append(_spaced(child.tail))
            continue
        if child.tag not in _BLOCKS and not _HOLDS_BLOCKS(child):
            loose.append(("\n" if child.tag == "br" else _words(child)) + _spaced(child.tail))
            continue
        writer.block(_lines("".join(loose)))
        loose = [_spaced(child.tail)]
        if child.tag in {"li", "dd"}:
            inner = Writer()
            set_whole(child, inner)
            writer.nest(inner, "- " if child.tag == "li" else "", gap="\n" if listed or child.tag == "dd" else "\n\n")
            listed = True
        else:
            _block(child, writer)
            listed = False
    writer.block(_lines("".join(loose)))


def _block(element: Any, writer: Writer) -> None:
    if element.tag in _HEADINGS:
        writer.heading(flat(_words(element)), _HEADINGS[element.tag])
    elif element.tag == "pre":
        lines = normalised("".join(element.itertext())).strip("\n").split("\n")
        writer.block("\n".join("    " + line if line else "" for line in lines))
    elif element.tag == "table":
        _table(element, writer)
    else:
        set_whole(element, writer)


def _table(element: Any, writer: Writer) -> None:
    rows = [[cell for cell in row if cell.tag in {"td", "th"}] for row in _rows(element)]
    if max((len(row) for row in rows), default=0) <= 1 or any(True for _inner in element.iterdescendants("table")):
        for row in rows:  # a frame, or a layout made of tables
            for cell in row:
                set_whole(cell, writer)
        return
    header = bool(rows[0]) and all(cell.tag == "th" for cell in rows[0])
    writer.table(list(_cells(rows)), header=header or None)


def _rows(table: Any) -> Iterator[Any]:
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from _rows(child)


def _cells(rows: list[list[Any]]) -> Iterator[list[str]]:
    """The texts of a table's rows; what is joined over rows is said in each, what is joined over columns once."""
    above: dict[int, tuple[str, int]] = {}  # of a column: the text that reaches down, and into how many rows
    for row in rows:
        texts: list[str] = []
        for cell in row:
            _reach_down(texts, above)
            text = flat(_words(cell))
            down, across = _number(cell.get("rowspan")), _number(cell.get("colspan"))
            for column in range(len(texts), min(len(texts) + across, _MOST_COLUMNS)):
                above[column] = (text if column == len(texts) else "", down - 1)
            texts += [text, *[""] * (across - 1)]
        _reach_down(texts, above)
        yield texts[:_MOST_COLUMNS]


def _reach_down(texts: list[str], above: dict[int, tuple[str, int]]) -> None:
    while above.get(len(texts), ("", 0))[1] > 0:
        text, left = above[len(texts)]
        above[len(texts)] = (text, left - 1)
        texts.append(text)


def _number(text: str | None) -> int:
    return min(max(int(text), 1), _MOST_COLUMNS) if text and text.isascii() and text.isdecimal() else 1


def _words(element: Any) -> str:
    """All words of an element in their order; a line ends where it has a break, not where its source has one."""
    parts = [_spaced(element.text)]
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _LEFT_OUT:
            before = "\n" if child.tag == "br" else " " if child.tag in _BLOCKS else ""
            parts += [before, _words(child)]
        parts.append(_spaced(child.tail))
    return "".join(parts)


def _spaced(text: str | None) -> str:
    return (text or "").replace("\n", " ").replace("\r", " ")


def _lines(text: str) -> str:
    return "\n".join(line for line in map(flat, text.split("\n")) if line)
