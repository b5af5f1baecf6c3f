"""What an extractor gives, and how text is built with exact spans for its headings.

Pure: no Django, no I/O. Text is normalised before any span is computed, so a span never has to move.
Called by the extractors beside it.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from urllib.parse import unquote, urlsplit

Heading = list[int]  # [start, end, level 1..6], as the database keeps it

_BREAKS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Characters that nobody sees: controls, soft hyphens, zero widths, bidirectional marks, tags, lone surrogates,
# noncharacters. Text hidden in them would reach a model that the reader cannot check. Joiners (200C, 200D) are kept
# where a script needs them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]|(?<![\u0590-\u1fff\u2600-\u27bf\U0001f000-\U0001faff])[\u200c\u200d]"
)
_TRAILING = re.compile(r"[ \t]+$", re.MULTILINE)
_MANY_BLANK = re.compile(r"\n{4,}")


@dataclass(frozen=True)
class Extracted:
    """The text of a page and what is known about it; `headings` are spans into `text`, `links` absolute addresses."""

    text: str
    title: str = ""
    author: str = ""
    published_on: date | None = None
    language: str = ""
    headings: list[Heading] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    only_links: bool = False  # a table of contents or an index: worth following, not worth finding; `text` is empty

    @property
    def words(self) -> int:
        return len(self.text.split())


def normalised(text: str) -> str:
    """`text` in NFC, with "\\n" for every line break, plain spaces, nothing invisible and at most two blank lines."""
    text = _BREAKS.sub("\n", text)
    text = _HIDDEN.sub("", _SPACES.sub(" ", text))
    return _MANY_BLANK.sub("\n\n\n", _TRAILING.sub("", unicodedata.normalize("NFC", text)))


def one_line(text: str, limit: int = 500) -> str:
    """`text` normalised, on one line, not longer than `limit`: for titles and names."""
    return " ".join(normalised(text).replace("¶", "").split())[:limit]


def name_of(url: str) -> str:
    """The last part of an address's path: the title of what has none."""
    path = urlsplit(url).path if "://" in url else url
    return one_line(unquote(path.rstrip("/").rpartition("/")[2])) or url


class Writer:
    """Builds a text from blocks and remembers where its headings are."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self.headings: list[Heading] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def block(self, text: str, *, gap: str = "\n\n") -> None:
        """Append a block, `gap` after what is there. Empty blocks leave no trace."""
        if text.strip():
            self._append(gap if self._length else "")
            self._append(text)

    def heading(self, text: str, level: int) -> None:
        if text.strip():
            self.block(text)
            self.headings.append([self._length - len(text), self._length, level])

    def nest(self, inner: "Writer", mark: str, *, gap: str) -> None:
        """Append what `inner` holds as one block, with `mark` before it; its headings move along."""
        text = inner.text
        if not text.strip():
            return
        self.block(mark + text, gap=gap)
        at = self._length - len(text)
        self.headings += [[start + at, end + at, level] for start, end, level in inner.headings]

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
