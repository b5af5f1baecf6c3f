"""Reads sitemaps: XML, gzipped, plain lists, and indexes of such; through fetch.py, within limits.

Stores nothing. The XML parser resolves no entities, opens no files and takes no huge trees.
Called by crawl.py.
"""

import zlib
from collections.abc import Iterator

from django.utils.translation import gettext as _
from lxml import etree

from search_index.errors import BadSource, IndexFailure, Refused
from search_index.fetch import fetch
from search_index.hosts import manners
from search_index.policy import parse

MAX_URLS = 50_000
MAX_SITEMAPS = 100
MAX_BYTES = 50_000_000  # unpacked; the protocol's own limit


async def urls(location: str, delay: float) -> list[str]:
    """The addresses that a sitemap or an index of sitemaps lists, each once. Raises BadSource, and fetch()'s errors."""
    found: dict[str, None] = {}
    waiting, seen = [location], {location}
    while waiting and len(seen) <= MAX_SITEMAPS and len(found) < MAX_URLS:
        address = waiting.pop(0)
        try:
            async with manners(parse(address).host, delay):
                fetched = await fetch(address)
            sitemaps, pages = _listed(_unpacked(fetched.body))
        except IndexFailure:
            if address == location:
                raise
            continue  # one broken part of an index does not keep the others out
        found |= dict.fromkeys(pages)
        waiting += [sitemap for sitemap in sitemaps if sitemap not in seen]
        seen.update(sitemaps)
    return list(found)[:MAX_URLS]


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise BadSource("format", _("The sitemap's compression is broken.")) from error
    if unpacker.unconsumed_tail:
        raise Refused("size", _("The sitemap is larger than %d MB.") % (MAX_BYTES // 1_000_000))
    return unpacked


def _listed(body: bytes) -> tuple[list[str], list[str]]:
    """(sitemaps, pages) that a sitemap lists."""
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        lines = body.decode("utf-8", "replace").split()
        return [], [line for line in lines if line.startswith(("http://", "https://"))]
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, recover=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise BadSource("format", _("The sitemap is no XML.")) from error
    if root is None or etree.QName(root).localname not in {"urlset", "sitemapindex"}:
        raise BadSource("format", _("The address leads to no sitemap; as a site it would be crawled by its links."))
    places = list(_places(root))
    return (places, []) if etree.QName(root).localname == "sitemapindex" else ([], places)


def _places(root: "etree._Element") -> Iterator[str]:
    for place in root.iter("{*}loc"):
        if place.text and place.text.strip().startswith(("http://", "https://")):
            yield place.text.strip()
