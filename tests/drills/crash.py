"""Workers that die, stop, sleep and are told twice: crash, boundaries, deploy, delivery, zombie, clock."""

import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from research import tasks
from research.models import Claim, Report, Run, Step
from tests.drills import oracle
from tests.drills.stage import LEASE_SECONDS, OVER, Stage, until

Document = dict[str, Any]
RESUME_SECONDS = 60


def crash(stage: Stage, runs: int) -> Document:
    """F-1: kill -9 at random moments, again and again, until all runs are over; each was hit at least once."""
    stage.model.latency = 0.3
    stage.beat()
    asked = stage.ask_all(runs)
    numbered = dict(enumerate(asked, start=1))
    deadline = time.monotonic() + 120 + 10 * runs
    while _left(asked):
        worker = stage.worker("wide=64")
        steps = Step.objects.count()
        first = len(stage.workers) == 1
        # The first worker is to have all of them in hand; all later ones die at a moment after their first step.
        until(
            lambda first=first, steps=steps: (
                (not Run.objects.filter(state="queued").exists() if first else Step.objects.count() > steps)
                or not _left(asked)
            ),
            max(1.0, deadline - time.monotonic()),
            "a worker's first step",
        )
        # A run of this latency lasts some 4 s: the first death is to find all of them under way.
        moment = time.monotonic() + stage.chance.uniform(0, 2 if first else 15)
        while time.monotonic() < moment and _left(asked):
            time.sleep(0.02)
        if _left(asked):
            worker.kill()
            stage.say(f"killed worker {len(stage.workers)}: {len(asked) - _left(asked)} of {runs} runs are over")
    waits = oracle.resumed(stage, asked)
    document = {
        "runs": runs,
        "kills": sum(worker.ended > 0 for worker in stage.workers),
        "hit": oracle.hit(stage, asked),
        "steps_per_run": round(Step.objects.count() / runs, 1),
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "calls": oracle.calls(stage, numbered),
        "fetches": oracle.fetches(stage),
        "resumed_s": {"p50": oracle.percentile(waits, 0.5), "most": oracle.percentile(waits, 1.0)},
        "lease_s": LEASE_SECONDS,
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and document["hit"] == runs
        and not document["wrong"]
        and document["calls"]["repeated"] == document["fetches"]["repeated"] == 0
        and max(waits, default=0.0) <= RESUME_SECONDS
    )
    return document


def boundaries(stage: Stage, runs: int) -> Document:
    """F-2: kill -9 at each step's boundaries, once before its commit and once right after it."""
    stage.beat()
    asked = stage.ask_all(2 * runs)
    deaths = {}
    for when, some in (("before", asked[:runs]), ("after", asked[runs:])):
        Run.objects.filter(pk__in=[run.pk for run in asked[runs:]]).update(
            state="stopped" if when == "before" else "queued"
        )
        began = len(stage.workers)
        while _left(some):
            worker = stage.worker("wide=64", f"die={when}", LEASE_SECONDS="3")
            until(lambda worker=worker, some=some: worker.process.poll() is not None or not _left(some), 120, "a death")
            if worker.process.poll() is not None:
                worker.ended = time.time()
            else:
                worker.terminate()
        deaths[when] = len(stage.workers) - began - 1
        stage.say(f"died {deaths[when]} times {when} a commit")
    numbered = dict(enumerate(asked, start=1))
    steps = Step.objects.count()
    document = {
        "runs": len(asked),
        "steps": steps,
        "deaths": deaths,
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "calls": oracle.calls(stage, numbered),
        "fetches": oracle.fetches(stage),
    }
    document["passed"] = (
        document["states"] == {"done": len(asked)}
        and not document["wrong"]
        and document["calls"]["repeated"] == document["fetches"]["repeated"] == 0
    )
    return document


def deploy(stage: Stage, runs: int) -> Document:
    """F-3: SIGTERM while jobs are under way on an old worker and a new one that is up already, three times over."""
    stage.model.latency = 0.5
    stage.beat()
    stage.furnish(range(1, runs + 1))
    old, asked, gone = stage.worker("wide=64"), list[Run](), list[float]()
    for third in range(3):
        new = stage.worker("wide=64")
        until(lambda: _log(stage).count(b"ready.") == len(stage.workers), 60, "the new worker")
        some = [stage.ask(number) for number in range(1 + third, runs + 1, 3)]
        asked += some
        until(lambda some=some: Step.objects.filter(run__in=some).count() >= len(some), 60, "their first steps")
        time.sleep(stage.chance.uniform(0, 1))
        gone.append(round(old.terminate(), 2))
        stage.say(f"the old worker was gone after {gone[-1]} s")
        old = new
    stage.wait(asked, 300)
    waits = oracle.resumed(stage, asked)
    document = {
        "runs": runs,
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "calls": oracle.calls(stage, {stage.number(run): run for run in asked}),
        "fetches": oracle.fetches(stage),
        "gone_s": gone,
        "handed_over": len(waits),
        "delay_s": {"p50": oracle.percentile(waits, 0.5), "p95": oracle.percentile(waits, 0.95)},
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and not document["wrong"]
        and document["calls"]["repeated"] == document["fetches"]["repeated"] == 0
        and document["delay_s"]["p95"] < RESUME_SECONDS
        and max(gone) < 7  # then the supervisor would kill it
        and len(waits) > 0
    )
    return document


def delivery(stage: Stage, runs: int) -> Document:
    """F-4 and F-5: messages that come again while their runs are under way, and five at once, to two workers."""
    stage.model.latency = 0.5
    stage.beat()
    for _worker in range(2):
        stage.worker("wide=64", "redeliver=1", LEASE_SECONDS="30")  # nobody dies here: no lease is to be lost
    asked = stage.ask_all(runs)
    messages = 0
    while _left(asked):
        for _message in range(5):
            tasks.research.delay()
            messages += 1
        time.sleep(0.5)
    document = {
        "runs": runs,
        "messages": messages,
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "calls": oracle.calls(stage, dict(enumerate(asked, start=1))),
        "fetches": oracle.fetches(stage),
        "claims": sum(Run.objects.values_list("lease_epoch", flat=True)),
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and not document["wrong"]
        and document["calls"]["repeated"] + document["calls"]["interrupted"] == 0
        and document["fetches"]["repeated"] == 0
        and document["claims"] == runs
    )
    return document


def zombie(stage: Stage, runs: int) -> Document:
    """F-6: a worker that sleeps three leases long; another one has its runs by then. What it does awake counts not."""
    stage.model.latency = 0.5
    stage.beat()
    workers = [stage.worker("wide=64"), stage.worker("wide=64")]
    until(lambda: _log(stage).count(b"ready.") == 2, 60, "two workers")
    asked = stage.ask_all(runs)
    until(lambda: Step.objects.count() >= runs, 60, "some steps of each run")
    has = Run.objects.filter(state="running").values_list("lease_owner", flat=True)[0]  # host:process
    sleeper = next(worker for worker in workers if has.endswith(f":{worker.process.pid}"))
    sleeper.freeze()
    asleep = time.monotonic()
    time.sleep(3 * LEASE_SECONDS)
    until(lambda: Step.objects.filter(epoch__gte=2).exists(), 60, "a takeover")
    stage.say(f"asleep for {time.monotonic() - asleep:.1f} s")
    epochs = dict(Run.objects.values_list("pk", "lease_epoch"))
    taken = sum(epoch >= 2 for epoch in epochs.values())
    before = Step.objects.count()
    sleeper.thaw()
    stage.wait(asked, 300)
    reports = {run.pk: _report(run) for run in asked}
    time.sleep(2 * LEASE_SECONDS)  # what the sleeper would still write
    late = Step.objects.order_by("id").values_list("run", "epoch")[before:]
    fenced = sum(epoch < epochs[run] for run, epoch in late)
    document = {
        "runs": runs,
        "taken_over": taken,
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "written_by_the_zombie": fenced,
        "same_reports": reports == {run.pk: _report(run) for run in asked},
        "calls": oracle.calls(stage, dict(enumerate(asked, start=1))),
        "zombie_lives": sleeper.process.poll() is None,
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and taken > 0
        and not document["wrong"]
        and fenced == 0
        and document["same_reports"]
        and document["zombie_lives"]
    )
    return document


def clock(stage: Stage, runs: int) -> Document:
    """F-14: workers whose clocks are wrong by five minutes, both ways. No lease is taken early, none lasts too long."""
    stage.model.latency = 1.0
    stage.beat()
    lease = 5 * LEASE_SECONDS  # nobody dies here: no lease is to be lost, however busy the machine
    for patch in ("clock=300", "clock=-300"):
        stage.worker("wide=64", patch, LEASE_SECONDS=str(lease))
    until(lambda: _log(stage).count(b"ready.") >= 2, 60, "two workers")
    asked = stage.ask_all(runs)
    leases: list[float] = []
    while _left(asked):
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM lease_until - now()) FROM research_run WHERE state = 'running'")
            leases += [float(left) for (left,) in cursor.fetchall()]
        time.sleep(0.2)
    document = {
        "runs": runs,
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "claims": sum(Run.objects.values_list("lease_epoch", flat=True)),
        "lease_left_s": {"least": round(min(leases), 2), "most": round(max(leases), 2)},
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and not document["wrong"]
        and document["claims"] == runs
        and min(leases) > 0
        and max(leases) <= lease
    )
    return document


def _left(runs: list[Run]) -> int:
    return Run.objects.filter(pk__in=[run.pk for run in runs]).exclude(state__in=OVER).count()


def _log(stage: Stage) -> bytes:
    return stage.log("worker")


def _report(run: Run) -> Any:
    report = Report.objects.get(run=run)
    claims = Claim.objects.filter(report=report).order_by("ordinal").values_list("section", "text", "verdict")
    return report.pk, report.answer, report.not_found, list(claims)


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {
    "crash": (crash, 100),
    "boundaries": (boundaries, 1),
    "deploy": (deploy, 20),
    "delivery": (delivery, 20),
    "zombie": (zombie, 10),
    "clock": (clock, 10),
}
