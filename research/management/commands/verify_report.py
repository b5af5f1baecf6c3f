"""manage.py verify_report ID [VERSION]: check a report again from what its run keeps, and say what is otherwise now.

ID is a run's, or a report's number in the admin. Exit status 0 where nothing is worse than the report says, 1 where
something is or could not be checked. Changes nothing.
"""

import asyncio
import json
from argparse import ArgumentParser
from dataclasses import asdict
from textwrap import shorten
from typing import Any
from uuid import UUID

from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from research.errors import ResearchFailure
from research.models import Report
from research.reasoning import judge, name_of_judge, server
from research.recheck import ClaimAgain, Rechecked, recheck

WIDTH = 72  # characters of a sentence in the table


class Command(BaseCommand):
    help = _("Check a report again from the pages that its run keeps; changes nothing.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", help=_("of a run, or of a report"))
        # Not --version: that is Django's own, of every command.
        parser.add_argument("report_version", nargs="?", type=int, metavar="VERSION", help=_("the latest if not given"))
        parser.add_argument("--json", action="store_true", help=_("print one JSON document"))

    def handle(self, **options: Any) -> None:
        report = _report(options["id"], options["report_version"])
        try:
            found = asyncio.run(_checked(report))
        except ResearchFailure as failure:
            raise CommandError(str(failure)) from failure
        self.stdout.write(json.dumps(_as_json(found), ensure_ascii=False) if options["json"] else _table(found))
        if found.troubles:
            said = ngettext(
                "%d thing is worse than the report says, or could not be checked.",
                "%d things are worse than the report says, or could not be checked.",
                found.troubles,
            )
            raise CommandError(said % found.troubles)


def _report(given: str, version: int | None) -> Report:
    """The report that is meant. Raises CommandError."""
    reports = Report.objects.select_related("run").order_by("version")
    if given.isdecimal() and len(given) < 10:
        named = reports.filter(pk=int(given)).first()
        found = reports.filter(run=named.run_id) if named and version else reports.filter(pk=int(given))
    else:
        try:
            found = reports.filter(run=UUID(given))
        except ValueError as error:
            raise CommandError(_("%s is no id of a run or of a report.") % given, returncode=2) from error
    report = (found.filter(version=version) if version else found).last()
    if report is None:
        what = {"id": given, "version": version}
        none = _("There is no version %(version)s of %(id)s.") if version else _("There is no report of %(id)s.")
        raise CommandError(none % what, returncode=2)
    return report


async def _checked(report: Report) -> Rechecked:
    try:
        return await recheck(report, judge(), name_of_judge())
    finally:
        await server.close()


def _as_json(found: Rechecked) -> dict[str, Any]:
    return {**asdict(found), "troubles": found.troubles}


def _table(found: Rechecked) -> str:
    lines = [
        f"{found.question}",
        _("Run %(run)s, version %(version)d, checked again by %(judge)s") % asdict(found),
        "",
        *map(_row, found.claims),
        "",
    ]
    quotations = sum(one.in_place for one in found.quotations)
    pages = sum(page.intact for page in found.pages)
    lines.append(_("%(n)d of %(all)d quotations in place") % {"n": quotations, "all": len(found.quotations)})
    lines += [f"  [E{one.number}] {one.url}" for one in found.quotations if not one.in_place]
    lines.append(_("%(n)d of %(all)d pages as they were kept") % {"n": pages, "all": len(found.pages)})
    lines += [f"  {page.url}" for page in found.pages if not page.intact]
    for today, said in (("changed", _("The index has another text today:")), ("gone", _("No longer in the index:"))):
        lines += [f"{said} {page.url}" for page in found.pages if page.today == today]
    return "\n".join(lines)


def _row(claim: ClaimAgain) -> str:
    verdicts = claim.before if claim.now == claim.before else f"{claim.before} → {claim.now or '?'}"
    reason = f"\n{'':16}{claim.reason}" if claim.reason and claim.change != "same" else ""
    text = shorten(claim.text, WIDTH, placeholder=" …")
    return f"{claim.number:>3}  {claim.change:11}{text:{WIDTH}}  {verdicts}{reason}"
