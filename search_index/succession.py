"""How one embedding model follows another: while the old one's vectors go on serving, the new one's are made.

1. The settings name another model than the one that serves: it gets a row, and every passage a vector to be made
   (begin).
2. When it lacks no more vectors than the serving one does, it gets an HNSW index of its own and takes over in one
   transaction; then the old one's index and vectors go (finish).

Everything is written down in PostgreSQL and can be done again: kill it anywhere, the next call goes on. Building an
index takes minutes; one worker does it, the others pass by. Blocking. Called by embedding.py.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from search_index.embedders import embedder, wanted
from search_index.errors import IndexFailure
from search_index.models import EmbeddingModel, Vector
from search_index.sql import SQL

MOST_DIMENSIONS = 4000  # that pgvector indexes of a halfvec
# From here on an index of bits: it has to fit into memory to be quick, and 2 million vectors of 768 dimensions are 3 GB
# and more. With few dimensions bits lose too much: of 384, recall@10 was .78 where vectors had .98 (LOG.md).
BITS_DIMENSIONS = 768
BITS_VECTORS = 2_000_000
DELETED_AT_ONCE = 20_000
LOCK = 0x5CE47  # pg_advisory_lock's number for "a model follows another"; any would do
State = EmbeddingModel.State

log = logging.getLogger(__name__)


def due() -> bool:
    """Whether a model is to be begun, is on its way, is to be cleared away, or has grown beyond its index."""
    models = list(EmbeddingModel.objects.all())
    if len(models) > 1:
        return True
    want = wanted()
    return any((one.name, one.url, one.query_prefix) != (want.name, want.url, want.query_prefix) for one in models) or (
        _outgrown(_serving()) is not None
    )


def begin() -> None:
    """Let the model that the settings name fill up, unless it serves. What they no longer name is retired."""
    want = wanted()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK + 1])
        EmbeddingModel.objects.filter(state=State.FILLING).exclude(name=want.name).update(state=State.RETIRED)
        known = EmbeddingModel.objects.filter(name=want.name)
        if known.exists():  # one that is retired is cleared away first, and begun again then
            known.update(url=want.url, query_prefix=want.query_prefix)
        else:
            EmbeddingModel.objects.create(name=want.name, url=want.url, query_prefix=want.query_prefix, dimensions=0)
            log.info("%s is to follow %s.", want.name, _serving().name)
    for model in EmbeddingModel.objects.filter(state=State.FILLING, dimensions=0):
        _await(model)


def finish() -> None:
    """Let the model that fills up take over, if no vector of it is missing; clear away what is retired."""
    with _alone() as ours:
        if not ours:
            return
        _clear_away()
        filling = EmbeddingModel.objects.filter(state=State.FILLING, dimensions__gt=0).first()
        serving = _serving()
        if filling and _lacks(filling) <= _lacks(serving):
            _make_index(filling)
            # Making the index waited for every transaction that may not have seen the model's row when it stored its
            # passages: none can come without a row any more, and those that came are found now.
            if not _await_missing(filling) and _lacks(filling) <= _lacks(serving):
                _take_over(filling)
                _clear_away()
        if outgrown := _outgrown(_serving()):
            _make_index(outgrown)


def _await(model: EmbeddingModel) -> None:
    """Ask the model for its dimensions, and note that it is to make a vector of every passage."""
    try:
        dimensions = embedder(model).dimensions()
        if dimensions > MOST_DIMENSIONS:
            what = {"name": model.name, "has": dimensions, "most": MOST_DIMENSIONS}
            message = _("%(name)s has %(has)d dimensions, and an index takes %(most)d at most: choose another model.")
            raise IndexFailure("model", message % what)
    except IndexFailure as failure:
        if model.trouble != str(failure):  # said once, though it is tried again every few seconds
            log.warning("%s does not get on: %s", model.name, failure)
        EmbeddingModel.objects.filter(pk=model.pk).update(trouble=str(failure))
        return
    with transaction.atomic():
        EmbeddingModel.objects.filter(pk=model.pk).update(dimensions=dimensions, trouble="")
        count = _await_missing(model)
    log.info("%d passages are to be embedded by %s.", count, model.name)


def _await_missing(model: EmbeddingModel) -> int:
    """Note that vectors are to be made where the model has no row at all yet. Returns of how many passages."""
    with connection.cursor() as cursor:
        cursor.execute(SQL["await_model"], {"model": model.pk})
        return int(cursor.rowcount)


def _make_index(model: EmbeddingModel) -> None:
    """The model's HNSW index, of bits where there are very many vectors of many dimensions; nothing where it is there
    already. What a killed attempt left behind goes first."""
    by_bits = _is_large(model)
    name = f"vector_bits_of_model_{model.pk}" if by_bits else f"vector_of_model_{model.pk}"
    about = {"model": model.pk, "dimensions": model.dimensions}
    with connection.cursor() as cursor:
        cursor.execute(SQL["index_is_valid"], {"name": name})
        if cursor.fetchone() != (True,):
            log.info("The index of %s is being made.", model.name)
            cursor.execute(SQL["drop_bit_index" if by_bits else "drop_index"], about)
            cursor.execute(SQL["make_bit_index" if by_bits else "make_index"], about)
        EmbeddingModel.objects.filter(pk=model.pk).update(by_bits=by_bits)
        if by_bits:  # searches have been told
            cursor.execute(SQL["drop_index"], about)


def _outgrown(model: EmbeddingModel) -> EmbeddingModel | None:
    """The model, if it has grown so large that its index should be one of bits."""
    if model.by_bits or model.dimensions < BITS_DIMENSIONS:
        return None
    with connection.cursor() as cursor:
        cursor.execute(SQL["about_vectors"])
        (about,) = cursor.fetchone()
    return model if about > BITS_VECTORS and _is_large(model) else None


def _is_large(model: EmbeddingModel) -> bool:
    return model.dimensions >= BITS_DIMENSIONS and Vector.objects.filter(model=model).count() > BITS_VECTORS


def _lacks(model: EmbeddingModel) -> int:
    return Vector.objects.filter(model=model, embedding=None).count()


def _take_over(model: EmbeddingModel) -> None:
    with transaction.atomic():
        EmbeddingModel.objects.filter(state=State.SERVING).update(state=State.RETIRED)
        if not EmbeddingModel.objects.filter(pk=model.pk, state=State.FILLING).update(state=State.SERVING):
            transaction.set_rollback(True)  # the settings have come to name yet another one meanwhile
            return
    log.info("%s serves from now on.", model.name)


def _clear_away() -> None:
    """The index and the vectors of retired models, and then they themselves. Dropping the index waits for whoever still
    searched by it, or stored passages for the model."""
    for model in EmbeddingModel.objects.filter(state=State.RETIRED):
        with connection.cursor() as cursor:
            cursor.execute(SQL["drop_index"], {"model": model.pk})
            cursor.execute(SQL["drop_bit_index"], {"model": model.pk})
            cursor.execute(SQL["delete_vectors"], {"model": model.pk, "most": DELETED_AT_ONCE})
            while cursor.rowcount:
                cursor.execute(SQL["delete_vectors"], {"model": model.pk, "most": DELETED_AT_ONCE})
        try:
            model.delete()
        except IntegrityError:  # a page was being stored for it until now: the next call finds its vectors
            log.info("%s is still being stored for.", model.name)
        else:
            log.info("The vectors of %s are deleted.", model.name)


def _serving() -> EmbeddingModel:
    return EmbeddingModel.objects.get(state=State.SERVING)


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether no other worker does this now; if so, none begins to until the block is left, or this process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        (ours,) = cursor.fetchone()
        try:
            yield ours
        finally:
            if ours:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
