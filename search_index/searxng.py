"""Asks the operator's SearXNG for addresses on the web, and judges them by what the index knows, before any is opened.

Left out are addresses that nothing may be read from (closed hosts), that were refused when they were read before, that
the index has fresh, and more than a few of one host; the others are ordered by SearXNG's order, who speaks there, and
what the operator wants of the host. Titles and snippets are thrown away: what counts is what the page itself says.
The server is the operator's own (SEARXNG_URL), so it is not asked through the egress door. Blocking; opens no page.
Called through api.py only.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx2
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from config import endpoints
from search_index import hosts, policy
from search_index.errors import IndexFailure, Refused, RetryLater
from search_index.judgement.source_class import source_class
from search_index.models import Host, Page
from search_index.query import BOOST_WEIGHT, CLASS_WEIGHT
from search_index.reading import FRESH

SECONDS = 6.0  # for all engines that it asks; its own limit is 3 s each
ASKED = 30  # of its results, that are looked at
MOST = 10  # addresses that are given
OF_A_HOST = 3
PLACES = 10  # an address this far down counts half of the first


@dataclass(frozen=True)
class Suggested:
    """Addresses on the web that may hold what was asked for, best first, and how many were left out for which reason:
    closed, refused, known, host, url."""

    urls: tuple[str, ...]
    left_out: dict[str, int] = field(default_factory=dict)


def web_search_is_set_up() -> bool:
    """Whether the operator has named a SearXNG."""
    return bool(endpoints.searxng())


def web_search(query: str) -> Suggested:
    """Addresses for a query. Raises RetryLater where the server cannot be reached or none of its engines answered,
    IndexFailure where it cannot be used as it is set up."""
    found = _asked(query)
    urls = [str(one.get("url", "")) for one in found.get("results", [])[:ASKED] if isinstance(one, dict)]
    silent = [str(engine[0]) for engine in found.get("unresponsive_engines", []) if engine]
    if not urls and silent:
        said = {"engines": ", ".join(silent[:5])}
        raise RetryLater("web search", _("None of SearXNG's engines answered (%(engines)s).") % said)
    return judged(urls)


def judged(urls: Sequence[str]) -> Suggested:
    """These addresses, best first, without those that are not worth opening."""
    left_out: Counter[str] = Counter()
    places: dict[str, int] = {}
    for place, url in enumerate(urls):
        try:
            places.setdefault(policy.canonical(url), place)
        except Refused:
            left_out["url"] += 1
    pages = {url: page for page in _pages(places) for url in (page.url, page.final_url)}
    boosts = dict(Host.objects.filter(name__in={policy.parse(url).host for url in places}).values_list("name", "boost"))
    weights: dict[str, float] = {}
    for url, place in places.items():
        host = policy.parse(url).host
        if why := _against(host, pages.get(url)):
            left_out[why] += 1
            continue
        weight = CLASS_WEIGHT.get(source_class(url).source_class, 1.0) * BOOST_WEIGHT ** boosts.get(host, 0)
        weights[url] = weight * PLACES / (PLACES + place)
    of_host: Counter[str] = Counter()
    kept: list[str] = []
    for url in sorted(weights, key=lambda url: -weights[url]):
        host = policy.parse(url).host
        of_host[host] += 1
        if of_host[host] > OF_A_HOST:
            left_out["host"] += 1
        elif len(kept) < MOST:
            kept.append(url)
    return Suggested(tuple(kept), dict(left_out))


def _against(host: str, page: Page | None) -> str:
    """Why a page is not worth opening; "" where it may be."""
    if hosts.closed(host) is not None:
        return "closed"
    if page is None:
        return ""
    if page.state in (Page.State.REFUSED, Page.State.GONE):
        return "refused"
    is_fresh = page.fetched_at is not None and page.fetched_at > timezone.now() - FRESH
    return "known" if page.snapshot_id is not None and is_fresh else ""


def _pages(urls: Iterable[str]) -> Iterable[Page]:
    """What the index knows of these addresses, the latest last, and first what was never fetched."""
    known = Page.objects.filter(Q(url__in=list(urls)) | Q(final_url__in=list(urls)))
    return known.order_by(F("fetched_at").asc(nulls_first=True))


def _asked(query: str) -> dict[str, Any]:
    at = endpoints.searxng()
    what: dict[str, object] = {"url": at}
    try:
        response = _client().get(f"{at}/search", params={"q": query, "format": "json"}, timeout=SECONDS)
    except httpx2.TransportError as error:
        why = str(error) or type(error).__name__
        raise RetryLater(
            "web search", _("SearXNG at %(url)s cannot be reached: %(why)s.") % {**what, "why": why}
        ) from error
    if response.status_code == 403:
        raise IndexFailure(
            "web search", _("SearXNG at %(url)s gives no JSON: its settings need “json” in search.formats.") % what
        )
    if not response.is_success:
        raise RetryLater(
            "web search", _("SearXNG at %(url)s failed (HTTP %(status)s).") % {**what, "status": response.status_code}
        )
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RetryLater("web search", _("SearXNG at %(url)s sent something that is not its JSON.") % what)
    return found


@lru_cache(maxsize=1)
def _client() -> httpx2.Client:
    return httpx2.Client(trust_env=False)  # no environment proxies; a redirect is not followed
