"""The text layer of a PDF, in the order in which the file gives it, pages divided by a blank line.

Pure: no Django, no I/O. Never looks at images: a scanned document has no text here, and says so.
Called by search_index/extract.
"""

import re
from datetime import UTC, date, datetime
from typing import Any

import pypdfium2 as pdfium

from search_index.errors import Unreadable
from search_index.extract.document import Extracted, name_of, normalised, one_line

MAX_PAGES = 2000
_DATE = re.compile(r"D?:?(\d{4})(\d{2})(\d{2})")
_BROKEN_WORD = re.compile("(?:\ufffe|\x02|(?<=[a-z])-)\r?\n(?=[a-z])")
_FILE_NAME = re.compile(
    r"\.(docx?|pdf|tex|dvi|indd|qxd|pptx?|odt|rtf)$|^(untitled|microsoft word|slide 1)", re.IGNORECASE
)


def extract_pdf(body: bytes, url: str) -> Extracted:
    """What a PDF says. Raises Unreadable: "broken", "locked" (needs a password) or "scanned" (has no text layer)."""
    try:
        document = pdfium.PdfDocument(body)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise Unreadable("locked", "The PDF is protected by a password.") from error
        raise Unreadable("broken", "The file is no PDF, or a damaged one.") from error
    try:
        text = normalised("\n\n".join(_page_text(document[number]) for number in range(min(len(document), MAX_PAGES))))
        metadata = document.get_metadata_dict()
    except pdfium.PdfiumError as error:
        raise Unreadable("broken", "The PDF is damaged.") from error
    finally:
        document.close()
    if not text.strip():
        raise Unreadable("scanned", "The PDF has no text layer: it is a scan, or made of pictures.")
    title = one_line(metadata.get("Title", ""), 300)
    return Extracted(
        text=text.strip("\n"),
        title=title if title and not _FILE_NAME.search(title) else name_of(url),
        author=one_line(metadata.get("Author", ""), 200),
        published_on=_day(metadata.get("CreationDate", "")),
    )


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
