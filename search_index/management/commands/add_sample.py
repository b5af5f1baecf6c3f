"""manage.py add_sample: make the sample source and start indexing it, once. The supervisor calls it on every start."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from search_index import sample


class Command(BaseCommand):
    help = "Index the documentation of the installed libraries, so that there is something to ask at once."

    def handle(self, *args: Any, **options: Any) -> None:
        if sample.ensure():
            self.stdout.write(_("The sample source is being indexed."))
