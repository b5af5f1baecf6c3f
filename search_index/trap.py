"""Tells a crawler trap by what its pages lead to, and pages of a kind that brings nothing.

A trap is made to hold whoever follows its links: every page links to pages that nobody has seen, for ever, and to
hardly any that are known; an honest site's pages share their navigation. Its addresses are made by a machine, its bytes
may come drop by drop. What a trap says is not looked at here: it may read well. A host whose copies of one text differ
in their numbers is told by hosts.check_copies().

Pure: no Django models, no I/O; one Watch a host and pass. Called by visit.py.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

# Pages in a row that lead only into the unknown. A trap may cost 50 pages and 60 s (fault test F-22); some are in hand
# while the last ones are looked at.
BLIND, BLIND_MACHINE, BLIND_SLOW = 36, 25, 6
SLOW = 40.0  # seconds of waiting for answers, from which BLIND_SLOW pages are enough
KNOWN = 2  # links to known pages of its host that a page of a trap may have: its start, itself
LINK_LIST = 0.2  # what a list of links counts: it leads onward by its nature, and directories of files do little else
BRANCHES = 3  # links to unknown pages from which a page branches; where the address is a machine's, one is enough
DRIPS = 3  # answers in a row, sent drop by drop
BARREN = 30  # pages of one kind in a row with nothing for the index
# Reasons for which a page is refused by what it says: such a page has brought nothing.
EMPTY = frozenset(
    """thin copy template duplicate gibberish repeated spam linkfarm empty boilerplate links noindex""".split()  # noqa: SIM905
)

# Of those, what says nothing against a kind of page: such pages are there to be followed.
FOLLOWED = frozenset({"links", "noindex"})

_IDENTIFIER = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|[0-9a-f]{16,}", re.I)
_RANDOM = re.compile(r"(?=(?:[A-Za-z]*[0-9]){3})(?=(?:[0-9]*[A-Za-z]){3})[A-Za-z0-9_-]{12,}")
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Look:
    """What a look at one page came to: why it is not fit for the index ("" where it is), how many links it has to pages
    of its host that no page before had named, and to others, and the seconds that its answer took."""

    url: str
    reason: str
    new: int
    known: int
    seconds: float


def kind(url: str) -> str:
    """An address with its variable parts left open: https://e.org/calendar/2031/05?d=7 is of the kind
    /calendar/#/#?d=#; "*" stands for what a machine has thrown."""
    path, query = urlsplit(url).path, urlsplit(url).query
    opened = "/".join(_opened(part) for part in path.split("/"))
    names = "&".join(sorted({part.partition("=")[0] for part in query.split("&") if part}))
    return f"{opened}?{names}=#" if names else opened


class Watch:
    """What a pass has seen of one host."""

    def __init__(self) -> None:
        self.spent = 0.0  # seconds of waiting for its answers
        self._drips = 0  # answers in a row
        self._blind = 0.0  # pages in a row
        self._barren: dict[str, int] = {}  # kind -> pages in a row

    def trap(self, look: Look) -> str:
        """Note a look; what shows that the host is a trap, in a sentence, or ""."""
        self.spent += look.seconds
        if look.reason == "drip":
            self._drips += 1
            return _("It sends its pages drop by drop.") if self._drips >= DRIPS else ""
        if look.reason and look.reason not in EMPTY:
            return ""  # not had at all: says nothing of what the host's pages lead to
        self._drips = 0
        return self._blindness(look)

    def count(self, url: str, reason: str) -> None:
        """Note what became of a page in the end: why it is not in the index, or ""."""
        shape = kind(url)
        if ("#" in shape or "*" in shape) and (not reason or reason in EMPTY - FOLLOWED):
            # What was shut stays shut: pages that were in hand at the time would open it again.
            self._barren[shape] = self._barren.get(shape, 0) + 1 if reason or self.barren(url) else 0

    def barren(self, url: str) -> str:
        """Why the page is not worth asking for, in a sentence: many of its kind have brought nothing. Or ""."""
        if self._barren.get(shape := kind(url), 0) < BARREN:
            return ""
        said = {"count": BARREN, "kind": shape}
        return _("%(count)d pages in a row of its kind, %(kind)s, had nothing for the index.") % said

    def _blindness(self, look: Look) -> str:
        machine = "*" in kind(look.url)
        if look.known > KNOWN or look.new < (1 if machine or look.reason else BRANCHES):
            self._blind = 0.0
            return ""
        self._blind += LINK_LIST if look.reason == "links" else 1.0
        enough = BLIND_MACHINE if machine else BLIND
        if self._blind < enough and not (self._blind >= BLIND_SLOW and self.spent >= SLOW):
            return ""
        said = _("%(count)d pages in a row led to nothing but pages that nobody has seen; answers took %(seconds)d s.")
        return said % {"count": self._blind, "seconds": round(self.spent)}


def _opened(part: str) -> str:
    if _IDENTIFIER.search(part) or _RANDOM.fullmatch(part):
        return "*"
    return _NUMBER.sub("#", part)
