"""Sets the rows of a sheet or a data file as lines that can be read, found and quoted on their own.

A row under a header names each value ("| Country: Norway | Capital: Oslo |"): a passage out of the middle of a long
file says what its numbers are. Pure. Called by delimited.py, opendocument.py and workbook.py.
"""

from collections.abc import Sequence

from search_index.extract.document import Writer, is_header

COLUMNS = 500  # of a row; what lies further to the right is not read


class Grid:
    """The rows of one sheet, as they come; an empty row ends a table, and the next one may have another header."""

    def __init__(self, writer: Writer, name: str = "", level: int = 1) -> None:
        self._writer = writer
        self._name = name
        self._level = level
        self._header: list[str] | None = None
        self._begun = False  # the table has a row already
        self.cut = False  # rows were wider than can be read

    @property
    def full(self) -> bool:
        return self._writer.full

    def row(self, cells: Sequence[str]) -> None:
        """The next row."""
        self.cut = self.cut or len(cells) > COLUMNS
        cells = list(cells[:COLUMNS])
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            self._header, self._begun = None, False
            return
        self._writer.heading(self._name, self._level)
        self._name = ""
        filled = [cell for cell in cells if cell]
        if self._header is not None:
            self._writer.record(self._header, cells, gap=self._gap())
        elif len(filled) == 1:  # a title, or a note
            self._writer.block(filled[0], gap=self._gap())
        elif not self._begun and is_header(["", *filled]):
            self._header = cells
            return
        else:
            self._writer.record([], cells, gap=self._gap())
        self._begun = self._begun or len(filled) > 1

    def end(self) -> None:
        """After the last row: a header without rows is a row."""
        if self._header is not None and not self._begun:
            self._writer.record([], self._header, gap="\n\n")

    def _gap(self) -> str:
        return "\n" if self._begun else "\n\n"
