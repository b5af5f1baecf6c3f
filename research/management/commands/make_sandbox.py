"""manage.py make_sandbox: makes what calculations run in, where that was not done yet; it takes half a minute.

A worker does so when it starts, if a model is set. This is for whoever wants it done before: the image of Dockerfile,
and script/test. Needs no database.
"""

from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from research import sandbox


class Command(BaseCommand):
    help = _("Make the sandbox for calculations, where that was not done yet.")

    def handle(self, **options: Any) -> None:
        made = sandbox.prepare()
        if made.trouble:
            raise CommandError(made.trouble)
        self.stdout.write(_("Calculations run within %s.") % made.walls)
