"""The text of a spreadsheet (.xlsx): each sheet under its name, each row a line that can be read on its own.

Values are those that the program last computed and stored, formatted as plainly as they can be quoted. Hidden sheets
are left out. Pure: no Django, no I/O. Called by extractors.py.
"""

import warnings
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, time
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import ParseError

from lxml.etree import LxmlError
from openpyxl import load_workbook  # type: ignore[import-untyped]
from openpyxl.utils.exceptions import InvalidFileException  # type: ignore[import-untyped]

from search_index.errors import Unreadable
from search_index.extract import archive
from search_index.extract.document import Extracted, Writer, flat, name_of, one_line
from search_index.extract.grid import COLUMNS, Grid
from search_index.extract.word import day_of

# How much is looked at in one file, in empty cells; a filled one counts ten times, since it takes 20 to 50 µs, and a
# sheet may claim to have 17 thousand million.
EFFORT, FILLED = 4_000_000, 10
ROWS = 1_048_576  # no program has more in a sheet
_LEVEL = 2  # of a sheet's name: the workbook's own stands above


def extract_workbook(body: bytes, content_type: str, url: str) -> Extracted:
    """What a spreadsheet says. Raises Unreadable: "broken", and archive.checked()'s reasons."""
    archive.checked(body)
    writer, hidden, looked_at, cut = Writer(), 0, 0, False
    try:
        with warnings.catch_warnings(), closing(load_workbook(BytesIO(body), read_only=True, data_only=True)) as book:
            warnings.simplefilter("ignore")  # what openpyxl cannot keep when it saves; nothing is saved here
            for sheet in book.worksheets:
                if sheet.sheet_state != "visible":
                    hidden += 1
                    continue
                grid = Grid(writer, sheet.title, _LEVEL)
                looked_at += _read(sheet, grid, EFFORT - looked_at)
                cut = cut or grid.cut
            known = book.properties
    except (InvalidFileException, ParseError, LxmlError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unreadable("broken", f"The spreadsheet is damaged ({type(error).__name__}: {error}).") from error
    return Extracted(
        text=writer.text,
        title=one_line(known.title or "") or name_of(url),
        author=one_line(known.creator or "", 200),
        published_on=day_of(known, "modified") or day_of(known, "created"),
        headings=writer.headings,
        hidden=hidden,
        partial=_partial(rows=writer.full or looked_at >= EFFORT, columns=cut),
    )


def _read(sheet: Any, grid: Grid, room: int) -> int:
    """Fill the grid; how much was looked at. What the sheet says of its size is not believed."""
    sheet.reset_dimensions()
    looked_at = 0
    for count, row in enumerate(sheet.iter_rows()):
        values = [_value(cell) for cell in row]
        looked_at += effort(values)
        if looked_at > room or count > ROWS or grid.full:
            break
        grid.row(values)
    grid.end()
    return looked_at


def effort(row: Sequence[str]) -> int:
    """What a row costs, in empty cells."""
    return 1 + len(row) + FILLED * sum(map(bool, row))


def _partial(*, rows: bool, columns: bool) -> str:
    if rows:
        return "Only the first rows were read: it is very long."
    return f"Only the first {COLUMNS} columns were read." if columns else ""


def _value(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value, percent="%" in (cell.number_format or ""))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    return value.isoformat() if isinstance(value, date | time) else flat(str(value))


def number(value: float, *, percent: bool = False) -> str:
    """A number as a person would write it: no more digits than a spreadsheet keeps."""
    return f"{value * 100:.10g}%" if percent else f"{value:.15g}"
