"""What the step that runs now has spent so far.

journal.py sets `current` to a fresh Cost before each step and stores it with the step's result; whatever works inside
the step (a model client, the kit's index) adds to it with `spend`. Never read to decide anything: budgets are counted
from the journal (limits.py).
"""

from contextvars import ContextVar

from research.engine.values import Cost

current: ContextVar[Cost] = ContextVar("cost")


def spend(
    *, model_calls: int = 0, prompt_tokens: int = 0, completion_tokens: int = 0, pages: int = 0, thinking: str = ""
) -> None:
    """Add to the cost of the step that runs now; outside a step (a shell, a test of a part) nothing is counted."""
    cost = current.get(None)
    if cost is None:
        return
    cost.model_calls += model_calls
    cost.prompt_tokens += prompt_tokens
    cost.completion_tokens += completion_tokens
    cost.pages += pages
    if thinking:
        cost.thinking.append(thinking)
