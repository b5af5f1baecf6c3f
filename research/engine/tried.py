"""What a run tried, for a report that says "not found": its queries, the pages it read in full, and how much it read.

From the journal's rows, as they were when the report was made. Blocking. Called by markdown.py and views/cited.py.
"""

from dataclasses import dataclass

from research.models import Report

_LOOKED = ("search", "more", "list", "open", "find")


@dataclass(frozen=True)
class Tried:
    """The queries in order, each once; the titles of the pages that were opened, or their addresses; and how many
    different passages were in view."""

    queries: tuple[str, ...]
    pages: tuple[str, ...]
    passages: int


def tried(report: Report) -> Tried:
    """What was tried until this report was made."""
    steps = report.run.steps.filter(error="", kind__in=_LOOKED, finished_at__lte=report.created_at).order_by("seq")
    queries, pages, seen = list[str](), list[str](), set[tuple[int, int]]()
    for kind, result in steps.values_list("kind", "result"):
        if kind in ("search", "list"):
            queries.append(result["query"])
        if kind == "open":
            pages.append(result["title"] or result["url"])
        if kind == "list":
            seen.update((snapshot, start) for snapshot, start in result["passages"])
        elif kind in ("search", "more"):
            seen.update((hit["snapshot"], hit["start"]) for hit in result["hits"])
        elif kind == "open":
            seen.update((result["snapshot"], one["start"]) for one in result["passages"])
    return Tried(tuple(dict.fromkeys(queries)), tuple(dict.fromkeys(pages)), len(seen))
