"""How well a short answer and a set of documents fit what was expected: the measures of SQuAD, HotpotQA and their kin.

Pure. Called by research/evaluate.py.
"""

import re
import string
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
RIGHT = 0.5  # F1 from which an answer counts as right: "Floris III" where "Floris III, Count of Holland" is expected
CLOSED = {"yes", "no", "noanswer"}  # answers that are right or wrong, with nothing in between


def normal(answer: str) -> str:
    """The answer as SQuAD compares it: lower case, without punctuation and articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def exact(answer: str, answers: Collection[str]) -> float:
    """1.0 where the answer is one of those expected, else 0.0."""
    return float(any(normal(answer) == normal(one) for one in answers))


def f1(answer: str, answers: Collection[str]) -> float:
    """The best harmonic mean, 0..1, of the words that the answer shares with one of those expected."""
    return max((_f1(normal(answer), normal(one)) for one in answers), default=0.0)


def recall(found: Collection[str], gold: Collection[str]) -> float:
    """The share, 0..1, of the gold that was found. `gold` is not empty."""
    return len(set(gold) & set(found)) / len(set(gold))


@dataclass(frozen=True)
class Bin:
    """Answers that were about as sure: how many, how sure on average, and what share of them was right."""

    count: int
    confidence: float
    right: float


def reliability(found: Sequence[tuple[float, bool]], bins: int = 10) -> list[Bin]:
    """(confidence 0..1, whether it was right) in bins of equal width, empty ones left out: a reliability diagram."""
    of_bin: dict[int, list[tuple[float, bool]]] = {}
    for sure, is_right in found:
        of_bin.setdefault(min(int(sure * bins), bins - 1), []).append((sure, is_right))
    return [
        Bin(len(own), fmean(sure for sure, _right in own), fmean(is_right for _sure, is_right in own))
        for _place, own in sorted(of_bin.items())
    ]


def calibration_error(found: Sequence[tuple[float, bool]]) -> float:
    """The expected calibration error, 0..1: how far, on average, confidence is from the share that is right."""
    return sum(one.count * abs(one.confidence - one.right) for one in reliability(found)) / len(found)


def _f1(answer: str, expected: str) -> float:
    if answer != expected and {answer, expected} & CLOSED:
        return 0.0
    said, wanted = answer.split(), expected.split()
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted)) if shared else 0.0
