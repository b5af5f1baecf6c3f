"""How much of what a model server is sent it has seen before: the share that its prefix cache can spare it.

Measures, decides nothing. Called by tests/research/test_model_runs.py, and by whoever measures a run.
"""

from collections import deque
from collections.abc import Sequence
from itertools import takewhile

REMEMBERED = 8  # earlier prompts that a server is taken to still have: each slot or block table keeps some


def repeated(prompts: Sequence[str], remembered: int = REMEMBERED) -> float:
    """The share, 0..1, of the characters of all prompts, in the order in which they were sent, that repeat the
    beginning of one of the `remembered` prompts before."""
    shares = repeated_each(prompts, remembered)
    length = sum(map(len, prompts))
    return sum(share * len(prompt) for share, prompt in zip(shares, prompts, strict=True)) / length if length else 0.0


def repeated_each(prompts: Sequence[str], remembered: int = REMEMBERED) -> list[float]:
    """The same for each prompt alone."""
    before: deque[str] = deque(maxlen=remembered)
    shares = []
    for prompt in prompts:
        common = max((_common(prompt, earlier) for earlier in before), default=0)
        shares.append(common / len(prompt) if prompt else 0.0)
        before.append(prompt)
    return shares


def _common(one: str, other: str) -> int:
    """How many characters the two begin with alike."""
    return sum(1 for _pair in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
