"""What is measured of a text: the figures of the published filters, and our own.

Gopher (arXiv 2112.11446, section A.1.1 and table A1), C4 (JMLR 21:140), FineWeb (arXiv 2406.17557), and for compression
Ntoulas et al., Detecting spam web pages through content analysis (WWW 2006). quality.py says what follows from them.
Pure: no Django, no I/O. Called by quality.py.
"""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

from search_index.judgement.words import WORD, Words, plain, windows

# The words by which English is held together: in prose, 35 to 55 of 100; in lists of keywords next to none.
FUNCTION_WORDS = frozenset(
    """
    a about above after again against all also am an and any are as at be because been before being below between
    both but by can could did do does doing down during each few for from further had has have having he her here
    hers him his how i if in into is it its just may me might more most must my no nor not now of off on once only
    or other our out over own same shall she should so some such than that the their them then there these they this
    those through to too under until up upon us very was we were what when where which while who whom why will with
    would you your
    """.split()  # noqa: SIM905
)
GOPHER_STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
_LOREM = frozenset(
    """
    lorem ipsum dolor sit amet consectetur adipiscing elit sed eiusmod tempor incididunt ut labore et dolore magna
    aliqua enim minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat duis
    aute irure reprehenderit voluptate velit esse cillum eu fugiat nulla pariatur excepteur sint occaecat cupidatat
    non proident sunt culpa qui officia deserunt mollit anim id est laborum
    """.split()  # noqa: SIM905
)
_SENTENCE = re.compile(r"[.!?。！？][\"'”’)\]]*(?=\s|$)")
_ENDS = (".", "!", "?", '"', "'", "”", "’", "。", "！", "？", "…", ":", ";")
_BULLETS = ("•", "- ", "* ", "‣", "◦", "·")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{5,}")
_VOWELS = re.compile(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýœıё]")
MEASURED = 60_000  # characters: ten thousand words say what the rest of a text is like
_CODE = "    "  # how extract/ indents code


@dataclass(frozen=True)
class Measures:
    """What is measured of a page. Shares are 0 to 1; "chars" are shares of the text's letters and figures."""

    words: int  # all of them
    sentences: int
    prose: int  # words in lines that are sentences: neither navigation, nor code, nor table
    word_length: float
    symbols: float  # # and … for each word (Gopher)
    bullets: float  # lines that begin with a bullet (Gopher)
    ellipses: float  # lines that end in … (Gopher)
    alphabetic: float  # words with a letter (Gopher)
    stop_words: int  # of Gopher's eight
    function_words: float
    line_ends: float  # lines that end as sentences do (FineWeb)
    short_lines: float  # lines of 30 letters or less (FineWeb)
    line_breaks: float  # for each word (FineWeb)
    repeated_lines: float
    repeated_line_chars: float
    repeated_paragraphs: float
    repeated_paragraph_chars: float
    top_ngrams: tuple[float, float, float]  # chars in the most frequent run of 2, 3, 4 words (Gopher)
    repeated_ngrams: tuple[float, ...]  # chars in runs of 5 .. 10 words that came before (Gopher)
    compression: float  # bytes for each byte of its zlib form (Ntoulas)
    top_word: float  # the most frequent word that is no function word, of all words
    top_words: float  # the five most frequent ones
    topic: float  # content words that come again in another sentence, of the first 300 words
    variety: float  # distinct words of the first 300
    odd_words: float  # words that nobody can say: five consonants in a row, or no vowel in four letters
    lorem_ipsum: bool  # whether it says so (C4)
    filler: float  # words of that text
    braces: float  # {a|b}: spun text before it is spun, for each 100 words
    links: int
    hosts: int  # other hosts that it links to
    senseless: float  # text that py3langid takes for no language


def measure(words: Words, links: Sequence[str] = (), host: str = "", senseless: float = 0.0) -> Measures:
    """Everything that is counted, in the first MEASURED characters."""
    whole, words = words, words if len(words.text) <= MEASURED else Words(words.text[:MEASURED])
    text = words.text
    lines = [line for line in text.split("\n") if line.strip()]
    running = Words("\n".join(line for line in lines if not line.startswith((_CODE, "|"))))  # without code and tables
    paragraphs = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    content = [word for word in running.all if len(word) > 3 and word not in FUNCTION_WORDS and not word[0].isdecimal()]
    counted = Counter(content).most_common(5)
    total = max(len(words), 1)
    of_running = max(len(running), 1)
    stripped = [line.strip() for line in lines]
    repeated = _repeated(stripped), _repeated(paragraphs)
    return Measures(
        words=len(whole),
        sentences=len(_SENTENCE.findall(text)),
        prose=sum(len(line.split()) for line in lines if _is_prose(line)),
        word_length=float(words.lengths.mean()) if len(words) else 0.0,
        symbols=(text.count("#") + text.count("...") + text.count("…")) / total,
        bullets=_share(stripped, lambda line: line.startswith(_BULLETS)),
        ellipses=_share(stripped, lambda line: line.endswith(("...", "…"))),
        alphabetic=sum(not word[0].isdecimal() for word in words.all) / total,
        stop_words=sum(word in GOPHER_STOP_WORDS for word in words.all),
        function_words=sum(word in FUNCTION_WORDS for word in running.all) / of_running,
        line_ends=_share(stripped, lambda line: line.endswith(_ENDS)),
        short_lines=_share(lines, lambda line: len(line) <= 30),
        line_breaks=text.count("\n") / total,
        repeated_lines=repeated[0][0],
        repeated_line_chars=repeated[0][1],
        repeated_paragraphs=repeated[1][0],
        repeated_paragraph_chars=repeated[1][1],
        top_ngrams=(_top(running, 2), _top(running, 3), _top(running, 4)),
        repeated_ngrams=tuple(_again(running, size) for size in range(5, 11)),
        compression=_compression(text),
        top_word=counted[0][1] / of_running if counted else 0.0,
        top_words=sum(count for _word, count in counted) / of_running,
        topic=_topic(running.text),
        variety=len(set(running.all[:300])) / max(min(len(running), 300), 1),
        odd_words=_share([word for word in running.all if len(word) > 3], _is_odd),
        lorem_ipsum="lorem ipsum" in text.lower(),
        filler=sum(word in _LOREM for word in words.all) / total,
        braces=100 * len(re.findall(r"\{[^{}|\n]+\|[^{}\n]+\}", text)) / total,
        links=len(links),
        hosts=len({urlsplit(link).hostname for link in links} - {host, None}),
        senseless=senseless,
    )


def _is_prose(line: str) -> bool:
    return not line.startswith((_CODE, "|")) and len(line) > 60 and line.rstrip().endswith(_ENDS)


def _share(items: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, items)) / max(len(items), 1)


def _repeated(parts: Sequence[str]) -> tuple[float, float]:
    """The share of parts that came before, and that of their letters."""
    again, seen = [], set()
    for part in parts:
        if part in seen:
            again.append(len(part))
        seen.add(part)
    return len(again) / max(len(parts), 1), sum(again) / max(sum(map(len, parts)), 1)


def _top(words: Words, size: int) -> float:
    """The share of letters in the most frequent run of `size` words."""
    runs = windows(words.codes, size)
    if not len(runs):
        return 0.0
    _values, first, counts = np.unique(runs, return_index=True, return_counts=True)
    most = int(counts.argmax())
    if counts[most] < 2:
        return 0.0
    chars = int(words.lengths[first[most] : first[most] + size].sum())
    return float(counts[most]) * chars / max(int(words.lengths.sum()), 1)


def _again(words: Words, size: int) -> float:
    """The share of letters in runs of `size` words that came before."""
    runs = windows(words.codes, size)
    if not len(runs):
        return 0.0
    _values, first = np.unique(runs, return_index=True)
    again = np.ones(len(runs), dtype=bool)
    again[first] = False
    covered = np.convolve(again, np.ones(size, dtype=np.int64)) > 0
    return float(words.lengths[covered].sum()) / max(int(words.lengths.sum()), 1)


def _compression(text: str) -> float:
    body = text.encode("utf-8", "surrogatepass")[:60_000]
    return len(body) / max(len(zlib.compress(body, 1)), 1)


def _topic(text: str) -> float:
    """Real texts come back to what they are about: sentence after sentence names it again. Machine-made ones do not."""
    seen: dict[str, int] = {}
    again = total = 0
    for number, sentence in enumerate(re.split(r"[.!?]\s|\n", text[:4000])):
        for word in WORD.findall(plain(sentence)):
            if len(word) > 3 and word not in FUNCTION_WORDS and not word[0].isdecimal():
                total += 1
                again += seen.setdefault(word[:6], number) != number  # "measured", "measures": six letters are a stem
        if total > 200:
            break
    return again / max(total, 1)


def _is_odd(word: str) -> bool:
    return word.isascii() and word.isalpha() and bool(_CONSONANTS.search(word) or not _VOWELS.search(word))
