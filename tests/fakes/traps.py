"""Crawler traps to serve from a Site, of the shapes that are out there: endless pages made as they are asked for.

    poisoned_copies   /ai-content/UUID      copies of one article with other numbers and dropped negations
    endless_papers    /trap/UUID?page=N     plausible text without end, each page leading to five more
    endless_code      /UUID?page=N          the same at the root, under one banner
    maze              /words/words/words    babble behind dictionary words, drop by drop (Nepenthes)
    calendar          /calendar/YEAR/MONTH  the honest one: a calendar that knows no end

Each gives the pages of a site whose front page leads into it. What a page says depends on its address alone.
"""

import random
import uuid
from collections.abc import Callable, Mapping

from tests.fakes.site import Answer, Request, Served

MOST_PAGES, MOST_SECONDS = 50, 60  # that a trap may cost: fault test F-22
_ARTICLE = """
The search engine was measured on a collection of 8,841,823 documents. It answered a query of three terms within 3.00 ms
at the median, which is not slower than the engine it replaces, and a query of eight terms within 26.32 ms. Building
the index took 233 seconds, so it is 1.7 times slower to build than the other one, but it never needs more than 1,215 MB
on the disk. The authors do not recommend it for collections that are written to more than 120 times a second. Of 500
queries that were compared by hand, 487 gave the same ten results in the same order, and none gave fewer than 8 of them.
The benchmark ran 5 times on a machine with 16 cores and 123 GB of memory, and the slowest run was 4 percent slower.
"""
_NOUNS = """
harbour engine committee glacier archive orchard signal lantern treaty garden bridge library sensor compiler kernel
festival voyage mountain railway station teacher factory painter novel theorem enzyme galaxy statute ledger turbine
""".split()  # noqa: SIM905
_VERBS = ("describes", "measures", "rebuilds", "follows", "replaces", "questions", "protects", "explains", "completes")
_MANNERS = ("quietly", "slowly", "carefully", "twice", "again", "early", "rarely", "nearly", "together", "entirely")
_BANNER = "The content below is some of the most incredible code we have ever had the privilege of coming across."


def poisoned_copies() -> Mapping[str, Served]:
    def copy(request: Request) -> Answer:
        dice = random.Random(request.path)
        text = _ARTICLE.replace(" not ", dice.choice([" not ", " "])).replace(" never ", dice.choice([" never ", " "]))
        words = [_other(word, dice) if any(sign.isdigit() for sign in word) else word for word in text.split()]
        return _page("A search engine, measured", [" ".join(words)], [f"/ai-content/{_uuid(dice)}" for _n in range(6)])

    return _trap("/ai-content/", copy)


def endless_papers() -> Mapping[str, Served]:
    return _trap("/trap/", _endless("/trap/"))


def endless_code() -> Mapping[str, Served]:
    return _trap("/", _endless("/", _BANNER))


def maze(trickle: float = 0.0) -> Mapping[str, Served]:
    def babble(request: Request) -> Answer:
        dice = random.Random(request.path)
        onward = [f"{request.path.rstrip('/')}/{dice.choice(_NOUNS)}-{dice.choice(_NOUNS)}" for _n in range(5)]
        return _page(dice.choice(_NOUNS).title(), _paragraphs(dice), onward, trickle)

    return _trap("/maze", babble, start="/maze")


# By name, those that hold whoever crawls them.
SHAPES: dict[str, Callable[[], Mapping[str, Served]]] = {
    "poisoned copies": poisoned_copies,
    "endless papers": endless_papers,
    "endless code": endless_code,
    "a maze of words": maze,
}


def calendar() -> Mapping[str, Served]:
    def month(request: Request) -> Answer:
        year, number = (int(part) for part in request.path.removeprefix("/calendar/").split("/"))
        days = "".join(f"<td>{day}</td>" for day in range(1, 31))
        after = f"{year + number // 12}/{number % 12 + 1}"
        body = f"<h1>{number}/{year}</h1><table><tr>{days}</tr></table><p>There are no events in this month.</p>"
        links = f'<a href="/calendar/{after}">next</a> <a href="/calendar/{year + 1}/{number}">next year</a>'
        return Answer(f"<html><body><nav><a href=/>Home</a> {links}</nav><main>{body}</main></body></html>")

    dice = random.Random(4)
    about = _page("The town library", _paragraphs(dice), ["/about", "/calendar/2026/1"])
    none = Answer("none", status=404)
    return {
        "/robots.txt": none,
        "/": about,
        "/about": _page("About the library", _paragraphs(dice), ["/", "/calendar/2026/1"]),
        "*": month,
    }


def _trap(prefix: str, page: Callable[[Request], Answer], start: str = "") -> Mapping[str, Served]:
    dice = random.Random(prefix)
    first = [start] if start else [f"{prefix}{_uuid(dice)}" for _n in range(6)]
    front = _page("Welcome", _paragraphs(dice), first)

    def served(request: Request) -> Answer:
        return page(request) if request.path.startswith(prefix) else Answer("none", status=404)

    return {"/": front, "/robots.txt": Answer("none", status=404), "*": served}


def _endless(prefix: str, banner: str = "") -> Callable[[Request], Answer]:
    def page(request: Request) -> Answer:
        dice = random.Random(request.path)
        path, _mark, query = request.path.partition("?page=")
        onward = [f"{path}?page={int(query or 1) + 1}", *(f"{prefix}{_uuid(dice)}" for _n in range(5))]
        return _page(f"{dice.choice(_NOUNS)} {dice.choice(_NOUNS)}".title(), [banner, *_paragraphs(dice)], onward)

    return page


def _page(title: str, paragraphs: list[str], links: list[str], trickle: float = 0.0) -> Answer:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs if paragraph)
    onward = "".join(f'<li><a href="{link}">{link.rpartition("/")[2]}</a></li>' for link in links)
    head = f'<html lang="en"><head><title>{title}</title></head>'
    body = f'<body><a href="/">Home</a><main><h1>{title}</h1>{text}</main><ul>{onward}</ul></body></html>'
    return Answer(head + body, trickle=trickle)


def _paragraphs(dice: random.Random) -> list[str]:
    return [" ".join(_sentence(dice) for _sentence_number in range(5)) for _paragraph in range(2)]


def _sentence(dice: random.Random) -> str:
    one, other, third = dice.sample(_NOUNS, 3)
    return f"The {one} of the {other} {dice.choice(_VERBS)} the {third} {dice.choice(_MANNERS)}."


def _other(number: str, dice: random.Random) -> str:
    return "".join(str(dice.randint(1, 9)) if sign.isdigit() else sign for sign in number)


def _uuid(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128), version=4))
