"""The words of a query: quoted phrases, and terms weighted by how rare they are.

Rarity needs no table of its own: ANALYZE keeps the frequencies of common terms, and rare ones are cheap to count
(sql/search.sql, "terms"). Runs its SQL on the connection it is given a cursor of. Called by query.py.
"""

import math
import re
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

from search_index.sql import SQL

COUNTED = 20_000  # a term in more passages than this is "very common", however many more they are
MOST_TERMS = 32  # of a pasted page of text, the rarest say enough
# The rarest terms bring the candidates, as many as hold this number of passages between them: more are no better, and
# ranking costs some 10 µs a passage (LOG.md). Two terms at least, so that one misspelt word does not decide alone.
RARE_PASSAGES = 1_000
LEAST_RARE = 2
RARITY = 1.25  # exponent of a term's weight
# What a term counts for by where it stands, in PostgreSQL's order D, C, B, A: text, (unused), headings, title.
FIELDS = [0.66, 0.66, 0.8, 1.0]

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]')


@dataclass(frozen=True)
class Words:
    """A query's words as PostgreSQL needs them."""

    queries: list[str]  # each term as a tsquery, rarest first
    weights: list[float]  # the terms' weights
    rare: str | None  # the rarest terms, joined by OR; None where the query has none
    phrases: list[str]  # each as a tsquery
    letters: list[str]  # and as it was written, in lower case


def words(cursor: CursorWrapper, text: str) -> Words:
    """The weighted terms and the phrases of `text`. A phrase of nothing but stop words asks for nothing."""
    cursor.execute(SQL["total"], {"most": COUNTED})
    total = float(cursor.fetchone()[0])
    cursor.execute(SQL["terms"], {"text": text, "total": total, "most": COUNTED})
    found: list[tuple[str, float]] = cursor.fetchall()[:MOST_TERMS]
    total = max([total, *(passages for _query, passages in found)])  # passages may have come since ANALYZE
    phrases = _phrases(cursor, text)
    return Words(
        queries=[query for query, _passages in found],
        weights=[math.log(1 + total / (passages + 0.5)) ** RARITY for _query, passages in found],
        rare=" | ".join(_rarest(found)) or None,
        phrases=[query for query, _letters in phrases],
        letters=[letters for _query, letters in phrases],
    )


def _rarest(found: list[tuple[str, float]]) -> list[str]:
    """From the rarest on, terms that some passage holds, until they hold enough passages."""
    rare: list[str] = []
    held = 0.0
    for query, passages in found:
        if passages and (len(rare) < LEAST_RARE or held + passages <= RARE_PASSAGES):
            rare.append(query)
            held += passages
    return rare


def _phrases(cursor: CursorWrapper, text: str) -> list[tuple[str, str]]:
    found = []
    for match in _QUOTED.finditer(text):
        phrase = next(filter(None, match.groups()))
        cursor.execute(SQL["phrase"], {"phrase": phrase})
        found += [(f"({query})", " ".join(phrase.lower().split())) for (query,) in cursor.fetchall() if query]
    return found
