"""manage.py explain URL: why is this page in the index, or why not? For people and, with --json, for scripts."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management import BaseCommand
from django.utils.translation import gettext as _

from search_index.why import Explanation, KnownPage, why


class Command(BaseCommand):
    help = _("Say why a page is in the index, or why it is not.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help=_("any address"))
        parser.add_argument("--json", action="store_true", help=_("print one JSON document"))

    def handle(self, **options: Any) -> None:
        found = why(options["url"])
        if options["json"]:
            said = {**asdict(found), "searchable": found.searchable}
            self.stdout.write(json.dumps(said, ensure_ascii=False, default=str))
        else:
            self._show(found)

    def _show(self, found: Explanation) -> None:
        self.stdout.write(self.style.SUCCESS(found.url) if found.searchable else found.url)
        self.stdout.write(found.sentence)
        for page in found.pages:
            self.stdout.write(f"\n  [{page.source}] {page.url}")
            for name, value in _facts(page):
                self.stdout.write(f"    {name:16} {value}")
        if found.host_standing:
            self.stdout.write(f"\n  {found.host}: {found.host_standing}. {found.host_reason}")
        for taker in found.takers:
            self.stdout.write(f"\n  [{taker.source}] {taker.sentence}")


def _facts(page: KnownPage) -> list[tuple[str, Any]]:
    """What is known, without what is not."""
    told = [
        (_("standing"), page.sentence),
        (_("found on"), page.found_on and f"{page.found_on} ({_('links away')}: {page.depth})"),
        (_("first seen"), f"{page.first_seen_at:%Y-%m-%d %H:%M}"),
        (_("answer"), page.http_status),
        (_("language"), page.language),
        (_("class"), page.source_class and f"{page.source_class} ({page.signals.get('class', '')})"),
        (_("score"), page.signals.get("score")),
        (_("rule"), page.signals.get("rule")),
        (_("filters failed"), ", ".join(page.signals.get("failed", []))),
        (_("hidden pieces"), page.signals.get("hidden")),
        (_("copies"), ", ".join(page.copies)),
        (_("contradicted by"), "; ".join(page.contradictions)),
    ]
    return [(name, value) for name, value in told if value not in {None, ""}]
