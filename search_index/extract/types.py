"""The one table of what can be read: which endings stand for which type of document, and which types are documents.

Pure data. Called by recognise.py and extractors.py beside it, and by sources.py and fetch.py, which take from here what
a folder, a link and a download may be.
"""

DOCUMENT_BYTES = 30_000_000  # of one document, wherever it comes from

HTML = "text/html"
WHOLE = "text/html; whole"  # HTML that is all text: nothing of it is taken for boilerplate
TEXT = "text/plain"
MARKDOWN = "text/markdown"
RST = "text/x-rst"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
EPUB = "application/epub+zip"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
JSON_LINES = "application/jsonl"
MAIL = "message/rfc822"
MBOX = "application/mbox"

# The ending of a name, and the type it stands for: what a folder source reads, and what a link may lead to.
SUFFIXES = {
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mkd": MARKDOWN,
    ".rst": RST,
    ".rest": RST,
    ".txt": TEXT,
    ".text": TEXT,
    ".pdf": PDF,
    ".docx": DOCX,
    ".docm": DOCX,
    ".pptx": PPTX,
    ".pptm": PPTX,
    ".xlsx": XLSX,
    ".xlsm": XLSX,
    ".odt": ODT,
    ".ods": ODS,
    ".odp": ODP,
    ".epub": EPUB,
    ".csv": CSV,
    ".tsv": TSV,
    ".json": JSON,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".eml": MAIL,
    ".mbox": MBOX,
}

# Other names that servers give to the types above.
ALIASES = {
    "application/xhtml+xml": HTML,
    "text/x-markdown": MARKDOWN,
    "text/prs.fallenstein.rst": RST,
    "application/x-pdf": PDF,
    "application/vnd.ms-word.document.macroenabled.12": DOCX,
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": PPTX,
    "application/vnd.ms-excel.sheet.macroenabled.12": XLSX,
    "application/csv": CSV,
    "text/x-csv": CSV,
    "text/tsv": TSV,
    "text/json": JSON,
    "application/ld+json": JSON,
    "application/x-ndjson": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "application/json-lines": JSON_LINES,
    "application/jsonlines": JSON_LINES,
}

# What is made of bytes rather than of lines: a file that is called so, but does not begin so, is broken.
BINARY = frozenset({PDF, DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB})

# Documents rather than pages: a download may be larger than a page may be.
DOCUMENTS = tuple(sorted(BINARY | {CSV, TSV, JSON, JSON_LINES, MAIL, MBOX}))
