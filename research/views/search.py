"""Searching the index by hand, and reading what is stored. Called by research/urls.py."""

import time
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from research.access import snapshot_read
from research.views.typeset import WHOLE, Piece, excerpt, paragraphs, window
from search_index import api

HITS = 20
LONGEST_QUERY = 500  # characters; the embedding model reads no further anyway


@dataclass(frozen=True)
class HitShown:
    """A hit and the part of its text that is shown, with the query's words marked."""

    hit: api.Hit
    pieces: list[Piece]


@login_required
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """The best passages for `?q=`, in all sources or in `?source=`; says how long it took, or why it failed."""
    query = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    chosen = request.GET.get("source", "")
    source = int(chosen) if chosen.isdecimal() and len(chosen) < 10 else None
    hits: list[api.Hit] = []
    failure = ""
    began = time.monotonic()
    if query:
        try:
            hits = api.search(query, limit=HITS, sources=[source] if source else [])
        except api.IndexFailure as error:
            failure = str(error)
    context = {
        "query": query,
        "source": source,
        "sources": api.sources(),
        "hits": [HitShown(hit, excerpt(hit.text, query)) for hit in hits],
        "failure": failure,
        "milliseconds": round((time.monotonic() - began) * 1000),
    }
    return render(request, "search.html", context)


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
        "is_long": len(opened.text) > WHOLE,
    }
    return render(request, "snapshot.html", context)


def _place(request: HttpRequest, name: str) -> int:
    value = request.GET.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 10 else 0
