"""manage.py check: Django's own, which lists what is wrong with the settings; where a model is set it also says whether
calculations can be run. Tries and makes nothing: it tells what workers have found out."""

from typing import Any

from django.core.management.commands import check
from django.utils.translation import gettext as _

from config.endpoints import endpoints
from research import sandbox


class Command(check.Command):
    def handle(self, *labels: list[str], **options: Any) -> None:
        super().handle(*labels, **options)
        if endpoints():
            self.stdout.write(_("calculations: %s") % sandbox.in_words())
