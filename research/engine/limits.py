"""When a run has to stop looking: its budget is counted from its journal, so a resumed run gets no new one.

Called by hunt.py, survey.py and loop.py before each new step. What is recorded already is replayed whatever the limits
say now.
"""

from research.engine.budget import Budget
from research.engine.journal import Journal

LOOKING = 0.8  # of tokens and seconds may go into looking; the rest is for writing and checking the report


def reached(journal: Journal, budget: Budget, key: str) -> bool:
    """Whether the step `key`, if it is not recorded yet, would go beyond what the run may spend on looking."""
    if journal.has(key):
        return False
    spent = journal.spent()
    return (
        spent.seconds >= budget.seconds * LOOKING
        or spent.prompt_tokens + spent.completion_tokens >= budget.tokens * LOOKING
    )


def pages_left(journal: Journal, budget: Budget) -> int:
    """How many more pages the run may open."""
    return max(0, budget.pages - journal.spent().pages)
