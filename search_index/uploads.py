"""The documents that people upload: kept as files under DATA_DIR/uploads, a folder for each source.

A file's name is made safe, its type and size are checked, and a file appears under its name only when all of it is
there. Knows nothing of sources and reads no document: a folder is handed in, and what became of each file handed back.
Called by sources.py.
"""

import os
import re
import shutil
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from django.conf import settings
from django.utils.text import slugify
from django.utils.translation import gettext as _

from search_index import containers
from search_index.extract.types import DOCUMENT_BYTES

MAX_CONTAINER_BYTES = 1_000_000_000  # of a mailbox or web archive, which is never read as a whole
NAME_BYTES = 200  # a file system takes 255; some are left for the number of a second file of that name
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|#]")


class Upload(Protocol):
    """A file on its way in, as Django hands it over."""

    @property
    def name(self) -> str | None: ...
    @property
    def size(self) -> int | None: ...
    def chunks(self) -> Iterable[bytes]: ...


@dataclass(frozen=True)
class Received:
    """What became of one file: `stored` is the name under which it is kept, empty where it was not taken; `why` is a
    sentence where it was not, or was kept under another name."""

    name: str
    stored: str = ""
    why: str = ""


def new_folder(name: str) -> Path:
    """A new, empty folder for the uploads of a source."""
    uploads = settings.DATA_DIR / "uploads"
    stem = slugify(name)[:60] or "documents"
    for number in range(1, 10_000):
        folder: Path = uploads / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(uploads / stem)


def receive(folder: Path, files: Iterable[Upload], suffixes: Collection[str]) -> list[Received]:
    """Keep the files in the folder; one that cannot be kept does not keep the others out."""
    return list(_received(folder, files, suffixes))


def discard(folder: Path) -> None:
    """Delete a folder of uploads; nothing outside DATA_DIR/uploads is ever touched."""
    if (settings.DATA_DIR / "uploads").resolve() in folder.resolve().parents:
        shutil.rmtree(folder, ignore_errors=True)


def _received(folder: Path, files: Iterable[Upload], suffixes: Collection[str]) -> Iterator[Received]:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        name = safe_name(file.name or "")
        many = containers.holds_documents(Path(name))
        most = MAX_CONTAINER_BYTES if many else DOCUMENT_BYTES
        if not name:
            yield Received(file.name or "", why=_("It has no name."))
        elif not many and Path(name).suffix.lower() not in suffixes:
            yield Received(name, why=_("Documents of this type cannot be read."))
        elif file.size == 0:
            yield Received(name, why=_("It is empty."))
        elif (file.size or 0) > most:
            yield Received(name, why=_("It is larger than %d MB.") % (most // 1_000_000))
        else:
            yield _kept(folder, name, file, most)


def _kept(folder: Path, name: str, file: Upload, most: int) -> Received:
    with NamedTemporaryFile(dir=folder, prefix=".upload-", delete=False) as part:
        arriving = Path(part.name)
        try:
            size = 0
            for chunk in file.chunks():
                size += len(chunk)
                if size > most:  # whoever sends it may say anything of its size
                    return Received(name, why=_("It is larger than %d MB.") % (most // 1_000_000))
                part.write(chunk)
            part.flush()
            os.fchmod(part.fileno(), 0o644)
            return _named(folder, name, arriving)
        finally:
            arriving.unlink(missing_ok=True)


def _named(folder: Path, name: str, arriving: Path) -> Received:
    """Give the file its name, or the next free one; a file that is there already is not kept twice."""
    path = Path(name)
    suffix = next((suffix for suffix in containers.ARCHIVES if name.lower().endswith(suffix)), path.suffix)
    for number in range(1, 10_000):
        stored = name if number == 1 else f"{name[: -len(suffix)]} {number}{name[-len(suffix) :]}"
        try:
            os.link(arriving, folder / stored)  # unlike a rename, it never replaces a file that is there
        except FileExistsError:
            if cmp(arriving, folder / stored, shallow=False):
                return Received(name, stored, _("The very same file is there already."))
            continue
        why = "" if number == 1 else _("Another file has this name: it is kept as %s.") % stored
        return Received(name, stored, why)
    return Received(name, why=_("Too many files have this name."))


def safe_name(name: str) -> str:
    """A name without folders, control characters and leading dots, no longer than a file system takes; empty where
    nothing is left of it."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rstrip("/").rpartition("/")[2])
    name = _UNSAFE.sub("_", name).strip().lstrip(".").strip()
    stem, dot, ending = name.rpartition(".")
    if not dot:
        return ""
    room = NAME_BYTES - len(ending.encode()) - 1
    return f"{stem.encode()[: max(room, 0)].decode(errors='ignore').strip()}.{ending}" if room > 0 else ""
