"""Near-duplicates: which pages say the same, which contradict each other in a copy, and which only look alike.

Two texts are compared by their *skeletons*: their words with every number replaced by one sign and every negation taken
out, so that a copy in which numbers were changed or a "not" was dropped has the same skeleton as its original. 5-word
shingles of it make a MinHash of 14 bands x 8 hashes (FineWeb's; two texts of Jaccard .75 share a band with probability
.77, of .9 with .9996): pages that share a band are candidates, and compare() looks at their true Jaccard, then at the
numbers and negations inside contexts that both have. What is left out on purpose: date stamps, counters, page numbers.

Pure: no Django, no I/O. Called by store.py; `same_text` by research, through api.py; `differing` and `compare` also by
whoever asks whether a host contradicts itself.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import numpy.typing as npt

from search_index.judgement.words import WORD, Codes, code, coded, mixed, plain, windows
from search_index.sentences import sentences

SHINGLE = 5  # words
BANDS, ROWS = 14, 8  # huggingface/datatrove, examples/fineweb.py: 14 buckets of 8 hashes
NEAR = 0.75  # Jaccard from which two texts are one and the same to a reader
# A copy adds nothing: this share of its shingles is in the other one as well. Jaccard alone would also call a page a
# copy that has a paragraph of its own.
CONTAINED = 0.95
# Jaccard of the skeletons from which a difference in numbers is a contradiction: a copy with changed numbers has 1.0
# (no word was changed), the next year's report, another product or release has other words, too. Measured: LOG.md.
SAME_WORDS = 0.9
ALTERED = 0.3  # share of a sentence's words that one in its place has, too: near-duplicates have few that differ
ALTERED_MOST = 60  # sentences of a text that are compared
TELLING = 4  # letters of a word that tells what a sentence is about; both have two such
SENTENCE = 3  # words that tell something, from which a sentence is one
CONTEXT = 4  # words before and after a number or negation that both texts must have

# The 112 hash functions are ax + b over 32 bits, in which processors multiply four times as many at once as in 64.
_BLOCK = 1024  # shingles hashed at a time: 112 hashes of each are 450 kB, which stay in the cache
_RANDOM = np.random.default_rng(20_240_502)
_MULTIPLIERS = _RANDOM.integers(0, 2**32, BANDS * ROWS, dtype=np.uint32) | np.uint32(1)
_OFFSETS = _RANDOM.integers(0, 2**32, BANDS * ROWS, dtype=np.uint32)
_FACTORS = _RANDOM.integers(0, 2**63, max(ROWS, 2 * CONTEXT), dtype=np.uint64) | np.uint64(1)

_NUMBER = code("0")
_NUMBERS = frozenset(
    """
    two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty seventy
    eighty ninety hundred thousand million billion trillion dozen half twice double triple
    """.split()  # noqa: SIM905
)
# Words of negation, with what is left of them in the skeleton. Of several languages: what is no negation in one of them
# ("no" in Portuguese) is taken out on both sides alike.
_NEGATIONS: dict[str, str] = {
    **dict.fromkeys(
        """
            not no never nicht kein keine keinen keiner keinem keines nie niemals ne pas jamais nunca jamás não non
            niet geen inte ikke не нет
            """.split(),  # noqa: SIM905
            "",
    ),
    "cannot": "can", "can't": "can", "won't": "will", "shan't": "shall", "without": "with", "neither": "either",
    "nor": "or", "none": "all", "nobody": "somebody", "nothing": "something", "nowhere": "somewhere",
}  # fmt: skip
# Words of lines that a site writes about the page, not about its subject: a number in a short line with one of these is
# no claim.
_STAMPS = frozenset(
    """
    updated modified published posted generated accessed retrieved revised edited created visited viewed views view
    visitors visits hits copyright rights page pages ago comments comment replies likes shares votes read reading
    online members downloads rating ratings reviews isbn issn phone tel fax version last since january february
    march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct
    nov dec monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun am pm utc gmt
    aktualisiert veröffentlicht stand seite mis à jour publié actualizado publicado página
    """.split()  # noqa: SIM905
)
_CALENDAR = frozenset(
    """
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday
    """.split()  # noqa: SIM905
)
# Of which one in the place of the other says the contrary.
_OPPOSITES = frozenset(
    """
    allowed permitted legal lawful forbidden prohibited banned illegal open closed safe harmless unsafe dangerous edible
    poisonous toxic approved accepted ratified adopted rejected refused won lost increased rose grew decreased fell
    declined required mandatory optional possible impossible true false succeeded failed supported opposed included
    excluded higher lower more fewer less before after
    """.split()  # noqa: SIM905
)
_STAMP_WORDS = 12  # a line of more words is a sentence, whatever it is about
_SENTENCE_END = re.compile(r"[.!?][\"'”’)]*\s|\n")

# What sets two editions of one text apart, in an address or a title: a version, a year, a date, a name of a release.
_VERSION = re.compile(
    r"v?\d+(?:[._]\d+)+[a-z]?\d*|v\d+|(?:19|20)\d\d(?:[-_]?\d\d){0,2}"
    r"|stable|latest|current|devel|dev|main|master|next|nightly|lts|edge|unstable|testing"
)
_SMALL = re.compile(r"\d{1,2}")
_MANUALS = frozenset(
    [
        "doc",
        "docs",
        "documentation",
        "manual",
        "manuals",
        "release",
        "releases",
        "version",
        "versions",
        "reference",
        "api",
    ]
)
_TITLE_NUMBER = re.compile(
    r"(?<![\w.,])(?:v|q)?(\d+(?:[.,]\d+)*)(?P<unit>\s?(?:x|×|%|‰|times|percent|million|billion)\b)?"
)
_UNITS = re.compile(r"\s?(?:x|×|%|‰|times|percent|million|billion|thousand)", re.IGNORECASE)


class Kind(StrEnum):
    """What two texts are to each other."""

    APART = "apart"  # different texts
    NEAR = "near"  # the same in other words, or with something more: shown as one
    COPY = "copy"  # nothing in it that the other does not have
    SIBLING = "sibling"  # the same words about something else: another year, release, product
    CONFLICT = "conflict"  # a copy with other numbers or negations


@dataclass(frozen=True)
class Difference:
    """A number, or a negation, that stands in one text and not in the other, between the same words."""

    here: str
    there: str
    around: str  # the words about it, as this text has them

    def __str__(self) -> str:
        return f"{self.here} / {self.there} (… {self.around} …)"


@dataclass(frozen=True)
class Shown:
    """A page as copies are told by: where it is, how it is called and what it says."""

    url: str
    title: str
    text: str

    @cached_property
    def skeleton(self) -> "Skeleton":
        return Skeleton(self.text)


@dataclass(frozen=True)
class Likeness:
    """What a page is to another one, and why."""

    kind: Kind
    jaccard: float
    differences: tuple[Difference, ...] = ()

    @property
    def lies(self) -> int:
        """How many different things the two say otherwise. One may be a counter that slipped through, or a correction;
        a site whose copies differ in several says what nobody means."""
        return len({(one.here, one.there) for one in self.differences})


@dataclass(frozen=True)
class Skeleton:
    """A text's words without its numbers and negations, and where those were."""

    text: str
    words: Sequence[str] | None = None  # where they are known already

    @cached_property
    def _taken(self) -> tuple[Codes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The skeleton's codes; which word each was; how many negations stood before each, and after the last."""
        words = self.words if self.words is not None else WORD.findall(plain(self.text))
        codes = coded(words, _skeletal)
        negating = {word for word in set(words) if word in _NEGATIONS or word.endswith("n't")}
        after = np.fromiter(map(negating.__contains__, words), dtype=bool, count=len(words))
        keep = codes != 0
        places = np.cumsum(keep) - keep + (keep & after)  # of a negation: before the next word that is kept
        negations = np.bincount(places[after], minlength=int(keep.sum()) + 1)
        return codes[keep], np.flatnonzero(keep), negations

    @property
    def codes(self) -> Codes:
        return self._taken[0]

    @cached_property
    def shingles(self) -> Codes:
        """The distinct shingles, sorted; of a text of fewer words than one, that text as one."""
        size = min(SHINGLE, len(self.codes))
        return np.unique(windows(self.codes, size)) if size else np.empty(0, dtype=np.uint64)

    @cached_property
    def bands(self) -> list[int]:
        """The 14 numbers by which near-duplicates find each other, as PostgreSQL's bigint; none of an empty text."""
        if not len(self.shingles):
            return []
        least = np.full(BANDS * ROWS, np.iinfo(np.uint32).max, dtype=np.uint32)
        numbers = (self.shingles >> np.uint64(32)).astype(np.uint32)
        for start in range(0, len(numbers), _BLOCK):
            hashed = _MULTIPLIERS[:, None] * numbers[None, start : start + _BLOCK]
            hashed += _OFFSETS[:, None]
            np.minimum(least, hashed.min(axis=1), out=least)
        rows = least.reshape(BANDS, ROWS).astype(np.uint64)
        joined = mixed(rows @ _FACTORS)
        return [int(number) for number in joined.view(np.int64)]

    @cached_property
    def padded(self) -> Codes:
        edge = np.arange(1, CONTEXT + 1, dtype=np.uint64)
        return np.concatenate([edge, self.codes, edge + np.uint64(CONTEXT)])

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where each word of the skeleton stands in the text."""
        found = [match.span() for match in WORD.finditer(plain(self.text))]
        return [found[index] for index in self._taken[1]]

    @cached_property
    def negations(self) -> npt.NDArray[np.int64]:
        return self._taken[2]

    def number_contexts(self) -> tuple[Codes, npt.NDArray[np.int64]]:
        """For each number: what stands before and after it, as one code, and its place in the skeleton. Left out where
        most of what stands about it is numbers, too: a row of figures says nothing about which of them is meant."""
        places = np.flatnonzero(self.codes == np.uint64(_NUMBER))
        sides = np.array([*range(CONTEXT), *range(CONTEXT + 1, 2 * CONTEXT + 1)])
        about = self.padded[places[:, None] + sides[None, :]] if len(places) else np.empty((0, 8), dtype=np.uint64)
        worded = (about != np.uint64(_NUMBER)).sum(axis=1) >= CONTEXT
        return _as_one(about[worded]), places[worded]

    def gap_contexts(self) -> Codes:
        """For each place between two words: the words before and after it, as one code."""
        return windows(self.padded, 2 * CONTEXT)


def bands(text: str) -> list[int]:
    """The MinHash bands of a text: pages that share one are candidates for compare()."""
    return Skeleton(text).bands


def jaccard(one: Codes, other: Codes) -> float:
    """The share of shingles that both have; both sorted and distinct."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / max(len(one) + len(other) - both, 1)


def compare(one: Shown, other: Shown) -> Likeness:
    """What `one` is to `other`. The rule, in its order:

    1. skeletons of Jaccard below .75: APART;
    2. numbers or negations differ inside contexts that both have: SIBLING where the titles name two things, title or
       address two editions (versions, years), or more than a tenth of the words is other; else CONFLICT;
    3. a sentence of one stands in the other with another number, date, negation or opposite: SIBLING, for pages that
       say different things are never shown as one;
    4. all that `one` says is in `other`, and they are not two editions: COPY; else NEAR.
    """
    mine, theirs = one.skeleton.shingles, other.skeleton.shingles
    alike = jaccard(mine, theirs)
    if alike < NEAR or not len(mine):
        return Likeness(Kind.APART, alike)
    found = tuple(differences(one.skeleton, other.skeleton))
    apart = editions(one, other)
    if found:
        clash = alike >= SAME_WORDS and not apart and same_title(one, other)
        return Likeness(Kind.CONFLICT if clash else Kind.SIBLING, alike, found)
    if altered(one.text, other.text):
        return Likeness(Kind.SIBLING, alike)
    contained = len(np.intersect1d(mine, theirs, assume_unique=True)) / len(mine)
    return Likeness(Kind.COPY if contained >= CONTAINED and not apart else Kind.NEAR, alike)


def altered(text: str, other: str) -> bool:
    """Whether a sentence of one text stands in the other with another number, date, negation or opposite. Lines that
    are no sentences, and what a page says about itself, are left out."""
    mine, theirs = _sentences(text), _sentences(other)
    only_here = [words for words in mine if words not in theirs][:ALTERED_MOST]
    only_there = [words for words in theirs if words not in mine][:ALTERED_MOST]
    for here in only_here:
        for there in only_there:
            shared = set(here) & set(there)
            alike = len(shared) >= ALTERED * min(len(set(here)), len(set(there)))
            if alike and sum(len(word) >= TELLING for word in shared) > 1 and _tells(set(here) ^ set(there)):
                return True
    return False


def _sentences(text: str) -> dict[tuple[str, ...], None]:
    """The sentences as their words, each once, in order."""
    found: dict[tuple[str, ...], None] = {}
    for start, end in sentences(text):
        words = tuple(WORD.findall(plain(text[start:end])))
        telling = [word for word in words if not word[0].isdecimal() and word not in _STAMPS and len(word) > 1]
        if text[end - 1] in ".!?" and len(telling) >= SENTENCE:
            found[words] = None
    return found


def _tells(changed: set[str]) -> bool:
    return any(
        word[0].isdecimal() or word in _NUMBERS or word in _CALENDAR or _left(word) is not None or word in _OPPOSITES
        for word in changed
    )


def same_text(text: str, other: str) -> bool:
    """Whether two texts are one and the same to a reader, or one is contained in the other; numbers aside."""
    mine, theirs = _shingles(text), _shingles(other)
    if not len(mine) or not len(theirs):
        return False
    both = len(np.intersect1d(mine, theirs, assume_unique=True))
    return both >= NEAR * (len(mine) + len(theirs) - both) or both >= CONTAINED * min(len(mine), len(theirs))


@lru_cache(maxsize=256)  # a run's pages and quotations, each of which is compared with all others
def _shingles(text: str) -> Codes:
    return Skeleton(text).shingles


def differing(text: str, other: str) -> list[str]:
    """What two copies say otherwise: numbers and negations between words that both have."""
    return [str(one) for one in differences(Skeleton(text), Skeleton(other))]


def differences(one: Skeleton, other: Skeleton) -> Iterator[Difference]:
    """Numbers first, then negations, each in the order of the first text. A context that a text has twice is left out:
    there is no telling which of them is meant."""
    mine, places = one.number_contexts()
    theirs, others = other.number_contexts()
    for at, there in _pairs(mine, theirs):
        i, j = int(places[at]), int(others[there])
        here, its = _number(one, i), _number(other, j)
        if here != its and not (_is_stamp(one, i) or _is_stamp(other, j)):
            yield Difference(_quoted(one, i), _quoted(other, j), _around(one, i))
    for i, j in _pairs(one.gap_contexts(), other.gap_contexts()):
        if one.negations[i] != other.negations[j]:
            yield Difference(_with_negation(one, i), _with_negation(other, j), _around(one, i))


def same_title(one: Shown, other: Shown) -> bool:
    """Whether the titles name one thing. On one host they have to be the same but for numbers and negations; elsewhere
    the site's own name may be part of them."""
    mine, theirs = (Skeleton(page.title).codes for page in (one, other))
    if not len(mine) or not len(theirs):
        return True
    if _host(one.url) == _host(other.url):
        return bool(np.array_equal(mine, theirs))
    return 2 * len(np.intersect1d(mine, theirs)) >= min(len(set(mine.tolist())), len(set(theirs.tolist())))


def editions(one: Shown, other: Shown) -> bool:
    """Whether address or title say that these are two editions: another version, year, number in a series. A measure in
    a title ("3.5x faster") is a claim, and so is a page number of an address: neither sets editions apart."""
    return _title_numbers(one.title) != _title_numbers(other.title) or _other_edition(one.url, other.url)


def _title_numbers(title: str) -> list[str]:
    found = []
    for match in re.finditer(r"(?<![\d.,])\d+(?:[.,]\d+)*", title):
        if not _UNITS.match(title, match.end()) and len(match.group().replace(",", "").replace(".", "")) < 7:
            found.append(match.group())
    return found


def _other_edition(one: str, other: str) -> bool:
    mine, theirs = _parts(one), _parts(other)
    if len(mine) != len(theirs):
        return False
    changed = [(a, b) for a, b in zip(mine, theirs, strict=True) if a != b]
    manual = any(part in _MANUALS for part in mine)
    return bool(changed) and any(_is_edition(a, manual) and _is_edition(b, manual) for a, b in changed)


def _parts(url: str) -> list[str]:
    split = urlsplit(url.lower())
    values = [value for name, value in parse_qsl(split.query) if name not in {"page", "p", "offset", "start"}]
    return [*(part for segment in split.path.split("/") for part in (segment.partition(".html")[0],) if part), *values]


def _is_edition(part: str, manual: bool) -> bool:
    if _VERSION.fullmatch(part) or (manual and _SMALL.fullmatch(part)):
        return True
    return any(_VERSION.fullmatch(piece) for piece in re.split(r"[-_]", part)) and not re.fullmatch(
        r"[0-9a-f-]{20,}", part
    )


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "") if "://" in url else url.partition("/")[0]


def _pairs(one: Codes, other: Codes) -> Iterator[tuple[int, int]]:
    """The places of what both have, where each has it once; in the order of the first."""
    mine, at = _once(one)
    theirs, there = _once(other)
    _both, i, j = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    pairs = sorted(zip(at[i].tolist(), there[j].tolist(), strict=True))
    yield from pairs


def _once(codes: Codes) -> tuple[Codes, npt.NDArray[np.int64]]:
    values, first, counts = np.unique(codes, return_index=True, return_counts=True)
    return values[counts == 1], first[counts == 1]


def _as_one(about: Codes) -> Codes:
    if not len(about):
        return np.empty(0, dtype=np.uint64)
    return mixed(about @ _FACTORS[: about.shape[1]])


@lru_cache(maxsize=100_000)  # the common words of all pages
def _skeletal(word: str) -> int:
    """A word's code in the skeleton; 0 for what is left out of it."""
    if word[0].isdecimal() or word in _NUMBERS:
        return _NUMBER
    left = _left(word)
    if left is None:
        return code(word)
    return code(left) if left else 0


def _left(word: str) -> str | None:
    """What is left of a word of negation in the skeleton; None for other words."""
    left = _NEGATIONS.get(word)
    if left is None and word.endswith("n't"):
        return word[:-3]
    return left


def _number(skeleton: Skeleton, place: int) -> str:
    """The number as its value is compared: thousands without their commas, words as they are."""
    start, end = skeleton.spans[place]
    number = skeleton.text[start:end].lower()
    return number.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", number) else number


def _quoted(skeleton: Skeleton, place: int) -> str:
    """The number with what is written onto it: "3.5x", "40%", "$12"."""
    start, end = skeleton.spans[place]
    text = skeleton.text
    before = text[start - 1 : start] if text[start - 1 : start] in {"$", "€", "£", "¥", "-", "−", "±", "~"} else ""
    after = re.match(r"(?:[%‰°×]|[A-Za-zµ]{1,3}\b)?", text[end : end + 4])
    return before + text[start:end] + (after.group() if after else "")


def _with_negation(skeleton: Skeleton, place: int) -> str:
    """The words on both sides of a place, as they stand in the text, with what negates them."""
    spans, text = skeleton.spans, skeleton.text
    start = spans[max(place - 1, 0)][0]
    end = spans[min(place, len(spans) - 1)][1]
    return " ".join(text[start:end].split())


def _around(skeleton: Skeleton, place: int) -> str:
    spans = skeleton.spans
    start = spans[max(place - CONTEXT, 0)][0]
    end = spans[min(place + CONTEXT, len(spans) - 1)][1]
    return " ".join(skeleton.text[start:end].split())


def _is_stamp(skeleton: Skeleton, place: int) -> bool:
    """Whether the number stands in a line about the page: a date, a counter, a page number; or in no line of words."""
    start, end = skeleton.spans[place]
    text = skeleton.text
    before = max((match.end() for match in _SENTENCE_END.finditer(text, max(0, start - 300), start)), default=0)
    after = _SENTENCE_END.search(text, end, end + 300)
    line = text[max(before, start - 300) : after.start() if after else end + 300]
    sentence = WORD.findall(plain(line))
    words = [word for word in sentence if not word[0].isdecimal()]
    telling = [word for word in words if word not in _STAMPS and len(word) > 1]
    return len(telling) < 2 or (len(words) < _STAMP_WORDS and (len(telling) < len(words) or "©" in line))
