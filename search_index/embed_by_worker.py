"""Turns a query into a vector by asking a worker: the web server, which has to stay light, loads no model of one's own.

The question goes through the broker, as the bells do; the answer comes back in a list that only this query knows the
name of (embedding.answer puts it there). Blocking and thread-safe. Called by embedders.py.
"""

from collections.abc import Sequence
from uuid import uuid4

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from config.celery import app
from search_index.embed import Vectors
from search_index.errors import RetryLater

SECONDS = 10  # a person waits; a worker that has to load the model first answers the next query


class ByWorker:
    """An embedder (embedders.Embedder) of queries only; passages are a worker's own business."""

    batch = 1

    def __init__(self, name: str) -> None:
        self.name = name

    def dimensions(self) -> int:
        """As a first answer shows."""
        return len(self.query("dimensions"))

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Never. Raises RetryLater: they wait for a worker."""
        raise RetryLater("worker", _("The passages wait for a worker to embed them."))

    def query(self, text: str) -> Vectors:
        """The unit vector of a query. Raises RetryLater where no worker answers in time, or none can."""
        key = f"scenthound:query:{uuid4().hex}"
        try:
            app.send_task("search_index.tasks.embed_query", args=[self.name, text, key], expires=SECONDS)
            with Redis.from_url(settings.REDIS_URL) as valkey:
                found = valkey.blpop([key], timeout=SECONDS)
        except (OperationalError, RedisError) as error:
            raise RetryLater("worker", _("The broker does not answer: %s.") % error) from error
        if not found or not found[1]:
            raise RetryLater("worker", _("No worker could embed the query by %s.") % self.name)
        vector: Vectors = np.frombuffer(found[1], dtype="<f4")
        return vector
