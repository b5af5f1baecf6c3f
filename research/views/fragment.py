"""The address of a live page that a browser opens at a quotation, as a text fragment.

`#:~:text=[prefix-,]start[,end][,-suffix]` of "URL Fragment Text Directives", a report of the WICG
(https://wicg.github.io/scroll-to-text-fragment/): the browser shows the first text that is like it, in upper or lower
case, and the top of the page where there is none. Each part has to stand within one block of the page; "-", "," and "&"
have a meaning there and are percent-encoded. Pure. Called by views/exhibit.py.
"""

from urllib.parse import quote as percent_encoded

LONGEST = 300  # characters that are given word for word; of a longer quotation its first and last words
EDGE = 6  # words of either end of a long quotation
CONTEXT = 4  # words before or after, where the same words stand elsewhere, too


def at_passage(url: str, text: str, start: int, end: int) -> str:
    """`url`, opened at text[start:end], where `text` is what was read of the page."""
    lines = [line.split() for line in text[start:end].splitlines() if line.strip()]
    if not lines:
        return url
    whole = " ".join(lines[0])
    if len(lines) == 1 and len(whole) <= LONGEST:
        first, last = whole, ""
    else:
        first, last = " ".join(lines[0][:EDGE]), " ".join(lines[-1][-EDGE:])
    said = [first, *([last] if last else [])]
    parts = [_encoded(one) for one in said]
    before, after = _last_line(text[:start])[-CONTEXT:], _first_line(text[end:])[:CONTEXT]
    if before and _stands(first, text[: start + len(first) - 1]):
        parts.insert(0, _encoded(" ".join(before)) + "-")
    if after and last and _stands(last, text[start : end - 1]):
        parts.append("-" + _encoded(" ".join(after)))
    return f"{url}{'' if '#' in url else '#'}:~:text={','.join(parts)}"


def _stands(words: str, text: str) -> bool:
    return words.casefold() in " ".join(text.split()).casefold()


def _last_line(text: str) -> list[str]:
    return next((words for line in reversed(text.splitlines()) if (words := line.split())), [])


def _first_line(text: str) -> list[str]:
    return next((words for line in text.splitlines() if (words := line.split())), [])


def _encoded(text: str) -> str:
    return percent_encoded(text, safe="").replace("-", "%2D")
