"""manage.py search "query": the hybrid search from a shell, for people and, with --json, for scripts."""

import json
import time
from argparse import ArgumentParser
from textwrap import indent, shorten, wrap
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from search_index.errors import BadSource, IndexFailure
from search_index.management.arguments import at_least_one, day
from search_index.models import SourceClass
from search_index.query import search
from search_index.reading import named
from search_index.values import Hit

WIDTH = 100
CLASSES = [value for value in SourceClass.values if value]


class Command(BaseCommand):
    help = _("Search the index: the passages that fit a query best.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("query")
        parser.add_argument("--limit", type=at_least_one, default=10, help=_("how many passages at most (10)"))
        parser.add_argument("--source", metavar="NAME", help=_("search in this source only"))
        parser.add_argument("--collection", metavar="NAME", help=_("search in the sources of this collection only"))
        parser.add_argument("--host", metavar="HOST", help=_("search in the pages of this host only"))
        parser.add_argument("--language", metavar="CODE", help=_("search in texts of this language only (en)"))
        parser.add_argument(
            "--class", dest="source_class", choices=CLASSES, help=_("search in pages of this class only")
        )
        parser.add_argument("--since", type=day, metavar="DATE", help=_("published on this day or later (2026-01-31)"))
        parser.add_argument("--until", type=day, metavar="DATE", help=_("published on this day or before"))
        parser.add_argument("--json", action="store_true", help=_("print one JSON document"))

    def handle(self, **options: Any) -> None:
        try:
            sources = named(_given(options["source"]))
        except BadSource as error:
            raise CommandError(str(error), returncode=2) from error
        started = time.perf_counter()
        try:
            hits = search(
                options["query"],
                limit=options["limit"],
                sources=sources,
                collections=_given(options["collection"]),
                hosts=_given(options["host"]),
                languages=_given(options["language"]),
                classes=_given(options["source_class"]),
                since=options["since"],
                until=options["until"],
            )
        except IndexFailure as error:
            raise CommandError(str(error)) from error
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        if options["json"]:
            found = {"query": options["query"], "hits": [_as_json(hit) for hit in hits], "ms": milliseconds}
            self.stdout.write(json.dumps(found, ensure_ascii=False))
        else:
            self._show(hits, milliseconds)

    def _show(self, hits: list[Hit], milliseconds: float) -> None:
        for hit in hits:
            path = " › ".join(part for part in (hit.title or hit.url, hit.heading) if part)
            self.stdout.write(f"{hit.rank:>3}  {self.style.SUCCESS(path)}  {hit.score:.2f}")
            text = "\n".join(wrap(shorten(hit.text, 4 * WIDTH, placeholder=" …"), WIDTH))
            self.stdout.write(indent(text, " " * 5))
            self.stdout.write(f"     {hit.url}  [{hit.source}]\n")
        self.stdout.write(
            _("%(count)d passages in %(ms).0f ms") % {"count": len(hits), "ms": milliseconds}
            if hits
            else _("Nothing was found.")
        )


def _given(value: str | None) -> list[str]:
    return [value] if value else []


def _as_json(hit: Hit) -> dict[str, Any]:
    names = ("rank", "score", "title", "url", "source", "snapshot", "start", "end", "text")
    return {name: getattr(hit, name) for name in names}
