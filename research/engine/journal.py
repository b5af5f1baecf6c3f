"""The journal of a run: what makes it durable. A step that is recorded is never done again.

`once` returns a step's recorded result, or does the step and commits its result, its cost and the rows it writes in one
transaction that is conditional on the run's lease epoch: a worker that lost the run cannot write. What a run knows is
what its journal says; a resumed run reads the same. While a Journal is open it keeps the lease alive and watches for
what the person wishes. Never decides what the next step is.
Called by loop.py and the verbs it calls; opened by research/tasks.py.
"""

import asyncio
import json
import logging
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from config.loop import in_thread
from research.engine import cost
from research.engine.patience import patiently
from research.engine.values import Cost
from research.errors import LeaseLost, RunFailed, StepFailed
from research.models import Run, Step

P = ParamSpec("P")
T = TypeVar("T")
Result = dict[str, Any]  # JSON
Publish = Callable[[str, Result], Awaitable[None]]

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # how soon "Stop" and "Answer now" reach a step that is under way
DATABASE_PATIENCE = 60.0  # seconds for which a database that is down is waited for
FRUITLESS_CLAIMS = 5  # a run taken over so often without one new step kills its workers; it is not tried again


def claim(run_id: str) -> int | None:
    """Take the run's lease, if it waits or its worker is gone: its new epoch, or None. By the database's clock."""
    owner = uuid.uuid4().hex
    free = Q(state=Run.State.QUEUED) | Q(state=Run.State.RUNNING, lease_until__lt=Now())
    taken = Run.objects.filter(free, pk=run_id).update(
        state=Run.State.RUNNING,
        lease_owner=owner,
        lease_epoch=F("lease_epoch") + 1,
        lease_until=_lease_end(),
        started_at=Coalesce("started_at", Now()),
    )
    if not taken:
        return None
    return Run.objects.filter(pk=run_id, lease_owner=owner).values_list("lease_epoch", flat=True).first()


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
        self._steps: dict[str, Recorded] = {}
        self._doing: dict[str, asyncio.Lock] = {}
        self._watching: asyncio.Task[None] | None = None
        self._doing_now = ""

    async def __aenter__(self) -> "Journal":
        for recorded in await self._database(self._load):
            self._steps[recorded.key] = recorded
        self._refuse_to_go_in_circles()
        await self._look()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

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
        4. A StepFailed is committed too, and raised. Raises LeaseLost where the run is somebody else's by now.
        """
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
        return key in self._steps

    def results(self, kind: str) -> list[Result]:
        """The results of all steps of a kind that did not fail, in the order in which they were committed."""
        steps = sorted(self._steps.values(), key=lambda step: step.seq)
        return [step.result for step in steps if step.kind == kind and not step.error]

    def spent(self) -> Cost:
        """What the whole run has cost so far, before and after any crash. `seconds` counts side by side work once."""
        spent = cost.total([step.cost for step in self._steps.values()])
        spent.seconds = _covered(list(self._steps.values()))
        return spent

    async def activity(self, text: str) -> None:
        """Say what the run is doing now, to whoever looks at its page."""
        self._doing_now = text
        await self._database(self._mine().update, activity=text)
        await self.publish(self.run_id, {"activity": text})

    async def aside(self, text: str) -> None:
        """Say what it waits for just now, without recording it; with "" say again what it is doing."""
        await self.publish(self.run_id, {"activity": text or self._doing_now})

    async def end(self, state: Run.State, error: str = "") -> None:
        """Record how the run ended. Nothing can be recorded after it."""

        async def step() -> Result:
            return {"state": str(state), "error": error}

        def keep(result: Result) -> Result:
            Run.objects.filter(pk=self.run_id).update(
                state=state, error=error, activity="", finished_at=Now(), lease_owner="", lease_until=None
            )
            return result

        await self.once("end", "end", {}, step, keep)

    async def release(self) -> None:
        """Let another worker take the run at once: this one is about to stop."""
        await self._database(self._mine().update, lease_until=Now() - timedelta(seconds=1))

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
        with transaction.atomic():
            run = self._mine().select_for_update().only("last_seq").first()
            if run is None:
                raise LeaseLost(_("Another worker goes on with this run."))
            done = Step.objects.filter(run=run, key=new.key).first()
            if done is not None:  # committed before; only the database's word about it was lost
                return _recorded(done)
            run.last_seq += 1
            run.save(update_fields=["last_seq"])
            row = Step(
                run=run,
                seq=run.last_seq,
                key=new.key,
                kind=new.kind,
                input_hash=new.input_hash,
                result=keep(new.result) if keep else new.result,
                error=new.error,
                cost=asdict(new.cost),
                epoch=new.epoch,
                started_at=new.started_at,
            )
            row.save(force_insert=True)
            return _recorded(row)

    # --- The lease and the person's wishes ---------------------------------------------------------------------------

    def _mine(self) -> Any:
        return Run.objects.filter(pk=self.run_id, lease_epoch=self.epoch, state=Run.State.RUNNING)

    def _load(self) -> list[Recorded]:
        return [_recorded(step) for step in Step.objects.filter(run_id=self.run_id).order_by("seq")]

    def _refuse_to_go_in_circles(self) -> None:
        last = max((step.epoch for step in self._steps.values()), default=0)
        if self.epoch - last > FRUITLESS_CLAIMS:
            raise RunFailed(
                _("Its worker died %(times)d times at the same step. The log says why; ask again after that is mended.")
                % {"times": FRUITLESS_CLAIMS}
            )

    async def _watch(self) -> None:
        beat = time.monotonic()
        while not self.lost.is_set():
            await asyncio.sleep(min(LOOK_SECONDS, settings.LEASE_SECONDS / 3))
            try:
                if time.monotonic() - beat >= settings.LEASE_SECONDS / 3:
                    await in_thread(self._mine().update, lease_until=_lease_end())
                    beat = time.monotonic()
                await self._look()
            except Error as error:  # the database is away for a moment; the lease is long enough for that
                logger.warning("run %s cannot be watched: %s", self.run_id, error)

    async def _look(self) -> None:
        wishes = await self._database(self._mine().values_list("stop_requested", "answer_now").first)
        if wishes is None:
            # The run may also have ended: a Journal that is about to close loses nothing by this.
            self.lost.set()
            return
        stop, answer_now = wishes
        if stop:
            self.stop.set()
        if stop or answer_now:
            self.hurry.set()

    async def _database(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Blocking code in a thread; waits out a database that restarts. Everything called so may be done twice."""
        deadline = time.monotonic() + DATABASE_PATIENCE
        while True:
            try:
                return await in_thread(function, *args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if time.monotonic() > deadline:
                    raise
                logger.warning("run %s waits for the database: %s", self.run_id, error)
                await asyncio.sleep(random.uniform(0.2, 1.0))  # noqa: S311 - jitter, no secret


def _lease_end() -> Any:
    return ExpressionWrapper(Now() + timedelta(seconds=settings.LEASE_SECONDS), output_field=DateTimeField())


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
