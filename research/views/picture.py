"""The picture of a run: its plan, its trail of steps by gap, its draft and what it has spent, read from the journal.

The run page draws all of it and the stream draws what is new with the same parts, so a reload in the middle shows the
same picture. Reads rows, changes none. Called by views/run.py and stream.py.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db.models import FloatField, IntegerField, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from config.endpoints import currency
from research.engine.budget import Budget
from research.models import Evidence, Gap, Run, Step
from research.queue import place
from research.views.cited import SourceShown, source, with_sources

FINAL = (Run.State.DONE, Run.State.STOPPED, Run.State.FAILED)
WRITING = ("outline", "draft", "check")  # steps that change the draft


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
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True)
class GapShown:
    """A sub-question with the steps that were made for it."""

    gap: Gap
    steps: tuple[StepShown, ...]


@dataclass(frozen=True)
class SentenceShown:
    """A sentence of the draft; `verdict` is empty until it was checked."""

    text: str
    evidence: tuple[int, ...]
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True)
class DraftSection:
    """A part of the report while it is written. `id` is where the stream appends what comes in."""

    heading: str
    sentences: tuple[SentenceShown, ...] = ()

    @property
    def id(self) -> str:
        return section_id(self.heading)


@dataclass(frozen=True)
class Picture:
    """Everything the run page shows of a run that is under way."""

    run: Run
    gaps: list[GapShown]
    steps: list[StepShown]  # of the whole run, not of a gap
    sections: list[DraftSection]
    meters: list[Meter]
    place: int  # in the queue, 1 is next; 0 when it does not wait
    seq: int  # of the last step that is drawn: the stream goes on from here

    @property
    def over(self) -> bool:
        return self.run.state in FINAL


def picture(run: Run) -> Picture:
    """The whole picture, in a fixed number of queries."""
    steps = list(run.steps.order_by("seq"))
    shown = list(show(run, steps))
    gaps = [
        GapShown(gap, tuple(step for step in shown if step.gap == gap.number and on_trail(step)))
        for gap in run.gaps.all()
    ]
    return Picture(
        run=run,
        gaps=gaps,
        steps=[step for step in shown if not step.gap and step.error],
        sections=draft(steps),
        meters=meters(run),
        place=place(run),
        seq=steps[-1].seq if steps else 0,
    )


def show(run: Run, steps: Sequence[Step]) -> Iterable[StepShown]:
    """These steps with the evidence that they kept."""
    numbers = {number for step in steps if step.kind == "note" for number in step.result.get("evidence", [])}
    kept = {
        evidence.number: Kept(evidence.number, evidence.quote, source(evidence, evidence.number))
        for evidence in (with_sources().filter(run=run, number__in=numbers) if numbers else Evidence.objects.none())
    }
    for step in steps:
        noted = step.result.get("evidence", []) if step.kind == "note" else []
        found = tuple(kept[number] for number in noted if number in kept)
        thinking = "\n\n".join(step.cost.get("thinking", []))
        yield StepShown(step.seq, step.kind, _gap_of(step), step.result, step.error, thinking, found)


def on_trail(step: StepShown) -> bool:
    """Whether a step has a line of its own: searching and opening tell what acting decided, unless it gave a reason."""
    if step.error:
        return True
    if step.kind == "act":
        ends = step.result.get("kind") in {"answer", "give_up"}
        return bool(ends or step.result.get("reasoning") or step.thinking)
    return step.kind in {"search", "open"} or (step.kind == "note" and bool(step.kept))


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


def meters(run: Run) -> list[Meter]:
    """What the run has spent of its budget."""
    most = Budget(**run.budget)
    spent = run.steps.aggregate(
        pages=Sum(Cast(KT("cost__pages"), IntegerField())),
        calls=Sum(Cast(KT("cost__model_calls"), IntegerField())),
        prompt=Sum(Cast(KT("cost__prompt_tokens"), FloatField())),
        completion=Sum(Cast(KT("cost__completion_tokens"), FloatField())),
        money=Sum(Cast(KT("cost__money"), FloatField())),
    )
    began = run.started_at or timezone.now()
    seconds = ((run.finished_at or run.paused_at or timezone.now()) - began - run.paused).total_seconds()
    shown = [
        Meter(_("time"), max(0.0, seconds), most.seconds, "time"),
        Meter(_("pages opened"), spent["pages"] or 0, most.pages),
    ]
    if run.reasoner != "extractive":
        shown.append(Meter(_("tokens"), (spent["prompt"] or 0) + (spent["completion"] or 0), most.tokens))
        shown.append(Meter(_("model calls"), spent["calls"] or 0, 0))
        if spent["money"]:
            shown.append(Meter(currency(), spent["money"], 0, "money"))
    return shown


def section_id(heading: str) -> str:
    """The id of a section's element. Headings are anybody's text, so they are hashed."""
    return f"section-{sha256(heading.encode()).hexdigest()[:12]}"


def _sentence(part: dict[str, Any]) -> SentenceShown:
    return SentenceShown(part["text"], tuple(part["evidence"]), part.get("verdict", ""), part.get("reason", ""))


def _gap_of(step: Step) -> int:
    """The number of the gap a step was made for; a failed step has no result, but its key says it."""
    found = re.search(r"gap/(\d+)", step.key)
    return int(step.result.get("gap") or (found.group(1) if found else 0))
