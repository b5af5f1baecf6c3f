"""Departure: one request that came to the egress door, as its log has it: who asked, where to, what became of it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Departure(models.Model):
    """Written by departures.py, kept for some days. Holds no path and no query: only hosts."""

    at = models.DateTimeField(_("when"), db_index=True)
    whose = models.CharField(_("who asked"), max_length=60, blank=True)  # as whose.NAME has it; empty: nobody we know
    host = models.CharField(_("host"), max_length=255, blank=True)
    port = models.PositiveIntegerField(_("port"), default=0)
    address = models.CharField(_("address"), max_length=45, blank=True)
    verdict = models.CharField(_("verdict"), max_length=20)  # a key of refusals.SHORT
    up = models.BigIntegerField(_("bytes up"), default=0)
    down = models.BigIntegerField(_("bytes down"), default=0)
    milliseconds = models.PositiveIntegerField(_("milliseconds"), default=0)

    class Meta:
        verbose_name = _("request at the egress door")
        verbose_name_plural = _("requests at the egress door")
        indexes = [
            models.Index(fields=["host", "at"], name="departure_host"),
            models.Index(fields=["whose", "at"], name="departure_whose"),
        ]

    def __str__(self) -> str:
        return f"{self.host}:{self.port} {self.verdict}"
