"""Searching the index by hand, and reading what is stored. Called by research/urls.py."""

import time
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from research.access import snapshot_read
from research.views.exhibit import notes, source_class
from research.views.fragment import at_passage
from research.views.typeset import WHOLE, Piece, excerpt, paragraphs, window
from search_index import api

HITS = 20
LONGEST_QUERY = 500  # characters; the embedding model reads no further anyway


FILTERS = ("source", "collection", "host", "language", "class", "since", "until")


@dataclass(frozen=True)
class HitShown:
    """A hit and the part of its text that is shown, with the query's words marked."""

    hit: api.Hit
    pieces: list[Piece]
    source_class: str  # in words


@login_required
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """The best passages for `?q=`, in everything or as narrowed; says how long it took, or why it failed."""
    query = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    narrowed = _narrowed(request)
    hits: list[api.Hit] = []
    failure = ""
    began = time.monotonic()
    if query:
        try:
            hits = api.search(query, limit=HITS, **narrowed)
        except api.IndexFailure as error:
            failure = str(error)
    milliseconds = round((time.monotonic() - began) * 1000)
    sources = api.sources()
    context = {
        "query": query,
        "sources": sources,
        "collections": sorted({source.collection for source in sources if source.collection}),
        "languages": api.languages(),
        "classes": api.CLASSES,
        "chosen": request.GET,
        "is_narrowed": any(narrowed.values()),
        "is_narrowed_further": any(value for name, value in narrowed.items() if name != "sources"),
        "hits": [HitShown(hit, excerpt(hit.text, query), str(source_class(hit.source_class))) for hit in hits],
        "failure": failure,
        "milliseconds": milliseconds,
    }
    return render(request, "search.html", context)


def _narrowed(request: HttpRequest) -> dict[str, Any]:
    """What the search is narrowed to; what cannot be read asks for nothing."""
    given = {name: request.GET.get(name, "").strip() for name in FILTERS}
    source = given["source"]
    return {
        "sources": [int(source)] if source.isdecimal() and len(source) < 10 else [],
        "collections": [given["collection"]] if given["collection"] else [],
        "hosts": [given["host"]] if given["host"] else [],
        "languages": [given["language"]] if given["language"] else [],
        "classes": [given["class"]] if given["class"] in api.CLASSES else [],
        "since": _day(given["since"]),
        "until": _day(given["until"]),
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@login_required
@require_GET
def snapshot(request: HttpRequest, number: int) -> HttpResponse:
    """A stored page; `?start=&end=` marks a passage, `?at=` chooses the part of a long text."""
    opened = snapshot_read(number)
    start, end, at = (_place(request, name) for name in ("start", "end", "at"))
    part = window(opened.text, at or start)
    context = {
        "opened": opened,
        "part": part,
        "paragraphs": paragraphs(opened.text, opened.headings, part, (start, end)),
        "source_class": source_class(opened.source_class),
        "live": at_passage(opened.url, opened.text, start, end) if opened.is_web else "",
        "notes": notes(opened.flags, opened.text[part.start : part.end]),
        "is_long": len(opened.text) > WHOLE,
    }
    return render(request, "snapshot.html", context)


def _place(request: HttpRequest, name: str) -> int:
    value = request.GET.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 10 else 0
