"""How much may pass the door in a minute and in an hour: for one host, whoever asks, and for one run, wherever it goes.

These are no manners (hosts.py has those, and keeps crawls far below); they end what has gone wrong: a page that asks
without end, a run that is led in circles, many runs that are led to one victim. Hosts of the operator's own
(EGRESS_ALLOW) are not counted: whom they serve, and how quickly, is for the operator to say.
Kept in the door's memory, in plain windows that begin with their first request: twice the cap may pass around a
window's end. Called by egress.py.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass

from search_index.relay import Denied

MINUTE, HOUR = 60.0, 3600.0
REMEMBERED = 20_000  # hosts and runs: some 10 MB


@dataclass(frozen=True)
class Cap:
    """So many requests and bytes, both ways together, in so many seconds."""

    seconds: float
    requests: int
    bytes: int


# A tunnel is one request here, whatever passes in it, so for https these are connections. Chromium opens 6 to a host
# and loads no pictures, media and fonts; three pages at once, two seconds each, are 90 pages a minute.
A_RUN = (
    Cap(MINUTE, 3_000, 500_000_000),  # 90 pages of 33 requests; ten of the largest answers that are let through
    Cap(HOUR, 20_000, 3_000_000_000),  # more pages than the greatest effort opens, and 1 MB a second for the hour
)
# A crawl asks one host once a second, or a fifth of the time (hosts.py): at 10 ms an answer 20 requests a second.
A_HOST = (
    Cap(MINUTE, 1_200, 500_000_000),
    Cap(HOUR, 30_000, 6_000_000_000),
)


class Exceeded(Denied):
    """Too much has passed; `seconds` is when it may be asked again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(429, "rate", retry_after=seconds)


@dataclass
class _Window:
    began: float
    requests: int = 0
    bytes: int = 0


class Rates:
    """What has passed, by host and by run. Times are time.monotonic()'s."""

    def __init__(self, a_host: tuple[Cap, ...] = A_HOST, a_run: tuple[Cap, ...] = A_RUN) -> None:
        self.a_host = a_host
        self.a_run = a_run
        self._windows: OrderedDict[str, list[_Window]] = OrderedDict()

    def enter(self, host: str, whose: str) -> "Meter":
        """Count one more request; what comes of it is told to the meter. Raises Exceeded, and counts nothing then."""
        now = time.monotonic()
        counted = [(self._at(f"host {host}", self.a_host, now), self.a_host)]
        if whose.startswith("run-"):
            counted.append((self._at(whose, self.a_run, now), self.a_run))
        pairs = [pair for windows, caps in counted for pair in zip(windows, caps, strict=True)]
        over = [
            window.began + cap.seconds - now
            for window, cap in pairs
            if window.requests >= cap.requests or window.bytes >= cap.bytes
        ]
        if over:
            raise Exceeded(max(over))
        for window, _cap in pairs:
            window.requests += 1
        return Meter(pairs)

    def _at(self, key: str, caps: tuple[Cap, ...], now: float) -> list[_Window]:
        """The windows of a host or run, those that are over begun anew."""
        windows = self._windows.setdefault(key, [_Window(now) for _cap in caps])
        self._windows.move_to_end(key)
        while len(self._windows) > REMEMBERED:
            self._windows.popitem(last=False)
        for place, cap in enumerate(caps):
            if now - windows[place].began >= cap.seconds:
                windows[place] = _Window(now)
        return windows


@dataclass(frozen=True)
class Meter:
    """Counts the bytes of one passage in the windows in which it began."""

    pairs: "list[tuple[_Window, Cap]]"

    def count(self, size: int) -> None:
        """Raises Exceeded as soon as there were too many, so that the one who overdoes it is cut."""
        for window, cap in self.pairs:
            window.bytes += size
            if window.bytes > cap.bytes:
                raise Exceeded(max(window.began + cap.seconds - time.monotonic(), 1.0))
