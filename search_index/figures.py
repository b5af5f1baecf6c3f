"""The index in figures: how much of everything, what it takes of the disk, what waits, how it grew.

Quick with a million passages: what would have to be counted row by row is taken from PostgreSQL's own estimates once a
table is large, and is said to be one ("about"). Reads only. Called by search_index/admin; its sizes are also given out
by search_index/api.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Model, Q
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from search_index.models import Crawl, EmbeddingModel, Host, Page, Passage, Snapshot, Source, SourceClass, Vector
from search_index.sql import SQL

EXACT_ROWS = 50_000  # up to so many are counted: some 10 ms
SHOWN = 10  # hosts, languages, indexes
DAYS = 30  # of growth


@dataclass(frozen=True)
class Table:
    """A table on disk, in bytes."""

    name: str
    label: str
    rows: int
    about: bool  # whether the rows are an estimate
    data: int
    indexes: int
    total: int


@dataclass(frozen=True)
class Index:
    """A database index: its bytes, and how often it was used."""

    table: str
    name: str
    size: int
    used: int


@dataclass(frozen=True)
class Share:
    """One value of a breakdown."""

    label: str
    count: int
    share: float  # of all, 0..1


@dataclass(frozen=True)
class ModelState:
    """An embedding model, how many of its vectors are still to be made, and why that does not get on (`trouble`)."""

    name: str
    dimensions: int  # 0 until the model has been asked for them
    state: str
    label: str
    made: int
    waiting: int
    trouble: str

    @property
    def share(self) -> float:
        return self.made / (self.made + self.waiting) if self.made + self.waiting else 1.0

    @property
    def sentence(self) -> str:
        """What it does, and how far it is."""
        what = {"name": self.name, "made": f"{self.made:,}", "of": f"{self.made + self.waiting:,}"}
        if self.state == EmbeddingModel.State.RETIRED:
            return _("%(name)s is replaced; its vectors are being deleted.") % what
        if self.state == EmbeddingModel.State.FILLING:
            if not self.dimensions:
                return _("%(name)s takes over when it is filled; it has not answered yet.") % what
            return _("%(name)s takes over when it is filled: %(made)s of %(of)s passages so far.") % what
        said = _("Searches use %(name)s.") % what
        if self.waiting:
            waits = ngettext(
                "%(count)s passage waits for its vector.", "%(count)s passages wait for their vectors.", self.waiting
            )
            said = f"{said} {waits % {'count': f'{self.waiting:,}'}}"
        return said


@dataclass(frozen=True)
class Waiting:
    """One queue: what waits in it, and for what."""

    label: str
    count: int


@dataclass(frozen=True)
class Figures:
    """All of it, as of now."""

    tables: list[Table]
    indexes: list[Index]
    disk: int  # the whole database
    about: bool  # whether the breakdowns are estimates
    models: list[ModelState]
    hosts: list[Share]
    languages: list[Share]
    classes: list[Share]
    states: list[Share]  # of pages
    queues: list[Waiting]
    days: list[tuple[date, int]]  # snapshots stored, the oldest day first

    def rows(self, model: type[Model]) -> Table:
        return next(table for table in self.tables if table.name == model._meta.db_table)

    @property
    def counts(self) -> list[Table]:
        """What an operator counts an index by."""
        return [self.rows(model) for model in (Source, Page, Snapshot, Passage, Vector)]


LABELS: dict[str, Promise | str] = {
    model._meta.db_table: model._meta.verbose_name_plural or ""
    for model in (Source, Crawl, Host, Page, Snapshot, Passage, EmbeddingModel, Vector)
}


def sizes() -> list[Table]:
    """The index's tables with their rows and bytes, the largest first: quick however large they are."""
    return [_table(*row) for row in _run("relations")]


def figures() -> Figures:
    """The index as it stands, by a fixed number of queries."""
    tables = sizes()
    passages = next(table for table in tables if table.name == Passage._meta.db_table)
    states = Page.objects.order_by().values_list("state").annotate(Count("pk"))
    return Figures(
        tables=tables,
        indexes=[Index(*row) for row in _run("indexes", most=SHOWN)],
        disk=_run("database_size")[0][0],
        about=passages.about,
        models=_models(tables),
        **_breakdowns(passages),
        states=_shares([(str(Page.State(state).label), count) for state, count in states]),
        queues=_queues(),
        days=_days(),
    )


def _table(name: str, estimate: int, data: int, indexes: int, total: int) -> Table:
    """One table; a small one is counted, for its estimate may be old."""
    about = estimate > EXACT_ROWS
    rows = estimate
    if not about:
        with connection.cursor() as cursor:  # the names are this module's, from the database's own catalogue
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")  # noqa: S608
            rows = cursor.fetchone()[0]
    return Table(name, str(LABELS.get(name, name)), rows, about, data, indexes, total)


def _models(tables: Sequence[Table]) -> list[ModelState]:
    """With one model its vectors are all there are; with several they are counted by model."""
    waiting = dict(Vector.objects.filter(embedding=None).order_by().values_list("model").annotate(Count("pk")))
    models = list(EmbeddingModel.objects.order_by("-state", "pk"))
    if len(models) == 1:
        rows = next(table.rows for table in tables if table.name == Vector._meta.db_table)
        all_of = {models[0].pk: rows}
    else:
        all_of = dict(Vector.objects.order_by().values_list("model").annotate(Count("pk")))
    return [
        ModelState(
            model.name,
            model.dimensions,
            model.state,
            str(model.get_state_display()),
            max(0, all_of.get(model.pk, 0) - waiting.get(model.pk, 0)),
            waiting.get(model.pk, 0),
            model.trouble,
        )
        for model in models
    ]


def _breakdowns(passages: Table) -> dict[str, Any]:
    """Hosts, languages and classes of the passages: counted, or from what ANALYZE keeps of their frequencies."""
    columns = {"hosts": "host", "languages": "language", "classes": "source_class"}
    found: dict[str, list[tuple[str, int]]] = {column: [] for column in columns.values()}
    if passages.about:
        for column, value, share in _run("common_values", columns=list(found)):
            found[column].append((value, round(share * passages.rows)))
    else:
        for column in found:
            counted = Passage.objects.order_by().values_list(column).annotate(number=Count("pk"))
            found[column] = list(counted.order_by("-number", column)[:SHOWN])
    names = {
        "hosts": lambda value: value or str(gettext_lazy("(files)")),
        "languages": lambda value: value or str(gettext_lazy("not known")),
        "classes": lambda value: str(SourceClass(value).label) if value in SourceClass.values else value,
    }
    return {
        name: _shares([(names[name](value), count) for value, count in found[column][:SHOWN]], passages.rows)
        for name, column in columns.items()
    }


def _queues() -> list[Waiting]:
    pages = Page.objects.filter(state=Page.State.QUEUED).count()
    crawls = Crawl.objects.aggregate(
        queued=Count("pk", filter=Q(state=Crawl.State.QUEUED)), running=Count("pk", filter=Q(state=Crawl.State.RUNNING))
    )
    return [
        Waiting(str(gettext_lazy("crawls running")), crawls["running"]),
        Waiting(str(gettext_lazy("crawls waiting")), crawls["queued"]),
        Waiting(str(gettext_lazy("pages to be read")), pages),
    ]


def _days() -> list[tuple[date, int]]:
    """Texts stored a day, of the last DAYS days, the days without any among them."""
    today = timezone.localdate()
    first = today - timedelta(days=DAYS - 1)
    stored = Snapshot.objects.filter(fetched_at__date__gte=first).order_by()
    counts = dict(stored.annotate(day=TruncDate("fetched_at")).values_list("day").annotate(Count("pk")))
    return [(first + timedelta(days=number), counts.get(first + timedelta(days=number), 0)) for number in range(DAYS)]


def _shares(counts: Sequence[tuple[str, int]], total: int = 0) -> list[Share]:
    total = total or sum(count for _label, count in counts)
    ordered = sorted(counts, key=lambda pair: -pair[1])
    return [Share(label, count, count / total if total else 0.0) for label, count in ordered]


def _run(name: str, **parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(SQL[name], parameters)
        rows: list[Any] = cursor.fetchall()
    return rows
