"""The name by which other pages speak of a page, and the names that a text holds.

A passage that fits a question often names the page that answers it ("the film was directed by ..."): the search looks
the names of its best passages up among the titles of the index (query.py). Pure.
Called by store.py, which keeps each page's name, and by query.py.
"""

import re
from collections.abc import Collection, Iterator

LONGEST = 8  # words of a name; what is longer is a sentence
LEAST = 4  # letters of a name of one word; shorter ones are abbreviations and chance
_SITE = re.compile(r"\s+[-–—|·»›:]+\s+|\s*[—|»]\s*")  # what parts a page's own title from its site's
_PARENTHESIS = re.compile(r"\s*\([^()]*\)\s*$")
_WORD = re.compile(r"\w+")


def name(title: str) -> str:
    """The title as a name: its first part, without what stands in parentheses at its end, in words of lower case.
    Empty where it is too long or too short to be one."""
    words = _WORD.findall(_PARENTHESIS.sub("", _SITE.split(title.strip())[0]).lower())
    if len(words) > LONGEST or (len(words) == 1 and len(words[0]) < LEAST):
        return ""
    return " ".join(words)[:200]


def possible(text: str) -> list[str]:
    """All that may be a name in the text: each run of up to LONGEST words that begins with a capital or a digit."""
    return list(dict.fromkeys(run for _start, runs in _runs(text) for run in runs))


def held(text: str, known: Collection[str]) -> set[str]:
    """Those of the known names that the text holds; of names that overlap, the first and longest."""
    found: set[str] = set()
    free_from = 0
    for start, runs in _runs(text):
        if start >= free_from and (longest := next((run for run in runs if run in known), "")):
            found.add(longest)
            free_from = start + len(longest.split())
    return found


def _runs(text: str) -> Iterator[tuple[int, list[str]]]:
    """(number of the first word, runs from there, the longest first)."""
    words = _WORD.findall(text)
    plain = [word.lower() for word in words]
    for start, word in enumerate(words):
        if word[0].isupper() or word[0].isdigit():
            longest = min(LONGEST, len(words) - start)
            runs = [" ".join(plain[start : start + length]) for length in range(longest, 0, -1)]
            yield start, [run for run in runs if " " in run or len(run) >= LEAST]
