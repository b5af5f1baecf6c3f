"""Puts texts into the index the way a crawl does (real chunks, real vectors), without a crawl."""

from search_index.chunk import chunk
from search_index.embed import embed_passages
from search_index.extract import Extracted
from search_index.models import Crawl, Page, Snapshot, Source
from search_index.store import embedding_texts, store_page


def new_source(name: str, kind: str = "folder") -> Source:
    return Source.objects.create(name=name, kind=kind, location=f"/tmp/{name}")


def put(
    source: Source, url: str, text: str, title: str = "", crawl: Crawl | None = None, epoch: int | None = None
) -> Snapshot:
    """Store `text` as the page at `url`, and return its snapshot."""
    page, _created = Page.objects.get_or_create(source=source, url=url)
    extracted = Extracted(text, title)
    chunks = chunk(text, extracted.headings)
    vectors = embed_passages(embedding_texts(extracted, chunks))
    return store_page(page, crawl, epoch, None, extracted, chunks, vectors)
