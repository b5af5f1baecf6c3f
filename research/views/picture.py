"""The picture of a run: its plan as a tree, its trail of steps by gap, its draft and what it has spent, read from the
journal.

The run page draws all of it and the stream draws what is new with the same parts, so a reload in the middle shows the
same picture. A picture `until` a step is the page as it was after that step: then the journal alone says what was
known. Reads rows, changes none. Called by views/runs.py, views/wishes.py, views/replay.py and stream.py.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db.models import Count, FloatField, IntegerField, Max, Q, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from config.endpoints import currency
from research.engine import findings
from research.engine.budget import Budget
from research.engine.values import Gap, Planned
from research.models import STRUCK, Evidence, Run, Step
from research.queue import place
from research.told import told
from research.views.cited import SourceShown, source, with_sources
from research.views.efforts import EffortShown, efforts
from research.views.trail import KINDS as DRAWN
from research.views.trail import Trail, trail
from research.views.tree import Branch, Counts, in_order, tree

WRITING = ("outline", "draft", "check")  # steps that change the draft
COUNTED = ("search", "more", "list", "open", "browse", "note", "support", "cell")  # steps that a gap's counts are of
BRINGING = ("plan", "revise", "wish")  # steps that may add gaps to the plan
PLANNING = ("plan", "revise", "wish", "choose", "report")  # steps that may change more of the plan than their own gap
LISTED = 80  # steps that the page lists of all gaps together, the latest of each; those before load when asked for
LATEST = 12  # steps of a gap that a replay lists: it is looked at for what comes last
ON_TRAIL = (
    "search",
    "open",
    "browse",
    "web",
    "find",
    "more",
    "compute",
    "list",
    "shape",
    "calibrate",
    "revise",
    "sift",
    "contrast",
    "wish",
)


@dataclass(frozen=True)
class Meter:
    """Something that is spent, of at most `most` (0: no limit). `unit` tells the template how to write it."""

    label: str
    spent: float
    most: float
    unit: str = "count"


@dataclass(frozen=True)
class Kept:
    """A piece of evidence on the trail."""

    number: int
    quote: str
    source: SourceShown


@dataclass(frozen=True)
class StepShown:
    """A step of the trail, ready for its template part. `gap` is 0 for steps of the whole run."""

    seq: int
    kind: str
    gap: int
    result: dict[str, Any]
    error: str
    thinking: str  # of a reasoning model, shown in a fold
    told: str  # what it did, in a line
    key: str
    attempt: int  # the number of the independent attempt that it belongs to; 0: none
    kept: tuple[Kept, ...] = ()
    is_retried: bool = False  # a failed step that was done anew since, or will be


@dataclass(frozen=True)
class GapShown:
    """A sub-question with the steps that were made for it."""

    branch: Branch
    steps: tuple[StepShown, ...]
    earlier: int = 0  # steps before those that are not listed
    failed: int = 0  # of them


@dataclass(frozen=True)
class SentenceShown:
    """A sentence of the draft; `verdict` is empty until it was checked."""

    text: str
    evidence: tuple[int, ...]
    verdict: str = ""
    reason: str = ""

    @property
    def is_struck(self) -> bool:
        return self.verdict in STRUCK


@dataclass(frozen=True)
class DraftSection:
    """A part of the report while it is written. `id` is where the stream appends what comes in."""

    heading: str
    sentences: tuple[SentenceShown, ...] = ()

    @property
    def id(self) -> str:
        return section_id(self.heading)


@dataclass(frozen=True)
class Head:
    """The top of the run page: its state, what it spends, and what can be done with it."""

    run: Run
    meters: list[Meter]
    place: int  # in the queue, 1 is next; 0 when it does not wait
    chosen: str  # what Auto chose, and why; empty while it has not
    lacks: int  # sub-questions that stayed without an answer
    efforts: list[EffortShown]  # to go on with; empty while it is under way

    @property
    def over(self) -> bool:
        return self.run.state in Run.OVER

    @property
    def ticks(self) -> bool:
        """Whether its time goes on."""
        return self.run.state == Run.State.RUNNING


@dataclass(frozen=True)
class Picture:
    """Everything the run page shows of a run."""

    run: Run
    head: Head
    branches: tuple[Branch, ...]  # the plan
    gaps: list[GapShown]
    whole: list[StepShown]  # steps of the whole run, not of a gap
    trouble: list[StepShown]  # those of them that failed
    sections: list[DraftSection]
    trail: Trail
    browsing: StepShown | None  # what its browser showed last; None where it is over, or used no page
    quiet: int  # seconds since the last step
    seq: int  # of the last step that is drawn: the stream goes on from here

    @property
    def over(self) -> bool:
        return self.head.over

    @property
    def live(self) -> bool:
        return not self.head.over


@dataclass(frozen=True)
class Past:
    """A journal as far as it is read, as findings.py asks it."""

    steps: Sequence[Step]

    def recorded(self, *kinds: str) -> list[Step]:
        """The steps of these kinds that did not fail."""
        return [step for step in self.steps if step.kind in kinds and not step.error]

    def has(self, key: str) -> bool:
        """Whether the step is there, as often as it was wanted tried again."""
        times = sum(wish.result.get("key") == key for wish in self.recorded("wish"))
        return any(step.key == (f"{key}/again/{times}" if times else key) for step in self.steps)


def picture(run: Run, until: int = 0, typed: Mapping[int, Planned] | None = None, every_step: bool = False) -> Picture:
    """The whole picture, in a fixed number of queries; `until` a step, if one is given. `typed` is what a person wrote
    into the fields of the plan that could not be kept. Of a long run the latest steps are listed, unless it is to be
    `every_step`."""
    steps = list(run.steps.filter(seq__lte=until) if until else run.steps.all())
    gaps = _settled(run, steps) if until else _drawn(run, steps)
    counts = _counts([(step.kind, step.result.get("gap"), step.result.get("evidence")) for step in _counted(steps)])
    branches = tree(gaps, counts, typed)
    ordered = list(in_order(branches))
    on = [step for step in steps if on_trail(step)]
    own: dict[int, list[Step]] = {branch.number: [] for branch in ordered}
    of_the_whole: list[Step] = []
    for step in on:
        own.get(gap_of(step), of_the_whole).append(step)
    most = len(on) if every_step else LATEST if until else max(1, LISTED // max(1, len(own)))
    listed = [step for gap in own.values() for step in gap[-most:]]
    browsed = [] if until or run.state in Run.OVER else [step for step in on if is_pictured(step)][-1:]
    shown = {step.seq: step for step in show(run, [*of_the_whole, *listed, *browsed], retried(steps))}
    whole = [shown[step.seq] for step in of_the_whole]
    return Picture(
        run=run,
        head=head(run, until),
        branches=branches,
        gaps=[_gap_shown(branch, own[branch.number], most, shown) for branch in ordered],
        whole=[step for step in whole if not step.error],
        trouble=[step for step in whole if step.error],
        sections=draft(steps),
        trail=trail(run, steps, {branch.number: branch.gap.text for branch in ordered}, until),
        browsing=next((shown[step.seq] for step in browsed), None),
        quiet=int((timezone.now() - steps[-1].finished_at).total_seconds()) if steps else 0,
        seq=steps[-1].seq if steps else 0,
    )


def _drawn(run: Run, steps: Sequence[Step]) -> list[Gap]:
    """The gaps as they are now, but for those that a step behind these has brought since: the stream brings them."""
    gaps = rows(run)
    later = run.steps.filter(kind__in=BRINGING, seq__gt=steps[-1].seq if steps else 0)
    new = {number for step in later for number in brought(step)}
    return [gap for gap in gaps if gap.number not in new]


def brought(step: Step) -> set[int]:
    """The numbers of the gaps that a step adds to the plan."""
    if step.kind == "wish":
        return {step.result["gap"]} if step.result["wish"] == "add" else set()
    return {gap["number"] for gap in step.result.get("gaps", ())}


def _gap_shown(branch: Branch, own: Sequence[Step], most: int, shown: Mapping[int, StepShown]) -> GapShown:
    earlier = own[: max(0, len(own) - most)]
    listed = tuple(shown[step.seq] for step in own[len(earlier) :])
    return GapShown(branch, listed, len(earlier), sum(bool(step.error) for step in earlier))


def before(run: Run, gap: int, seq: int) -> list[StepShown]:
    """The steps of a gap's trail before the one with this seq, in three queries."""
    of_it = run.steps.filter(Q(result__gap=gap) | Q(key__contains=f"gap/{gap}/"), seq__lt=seq).order_by("seq")
    steps = [step for step in of_it if gap_of(step) == gap and on_trail(step)]
    return list(show(run, steps, retried(list(run.steps.filter(Q(kind="wish") | Q(key__contains="/again/"))))))


def head(run: Run, until: int = 0) -> Head:
    """The top of the page, in a fixed number of queries."""
    over = run.state in Run.OVER
    settled = run.steps.filter(kind="calibrate", error="").first() if run.effort == Run.Effort.AUTO else None
    return Head(
        run=run,
        meters=meters(run, until),
        place=place(run),
        chosen=told("calibrate", settled.result) if settled and (not until or settled.seq <= until) else "",
        lacks=run.gaps.filter(state="given_up").count() if over else 0,
        efforts=efforts(run.limits, has_model=run.reasoner != "extractive")[1:] if over else [],
    )


def rows(run: Run) -> list[Gap]:
    """The gaps as they are now, in the person's order."""
    return [
        Gap(row.number, row.question, row.state, row.outcome, row.criterion, place=row.place, asked=row.asked)  # type: ignore[arg-type]
        for row in run.gaps.all()
    ]


def plan(run: Run, typed: Mapping[int, Planned] | None = None) -> tuple[Branch, ...]:
    """The plan alone, in two queries."""
    done = run.steps.filter(kind__in=COUNTED, error="").values_list("kind", "result__gap", "result__evidence")
    return tree(rows(run), _counts(list(done)), typed)


def drawn_trail(run: Run, after: int = -1) -> Trail | None:
    """The trail as a picture alone, in three queries; None where its last step is still the one with seq `after`."""
    steps = run.steps.filter(kind__in=DRAWN, error="").order_by("seq")
    if after == (steps.aggregate(last=Max("seq"))["last"] or 0):
        return None
    numbers = {branch.number: branch.gap.text for branch in in_order(tree(rows(run), {}))}
    return trail(run, steps, numbers)


def retried(steps: Collection[Step]) -> set[str]:
    """The keys of failed steps that were done anew since, or will be."""
    again = {step.key.partition("/again/")[0] for step in steps if "/again/" in step.key}
    return again | {step.result["key"] for step in steps if step.kind == "wish" and step.result.get("wish") == "retry"}


def show(run: Run, steps: Sequence[Step], again: Collection[str] = ()) -> Iterable[StepShown]:
    """These steps with the evidence that they kept; `again` are the keys of those that are retried."""
    numbers = {number for step in steps for number in _kept(step)}
    kept = {
        evidence.number: Kept(evidence.number, evidence.quote, source(evidence, evidence.number))
        for evidence in (with_sources().filter(run=run, number__in=numbers) if numbers else Evidence.objects.none())
    }
    for step in steps:
        attempt = re.search(r"/attempt/(\d+)", step.key)
        yield StepShown(
            seq=step.seq,
            kind=step.kind,
            gap=gap_of(step),
            result=step.result,
            error=step.error,
            thinking="\n\n".join(step.cost.get("thinking", [])),
            told=told(step.kind, step.result, step.error),
            key=step.key,
            attempt=int(attempt.group(1)) if attempt else 0,
            kept=tuple(kept[number] for number in _kept(step) if number in kept),
            is_retried=step.key in again,
        )


def on_trail(step: Step) -> bool:
    """Whether a step has a line of its own: searching and opening tell what acting decided, unless it gave a reason."""
    if step.error:
        return True
    if step.kind == "act":
        ends = step.result.get("kind") in {"answer", "give_up"}
        return bool(ends or step.result.get("reasoning") or any(step.cost.get("thinking", [])))
    if step.kind == "choose":
        return bool(step.result.get("outcomes"))
    return step.kind in ON_TRAIL or (step.kind in ("note", "support") and bool(_kept(step)))


def is_pictured(step: Step) -> bool:
    """Whether there is a picture of what the browser showed after the step."""
    return step.kind == "browse" and not step.error and bool(step.result.get("pictured"))


def draft(steps: Iterable[Step]) -> list[DraftSection]:
    """The sections as far as they are outlined, written and checked."""
    sections: dict[str, DraftSection] = {}
    for step in steps:
        if step.error:
            continue
        if step.kind == "outline":
            sections = {part["heading"]: DraftSection(part["heading"]) for part in step.result["sections"]}
        elif step.kind == "draft":
            heading = step.result["section"]
            sections[heading] = DraftSection(heading, tuple(map(_sentence, step.result["sentences"])))
        elif step.kind == "check":
            heading = step.result["section"]
            sections[heading] = DraftSection(heading, tuple(map(_sentence, step.result["claims"])))
    return list(sections.values())


def meters(run: Run, until: int = 0) -> list[Meter]:
    """What the run has spent of its budget; `until` a step, if one is given."""
    most = Budget(**run.budget)
    steps = run.steps.filter(seq__lte=until) if until else run.steps.all()
    spent = steps.aggregate(
        pages=Sum(Cast(KT("cost__pages"), IntegerField())),
        calls=Sum(Cast(KT("cost__model_calls"), IntegerField())),
        prompt=Sum(Cast(KT("cost__prompt_tokens"), FloatField())),
        completion=Sum(Cast(KT("cost__completion_tokens"), FloatField())),
        money=Sum(Cast(KT("cost__money"), FloatField())),
        revised=Count("pk", filter=Q(kind="revise")),
        last_revised=Max("seq", filter=Q(kind="revise")),
        last_act=Max("seq", filter=Q(kind="act")),
        ended=Max("finished_at"),
    )
    under_way = (spent["last_act"] or 0) > (spent["last_revised"] or 0)  # a round ends when the plan is revised
    shown = [
        Meter(_("time"), _seconds(run, spent["ended"] if until else None), most.seconds, "time"),
        Meter(_("rounds"), spent["revised"] + under_way, most.rounds),
        Meter(_("pages opened"), spent["pages"] or 0, most.pages),
    ]
    if run.reasoner != "extractive":
        shown.append(Meter(_("tokens"), (spent["prompt"] or 0) + (spent["completion"] or 0), most.tokens))
        shown.append(Meter(_("model calls"), spent["calls"] or 0, 0))
        if spent["money"]:
            shown.append(Meter(currency(), spent["money"], 0, "money"))
    return shown


def _seconds(run: Run, then: datetime | None) -> float:
    """How long the run has worked: until now, or until its step at `then`. Pauses are counted to the end, so of an
    earlier step in a run that paused it is at least nothing."""
    now = timezone.now()
    began = run.started_at or now
    until = then or run.finished_at or run.paused_at or now
    return max(0.0, (until - began - run.paused).total_seconds())


def section_id(heading: str) -> str:
    """The id of a section's element. Headings are anybody's text, so they are hashed."""
    return f"section-{sha256(heading.encode()).hexdigest()[:12]}"


def _sentence(part: dict[str, Any]) -> SentenceShown:
    return SentenceShown(part["text"], tuple(part["evidence"]), part.get("verdict", ""), part.get("reason", ""))


def gap_of(step: Step) -> int:
    """The number of the gap a step was made for; a failed step has no result, but its key says it."""
    found = re.search(r"gap/(\d+)", step.key)
    return int(step.result.get("gap") or (found.group(1) if found else 0))


def _kept(step: Step) -> list[int]:
    return step.result.get("evidence", []) if step.kind in ("note", "support", "list") else []


def _counted(steps: Iterable[Step]) -> Iterable[Step]:
    return (step for step in steps if step.kind in COUNTED and not step.error)


def _counts(steps: Iterable[tuple[str, int | None, list[int] | None]]) -> dict[int, Counts]:
    """What was done for each gap, of (kind, gap, evidence) of the steps that count."""
    queries: Counter[int] = Counter()
    pages: Counter[int] = Counter()
    evidence: dict[int, set[int]] = defaultdict(set)
    for kind, gap, kept in steps:
        number = gap or 0
        queries[number] += kind in ("search", "more", "list")
        pages[number] += kind in ("open", "browse")
        evidence[number].update(kept or [])
    return {number: Counts(queries[number], pages[number], len(evidence[number])) for number in queries}


def _settled(run: Run, steps: Sequence[Step]) -> list[Gap]:
    """The gaps as they were after the last of these steps. A report settles those that the hunt left open."""
    gaps = list(findings.gaps(Past(steps)))
    last = next((step for step in reversed(steps) if step.kind == "report" and not step.error), None)
    if last is None or any(step.seq > last.seq and step.kind == "wish" for step in steps):
        return gaps
    lacking = set(last.result["not_found"])
    return [
        replace(gap, state="given_up" if gap.text in lacking else "closed") if gap.state != "dropped" else gap
        for gap in gaps
    ]
