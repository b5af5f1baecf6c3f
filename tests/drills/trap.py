"""traps: sites that make pages without end, of five shapes, are crawled, and hold nobody (F-22).

Each may cost 50 pages and 60 s, its host is closed with a reason, and nothing of it stays in the index. The crawl is
the worker's own, in this process, through the real door.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

from search_index import browser, crawl, fetch, sources
from search_index.models import Host, Page, Passage
from tests.drills.stage import Stage
from tests.fakes.door import door
from tests.fakes.site import serving
from tests.fakes.traps import MOST_PAGES, MOST_SECONDS, SHAPES, maze

Document = dict[str, Any]
DRIP = 0.05  # seconds between two pieces of a page that is sent drop by drop

ENTRANCE = f"<main><p>The doors.</p></main>{' '.join(f'<a href=/maze/{way}>{way}</a>' for way in 'abcd')}"

TRAPS = {**SHAPES, "a maze that drips": lambda: {**maze(trickle=DRIP), "/": ENTRANCE}}


def held_up(stage: Stage, runs: int) -> Document:
    """Each shape, `runs` times."""
    rows = [_crawled(stage, name) for name in TRAPS for _again in range(runs)]
    return {"traps": rows, "passed": all(_passed(row) for row in rows)}


def _passed(row: Document) -> bool:
    closed = row["standing"] in {"trap", "poison"} and row["reason"] != ""
    return row["pages"] <= MOST_PAGES and row["seconds"] <= MOST_SECONDS and closed and row["passages"] == 0


def _crawled(stage: Stage, shape: str) -> Document:
    with serving(TRAPS[shape]()) as site, door([site.netloc]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = [site.netloc], url
        source = sources.add(f"{site.url}/", name="Trap")
        began = time.monotonic()
        asyncio.run(_crawl(crawl.start(source).pk))
        seconds = time.monotonic() - began
        host = Host.objects.filter(name="127.0.0.1").first()
        row = {
            "trap": shape,
            "pages": sum(request.path != "/robots.txt" for request in site.requests),
            "seconds": round(seconds, 1),
            "standing": host.standing if host else "",
            "reason": host.reason if host else "",
            "passages": Passage.objects.filter(snapshot__page__source=source).count(),
        }
        Page.objects.filter(source=source).delete()
        Host.objects.all().delete()
        source.delete()
    stage.say(f"{shape}: {row['pages']} pages, {row['seconds']} s, {row['standing'] or 'open'}")
    return row


async def _crawl(number: int) -> None:
    try:
        await crawl.crawl(number)
    finally:
        await fetch.close()
        await browser.close()


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {"traps": (held_up, 1)}
