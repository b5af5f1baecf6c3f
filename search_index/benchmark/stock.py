"""Fills the index with passages that are made up: texts by prose.py, vectors by space.py, no model and no crawl.

The rows are those that store.py writes; they come by COPY, and the indexes are made afterwards by their own
definitions, all in one transaction: an attempt that is killed leaves the index as it was. Page n is the same on every
machine and in an index of any size, so a larger index is a smaller one with more pages. Blocking.
Called by search.py and growth.py; `clear` by all benchmarks that write to the index.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

import numpy as np
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from django.utils.translation import gettext as _

from search_index import embedding
from search_index.benchmark.prose import Prose
from search_index.benchmark.space import Space
from search_index.embed import Vectors, vector_text
from search_index.errors import BadSource
from search_index.models import Page, Passage, Snapshot, Source
from search_index.names import name
from search_index.sql import SQL

MINE = "Benchmark "  # how the names of a benchmark's sources begin
A_PAGE = 4  # passages
WORDS = (110, 190)  # of a passage, from .. to
AT_ONCE = 1_000  # pages in a batch
BUILD_BYTES = 3_000  # of memory for each vector, so that HNSW is built in memory: else it takes hours
# What a search is narrowed to: the first of 1,000 pages, the next 10, the next 100, and the rest.
FILTERS = {"thousandth": 1, "hundredth": 11, "tenth": 111, "rest": 1_000}

Progress = Callable[[str], None]


class MadeUp(NamedTuple):
    """A page that is still to be put into the index."""

    number: int
    source: Source
    title: str
    bodies: list[str]
    vectors: Vectors

    @property
    def url(self) -> str:
        return f"file:{self.source}/{self.number}"

    @property
    def text(self) -> str:
        return "\n\n".join(self.bodies)


def clear() -> None:
    """Empty the index. Raises BadSource where it holds anything that no benchmark has put there."""
    foreign = Source.objects.exclude(name__startswith=MINE).first()
    if foreign is not None:
        message = _("This index holds “%s”, and a benchmark empties it: script/benchmark takes one of its own.")
        raise BadSource("index", message % foreign)
    with connection.cursor() as cursor:
        cursor.execute(SQL["empty_index"])


def fill(passages: int, say: Progress) -> None:
    """Let the index hold this many passages that are made up, and nothing else. What it holds of them already stays.

    Raises BadSource as `clear` does.
    """
    held = Passage.objects.count()
    ours = Source.objects.filter(name__in=map(_name, FILTERS)).count() == len(FILTERS) == Source.objects.count()
    if ours and held == passages:
        return
    if not ours or held > passages or held % A_PAGE:
        clear()
        held = 0
    with transaction.atomic(), connection.cursor() as cursor:
        # Deferred ones would be in the way of making indexes.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        memory = f"{max(512_000, passages * BUILD_BYTES // 1000)}kB"
        cursor.execute("SELECT set_config('maintenance_work_mem', %s, true)", [memory])
        cursor.execute(SQL["indexes_aside"])
        indexes: list[tuple[str, str]] = cursor.fetchall()
        for drop, _make in indexes:
            cursor.execute(drop)
        cursor.execute(SQL["made_up"])
        pages = _pages(held, passages)
        while batch := list(islice(pages, AT_ONCE)):
            held += _put(cursor, batch)
            say(_("%(held)d of %(passages)d passages") % {"held": held, "passages": passages})
        cursor.execute(SQL["current_snapshots"])
        for _drop, make in indexes:
            say(make.partition(" ON ")[0].lower())
            cursor.execute(make)
    with connection.cursor() as cursor:
        cursor.execute(SQL["settle_index"])


def source(part: str) -> int:
    """The id of the source that holds the part of the pages: a key of FILTERS."""
    return Source.objects.get(name=_name(part)).pk


def _name(part: str) -> str:
    return f"{MINE}{part}"


def _pages(held: int, passages: int) -> Iterator[MadeUp]:
    """The pages from the first that the index does not hold yet."""
    known = {"kind": Source.Kind.FOLDER, "location": "/", "keep_fresh": False}
    sources = [(below, Source.objects.get_or_create(known, name=_name(part))[0]) for part, below in FILTERS.items()]
    prose, space = Prose(), Space(embedding.serving().dimensions)
    for number in range(held // A_PAGE, -(-passages // A_PAGE)):
        by = np.random.default_rng([1, number])
        text = prose.text(by)
        count = min(A_PAGE, passages - number * A_PAGE)
        bodies = [prose.paragraph(text, int(words)) for words in by.integers(*WORDS, count)]
        of = next(source for below, source in sources if number % 1_000 < below)
        yield MadeUp(number, of, prose.title(text), bodies, space.page(by, count))


def _put(cursor: CursorWrapper, made: list[MadeUp]) -> int:
    """Write the pages; how many passages they are."""
    pages = Page.objects.bulk_create(
        Page(source=one.source, url=one.url, state=Page.State.INDEXED, name=name(one.title)) for one in made
    )
    now = timezone.now()
    snapshots = Snapshot.objects.bulk_create(
        Snapshot(
            page=page,
            text=one.text,
            sha256=sha256(one.text.encode()).hexdigest(),
            title=one.title,
            language="en",
            fetched_at=now,
        )
        for page, one in zip(pages, made, strict=True)
    )
    with cursor.copy(SQL["copy_made_up"]) as copy:
        for snapshot, one in zip(snapshots, made, strict=True):
            start = 0
            for ordinal, (body, vector) in enumerate(zip(one.bodies, one.vectors, strict=True)):
                span = (start, start + len(body))
                copy.write_row((snapshot.pk, one.source.pk, ordinal, *span, one.title, body, vector_text(vector)))
                start = span[1] + len("\n\n")
    cursor.execute(SQL["put_made_up"], {"model": embedding.serving().pk})
    cursor.execute("TRUNCATE made_up")
    return sum(len(one.bodies) for one in made)
