"""What the pages in the browser may not send: whatever could write somewhere, instead of asking for something to show.

A document is asked for by GET or HEAD alone. Scripts may POST besides, since searches, filters and lists are often had
so (GraphQL, Algolia, WordPress), from other sites' servers, too; but not with what says by itself that it writes: every
other method, also where a header or a field `_method` names it, mutations of GraphQL, addresses that say so, and more
than any search needs. What remains is counted (browser.Told). It cannot do much: a context has no log-in, the door
keeps it off private addresses, and what was typed are the person's words. Pure. Called by browser.py; egress.py knows
the methods from here, for what comes by no route.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.utils.translation import gettext as _

from search_index.deeds import says_that_it_changes

MOST = 100_000  # bytes that a script may POST: a search with all its filters takes some thousands
_SHOWING = frozenset({"GET", "HEAD"})
ASKING = _SHOWING | {"OPTIONS", "POST"}
_INSTEAD = ("x-http-method-override", "x-http-method", "x-method-override")  # frameworks let these say the method
_FIELD = "_method"  # and this one, of a form
_PART = re.compile(rb'name="_method"\r\n(?:[^\r\n]+\r\n)*\r\n(\w+)')
_UNREAD = re.compile(r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*')  # strings and comments of GraphQL


def refusal(method: str, url: str, headers: Mapping[str, str], body: bytes, *, document: bool) -> str:
    """Why a request is not sent, in a sentence; "" where it may be. Header names are in lower case; `document`: it is a
    page or a frame that is asked for."""
    if document:
        said = {"method": method[:20]}
        return "" if method in _SHOWING else _("It would send something (%(method)s).") % said
    if writing := next((one for one in _methods(method, url, headers, body) if one not in ASKING), ""):
        return _("A script would have changed something there (%(method)s).") % {"method": writing[:20]}
    return _of_what_is_sent(url, body) if method == "POST" else ""


def _of_what_is_sent(url: str, body: bytes) -> str:
    if len(body) > MOST:
        return _("A script would have sent %(size)d kB, more than any search needs.") % {"size": len(body) // 1000}
    if says_that_it_changes(url):
        return _("A script would have sent something to an address that says that it changes something.")
    if any(_mutates(query) for query in _queries(body)):
        return _("A script would have changed something there (a mutation of GraphQL).")
    return ""


def _methods(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """The request's method, and whatever it says that it is to be taken for, in capitals."""
    yield method.upper()
    yield from (headers[name].strip().upper() for name in _INSTEAD if name in headers)
    if method != "POST":
        return
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    fields = parse_qsl(urlsplit(url).query)
    if kind == "application/x-www-form-urlencoded":
        fields += parse_qsl(body[:MOST].decode(errors="replace"))
    yield from (value.strip().upper() for name, value in fields if name == _FIELD)
    yield from (found.decode().upper() for found in _PART.findall(body[:MOST]))
    yield from (str(one[_FIELD]).upper() for one in _objects(body) if _FIELD in one)


def _objects(body: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON body, or of a batch of them, whatever type it is said to be of."""
    if not body[:20].lstrip().startswith((b"{", b"[")):
        return []
    try:
        found = json.loads(body[:MOST])
    except (ValueError, RecursionError):
        return []
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _queries(body: bytes) -> Iterator[str]:
    """What may be GraphQL: as JSON, or as itself (application/graphql)."""
    yield from (one["query"] for one in _objects(body) if isinstance(one.get("query"), str))
    if body.lstrip()[:8] == b"mutation":
        yield body[:MOST].decode(errors="replace")


def _mutates(query: str) -> bool:
    """Whether one of its definitions is a mutation: the word stands where a definition begins."""
    depth, begins = 0, True
    for word in re.findall(r"[{}]|\w+", _UNREAD.sub(" ", query)):
        if word in "{}":
            depth += 1 if word == "{" else -1
            begins = depth <= 0
        elif depth <= 0:
            if begins and word == "mutation":
                return True
            begins = False
    return False
