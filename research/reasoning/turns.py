"""Who may call a model server now: a number of calls in flight that adapts to it, given out fairly.

The number grows while calls succeed and somebody waits. It is halved when the server says of a tenth of them that it is
overloaded, or lets them time out (one among many says nothing of how many there are); when first tokens take ever
longer it shrinks a little, though never below where it began. A free turn goes to the person with the fewest calls in
flight, then to that person's run with the fewest, then to whoever of them was served longest ago: fifty runs of one
person do not keep out the one run of another. A run that waits is told its place. One object for each server and event
loop; not thread-safe. Made by reasoning/server.py.
"""

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median

from django.contrib.humanize.templatetags.humanize import ordinal
from django.utils.translation import gettext as _

from research.engine.whose import Whose, current

TELL_SECONDS = 1.0  # how often those who wait hear their place; a shorter wait is not worth a word
SLOWER = 3.0  # first tokens this many times as late as at best, and
MUCH_LATER = 2.0  # this many seconds later, mean that the server queues by itself
EASED = 0.8  # what the limit is multiplied by then
REFUSED = 0.1  # of the calls since the limit last changed, and of ten at least
LATELY = 32  # first tokens that are compared with the best


@dataclass(eq=False)
class Turn:
    """A call that waits or is in flight. `growth` is the count of changes to the limit when it got its turn."""

    whose: Whose
    given: "asyncio.Future[None]"
    began: float = 0.0
    changes: int = 0


@dataclass
class Turns:
    """The turns of one server. `most` bounds `limit`, which is the number of calls that may be in flight now."""

    limit: float
    most: int
    in_flight: set[Turn] = field(default_factory=set)
    _waiting: dict[Whose, deque[Turn]] = field(default_factory=dict)
    _served: dict[object, int] = field(default_factory=dict)  # owner or Whose -> when it last got a turn
    _count: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _changes: int = 0
    _ended: int = 0  # calls since the last change, and
    _refused: int = 0  # those that the server could not take
    _grows_fast: bool = True  # as long as the server has not been overloaded once
    _least: float = 1.0
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=LATELY))
    _best: float = 0.0
    _told: dict[Whose, str] = field(default_factory=dict)
    _teller: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.limit = self._least = min(self.limit, self.most)

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Waits for a turn, and gives it back at the end of the block. Who calls is read from whose.current."""
        mine = Turn(current.get(), asyncio.get_running_loop().create_future())
        self._waiting.setdefault(mine.whose, deque()).append(mine)
        self._give()
        try:
            if not mine.given.done():
                self._tell_them()
                await mine.given
            yield mine
        finally:
            self._leave(mine)
            self._give()

    # --- What a call brought ---

    def went_well(self, turn: Turn) -> None:
        """A call succeeded: where others wait for a turn, there may be one more."""
        self._note(refused=0)
        if self.waiting and self.limit < self.most:
            self.limit = min(self.most, self.limit + (1 if self._grows_fast else 1 / self.limit))
        self._give()

    def overloaded(self, turn: Turn) -> None:
        """The server refused a call for now, or let it time out. Calls of the same burst count once."""
        if turn.changes < self._changes:
            return
        self._note(refused=1)
        if self._refused >= REFUSED * max(10, self._ended):
            self._shrink(turn, 0.5, least=1)

    def first_token(self, turn: Turn, tokens: int) -> None:
        """A first token came, for a prompt of about so many tokens. Prompts are made comparable by their length."""
        seconds = time.monotonic() - turn.began
        self._latencies.append(seconds / (500 + tokens))
        if len(self._latencies) < LATELY:
            return
        usual = median(self._latencies)
        self._best = min(self._best or usual, usual)
        if usual > SLOWER * self._best and (usual - self._best) * (500 + tokens) > MUCH_LATER:
            self._latencies.clear()
            self._shrink(turn, EASED, least=self._least)

    def _note(self, refused: int) -> None:
        self._ended, self._refused = self._ended + 1, self._refused + refused
        if self._ended > max(40, 4 * self.limit):  # what was long ago counts less
            self._ended, self._refused = self._ended // 2, self._refused // 2

    def _shrink(self, turn: Turn, factor: float, least: float) -> None:
        if turn.changes == self._changes:  # the call began after the last change
            self._changes += 1
            self._ended = self._refused = 0
            self._grows_fast = False
            self.limit = max(min(least, self.limit), self.limit * factor)

    # --- Giving turns ---

    def _give(self) -> None:
        while self._waiting and len(self.in_flight) < int(self.limit):
            if len(self._waiting) == 1:  # as mostly: nobody to be fair to
                self._take(next(iter(self._waiting)))
                continue
            owners, runs = self._busy()
            self._take(min(self._waiting, key=lambda whose: self._rank(whose, owners, runs)))

    def _busy(self) -> tuple[Counter[str], Counter[Whose]]:
        return Counter(turn.whose.owner for turn in self.in_flight), Counter(turn.whose for turn in self.in_flight)

    def _rank(self, whose: Whose, owners: Counter[str], runs: Counter[Whose]) -> tuple[int, int, int, int]:
        served = self._served
        return owners[whose.owner], served.get(whose.owner, 0), runs[whose], served.get(whose, 0)

    def _take(self, whose: Whose) -> None:
        turn = self._waiting[whose].popleft()
        if not self._waiting[whose]:
            del self._waiting[whose]
        now = next(self._count)
        self._served[whose.owner] = self._served[whose] = now
        self.in_flight.add(turn)
        turn.began, turn.changes = time.monotonic(), self._changes
        if not turn.given.done():
            turn.given.set_result(None)

    def _leave(self, turn: Turn) -> None:
        self.in_flight.discard(turn)
        queue = self._waiting.get(turn.whose)
        if queue and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[turn.whose]
        if not self._waiting and not self.in_flight:
            self._served.clear()

    # --- Telling places ---

    def places(self) -> dict[Whose, int]:
        """For each run that waits, the place of its first call: 1 is next, as long as no call ends before another."""
        owners, runs = self._busy()
        served, left = dict(self._served), {whose: len(queue) for whose, queue in self._waiting.items()}
        places: dict[Whose, int] = {}
        now = next(self._count)
        for place in range(1, sum(left.values()) + 1):
            whose = min(
                left, key=lambda one: (owners[one.owner], served.get(one.owner, 0), runs[one], served.get(one, 0))
            )
            places.setdefault(whose, place)
            if len(places) == len(self._waiting):
                break
            owners[whose.owner] += 1
            runs[whose] += 1
            served[whose.owner] = served[whose] = now + place
            left[whose] -= 1
            if not left[whose]:
                del left[whose]
        return places

    def _tell_them(self) -> None:
        if self._teller is None or self._teller.done():
            self._teller = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """Says each waiting run its place when it changes, and to those who wait no more that they do not."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            many, places = self.waiting, self.places()
            for whose in [whose for whose in self._told if whose not in places]:
                del self._told[whose]
                await whose.say("")
            for whose, place in places.items():
                text = _("Waiting for the model: %(place)s of %(many)d") % {"place": ordinal(place), "many": many}
                if self._told.get(whose) != text:
                    self._told[whose] = text
                    await whose.say(text)
            if not self._waiting and not self._told:
                return
