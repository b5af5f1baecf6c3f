"""A small index for the engine's tests: real Source, Page and Snapshot rows, searched in memory by shared words.

It is not the product's search (tests/search_index has that): the same words always give the same passages, in no time.
"""

from collections.abc import Sequence

from django.utils import timezone

from config.loop import in_thread
from research.engine.terms import terms
from research.errors import StepFailed
from search_index.api import Browsed, Control, Deed, Hit, Opened, Span, Suggested
from search_index.models import Page, Snapshot, Source

PAGES = {
    "people": (
        "People",
        """Four people maintain Larkspur. Tor Vikdal wrote the first version and looks after the job file. He lives in
Bergen. Ines Aldana designed the schedules and leads the releases; she works at the observatory of La Silla in Chile.
Wren Okafor looks after the documentation.""",
    ),
    "retries": (
        "Retries",
        """A job that raises an exception is tried again. Larkspur tries a job five times before it gives up. The first
wait is 10 seconds. Each further wait is three times as long as the one before it.""",
    ),
    "history": (
        "History",
        """Larkspur began in March 2014 as a script of the Oslo public library. Version 1.0 was released on 12 May 2016.
Version 2.0 of 3 September 2019 brought the single job file and signed jobs.""",
    ),
}


class Library:
    """kit.Index over PAGES. `opened`, `queries` and `browsed` log what was asked of it; `tabs` is what stands in the
    browser after which deeds: (url, deeds) -> (the address of the library that has its text, its controls)."""

    def __init__(self) -> None:
        source = Source.objects.create(name="larkspur", kind="site", location="http://larkspur.test/")
        self.opened: list[str] = []
        self.queries: list[str] = []
        self.browsed: list[tuple[str, tuple[Deed, ...]]] = []
        self.named: list[str] = []  # of those asked for, that the person wrote themselves
        self.left: list[str] = []
        self.tabs: dict[tuple[str, tuple[Deed, ...]], tuple[str, tuple[Control, ...]]] = {}
        self.on_the_web: tuple[str, ...] | None = None  # what a web search finds; (): it fails
        self.asked_the_web: list[str] = []
        self.refuses: dict[Deed, str] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self._source = source
        for name, (title, text) in PAGES.items():
            self.add(f"http://larkspur.test/{name}.html", title, text)

    def add(self, url: str, title: str, text: str, source_class: str = "") -> None:
        """One page more."""
        page = Page.objects.create(source=self._source, url=url, state="indexed")
        page.snapshot = Snapshot.objects.create(
            page=page, text=text, sha256=url, title=title, fetched_at=timezone.now(), source_class=source_class
        )
        page.save()
        self.snapshots[url] = page.snapshot

    async def search(self, query: str, reasoning: str, sources: Sequence[int], limit: int) -> list[Hit]:
        self.queries.append(query)
        found = [
            (self._closeness(query, snapshot.text), url, snapshot)
            for url, snapshot in self.snapshots.items()
            if set(terms(query)) & set(terms(snapshot.text))
        ]
        found.sort(key=lambda one: (-one[0], one[1]))
        return [
            Hit(
                rank=rank,
                score=score,
                dense=score,
                lexical=score,
                passage=snapshot.pk,
                snapshot=snapshot.pk,
                start=0,
                end=len(snapshot.text),
                text=snapshot.text,
                heading="",
                title=snapshot.title,
                url=url,
                host="larkspur.test",
                source="larkspur",
            )
            for rank, (score, url, snapshot) in enumerate(found[:limit], start=1)
        ]

    @property
    def asks_the_web(self) -> bool:
        return self.on_the_web is not None

    async def web(self, query: str) -> Suggested:
        assert self.on_the_web is not None
        self.asked_the_web.append(query)
        if not self.on_the_web:
            raise StepFailed("SearXNG cannot be reached.")
        return Suggested(self.on_the_web)

    async def open(self, url: str, sealed: bool, named: bool) -> Opened:
        self.opened.append(url)
        self.named += [url] if named else []
        if url not in self.snapshots:
            raise StepFailed(f"{url} is not in the library.")
        snapshot = self.snapshots[url]
        return Opened(
            snapshot=snapshot.pk,
            url=url,
            host="larkspur.test",
            title=snapshot.title,
            author="",
            published_on=None,
            fetched_at=snapshot.fetched_at,
            source="larkspur",
            text=snapshot.text,
            links=tuple(self.snapshots),
        )

    async def browse(self, run: str, url: str, deeds: Sequence[Deed], sealed: bool, named: bool) -> Browsed:
        self.browsed.append((url, tuple(deeds)))
        self.named += [url] if named else []
        refused = self.refuses.get(deeds[-1], "") if deeds else ""
        stands = (url, tuple(deeds[:-1] if refused else deeds))
        if sealed or stands not in self.tabs:
            raise StepFailed(f"{url} is not to be had in the browser.")
        shown, controls = self.tabs[stands]
        opened = await self.open(shown, sealed, named=False)
        did = f"{deeds[-1].kind} control {deeds[-1].control}" if deeds and not refused else ""
        return Browsed(opened, controls, shown, b"jpeg of " + shown.encode(), refused, did)

    async def picture(self, run: str, url: str, quote: str) -> bytes:
        if quote in self.refuses.values():
            raise StepFailed("The browser is gone.")
        return b"jpeg of " + quote.encode()

    async def leave(self, run: str) -> None:
        self.left.append(run)

    async def passages(self, snapshot: int) -> list[Span]:
        text = (await in_thread(Snapshot.objects.get, pk=snapshot)).text
        return [Span(snapshot, 0, len(text), text)]

    async def similarity(self, query: str, texts: Sequence[str]) -> list[float]:
        return [0.5 + 0.5 * self._closeness(query, text) for text in texts]

    @staticmethod
    def _closeness(query: str, text: str) -> float:
        wanted = set(terms(query))
        return len(wanted & set(terms(text))) / len(wanted) if wanted else 0.0
