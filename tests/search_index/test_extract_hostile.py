"""Hostile files, each fed to the sandbox as a crawl would: refused or read in bounded time and memory; on it goes."""

import asyncio
import io
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from search_index.errors import Crashed, Unreadable
from search_index.extract import Extracted, sandbox, types
from search_index.extract.reader import SECONDS as SECONDS_OF_A_READER
from tests.search_index.test_extract_formats import book, chapter, message, replaced, saved, slides, word, workbook

pytestmark = pytest.mark.slow

SECONDS = 3 * SECONDS_OF_A_READER  # after which it has ended itself; three times, as the machine does other things, too
MEMORY = 1_200_000  # kilobytes resident of one reading process
ALL_MEMORY = 1_500_000  # of all of them together

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPE = f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]>'
QUADRATIC = f'<!DOCTYPE x [<!ENTITY a "{"a" * 100_000}">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
MAIN = "word/document.xml"


def container(parts: dict[str, bytes]) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        for name, part in parts.items():
            made.writestr(name, part)
    return into.getvalue()


def with_part(body: bytes, name: str, part: bytes) -> bytes:
    """The container with one part exchanged, or added."""
    with zipfile.ZipFile(io.BytesIO(body)) as source:
        return container({**{entry: source.read(entry) for entry in source.namelist()}, name: part})


def with_doctype(body: bytes, name: str, doctype: str, use: str) -> bytes:
    """The container with a document type before the root of a part, and a use of its entity somewhere inside."""
    with zipfile.ZipFile(io.BytesIO(body)) as source:
        text = source.read(name).decode()
    head, _end, rest = text.partition("?>")
    before, opened, after = rest.rpartition("</")
    return with_part(body, name, f"{head}?>{doctype}{before}{use}{opened}{after}".encode())


def utf16_doctype() -> bytes:
    with zipfile.ZipFile(io.BytesIO(saved(word()))) as source:
        text = source.read(MAIN).decode().partition("?>")[2]
    return with_part(saved(word()), MAIN, f'<?xml version="1.0" encoding="utf-16"?>{DOCTYPE}{text}'.encode("utf-16"))


def utf7_doctype() -> bytes:
    part = b'<?xml version="1.0" encoding="UTF-7"?>' + DOCTYPE.encode("utf-7") + b"<x/>"
    return with_part(saved(word()), MAIN, part)


def many_entries() -> bytes:
    return container({"[Content_Types].xml": b"", **{f"{number}": b"" for number in range(30_000)}})


def overlapping() -> bytes:
    """A container whose directory names the same packed megabytes a thousand times (Fifield's bomb, in the small)."""
    one = bytearray(container({"a" * 8: bytes(20_000_000)}))
    start = one.rindex(b"PK\x01\x02")
    end = one.rindex(b"PK\x05\x06")
    entry, tail = bytes(one[start:end]), bytearray(one[end:])
    tail[8:12] = (1000).to_bytes(2, "little") * 2
    tail[12:16] = (len(entry) * 1000).to_bytes(4, "little")
    return bytes(one[:start]) + entry * 1000 + bytes(tail)


def lying_size() -> bytes:
    """A part that says it has ten bytes, and has fifty million."""
    body = bytearray(with_part(saved(word()), MAIN, b"<x>" + bytes(50_000_000)))
    at = body.rindex(b"PK\x01\x02")
    while not body[at + 46 :].startswith(MAIN.encode()):
        at = body.rindex(b"PK\x01\x02", 0, at)
    body[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(body)


def bzip2_bomb() -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_BZIP2) as made:
        made.writestr("mimetype", types.ODT, zipfile.ZIP_STORED)
        made.writestr("content.xml", bytes(9_000_000))
    return into.getvalue()


def deep_xml() -> bytes:
    with zipfile.ZipFile(io.BytesIO(saved(word()))) as source:
        text = source.read(MAIN).decode()
    depth = 300_000
    return with_part(
        saved(word()), MAIN, text.replace("<w:body>", "<w:body>" + "<w:sdt><w:sdtContent>" * depth, 1).encode()
    )


def wide_sheet() -> bytes:
    """A sheet that claims 17 thousand million cells, and has one in each of its farthest corners."""
    body = saved(workbook())
    rows = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 100_000))
    part = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
        f'<sheetData>{rows}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    return with_part(body, "xl/worksheets/sheet1.xml", part.encode())


def far_row() -> bytes:
    part = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><v>7</v></c></row><row r="2000000000"><c r="A2000000000"><v>1</v></c></row>'
        "</sheetData></worksheet>"
    )
    return with_part(saved(workbook()), "xl/worksheets/sheet1.xml", part.encode())


def repeated_cells() -> bytes:
    """An ods whose one row and one cell repeat a thousand million times."""
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        '<table:table table:name="A"><table:table-row table:number-rows-repeated="1000000000">'
        '<table:table-cell table:number-columns-repeated="1000000000"><text:p>x<text:s text:c="1000000000"/></text:p>'
        "</table:table-cell></table:table-row></table:table></office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    empty = "<office:document-%s xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0'/>"
    return container(
        {
            "mimetype": types.ODS.encode(),
            "content.xml": content.encode(),
            "styles.xml": (empty % "styles").encode(),
            "meta.xml": (empty % "meta").encode(),
            "META-INF/manifest.xml": b"<m:manifest xmlns:m='urn:oasis:names:tc:opendocument:xmlns:manifest:1.0'/>",
        }
    )


def nested_mail() -> bytes:
    """Parts in parts, ten thousand deep."""
    body = b"Subject: x\n"
    for depth in range(10_000):
        body += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (depth, depth)
    return body + b"Content-Type: text/plain\n\nx\n"


def nested_messages() -> bytes:
    """Messages in messages, which have no boundaries to count."""
    return b"Subject: x\nContent-Type: message/rfc822\n\n" * 100_000 + b"\n\nx"


def mails_with_bombs() -> bytes:
    mail = message()
    for number in range(5):
        mail.add_attachment(many_entries(), maintype="application", subtype="zip", filename=f"{number}.docx")
    return bytes(mail)


def flate_bomb(layers: int = 2) -> bytes:
    """A PDF whose one page is gigabytes of operators, packed `layers` times over."""
    packer = zlib.compressobj(9)
    piece = b"BT /F1 9 Tf (x) Tj ET\n" * 50_000
    stream = b"".join(packer.compress(piece) for _n in range(2000)) + packer.flush()
    for _layer in range(layers - 1):
        stream = zlib.compress(stream, 9)
    filters = b"[" + b"/FlateDecode " * layers + b"]"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d /Filter %s >>\nstream\n%s\nendstream" % (len(stream), filters, stream),
    ]
    body = b"%PDF-1.7\n"
    for number, one in enumerate(objects, 1):
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    return body + b"trailer << /Root 1 0 R /Size 5 >>\n%%EOF\n"


def many_links() -> bytes:
    links = "".join(f'<li><a href="/page/{n}">The page of number {n}</a></li>' for n in range(100_000))
    return f"<html><body><ul>{links}</ul></body></html>".encode()


EMPTY = {"", "empty", "nested"}
Case = tuple[Callable[[], bytes], str, set[str]]  # the file, its name, the reasons that it may have ("": it is read)
CASES: dict[str, Case] = {
    "a part that unpacks to a gigabyte": (
        lambda: with_part(saved(word()), "word/media/a.bin", bytes(1_000_000_000)),
        "a.docx",
        {"bomb"},
    ),
    "thirty thousand entries": (many_entries, "a.docx", {"bomb"}),
    "overlapping entries": (overlapping, "a.docx", {"bomb", "broken"}),
    "a size that lies": (lying_size, "a.docx", {"broken", "bomb"}),
    "a packing without bounds": (bzip2_bomb, "a.odt", {"broken"}),
    "a zip in a zip in a zip": (lambda: container({"a.zip": container({"b.zip": many_entries()})}), "a.zip", {"type"}),
    "billion laughs in docx": (lambda: with_doctype(saved(word()), MAIN, DOCTYPE, "&l9;"), "a.docx", {"bomb"}),
    "billion laughs in pptx": (
        lambda: with_doctype(saved(slides()), "ppt/slides/slide1.xml", DOCTYPE, "&l9;"),
        "a.pptx",
        {"bomb"},
    ),
    "billion laughs in xlsx": (
        lambda: with_doctype(saved(workbook()), "xl/worksheets/sheet1.xml", DOCTYPE, "&l9;"),
        "a.xlsx",
        {"bomb"},
    ),
    "billion laughs in odt": (
        lambda: replaced(repeated_cells(), "content.xml", b"<office", f"{DOCTYPE}<office".encode()),
        "a.ods",
        {"bomb"},
    ),
    "billion laughs in the list of content types": (
        lambda: with_doctype(saved(word()), "[Content_Types].xml", DOCTYPE, "&l9;"),
        "a.docx",
        {"bomb"},
    ),
    "billion laughs in epub": (
        lambda: replaced(
            book({"a.xhtml": chapter("x")}, ["a.xhtml"]), "OPS/book.opf", b"<package", f"{DOCTYPE}<package".encode()
        ),
        "a.epub",
        {"bomb"},
    ),
    "entities in a chapter": (
        lambda: book({"a.xhtml": f"{DOCTYPE}<html><body><p>Words. &l9;</p></body></html>"}, ["a.xhtml"]),
        "a.epub",
        {""},
    ),
    "quadratic blow-up": (lambda: with_doctype(saved(word()), MAIN, QUADRATIC, "&a;" * 100_000), "a.docx", {"bomb"}),
    "an external entity": (lambda: with_doctype(saved(word()), MAIN, EXTERNAL, "&a;"), "a.docx", {"bomb"}),
    "entities in UTF-16": (utf16_doctype, "a.docx", {"bomb"}),
    "entities in UTF-7": (utf7_doctype, "a.docx", {"broken"}),
    "an XML bomb as HTML": (f"{DOCTYPE}<html><body>&l9;</body></html>".encode, "a.html", {"", "empty"}),
    "sixty million bytes of XML": (
        lambda: with_part(saved(word()), MAIN, b"<x>" + b"".join(b"<y%d/>" % n for n in range(9_000_000)) + b"</x>"),
        "a.docx",
        {"size", "bomb"},
    ),
    "XML three hundred thousand deep": (deep_xml, "a.docx", {"broken", "nested"}),
    "HTML a million deep": (
        lambda: b"<html><body>" + b"<div>" * 1_000_000 + b"text",
        "a.html",
        EMPTY,
    ),
    "tables in tables": (
        lambda: b"<html><body>" + b"<table><tr><td>" * 100_000 + b"text",
        "a.html",
        EMPTY,
    ),
    "a hundred thousand links": (many_links, "a.html", {""}),
    "ten million characters without a space": (lambda: b"<p>" + b"x" * 9_900_000, "a.html", {""}),
    "three hundred thousand attributes": (  # it takes time with their square: 900,000 end at the reader's 30 s
        lambda: b"<p " + b" ".join(b"a%d=x" % n for n in range(300_000)) + b">text",
        "a.html",
        {"", "crash"},
    ),
    "a CSV of one line": (lambda: b"1," * 15_000_000, "a.csv", {""}),
    "a CSV of one cell": (lambda: b'"' + b"x" * 29_000_000, "a.csv", {"", "broken"}),
    "JSON a hundred thousand deep": (lambda: b"[" * 100_000 + b"]" * 100_000, "a.json", {"nested"}),
    "JSON of ten million lists": (lambda: b"[" + b"[]," * 9_900_000 + b"[]]", "a.json", {"", "size"}),
    "a sheet of 17 thousand million cells": (wide_sheet, "a.xlsx", {"", "empty"}),
    "a sheet with a row far away": (far_row, "a.xlsx", {""}),
    "cells that repeat": (repeated_cells, "a.ods", {""}),
    "a PDF that unpacks to gigabytes": (lambda: flate_bomb(1), "a.pdf", {"crash", "size", "scanned", "broken", ""}),
    "a PDF packed twice over": (lambda: flate_bomb(2), "a.pdf", {"crash", "size", "scanned", "broken", ""}),
    "parts in parts": (nested_mail, "a.eml", {"nested"}),
    "messages in messages": (nested_messages, "a.eml", {"nested", ""}),
    "a mail with bombs attached": (mails_with_bombs, "a.eml", {""}),
}


async def read(body: bytes, name: str) -> tuple[Extracted | str, float, int, int]:
    """What becomes of a file: its text or the reason, the seconds, the most memory of one process, and of all."""
    one = everything = 0
    begun = time.monotonic()
    reading = asyncio.ensure_future(sandbox.extracted(body, "application/octet-stream", name))
    while not reading.done():
        sizes = [resident(process.pid) for process in list(sandbox._readers)]
        one, everything = max([one, *sizes]), max(everything, sum(sizes))
        await asyncio.wait([reading], timeout=0.02)
    seconds = time.monotonic() - begun
    try:
        return reading.result(), seconds, one, everything
    except (Unreadable, Crashed) as failure:
        return failure.reason, seconds, one, everything


def resident(process: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return int(next((line.split()[1] for line in lines if line.startswith("VmRSS")), "0"))
    return 0


@pytest.mark.parametrize("name", CASES)
async def test_a_hostile_file_is_survived(name: str) -> None:
    make, called, reasons = CASES[name]
    found, seconds, one, everything = await read(make(), called)
    reason = found if isinstance(found, str) else "" if found.text.strip() or found.only_links else "empty"
    print(f"{name}: {reason or 'read'}, {seconds:.1f} s, {one // 1000} MB")
    assert reason in reasons
    assert seconds <= SECONDS
    assert one <= MEMORY
    assert everything <= ALL_MEMORY
    assert (await sandbox.extracted(b"harmless", "text/plain", "a.txt")).text == "harmless"
