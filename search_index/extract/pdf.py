"""The text layer of a PDF, in the order in which the file gives it, pages divided by a blank line; headings are what
its outline (the bookmarks) names, where the words stand on the page that it names.

Pure: no Django, no I/O. Never looks at images: a scanned document has no text here, and says so.
Called by extractors.py.
"""

import re
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import pypdfium2 as pdfium

from search_index.errors import Unreadable
from search_index.extract.document import Extracted, Heading, Writer, name_of, normalised, one_line, unseen

MAX_PAGES = 500
MAX_BOOKMARKS = 2000
PICTURES_SHARE = 0.5  # more pages than this without any text: a scan with a cover, and the reader should know
SCANNED_WORDS = 100  # less text than this on so few pages is the library's stamp, not the document
_NUMBERED = r"^(?:[\dIVXA-Z.]{1,12}[ \t]+)?"  # outlines often leave out the number that stands before a heading
_DATE = re.compile(r"D?:?(\d{4})(\d{2})(\d{2})")
_BROKEN_WORD = re.compile("(?:\ufffe|\x02|(?<=[a-z])-)\r?\n(?=[a-z])")
_FILE_NAME = re.compile(
    r"\.(docx?|pdf|tex|dvi|indd|qxd|pptx?|odt|rtf)$|^(untitled|microsoft word|slide 1)", re.IGNORECASE
)


def extract_pdf(body: bytes, content_type: str, url: str) -> Extracted:
    """What a PDF says. Raises Unreadable: "broken", "locked" (needs a password) or "scanned" (has no text layer)."""
    try:
        document = pdfium.PdfDocument(body)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise Unreadable("locked", "The PDF is protected by a password.") from error
        raise Unreadable("broken", "The file is no PDF, or a damaged one.") from error
    writer = Writer()
    starts: list[tuple[int, int]] = []  # of each page: where its text begins and ends
    try:
        count = len(document)
        for number in range(min(count, MAX_PAGES)):
            before = writer.length
            writer.block(normalised(_page_text(document[number])).strip("\n"))
            starts.append((before, writer.length))
            if writer.full:
                break
        metadata = document.get_metadata_dict()
        text = writer.text
        headings = _headings(document, text, starts)
    except pdfium.PdfiumError as error:
        raise Unreadable("broken", "The PDF is damaged.") from error
    finally:
        document.close()
    title = one_line(metadata.get("Title", ""), 300)
    return Extracted(
        text=text,
        title=title if title and not _FILE_NAME.search(title) else name_of(url),
        author=one_line(metadata.get("Author", ""), 200),
        published_on=_day(metadata.get("CreationDate", "")),
        headings=headings,
        flags=unseen(text),
        partial=_partial(text, count, starts),
    )


def _partial(text: str, count: int, pages: list[tuple[int, int]]) -> str:
    """What was not read, if anything. Raises Unreadable("scanned") where that is as good as everything."""
    empty = sum(start == end for start, end in pages)
    if not text.strip():
        raise Unreadable("scanned", "The PDF has no text layer: it is a scan, or made of pictures.")
    said = []
    if len(pages) < count:
        said.append(f"Only the first {len(pages):,} of its {count:,} pages were read.")
    if empty > PICTURES_SHARE * len(pages):
        if len(text.split()) < SCANNED_WORDS:
            raise Unreadable(
                "scanned", f"{empty:,} of the PDF's {len(pages):,} pages have no text layer: it is a scan."
            )
        said.append(f"{empty:,} pages have no text layer: they are scanned, or made of pictures.")
    return " ".join(said)


def _headings(document: Any, text: str, pages: list[tuple[int, int]]) -> list[Heading]:
    """The outline's entries as spans, in their order; one whose words do not stand on its page is left out."""
    headings: list[Heading] = []
    at = 0
    for bookmark in islice(document.get_toc(max_depth=6), MAX_BOOKMARKS):
        destination = bookmark.get_dest()
        number = destination.get_index() if destination is not None else None
        words = one_line(bookmark.get_title(), 300).split()
        if number is None or not 0 <= number < len(pages) or not words:
            continue
        start, end = pages[number]
        line = _NUMBERED + r"\s+".join(map(re.escape, words)) + "$"
        found = re.compile(line, re.MULTILINE | re.IGNORECASE).search(text, max(start, at), end)
        if found:
            headings.append([found.start(), found.end(), min(bookmark.level + 1, 6)])
            at = found.end()
    return headings


def _page_text(page: Any) -> str:
    """A page's text; words divided at the end of a line are joined again."""
    textpage = page.get_textpage()
    try:
        return _BROKEN_WORD.sub("", str(textpage.get_text_bounded())).strip()
    finally:
        textpage.close()
        page.close()


def _day(text: str) -> date | None:
    found = _DATE.match(text)
    try:
        day = date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None
    return day if day and date(1985, 1, 1) <= day <= datetime.now(UTC).date() else None
