"""How long a pass works in each of its stages: fetch, extract, judge, store, embed.

    with held.stages.timed("extract"):
        text = await extracted(...)

The seconds are summed over pages that are worked on side by side: they say where the work is, not what the clock says.
Kept in memory; lease.py writes them to the crawl's row whenever it prolongs or ends the lease. Touches no database.
Called by visit.py, ingest.py and feed.py.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

Stage = Literal["fetch", "extract", "judge", "store", "embed"]


class Stages:
    """The seconds of one crawl by stage, those of the workers that had it before included. Safe in several threads."""

    def __init__(self, before: Mapping[str, float] | None = None) -> None:
        self._seconds = dict(before or {})
        self._lock = threading.Lock()

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Count the block's time for the stage, also where it fails. Waiting for a host is no work: not in it."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.add(stage, time.monotonic() - began)

    def add(self, stage: Stage, seconds: float) -> None:
        with self._lock:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds

    @property
    def seconds(self) -> dict[str, float]:
        """What was counted so far, to the millisecond."""
        with self._lock:
            return {stage: round(seconds, 3) for stage, seconds in self._seconds.items()}
