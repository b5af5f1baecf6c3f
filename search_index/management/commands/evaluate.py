"""manage.py evaluate retrieval DATASET: measures search on a BEIR folder, as a table or, with --json, for scripts."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from search_index import evaluate
from search_index.errors import BadSource, IndexFailure

MODES = ("hybrid", "dense", "lexical")


class Command(BaseCommand):
    help = _("Measure how well the index does its work.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        retrieval = what.add_parser("retrieval", help=_("search, on a folder in the form of BEIR"))
        retrieval.add_argument("dataset", type=Path, help=_("a folder: corpus.jsonl, queries.jsonl, qrels/test.tsv"))
        retrieval.add_argument("--limit", type=int, help=_("ask only the first so many queries"))
        retrieval.add_argument("--json", action="store_true", help=_("print one JSON document"))

    def handle(self, **options: Any) -> None:
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError(_("--limit has to be at least 1."), returncode=2)
        try:
            figures = evaluate.retrieval(options["dataset"].absolute(), options["limit"], self._say)
        except BadSource as error:
            raise CommandError(str(error), returncode=2) from error
        except IndexFailure as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(figures) if options["json"] else _table(figures))

    def _say(self, line: str) -> None:
        self.stderr.write(line, self.style.NOTICE)


def _table(figures: dict[str, Any]) -> str:
    lines = [
        _("%(dataset)s: %(queries)d queries, %(passages)d passages") % figures,
        _("indexed at %(index_passages_per_second)s passages a second") % figures,
        f"{'':12}" + "".join(f"{mode:>10}" for mode in MODES),
    ]
    for name in figures[MODES[0]]:
        values = "".join(f"{figures[mode][name]:>10.{1 if name.endswith('_ms') else 3}f}" for mode in MODES)
        lines.append(f"{name:12}{values}")
    return "\n".join(lines)
