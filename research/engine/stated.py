"""What a sentence states that another one may contradict: what it is about, its dates and numbers and what they are of,
names in a role ("designed by N"), and whether it denies.

By rules of English. Pure. Called by agreement.py (what two sentences are to each other), disagree.py, independence.py
and note.py.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from research.engine.concepts import Concept, concept
from research.engine.quantities import LABELS, Quantity, quantities
from research.engine.terms import STOP_WORDS

COUNTED = 3  # words after a number that say what is counted: "48 large guest rooms"
SURNAMED = 3  # words of a name of which the last ones may stand for all
DENIED = 4  # words behind a "not" that it denies

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*|[,;:()–—]|\S")
_CLAUSE_ENDS = frozenset(",;:()–—")
_CLAUSE_WORDS = frozenset("and but while whereas although though which who whose where when that".split())  # noqa: SIM905
_NEGATIONS = frozenset("not never no none neither nor without nobody nothing".split())  # noqa: SIM905
_NO_DENIAL = frozenset("only doubt longer .".split())  # noqa: SIM905 - "not only", "no doubt", "No. 5"
_LINKS = frozenset("of the de van von der la le du al bin ibn di da del".split())  # noqa: SIM905
_NO_NAMES = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?$|(?:jan|febr)uary$|march$|april$|may$|june$|july$"
                       r"|august$|(?:sept|nov|dec)ember$|october$")  # fmt: skip
_PARENTHESIS = re.compile(r"\s*\(([^()]*)\)\s*$")
_ARTICLES = frozenset(["the", "a", "an", '"', "“"])
_OTHERWISE = frozenset("new old north south east west upper lower little great saint st".split())  # noqa: SIM905
_GENERIC = frozenset("visiting guide history notes official welcome home overview profile biography".split())  # noqa: SIM905
_PRONOUNS = frozenset("it its he she his her they their this these".split())  # noqa: SIM905
_UNSAID = frozenset("about around roughly approximately nearly almost exactly precisely only also still".split())  # noqa: SIM905
# Who stands in a role, by what they did or what they are.
_DEEDS = frozenset(
    """designed built written directed invented discovered founded composed led owned won acquired published
    married""".split()  # noqa: SIM905
)
_PLACED = frozenset("born died located held signed founded built".split())  # noqa: SIM905
_OFFICES = frozenset(
    """architect author writer director inventor founder composer owner winner publisher capital mayor president
    chairman king queen captain leader head designer discoverer builder nickname name wife husband mother father
    successor predecessor manager coach editor""".split()  # noqa: SIM905
)


Name = tuple[str, ...]  # its words in lower case, without the small ones between


@dataclass(frozen=True)
class Word:
    """A word or sign of a sentence, the clause it stands in, and what it is of; None where it is one of grammar."""

    text: str
    place: int
    start: int
    clause: int
    of: Concept | None

    @property
    def lower(self) -> str:
        return self.text.casefold().replace("’", "'").removesuffix("'s")

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()


@dataclass(frozen=True)
class Value:
    """Something exact that a sentence says: a quantity, or a name in a role. `of` is the concept that it is of, with
    its sign, None where no word says it; `nouns` what is counted."""

    kind: str  # a quantity's, or "name"
    text: str
    of: tuple[str, int] | None
    quantity: Quantity | None = None
    name: frozenset[str] = frozenset()
    nouns: frozenset[str] = frozenset()

    @property
    def measure(self) -> str:
        return self.quantity.measure if self.quantity else ""


@dataclass(frozen=True)
class Statement:
    """A sentence as it is compared."""

    text: str
    subject: Name  # the name that it says something of; empty where it names nothing
    content: frozenset[str]  # what its words are of, without names and values
    words: frozenset[str]
    values: tuple[Value, ...]
    signs: dict[str, int] = field(default_factory=dict)  # concept -> 1 where it is said, -1 where it is denied
    denies: bool = False
    labels: dict[str, frozenset[str]] = field(default_factory=dict)  # "version" -> "2.0"; "title" -> its numbers


@lru_cache(maxsize=5_000)  # the sentences of a run's evidence are asked for again for each claim
def stated(text: str, title: str = "", asked: str = "") -> Statement:
    """What a sentence states that stands on a page of this title, and was found for what was `asked`: a sentence that
    says "it" speaks of what one or the other names."""
    words = _words(text)
    exact = [one for one in quantities(text) if one.certain and one.kind in ("date", "number", "weekday")]
    taken = {word.place for word in words for one in exact if one.start <= word.start < one.end}
    names = _names(words, taken)
    in_name = {word.place for name in names for word in name if word.place or len(name) > 1}
    plain = [word for word in words if word.of and word.place not in taken | in_name]
    denying = [word for word in words if _denies(word, words)]
    values = [_value(one, words, plain, taken) for one in exact if not _tells_nothing(one, words)]
    roles = [(name, role) for name in names if (role := _role(name, words, plain))]
    acting = [name for name, _role in roles]
    return Statement(
        text,
        _subject(text, words, [name for name in names if name not in acting], title, asked),
        frozenset(word.of.name for word in plain if word.of and word.lower not in _NEGATIONS | _UNSAID),
        frozenset(word.lower for word in words),
        (*values, *(Value("name", _said(name), (role, 1), name=_spelt(name)) for name, role in roles)),
        _signs(plain, denying),
        len(denying) % 2 == 1,
        _labels(words) | _editions(title),
    )


def denies(text: str) -> bool:
    """Whether a text has an odd number of words of negation."""
    words = _words(text)
    return sum(_denies(word, words) for word in words) % 2 == 1


def _words(text: str) -> list[Word]:
    """The words and signs; "isn't" is "is not", and "well-known" two words. Their places in the text stay."""
    text = re.sub(r"n['’]t\b", " no", re.sub(r"\b(can)(not)\b", r"\1 no", text))  # of the same length
    words: list[Word] = []
    clause = 0
    for place, match in enumerate(_TOKEN.finditer(text)):
        token = match.group()
        lower = token.casefold().removesuffix("'s").removesuffix("’s")
        clause += token in _CLAUSE_ENDS or lower in _CLAUSE_WORDS
        words.append(Word(token, place, match.start(), clause, concept(lower) if lower[0].isalpha() else None))
    return words


# --- Names --------------------------------------------------------------------------------------------------------


def _names(words: Sequence[Word], taken: set[int]) -> list[list[Word]]:
    """The names, each as its words, without the small ones between ("Bank of Orm")."""
    found: list[list[Word]] = [[]]
    linked = 0
    for word in words:
        if word.place not in taken and word.is_capital and _may_name(word, words):
            found[-1].append(word)
            linked = 0
        elif found[-1] and word.lower in _LINKS and linked < 2:
            linked += 1
        elif found[-1]:
            found.append([])
            linked = 0
    return [name for name in found if any(len(word.text) > 1 for word in name)]


def _may_name(word: Word, words: Sequence[Word]) -> bool:
    """Whether a capital is a name's. A sentence's first word has one anyway: it is none where it is known as a word,
    unless a name goes on behind it."""
    if word.lower in STOP_WORDS or _NO_NAMES.match(word.lower):
        return False
    if word.place and words[word.place - 1].text not in '.!?:"“':
        return True
    after = words[word.place + 1 : word.place + 2]
    goes_on = bool(after) and after[0].is_capital and after[0].lower not in STOP_WORDS
    return goes_on or word.of is None or word.of.kind == "other"


def _said(name: Sequence[Word]) -> str:
    return " ".join(word.text for word in name)


def _spelt(name: Sequence[Word]) -> frozenset[str]:
    return frozenset(word.lower for word in name)


def _subject(text: str, words: Sequence[Word], names: Sequence[list[Word]], title: str, asked: str) -> Name:
    """The name that a sentence says something of: the one that it begins with; else what its page is about, where a
    pronoun stands for that, or it is named; else the one name that the question has; else what its page is about."""
    first = names[0][0].place if names else len(words)
    pronoun = next((word.place for word in words if word.lower in _PRONOUNS), len(words))
    wanted = [_in_order(name) for name in _names(_words(asked), set())]
    page = _page_subject(title, wanted)
    if (whole := _PARENTHESIS.sub("", title)) and re.match(rf"\W*{re.escape(whole)}\b", text, re.IGNORECASE):
        return tuple(word.lower for word in _words(whole) if word.is_capital and word.lower not in _ARTICLES)
    if names and len(names[0]) > 1 and (first == 0 or (first == 1 and words[0].lower in _ARTICLES)):
        return _in_order(names[0])
    if page and pronoun < first:
        return page
    own = [_in_order(name) for name in names]
    known = [page, *(wanted if len(wanted) == 1 else ())]
    named = next((one for one in known if one and any(is_called(one, name) for name in own)), page)
    return named or next((name for name in own if len(name) > 1), ())


def _page_subject(title: str, wanted: Sequence[Name]) -> Name:
    """What a page is about, by the first name in each part of its title: one that the question has too, else the first.
    "Notes on Orm - The Varn Courier" is about Orm."""
    parts = re.split(r"\s+[|–—-]\s+|: ", _PARENTHESIS.sub("", title))
    found: list[Name] = []
    for part in parts:
        words = _words(part)
        names = [name for name in _names(words, set()) if not _leads_on(name, words)]
        own = tuple(word for word in _in_order(names[0]) if word not in _GENERIC) if names else ()
        found += [own] if own else []
    return next(iter([*(name for name in found if any(is_called(name, one) for one in wanted)), *found]), ())


def _leads_on(name: Sequence[Word], words: Sequence[Word]) -> bool:
    """Whether a title's first word only leads to what it is about: "Notes on", "List of songs by"."""
    after = words[name[-1].place + 1 : name[-1].place + 2]
    return (
        name[0].place == 0
        and len(name) == 1
        and any(word.lower in {"on", "of", "about", "to", "for"} for word in after)
    )


def is_called(one: Name, other: Name) -> bool:
    """Whether two names may be those of one thing: the same, a surname, one with a middle name, one with more before it
    ("Grand Hotel Orm"). More behind it makes another thing: a sequel, a part, a museum; and so do some words before it.
    """
    shorter, longer = sorted((one, other), key=len)
    if not shorter or shorter == longer:
        return bool(shorter)
    if len(shorter) > 1 and (shorter[0], shorter[-1]) == (longer[0], longer[-1]):
        return set(shorter) <= set(longer)
    before, behind = longer[: -len(shorter)], longer[-len(shorter) :]
    return behind == shorter and len(longer) <= SURNAMED and not _OTHERWISE.intersection(before)


def _in_order(name: Sequence[Word]) -> Name:
    return tuple(word.lower for word in name)


def _role(name: Sequence[Word], words: Sequence[Word], plain: Sequence[Word]) -> str:
    """The role that a name stands in; empty where it stands in none."""
    return next((role for find in _ROLES if (role := find(name, words, plain))), "")


def _by_deed(name: Sequence[Word], words: Sequence[Word], plain: Sequence[Word]) -> str:
    """ "designed by N", "designed by the engineer N"."""
    before = words[max(0, name[0].place - 4) : name[0].place]
    if not any(word.lower == "by" and word.clause == name[0].clause for word in before):
        return ""
    return _last(word.of.name for word in plain if word.of and word.of.name in _DEEDS and word.place < name[0].place)


def _deed_of(name: Sequence[Word], words: Sequence[Word], plain: Sequence[Word]) -> str:
    """ "N designed"."""
    after = words[name[-1].place + 1 : name[-1].place + 2]
    return _last(word.of.name for word in after if word.of and word.of.name in _DEEDS and word.lower not in _OFFICES)


def _in_office(name: Sequence[Word], words: Sequence[Word], plain: Sequence[Word]) -> str:
    """ "its architect was N", "the architect, N", "N was the architect"."""
    before, after = words[: name[0].place], words[name[-1].place + 1 : name[-1].place + 7]
    if before and before[-1].lower in {"is", "was", "were", "called", "remains"}:
        return _office(before)
    if [word.text for word in before[-1:]] == [","]:
        return _office(before[-2:-1])
    if after and after[0].lower in {"is", "was"} and any(word.lower in {"the", "its", "their"} for word in after[1:2]):
        return _office(after[2:4])
    return _office(before[-1:])


def _in_place(name: Sequence[Word], words: Sequence[Word], plain: Sequence[Word]) -> str:
    """ "was born in N", "lies near N"."""
    before = [word.lower for word in words[max(0, name[0].place - 2) : name[0].place] if word.lower != "the"]
    if before[-1:] not in (["in"], ["near"], ["at"], ["on"], ["to"]):
        return ""
    said = [word.of for word in plain if word.of and word.clause == name[0].clause and word.place < name[0].place]
    told = _last(of.name for of in said if of.name in _PLACED)
    return f"{before[-1]} {told}" if told else ""


_ROLES: tuple[Callable[[Sequence[Word], Sequence[Word], Sequence[Word]], str], ...] = (
    _by_deed,
    _deed_of,
    _in_office,
    _in_place,
)


def _office(words: Sequence[Word]) -> str:
    return _last(word.of.name for word in words if word.of and word.lower in _OFFICES)


def _last(names: Iterator[str]) -> str:
    return next(iter(list(names)[::-1]), "")


# --- Values -------------------------------------------------------------------------------------------------------


def _value(one: Quantity, words: Sequence[Word], plain: Sequence[Word], taken: set[int]) -> Value:
    """A quantity with what it is of: the nearest word for something of its kind, in its clause or the one beside it."""
    first = next(word for word in words if word.start >= one.start)
    behind = [word for word in words if word.start >= one.end]
    nouns = frozenset(_nouns(behind, taken)) if one.kind == "number" and one.measure in ("", "%") else frozenset[str]()
    kinds = ("measure", "event")
    if one.kind in ("date", "weekday"):
        kinds = ("event", "state")
    of = None
    for clause in (first.clause, first.clause + 1, first.clause - 1):
        here = [word for word in plain if word.clause == clause and word.of]
        near = [word.of for word in sorted(here, key=lambda word: abs(word.place - first.place)) if word.of]
        # What is counted is told by the words after the number, what is measured by others: "seats for 300 people".
        near.sort(key=lambda found: (found.kind not in kinds, found.name in nouns, found.kind != kinds[0]))
        if near and near[0].kind in kinds:
            of = near[0].name, near[0].sign
            break
        if one.kind == "number" and (nouns or here):
            break
    return Value(one.kind, one.text, of, one, nouns=nouns)


def _nouns(behind: Sequence[Word], taken: set[int]) -> Iterator[str]:
    for word in behind[:COUNTED]:
        if word.of is None or word.place in taken:
            return
        yield word.of.name


def _tells_nothing(one: Quantity, words: Sequence[Word]) -> bool:
    """Whether it is a part of a name or of a score: "999 Games", "6-3"; or a day of no year."""
    if one.kind == "date":
        return not one.year
    before = [word for word in words if word.start < one.start][-1:]
    after = [word for word in words if word.start >= one.end][:2]
    if one.kind == "weekday" or one.measure:
        return False
    if after and after[0].is_capital:
        return True
    signs = [word.text for word in (*before, *after[:1])]
    return any(sign in {"-", "–"} for sign in signs)


def _labels(words: Sequence[Word]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for one, other in pairwise(words):
        if one.lower in LABELS and re.match(r"\d|[IVX]+$|[A-Z]\d*$", other.text):
            found[one.lower] = found.get(one.lower, frozenset()) | {other.lower}
    return found


def _editions(title: str) -> dict[str, frozenset[str]]:
    """What sets the pages of two titles apart: a number that stands by itself, and what is said in brackets."""
    found = {"title": re.findall(r"(?<!\w)\d[\w.]*", title), "brackets": _PARENTHESIS.findall(title)}
    return {label: frozenset(own) for label, own in found.items() if own}


# --- Denying ------------------------------------------------------------------------------------------------------


def _denies(word: Word, words: Sequence[Word]) -> bool:
    after = words[word.place + 1].lower if word.place + 1 < len(words) else ""
    return word.lower in _NEGATIONS and after not in _NO_DENIAL and not after[:1].isdigit()


def _signs(plain: Sequence[Word], denying: Sequence[Word]) -> dict[str, int]:
    """For each concept that the table of concepts has: whether it is said or denied."""
    signs: dict[str, int] = {}
    for word in plain:
        if word.of and word.of.kind != "other":
            denied = any(-1 <= word.place - no.place <= DENIED and no.clause == word.clause for no in denying)
            signs[word.of.name] = -word.of.sign if denied else word.of.sign
    return signs
