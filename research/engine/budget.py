"""Effort as a dial: what each level may spend. The person sees it before and while it is spent.

Called by the loop (to stop), the ask page (to show) and launch.py (to fix a run's budget).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """What a run may spend at most, and how much it has to look before an answer counts."""

    gaps: int  # sub-questions of the plan
    rounds: int  # plan - hunt - revise
    turns: int  # actions for one gap in one round
    pages: int  # pages opened in all
    tokens: int  # prompt and completion tokens in all
    seconds: int  # of work
    least_queries: int  # distinct queries for a gap before it may be answered or given up
    keep: int  # documents whose evidence goes on to the report


BUDGETS = {
    "low": Budget(gaps=2, rounds=1, turns=3, pages=8, tokens=40_000, seconds=300, least_queries=1, keep=20),
    "medium": Budget(gaps=4, rounds=3, turns=5, pages=30, tokens=200_000, seconds=1_200, least_queries=2, keep=20),
    "high": Budget(gaps=6, rounds=4, turns=8, pages=100, tokens=1_000_000, seconds=3_600, least_queries=3, keep=40),
}


def budget(effort: str, question: str) -> Budget:
    """The budget of an effort. Auto takes low for a question of one short sentence and medium for the rest."""
    if effort == "auto":
        effort = "low" if len(question.split()) <= 12 and question.count("?") <= 1 else "medium"
    return BUDGETS[effort]
