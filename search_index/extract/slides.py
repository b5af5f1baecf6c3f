"""The text of a presentation (.pptx): a slide's title is a heading, below it text, tables, charts as tables, notes.

Slides that are not shown, comments and what stands on the master are left out. Pure: no Django, no I/O.
Called by extractors.py.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from lxml.etree import LxmlError
from pptx import Presentation
from pptx.enum.shapes import MSO_SHAPE_TYPE
from pptx.exc import PythonPptxError

from search_index.errors import Unreadable
from search_index.extract import archive
from search_index.extract.document import MAX_LINKS, Extracted, Writer, flat, name_of, one_line, unseen
from search_index.extract.word import day_of

_LEVEL = 2  # of a slide's title: the presentation's own stands above
_DEEP = 10  # groups in groups
_MOST_SERIES = 50


def extract_slides(body: bytes, content_type: str, url: str) -> Extracted:
    """What a presentation says. Raises Unreadable: "broken", and archive.checked()'s reasons."""
    archive.checked(body)
    writer, links, hidden, title = Writer(), dict[str, None](), 0, ""
    flags: dict[str, None] = {}
    try:
        presentation = Presentation(BytesIO(body))
        for number, slide in enumerate(presentation.slides, 1):
            if writer.full:
                break
            if slide._element.get("show") in {"0", "false"}:
                hidden += 1
                continue
            heading = flat(slide.shapes.title.text_frame.text) if slide.shapes.title is not None else ""
            title = title or heading
            writer.heading(heading or f"Slide {number}", _LEVEL)
            for shape in slide.shapes:
                if slide.shapes.title is None or shape.shape_id != slide.shapes.title.shape_id:
                    _set(shape, writer)
            if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
                writer.block(_paragraphs(slide.notes_slide.notes_text_frame))
            links |= dict.fromkeys(rel.target_ref for rel in slide.part.rels.values() if rel.is_external)
            flags |= dict.fromkeys(unseen("".join(slide._element.itertext())))
        known = presentation.core_properties
        named, author = one_line(known.title or ""), one_line(known.author or "", 200)
    except (PythonPptxError, LxmlError, KeyError, ValueError, AttributeError, IndexError) as error:
        raise Unreadable("broken", f"The presentation is damaged ({type(error).__name__}: {error}).") from error
    return Extracted(
        text=writer.text,
        title=(named if named != "PowerPoint Presentation" else "") or one_line(title, 200) or name_of(url),
        author=author,
        published_on=day_of(known, "modified") or day_of(known, "created"),
        headings=writer.headings,
        links=[link for link in links if link.startswith(("http://", "https://"))][:MAX_LINKS],
        hidden=hidden,
        flags=list(flags),
        partial="Only the beginning of the presentation was read: it is very long." if writer.full else "",
    )


def _set(shape: Any, writer: Writer, depth: int = 0) -> None:
    if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
        for inner in shape.shapes if depth < _DEEP else ():
            _set(inner, writer, depth + 1)
    elif getattr(shape, "has_table", False):
        rows = [[flat(cell.text) for cell in row.cells] for row in shape.table.rows]
        writer.table(rows, header=shape.table.first_row or None)
    elif getattr(shape, "has_chart", False):
        _chart(shape.chart, writer)
    elif shape.has_text_frame:
        writer.block(_paragraphs(shape.text_frame))


def _paragraphs(frame: Any) -> str:
    """Paragraphs on lines of their own; those below the first level, and several short ones, are a list."""
    lines = [(paragraph.level, flat(paragraph.text)) for paragraph in frame.paragraphs]
    lines = [(level, text) for level, text in lines if text]
    if len(lines) < 2:
        return "\n".join(text for _level, text in lines)
    return "\n".join(f"{'  ' * min(level, 5)}- {text}" for level, text in lines)


def _chart(chart: Any, writer: Writer) -> None:
    """The numbers that a chart draws, as a table."""
    if chart.has_title and chart.chart_title.has_text_frame:
        writer.block(flat(chart.chart_title.text_frame.text))
    for plot in chart.plots:
        writer.table(list(_numbers(plot)), header=True)


def _numbers(plot: Any) -> Iterator[list[str]]:
    series = list(plot.series)[:_MOST_SERIES]
    yield ["", *(flat(each.name) for each in series)]
    for number, category in enumerate(plot.categories):
        values = [each.values[number] if number < len(each.values) else None for each in series]
        yield [flat(str(category)), *("" if value is None else f"{value:.15g}" for value in values)]
