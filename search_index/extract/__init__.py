"""Bytes of a page or file to its text, title, author, date, language, headings and links.

Pure: no Django, no I/O, so it runs in a process of its own (sandbox.py); which extractor reads what is decided here.
Never fetches. Called by sandbox.py.
"""

from search_index.errors import Unreadable
from search_index.extract.document import Extracted
from search_index.extract.html import extract_html
from search_index.extract.pdf import extract_pdf
from search_index.extract.text import extract_text

__all__ = ["Extracted", "extract"]

TEXT_NAMES = (".txt", ".text", ".md", ".markdown", ".mkd", ".rst", ".rest")


def extract(body: bytes, content_type: str, url: str) -> Extracted:
    """What the page at `url` says; what it is, is decided by its first bytes before its declared type.

    Raises Unreadable("type") for what has no text (pictures, archives), and the extractors' own reasons.
    """
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    declared = content_type.partition(";")[0].strip().lower()
    if start.startswith(b"%pdf-"):
        return extract_pdf(body, url)
    if declared == "application/pdf":
        raise Unreadable("broken", "The file is called a PDF, but is none.")
    if b"\x00" in body[:4096] and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("type", f"There is no text to be had from {declared or 'binary data'}.")
    named_text = url.lower().partition("?")[0].endswith(TEXT_NAMES)
    if start.startswith((b"<!doctype html", b"<html")) or "html" in declared:
        return extract_html(body, content_type, url)
    if declared.startswith("text/") or named_text or declared in {"", "application/octet-stream"}:
        return extract_text(body, content_type, url)
    raise Unreadable("type", f"There is no text to be had from {declared}.")
