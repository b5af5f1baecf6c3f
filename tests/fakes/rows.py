"""Rows as a run would leave them, made by plain functions with defaults."""

from datetime import date
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from research.engine.exhibits import exhibit
from research.models import Claim, Evidence, Gap, Report, Run, Shot, Step
from search_index.models import Page, Snapshot, Source

TEXT = (
    "Sea clocks\n"
    "John Harrison finished his first sea clock in 1735. The Board paid him £10,000 in 1765.\n"
    "Lunar distances\n"
    "Nevil Maskelyne published the first Nautical Almanac in 1766."
)
QUOTE = "The Board paid him £10,000 in 1765."
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>&\"'"


def make_snapshot(
    text: str = TEXT, *, title: str = "On sea clocks", url: str = "https://clocks.example/harrison", **fields: Any
) -> Snapshot:
    """A stored page of the source `Clocks`."""
    source, _ = Source.objects.get_or_create(
        name="Clocks", defaults={"kind": "site", "location": "https://clocks.example/"}
    )
    page = Page.objects.create(source=source, url=url, state=Page.State.INDEXED, fetched_at=timezone.now())
    snapshot = Snapshot.objects.create(
        page=page,
        text=text,
        sha256=sha256(text.encode()).hexdigest(),
        title=title,
        fetched_at=timezone.now(),
        **{"published_on": date(2019, 5, 3), **fields},
    )
    page.snapshot = snapshot
    page.save()
    return snapshot


def make_run(owner: User, question: str = "Who was paid for the sea clock?", **fields: Any) -> Run:
    """A run that waits, unless `state` says something else."""
    return Run.objects.create(owner=owner, question=question, **fields)


def make_gap(run: Run, number: int = 1, **fields: Any) -> Gap:
    """A sub-question of a run."""
    return Gap.objects.create(run=run, number=number, **{"question": f"Gap {number} of the plan", **fields})


def make_step(run: Run, kind: str, result: dict[str, Any], **fields: Any) -> Step:
    """The next step of a run's journal."""
    run.last_seq += 1
    run.save(update_fields=["last_seq"])
    defaults = {"key": f"{kind}/{run.last_seq}", "cost": {}, "started_at": timezone.now()}
    return Step.objects.create(
        run=run, seq=run.last_seq, kind=kind, input_hash="", result=result, epoch=1, **{**defaults, **fields}
    )


def make_begun(owner: User, **fields: Any) -> Run:
    """A run under way: a plan of one sub-question, and a search for it."""
    run = make_run(owner, state="running", started_at=timezone.now(), **fields)
    gap = make_gap(run)
    make_step(run, "plan", {"gaps": [{"number": 1, "question": gap.question}]})
    make_step(run, "search", {"gap": 1, "query": "sea clock money", "hits": []})
    return run


# A JPEG of one grey pixel.
PIXEL = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300" + "01" * 64 + "ffc0000b080001000101011100ffc40014000100000000"
    "000000000000000000000003ffc40014100100000000000000000000000000000000ffda0008010100003f0037ffd9"
)


def make_browsed(run: Run, gap: Gap, snapshot: Snapshot | None = None, **fields: Any) -> Step:
    """A step in the run's browser, with its picture."""
    result = {
        "gap": gap.number,
        "deed": "click",
        "tab": "https://timekeepers.example/list",
        "deeds": [],
        "address": "https://timekeepers.example/list?page=2",
        "title": "The list",
        "host": "timekeepers.example",
        "did": "clicked the link “Next page”",
        "refused": "",
        "pictured": True,
        "url": "https://timekeepers.example/list?page=2",
        "snapshot": snapshot and snapshot.pk,
        **fields,
    }
    step = make_step(run, "browse", result, cost={"pages": 1})
    if result["pictured"]:
        Shot.objects.create(
            run=run, key=step.key, jpeg=PIXEL, address=result["address"], did=result["did"], at=timezone.now()
        )
    return step


def make_evidence(
    gap: Gap, snapshot: Snapshot, quote: str = QUOTE, number: int = 1, start: int | None = None
) -> Evidence:
    """The place of `quote` in the snapshot, its first unless `start` says which, kept for the gap."""
    start = snapshot.text.index(quote) if start is None else start
    return Evidence.objects.create(
        run=gap.run,
        number=number,
        gap=gap,
        exhibit=exhibit(str(gap.run_id), snapshot.pk),
        start=start,
        end=start + len(quote),
        quote=quote,
    )


def make_noted(run: Run, *numbers: int) -> None:
    """Sub-questions of these numbers, for each of which a piece of evidence was noted, of a page of its own."""
    for number in numbers:
        evidence = make_evidence(make_gap(run, number), make_snapshot(url=f"https://x.example/{number}"), number=number)
        make_step(run, "note", {"gap": number, "evidence": [evidence.number]})


def make_claim(report: Report, text: str, *evidence: Evidence, verdict: str = "supported", **fields: Any) -> Claim:
    """The next sentence of a report."""
    defaults = {"section": "What was found", "ordinal": report.claims.count() + 1}
    claim = Claim.objects.create(report=report, text=text, verdict=verdict, **{**defaults, **fields})
    claim.evidence.set(evidence)
    return claim


def make_report(owner: User, snapshot: Snapshot | None = None, **fields: Any) -> Report:
    """A finished run with one gap, one piece of evidence, one supported claim and one struck one."""
    now = timezone.now()
    run = make_run(owner, state=Run.State.DONE, started_at=now, finished_at=now)
    gap = make_gap(run, state=Gap.State.CLOSED)
    evidence = make_evidence(gap, snapshot or make_snapshot())
    report = Report.objects.create(
        run=run, **{"answer": "John Harrison", "not_found": ["What the clock weighed"], **fields}
    )
    make_claim(report, "The Board paid Harrison £10,000.", evidence)
    make_claim(
        report, "Maskelyne was paid as well.", evidence, verdict="unsupported", reason="The passage does not say so."
    )
    return report
