"""Files that hold documents of their own: mailboxes (mbox: one a message) and web archives (WARC: one a response).

`parts` lists what is in such a file without keeping any of it, `read` has one of them by its place. Both keep to limits
after decompression, so that a bomb ends early. Reads files and nothing else; what a part says is read by extract/.
Called by sources.py.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import brotli  # type: ignore[import-untyped]
from django.utils.translation import gettext as _
from warcio.archiveiterator import ArchiveIterator  # type: ignore[import-untyped]
from warcio.bufferedreaders import ChunkedDataReader, DecompressingBufferedReader  # type: ignore[import-untyped]
from warcio.exceptions import ArchiveLoadFailed  # type: ignore[import-untyped]

from search_index import policy
from search_index.errors import Refused, Unreadable
from search_index.extract.types import DOCUMENT_BYTES

# Archives of real pages pack 3 to 10 times, with much that repeats 50 times; from this size on, 200 times is a bomb.
RATIO, RATIO_FROM = 200, 100_000_000
LINE, LINES = 65_536, 2_000  # bytes of one line of a record's headers, and how many there may be
MAILBOXES = (".mbox", ".mbx")
ARCHIVES = (".warc", ".warc.gz")
_PAGES = ("text/html", "application/xhtml+xml", "application/pdf", "text/plain", "text/markdown")
# The line before a message: who sent it and when. A sentence that begins with "From" has no time and year at its end.
_FROM = re.compile(rb"From \S.* \d{1,2}:\d\d(:\d\d)? .*\d{4}\s*$")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)


@dataclass(frozen=True)
class Part:
    """One document in a file: `name` is a message's number, or an archived page's address; `at` is where it begins.

    `stamp` changes when the document does; those of one archived address are in the order of their dates.
    """

    name: str
    at: int
    stamp: str
    length: int = 0  # of a message; a response says itself where it ends
    fetched_at: datetime | None = None  # of an archived page


def holds_documents(path: Path) -> bool:
    """Whether the file, by its name, is one that holds documents of its own."""
    return path.name.lower().endswith(MAILBOXES + ARCHIVES)


def is_archive(path: Path) -> bool:
    """Whether the file, by its name, is a web archive: its parts have addresses of their own."""
    return path.name.lower().endswith(ARCHIVES)


def parts(path: Path) -> Iterator[Part]:
    """What the file holds. Raises Unreadable("broken"), Refused("size") for a bomb, and OSError."""
    with path.open("rb") as file:
        yield from _responses(file) if is_archive(path) else _messages(file)


def read(path: Path, part: Part) -> tuple[bytes, str]:
    """The bytes and the type of a document in the file. Raises Refused("size"), Unreadable("broken") and OSError."""
    with path.open("rb") as file:
        file.seek(part.at)
        return _response(file) if is_archive(path) else (_message(file, part.length), "message/rfc822")


# --- Mailboxes -------------------------------------------------------------------------------------------------------
def _messages(file: BinaryIO) -> Iterator[Part]:
    numbers = count(1)
    begin, at, digest = -1, 0, sha256()
    blank, whole = True, True  # whether the line before was blank, and ended where it seems to
    for line in iter(lambda: file.readline(LINE), b""):
        if whole and blank and line.startswith(b"From ") and (begin < 0 or _FROM.match(line)):
            if begin >= 0:
                yield Part(str(next(numbers)), begin, digest.hexdigest(), at - begin)
            begin, digest = at + len(line), sha256()
        elif begin < 0 and line.strip():
            raise Unreadable("broken", _("The file is called a mailbox, but does not begin like one."))
        else:
            digest.update(line)
        at += len(line)
        blank, whole = whole and not line.strip(), line.endswith(b"\n")
    if begin >= 0:
        yield Part(str(next(numbers)), begin, digest.hexdigest(), at - begin)


def _message(file: BinaryIO, length: int) -> bytes:
    if length > DOCUMENT_BYTES:
        raise _too_large()
    return _ESCAPED.sub(rb"\1", file.read(length))


# --- Web archives ----------------------------------------------------------------------------------------------------
class _Reader(DecompressingBufferedReader):  # type: ignore[misc]
    """What warcio reads an archive with, within limits: alone it takes lines of any length, and unpacks anything."""

    lines = 0

    def readline(self, length: int | None = None) -> bytes:
        self.lines += 1
        if self.lines > LINES:
            raise Unreadable("broken", _("The archive has a record without an end to its headers."))
        line: bytes = super().readline(min(length or LINE, LINE))
        return line

    def read(self, length: int | None = None) -> bytes:
        self.lines = 0
        piece: bytes = super().read(length)
        return piece

    def _process_read(self, data: bytes) -> None:
        super()._process_read(data)
        if self.num_read > max(RATIO_FROM, RATIO * self.stream.tell()):
            raise Refused("size", _("The archive is compressed more than %(most)d to 1.") % {"most": RATIO})


def _records(file: BinaryIO) -> Any:
    records = ArchiveIterator(file)
    records.reader = _Reader(file)
    return records


def _responses(file: BinaryIO) -> Iterator[Part]:
    """The pages of an archive: of each address, the one that was fetched last."""
    newest: dict[str, Part] = {}
    records = _records(file)
    try:
        for record in records:
            address, when = _page(record)
            at = records.get_record_offset()
            if address and when:
                part = Part(address, at, when.isoformat(timespec="microseconds"), fetched_at=when)
                newest[address] = max(newest.get(address, part), part, key=lambda one: one.stamp)
    except (ArchiveLoadFailed, ValueError) as error:
        if not newest:
            raise Unreadable("broken", _("The file is called a web archive, but cannot be read as one.")) from error
    yield from sorted(newest.values(), key=lambda part: part.at)


def _page(record: Any) -> tuple[str, datetime | None]:
    """The address of an archived page and when it was fetched; nothing of a record that is no page."""
    headers = record.http_headers
    if record.rec_type != "response" or headers is None or headers.get_statuscode() != "200":
        return "", None
    if not (headers.get_header("Content-Type") or "").lower().startswith(_PAGES):
        return "", None
    try:
        address = policy.canonical((record.rec_headers.get_header("WARC-Target-URI") or "").strip("<> "))
        when = datetime.fromisoformat(record.rec_headers.get_header("WARC-Date") or "")
    except (Refused, ValueError):
        return "", None
    return address, (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)


def _response(file: BinaryIO) -> tuple[bytes, str]:
    try:
        record = next(iter(_records(file)))
    except (ArchiveLoadFailed, StopIteration, ValueError) as error:
        raise Unreadable("broken", _("The archive's record cannot be read.")) from error
    headers = record.http_headers
    chunked = "chunked" in (headers.get_header("Transfer-Encoding") or "").lower()
    stream = ChunkedDataReader(record.raw_stream) if chunked else record.raw_stream
    body: bytes = stream.read(DOCUMENT_BYTES + 1)
    for encoding in reversed((headers.get_header("Content-Encoding") or "").lower().split(",")):
        body = _unpacked(body, encoding.strip())
    if len(body) > DOCUMENT_BYTES:
        raise _too_large()
    return body, (headers.get_header("Content-Type") or "").lower()


def _unpacked(body: bytes, encoding: str) -> bytes:
    """The body without one layer of compression, no more of it than shows that it is too large.

    Some archives keep bodies unpacked and yet with the header that says how they were packed: those are left as they
    are.
    """
    most = DOCUMENT_BYTES + 1
    try:
        if encoding in {"gzip", "x-gzip"}:
            return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(body, most)
        if encoding == "deflate":
            return zlib.decompressobj().decompress(body, most)
        if encoding == "br":
            return bytes(brotli.Decompressor().process(body, output_buffer_limit=most))
    except (zlib.error, brotli.error):
        return body
    return body


def _too_large() -> Refused:
    return Refused("size", _("It is larger than %d MB.") % (DOCUMENT_BYTES // 1_000_000))
