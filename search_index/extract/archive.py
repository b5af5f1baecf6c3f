"""A zip container (office files, EPUB) opened only after it was looked through: no bombs, no entities, no passwords.

Everything that a parser will see is counted before it is unpacked, and every part that is XML is searched for what an
XML bomb is made of, so that it does not matter how the libraries have set their parsers. Pure: no Django, no I/O.
Called by recognise.py and the extractors of zipped formats.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile
from zlib import error as ZlibError

from lxml.etree import XMLParser, XMLSyntaxError, fromstring

from search_index.errors import Unreadable

ENTRIES = 10_000  # the largest e-book of Project Gutenberg has some hundreds
UNPACKED = 300_000_000  # bytes, pictures and films included: they are listed, never unpacked
MARKUP = 40_000_000  # bytes of XML: a parsed tree takes five to ten times as much memory
RATIO, RATIO_FROM = 100, 10_000_000  # office XML packs 5 to 30 times; beyond 100 it is a bomb
_PIECE = 65_536
_ENTRY_MARK = b"PK\x01\x02"
_DECLARATIONS = re.compile(
    b"|".join(
        mark.encode(charset) for mark in ("<!DOCTYPE", "<!ENTITY") for charset in ("ascii", "utf-16-le", "utf-16-be")
    )
)
_LONGEST = 2 * len("<!DOCTYPE")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([\w.:-]+)")
# A parser may know stranger charsets (UTF-7, EBCDIC), in which a declaration does not look like one.
_KNOWN = frozenset({"utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "windows-1252"})
_BROKEN = (BadZipFile, EOFError, ZlibError, NotImplementedError, OSError, ValueError, KeyError, UnicodeDecodeError)


def opened(body: bytes) -> ZipFile:
    """The container, counted. Raises Unreadable: "broken", "locked" (needs a password), or "bomb"."""
    if body.count(_ENTRY_MARK) > 2 * ENTRIES:
        raise _bomb()
    try:
        container = ZipFile(BytesIO(body))
    except _BROKEN as error:
        raise Unreadable("broken", "The file is damaged: it cannot be unpacked.") from error
    entries = container.infolist()
    if len(entries) > ENTRIES or sum(entry.file_size for entry in entries) > UNPACKED:
        raise _bomb()
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise Unreadable("locked", "The file is protected by a password.")
        if entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:  # the others cannot be unpacked piece by piece
            raise Unreadable("broken", "The file is packed in a way that no office program uses.")
        if entry.file_size > max(RATIO_FROM, RATIO * entry.compress_size):
            raise _bomb()
    return container


def checked(body: bytes) -> ZipFile:
    """opened(), and all its XML looked through: without declarations of entities and not too large for a tree.

    Raises Unreadable as opened() does.
    """
    container = opened(body)
    markup = 0
    try:
        for entry in container.infolist():
            markup += _check_part(container, entry.filename, room=MARKUP - markup)
    except _BROKEN as error:
        raise Unreadable("broken", "The file is damaged: it cannot be unpacked.") from error
    return container


def part(container: ZipFile, name: str) -> bytes:
    """One part's bytes. Raises Unreadable("broken") where it is missing or damaged."""
    try:
        return container.read(name)
    except _BROKEN as error:
        raise Unreadable("broken", f"The file is damaged: its part {name} is missing or cannot be unpacked.") from error


def xml(body: bytes) -> Any:
    """The tree of a part, by a parser that expands and fetches nothing. Raises Unreadable: "broken", "bomb"."""
    if b"<!ENTITY" in body.replace(b"\x00", b""):
        raise _entities()
    parser = XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True)
    try:
        return fromstring(body, parser=parser)
    except (XMLSyntaxError, ValueError) as error:
        raise Unreadable("broken", "The file is damaged: its XML cannot be parsed.") from error


def _check_part(container: ZipFile, name: str, room: int) -> int:
    """The size of a part that is XML, 0 for another one."""
    size, before = 0, b""
    for number, piece in enumerate(_pieces(container, name)):
        if number == 0:
            if not piece.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<"):
                return 0
            declared = _ENCODING.search(piece[:400].replace(b"\x00", b""))
            if declared and declared.group(1).decode("ascii").lower() not in _KNOWN:
                raise Unreadable("broken", "The file's XML is written in a charset that no office program uses.")
        size += len(piece)
        if size > room:
            raise Unreadable("size", f"The file holds more than {MARKUP // 1_000_000} MB of text and markup.")
        if _DECLARATIONS.search(before + piece) and not name.lower().endswith(".svg"):  # a drawing: nobody parses it
            raise _entities()
        before = piece[-_LONGEST:]
    return size


def _pieces(container: ZipFile, name: str) -> Iterator[bytes]:
    with container.open(name) as stream:  # never gives more than the size that opened() has counted
        while piece := stream.read(_PIECE):
            yield piece


def _bomb() -> Unreadable:
    return Unreadable("bomb", "The file would unpack to far more than a document holds.")


def _entities() -> Unreadable:
    return Unreadable("bomb", "The file's XML declares entities: no office program does so, XML bombs do.")
