"""The browser: what may happen to it (the drill browser), and how much it renders (the benchmark of the same name).

Both work in this process, with the live tabs and the rendering of the index: no worker is needed for them.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import mean
from typing import Any

import psutil
from django.conf import settings

from search_index import browser, hosts
from search_index.errors import IndexFailure
from search_index.fetch import close as close_fetch
from search_index.fetch import fetch
from search_index.indexing import read
from search_index.models import Host
from search_index.render import render
from search_index.tabs import browse, leave
from search_index.values import Deed
from tests.drills.stage import Stage
from tests.fakes import mixed_site
from tests.fakes.door import door
from tests.fakes.site import Answer, Site
from tests.fakes.tasks_site import archive

Document = dict[str, Any]
MOST_LOST = 30  # seconds that one fault may cost
GONE_WITHIN = 10  # seconds after which nothing of a browser is left whose process was killed
RUN = "run-0d1e"


@contextmanager
def _open_archive(pages: dict[str, Any]) -> Iterator[Site]:
    with archive() as site, door([site.netloc]) as url:
        settings.EGRESS_ALLOW, settings.EGRESS_URL = [site.netloc], url
        site.pages |= pages
        yield site


# --- The drill -------------------------------------------------------------------------------------------------------
def faults(stage: Stage, runs: int) -> Document:
    """F-12: each fault costs 30 s at most, the next page is read after it, and no process is left."""
    slow = Answer("<p>slow</p>", delay=3)
    large = Answer(_zeros(runs * 1_000_000_000), headers={"Content-Encoding": "gzip", "Content-Type": "text/html"})
    with _open_archive({"/slow": slow, "/large": large}) as site:
        rows = asyncio.run(_faults(stage, site))
        orphans = _orphans(site)
    document: Document = {"faults": rows, "processes_left": len(_browsers()), "processes_left_of_a_killed_one": orphans}
    document["passed"] = (
        all(row["seconds"] <= MOST_LOST and row["goes_on"] for row in rows)
        and document["processes_left"] == document["processes_left_of_a_killed_one"] == 0
    )
    return document


def _zeros(count: int) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: as gzip
    part = b"0" * 10_000_000
    return b"".join(packer.compress(part) for _part in range(count // len(part))) + packer.flush()


async def _faults(stage: Stage, site: Site) -> list[Document]:
    async def opened(path: str) -> None:
        await browse(RUN, site.url + path)

    async def hung() -> None:
        await browse(RUN, f"{site.url}/hang", [Deed("click", 1, name="Think")])

    async def rendered(path: str) -> None:
        await render(site.url + path)

    async def signalled(sign: signal.Signals) -> None:
        opening = asyncio.create_task(opened(f"/slow?{sign}"))
        await asyncio.sleep(1.5)
        for process in _browsers()[:1]:
            os.kill(process.pid, sign)
        await opening

    cases: dict[str, Callable[[], Awaitable[None]]] = {
        "killed while it opens a page": lambda: signalled(signal.SIGKILL),
        "stopped while it opens a page": lambda: signalled(signal.SIGSTOP),
        "a page whose script never ends": lambda: opened("/spin"),
        "a click whose script never ends": hung,
        "a page that takes all memory": lambda: opened("/huge"),
        "a page of 2 GB": lambda: opened("/large"),
        "redirects without end": lambda: opened("/redirect"),
        "an answer that never ends": lambda: opened("/never"),
        "an answer that never begins": lambda: opened("/silent"),
        "the same, rendered for a crawl": lambda: rendered("/never"),
    }
    rows = []
    await opened("/script")
    for name, case in cases.items():
        began = time.monotonic()
        try:
            await case()
            came = "it was read"
        except IndexFailure as failure:
            came = f"{type(failure).__name__} {failure.reason}"
        seconds = time.monotonic() - began
        try:
            after = await browse(RUN, f"{site.url}/stone")
            goes_on = "quarry" in after.opened.text
        except IndexFailure as failure:
            goes_on = False
            came += f", and then {failure}"
        rows.append({"fault": name, "seconds": round(seconds, 1), "came_to": came, "goes_on": goes_on})
        stage.say(f"{name}: {came}, {seconds:.1f} s{'' if goes_on else ', and nothing after it'}")
    await leave(RUN)
    await browser.close()
    await close_fetch()
    return rows


def _browsers(of: int | None = None) -> list[psutil.Process]:
    """Chromium's processes below a process of ours, the first of them first."""
    below = psutil.Process(of).children(recursive=True)
    return sorted((one for one in below if "chrom" in one.name()), key=lambda one: one.create_time())


_OPENS = """
import asyncio, sys, django
django.setup()
from search_index.render import render
asyncio.run(render(sys.argv[1]))
"""


def _orphans(site: Site) -> int:
    """How many processes of a browser are left some seconds after the process that had started it was killed."""
    worker = subprocess.Popen(
        [sys.executable, "-c", _OPENS, f"{site.url}/silent"],
        env={**os.environ, "EGRESS_URL": settings.EGRESS_URL, "EGRESS_ALLOW": site.netloc},
    )
    deadline = time.monotonic() + 60
    while not (held := _browsers(worker.pid)) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(2)
    held = _browsers(worker.pid)
    worker.kill()
    worker.wait()
    _gone, alive = psutil.wait_procs(held, timeout=GONE_WITHIN)
    return len(alive) if held else -1


# --- The benchmark ---------------------------------------------------------------------------------------------------
def pages(stage: Stage, count: int) -> Document:
    """Pages rendered a minute, with one Chromium; its memory over them; and which pages of a mixed site go to it."""
    with _open_archive({"*": mixed_site.mixed(stage.prose)}) as site:
        return asyncio.run(_pages(stage, site, count))


async def _pages(stage: Stage, site: Site, count: int) -> Document:
    rest = iter(range(count))
    taken: list[tuple[float, int]] = []
    began = time.monotonic()

    async def hand() -> None:
        for number in rest:
            await render(f"{site.url}{mixed_site.path(number % mixed_site.PAGES)}")
            if number % 10 == 0:
                taken.append((time.monotonic() - began, sum(one.memory for one in browser._tree(browser._here().mark))))
            if number % 100 == 0:
                stage.say(f"{number} pages, {taken[-1][1] / 1e6:.0f} MB")

    await asyncio.gather(*(hand() for _hand in range(browser.PAGES_AT_ONCE)))
    seconds = time.monotonic() - began
    memory = [bytes_ / 1e6 for _at, bytes_ in taken]
    quarter = max(len(memory) // 4, 1)
    document: Document = {
        "pages": count,
        "pages_a_minute": round(count / seconds * 60, 1),
        "memory_mb": {
            "second_quarter": round(mean(memory[quarter : 2 * quarter] or memory)),
            "last_quarter": round(mean(memory[-quarter:])),
            "most": round(max(memory)),
        },
        "mixed": await _mixed(stage, site),
    }
    growth = document["memory_mb"]["last_quarter"] / document["memory_mb"]["second_quarter"]
    document["memory_growth"] = round(growth, 3)
    document["passed"] = (
        document["pages_a_minute"] >= 120
        and growth <= 1.1
        and document["mixed"]["rendered_in_vain"] <= 0.05
        and document["mixed"]["not_rendered"] <= 0.05
    )
    await browser.close()
    await close_fetch()
    return document


async def _mixed(stage: Stage, site: Site) -> Document:
    """Of a host that nothing is known of yet: the share of its pages that are rendered though HTTP would have done, and
    of those that are not though they needed it."""
    await Host.objects.filter(name=site.host).adelete()
    in_vain, missed = list[int](), list[int]()
    for number in range(mixed_site.PAGES):
        before = site.hits(mixed_site.path(number))
        await read(await fetch(site.url + mixed_site.path(number)), partial(hosts.manners, site.host, 0))
        rendered = site.hits(mixed_site.path(number)) - before > 1
        if rendered != mixed_site.needed(number):
            (in_vain if rendered else missed).append(number)
    stage.say(f"rendered in vain {in_vain}, not rendered {missed}")
    return {
        "pages": mixed_site.PAGES,
        "rendered_in_vain": len(in_vain) / mixed_site.PAGES,
        "not_rendered": len(missed) / mixed_site.PAGES,
    }


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {"browser": (faults, 2)}
BENCHMARKS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {"pages": (pages, 2000)}
