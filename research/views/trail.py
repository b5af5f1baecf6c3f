"""The trail as a picture: from query to page to evidence, drawn from the steps of a journal. Pure; reads no rows.

Each gap is a band of three columns. A line leads from a query to the page that it brought, and from a page to the
evidence that was kept of it. Positions are given in rows, so that the picture grows with the reader's type. The list of
steps below it says the same in words. Called by views/picture.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from django.urls import reverse

from research.models import Run, Step

MOST = 40  # nodes of a column in all; beyond that nobody follows a line
ROW = 10  # units of the drawing that a row is high
KINDS = (
    "search",
    "more",
    "open",
    "browse",
    "note",
    "support",
    "list",
    "cell",
    "sift",
)  # the steps that it is drawn from


@dataclass(frozen=True)
class Node:
    """A query, a page or a piece of evidence. `path` are the ids of all that it leads to and comes from."""

    id: str
    mark: str  # E12; empty for others
    text: str
    detail: str
    href: str
    is_read: bool  # a page that was opened, not only seen in passages
    is_new: bool  # of the step that a replay stands at
    is_aside: bool = False  # evidence that was set aside: it is not in the report
    path: str = ""


@dataclass(frozen=True)
class Line:
    """A line between two neighbouring columns, as SVG draws it."""

    d: str
    ends: str  # the ids of its two nodes


@dataclass(frozen=True)
class Column:
    """The nodes of a band that are shown, and how many are not."""

    nodes: tuple[Node, ...]
    more: int

    @property
    def rows(self) -> int:
        return len(self.nodes) + bool(self.more)


@dataclass(frozen=True)
class Band:
    """What was looked for, opened and kept for one gap. `box` is the size of its drawing."""

    number: int
    text: str
    queries: Column
    pages: Column
    evidence: Column
    to_pages: tuple[Line, ...]
    to_evidence: tuple[Line, ...]
    box: str


@dataclass(frozen=True)
class Trail:
    """The whole picture; the numbers are its text alternative."""

    bands: tuple[Band, ...]
    queries: int
    pages: int
    evidence: int
    seq: int  # of the last step that is in it


@dataclass
class _Drawn:
    """A gap's nodes by id, in the order in which they came, and the lines between them."""

    queries: dict[str, Node] = field(default_factory=dict)
    pages: dict[str, Node] = field(default_factory=dict)
    evidence: dict[str, Node] = field(default_factory=dict)
    lines: dict[tuple[str, str], None] = field(default_factory=dict)
    brought: dict[int, str] = field(default_factory=dict)  # the query that last had a snapshot among its hits


def trail(run: Run, steps: Iterable[Step], gaps: Mapping[int, str], until: int = 0) -> Trail:
    """The picture of these steps. `gaps` are the sub-questions by number, in the order of the bands; `until` marks the
    nodes that the step with this seq made."""
    drawn: dict[int, _Drawn] = {number: _Drawn() for number in gaps}
    seq, aside = 0, []
    for step in steps:
        if step.kind in KINDS and not step.error:
            band = drawn.get(step.result.get("gap", 0))
            seq = step.seq
            if step.kind == "sift":
                aside = step.result.get("aside", [])
            if step.kind == "support":
                aside = [number for number in aside if number not in step.result["evidence"]]
            if band is not None and step.kind != "sift":
                _draw(band, run, step, is_new=step.seq == until)
    for band in drawn.values():
        marks = {name: replace(one, is_aside=int(one.mark[1:]) in aside) for name, one in band.evidence.items()}
        band.evidence = marks
    left = dict.fromkeys(("queries", "pages", "evidence"), MOST)
    bands = tuple(_band(number, gaps[number], one, left) for number, one in drawn.items() if one.queries or one.pages)
    return Trail(
        bands,
        queries=sum(len(one.queries) for one in drawn.values()),
        pages=len({page.href for one in drawn.values() for page in one.pages.values()}),
        evidence=len({kept.mark for one in drawn.values() for kept in one.evidence.values()}),
        seq=seq,
    )


def _draw(band: _Drawn, run: Run, step: Step, *, is_new: bool) -> None:
    gap, result = step.result["gap"], step.result
    if step.kind in ("search", "more", "list"):
        words, looked = result.get("query") or result.get("of", ""), f"q{gap}-{step.seq}"
        href = f"{reverse('run', args=[run.pk])}?steps=all#step-{step.seq}"
        band.queries[looked] = Node(looked, "", words, "", href, is_read=False, is_new=is_new)
        snapshots = [hit["snapshot"] for hit in result.get("hits", [])]
        snapshots += [snapshot for snapshot, _start in result.get("passages", [])]
        band.brought |= dict.fromkeys(snapshots, looked)
    elif step.kind in ("open", "browse") and result.get("snapshot"):
        _page(band, gap, result, is_read=True, is_new=is_new)
    for number, kept in zip(result.get("evidence", []), result.get("kept", []), strict=False):
        page = _page(band, gap, kept, is_read=False, is_new=is_new)
        mark = f"e{gap}-{number}"
        href = reverse("evidence", args=[run.pk, number]) + "#passage"
        new = Node(mark, f"E{number}", kept["quote"], kept["title"], href, is_read=False, is_new=is_new)
        band.evidence.setdefault(mark, new)
        band.lines[page, mark] = None


def _page(band: _Drawn, gap: int, of: Mapping[str, Any], *, is_read: bool, is_new: bool) -> str:
    """The id of the page's node, with a line from the query that brought it."""
    snapshot = of["snapshot"]
    name = f"p{gap}-{snapshot}"
    old = band.pages.get(name)
    band.pages[name] = Node(
        name,
        "",
        of["title"] or of["url"],
        urlsplit(of["url"]).hostname or "",
        reverse("snapshot", args=[snapshot]),
        is_read=is_read or bool(old and old.is_read),
        is_new=(is_new and (old is None or is_read)) or bool(old and old.is_new),
    )
    if snapshot in band.brought:
        band.lines[band.brought[snapshot], name] = None
    return name


def _band(number: int, text: str, band: _Drawn, left: dict[str, int]) -> Band:
    """The band, with at most what is `left` of each column; what has a line goes first."""
    joined = {end for line in band.lines for end in line}
    beside = {name: place for place, name in enumerate(band.pages)}
    of = {end: beside[start] for start, end in reversed(band.lines) if start in beside}
    band.evidence = dict(sorted(band.evidence.items(), key=lambda one: of.get(one[0], 0)))  # fewer lines cross
    columns: dict[str, Column] = {}
    for name in left:
        nodes: dict[str, Node] = getattr(band, name)
        shown = sorted(nodes, key=lambda one: one not in joined)[: left[name]]
        left[name] -= len(shown)
        path = {one: " ".join(sorted(_path(one, band.lines))) for one in shown}
        kept = tuple(replace(node, path=path[one]) for one, node in nodes.items() if one in path)
        columns[name] = Column(kept, len(nodes) - len(kept))
    rows = max(column.rows for column in columns.values())
    height = {
        node.id: round(((rows - column.rows) / 2 + place + 0.5) * ROW)
        for column in columns.values()
        for place, node in enumerate(column.nodes)
    }
    lines = [
        (start[0], Line(f"M0 {height[start]}C50 {height[start]} 50 {height[end]} 100 {height[end]}", f"{start} {end}"))
        for start, end in band.lines
        if start in height and end in height
    ]
    return Band(
        number,
        text,
        **columns,
        to_pages=tuple(line for of, line in lines if of == "q"),
        to_evidence=tuple(line for of, line in lines if of == "p"),
        box=f"0 0 100 {rows * ROW}",
    )


def _path(node: str, lines: Iterable[tuple[str, str]]) -> set[str]:
    """All that leads to the node, and all that it leads to."""
    lines = list(lines)
    back, on = {node}, {node}
    for _deep in range(2):  # a line is at most two long; they are not in order
        back |= {start for start, end in lines if end in back}
        on |= {end for start, end in lines if start in on}
    return back | on
