"""Trying again where the reasoner says that it makes sense, a few times and never at the same moment as the others.

Called by journal.py around every step.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from research.errors import RetryLater, StepFailed

T = TypeVar("T")

logger = logging.getLogger(__name__)

WAITS = [2.0, 8.0]  # seconds before the second and the third attempt; a third failure is the step's
LONGEST_WAIT = 60.0  # however long a server asks to wait


async def patiently(step: Callable[[], Awaitable[T]]) -> T:
    """The step's result. RetryLater is waited out with jitter; after the last attempt it becomes StepFailed."""
    for wait in WAITS:
        try:
            return await step()
        except RetryLater as failure:
            logger.warning("trying again in about %.0f s: %s", wait, failure)
            asked = min(failure.after or 0.0, LONGEST_WAIT)
            await asyncio.sleep(max(asked, wait * random.uniform(0.5, 1.5)))  # noqa: S311 - jitter, no secret
    try:
        return await step()
    except RetryLater as failure:
        raise StepFailed(str(failure)) from failure
