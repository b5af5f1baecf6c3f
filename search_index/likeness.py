"""Finds what a page is a copy of, in the transaction that stores it: its cluster, and what it contradicts.

judgement/copies.py decides what two texts are to each other; here its candidates are looked up by their MinHash bands,
and what follows is written to the page and to the pages it is like. Blocking. Called by store.py; conflicts_on() by
whoever guards the hosts, told() by the admin.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from search_index.errors import Refused
from search_index.judgement.copies import Kind, Likeness, Shown, compare
from search_index.models import Page, Source
from search_index.sql import SQL

CANDIDATES = 8  # pages compared, those that share most bands first: 2 to 4 ms each for a thousand words
FAMILY = 100  # pages of a source with the same words and other numbers, from which the next one is one too many
SHOWN = 4  # differences told of a pair
LEAST = 40  # words; two shorter texts ("Machine 3 has 3 wheels") are alike without one being the other's copy
LIES = 2  # that a pair of copies has to differ in, to count against its host
_TELLS = " says "  # between the address and the rest of a line of Page.conflict
_INSTEAD = " instead of "
# What people chose themselves, document by document: judged, but never refused for being like another one.
CHOSEN = frozenset({Source.Kind.FOLDER, Source.Kind.FILE, Source.Kind.UPLOAD, Source.Kind.BEIR})
# Nor what a run has opened: it needs the text now, and the search shows copies as one.
KEPT = CHOSEN | {Source.Kind.LIVE}


def place(page: Page, title: str, text: str, *, refuse: bool) -> None:
    """Set the page's bands, cluster and conflict, and those of the pages that it is like. The caller saves the page.

    Raises Refused, where copies of the source are to be refused: "copy" for one that adds nothing to a page of it,
    "duplicate" for a short text that says the very same, "template" for one of a hundred that differ in their numbers
    only.
    """
    mine = Shown(page.url, title, text)
    page.bands = mine.skeleton.bands if len(text.split()) >= LEAST else []
    if refuse and not page.bands:
        _refuse_twin(page, text)
    found = [(other, _likeness(mine, other)) for other in _candidates(page)]
    if refuse:
        _refuse(page, found)
    _cluster(page, [other for other, like in found if like.kind in {Kind.COPY, Kind.NEAR}])
    _contradict(page, {other.shown.url: (other, like) for other, like in found if like.kind == Kind.CONFLICT})


def digest(text: str) -> str:
    """The hash by which equal texts are known."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def conflicts_on(host: str) -> int:
    """How many pages of the host are copies of another page of it with several other numbers or negations. Honest sites
    have none: what differs between their editions is more, or is said in title or address."""
    there = Q()
    for scheme in ("http", "https"):
        for end in ("/", ":"):
            there |= Q(url__startswith=f"{scheme}://{host}{end}")
    told = Page.objects.filter(there).exclude(conflict="").values_list("conflict", flat=True)
    return sum(any(_of_host(line, host) and line.count(_INSTEAD) >= LIES for line in one.split("\n")) for one in told)


def told(conflict: str) -> list[tuple[str, str]]:
    """What a Page.conflict tells, line by line: the address of the page that contradicts this one, and what it says
    instead. A line that names no page has an empty address."""
    lines = [line for line in conflict.split("\n") if line]
    return [(_address(line), line.partition(_TELLS)[2]) if _TELLS in line else ("", line) for line in lines]


class _Candidate(NamedTuple):
    """A stored page that shares a band."""

    pk: int
    source: int
    cluster: int | None
    shown: Shown


def _candidates(page: Page) -> list[_Candidate]:
    if not page.bands:
        return []
    with connection.cursor() as cursor:
        cursor.execute(SQL["alike"], {"page": page.pk, "bands": page.bands, "most": CANDIDATES})
        return [_Candidate(pk, source, cluster, Shown(*said)) for pk, source, cluster, *said in cursor.fetchall()]


def _likeness(mine: Shown, other: _Candidate) -> Likeness:
    """The same address in another source is the same page at another time, whatever numbers it had then."""
    like = compare(mine, other.shown)
    same = _bare(mine.url) == _bare(other.shown.url)
    return Likeness(Kind.NEAR, like.jaccard) if same and like.kind in {Kind.CONFLICT, Kind.SIBLING} else like


def _refuse_twin(page: Page, text: str) -> None:
    """Of a short text only the very same is a copy ("/" and "/index.html")."""
    twins = Page.objects.filter(source=page.source_id, snapshot__sha256=digest(text)).exclude(pk=page.pk)
    if twin := twins.values_list("url", flat=True).first():
        raise Refused("duplicate", _("It says the same as %s.") % twin)


def _refuse(page: Page, found: Sequence[tuple[_Candidate, Likeness]]) -> None:
    here = [(other, like) for other, like in found if other.source == page.source_id]
    for other, like in here:
        if like.kind == Kind.COPY:
            raise Refused("copy", _("It says nothing that %s does not say.") % other.shown.url)
    if any(like.jaccard == 1.0 for _other, like in here):
        family = Page.objects.filter(source=page.source_id, bands__contains=page.bands, snapshot__isnull=False)
        if family.exclude(pk=page.pk)[:FAMILY].count() >= FAMILY:
            said = {"count": FAMILY, "page": here[0][0].shown.url}
            raise Refused(
                "template", _("It has the words of %(count)d other pages (%(page)s ...) with other numbers.") % said
            )


def _cluster(page: Page, alike: Sequence[_Candidate]) -> None:
    """One number for all pages that say the same: that of the first of them."""
    if not alike:
        page.cluster = None
        return
    numbers = {other.cluster or other.pk for other in alike}
    page.cluster = min(numbers | {page.pk})
    members = Q(pk__in=[other.pk for other in alike]) | Q(cluster__in=numbers)
    Page.objects.filter(members).exclude(pk=page.pk).update(cluster=page.cluster)


def _contradict(page: Page, now: dict[str, tuple[_Candidate, Likeness]]) -> None:
    """Note on both pages what each says otherwise; what is no longer so goes from both."""
    before = {_address(line) for line in page.conflict.split("\n") if line}
    page.conflict = "\n".join(_line(other.shown.url, like) for other, like in now.values())
    if not before and not now:
        return
    theirs = Page.objects.filter(Q(pk__in=[other.pk for other, _like in now.values()]) | Q(url__in=before))
    for other in theirs.exclude(pk=page.pk).only("url", "conflict"):
        lines = [line for line in other.conflict.split("\n") if line and _address(line) != page.url]
        if other.url in now:
            lines.append(_line(page.url, now[other.url][1], turned=True))
        Page.objects.filter(pk=other.pk).update(conflict="\n".join(lines))


def _line(url: str, like: Likeness, *, turned: bool = False) -> str:
    """What the page at `url` says otherwise, as a line of Page.conflict: “https://... says 3.1x instead of 3.5x”."""
    told = []
    for one in {(one.here, one.there): one for one in like.differences}.values():
        here, there = (one.there, one.here) if turned else (one.here, one.there)
        told.append(f"“{there}”{_INSTEAD}“{here}” (… {one.around} …)")
    return f"{url}{_TELLS}{'; '.join(told[:SHOWN])}"


def _address(line: str) -> str:
    return line.partition(_TELLS)[0]


def _of_host(line: str, host: str) -> bool:
    return (urlsplit(_address(line)).hostname or "") == host


def _bare(url: str) -> str:
    return url.partition("://")[2].removeprefix("www.").rstrip("/") or url
