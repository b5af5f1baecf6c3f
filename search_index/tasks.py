"""The tasks of the index: thin doorbells. What is to be done, and how far it is, lies in PostgreSQL.

Called by Celery's worker, at the ring of crawl.ring and of the clock (settings.CELERY_BEAT_SCHEDULE).
"""

from celery import shared_task

from config import loop
from search_index import crawl as crawling
from search_index import departures, embedding


@shared_task  # type: ignore[untyped-decorator]
def crawl(crawl_id: int) -> None:
    """Work on a crawl, if nobody else does."""
    loop.run(crawling.crawl(crawl_id))


@shared_task  # type: ignore[untyped-decorator]
def start_due() -> None:
    """Begin the crawls whose time has come: of sources that keep themselves fresh."""
    crawling.start_due()


@shared_task  # type: ignore[untyped-decorator]
def ring_again() -> None:
    """Ring for crawls that wait: their message was lost, their worker died, or their source goes on after a pause."""
    for crawl_id in crawling.waiting():
        crawling.ring(crawl_id)


@shared_task  # type: ignore[untyped-decorator]
def embed() -> None:
    """Make vectors that wait and that no crawl makes; let a new embedding model take over."""
    if embedding.due():
        loop.run(embedding.work())


@shared_task  # type: ignore[untyped-decorator]
def embed_query(model: str, text: str, key: str) -> None:
    """Answer a process that does not load the model itself: the web server, for its search page."""
    embedding.answer(model, text, key)


@shared_task  # type: ignore[untyped-decorator]
def forget_departures() -> None:
    """Delete what the egress door wrote down long ago."""
    departures.forget()
