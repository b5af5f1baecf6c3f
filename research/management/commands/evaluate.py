"""manage.py evaluate retrieval DATASET | answers QUESTIONS.jsonl | citations RUN_ID or QUESTIONS.jsonl | judge
FILE.jsonl: measures search, runs, what their reports cite, and who judges that; as a table or, with --json, for
scripts."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config import supervisor
from research import citations, evaluate, judging
from research.errors import BadQuestion, ResearchFailure
from research.models import Run
from search_index import api

MODES = ("hybrid", "dense", "lexical")


class Command(BaseCommand):
    help = _("Measure how well the index and the runs do their work.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        retrieval = what.add_parser("retrieval", help=_("search, on a folder in the form of BEIR"))
        retrieval.add_argument("dataset", type=Path, help=_("a folder: corpus.jsonl, queries.jsonl, qrels/test.tsv"))
        answers = what.add_parser("answers", help=_("runs, on questions with known answers; goes on if killed"))
        answers.add_argument("questions", type=Path, help=_("JSON objects, one a line: id, question, answers, gold"))
        citations = what.add_parser("citations", help=_("what reports cite: of a run, or of runs on questions"))
        citations.add_argument("of", metavar="RUN_ID|QUESTIONS.jsonl")
        for asked in (answers, citations):
            asked.add_argument("--source", metavar="NAME", help=_("use this source only"))
            asked.add_argument("--effort", choices=Run.Effort.values, default=Run.Effort.MEDIUM)
        judge = what.add_parser("judge", help=_("the judge itself, on sentences that people have labelled"))
        judge.add_argument("labelled", type=Path, help=_("JSON objects, one a line: claim, evidence, label"))
        for measured in (retrieval, answers, citations, judge):
            measured.add_argument("--limit", type=int, help=_("ask only the first so many"))
            measured.add_argument("--json", action="store_true", help=_("print one JSON document"))

    def handle(self, **options: Any) -> None:
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError(_("--limit has to be at least 1."), returncode=2)
        measure = {
            "retrieval": self._retrieval,
            "answers": self._answers,
            "citations": self._citations,
            "judge": self._judge,
        }[options["what"]]
        figures, table = measure(options)
        self.stdout.write(json.dumps(figures, ensure_ascii=False) if options["json"] else table)
        if options["what"] == "answers" and figures["failed"] == figures["questions"]:
            raise CommandError(_("Every run failed: %s") % figures["errors"][0])

    def _retrieval(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        try:
            figures = api.retrieval(options["dataset"].absolute(), options["limit"], self._say)
        except api.BadSource as error:
            raise CommandError(str(error), returncode=2) from error
        except api.IndexFailure as error:
            raise CommandError(str(error)) from error
        return figures, _of_retrieval(figures)

    def _answers(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        path, limit = options["questions"], options["limit"]
        try:
            evaluate.questions(path)
            with supervisor.running():
                sources = api.named([options["source"]] if options["source"] is not None else [])
                figures = evaluate.answers(path, sources, options["effort"], limit, self._say)
        except (BadQuestion, api.BadSource) as error:
            raise CommandError(str(error), returncode=2) from error
        except api.IndexFailure as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write(_("Stopped. The same command goes on from here."))
            sys.exit(130)
        return figures, _of_answers(figures)

    def _citations(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        path, limit = Path(options["of"]), options["limit"]
        try:
            if path.is_file():
                evaluate.questions(path)
            with supervisor.running():
                if path.is_file():
                    sources = api.named([options["source"]] if options["source"] is not None else [])
                    figures = citations.of_questions(path, sources, options["effort"], limit, self._say)
                else:
                    figures = citations.of_run(options["of"], self._say)
        except (BadQuestion, api.BadSource) as error:
            raise CommandError(str(error), returncode=2) from error
        except (ResearchFailure, api.IndexFailure) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write(_("Stopped. The same command goes on from here."))
            sys.exit(130)
        return figures, _lines(figures)

    def _judge(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        try:
            figures = judging.figures(options["labelled"], options["limit"], self._say)
        except BadQuestion as error:
            raise CommandError(str(error), returncode=2) from error
        except ResearchFailure as error:
            raise CommandError(str(error)) from error
        return figures, _lines(figures)

    def _say(self, line: str) -> None:
        self.stderr.write(line, self.style.NOTICE)


def _of_retrieval(figures: dict[str, Any]) -> str:
    lines = [
        _("%(dataset)s: %(queries)d queries, %(passages)d passages") % figures,
        _("indexed at %(index_passages_per_second)s passages a second") % figures,
        f"{'':12}" + "".join(f"{mode:>10}" for mode in MODES),
    ]
    for name in figures[MODES[0]]:
        values = "".join(f"{figures[mode][name]:>10.{1 if name.endswith('_ms') else 3}f}" for mode in MODES)
        lines.append(f"{name:12}{values}")
    return "\n".join(lines)


def _of_answers(figures: dict[str, Any]) -> str:
    """A column for all questions and one for each number of hops, a row for each figure."""
    columns = {_("all"): figures} | {_("%s hops") % hops: found for hops, found in figures["by_hops"].items()}
    lines = [f"{'':20}" + "".join(f"{name:>10}" for name in columns)]
    for name, value in figures.items():
        if not isinstance(value, dict | list):
            lines.append(f"{name:20}" + "".join(f"{_cell(found.get(name)):>10}" for found in columns.values()))
    return "\n".join([*lines, *figures["errors"]])


def _lines(figures: dict[str, Any], before: str = "") -> str:
    """A line for each figure, those of a group with its name before theirs."""
    return "\n".join(
        _lines(value, f"{before}{name} ") if isinstance(value, dict) else f"{before + name:28}{_cell(value):>10}"
        for name, value in figures.items()
        if value != {}
    )


def _cell(value: float | str | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int | str) else f"{value:.3f}"
