"""manage.py add_source LOCATION: add a source to the index and begin to read it; with --wait, until it is read."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db.models import Count
from django.utils.translation import gettext as _

from config import supervisor
from search_index import crawl as crawling
from search_index import sources
from search_index.errors import BadSource
from search_index.management.arguments import at_least_one
from search_index.models import Crawl, Page, Passage, Source

KINDS = [kind for kind in Source.Kind.values if kind not in {Source.Kind.LIVE, Source.Kind.UPLOAD}]
LOOK_SECONDS = 0.5  # between two looks at how far the crawl is


class Command(BaseCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("location", help=_("a web address, or a path on this machine"))
        parser.add_argument("--kind", choices=KINDS, default="", help=_("what it is (guessed from the location)"))
        parser.add_argument("--name", default="", help=_("what to call it (made from the location)"))
        parser.add_argument("--max-pages", type=at_least_one, help=_("read no more pages than this"))
        parser.add_argument("--wait", action="store_true", help=_("return when it is read"))
        parser.add_argument("--json", action="store_true", help=_("print one JSON document"))

    def handle(self, **options: Any) -> None:
        began = time.monotonic()
        try:
            source = sources.add(
                options["location"], kind=options["kind"], name=options["name"], max_pages=options["max_pages"]
            )
        except BadSource as error:
            raise CommandError(str(error), returncode=2) from error
        if options["wait"]:
            with supervisor.running():
                crawl = self._waited(crawling.start(source))
        else:
            crawl = crawling.start(source)
        source.refresh_from_db()  # what was taken for a site may have turned out to be a feed
        outcome = _outcome(source, crawl, time.monotonic() - began)
        self.stdout.write(json.dumps(outcome, ensure_ascii=False) if options["json"] else _sentence(outcome))
        if crawl.state in {Crawl.State.FAILED, Crawl.State.STOPPED}:
            raise CommandError(crawl.error or _("The crawl was stopped."))

    def _waited(self, crawl: Crawl) -> Crawl:
        """Wait until the crawl is over; how far it is goes to standard error."""
        shown = ""
        while crawl.state in crawling.UNDER_WAY:
            if Source.objects.filter(id=crawl.source_id, paused=True).exists():
                raise CommandError(_("The source is paused; it is read when it is resumed in the admin."))
            time.sleep(LOOK_SECONDS)
            crawl.refresh_from_db()
            now = _progress(crawl)
            if now != shown:
                self.stderr.write(now, self.style.NOTICE)
                shown = now
        return crawl


def _progress(crawl: Crawl) -> str:
    waiting = Page.objects.filter(source=crawl.source_id, state=Page.State.QUEUED).count()
    return _("%(read)d read, %(unchanged)d unchanged, %(refused)d refused, %(failed)d failed, %(waiting)d waiting") % {
        "read": crawl.fetched,
        "unchanged": crawl.unchanged,
        "refused": crawl.refused,
        "failed": crawl.failed,
        "waiting": waiting,
    }


def _outcome(source: Source, crawl: Crawl, seconds: float) -> dict[str, Any]:
    without_text = Page.objects.filter(source=source, state__in=[Page.State.REFUSED, Page.State.FAILED])
    reasons = without_text.values_list("reason").annotate(Count("id")).order_by("reason")
    return {
        "source": source.pk,
        "name": source.name,
        "kind": source.kind,
        "location": source.location,
        "crawl": crawl.state,
        "error": crawl.error,
        "pages": {
            "fetched": crawl.fetched,
            "unchanged": crawl.unchanged,
            "refused": crawl.refused,
            "failed": crawl.failed,
            "waiting": Page.objects.filter(source=source, state=Page.State.QUEUED).count(),
        },
        "reasons": dict(reasons),
        "passages": Passage.objects.filter(source=source).count(),
        "seconds": round(seconds, 1),
    }


def _sentence(outcome: dict[str, Any]) -> str:
    if outcome["crawl"] in crawling.UNDER_WAY:
        return _("Added “%(name)s”. It is being read as long as script/server runs.") % outcome
    said = {"name": outcome["name"], "passages": outcome["passages"], "seconds": outcome["seconds"], **outcome["pages"]}
    return (
        _("“%(name)s”: %(fetched)d pages read, %(unchanged)d unchanged, %(refused)d refused, %(failed)d failed; ")
        + _("%(passages)d passages, %(seconds).1f seconds.")
    ) % said
