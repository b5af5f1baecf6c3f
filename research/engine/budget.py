"""Effort as a dial: what each level may spend. The person sees it before and while it is spent.

Called by launch.py (to fix what a run may spend), calibrate.py (to settle it for Auto), limits.py (to stop) and the ask
page (to show).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Budget:
    """What a run may spend at most, and how much it has to look before an answer counts."""

    gaps: int  # sub-questions that are open at a time
    rounds: int  # plan - hunt - revise
    turns: int  # actions for one gap in one round
    pages: int  # pages opened in all
    tokens: int  # prompt and completion tokens in all, those that the server had cached included
    seconds: int  # of work
    least_queries: int  # distinct queries for a gap before it may be answered or given up
    least_pages: int  # pages read in full for a gap before it may be answered, where there are any
    attempts: int  # independent attempts at a gap that one round did not answer
    drafts: int  # drafts of a section, of which the judge takes the best
    items: int  # of a survey
    keep: int  # documents whose evidence goes on to the report


BUDGETS = {
    "low": Budget(
        gaps=2,
        rounds=1,
        turns=3,
        pages=8,
        tokens=70_000,
        seconds=300,
        least_queries=1,
        least_pages=0,
        attempts=1,
        drafts=1,
        items=10,
        keep=20,
    ),
    "medium": Budget(
        gaps=4,
        rounds=3,
        turns=5,
        pages=30,
        tokens=350_000,
        seconds=1_200,
        least_queries=2,
        least_pages=1,
        attempts=1,
        drafts=1,
        items=30,
        keep=20,
    ),
    "high": Budget(
        gaps=6,
        rounds=6,
        turns=8,
        pages=100,
        tokens=1_750_000,
        seconds=3_600,
        least_queries=3,
        least_pages=2,
        attempts=3,
        drafts=3,
        items=200,
        keep=40,
    ),
}
LIMITS = ("rounds", "pages", "tokens", "seconds")  # what a person may set a limit of their own to


def budget(effort: str, limits: Mapping[str, int]) -> Budget:
    """What a run of this effort may spend, within the person's own `limits` (some of LIMITS). Auto starts as medium:
    calibrate.py settles it once the question was looked at."""
    return replace(BUDGETS["medium" if effort == "auto" else effort], **limits)


def extended(before: Budget, effort: str, limits: Mapping[str, int]) -> Budget:
    """What a run may spend in all when it is continued with this effort: that beside what it had."""
    more = budget(effort, limits)
    return replace(more, **{name: getattr(before, name) + getattr(more, name) for name in LIMITS})


def stored(spend: Budget) -> dict[str, int]:
    """As a run keeps it."""
    return asdict(spend)
