"""What an HTML page says it is: its schema.org types, its og:type, the software that made it.

As short words: "schema:NewsArticle", "og:article", "generator:Discourse 3.2". A claim of the page, believed no further
than judgement/source_class.py does. Pure: no Django, no I/O. Called by html.py.
"""

import json
from collections.abc import Iterator
from typing import Any

MOST = 20  # kinds of a page
LENGTH = 80  # of one
_LINKED_DATA = 200_000  # characters of JSON-LD that are read
_BODIES = {"phpbb": "phpBB", "xf": "XenForo", "vbulletin": "vBulletin"}  # forums that name themselves by an id only


def kinds(tree: Any) -> list[str]:
    """What the page says it is, each once, in the page's order."""
    found = dict.fromkeys(" ".join(kind.split())[:LENGTH] for kind in _found(tree))
    return list(found)[:MOST]


def _found(tree: Any) -> Iterator[str]:
    for content in tree.xpath("//meta[@property='og:type']/@content"):
        yield f"og:{content.lower()}"
    for content in tree.xpath("//meta[translate(@name, 'GENRATO', 'genrato')='generator']/@content"):
        yield f"generator:{content}"
    for name in tree.xpath("/html/@id | //body/@id"):
        if name.lower() in _BODIES:
            yield f"generator:{_BODIES[name.lower()]}"
    for script in tree.xpath("//script[@type='application/ld+json']"):
        for kind in _types(script.text or ""):
            yield f"schema:{kind}"
    for kind in tree.xpath("//*[@itemtype and not(@itemprop)]/@itemtype"):  # not those of the parts of something
        yield f"schema:{kind.rstrip('/').rpartition('/')[2]}"


def _types(text: str) -> Iterator[str]:
    """The types of a JSON-LD script's own things: not of what they mention."""
    try:
        data = json.loads(text) if len(text) <= _LINKED_DATA else None
    except (ValueError, RecursionError):
        return
    for thing in data if isinstance(data, list) else [data]:
        if isinstance(thing, dict):
            parts = thing.get("@graph")
            for part in [thing, *(parts if isinstance(parts, list) else [])]:
                said = part.get("@type") if isinstance(part, dict) else None
                yield from [kind for kind in (said if isinstance(said, list) else [said]) if isinstance(kind, str)]
