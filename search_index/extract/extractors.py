"""Which extractor reads what.

Pure: no Django, no I/O, so it runs in a process of its own (reader.py). Never fetches. Called by reader.py.
"""

from search_index.extract import types
from search_index.extract.delimited import extract_delimited
from search_index.extract.document import Extracted
from search_index.extract.epub import extract_epub
from search_index.extract.html import extract_html, extract_whole
from search_index.extract.jsondata import extract_json
from search_index.extract.mail import extract_mail
from search_index.extract.opendocument import extract_opendocument
from search_index.extract.pdf import extract_pdf
from search_index.extract.recognise import recognised
from search_index.extract.slides import extract_slides
from search_index.extract.text import extract_text
from search_index.extract.word import extract_word
from search_index.extract.workbook import extract_workbook


def extract(body: bytes, content_type: str, url: str) -> Extracted:
    """What the page at `url` says; what it is, is decided by its first bytes before its declared type.

    Raises Unreadable: recognised()'s reasons, and the extractors' own.
    """
    media_type = recognised(body, content_type, url)
    if media_type in {types.MAIL, types.MBOX}:
        return extract_mail(body, url, attached=extract)
    if content_type == types.WHOLE:
        return extract_whole(body, content_type, url)
    return _EXTRACTORS[media_type](body, content_type, url)


_EXTRACTORS = {
    types.HTML: extract_html,
    types.TEXT: extract_text,
    types.MARKDOWN: extract_text,
    types.RST: extract_text,
    types.PDF: extract_pdf,
    types.DOCX: extract_word,
    types.PPTX: extract_slides,
    types.XLSX: extract_workbook,
    types.ODT: extract_opendocument,
    types.ODS: extract_opendocument,
    types.ODP: extract_opendocument,
    types.EPUB: extract_epub,
    types.CSV: extract_delimited,
    types.TSV: extract_delimited,
    types.JSON: extract_json,
    types.JSON_LINES: extract_json,
}
