"""Vector: what an embedding model makes of a passage. EmbeddingModel: whose vectors they are.

A vector that is still to be made is a row without an embedding, written in the passage's own transaction: what waits is
known after any crash, and any number of workers share it. One model serves the search; another one may fill up beside
it, and takes over when no vector of it is missing. Each model has an HNSW index of its own, made by succession.py.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from search_index.models.page import Passage


class EmbeddingModel(models.Model):
    """A model whose vectors the index holds; the first one is the built-in one (made by apps.py, after migrating).

    `url` and `query_prefix` are those of the settings by which its vectors are made: the old model answers queries by
    them while another one, which the settings name now, fills up.
    """

    class State(models.TextChoices):
        FILLING = "filling", _("filling up")
        SERVING = "serving", _("serving")
        RETIRED = "retired", _("replaced, its vectors are being deleted")

    name = models.CharField(max_length=200, unique=True)
    dimensions = models.PositiveIntegerField()  # 0 until the model has been asked for them
    url = models.TextField(blank=True)  # of the server that has it; empty where it runs in process
    query_prefix = models.TextField(blank=True)
    trouble = models.TextField(blank=True)  # why its vectors cannot be made just now
    state = models.CharField(max_length=10, choices=State, default=State.FILLING)
    by_bits = models.BooleanField(default=False)  # its index holds one bit a dimension; what it finds is scored again
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("embedding model")
        verbose_name_plural = _("embedding models")
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="serving"), name="one_model_serves")
        ]

    def __str__(self) -> str:
        return self.name


class Vector(models.Model):
    """A passage's vector by one model; NULL while it is still to be made. The database deletes it with its passage."""

    # No index of its own: the unique one begins with it.
    passage = models.ForeignKey(
        Passage, on_delete=models.DO_NOTHING, related_name="vectors", db_constraint=False, db_index=False
    )
    model = models.ForeignKey(EmbeddingModel, on_delete=models.CASCADE, related_name="+")
    embedding = HalfVectorField(null=True)  # of the model's dimensions

    class Meta:
        verbose_name = _("vector")
        verbose_name_plural = _("vectors")
        constraints = [models.UniqueConstraint(fields=["passage", "model"], name="one_vector_a_passage")]
        indexes = [
            models.Index(fields=["model", "id"], condition=models.Q(embedding__isnull=True), name="vector_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.passage_id} by {self.model_id}"
