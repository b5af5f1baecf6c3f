"""What a run tried, for a report that says "not found": its queries, the pages it read in full, what it could not open,
and how much it read; and what became of the addresses that the person wrote into the question.

From the journal's rows, as they were when the report was made. Blocking. Called by markdown.py and views/cited.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from research.engine.values import addresses
from research.models import Report

_LOOKED = ("search", "more", "list", "open", "browse", "web")


@dataclass(frozen=True)
class Tried:
    """The queries in order, each once; the titles of the pages that were opened or used in the browser, or their
    addresses; what could not be opened, and why; and how many different passages were in view."""

    queries: tuple[str, ...]
    pages: tuple[str, ...]
    unopened: tuple[str, ...]
    passages: int


def tried(report: Report) -> Tried:
    """What was tried until this report was made."""
    steps = report.run.steps.filter(kind__in=_LOOKED, finished_at__lte=report.created_at).order_by("seq")
    queries, pages, seen = list[str](), list[str](), set[tuple[int, int]]()
    opened: list[tuple[str, str]] = []
    for key, kind, result, error in steps.values_list("key", "kind", "result", "error"):
        if kind == "open":
            opened.append((key, error))
        if error:
            continue
        if kind in ("search", "list", "web"):
            queries.append(result["query"])
        if kind in ("open", "browse") and result.get("snapshot"):
            pages.append(result["title"] or result["url"])
        if kind == "list":
            seen.update((snapshot, start) for snapshot, start in result["passages"])
        elif kind in ("search", "more"):
            seen.update((hit["snapshot"], hit["start"]) for hit in result["hits"])
        elif kind in ("open", "browse"):
            seen.update((result["snapshot"], one["start"]) for one in result.get("passages", ()))
    return Tried(tuple(dict.fromkeys(queries)), tuple(dict.fromkeys(pages)), _unopened(opened), len(seen))


def not_opened(report: Report) -> tuple[str, ...]:
    """Of the addresses in the question those that could not be opened, in sentences that say why."""
    given = tuple(f"{one} " for one in addresses(report.run.question))
    if not given:
        return ()
    steps = report.run.steps.filter(kind="open", finished_at__lte=report.created_at).order_by("seq")
    return tuple(why for why in _unopened(steps.values_list("key", "error")) if why.startswith(given))


def _unopened(opened: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Of these steps' keys and errors what failed, and was not opened when it was tried again: in sentences that begin
    with the address."""
    last = {key.partition("/again/")[0]: error for key, error in opened}
    return tuple(dict.fromkeys(filter(None, last.values())))
