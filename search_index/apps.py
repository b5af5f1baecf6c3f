"""The index as an app of Django's."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class SearchIndexConfig(AppConfig):
    """The index."""

    name = "search_index"
    verbose_name = "The index"

    def ready(self) -> None:
        post_migrate.connect(know_the_built_in_model, sender=self)


def know_the_built_in_model(sender: AppConfig, using: str, **_options: Any) -> None:
    """An index begins with the built-in embedding model; its HNSW index is made by the migration, for this very id.
    Called after a migration, and by the tests once they have emptied the tables."""
    models = sender.get_model("EmbeddingModel")._default_manager.using(using)
    if not models.exists():
        models.create(pk=1, name="bge-small-en-v1.5", dimensions=384, state="serving")
        with connections[using].cursor() as cursor:  # an id that is given does not move the sequence on
            cursor.execute("SELECT nextval(pg_get_serial_sequence('search_index_embeddingmodel', 'id'))")
