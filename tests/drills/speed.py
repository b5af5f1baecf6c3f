"""What the engine costs beside models and searches, and how many runs one worker carries: engine, concurrency.

A run's time at the model is what the scripted server has logged for it, from the arrival of each request to the end of
its reply. All the rest is ours. Calls that are under way side by side count once.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise
from statistics import mean, median
from typing import Any

import psutil
from django.conf import settings
from django.db import connection

from research.models import Run, Step
from search_index import api
from tests.drills import oracle
from tests.drills.model import number_of
from tests.drills.stage import OVER, Failed, Stage, until

Document = dict[str, Any]
Spans = list[tuple[float, float]]
AT_ONCE = 200
OWN_MS = 100
RSS_MB = 2_000
OVERHEAD = 1.05


def engine(stage: Stage, runs: int) -> Document:
    """One run after the other, each with 1 s a call: wall time over the time of its critical path.

    The critical path is the time at the model plus the time that each of its searches takes alone, asked again here by
    the same function, with the same words, of the same index, warm, the median of 5.
    """
    stage.model.latency, stage.model.opens = 1.0, False
    stage.beat()
    stage.worker("wide=512")
    stage.furnish(range(1, runs + 2))
    stage.wait([stage.ask(runs + 1)], 120)  # loads the models; not counted
    rows = []
    for number in range(1, runs + 1):
        run = stage.ask(number)
        stage.wait([run], 120)
        run.refresh_from_db()
        rows.append(_parts(stage, run, number))
        stage.say(f"wall time {rows[-1]['wall_s']:.2f} s, {rows[-1]['ratio']:.3f} of the critical path")
    figures = {name: round(median(row[name] for row in rows), 4) for name in rows[0]}
    ratios = sorted(row["ratio"] for row in rows)
    document = {"runs": runs, "ratio": figures.pop("ratio"), "ratios": [round(ratio, 4) for ratio in ratios], **figures}
    document["passed"] = document["ratio"] <= OVERHEAD
    return document


def _parts(stage: Stage, run: Run, number: int) -> dict[str, float]:
    """Where the seconds of a run went."""
    assert run.started_at
    assert run.finished_at
    wall = (run.finished_at - run.started_at).total_seconds()
    calls = [(one.at, one.ended) for one in stage.model.asked if number_of(one) == number]
    steps = list(run.steps.exclude(kind="end").order_by("seq"))
    source = [stage.source(number)]
    searches = 0.0
    for step in steps:
        if step.kind == "search":
            began = [time.perf_counter()]
            for _again in range(5):
                api.search(step.result["query"], limit=8, sources=source, reasoning="")
                began.append(time.perf_counter())
            searches += median(later - earlier for earlier, later in pairwise(began))
    model, spans = _length(calls), [_span(step) for step in steps]
    commits = sum(end - begin - step.cost["seconds"] for step, (begin, end) in zip(steps, spans, strict=True))
    in_searches = sum(step.cost["seconds"] for step in steps if step.kind == "search")
    return {
        "ratio": wall / (model + searches),
        "wall_s": wall,
        "model_s": model,
        "searches_s": searches,
        "waited_for_a_worker_s": (run.started_at - run.created_at).total_seconds(),
        "over_s": wall - model - searches,
        "over_in_commits_s": commits,
        "over_in_searches_s": in_searches - searches,
        "over_between_steps_s": wall - _length(spans),
        "steps": len(steps),
        "calls": len(calls),
        "commit_ms": 1000 * commits / len(steps),
    }


def concurrency(stage: Stage, runs: int) -> Document:
    """At least 200 runs at a time on one worker, 2 s a call: a new one is asked whenever one is over.

    A step's own time is what it took, its commit included, less the time at the model. Steps that open pages are left
    out. Counted is what was made while all 200 were under way.
    """
    stage.model.latency, stage.model.opens = 2.0, False
    stage.beat()
    stage.furnish(range(1, runs + 11))
    worker = stage.worker("wide=512", RUNS_AT_ONCE=str(AT_ONCE), MODEL_CALLS_AT_ONCE="512")
    memory, stopping = [0.0], threading.Event()
    watching = threading.Thread(target=_watch_memory, args=(worker.process.pid, memory, stopping), daemon=True)
    watching.start()
    until(lambda: b"ready." in stage.log("worker"), 60, "the worker")
    asked: list[Run] = []
    began, before, most, used = 0.0, 0, 0, dict[str, float]()
    while len(asked) < runs:
        states = list(Run.objects.exclude(state__in=OVER).values_list("state", flat=True))
        most = max(most, states.count("running"))
        if not began and states.count("running") >= AT_ONCE * 0.95:
            began, before, used = time.time(), _transactions(), _processor_seconds(worker.process.pid)
        for _free in range(min(5, AT_ONCE + 5 - len(states), runs - len(asked))):  # not all at the same moment
            asked.append(stage.ask(len(asked) + 1, owner="busy"))
        time.sleep(0.2)
    if not began:
        raise Failed(f"At most {most} runs were under way at a time: ask for more of them.")
    ended, after = time.time(), _transactions()
    used = {name: seconds - used[name] for name, seconds in _processor_seconds(worker.process.pid).items()}
    fairness = _fairness(stage, runs)
    stage.wait([*asked], 600)
    stopping.set()
    steps = [step for step in Step.objects.select_related("run__owner") if began < step.finished_at.timestamp() < ended]
    numbers = {run.pk: number for number, run in enumerate(asked, start=1)}
    calls: dict[int, Spans] = defaultdict(list)
    for one in stage.model.asked:
        calls[number_of(one)].append((one.at, one.ended))
    own: dict[str, list[float]] = defaultdict(list)
    for step in steps:
        if step.kind != "open" and step.run_id in numbers:
            begin, end = _span(step)
            inside = [(max(begin, one), min(end, other)) for one, other in calls[numbers[step.run_id]]]
            own[step.kind].append(1000 * (end - begin - _length(span for span in inside if span[0] < span[1])))
    everything = [value for values in own.values() for value in values]
    document = {
        "runs": len(asked),
        "at_once": most,
        "seconds": round(ended - began, 1),
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "rss_mb": round(memory[0]),
        "own_ms": _milliseconds(everything),
        "own_ms_by_kind": {kind: _milliseconds(values) for kind, values in sorted(own.items())},
        "steps_per_second": round(len(steps) / (ended - began), 1),
        "transactions_per_step": round((after - before) / max(1, len(steps)), 2),
        "processor_ms_per_step": {name: round(1000 * seconds / len(steps), 1) for name, seconds in used.items()},
        "calls_at_once": stage.model.at_once,
        "fairness": fairness,
        "cores": psutil.cpu_count(),
        "load": round(psutil.getloadavg()[0], 1),
    }
    document["passed"] = (
        most >= AT_ONCE * 0.95
        and document["rss_mb"] <= RSS_MB
        and document["own_ms"]["p95"] <= OWN_MS
        and document["states"] == {"done": len(asked)}
        and not document["wrong"]
    )
    return document


def _fairness(stage: Stage, runs: int) -> dict[str, float]:
    """While one person has 30 runs waiting, another one asks for one, and then again: how long each waits."""
    waiting = [stage.ask(runs + 1 + number % 9, owner="busy") for number in range(30)]
    other = stage.ask(runs + 10, owner="other")
    until(lambda: Run.objects.exclude(state="queued").filter(pk=other.pk).exists(), 300, "the other person's turn")
    until(lambda: not Run.objects.filter(state="queued").exists(), 600, "the end of the line")
    other.refresh_from_db()
    spans = Run.objects.filter(pk__in=[run.pk for run in waiting]).values_list("created_at", "started_at")
    waits = [(began - created).total_seconds() for created, began in spans]
    assert other.started_at
    return {
        "busy_waited_s_mean": round(mean(waits), 2),
        "busy_waited_s_most": round(max(waits), 2),
        "other_waited_s": round((other.started_at - other.created_at).total_seconds(), 2),
    }


def _watch_memory(pid: int, most: list[float], stopping: threading.Event) -> None:
    """The most memory, in MB, of the worker and its children."""
    process = psutil.Process(pid)
    while not stopping.wait(0.5):
        used = 0
        try:
            for one in (process, *process.children(recursive=True)):
                used += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        most[0] = max(most[0], used / 1e6)


def _processor_seconds(worker: int) -> dict[str, float]:
    """What the worker, PostgreSQL, and the scripted server (this process) have used so far."""
    postmaster = int((settings.SOCKETS / "postgres.pid").read_text())
    used = {}
    for name, pid in (("worker", worker), ("postgres", postmaster), ("model_server", psutil.Process().pid)):
        process = psutil.Process(pid)
        family = [process] if name == "model_server" else [process, *process.children(recursive=True)]
        used[name] = sum(sum(one.cpu_times()[:2]) for one in family)
    return used


def _transactions() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def _span(step: Step) -> tuple[float, float]:
    return step.started_at.timestamp(), step.finished_at.timestamp()


def _length(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds that are in at least one of the spans."""
    total, reached = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def _milliseconds(values: list[float]) -> dict[str, float]:
    return {
        "count": len(values),
        "p50": round(oracle.percentile(values, 0.5), 1),
        "p95": round(oracle.percentile(values, 0.95), 1),
        "most": round(oracle.percentile(values, 1.0), 1),
    }


BENCHMARKS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {
    "engine": (engine, 5),
    "concurrency": (concurrency, 500),
}
