"""The search as the runs see it, with each hit's score taken apart: which terms matched and what they weigh, what the
operator's own weights say, and which copies stand behind it. Called by Django's admin.
"""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from search_index import embedding, rerank
from search_index.admin.tools import page, tool
from search_index.errors import IndexFailure
from search_index.lexical import FIELDS, Words
from search_index.models import Boost, Host, Page, Source, SourceClass
from search_index.query import Asked, Mode, languages, search
from search_index.sql import SQL
from search_index.values import Filters, Hit

HITS = 20
MODES: dict[Mode, Promise] = {
    "hybrid": gettext_lazy("words and meaning"),
    "dense": gettext_lazy("meaning only"),
    "lexical": gettext_lazy("words only"),
}
# The parts of a score, by the field of Hit that carries each; a field that is not here is shown by its own name.
PARTS: dict[str, tuple[Promise, Promise]] = {
    "score": (gettext_lazy("score"), gettext_lazy("what it is ranked by: relevance, 0 to 1, times weight")),
    "dense": (gettext_lazy("meaning"), gettext_lazy("similarity of its vector and the query's, -1 to 1")),
    "lexical": (gettext_lazy("words"), gettext_lazy("the query's terms in it, each by its rarity")),
    "weight": (gettext_lazy("weight"), gettext_lazy("of its class, its date and your own boost or bury")),
    "reranked": (
        gettext_lazy("reranker"),
        gettext_lazy("what the reranker says, on a scale of its own: half the relevance"),
    ),
}


class Question(forms.Form):
    """What is searched for, and where."""

    q = forms.CharField(
        label=gettext_lazy("What to look for"),
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "class": "vLargeTextField", "autofocus": True}),
    )
    reasoning = forms.CharField(
        label=gettext_lazy("What led to it"),
        max_length=2000,
        required=False,
        help_text=gettext_lazy("Helps the search by meaning only, as a run's reasoning does."),
        widget=forms.TextInput(attrs={"class": "vLargeTextField"}),
    )
    mode = forms.ChoiceField(label=gettext_lazy("By"), choices=list(MODES.items()), required=False)
    source = forms.ModelChoiceField(
        Source.objects.all(), label=gettext_lazy("Source"), required=False, empty_label=gettext_lazy("all")
    )
    collection = forms.ChoiceField(label=gettext_lazy("Collection"), required=False)
    host = forms.CharField(label=gettext_lazy("Web host"), max_length=255, required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    source_class = forms.ChoiceField(
        label=gettext_lazy("Class"),
        choices=[("", gettext_lazy("all")), *(pair for pair in SourceClass.choices if pair[0])],
        required=False,
    )
    since = forms.DateField(
        label=gettext_lazy("Published since"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(label=gettext_lazy("until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        there = Source.objects.exclude(collection="").order_by("collection").values_list("collection", flat=True)
        for name, values in (("collection", list(there.distinct())), ("language", languages())):
            self.fields[name].choices = [("", _("all")), *((value, value) for value in values)]  # type: ignore[attr-defined]

    def filters(self) -> dict[str, Any]:
        """What the search is narrowed to, as search() takes it."""
        given = self.cleaned_data
        several = {"collections": "collection", "hosts": "host", "languages": "language", "classes": "source_class"}
        narrowed = {name: [given[field]] if given[field] else [] for name, field in several.items()}
        sources = [given["source"].pk] if given["source"] else []
        return {**narrowed, "sources": sources, "since": given["since"], "until": given["until"]}


@dataclass(frozen=True)
class Part:
    """One number of a hit."""

    label: str
    meaning: str
    value: float


@dataclass(frozen=True)
class Term:
    """A term of the query that the hit holds: how much it weighs for its rarity, what it adds, and its share of the
    hit's lexical score."""

    term: str
    weight: float
    adds: float
    share: float


@dataclass(frozen=True)
class Explained:
    """A hit with its score taken apart."""

    hit: Hit
    parts: list[Part]
    terms: list[Term]
    missing: list[str]  # terms of the query that it does not hold
    page: Page | None
    source_class: str
    boosts: list[str]  # the operator's own weights on it


@require_GET
@tool("view_passage")
def preview(request: HttpRequest) -> HttpResponse:
    """The hits for `?q=`, explained; or why the search failed."""
    form = Question(request.GET or None)
    shown: list[Explained] = []
    failure, seconds, query = "", 0.0, ""
    if form.is_valid() and (query := form.cleaned_data["q"].strip()):
        began = time.monotonic()
        try:
            hits = _found(form, query)
        except IndexFailure as error:
            failure, hits = str(error), []
        seconds = time.monotonic() - began
        shown = explained(hits, query)
    return page(
        request,
        "preview",
        _("Search preview"),
        form=form,
        query=query,
        hits=shown,
        failure=failure,
        milliseconds=round(seconds * 1000),
        trouble=rerank.trouble(),
        parts=legend(shown),
    )


def _found(form: Question, query: str) -> list[Hit]:
    """Raises IndexFailure."""
    mode: Mode = form.cleaned_data["mode"] or "hybrid"
    return search(query, limit=HITS, reasoning=form.cleaned_data["reasoning"], mode=mode, **form.filters())


def explained(hits: Sequence[Hit], query: str) -> list[Explained]:
    """The hits with what they are ranked by; a fixed number of queries, however many there are."""
    if not hits:
        return []
    ids = [hit.passage for hit in hits]
    with connection.cursor() as cursor:
        terms = Asked.of(cursor, query, Filters(), HITS, embedding.query(query)).terms
        matching: dict[str, Any] = {"queries": terms.queries, "weights": terms.weights, "fields": FIELDS, "ids": ids}
        cursor.execute(SQL["matching_terms"], matching)
        rows = cursor.fetchall()
    pages = {page.snapshot_id: page for page in _pages(hits)}
    hosts = {host.name: host for host in Host.objects.filter(name__in={hit.host for hit in hits})}
    return [_explained(hit, terms, [row[1:] for row in rows if row[0] == hit.passage], pages, hosts) for hit in hits]


def _pages(hits: Sequence[Hit]) -> list[Page]:
    pages = Page.objects.filter(snapshot__in={hit.snapshot for hit in hits})
    return list(pages.select_related("source").defer("bands"))


def _explained(
    hit: Hit,
    terms: Words,
    matched: Sequence[tuple[int, float, float]],
    pages: dict[int | None, Page],
    hosts: dict[str, Host],
) -> Explained:
    page = pages.get(hit.snapshot)
    total = sum(adds for _place, _weight, adds in matched) or 1.0
    places = {place for place, _weight, _adds in matched}
    weighed = [(page.source.name, page.source.boost)] if page else []
    weighed += [(hit.host, hosts[hit.host].boost)] if hit.host in hosts else []
    return Explained(
        hit=hit,
        parts=parts(hit),
        terms=[Term(_bare(terms.queries[place - 1]), weight, adds, adds / total) for place, weight, adds in matched],
        missing=[_bare(term) for place, term in enumerate(terms.queries, 1) if place not in places],
        page=page,
        source_class=str(SourceClass(hit.source_class).label) if hit.source_class else "",
        boosts=[f"{name}: {Boost(boost).label}" for name, boost in weighed if boost],
    )


def parts(hit: Hit) -> list[Part]:
    """Every number with a fraction that a hit carries, its score first."""
    found = []
    for field in dataclasses.fields(hit):
        value = getattr(hit, field.name)
        if isinstance(value, float):
            label, meaning = PARTS.get(field.name, (field.name.replace("_", " "), ""))
            found.append(Part(str(label), str(meaning), value))
    return found


def legend(shown: Sequence[Explained]) -> list[tuple[str, str]]:
    """The parts that these hits have, and what each means; any hit may have been reranked, or none."""
    meanings = {part.label: part.meaning for explained in shown for part in explained.parts if part.meaning}
    return list(meanings.items())


def _bare(term: str) -> str:
    """A term as a tsquery writes it, without its quotes."""
    return term.strip("'").replace("''", "'")
