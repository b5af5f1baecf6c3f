"""Embedding as a stage of its own: passages are stored with their vectors still to be made, and this makes them.

A batch of waiting rows is taken, embedded and written in ONE transaction: a killed worker loses nothing, and two
workers never make the same vector. A crawl makes its own beside its fetching (keep_up); whatever else waits is worked
off by any worker at the clock's ring (work); a live page gets its own at once (fill_snapshot). All long filling of a
process goes through one thread, first come first served: crawls take turns batch by batch, and runs stay responsive.
Which model is to serve is settled by succession.py. Called by crawl.py, reading.py, tasks.py, query.py and the admin.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import ParamSpec, TypeVar

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _
from redis import Redis

from config.loop import in_pool, in_thread
from search_index import succession
from search_index.embed import Vectors, passage_text, vector_text
from search_index.embedders import Embedder, embedder, wanted
from search_index.errors import IndexFailure, RetryLater
from search_index.models import EmbeddingModel, Vector
from search_index.sql import SQL

P = ParamSpec("P")
T = TypeVar("T")

LOOK_SECONDS = 1.0  # between two looks for rows, where none wait yet or others work on them
BACK_OFF_SECONDS = 2.0  # after a failure that may pass, twice as many after the next one, up to a minute
PATIENCE_SECONDS = 600.0  # of a crawl with a server that does not answer; the rows go on waiting after it
ANSWER_SECONDS = 60  # after which an answer that nobody came for goes
SILENCE_SECONDS = 10.0  # a server that failed a query is not asked by the next ones: they would wait for it in vain

log = logging.getLogger(__name__)
_filler = ThreadPoolExecutor(1, thread_name_prefix="filler")
_at_work = Lock()  # held by the one `work` of this process
_silent_until: dict[int, float] = {}  # model -> when its embedder may be asked for a query again


@dataclass(frozen=True)
class QueryVector:
    """A query as the serving model sees it, and how that model's index is searched. Where it could not be embedded it
    is not `known`, and `vector` all 0: every passage is as near as any other."""

    vector: Vectors
    known: bool
    model: int
    dimensions: int
    by_bits: bool


@dataclass(frozen=True)
class Filled:
    """What one batch came to."""

    passages: int
    seconds: float


# --- What a search asks ----------------------------------------------------------------------------------------------
def query(text: str) -> QueryVector:
    """The vector of a query by the model that serves. Where it cannot be made (its server is gone, say) searches go by
    words alone for a while. Raises IndexFailure where no model serves at all."""
    model = serving()
    vector = None
    if time.monotonic() >= _silent_until.get(model.pk, 0.0):
        try:
            vector = _checked(model, embedder(model).query(text)[None, :])[0]
        except IndexFailure as failure:
            _silent_until[model.pk] = time.monotonic() + SILENCE_SECONDS
            log.warning("Searches go by words alone for %.0f s: %s", SILENCE_SECONDS, failure)
        else:
            if model.trouble:
                EmbeddingModel.objects.filter(pk=model.pk).update(trouble="")
    nothing: Vectors = np.zeros(model.dimensions, dtype=np.float32)
    known = vector is not None
    return QueryVector(nothing if vector is None else vector, known, model.pk, model.dimensions, model.by_bits)


def serving() -> EmbeddingModel:
    """The model whose vectors the search looks at. Raises IndexFailure where there is none."""
    model = EmbeddingModel.objects.filter(state=EmbeddingModel.State.SERVING).first()
    if model is None:
        raise IndexFailure("model", _("The index has no embedding model; run script/server, which sets it up."))
    return model


def answer(name: str, text: str, key: str) -> None:
    """Put the vector of a query by the model of that name into the broker's list `key`, for a process that does not
    load the model itself (embed_by_worker.py); an empty answer where it cannot be made."""
    said = b""
    try:
        model = EmbeddingModel.objects.filter(name=name).first()
        if model is not None:
            said = embedder(model).query(text).astype("<f4").tobytes()
    except IndexFailure as failure:
        log.warning("A query waits in vain: %s", failure)
    with Redis.from_url(settings.REDIS_URL) as valkey, valkey.pipeline() as at_once:
        at_once.rpush(key, said).expire(key, ANSWER_SECONDS).execute()


# --- What is waiting -------------------------------------------------------------------------------------------------
def waiting(source: int | None = None) -> int:
    """How many passages (of a source, or of all) wait for the vector by which they are found."""
    return _waiting(counting(), source)


def counting() -> EmbeddingModel:
    """The model whose vectors make a passage found by its meaning: the serving one; or the one that fills up, where the
    settings have left the serving one behind and its vectors cannot be made any more."""
    now = serving()
    if now.trouble and now.name != wanted().name:
        return _filling() or now
    return now


# --- Filling ---------------------------------------------------------------------------------------------------------
def fill(model: EmbeddingModel, *, source: int | None = None, snapshot: int | None = None) -> Filled:
    """Make one batch of the vectors that wait (of a source or a snapshot, or of all): taken, embedded and written in
    one transaction. Raises RetryLater and IndexFailure; then they wait as before, and the model's row says why."""
    began = time.monotonic()
    try:
        count = _fill(model, embedder(model), source, snapshot)
    except IndexFailure as failure:
        EmbeddingModel.objects.filter(pk=model.pk).update(trouble=str(failure))
        raise
    if count and model.trouble:
        EmbeddingModel.objects.filter(pk=model.pk).update(trouble="")
    return Filled(count, time.monotonic() - began)


def fill_snapshot(snapshot: int) -> None:
    """Make the vectors of one snapshot's passages now: somebody waits for them. Where that fails they wait for `work`,
    and the page is found by its words until then. Never raises IndexFailure."""
    model = counting()
    try:
        while fill(model, snapshot=snapshot).passages:
            pass
    except IndexFailure as failure:
        log.warning("The vectors of snapshot %d are made later: %s", snapshot, failure)


async def keep_up(source: int, read: asyncio.Event, count: Callable[[float], None]) -> None:
    """Make the vectors of a source's passages beside whatever stores them, until `read` is set and none is missing;
    `count` is told the seconds that it took. Other workers may help.

    Raises IndexFailure where they cannot be made, but not before `read` is set: what is read is found by its words."""
    failing_since, back_off = 0.0, BACK_OFF_SECONDS
    while True:
        all_read = read.is_set()
        model = await in_thread(counting)
        try:
            filled = await in_turn(fill, model, source=source)
        except IndexFailure as failure:
            failing_since = failing_since or time.monotonic()
            if (await in_thread(counting)).pk != model.pk:
                continue
            passes = isinstance(failure, RetryLater) and time.monotonic() - failing_since < PATIENCE_SECONDS
            if not passes:
                await read.wait()
                raise
            log.warning("Vectors are tried again in %.0f s: %s", back_off, failure)
            await asyncio.sleep(back_off)
            back_off = min(2 * back_off, 60.0)
            continue
        failing_since, back_off = 0.0, BACK_OFF_SECONDS
        if filled.passages:
            count(filled.seconds)
        elif all_read and not await in_thread(_waiting, model, source):
            return
        elif all_read:  # another worker has them
            await asyncio.sleep(LOOK_SECONDS)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(read.wait(), LOOK_SECONDS)


def due() -> bool:
    """Whether there is something for `work` to do: cheap enough to be asked every few seconds."""
    return Vector.objects.filter(embedding=None).exists() or succession.due()


async def work() -> None:
    """Make whatever vectors wait: the serving model's first, then those of the one that fills up, which takes over when
    it has all. One at a time in a process; returns at once where it is under way, or nothing can be done now."""
    if not _at_work.acquire(blocking=False):
        return
    try:
        await in_thread(succession.begin)
        while await _fill_any():
            pass
        await in_thread(succession.finish)
    finally:
        _at_work.release()


async def in_turn(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run it in this process's one filling thread, when those who came before have had theirs."""
    return await in_pool(_filler, function, *args, **kwargs)


async def _fill_any() -> bool:
    """Whether a batch was made of anything that waits."""
    for model in await in_thread(_models):
        try:
            if (await in_turn(fill, model)).passages:
                return True
        except IndexFailure as failure:
            if model.trouble != str(failure):  # said once, though it is tried again every few seconds
                log.warning("The vectors of %s wait: %s", model.name, failure)
    return False


def _models() -> list[EmbeddingModel]:
    filling = _filling()
    return [serving(), filling] if filling else [serving()]


def _filling() -> EmbeddingModel | None:
    """The model that fills up, once it is known how many dimensions it has."""
    return EmbeddingModel.objects.filter(state=EmbeddingModel.State.FILLING, dimensions__gt=0).first()


def _waiting(model: EmbeddingModel, source: int | None) -> int:
    rows = Vector.objects.filter(model=model, embedding=None)
    return (rows if source is None else rows.filter(passage__source=source)).count()


def _fill(model: EmbeddingModel, by: Embedder, source: int | None, snapshot: int | None) -> int:
    most = by.batch  # asked for before anything is locked: it may have to load the model
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SQL["take_waiting"], {"model": model.pk, "source": source, "snapshot": snapshot, "most": most})
        # Of like length side by side: a server that is sent some of them at a time has little to pad.
        rows = sorted(((number, passage_text(*of)) for number, *of in cursor.fetchall()), key=lambda row: len(row[1]))
        if not rows:
            return 0
        vectors = _checked(model, by.passages([text for _number, text in rows]))
        made = {"ids": [number for number, _text in rows], "vectors": [vector_text(vector) for vector in vectors]}
        cursor.execute(SQL["write_vectors"], made)
    return len(rows)


def _checked(model: EmbeddingModel, vectors: Vectors) -> Vectors:
    if vectors.shape[1] != model.dimensions:
        what = {"name": model.name, "now": vectors.shape[1], "then": model.dimensions}
        message = _("%(name)s makes vectors of %(now)d dimensions, the index has %(then)d by it: another model's name?")
        raise IndexFailure("model", message % what)
    return vectors
