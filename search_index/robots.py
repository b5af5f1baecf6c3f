"""Asks a host's robots.txt (RFC 9309) whether a page may be fetched, and how long to wait between pages.

Fetched like everything else, by fetch.py; parsed by protego; remembered for a day in this process. Answers only for
our own name (the product token of settings.USER_AGENT); at the door it is the site that asks, as the answer is for all.
Never fetches the page itself.
Called by crawl.py and reading.py.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from django.conf import settings
from django.utils.translation import gettext as _
from protego import Protego

from search_index import policy, whose
from search_index.errors import IndexFailure, Refused, RetryLater, SourceFailed
from search_index.fetch import StatusFailed, fetch

REMEMBERED_SECONDS = 86_400  # RFC 9309, 2.4: no longer than a day
FAILURE_SECONDS = 60  # a host that cannot be asked is asked again after that
PARSED_BYTES = 500 * 1024  # RFC 9309, 2.5: at least that much is parsed
LONGEST_DELAY = 120.0  # seconds; a longer Crawl-delay would be a refusal in disguise
HOSTS_REMEMBERED = 5_000


@dataclass(frozen=True)
class Decision:
    """What robots.txt says of one URL. `delay` is its Crawl-delay in seconds, None where it has none."""

    allowed: bool
    delay: float | None
    reason: str  # a sentence; empty where it is allowed


@dataclass(frozen=True)
class _Rules:
    """A host's robots.txt, or the failure to have it. No rules: everything is allowed."""

    until: float  # time.monotonic()
    parsed: Protego | None = None
    failure: IndexFailure | None = None


async def allowed(url: str) -> Decision:
    """Whether we may fetch the URL. Without a robots.txt (4xx) everything is allowed.

    Raises RetryLater while the host cannot be asked (5xx, unreachable): until then nothing of it may be fetched.
    Raises Refused("url", "egress" or "sealed") where the host itself may not be visited.
    """
    target = policy.parse(url)
    rules = await _rules(f"{target.scheme}://{target.netloc}")
    if rules.failure is not None:
        raise rules.failure.with_traceback(None)
    if rules.parsed is None or target.path == "/robots.txt":
        return Decision(allowed=True, delay=None, reason="")
    name = settings.USER_AGENT.split("/")[0]
    may = bool(rules.parsed.can_fetch(target.url, name))
    reason = "" if may else _("robots.txt of %(host)s forbids it.") % {"host": target.host}
    return Decision(allowed=may, delay=_delay(rules.parsed, name), reason=reason)


def forget() -> None:
    """Ask every host anew: what this loop remembers is dropped."""
    _remembered.pop(asyncio.get_running_loop(), None)


def _delay(parsed: Protego, name: str) -> float | None:
    """The longer of Crawl-delay and Request-rate, as far as they are given."""
    rate = parsed.request_rate(name)
    waits = [parsed.crawl_delay(name), rate.seconds / rate.requests if rate and rate.requests else None]
    known = [float(wait) for wait in waits if wait is not None]
    return min(max(known), LONGEST_DELAY) if known else None


# Per loop, host to the task that has, or is having, its rules: pages that ask at the same time share one fetch. What
# sealed runs ask is kept apart: the door passes nothing for them, and that is no answer for the others.
_Tasks = OrderedDict[tuple[str, bool], "asyncio.Task[_Rules]"]
_remembered: WeakKeyDictionary[asyncio.AbstractEventLoop, _Tasks] = WeakKeyDictionary()


async def _rules(host: str) -> _Rules:
    tasks = _remembered.setdefault(asyncio.get_running_loop(), OrderedDict())
    key = (host, whose.sealed())
    task = tasks.get(key)
    if task is None or task.cancelled() or (task.done() and task.result().until < time.monotonic()):
        with whose.asking(whose.SITE):
            task = tasks[key] = asyncio.create_task(_ask(host))
    tasks.move_to_end(key)
    while len(tasks) > HOSTS_REMEMBERED:
        tasks.popitem(last=False)
    return await asyncio.shield(task)  # one page that is given up must not take the others' answer away


async def _ask(host: str) -> _Rules:
    now = time.monotonic()
    try:
        answer = await fetch(f"{host}/robots.txt")
    except RetryLater as failure:
        return _Rules(now + FAILURE_SECONDS, failure=_not_now(failure))
    except Refused as failure:
        if failure.reason in {"egress", "sealed"}:
            return _Rules(now + FAILURE_SECONDS, failure=failure)
        return _Rules(now + REMEMBERED_SECONDS)  # too many redirects, too large or no text: as if there were none
    except StatusFailed:
        return _Rules(now + REMEMBERED_SECONDS)
    except SourceFailed as failure:  # no such host, no trust in its certificate: the page will say the same
        return _Rules(now + FAILURE_SECONDS, failure=_not_now(failure))
    text = answer.body[:PARSED_BYTES].decode("utf-8-sig", errors="replace")
    return _Rules(now + REMEMBERED_SECONDS, parsed=Protego.parse(text))


def _not_now(failure: IndexFailure) -> RetryLater:
    after = failure.after if isinstance(failure, RetryLater) else None
    return RetryLater("robots", _("robots.txt cannot be had: %(why)s") % {"why": failure}, after)
