"""Plain text, Markdown and reStructuredText: the text is kept as it is, its headings are found.

Pure: no Django, no I/O. Called by extractors.py.
"""

import re

from search_index.extract.charset import decoded
from search_index.extract.document import MAX_LINKS, Extracted, Heading, name_of, normalised, one_line, unseen

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n.*?\n\1\s*\n", re.DOTALL)
_FENCE = re.compile(r" {0,3}(```|~~~)")
_HASHES = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)$")
_RULE = re.compile(r"([=\-~^\"'`#*+:.])\1{2,}$")
_LINK = re.compile(r"https?://[^\s<>\"'\]\)`]+")
_MARKUP = re.compile(r"[*_`#]+|\[([^\]]*)\]\([^)]*\)")


def extract_text(body: bytes, content_type: str, url: str) -> Extracted:
    """What a text file says; where its headings are depends on the ending of its name."""
    raw = decoded(body, content_type)
    text = normalised(raw)
    rst = url.lower().endswith((".rst", ".rest"))
    markdown = not rst and (url.lower().endswith((".md", ".markdown", ".mkd")) or "markdown" in content_type)
    if markdown:
        text = _FRONT_MATTER.sub("", text)
    text = text.strip("\n")
    headings = _markdown_headings(text) if markdown else _ruled_headings(text) if rst else []
    return Extracted(
        text=text,
        title=_title(text, headings) or name_of(url),
        headings=headings,
        links=list(dict.fromkeys(link.rstrip(".,;:!?") for link in _LINK.findall(text)))[:MAX_LINKS],
        flags=unseen(raw),
    )


def _title(text: str, headings: list[Heading]) -> str:
    """The first heading of the highest level; of a text without headings, a first line that looks like a title."""
    if headings:
        start, end, _level = min(headings, key=lambda heading: (heading[2], heading[0]))
        return one_line(_MARKUP.sub(r"\1", text[start:end]), 200)
    first = text.lstrip().partition("\n")[0].strip()
    return one_line(first, 200) if len(first) <= 80 and not first.endswith((".", ",", ";")) else ""


def _markdown_headings(text: str) -> list[Heading]:
    """Lines that begin with #, and lines ruled with === or ---; not in fenced code."""
    headings: list[Heading] = []
    fenced, at, previous = False, 0, ""
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            found = _HASHES.match(line)
            if found:
                end = at + len(line.rstrip("# \t"))
                headings.append([at + found.start(2), max(end, at + found.start(2) + 1), len(found.group(1))])
            elif re.fullmatch(r"=+|-{2,}", line) and previous.strip() and not previous.startswith((" ", "-", "|", "#")):
                start = at - len(previous) - 1
                headings.append([start, at - 1, 1 if line[0] == "=" else 2])
        at += len(line) + 1
        previous = line
    return headings


def _ruled_headings(text: str) -> list[Heading]:
    """Lines ruled below (and perhaps above) with one repeated sign; a sign's level is the order of its first use."""
    headings: list[Heading] = []
    lines = text.split("\n")
    levels: list[str] = []
    at = 0
    for number, line in enumerate(lines[:-1]):
        below = lines[number + 1].rstrip()
        title = line.strip()
        if title and _RULE.match(below) and len(below) >= len(title) and not _RULE.match(title):
            over = number > 0 and lines[number - 1].rstrip() == below
            sign = below[0] * (2 if over else 1)
            if sign not in levels:
                levels.append(sign)
            start = at + len(line) - len(line.lstrip())
            headings.append([start, start + len(title), min(levels.index(sign) + 1, 6)])
        at += len(line) + 1
    return headings
