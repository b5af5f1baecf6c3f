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

COUNTED = 200  # a term that ANALYZE does not know is counted so far; beyond, how many there are is estimated
MOST_TERMS = 32  # of a pasted page of text, the rarest say enough
# About so many passages are ranked for a query: ranking costs some 10 µs each, and more are no better (LOG.md).
MOST_RANKED = 500
MOST_BRINGING = 8  # terms, the rarest, that bring them
RARITY = 1.25  # exponent of a term's weight
# What a term counts for by where it stands, in PostgreSQL's order D, C, B, A: text, (unused), headings, title.
FIELDS = [0.66, 0.66, 0.8, 1.0]

_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|„([^“”]+)[“”]')


@dataclass(frozen=True)
class Words:
    """A query's words as PostgreSQL needs them."""

    queries: list[str]  # each term as a tsquery, rarest first
    weights: list[float]  # the terms' weights
    candidates: list[str]  # the tsqueries that together bring the passages to be ranked; none where it has no terms
    phrases: list[str]  # each as a tsquery
    letters: list[str]  # and as it was written, in lower case


def words(cursor: CursorWrapper, text: str, total: float, share: float) -> Words:
    """The weighted terms and the phrases of `text`. A phrase of nothing but stop words asks for nothing.

    `total` is the number of passages, about, and `share` (0..1) the part of them that the search is narrowed to.
    """
    cursor.execute(SQL["terms"], {"text": text, "total": total, "most": COUNTED})
    found: list[tuple[str, float]] = cursor.fetchall()[:MOST_TERMS]
    total = max([1.0, total, *(passages for _query, passages in found)])  # passages may have come since ANALYZE
    weights = [math.log(1 + total / (passages + 0.5)) ** RARITY for _query, passages in found]
    phrases = _phrases(cursor, text)
    return Words(
        queries=[query for query, _passages in found],
        weights=weights,
        candidates=_candidates(found, weights, total, MOST_RANKED / share),
        phrases=[query for query, _letters in phrases],
        letters=[letters for _query, letters in phrases],
    )


def _candidates(found: list[tuple[str, float]], weights: Sequence[float], total: float, most: float) -> list[str]:
    """The tsqueries of the passages worth ranking: those whose terms weigh most together, about `most` of them.

    Each set of terms is expected to stand alone in as many passages as it would were the terms independent; the
    heaviest sets are taken until they hold enough. What holds more terms weighs more, so that a set is taken with all
    that contain it, and only the smallest have to be named: a rare term alone, of common ones two or three together.
    They are gathered by their rarest term, a tsquery each: an index that is asked for all of them at once goes through
    the lists of all terms but the commonest, asked so through the rarest of each (at 10^6 passages half the time).
    """
    terms = [
        (query, weight, min(0.9, passages / total)) for (query, passages), weight in zip(found, weights, strict=True)
    ]
    terms = [term for term in terms if term[2]][:MOST_BRINGING]
    sets = [frozenset(some) for size in range(1, len(terms) + 1) for some in combinations(range(len(terms)), size)]
    sets.sort(key=lambda some: -sum(terms[i][1] for i in some))
    taken: set[frozenset[int]] = set()
    expected = 0.0
    for some in sets:
        expected += total * math.prod(part if i in some else 1 - part for i, (_q, _w, part) in enumerate(terms))
        if taken and expected > most:
            break
        taken.add(some)
    smallest = [some for some in sets if some in taken and not any(some - {i} in taken for i in some)]
    gathered: dict[int, list[str]] = {}
    for some in smallest:
        rarest, *others = sorted(some)
        gathered.setdefault(rarest, []).append(" & ".join(terms[i][0] for i in others))
    return [
        f"{terms[rarest][0]} & ({' | '.join(rest)})" if rest[0] else terms[rarest][0]
        for rarest, rest in gathered.items()
    ]


def _phrases(cursor: CursorWrapper, text: str) -> list[tuple[str, str]]:
    found = []
    for match in _QUOTED.finditer(text):
        phrase = next(filter(None, match.groups()))
        cursor.execute(SQL["phrase"], {"phrase": phrase})
        found += [(f"({query})", " ".join(phrase.lower().split())) for (query,) in cursor.fetchall() if query]
    return found
