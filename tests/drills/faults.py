"""Everything around the workers that fails: broker, model, garbage; and what happens to the tables: migrate, replay."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.db import connection, models
from redis import Redis

from config import embedded, loop
from research import tasks
from research.engine.journal import claim
from research.models import Claim, Report, Run, Step
from tests.drills import oracle
from tests.drills.stage import Stage, until

Document = dict[str, Any]
RING_SECONDS = 60
ATTEMPTS = 3
# What a server may do to a reply: malformed, empty, cut off, late, or refused.
GARBAGE = ("garbage", "empty", "truncated", "circle", "broken", "error", "drop", "slow", "hang", "stall")


def broker(stage: Stage, runs: int) -> Document:
    """F-7: the broker forgets everything, dies and is started again, while runs wait and runs are under way."""
    stage.model.latency = 0.3
    stage.beat()
    stage.worker("wide=64", RUNS_AT_ONCE=str(max(2, runs // 5)))
    stage.furnish(range(1, runs + 1))
    valkey = Redis.from_url(settings.REDIS_URL)
    asked: list[Run] = []
    for third in range(3):
        asked += [stage.ask(number) for number in range(1 + third, runs + 1, 3)]
        until(lambda: Run.objects.filter(state="running").exists(), 60, "a run under way")
        time.sleep(stage.chance.uniform(0, 2))
        if third == 1:
            os.kill(int((settings.SOCKETS / "valkey.pid").read_text()), signal.SIGKILL)
            time.sleep(stage.chance.uniform(0.5, 3))
            embedded.start_valkey()
            stage.say("killed the broker and started it again")
        else:
            valkey.flushall()
            stage.say("made the broker forget everything")
    stage.wait(asked, 600)
    still = _standstill(asked)
    document = {
        "runs": runs,
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "calls": oracle.calls(stage, {stage.number(run): run for run in asked}),
        "fetches": oracle.fetches(stage),
        "longest_standstill_s": round(still, 1),
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and not document["wrong"]
        and document["calls"]["repeated"] == document["fetches"]["repeated"] == 0
        and still <= RING_SECONDS
    )
    return document


def model(stage: Stage, runs: int) -> Document:
    """F-11: the model server is killed, hangs, sends garbage, says that it is busy: each for a while, to all calls."""
    stage.model.latency = 0.2
    stage.beat()
    stage.worker("wide=64", "hasty=3")
    faults = {"killed": ("drop",), "hangs": ("hang", "stall"), "garbage": ("garbage", "empty"), "busy": ("busy",)}
    stage.furnish(range(1, runs * len(faults) + 1))
    asked: list[Run] = []
    by_fault: dict[str, Any] = {}
    for place, (name, kinds) in enumerate(faults.items()):
        some = [stage.ask(number) for number in range(1 + place * runs, 1 + (place + 1) * runs)]
        asked += some
        until(lambda some=some: _steps(some) >= runs, 60, "the first steps")
        stage.model.share, stage.model.faults = 1.0, kinds
        if name == "killed":
            stage.model_down()
        time.sleep(stage.chance.uniform(3, 6))
        if name == "killed":
            stage.model_up()
        stage.model.share = 0.0
        stage.wait(some, 240)
        by_fault[name] = oracle.states(some)
        stage.say(f"{name}: {by_fault[name]}")
    attempts = Counter(one.digest for one in stage.model.asked)
    failed = Step.objects.exclude(error="")
    document = {
        "runs": len(asked),
        "states": by_fault,
        "wrong": oracle.broken_journals(asked),
        "failed_steps": failed.count(),
        "unstated": Run.objects.filter(state="failed", error="").count(),
        "most_calls_for_one_prompt": max(attempts.values()),
    }
    document["passed"] = (
        not document["wrong"]
        and document["unstated"] == 0
        and document["most_calls_for_one_prompt"] <= 2 * ATTEMPTS  # an empty reply is asked for once more each time
    )
    return document


def garbage(stage: Stage, runs: int) -> Document:
    """A fifth of all replies is malformed, empty, late or refused: each run ends in a report or says why not."""
    stage.model.latency, stage.model.share, stage.model.faults = 0.2, 0.2, GARBAGE
    stage.beat()
    stage.worker("wide=128", "hasty=4")
    asked = stage.ask_all(runs)
    stage.wait(asked, 240 + 8 * runs)
    stated = Run.objects.filter(state="failed").exclude(error="").count()
    reports = Report.objects.values("run").distinct().count()
    seconds = [(run.finished_at - run.started_at).total_seconds() for run in Run.objects.all()]  # type: ignore[operator]
    document = {
        "runs": runs,
        "calls": len(stage.model.asked),
        "faults": dict(Counter(stage.model.met)),
        "states": oracle.states(asked),
        "with_report": reports,
        "failures_that_say_why": stated,
        "claims_in_reports": Claim.objects.count(),
        "wrong": oracle.broken_journals(asked),
        "seconds_of_a_run": {"p50": oracle.percentile(seconds, 0.5), "most": oracle.percentile(seconds, 1.0)},
    }
    document["passed"] = not document["wrong"] and reports + stated >= runs
    return document


def migrate(stage: Stage, runs: int) -> Document:
    """F-19: columns are added to the tables of runs and steps, filled and dropped again, while runs write to them."""
    stage.model.latency = 0.3
    stage.beat()
    stage.worker("wide=64")
    asked = stage.ask_all(runs)
    until(lambda: Step.objects.count() >= runs, 60, "the first steps")
    with connection.cursor() as cursor:  # of a drill that broke off
        cursor.execute("ALTER TABLE research_run DROP COLUMN IF EXISTS drill_note")
        cursor.execute("ALTER TABLE research_step DROP COLUMN IF EXISTS drill_count")
    optional = models.TextField(null=True)
    with_default = models.IntegerField(db_default=7)  # where the code that runs does not know it, the database fills it
    for table, name, column in ((Run, "drill_note", optional), (Step, "drill_count", with_default)):
        column.set_attributes_from_name(name)
        column.model = table
    waits: list[float] = []
    for table, column in ((Run, optional), (Step, with_default)):
        waits.append(_altered(lambda editor, table=table, column=column: editor.add_field(table, column)))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE research_run SET drill_note = question")
        cursor.execute("UPDATE research_step SET drill_count = seq")
    stage.say(f"added and filled two columns, waiting at most {max(waits):.2f} s for a lock")
    before = Step.objects.count()
    stage.wait(asked, 300)
    written_since = Step.objects.count() - before
    for table, column in ((Run, optional), (Step, with_default)):
        _altered(lambda editor, table=table, column=column: editor.remove_field(table, column))
    document = {
        "runs": runs,
        "states": oracle.states(asked),
        "wrong": oracle.broken_journals(asked),
        "steps_written_since": written_since,
        "lock_waits_s": [round(wait, 3) for wait in waits],
    }
    document["passed"] = (
        document["states"] == {"done": runs} and not document["wrong"] and written_since > 0 and max(waits) < 2
    )
    return document


def replay(stage: Stage, runs: int) -> Document:
    """F-23: finished runs are done again from their journals, with a reasoner and an index that refuse everything."""
    stage.beat()
    worker = stage.worker("wide=64")
    asked = stage.ask_all(runs)
    stage.wait(asked, 240)
    worker.terminate()
    before = {run.pk: _written(run) for run in asked}
    real_index, real_reasoner = tasks.WholeIndex(), tasks.reasoner
    tasks.reasoner = lambda name: Refusing(name, real_reasoner(name), ("varies",))
    tasks.WholeIndex = lambda: Refusing("index", real_index, ("leave",))
    for run in asked:
        run.steps.filter(kind__in=["end", "report"]).delete()
        Report.objects.filter(run=run).delete()
        last = run.steps.order_by("-seq").values_list("seq", flat=True)[0]
        Run.objects.filter(pk=run.pk).update(state="queued", finished_at=None, last_seq=last)
        epoch = claim(str(run.pk))
        assert epoch is not None
        loop.run(tasks.conduct(str(run.pk), epoch))
    same = sum(before[run.pk] == _written(run) for run in asked)
    document = {
        "runs": runs,
        "states": oracle.states(asked),
        "same": same,
        "bytes_compared": sum(map(len, before.values())),
        "steps_done_again": Step.objects.filter(epoch__gte=2).exclude(kind__in=["end", "report"]).count(),
        "calls_refused": len(Refusing.called),
    }
    document["passed"] = (
        document["states"] == {"done": runs}
        and same == runs
        and document["steps_done_again"] == 0
        and not Refusing.called
    )
    return document


class Refusing:
    """A tool of which nothing may be used but what is named: reading what is stored is no new work."""

    called: list[str] = []

    def __init__(self, name: str, real: Any = None, allowed: tuple[str, ...] = ()) -> None:
        self.name, self._real, self._allowed = name, real, allowed

    def __getattr__(self, name: str) -> Any:
        if name in self._allowed:
            return getattr(self._real, name)
        self.called.append(name)
        raise AssertionError(f"{self.name}.{name} was used in a replay")


def _written(run: Run) -> bytes:
    """The plan and the report of a run with its citations, as bytes."""
    plan = [step.result for step in run.steps.filter(kind__in=["plan", "revise"]).order_by("seq")]
    report = Report.objects.get(run=run)
    claims = [
        (
            one.section,
            one.text,
            one.verdict,
            sorted(one.evidence.values_list("number", "exhibit__snapshot", "start", "end", "quote")),
        )
        for one in Claim.objects.filter(report=report).order_by("ordinal")
    ]
    return json.dumps([plan, report.answer, report.not_found, claims], sort_keys=True).encode()


def _altered(change: Callable[[Any], None]) -> float:
    """Make the change as a migration does, but wait no more than 2 s for the lock; the seconds it took."""
    began = time.monotonic()
    with connection.schema_editor() as editor:
        editor.execute("SET LOCAL lock_timeout = '2s'")
        change(editor)
    return time.monotonic() - began


def _standstill(runs: list[Run]) -> float:
    """The longest time, in seconds, in which no step of any of the runs was made although some were not over."""
    times = sorted(Step.objects.filter(run__in=runs).values_list("finished_at", flat=True))
    return max((later - earlier).total_seconds() for earlier, later in pairwise(times))


def _left(runs: list[Run]) -> int:
    return Run.objects.filter(pk__in=[run.pk for run in runs], state__in=["queued", "running"]).count()


def _steps(runs: list[Run]) -> int:
    return Step.objects.filter(run__in=runs).count()


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {
    "broker": (broker, 30),
    "model": (model, 5),
    "garbage": (garbage, 100),
    "migrate": (migrate, 20),
    "replay": (replay, 5),
}
