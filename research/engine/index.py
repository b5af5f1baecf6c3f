"""The index and the live web as a run uses them: search_index.api, off the loop, its failures as steps' failures.

Made by research/tasks.py for the Kit. Decides nothing.
"""

from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from config.loop import in_thread
from research.engine import cost
from research.errors import NextToNothing, StepFailed
from search_index import api

P = ParamSpec("P")
T = TypeVar("T")

# Why a page that was fetched is not kept, where it may have more to show in a browser (search_index/indexing.py).
LITTLE = frozenset({"thin", "empty", "boilerplate", "links", "linkfarm", "repeated"})


class WholeIndex:
    """kit.Index over everything that is indexed, and over the web through the egress door."""

    async def search(self, query: str, reasoning: str, sources: Sequence[int], limit: int) -> list[api.Hit]:
        return await _asked(api.search, query, limit=limit, sources=sources, reasoning=reasoning)

    @property
    def asks_the_web(self) -> bool:
        return api.web_search_is_set_up()

    async def web(self, query: str) -> api.Suggested:
        return await _asked(api.web_search, query)

    async def open(self, url: str, sealed: bool, named: bool) -> api.Opened:
        try:
            with cost.waiting("page"):
                return await api.open_page(url, sealed=sealed, named=named)
        except api.IndexFailure as failure:
            failed = NextToNothing if failure.reason in LITTLE else StepFailed
            raise failed(str(failure)) from failure

    async def browse(self, run: str, url: str, deeds: Sequence[api.Deed], sealed: bool, named: bool) -> api.Browsed:
        try:
            with cost.waiting("page"):
                return await api.browse(at_the_door(run), url, deeds, sealed=sealed, named=named)
        except api.IndexFailure as failure:
            raise StepFailed(str(failure)) from failure

    async def picture(self, run: str, url: str, quote: str) -> bytes:
        try:
            with cost.waiting("page"):
                return await api.picture(at_the_door(run), url, quote)
        except api.IndexFailure as failure:
            raise StepFailed(str(failure)) from failure

    async def leave(self, run: str) -> None:
        await api.leave(at_the_door(run))

    async def passages(self, snapshot: int) -> list[api.Span]:
        return await _asked(api.passages, snapshot)

    async def similarity(self, query: str, texts: Sequence[str]) -> list[float]:
        return await _asked(api.similarity, query, texts)


def at_the_door(run: str) -> str:
    """What the run is called at the egress door, and in the browser."""
    return f"run-{run}"


async def _asked(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        with cost.waiting("index"):
            return await in_thread(function, *args, **kwargs)
    except api.IndexFailure as failure:
        raise StepFailed(str(failure)) from failure
