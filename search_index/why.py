"""Why is this page (not) in the index? The answer for any address that a person types.

A known page is told with its state, its verdict and what was measured; an address that nobody knows, with what each
source's scope makes of it. Values in, frozen values out; reads rows, fetches nothing, changes nothing. Blocking.
Called by `manage.py explain` and the admin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from search_index import explain, hosts, policy, sources
from search_index.errors import Refused
from search_index.models import Host, Page, Passage, Source
from search_index.store import host_of

SCOPED = frozenset({Source.Kind.SITE, Source.Kind.SITEMAP})  # kinds that take addresses by a scope
LOCAL_URLS = ("file:", "beir:")
MOST = 20  # pages, and sources, that are told


@dataclass(frozen=True)
class KnownPage:
    """What one source knows of the address."""

    id: int
    url: str
    source: str
    state: str
    reason: str
    detail: str
    sentence: str
    searchable: bool  # whether a passage of it can be found
    passages: int
    depth: int
    found_on: str
    rendered: bool
    http_status: int | None
    first_seen_at: datetime
    fetched_at: datetime | None
    language: str
    source_class: str
    signals: dict[str, Any]
    copies: tuple[str, ...]  # other pages that say the same: the search shows one of them
    contradictions: tuple[str, ...]  # copies that say otherwise, and what


@dataclass(frozen=True)
class Taker:
    """A source, and whether it would take the address."""

    source: str
    holds: bool
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """The answer. `state` is that of the page that is in the index, else of the first one known, else "unknown", or
    "unusable" where the address is none."""

    url: str
    state: str
    sentence: str
    pages: tuple[KnownPage, ...] = ()
    host: str = ""
    host_standing: str = ""
    host_reason: str = ""
    takers: tuple[Taker, ...] = ()

    @property
    def searchable(self) -> bool:
        return any(page.searchable for page in self.pages)


def why(url: str) -> Explanation:
    """Why the page at `url` is in the index, or not. Any text is answered: never raises for what a person types."""
    typed = url.strip()
    if typed.startswith(LOCAL_URLS):
        return _explained(typed, [typed], None)
    try:
        target = policy.parse(typed if "://" in typed else f"https://{typed}")
    except Refused as failure:
        return Explanation(typed, "unusable", str(failure))
    return _explained(target.url, _spellings(target), hosts.closed(target.host))


def _explained(url: str, spellings: Sequence[str], host: Host | None) -> Explanation:
    """`host` is what closes the address's host, if anything does."""
    pages = _known(url, spellings)
    told: dict[str, Any] = {
        "host": host.name if host else host_of(url),
        "host_standing": host.standing if host else "",
        "host_reason": host.reason if host else "",
    }
    if pages:
        first = next((page for page in pages if page.searchable), pages[0])
        return Explanation(url, first.state, first.sentence, tuple(pages), **told)
    takers = () if url.startswith(LOCAL_URLS) else tuple(_taker(source, url) for source in _web_sources())
    if host is not None:
        sentence = hosts.sentence(host)
    elif holding := [taker for taker in takers if taker.holds]:
        sentence = _("No page of the index has this address, but %s would take it: no page that was read links to it.")
        sentence %= ", ".join(taker.source for taker in holding)
    else:
        sentence = _("No page of the index has this address, and no source would take it.")
    return Explanation(url, "unknown", sentence.strip(), (), **told, takers=takers)


def _known(url: str, spellings: Sequence[str]) -> list[KnownPage]:
    passages = Passage.objects.filter(snapshot=OuterRef("snapshot")).order_by().values("snapshot")
    counted = Coalesce(Subquery(passages.annotate(number=Count("pk")).values("number")), 0)
    found = (
        Page.objects.filter(Q(url__in=spellings) | Q(final_url__in=spellings))
        .select_related("source", "snapshot")
        .defer("snapshot__text", "snapshot__headings", "snapshot__links", "bands")
        .annotate(passages=counted)
        .order_by("pk")[:MOST]
    )
    # What was asked for exactly stands before another spelling of it, and what can be found before what cannot.
    return [_page(page) for page in sorted(found, key=lambda page: (not page.passages, page.url != url, page.pk))]


def _page(page: Any) -> KnownPage:
    snapshot = page.snapshot
    return KnownPage(
        id=page.pk,
        url=page.url,
        source=page.source.name,
        state=page.state,
        reason=page.reason,
        detail=page.detail,
        sentence=explain.standing(page, page.passages),
        searchable=page.passages > 0,
        passages=page.passages,
        depth=page.depth,
        found_on=page.found_on,
        rendered=page.rendered,
        http_status=page.http_status,
        first_seen_at=page.first_seen_at,
        fetched_at=page.fetched_at,
        language=snapshot.language if snapshot else "",
        source_class=snapshot.source_class if snapshot else "",
        signals=page.signals,
        copies=_copies(page),
        contradictions=tuple(line for line in page.conflict.split("\n") if line),
    )


def _copies(page: Page) -> tuple[str, ...]:
    if page.cluster is None:
        return ()
    others = Page.objects.filter(cluster=page.cluster).exclude(pk=page.pk).order_by("pk")
    return tuple(others.values_list("url", flat=True)[:MOST])


def _web_sources() -> list[Source]:
    waiting = Count("pages", filter=Q(pages__state=Page.State.QUEUED))
    found = Source.objects.filter(kind__in=SCOPED).annotate(known=Count("pages"), waiting=waiting)
    return list(found.order_by("name")[:MOST])  # what is counted in groups has no order of its own


def _taker(source: Any, url: str) -> Taker:
    """What a source's scope makes of an address that it does not know."""
    if not sources.scope(source).holds(url):
        said = _("It lies outside the source, which begins at %s.") % source.location
        return Taker(source.name, False, said)
    if source.paused:
        return Taker(source.name, True, _("It belongs to the source, which is paused."))
    if not source.known:
        return Taker(source.name, True, _("It belongs to the source, which has not been crawled yet."))
    if source.waiting or source.known >= source.max_pages:
        said = {"most": source.max_pages, "known": source.known}
        return Taker(
            source.name,
            True,
            _("It belongs to the source; %(known)d pages of it are known, and it reads %(most)d at most.") % said,
        )
    if source.kind == Source.Kind.SITEMAP:
        return Taker(source.name, True, _("It belongs to the source, but its sitemap does not list it."))
    said = _("It belongs to the source, but no page within %d links of its start links to it.") % source.max_depth
    return Taker(source.name, True, said)


def _spellings(target: policy.Target) -> list[str]:
    """The address, with the other scheme, with and without its last slash and www: what most likely is meant."""
    path, query, rest = target.path.partition("?")
    other = path[:-1] if path.endswith("/") and path != "/" else f"{path}/"
    bare = target.netloc.removeprefix("www.")
    return [
        f"{scheme}://{netloc}{way}{query}{rest}"
        for scheme in (target.scheme, "http" if target.scheme == "https" else "https")
        for netloc in dict.fromkeys((target.netloc, bare, f"www.{bare}"))
        for way in (path, other)
    ]
