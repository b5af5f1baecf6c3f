"""Whether a page that HTTP has brought needs the browser, because its scripts make its text: HTTP first.

The page itself gives signs (an empty place where an application is put, "Loading ..."); where they are weak, what
rendering pages of the same host has brought so far decides, which is remembered with the host. `sign` is pure; the
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
KNOWN = 2  # pages of a host that taught the same: it is believed from then on
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
    rb">\s*(?:loading|please wait|wird geladen|chargement|cargando)\b[^<]{0,10}(?:\.\.\.|\xe2\x80\xa6|&hellip;)?\s*<",
    re.I,
)
_INSIDE = rb"<noscript>[^<]*(?:<[^>]+>[^<]*){0,4}"
_NOSCRIPT = re.compile(
    _INSIDE + rb"\b(?:enable|requires?|needs?|activate|turn on)\b[^<]{0,60}javascript"
    rb"|" + _INSIDE + rb"javascript[^<]{0,60}\b(?:enabled?|required|needed|disabled|off)\b",
    re.I,
)
_BUNDLE = re.compile(
    rb"<script\b[^>]*\btype=[\"']?module"
    rb"|<script\b[^>]*\bsrc=[\"']?[^\"' >]*(?:main|app|bundle|chunk|index|runtime|vendor)[\w.~-]*\.m?js"
    rb"|__(?:NEXT_DATA|NUXT|INITIAL_STATE|PRELOADED_STATE|APOLLO_STATE)__",
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
    if shown == Sign.NONE:
        return False
    known = Host.objects.filter(name=host).values_list("renders_gained", "renders_idle").first()
    gained, idle = known or (0, 0)
    if gained >= KNOWN and gained > idle:
        return True
    if idle >= KNOWN and gained == 0:
        return shown == Sign.STRONG and idle < 2 * KNOWN
    return shown >= Sign.LIKELY


def learn(host: str, *, gained: bool) -> None:
    """Remember what rendering a page of the host has brought."""
    field = "renders_gained" if gained else "renders_idle"
    Host.objects.get_or_create(name=host)
    Host.objects.filter(name=host).update(**{field: F(field) + 1})
