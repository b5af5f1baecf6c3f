"""Made-up English: the same texts on every machine, as long and as varied as wanted.

The words are English ones, those that the built-in model's tokenizer knows, about as frequent as content words are in a
large collection (Zipf and Mandelbrot: the most frequent ones stand in a fifth of all passages), and after them rarer
ones put together of English parts ("interscribation"), which take several tokens each: in all about as many tokens a
word as real texts have, so that embedding takes as long. Between them stand the words that hold English together. Each
text comes back to a few words of its own, as texts do: without that it would be taken for gibberish, rightly.
Called by site.py, stock.py, index.py and search.py.
"""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_index.carried import TOKENIZER, checked, folder
from search_index.embed import SHA256
from search_index.judgement.measures import FUNCTION_WORDS

SEED = 20_260_101
PREFIXES = "con de in per re trans sub ex pre inter un over out ad dis pro en under mis ob".split()  # noqa: SIM905
STEMS = (  # noqa: SIM905
    "struct form port duct vent scrib tract press cept clud spect vert mit pos fer ject rupt sist tend vis solv gress "
    "plic quir serv sum cur fact fin flect fus grad lat leg loc med min mot nat norm nov oper pend plan quest rat riv "
    "sec sens sign sol son stat strat tact temp test text val ver vid vol"
).split()
SUFFIXES = "e ed es er ers ing ion ions ive al able or ors ure ment ments ant ance ation ational".split()  # noqa: SIM905
BETWEEN = (  # noqa: SIM905
    "the of and a to in is that it for was with as on be by are this which from or an have not at has they one can all "
    "were their there more when we its been than if so no would only some other each then may such"
).split()
BETWEEN_SHARE = 0.44  # of all words, as in English prose
OWN_SHARE = 0.3  # of the other words: those that the text is about
OWN_WORDS = 10
RANK_SHIFT = 50  # Mandelbrot's: without it the first words would stand in every passage


@dataclass(frozen=True)
class Text:
    """A text that is still to be written: by what, and what about."""

    by: np.random.Generator
    own: list[str]


class Prose:
    """The vocabulary, and what is written with it."""

    def __init__(self) -> None:
        known = _known()
        parts = {f"{prefix}{stem}{suffix}" for prefix in PREFIXES for stem in STEMS for suffix in SUFFIXES}
        rare = sorted(parts.difference(known))
        np.random.default_rng(SEED).shuffle(rare)
        self.words = [*known, *rare]
        self._until = _cumulated(1 / (np.arange(len(self.words)) + RANK_SHIFT))
        self._between_until = _cumulated(1 / (np.arange(len(BETWEEN)) + 2))

    def text(self, by: np.random.Generator) -> Text:
        """A text about words drawn from the whole vocabulary."""
        return Text(by, self._drawn(by, OWN_WORDS))

    def title(self, text: Text) -> str:
        """Four to six words that tell what it is about."""
        first, *others = [str(word) for word in text.by.choice(text.own, 3 + int(text.by.integers(2)), replace=False)]
        return f"{first.capitalize()} of {' '.join(others)}"

    def paragraph(self, text: Text, words: int) -> str:
        """A paragraph of about so many words, in sentences of 9 to 22."""
        by = text.by
        chosen = self._drawn(by, words)
        between = np.searchsorted(self._between_until, by.random(words))
        kinds = by.random(words)
        own = by.integers(0, len(text.own), words)
        for at, kind in enumerate(kinds):
            if kind < BETWEEN_SHARE:
                chosen[at] = BETWEEN[between[at]]
            elif kind < BETWEEN_SHARE + OWN_SHARE * (1 - BETWEEN_SHARE):
                chosen[at] = text.own[own[at]]
        return " ".join(self._sentences(chosen, by))

    def common(self, by: np.random.Generator, count: int, among: int = 50) -> list[str]:
        """Some of the most frequent words that are no stop words: each stands in some 10 to 20 of 100 passages."""
        return [self.words[int(place)] for place in by.choice(among, count, replace=False)]

    def _drawn(self, by: np.random.Generator, count: int) -> list[str]:
        return [self.words[place] for place in np.searchsorted(self._until, by.random(count))]

    @staticmethod
    def _sentences(words: list[str], by: np.random.Generator) -> list[str]:
        sentences = []
        start = 0
        while start < len(words):
            end = start + 9 + int(by.integers(14))
            sentence = " ".join(words[start:end])
            sentences.append(f"{sentence[0].upper()}{sentence[1:]}.")
            start = end
        return sentences


def _known() -> list[str]:
    """The tokenizer's whole words that say something, the most frequent ones first."""
    tokenizer = json.loads(checked(folder("bge_small_en") / TOKENIZER, SHA256[TOKENIZER]))
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    ranked = sorted(vocabulary, key=vocabulary.__getitem__)
    return [
        word for word in ranked if len(word) > 3 and word.isascii() and word.isalpha() and word not in FUNCTION_WORDS
    ]


def _cumulated(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    until = np.cumsum(weights / weights.sum())
    until[-1] = 1.0  # whatever was lost by rounding: random() stays below it
    return until
