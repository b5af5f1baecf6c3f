"""The index as an app of Django's."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SearchIndexConfig(AppConfig):
    """The index."""

    name = "search_index"
    verbose_name = "The index"

    def ready(self) -> None:
        post_migrate.connect(_know_the_built_in_model, sender=self)


def _know_the_built_in_model(sender: AppConfig, **_options: Any) -> None:
    """An index begins with the built-in embedding model; its HNSW index is made by the migration."""
    models = sender.get_model("EmbeddingModel")._default_manager
    if not models.exists():
        models.create(pk=1, name="bge-small-en-v1.5", dimensions=384, state="serving")
