"""What each kind of source feeds the index with: which addresses to begin with and to follow, which documents to read.

Locations are checked here, with a sentence for the person who has to change them. Reads local files; fetches nothing
(feed.py and sitemap.py do); never writes anything but the Source itself and the files that people upload.
Called by crawl.py, visit.py, feed.py, ingest.py, freshness.py, the admin and `manage.py add_source`.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from search_index import containers, policy, uploads
from search_index.containers import Part
from search_index.errors import BadSource, Refused
from search_index.extract.types import DOCUMENT_BYTES, SUFFIXES
from search_index.models import Source
from search_index.scope import Scope, bare, patterns

Kind = Source.Kind
WEB = frozenset({Kind.SITE, Kind.SITEMAP, Kind.FEED, Kind.PAGE})  # fetched through the egress door
LOCAL = frozenset({Kind.FOLDER, Kind.FILE, Kind.UPLOAD, Kind.WARC, Kind.BEIR})  # read from this machine's disk
WEB_PAGES, LOCAL_PAGES = 1000, 1_000_000  # how many a source takes unless the person says otherwise
_SITEMAPS = (".xml", ".xml.gz", ".txt")
_FEEDS = (".rss", ".atom", "/rss", "/feed", "/atom", "/feed.xml", "/rss.xml", "/atom.xml", "/feed.json", "/index.rdf")


@dataclass(frozen=True)
class Document:
    """One document of a local source: a file, a part of a file, or a text with its title (BEIR).

    `stamp` changes when the document does: a file's size and time, the digest of a text. Two looks that see the same
    stamp need not read the document twice.
    """

    url: str
    stamp: str = ""
    path: Path | None = None
    part: Part | None = None
    title: str = ""
    text: str = ""

    @property
    def container(self) -> bool:
        """Whether it is a file that holds documents of its own, which `inside` gives."""
        return self.path is not None and self.part is None and containers.holds_documents(self.path)


def guess_kind(location: str) -> str:
    """The kind that a location most likely is of. Raises BadSource where it is neither an address nor a path.

    Of an address only its spelling is looked at: what turns out to be a feed when it is fetched becomes one (feed.py).
    """
    if location.startswith(("http://", "https://")):
        path = urlsplit(_checked_address(location)).path.lower()
        if "sitemap" in path and path.endswith(_SITEMAPS):
            return Kind.SITEMAP
        return Kind.FEED if path.rstrip("/").endswith(_FEEDS) else Kind.SITE
    place = Path(location).expanduser()
    if (place / "corpus.jsonl").is_file():
        return Kind.BEIR
    if place.is_dir():
        return Kind.FOLDER
    if place.is_file():
        return Kind.WARC if containers.is_archive(place) else Kind.FILE
    raise BadSource("location", _("%s is neither a web address nor a folder or file on this machine.") % location)


def checked_location(kind: str, location: str) -> str:
    """The location in the form in which it is kept. Raises BadSource, with what is wrong with it."""
    location = location.strip()
    if kind in WEB:
        return _checked_address(location)
    if kind not in LOCAL:
        raise BadSource("kind", _("A source of this kind makes itself; it cannot be added."))
    path = Path(location).expanduser().absolute()
    if kind in {Kind.FILE, Kind.WARC}:
        _check_file(kind, path)
    elif not path.is_dir():
        raise BadSource("location", _("There is no folder %s.") % path)
    elif kind == Kind.BEIR and not (path / "corpus.jsonl").is_file():
        raise BadSource("location", _("The folder %s holds no corpus.jsonl: it is no BEIR dataset.") % path)
    elif not os.access(path, os.R_OK | os.X_OK):
        raise BadSource("location", _("The folder %s cannot be read by this user.") % path)
    return str(path)


def add(location: str, *, kind: str = "", name: str = "", max_pages: int | None = None) -> Source:
    """The source of this kind and location: the one that is there already, or a new one. Raises BadSource."""
    guessed = not kind
    kind = kind or guess_kind(location.strip())
    if kind == Kind.UPLOAD:
        raise BadSource("kind", _("Documents are uploaded in the admin; what lies on this machine is a folder."))
    location = checked_location(kind, location)
    known = _known(location, kind="" if guessed else kind)
    if known and name in {"", known.name}:
        if max_pages:
            known.max_pages = max_pages
            known.save(update_fields=["max_pages"])
        return known
    _check_free(name)
    return Source.objects.create(
        name=name or _free_name(_name_for(kind, location)),
        kind=kind,
        location=location,
        max_pages=max_pages or default_max_pages(kind),
        delay=default_delay(kind, location),
    )


def add_upload(name: str, files: Iterable[uploads.Upload]) -> tuple[Source, list[uploads.Received]]:
    """A new source of the documents that a person hands over, and what became of each. Raises BadSource where the name
    is taken or none of the documents can be read; then nothing is kept."""
    _check_free(name)
    folder = uploads.new_folder(name)
    try:
        received = uploads.receive(folder, files, SUFFIXES)
        if not any(one.stored for one in received):
            whys = " ".join(f"{one.name}: {one.why}" for one in received[:3])
            raise BadSource("files", whys or _("No files came with it."))
        name = name or _free_name(_("Uploaded documents"))
        source = Source.objects.create(
            name=name, kind=Kind.UPLOAD, location=str(folder), max_pages=LOCAL_PAGES, delay=0
        )
    except BaseException:
        uploads.discard(folder)
        raise
    return source, received


def add_files(source: Source, files: Iterable[uploads.Upload]) -> list[uploads.Received]:
    """Further documents for an upload, and what became of each; the next crawl reads them."""
    if source.kind != Kind.UPLOAD:
        raise BadSource("kind", _("Documents can be added to uploads only."))
    return uploads.receive(Path(source.location), files, SUFFIXES)


def delete(source: Source) -> None:
    """Delete the source with all its rows, and the documents that were uploaded for it."""
    with transaction.atomic():
        if source.kind == Kind.UPLOAD:
            folder = Path(source.location)
            transaction.on_commit(lambda: uploads.discard(folder))
        source.delete()


def default_max_pages(kind: str) -> int:
    """How many pages a source takes if nobody says otherwise: what lies on the disk is taken whole."""
    return LOCAL_PAGES if kind in LOCAL else WEB_PAGES


def default_delay(kind: str, location: str) -> float:
    """Seconds between requests: none to the operator's own hosts, one to everybody else's."""
    if kind in LOCAL:
        return 0.0
    own = policy.Allow.parse(settings.EGRESS_ALLOW).knows(policy.parse(location).host)
    return 0.0 if own else 1.0


def scope(source: Source) -> Scope:
    """The addresses that belong to a web source. A sitemap speaks for its whole host, a site for what lies beside and
    below its start; of a page and of a feed's entries, their own addresses are all there is to hold."""
    target = policy.parse(source.location)
    path = target.path.partition("?")[0]
    return Scope(
        target.host,
        target.port,
        "/" if source.kind == Kind.SITEMAP else path[: path.rindex("/") + 1],
        patterns(source.allow),
        patterns(source.deny),
        anywhere=source.kind in {Kind.PAGE, Kind.FEED},
    )


def documents(source: Source) -> Iterator[Document]:
    """The documents of a local source, in an order that does not change; of files that hold documents, the file.

    Raises BadSource where they cannot be read.
    """
    location = Path(checked_location(source.kind, source.location))
    if source.kind == Kind.BEIR:
        yield from _beir(source.name, location / "corpus.jsonl")
    elif source.kind in {Kind.FILE, Kind.WARC}:
        yield _document(source.name, location, location.name)
    else:
        for path in _files(location):
            yield _document(source.name, path, path.relative_to(location).as_posix())


def inside(document: Document) -> Iterator[Document]:
    """The documents in a file that holds documents: `file:NAME/box.mbox#12`, or an archived page by its own address.

    Raises Unreadable, Refused and OSError.
    """
    assert document.path is not None
    for part in containers.parts(document.path):
        url = part.name if containers.is_archive(document.path) else f"{document.url}#{part.name}"
        yield Document(url, part.stamp, document.path, part)


def read(source: Source, document: Document) -> tuple[bytes, str]:
    """A document's bytes and type. Raises Refused where its file lies outside the source (by a link) or is too large,
    and Unreadable and OSError."""
    assert document.path is not None
    location = Path(source.location)
    root = location if location.is_dir() else location.parent
    if not document.path.resolve().is_relative_to(root.resolve()):
        raise Refused("scope", _("It is a link that leads out of the source's folder."))
    if document.part is not None:
        return containers.read(document.path, document.part)
    if document.path.stat().st_size > DOCUMENT_BYTES:
        raise Refused("size", _("It is larger than %d MB.") % (DOCUMENT_BYTES // 1_000_000))
    return document.path.read_bytes(), SUFFIXES[document.path.suffix.lower()]


def stamp(source: Source) -> str:
    """What changes when anything in a local source does: by names, sizes and times, without reading a file.

    Raises BadSource where the source cannot be read.
    """
    location = Path(checked_location(source.kind, source.location))
    if source.kind == Kind.BEIR:
        return _stamp_of(location / "corpus.jsonl")
    if source.kind in {Kind.FILE, Kind.WARC}:
        return _stamp_of(location)
    seen = sha256()
    for path in _files(location):
        seen.update(os.fsencode(path.relative_to(location)) + b"\0" + _stamp_of(path).encode() + b"\0")
    return seen.hexdigest()


def _checked_address(location: str) -> str:
    if "://" not in location:
        raise BadSource("location", _("A web address begins with http:// or https://."))
    try:
        return policy.canonical(location)
    except Refused as error:
        raise BadSource(
            "location", _("%(address)s cannot be used: %(why)s") % {"address": location, "why": error}
        ) from error


def _known(location: str, kind: str) -> Source | None:
    """The source at this location, of this kind; where no kind was given, of whatever kind it turned out to be."""
    there = Source.objects.filter(location=location).exclude(kind=Kind.LIVE)
    return (there.filter(kind=kind) if kind else there).order_by("pk").first()


def _check_file(kind: str, path: Path) -> None:
    if not path.is_file():
        raise BadSource("location", _("There is no file %s.") % path)
    if kind == Kind.WARC and not containers.is_archive(path):
        raise BadSource("location", _("%s is no web archive: its name does not end in .warc or .warc.gz.") % path)
    if not _readable(path):
        known = ", ".join([*SUFFIXES, *containers.MAILBOXES, *containers.ARCHIVES])
        raise BadSource(
            "location", _("%(path)s is no document that can be read (%(known)s).") % {"path": path, "known": known}
        )
    if not os.access(path, os.R_OK):
        raise BadSource("location", _("The file %s cannot be read by this user.") % path)


def _files(root: Path) -> Iterator[Path]:
    """Documents below the folder, sorted; hidden files and folders are left out, linked folders are not entered."""
    for folder, names, files in os.walk(root, followlinks=False):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder) / name
            if not name.startswith(".") and _readable(path):
                yield path


def _readable(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES or containers.holds_documents(path)


def _document(source: str, path: Path, name: str) -> Document:
    return Document(f"file:{source}/{name}", _stamp_of(path), path)


def _stamp_of(path: Path) -> str:
    """A file's size and time; nothing where it cannot be asked (it is gone, or a link to nowhere)."""
    try:
        seen = path.stat()
    except OSError:
        return ""
    return f"{seen.st_size}-{seen.st_mtime_ns}"


def _beir(name: str, corpus: Path) -> Iterator[Document]:
    with corpus.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                title, text = entry.get("title") or "", entry["text"]
                seen = sha256(f"{title}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
                yield Document(f"beir:{name}/{entry['_id']}", seen, title=title, text=text)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                what = {"path": corpus, "line": number}
                raise BadSource("format", _("Line %(line)d of %(path)s is no BEIR document.") % what) from error


def _name_for(kind: str, location: str) -> str:
    if kind in LOCAL:
        path = Path(location)
        return (path.name.partition(".")[0] if kind in {Kind.FILE, Kind.WARC} else path.name) or path.name or location
    target = policy.parse(location)
    path_ = target.path.partition("?")[0]
    inner = path_ if kind in {Kind.PAGE, Kind.FEED} else scope(Source(kind=kind, location=location)).folder
    return f"{bare(target.host)}/{inner.strip('/')}".rstrip("/")


def _check_free(name: str) -> None:
    """Raises BadSource where another source has the name; an empty one stands for any that is free."""
    if name and Source.objects.filter(name=name).exists():
        raise BadSource("name", _("There is a source called %s already; choose another name.") % name)


def _free_name(name: str) -> str:
    name, number = name[:90], 2
    free = name
    while Source.objects.filter(name=free).exists():
        free, number = f"{name} {number}", number + 1
    return free
