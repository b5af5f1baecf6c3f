"""The words of a text that carry its meaning, cut to their stems: for comparing texts without a model.

Pure. Called by read.py (which passages of a long page to look at) and by the extractive reasoner.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import log

# Words of questions and of grammar: they say what kind of thing is asked, not what it is about.
STOP_WORDS = frozenset(
    """a about above after again all also am an and any are aren as at be because been before being below between both
    but by can cannot could did didn do does doesn doing don down during each else ever every few for from further get
    give had has have having he her here hers him his how however i if in into is isn it its itself just let like many
    may me might more most much must my no nor not of off on once one only or other our out over own per please same
    she should since so some such tell than that the their them then there these they this those through to too under
    until up upon us use used uses using very was wasn we were what when where whether which while who whom whose why
    will with within without would you your""".split()  # noqa: SIM905 - a list of words reads better so
)
_WORD = re.compile(r"[^\W_]+(?:[._'’-][^\W_]+)*|[^\W_]+", re.UNICODE)
_PART = re.compile(r"[^\W_]+", re.UNICODE)
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "edly", "ers", "er", "ed", "es", "ly", "s", "e", "y")


def terms(text: str) -> list[str]:
    """The stems of the words in `text` that are not stop words, in order, repeats kept."""
    return list(_terms(text))


@lru_cache(maxsize=10_000)  # the same quotations are compared again at every turn: without it, 4 of 5 ms of a run
def _terms(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in _PART.findall(text.casefold()) if word not in STOP_WORDS)


def plain(text: str) -> str:
    """The words of the text in lower case with single spaces between: names and questions are compared so."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def unordered(query: str) -> str:
    """The same with its words in the order of the alphabet: a query that only puts them otherwise is no other query."""
    return " ".join(sorted(plain(query).split()))


def words(text: str) -> list[str]:
    """The words of `text` as written, dotted and hyphenated ones whole ("os.path", "well-known")."""
    return _WORD.findall(text)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A word without its ending: "signals" and "signal", "terminated" and "terminate" become the same."""
    if not word.isascii() or len(word) <= 3:
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def rarity(texts: Iterable[Sequence[str]]) -> dict[str, float]:
    """How much each term tells the texts (as their terms) apart: high for one that few of them have."""
    found = list(texts)
    counts = Counter(term for text in found for term in set(text))
    return {term: log(1 + len(found) / count) for term, count in counts.items()}


def overlap(wanted: Sequence[str], text: Sequence[str], weights: dict[str, float]) -> float:
    """The share, 0..1, of the weight of the wanted terms that the text has. A term unknown to `weights` is rarest."""
    rarest = max(weights.values(), default=1.0)
    has = set(text)
    total = sum(weights.get(term, rarest) for term in set(wanted))
    return sum(weights.get(term, rarest) for term in set(wanted) if term in has) / total if total else 0.0
