"""What an extractor gives, and how text is built with exact spans for its headings.

Pure: no Django, no I/O. Text is normalised before any span is computed, so a span never has to move.
Called by the extractors beside it.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from search_index.judgement.measures import Measures

Heading = list[int]  # [start, end, level 1..6], as the database keeps it

MOST_TEXT = 5_000_000  # characters of one document; "War and Peace" has 3.2 million
MAX_LINKS = 3000
# What a reader has to know of a page's text: it hid words, it had letters that nobody sees, it addresses machines.
HIDDEN, INVISIBLE, INSTRUCTIONS = FLAGS = ("hidden", "invisible", "instructions")
TABLE_WORDS = 200  # of a part of a long table, with its header and signs: it is one passage (chunk.py)
ROW_WORDS = 160  # a row with more is no line any more: its cells stand as paragraphs

_BREAKS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
# Characters that nobody sees: controls, soft hyphens, zero widths, bidirectional marks, tags, lone surrogates,
# noncharacters. Text hidden in them would reach a model that the reader cannot check. Joiners (200C, 200D) are kept
# where a script needs them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]|(?<![\u0590-\u1fff\u2600-\u27bf\U0001f000-\U0001faff])[\u200c\u200d]"
    "|[\ufe00-\ufe0f]{2,}"
)
# Of those, what no script and no typesetting needs: letters as tags (but for those of a flag), zero widths so many that
# they are a code or one after each letter so that no filter knows the word, text turned round, bytes as variations.
# What is none of them, as ranges to leave out: looked at in this order, it is twice as fast on a whole page.
_INVISIBLE = re.compile(
    "[^\x00-\u200a\u200e-\u202c\u202f-\u205f\u2065-\ufdff\ufe10-\ufefe\uff00-\U000e0000\U000e01f0-\U0010ffff]"
)
_SMUGGLED = re.compile(
    "(?<![\U0001f3f4\U000e0001-\U000e01ef])[\U000e0001-\U000e01ef]{2,}|[\u200b-\u200d\u2060-\u2064\ufeff]{8,}"
    "|(?:[A-Za-z][\u200b-\u200d\u2060-\u2064\ufeff]){3,}|[\u202d\u202e][^\n\u202c]*|[\ufe00-\ufe0f]{3,}"
)
_NUMBER = re.compile(r"[\d\s.,:/%$€£+−–-]+$")
_YEAR = re.compile(r"(19|20)\d\d$")
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
    kinds: list[str] = field(default_factory=list)  # what the page says it is: see kinds.py
    only_links: bool = False  # a table of contents or an index: worth following, not worth finding; `text` is empty
    hidden: int = 0  # pieces of text that a person would not have seen, which were left out
    flags: list[str] = field(default_factory=list)  # of FLAGS: what a reader of the page has to know
    canonical: str = ""  # the address that the page itself wants to be known by, absolute
    noindex: bool = False  # it asks not to be indexed, or that its links are not followed (robots meta)
    nofollow: bool = False
    measures: "Measures | None" = None  # what judgement/ has counted; None: not yet
    partial: str = ""  # a sentence that says what was left out where the document was too long to be read whole

    @property
    def words(self) -> int:
        return len(self.text.split())


def normalised(text: str) -> str:
    """`text` in NFC, with "\\n" for every line break, plain spaces, nothing invisible and at most two blank lines."""
    text = _BREAKS.sub("\n", text)
    text = _HIDDEN.sub("", _SPACES.sub(" ", text))
    return _MANY_BLANK.sub("\n\n\n", _TRAILING.sub("", unicodedata.normalize("NFC", text)))


def smuggled(text: str) -> int:
    """How many messages in invisible characters there are in `text`, as far as one can tell."""
    return len(_SMUGGLED.findall(text)) if not text.isascii() and _INVISIBLE.search(text) else 0


def counted_flags(hidden: int, invisible: int) -> list[str]:
    """The flags of a document in which so many pieces were hidden, and so many characters invisible."""
    return [HIDDEN] * (hidden > 0) + [INVISIBLE] * (invisible > 0)


def unseen(text: str) -> list[str]:
    """The flag of a text with messages in invisible characters; of others, no flag."""
    return counted_flags(0, smuggled(text))


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

    @property
    def length(self) -> int:
        return self._length

    @property
    def full(self) -> bool:
        """Whether this is as much text as one document may have: the extractor had better stop, and say so."""
        return self._length > MOST_TEXT

    def heading(self, text: str, level: int) -> None:
        if text.strip():
            self.block(text)
            self.headings.append([self._length - len(text), self._length, min(max(level, 1), 6)])

    def table(self, rows: Iterable[Sequence[str]], *, header: bool | None = None) -> None:
        """A table, a line a row; a long one in parts, each under its header again, as on the pages of a book.

        `header` says whether the first row is one; None: it looks like one or not.
        """
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        if not rows:
            return
        if max(len(row) for row in rows) == 1:  # a frame around text, no table
            for row in rows:
                self.block(row[0])
            return
        head = [_line(row) for row in rows[: int(header or (header is None and is_header(rows[0])))]]
        above = sum(map(_size, head))
        part, words, parts = list(head), above, 0
        for row in rows[len(head) :]:
            size = _size(_line(row))
            if words > above and words + size > TABLE_WORDS:
                self._part(part, parts)
                part, words, parts = list(head), above, parts + 1
            if size > ROW_WORDS:
                self.block("\n\n".join(cell for cell in row if cell.strip()))
            else:
                part.append(_line(row))
                words += size
        if words > above or not parts:
            self._part(part, parts)

    def record(self, header: Sequence[str], row: Sequence[str], *, gap: str = "\n") -> None:
        """A row of data that can be read on its own: each value has its column's name before it."""
        named = [f"{name}: {value}" if name else value for name, value in zip(header, row, strict=False) if value]
        named += [value for value in row[len(header) :] if value]
        if _size(" ".join(named)) > ROW_WORDS:
            self.block("\n".join(f"- {one}" for one in named))
        elif named:
            self.block(_line(named), gap=gap)

    def include(self, text: str, headings: Sequence[Heading], *, deeper: int = 0) -> None:
        """Append another document's text, with its headings so many levels `deeper`."""
        if not text.strip():
            return
        self.block(text)
        at = self._length - len(text)
        self.headings += [[start + at, end + at, min(level + deeper, 6)] for start, end, level in headings]

    def nest(self, inner: "Writer", mark: str, *, gap: str) -> None:
        """Append what `inner` holds as one block, with `mark` before it; its headings move along."""
        text = inner.text
        if not text.strip():
            return
        self.block(mark + text, gap=gap)
        at = self._length - len(text)
        self.headings += [[start + at, end + at, level] for start, end, level in inner.headings]

    def _part(self, lines: Sequence[str], number: int) -> None:
        # Three line breaks part a table so that a passage begins there (chunk.py).
        self.block("\n".join(lines), gap="\n\n\n" if number else "\n\n")

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


def is_header(row: Sequence[str]) -> bool:
    """Whether a table's first row looks like the names of its columns: short words or years, and no two alike."""
    names = [cell.strip() for cell in row]
    return (
        len(names) > 1
        and len(set(names)) == len(names)
        and all(names[1:])
        and all(len(name) <= 60 and (_YEAR.match(name) or not _NUMBER.match(name)) for name in names)
    )


def flat(text: str) -> str:
    """`text` normalised, on one line: for paragraphs and cells."""
    if text.isascii() and text.isprintable():  # most cells: nothing to normalise
        return " ".join(text.split())
    return " ".join(normalised(text).split())


def _line(row: Sequence[str]) -> str:
    return f"| {' | '.join(row)} |"


def _size(text: str) -> int:
    """Words, as chunk.py counts them: long ones and Chinese by their length."""
    return max(len(text.split()), len(text) // 7)
