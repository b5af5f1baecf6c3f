"""The text of a Word document (.docx): paragraphs under their headings, lists, tables, footnotes; as it is read, not
as it was edited: what revisions deleted, comments and text set as hidden are left out.

python-docx opens the package and knows its styles; the body is walked here, because its own lists of paragraphs leave
out what stands in content controls and in revisions. Pure: no Django, no I/O. Called by extractors.py.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

from docx.opc.constants import CONTENT_TYPE, RELATIONSHIP_TYPE
from docx.opc.exceptions import PackageNotFoundError
from docx.opc.part import PartFactory
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.package import Package
from docx.parts.document import DocumentPart
from lxml.etree import LxmlError

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

# With macros or as a template it is the same document; python-docx opens it if told so. No macro is ever looked at.
for _main in ("application/vnd.ms-word.document.macroEnabled.main+xml", CONTENT_TYPE.WML_DOCUMENT_MAIN):
    PartFactory.part_type_for[_main] = DocumentPart

_TITLE, _CONTENTS = "title", "toc "
_P, _TBL, _TR, _TC = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_INSIDE = frozenset(map(qn, ("w:sdt", "w:sdtContent", "w:customXml", "w:ins", "w:moveTo", "w:smartTag")))
_LEFT_OUT = frozenset(
    {qn("w:del"), qn("w:moveFrom"), qn("w:instrText"), qn("w:pPr"), qn("w:rPr"), qn("w:txbxContent")}
    | {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}
)
_BREAKS = frozenset(map(qn, ("w:tab", "w:br", "w:cr")))
_TEXTS = frozenset({qn("w:t"), "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"})
_DEEP = 6  # tables in tables; deeper ones are a layout that nobody reads


def extract_word(body: bytes, content_type: str, url: str) -> Extracted:
    """What a Word document says. Raises Unreadable: "broken", and archive.checked()'s reasons."""
    archive.checked(body)
    try:
        package = Package.open(BytesIO(body))
        part = package.main_document_part
        document = part.document
        walk = _Walk(part, _levels(part))
        walk.container(document.element.body)
        walk.notes()
    except (PackageNotFoundError, LxmlError, KeyError, ValueError, AttributeError) as error:
        raise Unreadable("broken", f"The Word document is damaged ({type(error).__name__}: {error}).") from error
    known = package.core_properties
    return Extracted(
        text=walk.writer.text,
        title=one_line(_property(known, "title")) or walk.title or _first_heading(walk.writer) or name_of(url),
        author=one_line(_property(known, "author"), 200),
        published_on=day_of(known, "modified") or day_of(known, "created"),
        language=_property(known, "language").partition("-")[0].lower()[:10],
        headings=walk.writer.headings,
        links=walk.links(),
        hidden=walk.hidden,
        flags=counted_flags(walk.hidden, walk.invisible),
        partial="Only the beginning of the document was read: it is very long." if walk.writer.full else "",
    )


class _Walk:
    """A walk over the body, in the order in which it is read."""

    def __init__(self, part: Any, levels: dict[str, int | None]) -> None:
        self.part = part
        self.levels = levels
        self.writer = Writer()
        self.title = ""
        self.hidden = 0
        self.invisible = 0
        self.listed = False  # the paragraph before is an item of a list

    def container(self, element: Any, depth: int = 0) -> None:
        """What holds paragraphs and tables: the body, a content control, a text box, the only cell of a frame."""
        for child in element:
            if self.writer.full:
                return
            if child.tag == _P:
                self.paragraph(child)
            elif child.tag == _TBL:
                self.listed = False
                self.table(child, depth)
            elif child.tag in _INSIDE:
                self.container(child, depth)

    def paragraph(self, element: Any) -> None:
        style = _value(element, "w:pPr/w:pStyle")
        level = self.levels.get(style, 0)
        if level is None:  # a line of the table of contents
            return
        own = _value(element, "w:pPr/w:outlineLvl")
        if own.isdecimal() and int(own) < 6:
            level = int(own) + 1
        text = self.words(element)
        if level:
            self.title = self.title or (flat(text) if style.lower() == _TITLE else "")
            self.writer.heading(flat(text), level)
            self.listed = False
        else:
            item = element.find(qn("w:pPr") + "/" + qn("w:numPr")) is not None or style.startswith("List")
            lines = "\n".join(flat(line) for line in text.split("\n"))
            gap = "\n" if item and self.listed else "\n\n"
            self.writer.block(f"- {lines}" if item and lines.strip() else lines, gap=gap)
            self.listed = item
        for box in element.iter(qn("w:txbxContent")):
            if not any(above.tag in _LEFT_OUT for above in box.iterancestors()):
                self.container(box)

    def table(self, element: Any, depth: int) -> None:
        rows = [list(_within(row, _TC)) for row in _within(element, _TR)]
        if depth > _DEEP:
            return
        if max((len(row) for row in rows), default=0) == 1:  # a frame
            for (cell,) in (row for row in rows if row):
                self.container(cell, depth + 1)
            return
        header = next(
            (row.find(qn("w:trPr") + "/" + qn("w:tblHeader")) is not None for row in _within(element, _TR)), False
        )
        self.writer.table(list(self.cells(rows)), header=header or None)

    def cells(self, rows: Sequence[Sequence[Any]]) -> Iterator[list[str]]:
        """The texts of a table's rows; what is joined over rows is said in each, what is joined over columns once."""
        above: list[str] = []
        for row in rows:
            texts: list[str] = []
            for cell in row:
                merged = cell.find(qn("w:tcPr") + "/" + qn("w:vMerge"))
                if merged is not None and merged.get(qn("w:val"), "continue") == "continue" and len(texts) < len(above):
                    texts.append(above[len(texts)])
                else:
                    texts.append(flat(" ".join(self.words(each) for each in cell.iter(_P))))
                span = _value(cell, "w:tcPr/w:gridSpan")
                texts += [""] * (min(int(span), 64) - 1 if span.isdecimal() else 0)
            above = texts
            yield texts

    def words(self, element: Any) -> str:
        """The words of a paragraph, with its line breaks; without what is deleted or hidden."""
        parts: list[str] = []
        for child in element:
            if child.tag in _LEFT_OUT:
                continue
            if child.tag in _BREAKS:
                parts.append("\n" if child.tag == qn("w:br") else " ")
            elif child.tag == qn("w:noBreakHyphen"):
                parts.append("-")
            elif child.tag == qn("w:r") and _vanishes(child):
                self.hidden += any(child.itertext(qn("w:t")))
            elif len(child):
                parts.append(self.words(child))
            elif child.tag in _TEXTS and child.text:
                self.invisible += smuggled(child.text)
                parts.append(child.text)
        return "".join(parts)

    def notes(self) -> None:
        """Footnotes and endnotes, at the end."""
        for kind, tag in ((RELATIONSHIP_TYPE.FOOTNOTES, "w:footnote"), (RELATIONSHIP_TYPE.ENDNOTES, "w:endnote")):
            for relation in self.part.rels.values():
                if relation.reltype == kind and not relation.is_external:
                    for note in parse_xml(relation.target_part.blob).findall(qn(tag)):
                        if note.get(qn("w:type"), "normal") == "normal":
                            text = flat(" ".join(self.words(each) for each in note.iter(_P)))
                            self.writer.block(f"[{note.get(qn('w:id'))}] {text}" if text else "")

    def links(self) -> list[str]:
        external = (rel.target_ref for rel in self.part.rels.values() if rel.is_external)
        return list(dict.fromkeys(ref for ref in external if ref.startswith(("http://", "https://"))))[:MAX_LINKS]


def day_of(properties: Any, name: str) -> date | None:
    """A day out of a document's properties, if it can be true."""
    try:
        moment = getattr(properties, name)
    except ValueError:
        return None
    day = moment.date() if isinstance(moment, datetime) else None
    return day if day and date(1985, 1, 1) <= day <= datetime.now(UTC).date() else None


def _property(properties: Any, name: str) -> str:
    return str(getattr(properties, name, "") or "")


def _first_heading(writer: Writer) -> str:
    start, end, _level = min(writer.headings, key=lambda heading: heading[2], default=(0, 0, 0))
    return one_line(writer.text[start:end], 200)


def _levels(part: Any) -> dict[str, int | None]:
    """The level of each paragraph style, 0 for text, None for the table of contents.

    Word keeps the names of its own styles in English whatever language it speaks; others say what they are based on.
    """
    styles = {style.get(qn("w:styleId")): style for style in part.styles.element.findall(qn("w:style"))}
    return {name: _level(name, styles) for name in styles if name}


def _level(style_id: str, styles: dict[str, Any]) -> int | None:
    seen: set[str] = set()
    while style_id in styles and style_id not in seen:
        seen.add(style_id)
        style = styles[style_id]
        name = _value(style, "w:name").lower()
        if name.startswith(_CONTENTS):
            return None
        if name == _TITLE:
            return 1
        outline = _value(style, "w:pPr/w:outlineLvl")
        number = name.removeprefix("heading ") if name.startswith("heading ") else ""
        if number.isdecimal() or (outline.isdecimal() and int(outline) < 6):
            return int(number) if number.isdecimal() else int(outline) + 1
        style_id = _value(style, "w:basedOn")
    return 0


def _within(element: Any, tag: str) -> Iterator[Any]:
    """The rows of a table, or the cells of a row, also those in content controls and revisions."""
    for child in element:
        if child.tag == tag:
            yield child
        elif child.tag in _INSIDE:
            yield from _within(child, tag)


def _value(element: Any, path: str) -> str:
    found = element.find("/".join(map(qn, path.split("/"))))
    return str(found.get(qn("w:val"), "")) if found is not None else ""


def _vanishes(run: Any) -> bool:
    vanish = run.find(qn("w:rPr") + "/" + qn("w:vanish"))
    return vanish is not None and vanish.get(qn("w:val"), "true") not in {"0", "false", "off"}
