"""Whether a page that HTTP has brought needs the browser, because its scripts make its text: HTTP first.

The page itself gives signs (an empty place where an application is put, "Loading ..."). Where they are weak, it is
tried, and what that brings is remembered with the host: it is tried there no more, or always. `sign` is pure; the
others ask the database, and block: async code calls them in a thread. Called by indexing.py.
"""

import re
from enum import IntEnum

from django.db.models import F

from search_index.extract import Extracted
from search_index.models import Host

# Words of the main part. A page with scripts and fewer than THIN may be made by them; one with an empty place for an
# application may show navigation and a footer around it, up to AROUND.
THIN_WORDS, AROUND = 80, 250
TRIES = 2  # pages of a host that are rendered on weak signs, and in vain, before no more are
LOOKED_AT = 1_000_000  # bytes

# An element that an application is put into, with nothing in it but perhaps a comment or a word to wait.
_WAITS = rb"(?:\s|<!--.*?-->|</?(?:p|span|div|noscript|i|svg|h\d)\b[^>]*>|%b){0,40}" % (
    rb"loading|please wait|\.|\xe2\x80\xa6|&hellip;"
)
_MOUNTS = rb"div|main|section|article|body"
_IDS = (
    rb"root|app|application|__next|__nuxt|___gatsby|svelte|react-root|q-app|app-root|main-app|page-root|mount|ember-app"
    rb"|vue-app|react-app|spa|content-root"
)
_OWN = rb"app-root|[a-z]+-app|app-[a-z]+"  # elements of an application's own
_MOUNT = re.compile(
    rb"<(?:%(mounts)b)\b[^>]*\bid=[\"']?(?:%(ids)b)[\"' >][^>]*>?%(waits)b</(?:%(mounts)b)>"
    rb"|<(?:%(own)b)\b[^>]*>%(waits)b</(?:%(own)b)>"
    % {b"mounts": _MOUNTS, b"ids": _IDS, b"own": _OWN, b"waits": _WAITS},
    re.I | re.S,
)
_LOADING = re.compile(
    rb">\s*(?:loading|please wait|wird geladen|chargement|cargando)\b[^<]{0,3}(?:\.\.\.|\xe2\x80\xa6|&hellip;)?\s*<",
    re.I,
)
_INSIDE = rb"<noscript>[^<]*(?:<[^>]+>[^<]*){0,4}"
_NOSCRIPT = re.compile(
    _INSIDE + rb"\b(?:enable|requires?|needs?|activate|turn on)\b[^<]{0,60}javascript"
    rb"|" + _INSIDE + rb"javascript[^<]{0,60}\b(?:enabled?|required|needed|disabled|off)\b",
    re.I,
)
# The scripts of an application. (Its data in the page, __NEXT_DATA__ and the like, say nothing: what was rendered by
# the server has them, too.)
_BUNDLE = re.compile(
    rb"<script\b[^>]*\btype=[\"']?module"
    rb"|<script\b[^>]*\bsrc=[\"']?[^\"' >]*(?:main|app|bundle|chunk|index|runtime|vendor)[\w.~-]*\.m?js",
    re.I,
)


class Sign(IntEnum):
    """How much a page looks as if its scripts make its text."""

    NONE = 0
    WEAK = 1  # thin, with scripts
    LIKELY = 2  # thin, with the scripts of an application
    STRONG = 3  # it waits for an application


def sign(body: bytes, text: Extracted) -> Sign:
    """What the page itself says, `text` being what was read of it."""
    page = body[:LOOKED_AT]
    if text.only_links or b"<script" not in page.lower():
        return Sign.NONE
    waits = bool(_MOUNT.search(page)) or (bool(_LOADING.search(page)) and text.words < AROUND)
    if text.words < AROUND and (waits or (text.words < THIN_WORDS and _NOSCRIPT.search(page))):
        return Sign.STRONG
    if text.words < THIN_WORDS:
        return Sign.LIKELY if _BUNDLE.search(page) else Sign.WEAK
    return Sign.WEAK if waits else Sign.NONE


def worth_it(host: str, shown: Sign) -> bool:
    """Whether to render a page of the host that shows this sign."""
    if shown != Sign.WEAK:
        return shown > Sign.WEAK
    known = Host.objects.filter(name=host).values_list("renders_gained", "renders_idle").first()
    gained, idle = known or (0, 0)
    return idle < TRIES or gained > idle


def learn(host: str, *, gained: bool) -> None:
    """Remember what rendering a page of the host brought that showed a weak sign only."""
    field = "renders_gained" if gained else "renders_idle"
    Host.objects.get_or_create(name=host)
    Host.objects.filter(name=host).update(**{field: F(field) + 1})
