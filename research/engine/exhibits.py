"""Exhibits: the pages that a run's evidence stands in, copied into its own keeping when the first of it is kept.

From then on a report rests on nothing of the index: sources may be crawled again or deleted. Called by note.py in its
step's transaction, and by whoever needs more of a page than the quotation: verify.py and what judges the sources.
"""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from config.loop import in_thread
from research import models
from research.engine.values import Evidence
from research.errors import StepFailed
from search_index import api


def exhibit(run_id: str, snapshot: int) -> models.Exhibit:
    """The run's copy of a snapshot, made where it has none yet. Blocking. Raises StepFailed where its source was
    deleted after the run had found it."""
    found = models.Exhibit.objects.filter(run_id=run_id, snapshot=snapshot).defer("text", "headings").first()
    if found is not None:
        return found
    try:
        page = api.snapshot(snapshot)
    except LookupError as error:
        raise StepFailed(_("The page is no longer in the index.")) from error
    return models.Exhibit.objects.create(
        run_id=run_id,
        snapshot=snapshot,
        url=page.url,
        host=page.host,
        title=page.title,
        author=page.author,
        published_on=page.published_on,
        fetched_at=page.fetched_at,
        source=page.source,
        source_class=page.source_class,
        language=page.language,
        text=page.text,
        sha256=page.sha256,
        headings=[list(heading) for heading in page.headings],
        cluster=page.cluster,
        flags=list(page.flags),
    )


def found(row: models.Evidence) -> Evidence:
    """A row of evidence as the engine has it; loaded with its exhibit and its gap, so that it asks nothing."""
    page = row.exhibit
    return Evidence(
        number=row.number,
        gap=row.gap.number,
        snapshot=page.snapshot,
        start=row.start,
        end=row.end,
        quote=row.quote,
        score=row.score,
        title=page.title,
        url=page.url,
    )


async def exhibits(run_id: str, snapshots: Iterable[int]) -> dict[int, models.Exhibit]:
    """The run's copies of these snapshots, by their ids."""
    rows = models.Exhibit.objects.filter(run_id=run_id, snapshot__in=set(snapshots))
    return {row.snapshot: row for row in await in_thread(list, rows)}
