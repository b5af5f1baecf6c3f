"""manage.py benchmark NAME: measures what the index does on this machine, as a table and one JSON document.

Fills and empties the index it works with: script/benchmark, which calls it, takes one that is for this alone.
"""

import json
import os
import platform
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config import services
from search_index.benchmark import crawl, goals, growth, index, quality, search
from search_index.errors import BadSource, IndexFailure
from search_index.management.arguments import at_least_one


class Command(BaseCommand):
    help = _("Measure what the index does on this machine.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = parser.add_subparsers(dest="name", required=True)
        one = names.add_parser("crawl", help=_("a site: pages a second, by stage; again; manners"))
        one.add_argument("--pages", type=at_least_one, default=crawl.PAGES)
        one = names.add_parser("index", help=_("documents: passages a second, by stage"))
        one.add_argument("--documents", type=at_least_one, default=index.DOCUMENTS)
        one = names.add_parser("search", help=_("latency, and recall against exact search"))
        one.add_argument("--passages", type=at_least_one, default=search.PASSAGES)
        one.add_argument("--queries", type=at_least_one, default=search.QUERIES)
        one = names.add_parser("growth", help=_("the same as the index grows"))
        one.add_argument("--sizes", type=at_least_one, nargs="+", default=growth.SIZES, help=_("in passages"))
        one.add_argument("--queries", type=at_least_one, default=search.QUERIES)
        one = names.add_parser("quality", help=_("datasets in the form of BEIR"))
        one.add_argument("folders", type=Path, nargs="+", help=_("corpus.jsonl, queries.jsonl, qrels/test.tsv"))
        one.add_argument("--limit", type=at_least_one, help=_("ask only the first so many queries of each"))
        for subparser in names.choices.values():
            subparser.add_argument("--json", action="store_true", help=_("print one JSON document and no table"))

    def handle(self, **options: Any) -> None:
        services.migrate()  # the benchmark's own index may be older than the code
        name = options["name"]
        document = {"benchmark": name, "machine": _machine()}
        try:
            document |= self._measured(name, options)
        except BadSource as error:
            raise CommandError(str(error), returncode=2) from error
        except IndexFailure as error:
            raise CommandError(str(error)) from error
        document["goals"] = goals.judged(name, document)
        if not options["json"]:
            self.stdout.write(_table(document) + "\n")
        self.stdout.write(json.dumps(document, ensure_ascii=False))

    def _measured(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        match name:
            case "crawl":
                return crawl.measure(options["pages"], self._say)
            case "index":
                return index.measure(options["documents"], self._say)
            case "search":
                return search.measure(options["passages"], options["queries"], self._say)
            case "growth":
                return growth.measure(sorted(options["sizes"]), options["queries"], self._say)
            case _:
                return quality.measure(options["folders"], options["limit"], self._say)

    def _say(self, line: str) -> None:
        self.stderr.write(line, self.style.NOTICE)


def _machine() -> dict[str, Any]:
    """What the figures depend on; the load is that of the minute before."""
    return {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2), "python": platform.python_version()}


def _table(document: dict[str, Any]) -> str:
    """Every figure with its place in the document, and then the goals."""
    rows = [(place, str(value)) for place, value in _figures(document) if not place.startswith("goals")]
    rows += [
        (f"{_('met') if goal['met'] else _('MISSED')}: {goal['what']} ({goal['goal']})", str(goal["value"]))
        for goal in document["goals"]
    ]
    width = max(len(place) for place, _value in rows)
    return "\n".join(f"{place:{width}}  {value:>12}" for place, value in rows)


def _figures(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inside in pairs:
            yield from _figures(inside, f"{place}/{key}".lstrip("/"))
    else:
        yield place, value
