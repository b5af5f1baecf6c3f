"""The words of a query: quoted phrases, and terms weighted by how rare they are.

Rarity needs no table of its own: ANALYZE keeps the frequencies of common terms, and rare ones are cheap to count
(sql/search.sql, "terms"). Runs its SQL on the connection it is given a cursor of. Called by query.py.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from django.db.backends.utils import CursorWrapper

from search_index.sql import SQL

COUNTED = 2_000  # a term that ANALYZE does not know is counted so far: beyond, its weight hardly falls
MOST_TERMS = 32  # of a pasted page of text, the rarest say enough
# How many passages are ranked for a query, about: ranking costs some 10 µs each, and more are no better (LOG.md). The
# rarest terms bring them, two at least, so that one misspelt word does not decide alone.
RARE_PASSAGES = 1_000
LEAST_RARE = 2
MOST_OTHERS, MOST_BESIDE = 6, 3  # combinations of more would be a long tsquery
MOST_RANKED = 3_000  # of a common term, for which others have to stand beside it
RARITY = 1.25  # exponent of a term's weight
# What a term counts for by where it stands, in PostgreSQL's order D, C, B, A: text, (unused), headings, title.
FIELDS = [0.66, 0.66, 0.8, 1.0]

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]')


@dataclass(frozen=True)
class Words:
    """A query's words as PostgreSQL needs them."""

    queries: list[str]  # each term as a tsquery, rarest first
    weights: list[float]  # the terms' weights
    candidates: str | None  # the tsquery that brings the passages to be ranked; None where the query has no terms
    phrases: list[str]  # each as a tsquery
    letters: list[str]  # and as it was written, in lower case


def words(cursor: CursorWrapper, text: str, total: float, share: float) -> Words:
    """The weighted terms and the phrases of `text`. A phrase of nothing but stop words asks for nothing.

    `total` is the number of passages, about, and `share` (0..1) the part of them that the search is narrowed to.
    """
    cursor.execute(SQL["terms"], {"text": text, "total": total, "most": COUNTED})
    found: list[tuple[str, float]] = cursor.fetchall()[:MOST_TERMS]
    total = max([total, *(passages for _query, passages in found)])  # passages may have come since ANALYZE
    phrases = _phrases(cursor, text)
    return Words(
        queries=[query for query, _passages in found],
        weights=[math.log(1 + total / (passages + 0.5)) ** RARITY for _query, passages in found],
        candidates=_candidates(found, total, share),
        phrases=[query for query, _letters in phrases],
        letters=[letters for _query, letters in phrases],
    )


def _candidates(found: list[tuple[str, float]], total: float, share: float) -> str | None:
    """From the rarest term on, terms that some passage holds, until they bring enough; one that would bring too many
    brings those of its passages that hold others of the terms, too, as many others as it takes."""
    clauses: list[str] = []
    brought = 0.0
    for query, passages in found:
        if not passages:
            continue
        brings = passages * share
        if brought + brings > RARE_PASSAGES and len(clauses) >= LEAST_RARE:
            break
        others = [(other, min(1.0, held / total)) for other, held in found if other != query and held]
        beside = 0
        while brings > MOST_RANKED and beside < min(len(others), MOST_BESIDE):
            beside += 1
            brings = passages * share * _probability(beside, [chance for _other, chance in others])
        clauses.append(_with(query, beside, [other for other, _chance in others[:MOST_OTHERS]]))
        brought += brings
    return " | ".join(clauses) or None


def _probability(least: int, chances: Sequence[float]) -> float:
    """That at least so many of the terms stand in a passage, were they independent."""
    exactly = [1.0] + [0.0] * len(chances)
    for chance in chances:
        exactly = [p * (1 - chance) + before * chance for p, before in zip(exactly, [0.0, *exactly], strict=False)]
    return sum(exactly[least:])


def _with(query: str, beside: int, others: Sequence[str]) -> str:
    """The term, with so many of the others beside it."""
    if not beside:
        return query
    return f"({query} & ({' | '.join(' & '.join(some) for some in combinations(others, beside))}))"


def _phrases(cursor: CursorWrapper, text: str) -> list[tuple[str, str]]:
    found = []
    for match in _QUOTED.finditer(text):
        phrase = next(filter(None, match.groups()))
        cursor.execute(SQL["phrase"], {"phrase": phrase})
        found += [(f"({query})", " ".join(phrase.lower().split())) for (query,) in cursor.fetchall() if query]
    return found
