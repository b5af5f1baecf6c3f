"""Mailboxes and web archives: each document found, read by its place, and no bomb unpacked."""

import gzip
import io
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import brotli
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from search_index import containers
from search_index.containers import parts, read
from search_index.errors import Refused, Unreadable

MAILBOX = b"""From ada@example.org Tue Nov 24 18:14:56 2026
From: Ada <ada@example.org>
Subject: One

From the beginning, this was one message.
>From here on, too.

From - Wed Nov 25 08:00:01 2026
Subject: Two

The second.
"""


def warc(path: Path, records: list[tuple[str, str, bytes, Mapping[str, str]]]) -> Path:
    """An archive of (address, date, body, HTTP headers); ":status" is the status, ":type" the record's type."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.name.endswith(".gz"))
        for address, when, body, given in records:
            status = given.get(":status", "200 OK")
            headers = {"Content-Type": "text/html", **{k: v for k, v in given.items() if not k.startswith(":")}}
            http = StatusAndHeaders(status, list(headers.items()), protocol="HTTP/1.1")
            record = writer.create_warc_record(
                address,
                given.get(":type", "response"),
                payload=io.BytesIO(body),
                http_headers=http,
                warc_headers_dict={"WARC-Date": when},
            )
            writer.write_record(record)
            record.raw_stream.close()
    return path


def page(text: str) -> bytes:
    return f"<html><body><main><p>{text}</p></main></body></html>".encode()


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    path = tmp_path / "box.mbox"
    path.write_bytes(MAILBOX)
    return path


def test_a_mailbox_holds_its_messages(mailbox: Path) -> None:
    found = list(parts(mailbox))
    assert [part.name for part in found] == ["1", "2"]
    first, kind = read(mailbox, found[0])
    assert kind == "message/rfc822"
    assert first.startswith(b"From: Ada")
    assert b"\nFrom the beginning" in first
    assert b"\nFrom here on" in first  # the sign that kept the line from looking like a new message is gone
    assert read(mailbox, found[1])[0].startswith(b"Subject: Two")


def test_a_message_that_stays_the_same_keeps_its_stamp(mailbox: Path) -> None:
    before = [part.stamp for part in parts(mailbox)]
    with mailbox.open("ab") as file:
        file.write(b"\nFrom c@example.org Thu Nov 26 08:00:01 2026\nSubject: Three\n\nThe third.\n")
    after = [part.stamp for part in parts(mailbox)]
    assert len(after) == 3
    assert after[0] == before[0]


def test_a_mailbox_without_line_ends_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "long.mbox"
    path.write_bytes(b"From a b\n\n" + b"x" * 5_000_000 + b"From " + b"y" * 5_000_000)
    tracemalloc.start()
    assert len(list(parts(path))) == 1
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_what_is_no_mailbox_says_so(tmp_path: Path) -> None:
    path = tmp_path / "letters.mbox"
    path.write_bytes(b"Dear Ada,\n")
    with pytest.raises(Unreadable, match="does not begin like one"):
        list(parts(path))
    path.write_bytes(b"")
    assert list(parts(path)) == []


def test_a_message_that_is_too_large_is_refused(mailbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "DOCUMENT_BYTES", 50)
    first = next(iter(parts(mailbox)))
    with pytest.raises(Refused) as refusal:
        read(mailbox, first)
    assert refusal.value.reason == "size"


@pytest.mark.parametrize("name", ["web.warc", "web.warc.gz"])
def test_an_archive_holds_its_pages(tmp_path: Path, name: str) -> None:
    day = "2024-05-01T10:00:00Z"
    path = warc(
        tmp_path / name,
        [
            ("http://E.org:80/a", day, page("First"), {}),
            ("https://e.org/b.pdf", day, b"%PDF-1.4 ...", {"Content-Type": "application/pdf"}),
            ("https://e.org/logo.png", day, b"\x89PNG", {"Content-Type": "image/png"}),
            ("https://e.org/gone", day, page("Gone"), {":status": "404 Not Found"}),
            ("https://e.org/asked", day, b"", {":type": "request"}),
            ("https://user:word@e.org/c", day, page("Nobody"), {}),
            ("https://e.org/packed", day, gzip.compress(page("Packed")), {"Content-Encoding": "gzip"}),
            ("https://e.org/br", day, brotli.compress(page("Brotli")), {"Content-Encoding": "br"}),
            ("https://e.org/plain", day, page("Plain after all"), {"Content-Encoding": "gzip"}),
            (
                "https://e.org/chunks",
                day,
                b"5\r\n<p>Ch\r\n6\r\nunked<\r\n0\r\n\r\n",
                {"Transfer-Encoding": "chunked"},
            ),
        ],
    )
    found = {part.name: part for part in parts(path)}
    assert list(found) == [
        "http://e.org/a",
        "https://e.org/b.pdf",
        "https://e.org/packed",
        "https://e.org/br",
        "https://e.org/plain",
        "https://e.org/chunks",
    ]
    bodies = {name: read(path, part) for name, part in found.items()}
    assert bodies["http://e.org/a"] == (page("First"), "text/html")
    assert bodies["https://e.org/b.pdf"] == (b"%PDF-1.4 ...", "application/pdf")
    assert bodies["https://e.org/packed"][0] == page("Packed")
    assert bodies["https://e.org/br"][0] == page("Brotli")
    assert bodies["https://e.org/plain"][0] == page("Plain after all")
    assert bodies["https://e.org/chunks"][0] == b"<p>Chunked<"
    first = found["http://e.org/a"].fetched_at
    assert first is not None
    assert first.isoformat() == "2024-05-01T10:00:00+00:00"


def test_of_one_address_the_latest_counts(tmp_path: Path) -> None:
    path = warc(
        tmp_path / "web.warc.gz",
        [
            ("https://e.org/a", "2024-05-02T10:00:00Z", page("Second"), {}),
            ("https://e.org/b", "2024-05-01T10:00:00Z", page("Other"), {}),
            ("https://e.org/a", "2024-05-03T10:00:00.250Z", page("Third"), {}),
            ("https://e.org/a", "2024-05-01T10:00:00Z", page("First"), {}),
        ],
    )
    found = {part.name: part for part in parts(path)}
    assert len(found) == 2
    assert read(path, found["https://e.org/a"])[0] == page("Third")


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    path = tmp_path / "web.warc.gz"
    path.write_bytes(gzip.compress(b"This is no archive.\nAt all.\n"))
    with pytest.raises(Unreadable, match="cannot be read as one"):
        list(parts(path))


@pytest.mark.slow
def test_a_body_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress(b"\0" * 300_000_000, 9)
    path = warc(
        tmp_path / "web.warc", [("https://e.org/a", "2024-05-01T10:00:00Z", bomb, {"Content-Encoding": "gzip"})]
    )
    (part,) = parts(path)
    tracemalloc.start()
    with pytest.raises(Refused) as refusal:
        read(path, part)
    assert refusal.value.reason == "size"
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "inside",
    [
        b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 4\r\n\r\nabcd" + b"\0" * 300_000_000,  # a line without end
        b"WARC/1.0\r\nWARC-Type: resource\r\nContent-Length: 300000000\r\n\r\n" + b"\0" * 300_000_000,
        b"WARC/1.0\r\n" + b"A: b\r\n" * 5_000_000,  # headers without end
    ],
)
def test_an_archive_that_is_a_bomb_ends_early(tmp_path: Path, inside: bytes) -> None:
    path = tmp_path / "bomb.warc.gz"
    path.write_bytes(gzip.compress(inside, 6))
    tracemalloc.start()
    with pytest.raises((Refused, Unreadable)):
        list(parts(path))
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
