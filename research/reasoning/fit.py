"""What a prompt shows where the model's context has no room for all of it: the best whole, the next in short, and how
many more there are. Nothing is left out without a word of it in the prompt.

In short, a piece of evidence is its first sentence, and a passage those of its sentences that share most words with the
gap; both stay verbatim, and keep their numbers. Pure but for asking whether a prompt fits. Called by
reasoning/model.py.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Generic, TypeVar

from research.engine.terms import overlap, rarity, terms
from research.engine.values import Evidence
from research.prompts import Prompt
from research.reasoning.sight import Passage
from search_index.api import sentences

SENTENCES = 3  # that are left of a passage

T = TypeVar("T")


@dataclass(frozen=True)
class Fitted(Generic[T]):
    """A prompt that fits, and what it shows: `shown` in the order given, so many of them in short, so many left out."""

    prompt: Prompt
    shown: tuple[T, ...]
    shortened: int = 0
    left_out: int = 0


async def fit(
    items: Sequence[T],
    made: Callable[[Sequence[T]], Prompt],
    fits: Callable[[Prompt], Awaitable[bool]],
    about: str = "",
    most: int | None = None,
) -> Fitted[T] | None:
    """The prompt that shows most of the items; None where not even the best one fits in short.

    `made` makes a prompt of some items, `about` is the text by which sentences of passages are chosen, and no more than
    the best `most` items are shown even where there is room. The steps from all whole to one in short are tried by
    halves: fewer than six prompts for a dozen items.
    """
    order = sorted(range(len(items)), key=lambda place: -_worth(items[place]))
    short = cache(lambda place: _shortened(items[place], about))  # most prompts fit as they are
    top = len(items) if most is None else min(most, len(items))
    # (whole, shown): the best `whole` items as they are, the next in short up to `shown`.
    steps = [(whole, top) for whole in range(top, -1, -1)]
    steps += [(0, shown) for shown in range(top - 1, 0, -1)]

    def at(step: tuple[int, int]) -> Fitted[T]:
        whole, shown = step
        places = sorted(order[:shown])
        best = set(order[:whole])
        chosen = tuple(items[place] if place in best else short(place) for place in places)
        cut = sum(1 for place in places if place not in best and short(place) != items[place])
        left_out = len(items) - shown
        return Fitted(_remarked(made(chosen), _kind(items), cut, left_out), chosen, cut, left_out)

    first = at(steps[0])
    if await fits(first.prompt):
        return first
    low, high, found = 1, len(steps) - 1, None
    while low <= high:
        middle = (low + high) // 2
        tried = at(steps[middle])
        if await fits(tried.prompt):
            found, high = tried, middle - 1
        else:
            low = middle + 1
    return found


def _worth(item: object) -> float:
    """Evidence is better by its score; other things come in the order of their worth."""
    return item.score if isinstance(item, Evidence) else 0.0


def _shortened(item: Any, about: str) -> Any:
    """The item in short: itself where it is short already."""
    if isinstance(item, Evidence):
        spans = sentences(item.quote)
        return replace(item, quote=item.quote[slice(*spans[0])]) if len(spans) > 1 else item
    return _fewer(item, about) if isinstance(item, Passage) else item


def _fewer(passage: Passage, about: str) -> Passage:
    """The passage with its sentences that share most words with the gap; the earlier ones where they share as much."""
    wanted = terms(about)
    texts = {number: terms(text) for number, text in passage.sentences}
    weights = rarity(texts.values())
    best = sorted(texts, key=lambda number: (-overlap(wanted, texts[number], weights), number))[:SENTENCES]
    return replace(passage, spans={number: span for number, span in passage.spans.items() if number in best})


def _kind(items: Sequence[object]) -> tuple[str, str]:
    """What one of the items is called in a prompt, and several."""
    if any(isinstance(item, Passage) for item in items):
        return "passage", "passages"
    return "piece of evidence", "pieces of evidence"


def _remarked(prompt: Prompt, kind: tuple[str, str], cut: int, left_out: int) -> Prompt:
    one, several = kind
    said = []
    if cut:
        said.append(f"{cut} {several if cut > 1 else one} shown in part.")
    if left_out:
        said.append(f"{left_out} more {several if left_out > 1 else one} not shown.")
    return prompt.remark(" ".join(said)) if said else prompt
