"""Says how the crawl of a source is going, and why a page is in the index or not, in words for a person.

Reads rows and changes none; decides nothing. Called by search_index/admin.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery, Window
from django.db.models.functions import Coalesce, RowNumber
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from search_index.lease import CRAWLS_AT_ONCE
from search_index.models import Crawl, EmbeddingModel, Host, Page, Passage, Snapshot, Source, Vector

ACTIVE = (Crawl.State.QUEUED, Crawl.State.RUNNING)
TROUBLE = (Page.State.REFUSED, Page.State.FAILED, Page.State.GONE)
EXAMPLES = 3  # pages shown for each reason
LATEST = 8  # pages shown of those that were looked at last
CRAWLS_SHOWN = 24  # in a chart
RATE_OVER = timedelta(minutes=1)  # pages per second are of the last minute
MOST_COUNTED = 10_000  # vectors that wait are counted no further
RESTING = timedelta(seconds=60)  # a host that is free later than that is not waiting for its turn only
SLOW_START = timedelta(seconds=20)  # a worker takes a crawl up at once; beat rings again every 5 s

# The codes of errors.py in words. A code that is not here is shown as it is.
REASONS: dict[str, Promise] = {
    "address": gettext_lazy("not a public address"),
    "barren": gettext_lazy("of a kind that had nothing for the index, many times over"),
    "blocked": gettext_lazy("its host is blocked"),
    "boilerplate": gettext_lazy("a message or a wall, not a page"),
    "bomb": gettext_lazy("made to blow up when it is unpacked"),
    "broken": gettext_lazy("broken file"),
    "browser": gettext_lazy("the browser could not show it"),
    "busy": gettext_lazy("the host asks to wait"),
    "connection": gettext_lazy("no connection"),
    "container": gettext_lazy("holds documents, which are pages of their own"),
    "copy": gettext_lazy("nothing that another page of the source does not say"),
    "crash": gettext_lazy("reading it took too much time or memory"),
    "denied": gettext_lazy("denied by the operator (EGRESS_DENY)"),
    "dns": gettext_lazy("unknown host"),
    "drip": gettext_lazy("sent drop by drop"),
    "duplicate": gettext_lazy("another address of a page that is known"),
    "egress": gettext_lazy("stopped by the egress door"),
    "empty": gettext_lazy("no text"),
    "encoding": gettext_lazy("unreadable compression"),
    "feed": gettext_lazy("the feed itself: what it lists is read"),
    "file": gettext_lazy("unreadable file"),
    "gibberish": gettext_lazy("text that means nothing"),
    "gone": gettext_lazy("no longer there"),
    "legacy": gettext_lazy("a file of an old office program"),
    "linkfarm": gettext_lazy("links to many sites, and no text about them"),
    "links": gettext_lazy("a list of links"),
    "locked": gettext_lazy("locked with a password"),
    "missing": gettext_lazy("no longer in the source"),
    "name": gettext_lazy("not a public name"),
    "nested": gettext_lazy("nested too deep"),
    "noindex": gettext_lazy("it asks not to be indexed"),
    "parser": gettext_lazy("its parser failed"),
    "poison": gettext_lazy("its host contradicts itself in copies"),
    "port": gettext_lazy("a port that is not opened"),
    "quarantine": gettext_lazy("broke its parser twice: not tried again until it changes"),
    "rate": gettext_lazy("too much in a short time"),
    "redirect": gettext_lazy("redirected too often, or to nowhere"),
    "repeated": gettext_lazy("the same text again and again"),
    "robots": gettext_lazy("forbidden by robots.txt"),
    "scanned": gettext_lazy("pictures of text, no text"),
    "scope": gettext_lazy("outside the source"),
    "size": gettext_lazy("too large"),
    "spam": gettext_lazy("search words over and over"),
    "status": gettext_lazy("the server answered with an error"),
    "template": gettext_lazy("one of many pages with the same words and other numbers"),
    "thin": gettext_lazy("too little text"),
    "timeout": gettext_lazy("no answer in time"),
    "tls": gettext_lazy("no safe connection (certificate)"),
    "trap": gettext_lazy("its host is a crawler trap"),
    "type": gettext_lazy("not a document that can be read"),
    "url": gettext_lazy("not an address that is opened"),
    "worker": gettext_lazy("no worker answered in time"),
}


@dataclass(frozen=True)
class Trouble:
    """Pages of a source that are not in the index for one and the same reason; `pages` are a few of them."""

    state: str
    label: str  # of the state
    reason: str
    why: str
    count: int
    pages: list[Page]


@dataclass(frozen=True)
class Stage:
    """Seconds of work that a crawl has spent in one stage; summed over tasks side by side."""

    name: str
    seconds: float
    share: float  # of all stages


@dataclass(frozen=True)
class Progress:
    """How a source's last crawl is going or went, and what the source has in the index."""

    source: Source
    crawl: Crawl | None
    waiting: int  # pages in the frontier
    pages: int  # in the index
    passages: int
    troubles: list[Trouble]
    latest: list[Page]  # that were looked at, the last one first
    lately: int  # pages looked at within RATE_OVER
    vectors: int  # of its passages that are still to be made; no more than MOST_COUNTED

    @property
    def rate(self) -> float | None:
        """Pages a second: of the last minute while the crawl runs, over all of it once it is over."""
        if self.crawl is None or self.crawl.started_at is None:
            return None
        length = (self.crawl.finished_at or timezone.now()) - self.crawl.started_at
        if self.crawl.finished_at is None:
            return self.lately / max(1.0, min(RATE_OVER, length).total_seconds())
        return self.handled / max(0.1, length.total_seconds())

    @property
    def many_vectors(self) -> bool:
        return self.vectors >= MOST_COUNTED

    @property
    def stages(self) -> list[Stage]:
        return stages(self.crawl) if self.crawl else []

    @property
    def active(self) -> bool:
        return self.crawl is not None and self.crawl.state in ACTIVE

    @property
    def handled(self) -> int:
        """Pages that the crawl is through with, one way or another."""
        return self.crawl.handled if self.crawl else 0

    @property
    def total(self) -> int:
        """Pages known so far, up to the limit; a site's crawl finds more as it goes."""
        return self.crawl.foreseen(self.waiting) if self.crawl else self.waiting

    @property
    def elapsed(self) -> str:
        return elapsed(self.crawl) if self.crawl else "–"

    @property
    def sentence(self) -> str:
        """What is going on, and what to do where something has to be done."""
        crawl = self.crawl
        if crawl is None:
            return _("Never crawled.")
        if self.active and self.source.paused:
            return _("Paused. The pages that wait are kept; Resume goes on with them.")
        if crawl.state == Crawl.State.QUEUED:
            return _waits(crawl)
        if crawl.state == Crawl.State.RUNNING:
            return _runs(crawl)
        return self._ended(crawl)

    def _ended(self, crawl: Crawl) -> str:
        if crawl.state == Crawl.State.DONE and self.waiting:
            text = _("Done %(when)s, at its limit of %(most)d pages: more are known than it may read.")
        elif crawl.state == Crawl.State.DONE:
            text = _("Done %(when)s.")
        elif crawl.state == Crawl.State.STOPPED:
            text = _("Stopped %(when)s before its end.")
        else:
            text = _("Failed %(when)s.")
        return text % {"when": moment(crawl.finished_at), "most": self.source.max_pages}


def progress(source: Source) -> Progress:
    """How the source's last crawl is going, by a fixed number of queries."""
    counts = source.pages.aggregate(waiting=Count("pk", filter=Q(state=Page.State.QUEUED)), pages=Count("snapshot"))
    return Progress(
        source=source,
        crawl=source.crawls.order_by("-created_at", "-pk").first(),
        waiting=counts["waiting"],
        pages=counts["pages"],
        passages=Passage.objects.filter(source=source).count(),
        troubles=_troubles(source),
        latest=list(source.pages.filter(tried_at__isnull=False).order_by("-tried_at")[:LATEST]),
        lately=source.pages.filter(tried_at__gt=timezone.now() - RATE_OVER).count(),
        vectors=Vector.objects.filter(
            embedding=None, model__state=EmbeddingModel.State.SERVING, passage__source=source
        )[:MOST_COUNTED].count(),
    )


def _troubles(source: Source) -> list[Trouble]:
    """The source's pages that were refused, failed or are gone, by reason, the most frequent first; one query."""
    alike = [F("state"), F("reason")]
    ranked = (
        source.pages.filter(state__in=TROUBLE)
        .annotate(
            rank=Window(RowNumber(), partition_by=alike, order_by=F("pk").desc()),
            alike=Window(Count("pk"), partition_by=alike),
        )
        .filter(rank__lte=EXAMPLES)
        .order_by("-alike", "state", "reason", "rank")
    )
    found: dict[tuple[str, str], Trouble] = {}
    for page in ranked:
        fresh = Trouble(page.state, page.get_state_display(), page.reason, words(page.reason), page.alike, [])
        found.setdefault((page.state, page.reason), fresh).pages.append(page)
    return list(found.values())


def _runs(crawl: Crawl) -> str:
    if crawl.lease_until is not None and crawl.lease_until < timezone.now():
        return _("Its worker is gone; the next free worker goes on where it was.")
    return _("Crawling.")


def _waits(crawl: Crawl) -> str:
    if crawl.lease_until is not None and crawl.lease_until > timezone.now():
        return _("Put off: its host has asked to be left alone. It goes on %s.") % moment(crawl.lease_until)
    running = Crawl.objects.filter(state=Crawl.State.RUNNING).count()
    if running >= CRAWLS_AT_ONCE:
        return _("Waiting for its turn: %(count)d crawls are running.") % {"count": running}
    waited = timezone.now() - crawl.created_at
    if crawl.lease_epoch or waited < SLOW_START:  # with an epoch it was taken up before, and given back
        return _("Waiting for a worker.")
    return _("No worker has taken it up for %(time)s. Does the worker run? script/server starts it.") % {
        "time": duration(waited)
    }


def manners(host: Host) -> str:
    """How the host is treated, and why: how quickly it has answered of late, and whether it is left alone just now."""
    if host.seconds is None:
        return _("Nothing is known of how it answers.")
    told = [_("It has answered within %.1f s of late.") % host.seconds]
    if host.busy:
        said = ngettext(
            "It has said %(times)d time that it is busy.",
            "It has said %(times)d times in a row that it is busy.",
            host.busy,
        )
        told.append(said % {"times": host.busy})
    if host.free_at is not None and host.free_at > timezone.now() + RESTING:
        told.append(_("It is left alone until %s.") % date_format(timezone.localtime(host.free_at), "H:i"))
    return " ".join(told)


STAGES: dict[str, Promise] = {
    "fetch": gettext_lazy("fetching"),
    "extract": gettext_lazy("reading"),
    "judge": gettext_lazy("judging"),
    "store": gettext_lazy("storing"),
    "embed": gettext_lazy("embedding"),
}


def stages(crawl: Crawl) -> list[Stage]:
    """What the crawl's work went into, in the order of a page's path."""
    known = [name for name in STAGES if name in crawl.seconds]
    names = known + sorted(set(crawl.seconds) - set(known))
    total = sum(crawl.seconds.values()) or 1.0
    return [Stage(str(STAGES.get(name, name)), crawl.seconds[name], crawl.seconds[name] / total) for name in names]


@dataclass(frozen=True)
class Course:
    """How a figure went from crawl to crawl, the oldest first; `moments` says when each crawl was."""

    label: str
    counts: list[int]
    moments: list[str]

    @property
    def last(self) -> int:
        return self.counts[-1]


def reasons_over_time(source: Source) -> list[Course]:
    """For each reason, how many pages of the source were not in the index because of it at the end of each of the last
    crawls, the most frequent reason first. One query; empty where fewer than two crawls have come to an end."""
    ended = source.crawls.filter(state__in=(Crawl.State.DONE, Crawl.State.FAILED), started_at__isnull=False)
    crawls = list(ended.order_by("-created_at", "-pk")[:CRAWLS_SHOWN])[::-1]
    if len(crawls) < 2:
        return []
    found = {reason for crawl in crawls for reason in crawl.reasons}
    moments = [moment(crawl.finished_at) for crawl in crawls]
    courses = [
        Course(words(reason) or _("no reason is recorded"), [crawl.reasons.get(reason, 0) for crawl in crawls], moments)
        for reason in found
    ]
    return sorted(courses, key=lambda course: (-course.last, -sum(course.counts), course.label))


def freshness(source: Source) -> str:
    """When the source is looked at again, and how that was found out."""
    if source.kind == Source.Kind.LIVE:
        return _("Its pages are read again when a run opens them.")
    if source.paused:
        return _("Not while it is paused.")
    if not source.keep_fresh:
        return _("Only when it is told to.")
    if source.next_crawl_at is None:
        return _("Not planned yet.")
    if source.crawl_every is None:
        return _("Next %(when)s.") % {"when": moment(source.next_crawl_at)}
    told = {"when": moment(source.next_crawl_at), "interval": duration(source.crawl_every)}
    return _("Next %(when)s, every %(interval)s (learned from how often its pages change).") % told


def with_figures(sources: QuerySet[Source]) -> QuerySet[Source]:
    """The sources with `known`, `indexed`, `refused`, `failed` and `passages` counted, and `last_crawls`: the
    latest ones, the last first. Two queries, however many sources there are."""
    last = Crawl.objects.order_by("-created_at", "-pk")[:CRAWLS_SHOWN]
    passages = Passage.objects.filter(source=OuterRef("pk")).order_by().values("source")
    return sources.annotate(
        known=_pages_with(),
        indexed=_pages_with(snapshot__isnull=False),  # during a pass they are in state queued, and yet in the index
        refused=_pages_with(state=Page.State.REFUSED),
        failed=_pages_with(state=Page.State.FAILED),
        passages=_number(passages.annotate(number=Count("pk")).values("number")),
    ).prefetch_related(Prefetch("crawls", queryset=last, to_attr="last_crawls"))


def _pages_with(**conditions: object) -> Coalesce:
    pages = Page.objects.filter(source=OuterRef("pk"), **conditions).order_by().values("source")
    return _number(pages.annotate(number=Count("pk")).values("number"))


def _number(query: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(query, output_field=IntegerField()), 0)


def standing(page: Page, passages: int) -> str:
    """Why the page is in the index or not, in a sentence or two. `passages`: how many it has there."""
    counted = ngettext("%(count)d passage", "%(count)d passages", passages) % {"count": passages}
    said = {
        "passages": counted,
        "when": moment(page.fetched_at),
        "due": moment(page.due_at),
        "why": words(page.reason) or _("no reason is recorded"),
        "detail": page.detail,
    }
    if page.snapshot_id and passages:
        texts = {
            Page.State.INDEXED: _("It is in the index with %(passages)s, read %(when)s."),
            Page.State.QUEUED: _("It is in the index with %(passages)s, read %(when)s, and waits to be read again."),
        }
        text = texts.get(Page.State(page.state)) or _(
            "It is in the index with %(passages)s as it was read %(when)s; since then: %(why)s. %(detail)s"
        )
    elif page.state == Page.State.QUEUED and page.attempts:
        text = _("It is not in the index yet: %(why)s. The next attempt is due %(due)s. %(detail)s")
    else:
        text = {
            Page.State.QUEUED: _("It is not in the index yet: it waits to be read."),
            Page.State.INDEXED: _("It was read %(when)s, but no passage of it is in the index."),
            Page.State.REFUSED: _("It is not in the index because it was refused: %(why)s. %(detail)s"),
            Page.State.FAILED: _("It is not in the index because it failed: %(why)s. %(detail)s"),
            Page.State.GONE: _("It is no longer in the index because it is gone. %(detail)s"),
        }[Page.State(page.state)]
    return (text % said).strip()


@dataclass(frozen=True)
class Piece:
    """A stretch of a snapshot's text: a passage with its number (from 1) and the headings above it, or what is not."""

    text: str
    number: int = 0  # 0: in no passage
    heading: str = ""
    passage: int = 0  # its id


def pieces(snapshot: Snapshot, most: int) -> list[Piece]:
    """The first `most` characters of the snapshot's text, cut along its passages."""
    text, found, at = snapshot.text[:most], [], 0
    spans = snapshot.passages.order_by("start").values_list("start", "end", "ordinal", "heading", "pk")
    for start, end, ordinal, heading, passage in spans.filter(start__lt=most):
        if text[at:start].strip():
            found.append(Piece(text[at:start].strip("\n")))
        found.append(Piece(text[max(start, at) : end], ordinal + 1, heading, passage))
        at = max(at, end)
    if text[at:].strip():
        found.append(Piece(text[at:].strip("\n")))
    return found


def elapsed(crawl: Crawl) -> str:
    """How long the crawl took, or has been going."""
    if crawl.started_at is None:
        return "–"
    return duration((crawl.finished_at or timezone.now()) - crawl.started_at)


def words(reason: str) -> str:
    """A reason's code in words."""
    return str(REASONS.get(reason, reason))


def moment(when: datetime | None) -> str:
    """A moment as a person says it: "at 14:03" of today, "on 3 May, 14:03" of this year ..., or "–"."""
    if when is None:
        return "–"
    local = timezone.localtime(when)
    if local.date() == timezone.localdate():
        return _("at %(time)s") % {"time": date_format(local, "H:i")}
    same_year = local.year == timezone.localdate().year
    return _("on %(day)s") % {"day": date_format(local, "j M, H:i" if same_year else "j M Y, H:i")}


def duration(length: timedelta) -> str:
    """A length of time in its two largest units: "2 min 5 s"."""
    minutes, seconds = divmod(max(0, round(length.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        days, hours = divmod(hours, 24)
        return _("%(days)d days %(hours)d h") % {"days": days, "hours": hours}
    if hours:
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    if minutes:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": seconds}
    return _("%(seconds)d s") % {"seconds": seconds}


# --- judgement ---

# Reasons that are about a page's text: it was read, and an operator may see it otherwise. Not among them: copies, which
# are in the index already, and lists of links, which have no text.
JUDGED = ("boilerplate", "gibberish", "linkfarm", "repeated", "spam", "thin")


# What a signal is called where its own name would not tell; a page's text does not hold what was hidden on it.
SIGNALS: dict[str, Promise] = {"hidden": gettext_lazy("pieces hidden from readers, left out")}


def signals(page: Page) -> list[tuple[str, str]]:
    """What was measured of the page's text, by name."""
    found = sorted(page.signals.items())
    return [(str(SIGNALS.get(name, name.replace("_", " "))), _figure(value)) for name, value in found]


def _figure(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
