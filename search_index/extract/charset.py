"""Bytes to text: what the file says of itself, what the server says, what the page says, else what the bytes look like.

Pure. Called by the extractors beside it.
"""

import codecs
import re
from collections.abc import Iterator

from charset_normalizer import from_bytes

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_IN_HEADER = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
_IN_PAGE = re.compile(rb"<meta[^>]+charset=[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_SAMPLE = 64_000  # bytes; guessing takes time in proportion


def decoded(body: bytes, content_type: str = "") -> str:
    """The body as text; bytes that fit no charset become replacement characters rather than an error."""
    for charset in _candidates(body, content_type):
        try:
            return body.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    guess = from_bytes(body[:_SAMPLE]).best()
    return body.decode(guess.encoding if guess else "cp1252", "replace")


def _candidates(body: bytes, content_type: str) -> Iterator[str]:
    for mark, charset in _MARKS:
        if body.startswith(mark):
            yield charset
    yield "utf-8"  # bytes of another charset are hardly ever valid UTF-8, whatever a header says
    for name in (*_IN_HEADER.findall(content_type), *(name.decode() for name in _IN_PAGE.findall(body[:4096]))):
        # Browsers read Latin-1 as Windows-1252, which has the typographic quotes that pages really use.
        yield "cp1252" if name.lower() in {"iso-8859-1", "latin-1", "latin1", "us-ascii"} else name
