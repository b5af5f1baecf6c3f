"""Which addresses belong to a source: its host and folder, and the operator's patterns.

Pure: no Django models, no I/O. Called by sources.py, and through it by the crawl and by whoever has to say why an
address is not in the index.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

import idna
from django.utils.translation import gettext as _

from search_index import policy
from search_index.errors import Refused

# Links that hold no text: not even asked for.
NO_PAGES = frozenset(
    """png jpg jpeg gif svg webp ico bmp tif tiff avif mp3 mp4 m4a m4v ogg ogv oga wav flac avi mov mkv
    webm zip gz tgz bz2 xz zst 7z rar tar jar war whl egg deb rpm apk dmg pkg exe msi iso bin css js mjs
    map xml rss atom woff woff2 ttf otf eot doc xls ppt mobi ps eps
    dvi sqlite db inv asc sig""".split()  # noqa: SIM905
)
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_WHOLE = re.compile(r"([A-Za-z*]+://)([^/]*)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Pattern:
    """One pattern of the operator's: `*` stands for any characters, also none, also slashes; nothing else is special.

    It is held against an address's path; against the whole address where it begins like one ("https://", "*://"). What
    follows a question mark is looked at only where the pattern has one. A pattern that ends with a slash means all
    below it.
    """

    text: str  # as it was written, for sentences
    origin: tuple[str, ...]  # what stands between the stars, of scheme and host: empty where they do not matter
    path: tuple[str, ...]  # and of the path

    @property
    def whole(self) -> bool:
        """Whether it is held against whole addresses, which it then has to name."""
        return bool(self.origin)

    def fits(self, target: policy.Target) -> bool:
        path = target.path if "?" in self.text else target.path.partition("?")[0]
        # Apart from each other: a star in the place of a host must not reach into the path of another one.
        here = not self.origin or _fits(self.origin, f"{target.scheme}://{target.netloc}")
        return here and _fits(self.path, path)


def patterns(text: str) -> tuple[Pattern, ...]:
    """The patterns of a field: one a line. Spelt as canonical addresses are, so that "/Über uns/*" fits, too."""
    return tuple(_pattern(line.strip()) for line in text.splitlines() if line.strip())


@dataclass(frozen=True)
class Scope:
    """Which addresses belong to a web source: its host, with or without www, and what lies below a folder.

    `deny` takes addresses away, whatever else holds. `allow` leaves of those below the folder only the ones that fit;
    a pattern for whole addresses lets in what it names, on whatever host. With `anywhere` (one page, the entries
    of a feed) host and folder do not matter: such a source follows no links, only redirects.
    """

    host: str
    port: int
    folder: str
    allow: tuple[Pattern, ...] = ()
    deny: tuple[Pattern, ...] = ()
    anywhere: bool = False

    def holds(self, url: str) -> bool:
        """Whether the address belongs to the source and may be a page."""
        return not self.refusal(url)

    def refusal(self, url: str) -> str:
        """Why the address does not belong to the source, in a sentence; empty where it does."""
        try:
            target = policy.parse(url)
        except Refused as error:
            return str(error)
        path = target.path.partition("?")[0]
        if PurePosixPath(path).suffix.lower().removeprefix(".") in NO_PAGES:
            return _("Its ending says that there is no text at it.")
        if denied := _first(self.deny, target):
            return _("The source's pattern %(pattern)s keeps it out.") % {"pattern": denied.text}
        if _first((pattern for pattern in self.allow if pattern.whole), target):
            return ""
        return self._place(target, path) or self._not_allowed(target)

    def _place(self, target: policy.Target, path: str) -> str:
        if self.anywhere:
            return ""
        same_port = target.port == self.port or {target.port, self.port} <= {80, 443}
        if bare(target.host) != bare(self.host) or not same_port:
            return _("It is on another host than the source.")
        if not path.startswith(self.folder):
            return _("It does not lie below %(folder)s, where the source begins.") % {"folder": self.folder}
        return ""

    def _not_allowed(self, target: policy.Target) -> str:
        if not self.allow or _first(self.allow, target):
            return ""
        return _("It fits none of the patterns to which the source is limited.")


def bare(host: str) -> str:
    """A host without its www."""
    return host.removeprefix("www.")


def _first(chosen: Iterable[Pattern], target: policy.Target) -> Pattern | None:
    return next((pattern for pattern in chosen if pattern.fits(target)), None)


def _fits(parts: tuple[str, ...], text: str) -> bool:
    """Whether the text is the parts with anything between them. Without a regular expression, which an address made for
    it could keep busy for hours."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _pattern(text: str) -> Pattern:
    whole = _WHOLE.match(text)
    origin, path = (whole[1].lower() + _host(whole[2]), whole[3] or "*") if whole else ("", text)
    spelt = _ESCAPE.sub(lambda escape: escape[0].upper(), quote(path, safe="/:?@!$&'()*+,;=%~[]"))
    if spelt.endswith("/"):
        spelt += "*"
    return Pattern(text, tuple(origin.split("*")) if origin else (), tuple(spelt.split("*")))


def _host(text: str) -> str:
    """A pattern's host as canonical addresses spell it; what cannot be spelt so fits nothing, and is left as it is."""
    try:
        return ".".join(label if label.isascii() else idna.encode(label).decode() for label in text.lower().split("."))
    except idna.IDNAError:
        return text
