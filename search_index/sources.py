"""What each kind of source feeds the index with: which addresses to begin with and to follow, which documents to read.

Locations are checked here, with a sentence for the person who has to change them. Reads local files and, for sitemaps,
fetches through fetch.py; never writes anything but the Source itself.
Called by crawl.py, admin.py and `manage.py add_source`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from search_index import policy
from search_index.errors import BadSource, Refused
from search_index.extract.types import SUFFIXES
from search_index.models import Source

Kind = Source.Kind
LOCAL = frozenset({Kind.FOLDER, Kind.FILE, Kind.BEIR})  # read from this machine's disk, no network involved
MAX_FILE_BYTES = 30_000_000
WEB_PAGES, LOCAL_PAGES = 1000, 1_000_000  # how many a source takes unless the person says otherwise
# Links that hold no text: not even asked for.
NO_PAGES = frozenset(
    """png jpg jpeg gif svg webp ico bmp tif tiff avif mp3 mp4 m4a m4v ogg ogv oga wav flac avi mov mkv
    webm zip gz tgz bz2 xz zst 7z rar tar jar war whl egg deb rpm apk dmg pkg exe msi iso bin css js mjs
    map xml rss atom woff woff2 ttf otf eot doc xls ppt mobi ps eps
    dvi sqlite db inv asc sig""".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Scope:
    """Which addresses belong to a web source: its host, with or without www, and what lies below a folder."""

    host: str
    port: int
    folder: str

    def holds(self, url: str) -> bool:
        """Whether the address belongs to the source and may be a page."""
        try:
            target = policy.parse(url)
        except Refused:
            return False
        path, _query, _rest = target.path.partition("?")
        return (
            _bare(target.host) == _bare(self.host)
            and (target.port == self.port or {target.port, self.port} <= {80, 443})
            and path.startswith(self.folder)
            and PurePosixPath(path).suffix.lower().removeprefix(".") not in NO_PAGES
        )


@dataclass(frozen=True)
class Document:
    """One document of a local source: a file to be read, or a text with its title (BEIR)."""

    url: str
    path: Path | None = None
    title: str = ""
    text: str = ""


def guess_kind(location: str) -> str:
    """The kind that a location most likely is of. Raises BadSource where it is neither an address nor a path."""
    if location.startswith(("http://", "https://")):
        path = urlsplit(location).path.lower()
        return Kind.SITEMAP if "sitemap" in path and path.endswith((".xml", ".xml.gz", ".txt")) else Kind.SITE
    place = Path(location).expanduser()
    if (place / "corpus.jsonl").is_file():
        return Kind.BEIR
    if place.is_dir():
        return Kind.FOLDER
    if place.is_file():
        return Kind.FILE
    raise BadSource("location", _("%s is neither a web address nor a folder or file on this machine.") % location)


def checked_location(kind: str, location: str) -> str:
    """The location in the form in which it is kept. Raises BadSource, with what is wrong with it."""
    location = location.strip()
    if kind in {Kind.SITE, Kind.SITEMAP}:
        return _checked_address(location)
    if kind not in LOCAL:
        raise BadSource("kind", _("A source of this kind makes itself; it cannot be added."))
    path = Path(location).expanduser().absolute()
    if kind == Kind.FILE:
        _check_file(path)
    elif not path.is_dir():
        raise BadSource("location", _("There is no folder %s.") % path)
    elif kind == Kind.BEIR and not (path / "corpus.jsonl").is_file():
        raise BadSource("location", _("The folder %s holds no corpus.jsonl: it is no BEIR dataset.") % path)
    elif not os.access(path, os.R_OK | os.X_OK):
        raise BadSource("location", _("The folder %s cannot be read by this user.") % path)
    return str(path)


def add(location: str, *, kind: str = "", name: str = "", max_pages: int | None = None) -> Source:
    """The source of this kind and location: the one that is there already, or a new one. Raises BadSource."""
    kind = kind or guess_kind(location.strip())
    location = checked_location(kind, location)
    known = Source.objects.filter(kind=kind, location=location).first()
    if known and name in {"", known.name}:
        if max_pages:
            known.max_pages = max_pages
            known.save(update_fields=["max_pages"])
        return known
    if name and Source.objects.filter(name=name).exists():
        raise BadSource("name", _("There is a source called %s already; choose another name.") % name)
    return Source.objects.create(
        name=name or _free_name(_name_for(kind, location)),
        kind=kind,
        location=location,
        max_pages=max_pages or default_max_pages(kind),
        delay=default_delay(kind, location),
    )


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
    """The addresses that belong to a source of kind site or sitemap."""
    target = policy.parse(source.location)
    path = target.path.partition("?")[0]
    return Scope(target.host, target.port, "/" if source.kind == Kind.SITEMAP else path[: path.rindex("/") + 1])


def documents(source: Source) -> Iterator[Document]:
    """The documents of a local source, in an order that does not change. Raises BadSource where they cannot be read."""
    location = Path(checked_location(source.kind, source.location))
    if source.kind == Kind.BEIR:
        yield from _beir(source.name, location / "corpus.jsonl")
    elif source.kind == Kind.FILE:
        yield Document(f"file:{source.name}/{location.name}", location)
    else:
        for path in _files(location):
            yield Document(f"file:{source.name}/{path.relative_to(location).as_posix()}", path)


def read_file(root: Path, path: Path) -> tuple[bytes, str]:
    """A file's bytes and type. Raises Refused where it lies outside `root` (by a link) or is too large."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise Refused("scope", _("It is a link that leads out of the source's folder."))
    if path.stat().st_size > MAX_FILE_BYTES:
        raise Refused("size", _("It is larger than %d MB.") % (MAX_FILE_BYTES // 1_000_000))
    return path.read_bytes(), SUFFIXES[path.suffix.lower()]


def _checked_address(location: str) -> str:
    if "://" not in location:
        raise BadSource("location", _("A web address begins with http:// or https://."))
    try:
        return policy.canonical(location)
    except Refused as error:
        raise BadSource(
            "location", _("%(address)s cannot be used: %(why)s") % {"address": location, "why": error}
        ) from error


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise BadSource("location", _("There is no file %s.") % path)
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
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
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES:
                yield path


def _beir(name: str, corpus: Path) -> Iterator[Document]:
    with corpus.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                yield Document(f"beir:{name}/{entry['_id']}", title=entry.get("title") or "", text=entry["text"])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                what = {"path": corpus, "line": number}
                raise BadSource("format", _("Line %(line)d of %(path)s is no BEIR document.") % what) from error


def _name_for(kind: str, location: str) -> str:
    if kind in LOCAL:
        return (Path(location).stem if kind == Kind.FILE else Path(location).name) or location
    target = policy.parse(location)
    folder = scope(Source(kind=kind, location=location)).folder.strip("/")
    return f"{_bare(target.host)}/{folder}" if folder else _bare(target.host)


def _free_name(name: str) -> str:
    name, number = name[:90], 2
    free = name
    while Source.objects.filter(name=free).exists():
        free, number = f"{name} {number}", number + 1
    return free


def _bare(host: str) -> str:
    return host.removeprefix("www.")
