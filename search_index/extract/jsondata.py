"""The text of JSON and JSON Lines: "path: value" lines that a person can search and quote; each record on its own.

Pure: no Django, no I/O. Called by extractors.py.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from search_index.errors import Unreadable
from search_index.extract.charset import decoded
from search_index.extract.document import MAX_LINKS, Extracted, Writer, flat, name_of, one_line, unseen
from search_index.extract.grid import COLUMNS
from search_index.extract.text import extract_text

_TITLES = ("title", "name", "headline")


def extract_json(body: bytes, content_type: str, url: str) -> Extracted:
    """What a JSON file says; what looks like JSON, but is none, is read as text. Raises Unreadable("nested")."""
    text = decoded(body, content_type)
    try:
        try:
            data = json.loads(text)
        except ValueError:
            data = list(_lines(text))
    except RecursionError as error:
        raise Unreadable("nested", "The JSON is nested too deep to be read.") from error
    if not data and text.strip() not in {"{}", "[]"}:
        return extract_text(body, content_type, url)
    walk = _Walk()
    walk.set(data)
    return Extracted(
        text=walk.writer.text,
        title=_title(data) or name_of(url),
        headings=walk.writer.headings,
        links=list(walk.links)[:MAX_LINKS],
        flags=unseen(text),
        partial="Only its beginning was read: it is very long." if walk.writer.full else "",
    )


class _Walk:
    """Sets what a file holds: a list of records as rows, everything else as lines of path and value."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.links: dict[str, None] = {}

    def set(self, data: Any) -> None:
        if _is_records(data):
            self.records(data)
            return
        lists = {key: value for key, value in data.items() if _is_records(value)} if isinstance(data, dict) else {}
        rest = {key: value for key, value in data.items() if key not in lists} if lists else data
        gap = "\n\n"
        for path, value in self.pairs(rest):
            self.writer.block(f"- {path}: {value}" if path else f"- {value}", gap=gap)
            gap = "\n"
        for key, records in lists.items():
            self.writer.heading(flat(key), 2)
            self.records(records)

    def records(self, records: list[dict[str, Any]]) -> None:
        gap = "\n\n"
        for record in records:
            if self.writer.full:
                return
            named = list(islice(self.pairs(record), COLUMNS))
            self.writer.record([path for path, _value in named], [value for _path, value in named], gap=gap)
            gap = "\n"

    def pairs(self, data: Any) -> Iterator[tuple[str, str]]:
        """Every value below `data` with its path; lists of plain values are one value. No recursion: files are deep."""
        waiting: list[tuple[str, Any]] = [("", data)]
        while waiting and not self.writer.full:
            path, value = waiting.pop()
            if isinstance(value, dict):
                waiting += [(f"{path}.{key}" if path else str(key), inner) for key, inner in reversed(value.items())]
            elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
                waiting += [(f"{path}[{number}]", value[number]) for number in range(len(value) - 1, -1, -1)]
            else:
                text = ", ".join(map(_plain, value)) if isinstance(value, list) else _plain(value)
                if text:
                    yield flat(path), text
                    self._note_links(value if isinstance(value, list) else [value])

    def _note_links(self, values: list[Any]) -> None:
        for value in values:
            if isinstance(value, str) and value.startswith(("http://", "https://")) and len(self.links) < MAX_LINKS:
                self.links[value] = None


def _lines(text: str) -> Iterator[Any]:
    """The values of JSON Lines; a line that is none is left out."""
    for line in text.split("\n"):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _is_records(data: Any) -> bool:
    return isinstance(data, list) and len(data) > 0 and all(isinstance(one, dict) for one in data)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return flat(str(value))


def _title(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    return next(
        (one_line(data[key], 200) for key in _TITLES if isinstance(data.get(key), str) and data[key].strip()), ""
    )
