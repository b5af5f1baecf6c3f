"""The text of a CSV or TSV file: each row a line that names its values; a huge file's first rows, and a word about it.

Pure: no Django, no I/O. Called by extractors.py.
"""

import csv
from collections import Counter
from io import StringIO
from itertools import islice

from search_index.errors import Unreadable
from search_index.extract.charset import decoded
from search_index.extract.document import MOST_TEXT, Extracted, Writer, flat, name_of, unseen
from search_index.extract.grid import COLUMNS, Grid

_DELIMITERS = "\t;,|"
_SAMPLE, _SAMPLE_ROWS = 20_000, 40  # characters and rows by which the delimiter is found out


def extract_delimited(body: bytes, content_type: str, url: str) -> Extracted:
    """What a file of rows says. Raises Unreadable("broken")."""
    text = decoded(body, content_type)
    csv.field_size_limit(MOST_TEXT)
    writer = Writer()
    grid = Grid(writer)
    try:
        for row in csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text[:_SAMPLE])):
            if grid.full:
                break
            grid.row([flat(cell) for cell in row[: COLUMNS + 1]])
    except csv.Error as error:
        raise Unreadable("broken", f"The file cannot be read as rows ({error}).") from error
    grid.end()
    partial = "Only its first rows were read: it is very long." if grid.full else ""
    return Extracted(
        text=writer.text,
        title=name_of(url),
        flags=unseen(text),
        partial=partial or (f"Only its first {COLUMNS} columns were read." if grid.cut else ""),
    )


def _delimiter(sample: str) -> str:
    """The sign that divides most rows into the same number of cells, and into more than one."""
    found = {}
    for sign in _DELIMITERS:
        try:
            rows = list(islice(csv.reader(StringIO(sample, newline=""), delimiter=sign), _SAMPLE_ROWS))
        except csv.Error:
            continue
        widths = Counter(len(row) for row in rows[: max(len(rows) - 1, 1)] if row)  # the last may be cut off
        width, times = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
        found[sign] = (width > 1, times, width)
    return max(found, key=lambda sign: found[sign], default=",")
