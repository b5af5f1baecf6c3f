"""Reads feeds: RSS and Atom by feedparser, JSON Feed (jsonfeed.org) by a few lines of our own.

A feed is looked at conditionally, and what it lists is queued, to be visited like any page; entries that it no longer
lists stay. The feed itself is a page of its source, refused with the reason "feed": there its validators are kept, and
how often it is seen to change. Called by crawl.py and visit.py.
"""

import json
import re
from calendar import timegm
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import feedparser  # type: ignore[import-untyped]
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from lxml import etree

from config.loop import in_thread
from search_index import frontier, lease, policy, robots, sources
from search_index.errors import BadSource, Refused
from search_index.fetch import Fetched, fetch
from search_index.hosts import manners
from search_index.lease import Held
from search_index.models import Page, Source

FEED = "feed"  # the reason for which the feed itself is not in the index
MAX_BYTES = 10_000_000
MAX_ENTRIES = 2_000  # the first ones: the newest, in nearly every feed
# What is left of a feed for feedparser, which takes minutes for 5 MB of entries with their texts, and for broken ones.
_KEPT = frozenset(
    """rss rdf feed channel item items entry link guid id origlink
    pubdate published updated modified issued created date""".split()  # noqa: SIM905
)
_LONGEST = 5_000  # characters of a link or date
# An entry's page is looked at again when the feed says that it was changed since, though not more often than this, and
# else once a month; after a day where it could not be had.
UPDATES_EVERY, PAGES_EVERY, FAILED_EVERY = timedelta(hours=6), timedelta(days=30), timedelta(days=1)
_TYPES = ("application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json")
_ROOT = re.compile(rb"(?:<\?[^>]*>|<!--(?:[^-]|-(?!->))*-->|<!doctype[^>\[]*>|\s)*<(?:rss|feed|rdf:rdf)[\s>]")
_JSON_FEED = re.compile(rb'"version"\s*:\s*"https?:\\?/\\?/jsonfeed\.org\\?/version')


class IsFeed(Exception):
    """What was to be crawled as a site is a feed."""


@dataclass(frozen=True)
class Entry:
    """One entry of a feed: its page's canonical address, and when it was published and last changed, if it says so."""

    url: str
    published_on: date | None = None
    updated: datetime | None = None


def is_feed(fetched: Fetched) -> bool:
    """Whether a feed was served: by its type, else by how it begins."""
    if fetched.content_type.startswith(_TYPES):
        return True
    head = fetched.body[:2048].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"{"):
        return _JSON_FEED.search(head) is not None
    return _ROOT.match(head.lower()) is not None


def entries(fetched: Fetched) -> list[Entry]:
    """What a feed lists, each address once, in its order. Takes time. Raises BadSource, and Refused("size")."""
    if len(fetched.body) > MAX_BYTES:
        raise Refused("size", _("The feed is larger than %d MB.") % (MAX_BYTES // 1_000_000))
    found: dict[str, Entry] = {}
    for link, published, updated in _listed(fetched):
        try:
            url = policy.join(fetched.final_url, link).url
        except Refused:
            continue
        found.setdefault(url, Entry(url, published.date() if published else None, updated or published))
        if len(found) >= MAX_ENTRIES:
            break
    return list(found.values())


def adopt(source: Source) -> None:
    """What was taken for a site is a feed from now on."""
    source.kind = Source.Kind.FEED
    Source.objects.filter(pk=source.pk).update(kind=source.kind)


async def begin(held: Held) -> None:
    """Look at the feed and queue the pages that are to be visited. Raises BadSource, and fetch()'s errors."""
    source = held.source
    decision = await robots.allowed(source.location)
    if not decision.allowed:
        raise Refused("robots", decision.reason)
    known = await in_thread(Page.objects.filter(source=source, url=source.location, reason=FEED).first)
    async with manners(policy.parse(source.location).host, max(source.delay, decision.delay or 0.0)):
        with held.stages.timed("fetch"):
            fetched = await fetch(
                source.location, etag=known.etag if known else "", last_modified=known.last_modified if known else ""
            )
    listed: list[Entry] = []
    if not fetched.not_modified:
        with held.stages.timed("extract"):
            listed = await in_thread(entries, fetched)
    await in_thread(_queue, held, fetched, listed)


def _queue(held: Held, fetched: Fetched, listed: Sequence[Entry]) -> None:
    """Queue new entries, changed ones, and pages that are due again; note the look at the feed. In one transaction: the
    validators are kept only with what they stand for."""
    source = held.source
    scope = sources.scope(source)
    inside = [entry for entry in listed if entry.url != source.location and scope.holds(entry.url)]
    inside = inside[: source.max_pages]
    with transaction.atomic():
        first = lease.begin(held)
        pages = Page.objects.filter(source=source)
        known = {page.url: page for page in pages.filter(url__in=[entry.url for entry in inside])}
        new = {entry.url: entry.published_on for entry in inside if entry.url not in known}
        frontier.add(held, new, depth=1, found_on=source.location, days=new)
        changed = [known[entry.url].pk for entry in inside if entry.url in known and _changed(known[entry.url], entry)]
        again = Q(pk__in=changed)
        if first:
            again |= Q(crawl=None) | Q(crawl__created_at__lt=Now() - PAGES_EVERY)
            again |= Q(state=Page.State.FAILED, crawl__created_at__lt=Now() - FAILED_EVERY)
        due = pages.filter(again).exclude(url=source.location).exclude(state=Page.State.QUEUED)
        due.update(state=Page.State.QUEUED, crawl=held.crawl, attempts=0, due_at=None)
        _note(held, fetched, first, bool(new or changed))
        lease.check(held)


def _changed(page: Page, entry: Entry) -> bool:
    now = timezone.now()
    if page.fetched_at is None or entry.updated is None:
        return False
    return page.fetched_at < min(entry.updated, now - UPDATES_EVERY)


def _note(held: Held, fetched: Fetched, first: bool, news: bool) -> None:
    """The feed's own page: a look, whether it brought anything new, and its validators for the next one."""
    feed, _made = Page.objects.get_or_create(source=held.source, url=held.source.location)
    seen_before = feed.reason == FEED
    if first or not seen_before:
        feed.looks += 1
        feed.changes += seen_before and news
    feed.state, feed.reason = Page.State.REFUSED, FEED
    feed.detail = _("It is the feed: what it lists is read, it is not in the index itself.")
    feed.fetched_at, feed.due_at = timezone.now(), None
    if not fetched.not_modified:
        feed.final_url, feed.http_status = fetched.final_url, fetched.status
        feed.content_type = fetched.content_type[:100]
        feed.etag, feed.last_modified = fetched.etag, fetched.last_modified[:100]
    feed.save()


# --- The formats -----------------------------------------------------------------------------------------------------
_Listed = tuple[str, datetime | None, datetime | None]  # link, published, updated


def _listed(fetched: Fetched) -> Iterator[_Listed]:
    if fetched.body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return _json(fetched.body)
    return _xml(fetched)


def _json(body: bytes) -> Iterator[_Listed]:
    try:
        feed = json.loads(body.decode("utf-8-sig"))
        items = feed["items"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _no_feed() from error
    for item in items if isinstance(items, list) else []:
        link = (item.get("url") or item.get("external_url")) if isinstance(item, dict) else None
        if isinstance(link, str):
            yield link, _moment(item.get("date_published")), _moment(item.get("date_modified"))


def _xml(fetched: Fetched) -> Iterator[_Listed]:
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": fetched.final_url}
    slim = BytesIO(_slim(fetched.body))  # as a stream: bytes themselves would be tried as the name of a file first
    parsed = feedparser.parse(slim, response_headers=headers, sanitize_html=False)
    if not parsed.version:
        raise _no_feed()
    for entry in parsed.entries:
        if link := entry.get("link"):
            # Not entry.get: it gives the day of publication for that of a change, and warns of it.
            published, updated = (dict.get(entry, name) for name in ("published_parsed", "updated_parsed"))
            yield str(link), _seconds(published), _seconds(updated)


def _slim(body: bytes) -> bytes:
    """The feed without its texts, well-formed: no more than its links and dates."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True, remove_comments=True
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise _no_feed() from error
    if root is None:
        raise _no_feed()
    entries = 0
    for element in list(root.iter()):
        name = etree.QName(element).localname.lower() if isinstance(element.tag, str) else ""
        entries += name in {"item", "entry"}
        parent = element.getparent()
        if name not in _KEPT or entries > MAX_ENTRIES or len(element.text or "") > _LONGEST:
            if parent is None:
                raise _no_feed()
            parent.remove(element)
    slim: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    return slim


def _no_feed() -> BadSource:
    return BadSource("format", _("The address leads to no feed; as a site it would be crawled by its links."))


def _seconds(when: Any) -> datetime | None:
    """A time as feedparser gives it, in UTC; None where it cannot be one."""
    try:
        return datetime.fromtimestamp(timegm(when), UTC) if when else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _moment(text: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)) if when else None
