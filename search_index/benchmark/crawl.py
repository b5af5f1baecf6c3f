"""How quickly a site is crawled, of a site that is made up (site.py), on loopback, through the egress door.

Three passes, each through crawl.crawl as a worker makes it, with no delay between requests:

1. `reading`: the second folder, without its vectors: what fetching, extracting, judging and storing come to;
2. `full`: the first folder, with its vectors: how much of the time goes into those;
3. `again`: the first folder once more, unchanged.

The seconds by stage are summed over pages that are worked on side by side, so they are more than the clock's. In the
end the site says what was asked of it that should not have been.
Called by `manage.py benchmark crawl`.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from config import children, env, loop
from config.errors import CannotStart
from search_index import crawl as crawling
from search_index import fetch, sources
from search_index.benchmark import stock
from search_index.benchmark.measured import per_second
from search_index.benchmark.site import Tally, serving
from search_index.benchmark.stock import MINE, Progress
from search_index.errors import BadSource, SourceFailed
from search_index.models import Crawl, Host, Source, Vector
from search_index.policy import Allow

PAGES = 3_000
OURS = ("127.0.0.1", "localhost")  # where the site is
DOOR_SECONDS = 20  # until it has to be open


def measure(pages: int, say: Progress) -> dict[str, Any]:
    """The figures of `benchmark crawl`. Raises BadSource where the index is somebody's or the door would not open,
    SourceFailed where a crawl failed, CannotStart."""
    stock.clear()
    Host.objects.filter(name__in=OURS).delete()  # what an earlier run came to know of it
    allow = Allow.parse(settings.EGRESS_ALLOW)
    if not all(allow.knows(name) for name in OURS):
        # The other name of this host, too: a crawler that goes there is to be seen, not stopped at the door.
        raise BadSource("egress", _("EGRESS_ALLOW has to name %s, as script/benchmark sets it.") % ", ".join(OURS))
    with _door(), serving(pages) as site:
        first, second = (
            sources.add(site.url(folder), kind=Source.Kind.SITE, name=f"{MINE}{folder}", max_pages=2 * pages + 1_000)
            for folder in ("first", "second")
        )
        say(_("reading, without vectors"))
        reading = _pass(second, say, embed=False)
        tallies = [site.tally()]
        say(_("a full crawl"))
        full = _pass(first, say)
        tallies.append(site.tally())
        before = _vectors(first)
        say(_("the same site again"))
        again = _pass(first, say)
        tallies.append(site.tally())
        answered = tallies[-1].not_modified
        return {
            "pages": pages,
            "reading": reading | {"pages_per_second": per_second(reading["fetched"], reading["seconds"])},
            "full": full
            | {
                "pages_per_second": per_second(full["fetched"], full["seconds"]),
                "embedding_share": round(full["by_stage"].get("embed", 0.0) / full["seconds"], 4),
            },
            "again": again
            | {
                "share_of_first": round(again["seconds"] / full["seconds"], 4),
                "share_of_reading": round(again["seconds"] / reading["seconds"], 4),
                "share_unchanged": round(again["unchanged"] / max(again["unchanged"] + again["fetched"], 1), 4),
                "answered_304": answered,
                "embedded": len(_vectors(first) - before),
            },
            "asked": _sum(tallies),
        }


def _pass(source: Source, say: Progress, *, embed: bool = True) -> dict[str, Any]:
    """Crawl the source here and now; what it came to."""
    row = crawling.start(source)
    began = time.perf_counter()
    loop.run(_crawled(row, embed))
    seconds = time.perf_counter() - began
    row.refresh_from_db()
    if row.state != Crawl.State.DONE:
        raise SourceFailed("crawl", row.error or _("The indexing of %s was stopped.") % source)
    say(_("%(pages)d pages in %(seconds).1f s") % {"pages": row.fetched + row.unchanged, "seconds": seconds})
    counts = {name: getattr(row, name) for name in ("fetched", "unchanged", "refused", "failed", "passages")}
    return {**counts, "seconds": round(seconds, 3), "by_stage": row.seconds, "left_out": row.reasons}


async def _crawled(row: Crawl, embed: bool) -> None:
    try:
        await crawling.crawl(row.pk, embed=embed)
    finally:
        await fetch.close()


def _vectors(source: Source) -> set[int]:
    return set(Vector.objects.filter(passage__source=source, embedding__isnull=False).values_list("pk", flat=True))


def _sum(tallies: list[Tally]) -> dict[str, Any]:
    """What was asked in all passes."""
    told = [asdict(tally) for tally in tallies]
    return {name: sum((one[name] for one in told), start=type(told[0][name])()) for name in told[0]}


@contextmanager
def _door() -> Iterator[None]:
    """Open an egress door for the length of the block, unless somebody else keeps one open. Raises CannotStart."""
    if settings.EGRESS_URL:
        yield
        return
    place = settings.DATA_DIR / "run" / "egress.json"
    place.unlink(missing_ok=True)
    command = children.tethered([sys.executable, "manage.py", "egress"])
    with (settings.DATA_DIR / "logs" / "egress.log").open("wb") as log:
        door = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=env.TOP, env=env.with_changes(DATA_DIR=str(settings.DATA_DIR))
        )
        try:
            until = time.monotonic() + DOOR_SECONDS
            while not place.exists():
                if door.poll() is not None or time.monotonic() > until:
                    raise CannotStart(f"The egress door does not open; {log.name} says why.")
                time.sleep(0.05)
            yield
        finally:
            door.terminate()
            door.wait()
