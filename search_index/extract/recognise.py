"""What a file is: decided by its first bytes, and by what a zip container says of itself, before its declared type.

Pure: no Django, no I/O. Called by extractors.py.
"""

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit
from zipfile import ZipFile

from search_index.errors import Unreadable
from search_index.extract import archive, types

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of .doc, .xls, .ppt and .msg, and of locked office files
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_MAIN_PARTS = {  # what the list of content types of an office file calls its main part
    b"wordprocessingml.document.main+xml": types.DOCX,
    b"ms-word.document.macroEnabled.main+xml": types.DOCX,
    b"presentationml.presentation.main+xml": types.PPTX,
    b"presentationml.slideshow.main+xml": types.PPTX,
    b"ms-powerpoint.presentation.macroEnabled.main+xml": types.PPTX,
    b"spreadsheetml.sheet.main+xml": types.XLSX,
    b"ms-excel.sheet.macroEnabled.main+xml": types.XLSX,
}
_MIMETYPES = frozenset({types.ODT, types.ODS, types.ODP, types.EPUB})
_SIGN_SIZE = 200  # bytes of a container's entry "mimetype"
_NOT_TEXT = (b"{\\rtf", b"%!ps")  # lines of ASCII, but nothing that a person would read
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SAYS_LITTLE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/zip", types.TEXT})


def recognised(body: bytes, content_type: str, url: str) -> str:
    """The type, out of types.py, of which the file is.

    Raises Unreadable: "type" for what has no text (pictures, archives), "legacy" for what old office programs wrote,
    "broken" for what does not begin as its type does, and archive.opened()'s reasons.
    """
    declared = content_type.partition(";")[0].strip().lower()
    declared = types.ALIASES.get(declared, declared)
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"%pdf-"):
        return types.PDF
    if body.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _in_container(archive.opened(body))
    if body.startswith(_OLE2):
        raise _legacy(body)
    if start.startswith((b"<!doctype html", b"<html")) or (start.startswith(b"<?xml") and b"<html" in start):
        return types.HTML
    if declared in types.BINARY:
        raise Unreadable("broken", f"The file is called {declared}, but is none.")
    if start.startswith(_NOT_TEXT) or (b"\x00" in body[:4096] and not body.startswith(_UTF16)):
        raise Unreadable("type", f"There is no text to be had from {declared or 'binary data'}.")
    return _text_type(declared, url)


def _text_type(declared: str, url: str) -> str:
    """Of a file of characters; where the server says little, the ending of its name says more."""
    named = types.SUFFIXES.get(_suffix(url), "")
    if "html" in declared:
        return types.HTML
    if named in types.BINARY and declared in _SAYS_LITTLE:
        raise Unreadable("broken", f"The file is called {_suffix(url)}, but is none.")
    if declared in types.SUFFIXES.values() and declared != types.TEXT:
        return declared
    if named and (declared in _SAYS_LITTLE or declared.startswith("text/") or declared == "application/vnd.ms-excel"):
        return named
    if declared.endswith("+json"):
        return types.JSON
    if declared.startswith("text/") or named or declared in {"", "application/octet-stream"}:
        return types.TEXT
    raise Unreadable("type", f"There is no text to be had from {declared}.")


def _in_container(container: ZipFile) -> str:
    names = container.NameToInfo
    if "mimetype" in names and names["mimetype"].file_size <= _SIGN_SIZE:
        sign = archive.part(container, "mimetype").decode("ascii", "replace").strip().lower()
        if sign in _MIMETYPES:
            return sign
    if "[Content_Types].xml" in names:
        listed = archive.part(container, "[Content_Types].xml")
        for main, media_type in _MAIN_PARTS.items():
            if main in listed:
                return media_type
    raise Unreadable("type", "It is an archive, or made by a program whose files are not read.")


def _legacy(body: bytes) -> Unreadable:
    if _LOCKED in body:
        return Unreadable("locked", "The office file is protected by a password.")
    return Unreadable(
        "legacy",
        "It is a file of an old office program (.doc, .xls, .ppt, .msg): save it as .docx, .xlsx, .pptx or PDF.",
    )


def _suffix(url: str) -> str:
    path = urlsplit(url).path if "://" in url else url
    return PurePosixPath(unquote(path)).suffix.lower()
