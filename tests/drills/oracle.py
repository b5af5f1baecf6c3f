"""What is true after a drill, by the step table and by the logs of the model server and the site, never by our logs.

A model call or a fetch whose step was under way when its worker was killed has left nothing behind and may be made
again: that is an interrupted attempt. One that is made again although its step is kept is a repeat, and so is every
call that is in no step although no death explains it. Called by the drills.
"""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django.db.models import Count

from research.models import Report, Run, Step
from tests.drills.model import number_of
from tests.drills.stage import OVER, Stage
from tests.fakes.model_server import Asked

NOTED = 1.0  # seconds after which a request that was sent is noted by a server that has to share the machine
COMMITTING = 10.0  # seconds between a reply's end and its commit, at most, on a machine that is overloaded on purpose


def states(runs: Sequence[Run]) -> dict[str, int]:
    """How the runs ended, and how many did in each way."""
    found = Run.objects.filter(pk__in=[run.pk for run in runs]).values_list("state").annotate(count=Count("pk"))
    return dict(found.order_by())


def broken_journals(runs: Sequence[Run]) -> list[str]:
    """What is wrong with the runs' journals: gaps or doubles in seq, doubled keys, an end that is not the last, writes
    of an older epoch after those of a newer one, a report missing or twice."""
    wrong = []
    for run in Run.objects.filter(pk__in=[run.pk for run in runs]):
        steps = list(Step.objects.filter(run=run).order_by("seq").values("seq", "key", "kind", "epoch"))
        reports = Report.objects.filter(run=run).count()
        faults = {
            "it is not over": run.state not in OVER,
            "seq has gaps": [step["seq"] for step in steps] != list(range(1, run.last_seq + 1)),
            "a key stands twice": len({step["key"] for step in steps}) != len(steps),
            "its end is not its last step": [step["kind"] == "end" for step in steps]
            != [False] * (len(steps) - 1) + [True],
            "an older epoch wrote after a newer one": any(
                one["epoch"] > other["epoch"] for one, other in pairwise(steps)
            ),
            # What was stopped before a worker had it has nothing but its end; what failed may have failed anywhere.
            f"it has {reports} reports": reports > 1
            or (reports == 0 and run.state != "failed" and (run.state, len(steps)) != ("stopped", 1)),
        }
        wrong += [f"{run.question[:60]}: {fault}" for fault, holds in faults.items() if holds]
    return wrong


def calls(stage: Stage, numbered: dict[int, Run]) -> dict[str, Any]:
    """Model calls: made, kept in steps, interrupted by a worker's death, and repeated, which is to be 0."""
    deaths = [worker.ended for worker in stage.workers if worker.ended]
    asked: dict[Any, list[Asked]] = defaultdict(list)
    for one in stage.model.asked:
        asked[number_of(one), one.step].append(one)
    left = {id(one): one for one in stage.model.asked}  # in no step
    for number, run in numbered.items():
        claims = _claims(run)
        for step in run.steps.order_by("seq"):
            begin, end, claim = step.started_at.timestamp(), step.finished_at.timestamp(), claims.get(step.key, "")
            asked_then = [one for one in asked[number, step.kind] if begin <= one.at <= end and claim in one.prompt]
            within = [one for one in asked_then if id(one) in left]
            for one in within[: step.cost["model_calls"]]:
                del left[id(one)]
    interrupted = [one for one in left.values() if _cut(one.at, one.ended, deaths)]
    first_kept: dict[str, float] = {}
    for one in stage.model.asked:
        if id(one) not in left:
            first_kept.setdefault(one.digest, one.at)
    repeated = [one for one in stage.model.asked if one.at > first_kept.get(one.digest, math.inf)]
    unexplained = len(left) - len(interrupted)
    return {
        "made": len(stage.model.asked),
        "kept": len(stage.model.asked) - len(left),
        "interrupted": len(interrupted),
        "repeated": len(repeated) + unexplained,
    }


def _claims(run: Run) -> dict[str, str]:
    """The line that a judge is shown, by its step's key: several are asked side by side, each of its own sentence."""
    drafts = run.steps.filter(kind="draft", key__startswith="report/1/draft/", error="").values_list("key", "result")
    return {
        f"report/1/check/{key.split('/')[3]}/{number}/judge": f"Claim: {sentence['text']}\n"
        for key, result in drafts
        for number, sentence in enumerate(result["sentences"], start=1)
    }


def fetches(stage: Stage) -> dict[str, int]:
    """Pages fetched: how many requests, and those that neither a death nor a first look explains."""
    shift = time.time() - time.monotonic()
    deaths = [worker.ended for worker in stage.workers if worker.ended]
    times: dict[str, list[float]] = defaultdict(list)
    for request in stage.site.requests:
        if "diary" in request.path:
            times[request.path].append(request.time + shift)
    interrupted = repeated = 0
    for seen in times.values():
        for earlier, later in pairwise(seen):
            if any(earlier - NOTED <= death <= later for death in deaths):
                interrupted += 1
            else:
                repeated += 1
    opened = Step.objects.filter(kind="open", error="").values_list("result__url", "finished_at")
    for url, finished in opened:  # nothing is fetched any more once its step is kept
        path = url.removeprefix(stage.site.url)
        repeated += sum(moment > finished.timestamp() for moment in times.get(path, ()))
    return {
        "made": sum(map(len, times.values())),
        "pages": len(times),
        "interrupted": interrupted,
        "repeated": repeated,
    }


def resumed(stage: Stage, runs: Sequence[Run]) -> list[float]:
    """Seconds from each worker's end to the next step of each run that it had under way; a run that the next worker
    lost as well, before it made a step, counts from the last of these ends."""
    deaths = sorted(worker.ended for worker in stage.workers if worker.ended)
    waits = []
    for run in runs:
        run.refresh_from_db()  # a worker may have died on it before its first step
        begun = [run.started_at] if run.started_at else []
        steps = run.steps.order_by("seq").values_list("finished_at", flat=True)
        times = [moment.timestamp() for moment in [*begun, *steps]]
        for before, after in pairwise(times):
            between = [death for death in deaths if before < death < after]
            if between:
                waits.append(after - between[-1])
    return waits


def hit(stage: Stage, runs: Sequence[Run]) -> int:
    """How many of the runs were under way when a worker was killed."""
    deaths = [worker.ended for worker in stage.workers if worker.ended]
    spans = Run.objects.filter(pk__in=[run.pk for run in runs]).values_list("started_at", "finished_at")
    return sum(
        any(began.timestamp() < death < (ended.timestamp() if ended else math.inf) for death in deaths)
        for began, ended in spans
        if began
    )


def percentile(values: Sequence[float], share: float) -> float:
    """0.0 of nothing."""
    ranked = sorted(values)
    return round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 3) if ranked else 0.0


def _cut(began: float, ended: float, deaths: Sequence[float]) -> bool:
    return any(began <= death + NOTED and ended >= death - COMMITTING for death in deaths)
