"""What two sentences are to each other: they agree, they disagree, or perhaps they do.

On the side of silence: sentences about different things, different years or versions of one, a rounded number beside an
exact one, and a detail more are no disagreement. Of what the rules are not sure a judge may decide. Pure. Called by
disagree.py and independence.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from research.engine.concepts import MEASURES
from research.engine.quantities import Quantity
from research.engine.stated import Statement, Value, is_called

Verdict = Literal["agree", "disagree", "perhaps"]
Tie = Literal["", "loose", "sure"]

ALIKE = 0.6  # share of the fewer words that two sentences have in common, where nothing else ties what they say
TIED = 0.25  # and where something does
NEARLY = 0.75
REPEATED = 0.8
CONVERTED = 0.03  # two units of one measure are seldom converted more exactly
ROUNDED = 0.03  # a number of fewer digits may be the other one rounded, up to so far
WHOLE = 1000  # whole numbers below it are counted, not rounded
# What a number may be, from and up to so many times it, by what is said before it.
_HEDGED = {"": (1.0, 1.0), "exactly": (1.0, 1.0), "over": (1.0, 1.5), "under": (0.5, 1.0), "about": (0.9, 1.1)}

# Of each line, two sentences that have different words speak of different things.
_APART = tuple(
    frozenset(line.split())
    for line in """
    north south east west northern southern eastern western northeast northwest southeast southwest
    upper lower middle
    men women boys girls male female
    spring summer autumn winter
    minimum maximum average mean median
    first second third fourth fifth sixth last final
    left right
    inner outer inside outside
    old new former current
    gross net
    day night
    daily weekly monthly annual annually yearly hourly
    children adults adult child
    """.strip().splitlines()
)
# One that only one of them has may make it another thing, too: "the first bridge".
_OTHER = frozenset("second third original former previous planned proposed".split())  # noqa: SIM905
# What a thing does more than once, and who stands in a role only for a time.
_REPEATED = frozenset(
    """won published acquired held granted elected signed led owned moved began married directed written composed
    designed""".split()  # noqa: SIM905
)
_FOR_A_TIME = frozenset("led owned won published".split())  # noqa: SIM905
_VARYING = frozenset("population cost staff temperature age".split())  # noqa: SIM905 - from year to year


@dataclass(frozen=True)
class Point:
    """What two statements are to each other in one respect: in which of their values (`places`; -1: in denying)."""

    verdict: Verdict
    places: tuple[int, int]
    says: tuple[str, str]


def compare(one: Statement, other: Statement) -> list[Point]:
    """What two statements are to each other, in each respect in which they can be held against each other."""
    alike = _alike(one, other)
    if not _same_subject(one, other, alike) or _set_apart(one, other):
        return []
    points = list(_compared(one, other, alike))
    if not any(point.verdict == "disagree" for point in points) and (denied := _denied(one, other)):
        points.append(denied)
    return points


def same_words(one: Statement, other: Statement) -> bool:
    """Whether the second sentence says the first one's, in nearly the same words."""
    return len(one.words & other.words) >= REPEATED * max(1, len(one.words)) and one.denies == other.denies


def compatible(one: Value, other: Value) -> bool:
    """Whether two values of one kind and measure may both be right: "about 400 metres", "0.4 km" and "1,312 feet" may
    be one length; "5 May 1932" lies in "1932"."""
    mine, theirs = one.quantity, other.quantity
    if not mine or not theirs:
        return bool(one.name & other.name)
    if one.kind == "weekday":
        return mine.plain == theirs.plain
    (low, high), (lowest, highest) = _allowed(mine), _allowed(theirs)
    if low <= highest and lowest <= high:
        return True
    if one.kind == "date" or "exactly" in (mine.hedge, theirs.hedge) or mine.to or theirs.to:
        return False
    a, b = float(mine.base(mine.value)), float(theirs.base(theirs.value))
    apart = abs(a - b) / max(abs(a), abs(b), 1e-12)
    if mine.unit != theirs.unit:
        return apart <= CONVERTED
    return apart <= ROUNDED and _is_rounded(float(mine.value), float(theirs.value))


def _allowed(one: Quantity) -> tuple[float, float]:
    """From where to where a quantity may be by its wording: days of a date (as 19320505), base units of a number."""
    if one.kind == "date":
        month, day = (0, 0) if one.either else (one.month, one.day)
        first, last = one.year * 10_000, (one.year + one.years - 1) * 10_000
        return first + (month or 1) * 100 + (day or 1), last + (month or 12) * 100 + (day or 31)
    bounds = [float(one.base(end)) * times for end in one.ends for times in _HEDGED[one.hedge]]
    return min(bounds), max(bounds)


def _is_rounded(one: float, other: float) -> bool:
    """Whether the number of fewer digits is the other one, rounded: from a thousand on, or where the other has
    decimals."""
    coarse, fine = sorted((one, other), key=_digits)
    if _digits(coarse) == _digits(fine) or (abs(coarse) < WHOLE and fine == int(fine)):
        return False
    return float(f"{fine:.{_digits(coarse)}g}") == coarse


def _digits(number: float) -> int:
    return len(f"{number:.12g}".replace(".", "").strip("0")) or 1


def comparable(one: Value, other: Value) -> bool:
    """Whether two values are of one kind and measure."""
    return one.kind == other.kind and one.measure == other.measure


def _alike(one: Statement, other: Statement) -> float:
    """The share, 0..1, of the fewer words that both have."""
    fewer = min(len(one.content), len(other.content))
    return len(one.content & other.content) / fewer if fewer else 0.0


def _same_subject(one: Statement, other: Statement, alike: float) -> bool:
    """Whether both speak of what has one name; or, where one names nothing, have most words in common."""
    if one.subject or other.subject:
        return is_called(one.subject, other.subject)
    return alike >= ALIKE and len(one.content & other.content) > 1


def _set_apart(one: Statement, other: Statement) -> bool:
    """Whether the sentences themselves say that they speak of different things: of other versions, of the north and the
    south tower."""
    if any(not own & other.labels.get(label, own) for label, own in one.labels.items()):
        return True
    return any((one.words & line) and (other.words & line) and not (one.words & other.words & line) for line in _APART)


def _compared(one: Statement, other: Statement, alike: float) -> Iterator[Point]:
    for place, mine in enumerate(one.values):
        tied = [
            (at, theirs, tie)
            for at, theirs in enumerate(other.values)
            if comparable(mine, theirs) and (tie := _tie(mine, theirs, alike))
        ]
        if not tied or (mine.kind == "date" and mine.of is None and _numbers_tied(one, other, alike)):
            continue  # the date only says when the number was so
        same = next(((at, theirs) for at, theirs, _sure in tied if compatible(mine, theirs)), None)
        if same:
            yield Point("agree", (place, same[0]), (mine.text, same[1].text))
            continue
        at, theirs, tie = min(tied, key=lambda found: found[2] != "sure")
        if any(comparable(theirs, value) and compatible(theirs, value) for value in one.values):
            continue  # the first sentence says both
        is_sure = tie == "sure" and _at_one_time(one, other, mine)
        if is_sure or alike >= TIED:
            yield Point("disagree" if is_sure else "perhaps", (place, at), (mine.text, theirs.text))


def _tie(one: Value, other: Value, alike: float) -> Tie:
    """Whether two values are of the same thing: by what is measured, counted or done; else because the sentences are
    alike."""
    shared = one.nouns & other.nouns
    if one.of and other.of:
        if one.of != other.of:
            return "sure" if shared and alike >= ALIKE else ""
        if alike < ALIKE and one.of[0] in (_FOR_A_TIME if one.kind == "name" else _REPEATED):
            return ""
        is_counted = one.nouns and other.nouns and one.of[0] not in MEASURES
        return "" if is_counted and not shared else "sure"
    if shared:
        return "sure" if alike >= TIED or len(shared) > 1 else "loose"
    if one.nouns and other.nouns and not (one.of or other.of):
        return ""
    of = one.of or other.of
    is_named = of is not None and of[0] in (other.nouns if one.of else one.nouns)  # "a population of 5" and "5 people"
    least = NEARLY if one.kind == "date" else ALIKE
    return "sure" if is_named or alike >= least else "loose"


def _numbers_tied(one: Statement, other: Statement, alike: float) -> bool:
    numbers = [[value for value in statement.values if value.kind == "number"] for statement in (one, other)]
    return any(comparable(a, b) and _tie(a, b, alike) for a in numbers[0] for b in numbers[1])


def _at_one_time(one: Statement, other: Statement, value: Value) -> bool:
    """Whether a value is not simply that of another time: sentences that name different years may both be right."""
    if (one.words & _OTHER) != (other.words & _OTHER):
        return False
    if value.kind == "date":
        return True
    mine, theirs = (_times(statement, value) for statement in (one, other))
    if mine and theirs:
        return any(compatible(a, b) for a in mine for b in theirs)
    varies = value.measure == "%" or (value.of is not None and value.of[0] in _VARYING)
    return not ((mine or theirs) and varies)


def _times(statement: Statement, value: Value) -> Sequence[Value]:
    """The dates of a sentence that may say when the value was so."""
    return [one for one in statement.values if one.kind == "date" and (one.of is None or one.of == value.of)]


def _denied(one: Statement, other: Statement) -> Point | None:
    """Where one says what the other denies: by a "not", or by an opposite. What the one that denies adds limits what it
    denies ("not open on Mondays"), what the other one adds does not."""
    signed = one.signs.keys() & other.signs.keys() & one.content & other.content
    against = [name for name in signed if one.signs[name] != other.signs[name]]
    if not against and (signed or one.denies == other.denies):
        return None
    is_first = one.denies or any(one.signs[name] < 0 for name in against)
    denying, saying = (one, other) if is_first else (other, one)
    share = len(one.content & other.content) / (len(denying.content) or 1)
    limits = [
        value
        for value in denying.values
        if not any(comparable(value, theirs) and compatible(value, theirs) for theirs in saying.values)
    ]
    if limits or share < ALIKE:
        return None
    return Point("disagree" if against or share >= NEARLY else "perhaps", (-1, -1), (one.text, other.text))
