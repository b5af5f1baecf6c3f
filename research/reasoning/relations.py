"""What a passage says of its subject in the commonest ways of saying it: who its father is, who directed it, when and
where it began and ended. And what a question asks for in these terms: a subject, the relations that lead away from it,
and the property wanted at the end ("where was the director of film X born": X, director, birthplace).

By patterns of English, and quick: what they do not match is left to others. Pure.
Called by reasoning/answer.py and reasoning/compare.py.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from research.engine.names import NAME, names, subject
from research.engine.terms import plain

_MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?"
)
DATE = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MONTH},? \d{{3,4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}"
    rf"|{_MONTH},? \d{{4}}|\d{{4}}-\d{{2}}-\d{{2}}|(?:1[0-9]|20)\d{{2}}s?)\b"
)
_AND = re.compile(r"\s+(?:and|&)\s+")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()  # noqa: SIM905

# What leads from a subject to another one: the words that ask for it, and how passages say it. {name} is a name.
_RELATIONS: Mapping[str, tuple[str, ...]] = {
    "father": (
        r"\b(?:son|daughter|child|born) (?:of|to) (?:the )?(?:late )?(?:\w+ ){0,3}?{name}",
        r"\bfather(?: was| is|,)? (?:the )?(?:\w+ ){0,2}?{name}",
        r"\bfathered by {name}",
    ),
    "mother": (
        r"\b(?:son|daughter|child|born) (?:of|to) [^.;]{2,80}? and (?:his |her )?(?:\w+ ){0,3}?{name}",
        r"\bmother(?: was| is|,)? (?:the )?(?:\w+ ){0,2}?{name}",
    ),
    "spouse": (
        r"\b(?:married|wed) (?:to )?(?:the )?(?:\w+ ){0,3}?{name}",
        r"\b(?:wife|husband|spouse|consort|widow|widower|concubine)(?: of| was| is|,)? (?:the )?(?:\w+ ){0,3}?{name}",
    ),
    "director": (r"\bdirected (?:and \w+ |, [\w, ]+ )?by {name}", r"\bdirector(?: was| is|,)? {name}"),
    "composer": (r"\b(?:composed|scored|music) (?:and \w+ )?by {name}", r"\bcomposer {name}"),
    "performer": (
        r"\b(?:by|of) (?:the )?(?:[\w-]+ ){0,4}?(?:singer|band|rapper|group|artist|musician|duo|songwriter)s? {name}",
        r"\b(?:performed|recorded|sung|released|song|album|single) (?:in \d+ )?by (?:the )?(?:[\w-]+ ){0,5}?{name}",
    ),
    "author": (r"\b(?:written|novel|book|play|poem|story|authored) (?:and \w+ )?by (?:the )?(?:[\w-]+ ){0,4}?{name}",),
    "founder": (r"\bfounded (?:in \d+ )?by {name}", r"\bfounder(?: was| is|,)? {name}"),
    "producer": (r"\bproduced (?:and \w+ )?by {name}",),
    "publisher": (r"\bpublished (?:\w+ )?by (?:the )?{name}",),
}
_ASKED: Mapping[str, tuple[str, ...]] = {
    r"paternal grandfather": ("father", "father"),
    r"paternal grandmother": ("father", "mother"),
    r"maternal grandfather": ("mother", "father"),
    r"maternal grandmother": ("mother", "mother"),
    r"father-in-law": ("spouse", "father"),
    r"mother-in-law": ("spouse", "mother"),
    r"father": ("father",),
    r"mother": ("mother",),
    r"spouse|wife|husband": ("spouse",),
    r"directors?|directed": ("director",),
    r"composers?|composed": ("composer",),
    r"performers?|singers?|performed": ("performer",),
    r"authors?|writers?|wrote": ("author",),
    r"founders?|founded by": ("founder",),
    r"producers?": ("producer",),
    r"publishers?|published": ("publisher",),
}


@dataclass(frozen=True)
class Page:
    """What was quoted of a page, under its title."""

    title: str
    text: str


def named(question: str, pages: Sequence[Page]) -> list[tuple[int, int, Page]]:
    """The pages whose subjects the question names, with the place (start, end) of the name in it, in order; of names
    that overlap, the longest. What the question writes small ("place of birth") names no page."""
    found: list[tuple[int, int, Page]] = []
    for page in sorted(pages, key=lambda one: -len(subject(one.title))):
        words = re.findall(r"\w+", subject(page.title))
        spoken = re.search(r"\b" + r"\W+".join(map(re.escape, words)) + r"\b", question, re.I) if words else None
        if (
            spoken
            and not spoken[0][0].islower()
            and not any(spoken.start() < end and start < spoken.end() for start, end, _page in found)
        ):
            found.append((*spoken.span(), page))
    return sorted(found, key=lambda one: one[0])


def relations(question: str, start: int, end: int) -> list[str]:
    """The relations that lead away from the subject named at question[start:end], the innermost first."""
    asked: list[tuple[int, tuple[str, ...]]] = []
    taken: list[tuple[int, int]] = [(start, end)]
    for words, path in _ASKED.items():
        for match in re.finditer(rf"\b(?:{words})\b", question, re.I):
            if not any(match.start() < last and first < match.end() for first, last in taken):
                taken.append(match.span())
                asked.append((match.start(), path))
    before = sorted((one for one in asked if one[0] < start), reverse=True)
    after = sorted(one for one in asked if one[0] >= end)
    return [relation for _at, path in [*after, *before] for relation in path]


def follow(page: Page, relation: str) -> str:
    """The name of what stands in this relation to the page's subject; empty where the page does not say."""
    for pattern in _RELATIONS[relation]:
        match = re.search(pattern.replace("{name}", f"(?P<name>{NAME})"), page.text)
        if (
            match
            and (found := next(names(_AND.split(match["name"])[0]), ""))
            and plain(found) != plain(subject(page.title))
        ):
            return found
    return ""


def page_of(name: str, pages: Sequence[Page]) -> Page | None:
    """The page whose subject the name is; where none bears it whole, one that bears a part of it or more."""
    words = set(plain(name).split())
    for page in pages:
        if plain(subject(page.title)) == plain(name):
            return page
    likely = [
        page for page in pages if (own := set(plain(subject(page.title)).split())) and (own <= words or words <= own)
    ]
    return likely[0] if words and likely else None


def born(page: Page) -> str:
    """The date on which the page's subject was born or began; empty where it does not say."""
    said = re.search(r"\bborn (?:on |in |c\. ?|around |about )?(?:[A-Z][\w ,]+? on )?", page.text)
    if said and (date := DATE.search(page.text, said.end(), said.end() + 60)):
        return date.group()
    dates = _life(page)
    return dates[0] if dates else ""


def died(page: Page) -> str:
    """The date on which the page's subject died; empty where it does not say."""
    dates = _life(page)
    if len(dates) > 1:
        return dates[1]
    said = re.search(r"\b(?:died|death|passed away|killed)\b", page.text)
    date = DATE.search(page.text, said.end(), said.end() + 80) if said else None
    return date.group() if date else ""


def began(page: Page) -> str:
    """The date of what is not a person: when it was released, founded or opened; else the first date there is."""
    said = re.search(
        r"\b(?:released|premiered|founded|established|opened|published|formed|launched|started)\b", page.text
    )
    date = (DATE.search(page.text, said.end(), said.end() + 60) if said else None) or DATE.search(page.text)
    return date.group() if date else ""


def life(page: Page) -> str:
    """What stands in the first parentheses with a date: "3 April 1939 in Paris – 1975 in Tenerife"; or nothing."""
    return next((text for text in re.findall(r"\(([^()]*)\)", page.text[:400]) if DATE.search(text)), "")


def _life(page: Page) -> list[str]:
    """The dates of a life: of birth, and of death where there are two."""
    dates = [match.group() for match in DATE.finditer(life(page))]
    return dates if len(dates) < 3 else [dates[0], dates[-1]]


def when(date: str) -> tuple[int, int, int]:
    """A date as (year, month, day), 0 for what it does not say; to be compared."""
    year = re.search(r"\d{4}|\d{3}", date)
    month = next((i for i, name in enumerate(_MONTHS, 1) if re.search(rf"\b{name}", date, re.I)), 0)
    day = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", date)
    return int(year.group()) if year else 0, month, int(day.group(1)) if day and month else 0
