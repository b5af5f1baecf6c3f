"""The journal of a run: what makes it durable. A step that is recorded is never done again.

`once` returns a step's recorded result, or does the step and commits its result, its cost and the rows it writes in one
transaction that is conditional on the run's lease epoch: a worker that lost the run cannot write. What a run knows is
what its journal says; a resumed run reads the same. While a Journal is open, watch.py keeps its lease alive and tells
it what the person wishes. Never decides what the next step is.
Called by loop.py and the verbs it calls; opened by research/tasks.py.
"""

import asyncio
import json
import logging
import os
import random
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg.errors import LockNotAvailable

from config.loop import in_pool
from research.engine import cost
from research.engine.patience import patiently
from research.engine.values import Cost
from research.engine.watch import Seen, look, watch
from research.errors import LeaseLost, RunFailed, StepFailed
from research.models import Run, Step

P = ParamSpec("P")
T = TypeVar("T")
Result = dict[str, Any]  # JSON
Publish = Callable[[str, Result], Awaitable[None]]

logger = logging.getLogger(__name__)

OWNER = f"{socket.gethostname()}:{os.getpid()}"  # tells a person which worker has a run; the epoch is what counts
DATABASE_PATIENCE = 60.0  # seconds for which a database that is down is waited for
# Threads of its own: a step that is done does not wait behind searches and pages for one of config/loop.py's.
THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="journal")
LOOKS, LOOK_SECONDS = 10, 0.05  # at a run whose row somebody else is writing
FRUITLESS_CLAIMS = 8  # a run taken over so often without one new step kills its workers; it is not tried again


def claim(run_id: str) -> int | None:
    """Take the run's lease, if it waits or its worker is gone: its new epoch, or None. By the database's clock. Waits
    no longer than for a commit: a worker that was stopped within one holds the row until the database hangs up on it.
    """
    for _look in range(LOOKS):
        try:
            with connection.cursor() as cursor:
                cursor.execute(_CLAIM, {"run": run_id, "owner": OWNER, "seconds": settings.LEASE_SECONDS})
                claimed = cursor.fetchone()
            return int(claimed[0]) if claimed else None
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            time.sleep(LOOK_SECONDS)
    return None


def hand_back(run_id: str, epoch: int) -> None:
    """Let another worker take the run at once. Without an owner, a beat that is under way does not renew the lease."""
    held = Run.objects.filter(pk=run_id, lease_epoch=epoch, state=Run.State.RUNNING)
    held.update(lease_owner="", lease_until=Now() - timedelta(seconds=1))


@dataclass(frozen=True)
class Recorded:
    """A step as the journal has it: either its result or, if it failed, its error."""

    seq: int
    key: str
    kind: str
    input_hash: str
    result: Result
    error: str
    cost: Cost
    epoch: int
    started_at: datetime


class Journal:
    """The journal of one run, held by one worker: `async with Journal(...) as journal`."""

    def __init__(self, run_id: str, epoch: int, publish: Publish) -> None:
        self.run_id = run_id
        self.epoch = epoch
        self.publish = publish
        self.stop = asyncio.Event()  # the person wants it to end: with what is known, and soon
        self.hurry = asyncio.Event()  # the person wants the answer now (or wants it to end)
        self.lost = asyncio.Event()  # another worker has the run
        self.wished = asyncio.Event()  # the person changed the plan; whoever waits for it clears it
        self.wishes = 0  # how many of the person's wishes are known
        self._steps: dict[str, Recorded] = {}
        self._again: Counter[str] = Counter()  # keys of failed steps, and how often the person wanted them tried again
        self._hearing: asyncio.Task[None] | None = None
        self._doing: dict[str, asyncio.Lock] = {}
        self._activity, self._is_written = "", True  # what the run does now

    async def __aenter__(self) -> "Journal":
        self._take(await self._database(self._load))
        self._refuse_to_go_in_circles()
        rows = await self._database(look, [(self.run_id, self.epoch)])
        self.seen(rows.get(self.run_id))
        watch().begin(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        watch().end(self)

    async def once(
        self,
        key: str,
        kind: str,
        inputs: object,
        step: Callable[[], Awaitable[Result]],
        keep: Callable[[Result], Result] | None = None,
    ) -> Result:
        """The result of the step named `key`, done at most once in the life of the run.

        1. Recorded already: that result (or its StepFailed again), whatever `step` would do now.
        2. Else `step` is done; RetryLater is tried again a few times.
        3. Its result and cost are committed together with the rows that `keep` writes. `keep` is blocking, gets the
           result and returns it as it is to be recorded (with numbers it gave, say).
        4. A StepFailed, of `keep` as well, is committed too, and raised. Raises LeaseLost where the run is somebody
           else's by now.
        5. A failed step that the person wants tried again is done anew, under a key of its own.
        """
        key = self._tried_again(key)
        async with self._doing.setdefault(key, asyncio.Lock()):
            done = self._steps.get(key)
            if done is None:
                done = await self._do(key, kind, inputs, step, keep)
            elif done.input_hash != _hash(inputs):
                logger.warning("step %s of run %s was recorded for other inputs; it stands", key, self.run_id)
        if done.error:
            raise StepFailed(done.error)
        return done.result

    def has(self, key: str) -> bool:
        """Whether the step is recorded: limits hold for new steps, the past is replayed as it was."""
        return self._tried_again(key) in self._steps

    def recorded(self, *kinds: str) -> list[Recorded]:
        """All steps of these kinds that did not fail, in the order in which they were committed."""
        found = (step for step in self._steps.values() if step.kind in kinds and not step.error)
        return sorted(found, key=lambda step: step.seq)

    def results(self, *kinds: str) -> list[Result]:
        """The results of these steps."""
        return [step.result for step in self.recorded(*kinds)]

    def spent(self) -> Cost:
        """What the whole run has cost so far, before and after any crash. `seconds` counts side by side work once."""
        spent = cost.total([step.cost for step in self._steps.values()])
        spent.seconds = _covered(list(self._steps.values()))
        return spent

    @property
    def retries(self) -> int:
        """How many failed steps the person wanted tried again."""
        return self._again.total()

    async def hear(self) -> None:
        """Take in what the person wished meanwhile; without this it is known within a look of the watch."""
        self._take(await self._database(self._load, kind="wish"))

    async def activity(self, text: str) -> None:
        """Say what the run is doing now, to whoever looks at its page; the row has it within a look of the watch."""
        self._activity, self._is_written = text, False
        await self.publish(self.run_id, {"activity": text})

    async def aside(self, text: str) -> None:
        """Say what it waits for just now, without recording it; with "" say again what it is doing."""
        await self.publish(self.run_id, {"activity": text or self._activity})

    async def think(self, call: str, text: str) -> None:
        """Show a piece of what a model thinks, while it thinks it; what counts is stored with the step's cost."""
        await self.publish(self.run_id, {"of": call, "thinking": text})

    async def review(self) -> None:
        """Let go of the run until the person has seen its plan (launch.approve sets it going again)."""
        held = Run.objects.filter(pk=self.run_id, lease_epoch=self.epoch, state=Run.State.RUNNING)
        await self._database(
            held.update, state=Run.State.REVIEW, activity="", paused_at=Now(), lease_owner="", lease_until=None
        )
        await self.publish(self.run_id, {"state": str(Run.State.REVIEW)})

    async def end(self, state: Run.State, error: str = "", leg: int = 1) -> None:
        """Record how this leg of the run ended. Nothing can be recorded after it, unless the run is continued."""

        async def step() -> Result:
            return {"state": str(state), "error": error}

        def keep(result: Result) -> Result:
            Run.objects.filter(pk=self.run_id).update(
                state=state, error=error, activity="", finished_at=Now(), lease_owner="", lease_until=None
            )
            return result

        await self.once(f"end/{leg}", "end", {}, step, keep)

    async def release(self) -> None:
        """Let another worker take the run at once: this one is about to stop."""
        await self._database(hand_back, self.run_id, self.epoch)

    # --- Doing and committing a step ---------------------------------------------------------------------------------

    async def _do(
        self,
        key: str,
        kind: str,
        inputs: object,
        step: Callable[[], Awaitable[Result]],
        keep: Callable[[Result], Result] | None,
    ) -> Recorded:
        started_at, began = timezone.now(), time.monotonic()
        spending, error = Cost(), ""
        before = cost.current.set(spending)
        try:
            result = await patiently(step)
        except StepFailed as failure:
            result, error, keep = {}, str(failure) or type(failure).__name__, None
            logger.warning("step %s of run %s failed: %s", key, self.run_id, failure)
        finally:
            cost.current.reset(before)
        spending.seconds = time.monotonic() - began
        new = Recorded(
            0, key, kind, _hash(inputs), _storable(result), _storable(error), spending, self.epoch, started_at
        )
        commit = asyncio.ensure_future(self._database(self._commit, new, keep))
        try:
            recorded = await asyncio.shield(commit)
        except asyncio.CancelledError:
            # A transaction that runs in its thread cannot be called back: see it through, so that memory and
            # database agree, and then go.
            await asyncio.wait({commit})
            if commit.exception() is None:
                self._steps[key] = commit.result()
            raise
        self._steps[key] = recorded
        await self.publish(self.run_id, {"seq": recorded.seq})
        return recorded

    def _commit(self, new: Recorded, keep: Callable[[Result], Result] | None) -> Recorded:
        """Append the step if the run is still ours: in one statement, or in one transaction with what `keep` writes."""
        try:
            if keep is None:
                return self._append(new, _OUR_NEXT_SEQ)
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_OUR_NEXT_SEQ, vars(new) | {"run": self.run_id})  # from here on the row is locked
                (seq,) = cursor.fetchone() or (None,)
                if seq is None:
                    raise LeaseLost(_("Another worker goes on with this run."))
                return self._append(replace(new, seq=seq, result=keep(new.result)), _THIS_SEQ)
        except StepFailed as failure:
            return self._commit(replace(new, result={}, error=_storable(str(failure))), None)
        except IntegrityError:
            done = Step.objects.filter(run_id=self.run_id, key=new.key).first()
            if done is None:
                raise
            return _recorded(done)  # committed before; only the database's word about it was lost

    def _append(self, new: Recorded, seq: str) -> Recorded:
        row = vars(new) | {"run": self.run_id, "result": json.dumps(new.result), "cost": json.dumps(asdict(new.cost))}
        with connection.cursor() as cursor:
            cursor.execute(f"WITH next AS ({seq}) {_APPEND}", row)
            appended = cursor.fetchone()
        if appended is None:
            raise LeaseLost(_("Another worker goes on with this run."))
        return replace(new, seq=appended[0])

    # --- What watch.py calls, once a second ---------------------------------------------------------------------------

    def seen(self, row: Seen | None) -> None:
        """Take note of what the run's row says; None: another worker has the run, or it is over."""
        if row is None:
            # A Journal whose run has ended, and that is about to close, loses nothing by this.
            self.lost.set()
            return
        if row.wishes != self.wishes:
            self._hearing = asyncio.create_task(self.hear())
        if row.stop_requested:
            self.stop.set()
        if row.stop_requested or row.answer_now:
            self.hurry.set()

    def news(self) -> str | None:
        """What the run does now, if that is not written yet."""
        if self._is_written:
            return None
        self._is_written = True
        return self._activity

    # --- The database ------------------------------------------------------------------------------------------------

    def _load(self, **found: str) -> list[Recorded]:
        return [_recorded(step) for step in Step.objects.filter(run_id=self.run_id, **found).order_by("seq")]

    def _take(self, steps: list[Recorded]) -> None:
        self._steps |= {step.key: step for step in steps}
        known, self.wishes = self.wishes, len(self.recorded("wish"))
        self._again = Counter(wish["key"] for wish in self.results("wish") if wish["wish"] == "retry")
        if self.wishes != known:
            self.wished.set()

    def _tried_again(self, key: str) -> str:
        """The key under which a step is to be found or done, as often as the person wanted it tried again."""
        times = self._again[key]
        return f"{key}/again/{times}" if times else key

    def _refuse_to_go_in_circles(self) -> None:
        last = max((step.epoch for step in self._steps.values()), default=0)
        if self.epoch - last > FRUITLESS_CLAIMS:
            raise RunFailed(
                _("Its worker died %(times)d times at the same step. The log says why; ask again after that is mended.")
                % {"times": FRUITLESS_CLAIMS}
            )

    async def _database(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Blocking code in a thread; waits out a database that restarts. Everything called so may be done twice."""
        deadline = time.monotonic() + DATABASE_PATIENCE
        while True:
            try:
                return await in_pool(THREADS, function, *args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if time.monotonic() > deadline:
                    raise
                logger.warning("run %s waits for the database: %s", self.run_id, error)
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311 - jitter, no secret


_CLAIM = """
UPDATE research_run
SET state = 'running', lease_owner = %(owner)s, lease_epoch = lease_epoch + 1,
    lease_until = now() + make_interval(secs => %(seconds)s), started_at = coalesce(started_at, now())
WHERE id = (
    SELECT id FROM research_run
    WHERE id = %(run)s AND (state = 'queued' OR state = 'running' AND lease_until < now())
    FOR UPDATE NOWAIT
)
RETURNING lease_epoch
"""
_OUR_NEXT_SEQ = """
UPDATE research_run SET last_seq = last_seq + 1
WHERE id = %(run)s AND lease_epoch = %(epoch)s AND state = 'running'
RETURNING last_seq AS seq
"""
_THIS_SEQ = "SELECT %(seq)s::integer AS seq"
_APPEND = """
INSERT INTO research_step
    (run_id, seq, key, kind, input_hash, result, error, cost, epoch, started_at, finished_at)
SELECT %(run)s, seq, %(key)s, %(kind)s, %(input_hash)s, %(result)s, %(error)s, %(cost)s, %(epoch)s, %(started_at)s,
    clock_timestamp()
FROM next
RETURNING seq
"""


def _recorded(step: Step) -> Recorded:
    return Recorded(
        step.seq,
        step.key,
        step.kind,
        step.input_hash,
        step.result,
        step.error,
        Cost(**step.cost),
        step.epoch,
        step.started_at,
    )


def _hash(inputs: object) -> str:
    return sha256(json.dumps(inputs, sort_keys=True, default=repr).encode()).hexdigest()


def _storable(value: Any) -> Any:
    """The same JSON without what PostgreSQL refuses: NUL characters and lone surrogates, which replies may carry."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_storable(name): _storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    return value


def _covered(steps: list[Recorded]) -> float:
    """Seconds during which at least one of the steps was under way."""
    total, reached = 0.0, 0.0
    for begin, seconds in sorted((step.started_at.timestamp(), step.cost.seconds) for step in steps):
        total += max(0.0, begin + seconds - max(begin, reached))
        reached = max(reached, begin + seconds)
    return total
