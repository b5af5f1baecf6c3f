"""Knows when a query asks for the latest, and how recent a page is.

Pure. Called by query.py.
"""

import re
from datetime import date

HALF_LIFE = 365  # days after which a page counts half as recent
# "new" mostly belongs to a name (New York), and "a current" flows in a wire.
_ASKS = re.compile(
    r"\b(latest|newest|(most )?recent(ly)?|the current|currently|nowadays|today|as of now|right now|up[- ]to[- ]date"
    r"|this (week|month|year)|last (week|month)|so far)\b",
    re.IGNORECASE,
)


def asks_for_latest(query: str, today: date) -> bool:
    """Whether the query asks for the present state of something, in words or by naming this year."""
    return bool(_ASKS.search(query)) or str(today.year) in re.findall(r"\d+", query)


def recency(day: date | None, today: date) -> float:
    """How recent a day is: 1 today, a half a year ago, and 0 where it is not known. The future counts as today."""
    if day is None:
        return 0.0
    return float(0.5 ** (max(0, (today - day).days) / HALF_LIFE))
