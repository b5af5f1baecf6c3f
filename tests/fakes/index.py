"""Puts texts into the index the way a crawl does (real chunks, real vectors), without a crawl."""

from collections.abc import Sequence

from django.db import connection

from search_index.chunk import Chunk, chunk
from search_index.embed import Vectors, embed_passages, passage_text, vector_text
from search_index.extract import Extracted
from search_index.fetch import Fetched
from search_index.lease import Held
from search_index.models import Crawl, Page, Snapshot, Source
from search_index.store import Prepared, store_many


def new_source(name: str, kind: str = "folder") -> Source:
    return Source.objects.create(name=name, kind=kind, location=f"/tmp/{name}")


def held(crawl: Crawl, epoch: int | None = None) -> Held:
    """The crawl as a worker holds it, by its present epoch or by another one."""
    return Held(crawl, crawl.source, crawl.lease_epoch if epoch is None else epoch)


def put(source: Source, url: str, text: str, title: str = "", owner: Held | None = None) -> Snapshot:
    """Store `text` as the page at `url`, and return its snapshot."""
    page, _created = Page.objects.get_or_create(source=source, url=url)
    extracted = Extracted(text, title)
    chunks = chunk(text, extracted.headings)
    texts = [passage_text(title, one.heading, text[one.start : one.end]) for one in chunks]
    return store(page, extracted, chunks, embed_passages(texts), owner)


def store(
    page: Page,
    extracted: Extracted,
    chunks: Sequence[Chunk],
    vectors: Vectors | None = None,
    owner: Held | None = None,
    fetched: Fetched | None = None,
) -> Snapshot:
    """Store one page, and the vectors of its passages by the serving model where they are given."""
    (snapshot,) = store_many(owner, [Prepared(page, fetched, extracted, chunks)])
    if vectors is not None:
        assert len(vectors) == len(chunks)
        with connection.cursor() as cursor:
            made = [vector_text(vector) for vector in vectors]
            cursor.execute(_GIVE_VECTORS, {"snapshot": snapshot.pk, "vectors": made})
    return snapshot


_GIVE_VECTORS = """
UPDATE search_index_vector AS vector
SET embedding = made.embedding::halfvec
FROM unnest(%(vectors)s::text[]) WITH ORDINALITY AS made (embedding, ordinal), search_index_passage AS passage
WHERE passage.snapshot_id = %(snapshot)s AND passage.ordinal = made.ordinal - 1
    AND vector.passage_id = passage.id
    AND vector.model_id = (SELECT id FROM search_index_embeddingmodel WHERE state = 'serving')
"""
