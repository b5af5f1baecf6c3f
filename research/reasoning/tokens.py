"""How many tokens a text has for the model of a server: counted by the server, or with its tokenizer, or estimated.

An estimate is cautious at first and then corrected by what the server said its prompts had. Counting exactly costs a
request or milliseconds, so it is done only where the estimate is near the limit, and once for a piece of text.
Made by reasoning/server.py for each server, asked by reasoning/client.py.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

Count = Callable[[str], Awaitable[int | None]]  # None: it cannot be had now

NEAR = 0.25  # of the limit: a surer estimate than that decides by itself
KEPT = 2_000  # counts of pieces that are remembered
LINES = 20_000
LEAST = 150  # of the plain estimate: in a shorter prompt the chat template's own words outweigh it
LATELY = 16  # prompts whose real lengths correct the estimate: the longest for its bytes counts
MARGIN = 1.05

log = logging.getLogger(__name__)


class Tokens:
    """Counts for one server. `how` says by what: "server", "tokenizer" or "estimate"."""

    def __init__(self, how: str = "estimate", count: Count | None = None) -> None:
        self.how = how
        self._count = count
        self._known: OrderedDict[str, int] = OrderedDict()
        self._seen: deque[float] = deque(maxlen=LATELY)  # tokens for each token of the plain estimate

    @property
    def scale(self) -> float:
        """What the plain estimate is multiplied by: 1 until a prompt's real length is known."""
        return max(self._seen) * MARGIN if self._seen else 1.0

    def estimate(self, pieces: Sequence[str]) -> int:
        """About how many tokens the pieces have together, rather too many than too few."""
        return int(plain(pieces) * self.scale) + 1

    def saw(self, pieces: Sequence[str], tokens: int) -> None:
        """The server said that these pieces were a prompt of so many tokens (its chat template's marks among them)."""
        if plain(pieces) >= LEAST:
            self._seen.append(tokens / plain(pieces))

    def remember(self, before: "Tokens") -> None:
        """Go on with what was learned of the same model."""
        self._seen.extend(before._seen)

    async def fit(self, pieces: Sequence[str], room: int) -> bool:
        """Whether the pieces have at most `room` tokens together."""
        guess = self.estimate(pieces)
        sure_from = room * (1 + NEAR) if self._seen else room * 2  # uncorrected, it may be far too high
        if self._count is None or guess <= room * (1 - NEAR) or guess > sure_from:
            return guess <= room
        exact = await self.exact(pieces)
        return (guess if exact is None else exact) <= room

    async def exact(self, pieces: Sequence[str]) -> int | None:
        """How many tokens the pieces have, or None where nothing can count them."""
        total = 0
        for piece in pieces:
            if piece not in self._known:
                counted = await self._count(piece) if self._count else None
                if counted is None:
                    self.how, self._count = "estimate", None
                    return None
                self._known[piece] = counted
                if len(self._known) > KEPT:
                    self._known.popitem(last=False)
            total += self._known[piece]
        return total


def plain(pieces: Sequence[str]) -> int:
    """A token for three bytes of UTF-8: English needs fewer, and Chinese, with three bytes a character, about one."""
    return sum(len(piece.encode()) for piece in pieces) // 3 + 1


def tokenizer(*places: str) -> Count | None:
    """Counting with the first tokenizer that one of the places has: a tokenizer.json, or a folder with one.

    Blocking: a large one takes a second to load. Raises ValueError where it is not a tokenizer.
    """
    for place in filter(None, places):
        path = Path(place).expanduser()
        file = path / "tokenizer.json" if path.is_dir() else path
        if file.is_file() and file.suffix == ".json":
            try:
                found: Tokenizer = Tokenizer.from_file(str(file))
            except Exception as error:  # tokenizers raises nothing more particular
                raise ValueError(f"{file}: {error}") from error

            return _by_lines(found)
    return None


def _by_lines(found: Tokenizer) -> Count:
    """Most lines of a prompt stood in the one before it."""

    @lru_cache(LINES)
    def line_tokens(line: str) -> int:
        return len(found.encode(line, add_special_tokens=False))

    async def count(piece: str) -> int:
        return sum(map(line_tokens, piece.splitlines(keepends=True)))

    return count
