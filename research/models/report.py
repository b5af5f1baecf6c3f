"""Report: a version of the written answer. Claim: one sentence of it. Share: a public link to one version."""

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _

from research.models.findings import Evidence
from research.models.run import Run


class Report(models.Model):
    """A version of a run's written answer: its claims in order, the short answer, and what was not found."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="reports")
    version = models.PositiveSmallIntegerField(default=1)
    answer = models.TextField(blank=True)  # the short direct answer, a few words where the question asks for a fact
    not_found = models.JSONField(default=list)  # the gaps that stayed open, in words
    # A survey's table: {"item", "columns": [..], "rows": [{"item", "evidence": [..], "cells": [{"value", "evidence",
    # "why"}]}]}; empty for other questions. `why` says why a cell is empty.
    table = models.JSONField(default=dict)
    # Where sources say otherwise: [{"about": "...", "sides": [{"says": "...", "sources": 3, "evidence": [..]}, ...]}],
    # the side that most independent sources are on first (engine/disagree.py).
    disagreements = models.JSONField(default=list)
    confidence = models.FloatField(null=True)  # 0..1, in the short answer; null: there is none, or it was not estimated
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "version"]
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [models.UniqueConstraint(fields=["run", "version"], name="one_report_a_version")]

    def __str__(self) -> str:
        return f"{self.run} ({self.version})"

    def only_nearest(self, claims: Iterable["Claim"]) -> bool:
        """Whether the quotations among these claims of it are what came nearest, and answer nothing."""
        kept = [claim for claim in claims if not claim.is_struck]
        return bool(self.not_found and kept) and not self.answer and all(one.verdict == "quoted" for one in kept)

    @property
    def in_disagreements(self) -> list[int]:
        """The numbers of the evidence on either side of a disagreement."""
        return [number for one in self.disagreements for side in one["sides"] for number in side["evidence"]]

    @property
    def in_table(self) -> list[int]:
        """The numbers of the evidence that the table cites."""
        rows = self.table.get("rows", [])
        return [number for row in rows for part in (row, *row["cells"]) for number in part["evidence"]]


class Claim(models.Model):
    """One sentence of a report, the evidence it rests on, and what checking it found."""

    class Verdict(models.TextChoices):
        SUPPORTED = "supported", _("supported")
        PARTLY = "partly", _("partly supported")
        CONTRADICTED = "contradicted", _("struck: its evidence says otherwise")
        UNSUPPORTED = "unsupported", _("struck: not supported")
        UNCHECKABLE = "uncheckable", _("states nothing that could be checked")
        QUOTED = "quoted", _("a quotation")

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="claims")
    ordinal = models.PositiveIntegerField()
    section = models.TextField(blank=True)  # the heading it stands under
    text = models.TextField()  # plain text, without citation marks
    evidence = models.ManyToManyField(Evidence, related_name="claims")
    verdict = models.CharField(max_length=12, choices=Verdict)
    judge = models.CharField(
        max_length=10, blank=True
    )  # who said so: model, checker, rules; empty where code alone did
    reason = models.TextField(blank=True)  # what the check found wanting
    confidence = models.FloatField(null=True)  # 0..1 that the sentence is true as it stands; null: not estimated
    independent = models.PositiveSmallIntegerField(default=0)  # sources that say it, copies of each other counted once
    caution = models.TextField(blank=True)  # what a reader has to know of those sources: one forum, its maker alone

    class Meta:
        ordering = ["report", "ordinal"]
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        constraints = [models.UniqueConstraint(fields=["report", "ordinal"], name="one_claim_an_ordinal")]

    def __str__(self) -> str:
        return self.text[:80]

    @property
    def is_struck(self) -> bool:
        """Whether it was taken out of the report: it is told in a fold."""
        return self.verdict in STRUCK


STRUCK = (Claim.Verdict.CONTRADICTED, Claim.Verdict.UNSUPPORTED)


class Share(models.Model):
    """An unguessable, revocable public link to one report version. Only the token's SHA-256 is stored (security C8)."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="shares")
    token_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("share")
        verbose_name_plural = _("shares")

    def __str__(self) -> str:
        return f"{self.report}, {self.created_at:%Y-%m-%d}"
