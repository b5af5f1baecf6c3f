"""The text of OpenDocument files: text (.odt), spreadsheets (.ods), presentations (.odp).

As it is read: what tracked changes deleted, annotations and text set as hidden are left out. odfdo opens the file; but
cells and rows that are said to repeat are written out here, since a sheet may claim to have millions.
Pure: no Django, no I/O. Called by extractors.py.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

from lxml.etree import LxmlError
from odfdo import Document
from odfdo.security import SecurityError

from search_index.errors import Unreadable
from search_index.extract import archive
from search_index.extract.document import (
    MAX_LINKS,
    Extracted,
    Writer,
    counted_flags,
    flat,
    name_of,
    one_line,
    smuggled,
)
from search_index.extract.grid import COLUMNS, Grid
from search_index.extract.workbook import EFFORT, effort, number

_CONTAINERS = frozenset(
    """text:section text:list-header text:index-body draw:g draw:frame draw:text-box draw:custom-shape draw:rect
    draw:ellipse draw:a office:text""".split()  # noqa: SIM905 - a list of words
)
_LEFT_OUT = frozenset(
    """text:tracked-changes text:table-of-content text:illustration-index text:table-index office:annotation
    text:hidden-text text:hidden-paragraph office:forms text:sequence-decls svg:title svg:desc draw:frame
    draw:custom-shape""".split()  # noqa: SIM905 - a list of words
)
_HIDDEN = frozenset({"text:hidden-text", "text:hidden-paragraph"})
_DEEP = 60  # elements in elements
_MOST_SPACES = 40
_REPEATED_ROWS = 100  # rows with the same values that are written out


def extract_opendocument(body: bytes, content_type: str, url: str) -> Extracted:
    """What an OpenDocument file says. Raises Unreadable: "broken", and archive.checked()'s reasons."""
    archive.checked(body)
    try:
        document = Document(BytesIO(body))
        walk = _Walk(_styles(document))
        walk.body(document.body)
        meta = document.meta
        title, author = one_line(meta.title or ""), one_line(meta.creator or meta.initial_creator or "", 200)
        day, language = _day(meta.date) or _day(meta.creation_date), (meta.language or "").partition("-")[0].lower()
    except (SecurityError, LxmlError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unreadable("broken", f"The document is damaged ({type(error).__name__}: {error}).") from error
    return Extracted(
        text=walk.writer.text,
        title=title or one_line(walk.title, 200) or name_of(url),
        author=author,
        published_on=day,
        language=language[:10],
        headings=walk.writer.headings,
        links=list(walk.links)[:MAX_LINKS],
        hidden=walk.hidden,
        flags=counted_flags(walk.hidden, walk.invisible),
        partial="Only its beginning was read: it is very long." if walk.writer.full or walk.effort > EFFORT else "",
    )


class _Styles:
    """What the styles say that matters to a reader: which are hidden, which are the title's."""

    def __init__(self) -> None:
        self.hidden: set[str] = set()
        self.titles: set[str] = {"Title"}


def _styles(document: Any) -> _Styles:
    found = _Styles()
    for part in (document.styles, document.content):
        for style in part.root.get_elements("descendant::style:style"):
            name = style.get_attribute("style:name") or ""
            for properties in style.children:
                if (
                    properties.get_attribute("text:display") == "none"
                    or properties.get_attribute("table:display") is False
                ):
                    found.hidden.add(name)
            if style.get_attribute("style:parent-style-name") == "Title":
                found.titles.add(name)
    return found


class _Walk:
    """A walk over the body, in the order in which it is read."""

    def __init__(self, styles: _Styles) -> None:
        self.styles = styles
        self.writer = Writer()
        self.links: dict[str, None] = {}
        self.title = ""
        self.hidden = 0
        self.invisible = 0
        self.effort = 0
        self.notes: list[str] = []

    def body(self, body: Any) -> None:
        for child in body.children:
            if self.writer.full:
                break
            if body.tag == "office:spreadsheet" and child.tag == "table:table":
                self.sheet(child)
            elif child.tag == "draw:page":
                self.slide(child)
            else:
                self.element(child)
        for note in self.notes:
            self.writer.block(note)

    def element(self, element: Any, depth: int = 0) -> None:
        """A block: set if it is one, entered if it holds some, else left out."""
        tag = element.tag
        if depth > _DEEP or self.writer.full or self._is_hidden(element):
            return
        if tag == "text:h":
            text = flat(self.words(element))
            level = element.get_attribute("text:outline-level") or "1"
            self.title = self.title or text
            self.writer.heading(text, int(level) if level.isdecimal() else 1)
        elif tag == "text:p":
            self.paragraph(element)
        elif tag == "text:list":
            self.list(element, depth)
        elif tag == "table:table":
            self.table(element)
        elif tag in _CONTAINERS:
            for child in element.children:
                self.element(child, depth + 1)

    def paragraph(self, element: Any) -> None:
        lines = "\n".join(flat(line) for line in self.words(element).split("\n"))
        if element.get_attribute("text:style-name") in self.styles.titles and lines.strip():
            self.title = self.title or flat(lines)
            self.writer.heading(flat(lines), 1)
        else:
            self.writer.block(lines)
        for child in element.children:
            if child.tag in {"draw:frame", "draw:custom-shape"}:
                self.element(child)

    def list(self, element: Any, depth: int, gap: str = "\n\n") -> None:
        for item in element.children if depth < _DEEP else ():
            inner = _Walk(self.styles)
            for child in item.children:
                if child.tag == "text:list":
                    inner.list(child, depth + 1, gap="\n")
                else:
                    inner.element(child, depth + 1)
            self.writer.nest(inner.writer, "- " if item.tag == "text:list-item" else "", gap=gap)
            self._take(inner)
            gap = "\n"

    def table(self, element: Any) -> None:
        rows = list(self.rows(element, in_header=False))
        texts = [[flat(self._text(cell)) for cell, _times in cells] for cells, _times, _header in rows]
        self.writer.table(texts, header=bool(rows and rows[0][2]) or None)

    def sheet(self, element: Any) -> None:
        if self._is_hidden(element):
            return
        grid = Grid(self.writer, flat(element.get_attribute("table:name") or ""), 2)
        for cells, times, _header in self.rows(element, in_header=False):
            values = [value for cell, across in cells for value in [self._value(cell)] * across]
            for _time in range(min(times, _REPEATED_ROWS) if any(values) else 1):
                grid.row(values)
            self.effort += effort(values)
            if grid.full or self.effort > EFFORT:
                break
        grid.end()

    def slide(self, element: Any) -> None:
        frames = element.children
        title = next((frame for frame in frames if frame.get_attribute("presentation:class") == "title"), None)
        text = flat(self._text(title)) if title is not None else ""
        self.title = self.title or text
        self.writer.heading(text or flat(element.get_attribute("draw:name") or "Slide"), 2)
        for frame in frames:
            if frame.tag == "presentation:notes":
                for inner in frame.children:
                    self.element(inner)
            elif title is None or frame is not title:
                self.element(frame)
                for inner in frame.children:
                    if inner.tag == "table:table":
                        self.table(inner)

    def rows(self, element: Any, *, in_header: bool) -> Iterator[tuple[Sequence[tuple[Any, int]], int, bool]]:
        """(cells with how often each is said to repeat, how often the row is, whether it is a header) of a table."""
        for child in element.children:
            if child.tag == "table:table-row":
                if child.get_attribute("table:visibility") in {"collapse", "filter"}:
                    self.hidden += 1
                    continue
                yield list(self._cells(child)), _times(child, "table:number-rows-repeated"), in_header
            elif child.tag in {"table:table-rows", "table:table-header-rows", "table:table-row-group"}:
                yield from self.rows(child, in_header=child.tag == "table:table-header-rows")

    def words(self, element: Any, depth: int = 0) -> str:
        """The words of a paragraph, with its line breaks; without what is deleted, hidden or said in a note."""
        parts = [element.text or ""]
        for child in element.children if depth < _DEEP else ():
            tag = child.tag
            if tag in _HIDDEN or (tag == "text:span" and self._is_hidden(child)):
                self.hidden += tag in _HIDDEN
            elif tag == "text:s":
                count = child.get_attribute("text:c") or "1"
                parts.append(" " * min(int(count) if count.isdecimal() else 1, _MOST_SPACES))
            elif tag in {"text:tab", "text:line-break"}:
                parts.append("\n" if tag == "text:line-break" else " ")
            elif tag == "text:note":
                self._note(child)
            elif tag not in _LEFT_OUT:
                target = child.get_attribute("xlink:href") if tag == "text:a" else ""
                if isinstance(target, str) and target.startswith(("http://", "https://")):
                    self.links[target] = None
                parts.append(self.words(child, depth + 1))
            parts.append(child.tail or "")
        text = "".join(parts)
        self.invisible += smuggled(text) if depth == 0 else 0
        return text

    def _note(self, element: Any) -> None:
        inner = {child.tag: child for child in element.children}
        mark, body = inner.get("text:note-citation"), inner.get("text:note-body")
        if body is not None:
            sign = flat(mark.text or "") if mark is not None else "*"
            self.notes.append(f"[{sign}] {flat(self._text(body))}")

    def _text(self, element: Any) -> str:
        """All paragraphs below an element."""
        inner = _Walk(self.styles)
        for child in element.children:
            inner.element(child)
        self._take(inner)
        return inner.writer.text

    def _take(self, inner: "_Walk") -> None:
        self.links |= inner.links
        self.notes += inner.notes
        self.hidden += inner.hidden
        self.invisible += inner.invisible

    def _cells(self, row: Any) -> Iterator[tuple[Any, int]]:
        room = COLUMNS
        for cell in row.children:
            if cell.tag in {"table:table-cell", "table:covered-table-cell"} and room > 0:
                times = min(_times(cell, "table:number-columns-repeated"), room)
                room -= times
                yield cell, times

    def _value(self, cell: Any) -> str:
        """What a cell of a sheet says: its value as a number or a day, else its words."""
        kind = cell.get_attribute("office:value-type")
        value = cell.get_attribute("office:date-value") if kind == "date" else cell.get_attribute("office:value")
        if kind == "date" and value:
            return str(value).removesuffix("T00:00:00").replace("T", " ")
        if kind in {"float", "percentage"} and value is not None:
            return number(float(value), percent=kind == "percentage")
        return flat(self._text(cell))

    def _is_hidden(self, element: Any) -> bool:
        names = (element.get_attribute("text:style-name"), element.get_attribute("table:style-name"))
        found = element.get_attribute("text:display") == "none" or any(name in self.styles.hidden for name in names)
        self.hidden += found
        return found


def _times(element: Any, attribute: str) -> int:
    count = str(element.get_attribute(attribute) or "1")
    return max(int(count), 1) if count.isdecimal() else 1


def _day(moment: Any) -> date | None:
    day = moment.date() if isinstance(moment, datetime) else None
    return day if day and date(1985, 1, 1) <= day <= datetime.now(UTC).date() else None
