"""A text as words: what quality.py counts and copies.py compares.

Pure and quick: one pass of a regular expression, then arrays of numbers. Called by the modules beside it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint64]

# Numbers with their points and commas; single signs of scripts that set no spaces between words (kana, Han, Thai, Lao,
# Khmer); words, with the apostrophe inside them ("isn't"). What stands between is no word.
_UNSPACED = r"\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTERS = rf"[^\W\d_{_UNSPACED}][^\W{_UNSPACED}]*"
WORD = re.compile(rf"\d+(?:[.,]\d+)*|[{_UNSPACED}]|{_LETTERS}(?:'{_LETTERS})*")
_FACTORS = (np.random.default_rng(20_240_501).integers(1, 2**63, 16, dtype=np.uint64) << np.uint64(1)) | np.uint64(1)


def plain(text: str) -> str:
    """The text as its words are looked for: in lower case, with one kind of apostrophe; of the same length."""
    lowered = text.lower()
    return (lowered if len(lowered) == len(text) else "".join(_lower(sign) for sign in text)).replace("’", "'")


@lru_cache(maxsize=100_000)  # the common words of all pages
def code(word: str) -> int:
    """A word's number, the same in every process: 64 bits, so that two words do not share one."""
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def windows(codes: Codes, size: int) -> Codes:
    """One number for each run of `size` words; none where there are fewer words."""
    if len(codes) < size:
        return np.empty(0, dtype=np.uint64)
    runs = np.lib.stride_tricks.sliding_window_view(codes, size)
    return mixed(runs @ _FACTORS[:size])


def mixed(numbers: Codes) -> Codes:
    """The numbers with their bits spread (the last steps of MurmurHash3), so that none stays close to its neighbour."""
    numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return numbers ^ (numbers >> np.uint64(33))


@dataclass(frozen=True)
class Words:
    """A text and its words."""

    text: str

    @cached_property
    def all(self) -> list[str]:
        return WORD.findall(plain(self.text))

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        return np.fromiter(map(len, self.all), dtype=np.int64, count=len(self.all))

    @cached_property
    def codes(self) -> Codes:
        return coded(self.all, code)

    def __len__(self) -> int:
        return len(self.all)


def coded(words: Sequence[str], number: Callable[[str], int]) -> Codes:
    """`number` of each word; asked once for words that come again."""
    table = {word: number(word) for word in set(words)}
    return np.fromiter(map(table.__getitem__, words), dtype=np.uint64, count=len(words))


def _lower(sign: str) -> str:
    lowered = sign.lower()
    return lowered if len(lowered) == 1 else sign
