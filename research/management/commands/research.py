"""manage.py research "question": launch a run, follow its journal on standard error, print the report.

The run is the worker's: this command starts one where no script/server runs, and only looks on. With --json it prints
one document in the shape that scripts rely on.
"""

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config import supervisor
from config.endpoints import currency
from research.engine.cost import COUNTED
from research.engine.findings import computed_in
from research.engine.markdown import markdown
from research.errors import BadQuestion
from research.launch import launch
from research.models import Report, Run, Step
from research.told import told
from search_index import api

LOOK_SECONDS = 0.3
WAITING_SECONDS = 60.0  # without a worker that takes the run, after which it is said where to look
SAID = frozenset(  # kinds of steps that have a line in the shell
    "calibrate search more open find compute note act choose list cell contrast draft check".split()  # noqa: SIM905
)


class Command(BaseCommand):
    help = _("Research a question and print the report.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--effort", choices=Run.Effort.values, default=Run.Effort.AUTO)
        parser.add_argument(
            "--source", action="append", default=[], metavar="NAME", help=_("use this source only; may be repeated")
        )
        parser.add_argument("--sealed", action="store_true", help=_("open nothing on the live web"))
        parser.add_argument("--json", action="store_true", help=_("print one JSON document"))

    def handle(self, **options: Any) -> None:
        try:
            sources = api.named(options["source"])
        except api.BadSource as error:
            raise CommandError(str(error), returncode=2) from error
        if not any(source.passages for source in api.sources()):
            self.stderr.write(_("The index is empty: add something to read first, with manage.py add_source."))
        with supervisor.running():
            try:
                run = launch(_owner(), options["question"], options["effort"], sources, options["sealed"])
            except BadQuestion as error:
                raise CommandError(str(error), returncode=2) from error
            try:
                run = self._follow(run)
            except KeyboardInterrupt:
                self.stderr.write(
                    _("No longer following. The run goes on in script/server, now or when it is next started: %s")
                    % f"http://localhost:{settings.PORT}/runs/{run.pk}"
                )
                sys.exit(130)
        report = run.reports.last()
        if options["json"]:
            self.stdout.write(json.dumps(as_json(run, report), ensure_ascii=False))
        elif report:
            self.stdout.write(markdown(report))
        if run.state != Run.State.DONE:
            raise CommandError(run.error or _("The run was stopped."))

    def _follow(self, run: Run) -> Run:
        """Write a line for each step until the run is over."""
        seen, launched, told = 0, time.monotonic(), False
        while True:
            run.refresh_from_db()
            for step in run.steps.filter(seq__gt=seen).order_by("seq"):
                seen = step.seq
                if line := _line(step):
                    self.stderr.write(line)
            if run.state in Run.OVER and seen >= run.last_seq:
                return run
            if run.state == Run.State.QUEUED and not told and time.monotonic() - launched > WAITING_SECONDS:
                self.stderr.write(_("Still waiting for a worker; the logs are in %s.") % (settings.DATA_DIR / "logs"))
                told = True
            time.sleep(LOOK_SECONDS)


def as_json(run: Run, report: Report | None) -> dict[str, Any]:
    """The run in the shape that scripts rely on (design.md: commands that stay stable)."""
    steps = list(run.steps.order_by("seq"))
    gaps = {gap.pk: gap.text for gap in run.gaps.all()}
    costs = [step.cost for step in steps]
    began, ended = run.started_at, run.finished_at
    return {
        "run": str(run.pk),
        "state": run.state,
        "question": run.question,
        "answer": report.answer if report else "",
        "report_markdown": markdown(report) if report else "",
        "claims": [
            {
                "text": claim.text,
                "verdict": claim.verdict,
                "evidence": [one.number for one in claim.evidence.all()],
                "confidence": claim.confidence,
            }
            for claim in (report.claims.prefetch_related("evidence") if report else [])
        ],
        "evidence": [
            {
                "id": one.number,
                "quote": one.quote,
                "url": page.url,
                "title": page.title,
                "snapshot": one.exhibit.snapshot,
                "start": one.start,
                "end": one.end,
                "gap": gaps[one.gap_id],
            }
            for one in run.evidence.filter(aside=False).select_related("exhibit").order_by("number")
            for page in [one.exhibit]
        ],
        "opened": [step.result["url"] for step in steps if step.kind == "open" and not step.error],
        "queries": [step.result["query"] for step in steps if step.kind in ("search", "list") and not step.error],
        "not_found": report.not_found if report else [run.question],
        "cost": {
            "seconds": round((ended - began).total_seconds(), 2) if began and ended else 0.0,
            **{name: round(sum(cost.get(name, 0) for cost in costs), 6) for name in COUNTED},
            "currency": currency(),
        },
        "plan": [
            {
                "gap": gap.number,
                "question": gap.text,
                "done_when": gap.criterion,
                "state": gap.state,
                "found": gap.outcome,
            }
            for gap in run.gaps.all()
        ],
        "table": report.table if report else {},
        "confidence": report.confidence if report else None,
        "disagreements": report.disagreements if report else [],
        "computed": [{"text": one.text, "code": one.code, "evidence": list(one.evidence)} for one in computed_in(run)],
    }


def _line(step: Step) -> str:
    """A step in a line for a terminal; empty for steps that say nothing to a reader."""
    if step.kind in ("plan", "revise") and not step.error and step.result["gaps"]:
        return _("To find out: %s") % " · ".join(str(gap["question"]) for gap in step.result["gaps"])
    is_end = step.kind != "act" or step.result.get("kind") in ("answer", "give_up")
    return told(step.kind, step.result, step.error) if step.error or (step.kind in SAID and is_end) else ""


def _owner() -> User:
    """Whose runs the shell's are: the first administrator's; without one, a user of its own that cannot sign in."""
    admin = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    return admin or User.objects.get_or_create(username="shell", defaults={"password": "!"})[0]
