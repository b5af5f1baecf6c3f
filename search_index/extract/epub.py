"""The text of an e-book (EPUB): the chapters in the order of its spine, each through the extractor of HTML pages.

Pure: no Django, no I/O. Called by extractors.py.
"""

import posixpath
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

from search_index.errors import Unreadable
from search_index.extract import archive
from search_index.extract.document import MAX_LINKS, Extracted, Writer, flat, name_of, one_line
from search_index.extract.html import extract_whole

CHAPTERS = 2000
_CHAPTER_BYTES = 10_000_000
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONTS = re.compile(r"\.(otf|ttf|woff2?)$", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})(?:-(\d{2})-(\d{2}))?")


def extract_epub(body: bytes, content_type: str, url: str) -> Extracted:
    """What a book says. Raises Unreadable: "broken", "locked" (encrypted chapters), and archive.opened()'s reasons."""
    container = archive.opened(body)
    if _ENCRYPTION in container.NameToInfo:
        _check_lock(container)
    rootfile = next(archive.xml(archive.part(container, _CONTAINER)).iter("{*}rootfile"), None)
    place = rootfile.get("full-path", "") if rootfile is not None else ""
    package = archive.xml(archive.part(container, place))
    writer, links, hidden, left_out = Writer(), dict[str, None](), 0, 0
    flags: dict[str, None] = {}
    names = _names(container, package, place)
    for number, chapter in enumerate(_spine(package, place)):
        entry = container.NameToInfo.get(chapter)
        if entry is None or entry.file_size > _CHAPTER_BYTES or number >= CHAPTERS or writer.full:
            left_out += 1
            continue
        found = extract_whole(archive.part(container, chapter), "application/xhtml+xml", "")
        if found.text.strip() and not found.headings:
            writer.heading(names.get(chapter, ""), 1)
        writer.include(found.text, found.headings)
        links |= dict.fromkeys(found.links)
        hidden += found.hidden
        flags |= dict.fromkeys(found.flags)
    return Extracted(
        text=writer.text,
        title=one_line(_metadata(package, "title")) or name_of(url),
        author=one_line(_metadata(package, "creator"), 200),
        published_on=_day(_metadata(package, "date")),
        language=_metadata(package, "language").partition("-")[0].lower()[:10],
        headings=writer.headings,
        links=list(links)[:MAX_LINKS],
        hidden=hidden,
        flags=list(flags),
        partial=f"{left_out:,} of its chapters were not read: they are missing, or too long." if left_out else "",
    )


def _check_lock(container: ZipFile) -> None:
    """Raise Unreadable("locked") where more than fonts is encrypted."""
    tree = archive.xml(archive.part(container, _ENCRYPTION))
    if any(not _FONTS.search(reference.get("URI", "")) for reference in tree.iter("{*}CipherReference")):
        raise Unreadable("locked", "The book is encrypted: only the program that it was sold for can open it.")


def _spine(package: Any, place: str) -> Iterator[str]:
    """The names of the chapters' parts, in the order in which they are read; without the table of contents."""
    items = {item.get("id"): item for item in package.iter("{*}item")}
    seen: set[str] = set()
    for reference in package.iter("{*}itemref"):
        item = items.get(reference.get("idref"))
        if (
            item is not None
            and "html" in item.get("media-type", "")
            and "nav" not in item.get("properties", "").split()
        ):
            name = _resolved(item.get("href", ""), place)
            if name not in seen:
                seen.add(name)
                yield name


def _names(container: ZipFile, package: Any, place: str) -> dict[str, str]:
    """What the table of contents calls the chapters, by their parts' names: for those that have no heading."""
    names: dict[str, str] = {}
    for item in package.iter("{*}item"):
        is_nav = "nav" in item.get("properties", "").split()
        if not is_nav and item.get("media-type") != "application/x-dtbncx+xml":
            continue
        where = _resolved(item.get("href", ""), place)
        try:
            tree = archive.xml(archive.part(container, where))
        except Unreadable:  # the book can be read without it
            continue
        for entry in tree.iter("{*}a" if is_nav else "{*}navPoint"):
            label = entry if is_nav else next(entry.iter("{*}navLabel"), entry)
            target = (
                entry.get("href", "") if is_nav else next((one.get("src", "") for one in entry.iter("{*}content")), "")
            )
            names.setdefault(_resolved(target, where), flat("".join(label.itertext()))[:200])
    return names


def _resolved(address: str, place: str) -> str:
    """The name of the part that an address in the part `place` leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), unquote(address.partition("#")[0])))


def _metadata(package: Any, name: str) -> str:
    found = (element.text for element in package.iter(f"{{http://purl.org/dc/elements/1.1/}}{name}"))
    return next((flat(text) for text in found if text and text.strip()), "")


def _day(text: str) -> date | None:
    found = _DAY.match(text)
    try:
        day = date(int(found[1]), int(found[2] or 1), int(found[3] or 1)) if found else None
    except ValueError:
        return None
    return day if day and date(1450, 1, 1) <= day <= datetime.now(UTC).date() else None
