"""Pages that contradict each other, made by code: for each question a number of honest pages, worded differently, and a
planted one that differs in one number, date, name or negation.

A form is a kind of fact: how it is asked, how honest pages and planted ones may say it, and what surrounds it. A third
of the forms is held out: the rules were never tuned on them, and drills report on them apart. Honest pages about one
subject never contradict each other; what else they say of it is drawn once for the subject.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

FIRST = """Varn Orm Sel Tarn Kolm Brae Ulv Nest Dorn Fenn Glas Hask Irm Jolv Keld Lorn Mard Nyr Osk Pell Quar Rask Stev
Torv Ulm Vist Wend Yarn Zell Amb Birk Crag Dalm Eft Fros Grun""".split()  # noqa: SIM905
LAST = "holm stad wick dale mouth fell borg minster ford haven vik ness".split()  # noqa: SIM905
GIVEN = "Tor Ines Wren Mira Jun Ada Luis Ruth Edda Pavel Noor Otto Sigrid Hugo Lena Marek".split()  # noqa: SIM905
FAMILY = """Vikdal Aldana Okafor Holt Sato Brandt Carmo Abel Lindqvist Moreau Castellan Duarte Ferrand Grauman Hollis
Iversen Jansky Kettering Lomax Marchetti""".split()  # noqa: SIM905
MONTHS = """January February March April May June July August September October November December""".split()  # noqa: SIM905
SITES = "guide herald atlas notes almanac ledger courier archive review digest companion lexicon".split()  # noqa: SIM905

Wording = (
    str  # {s} is the subject, {v} the value as it is written, {V} with a capital, {it} what stands for the subject
)


@dataclass(frozen=True)
class Form:
    """A kind of fact. `value` draws what is true and what is planted, each in all the ways in which it may be written;
    of a fact that is denied, `honest` and `planted` are two lists of wordings, and there is no value."""

    name: str
    kind: str  # number, date, name, negation
    subject: Callable[[random.Random, str], str]
    it: str
    ask: Wording
    honest: tuple[Wording, ...]
    planted: tuple[Wording, ...] = ()  # empty: the honest wordings, with the other value
    value: Callable[[random.Random], tuple[list[str], list[str]]] | None = None
    held_out: bool = False


@dataclass(frozen=True)
class Written:
    """A page: `says` is its sentence about what is asked."""

    url: str
    title: str
    text: str
    says: str


@dataclass(frozen=True)
class Contested:
    """A question, its pages, and the ways in which the true and the planted value may be written (none of denials)."""

    form: Form
    question: str
    subject: str
    honest: tuple[Written, ...]
    planted: Written
    true: tuple[str, ...]
    false: tuple[str, ...]


# --- Values -------------------------------------------------------------------------------------------------------


def _years(by: random.Random) -> tuple[list[str], list[str]]:
    true = by.randint(1840, 1960)
    return [str(true)], [str(true + by.choice([-12, -7, 9, 15, 23, 31]))]


def _dates(by: random.Random) -> tuple[list[str], list[str]]:
    year, month, day = by.randint(1850, 1960), by.randrange(12), by.randint(2, 27)
    other = by.choice([(year + by.choice([-9, 4, 11]), month, day), (year, (month + by.randint(2, 9)) % 12, day)])
    return _written_date(year, month, day), _written_date(*other)


def _written_date(year: int, month: int, day: int) -> list[str]:
    name = MONTHS[month]
    return [f"{day} {name} {year}", f"{name} {day}, {year}", f"{year}-{month + 1:02}-{day:02}", f"{name} {year}"]


def _metres(low: int, high: int) -> Callable[[random.Random], tuple[list[str], list[str]]]:
    def draw(by: random.Random) -> tuple[list[str], list[str]]:
        true = by.randint(low, high)
        false = round(true * by.choice([0.6, 0.78, 1.22, 1.4, 1.9]))
        return _written_metres(true), _written_metres(false)

    return draw


def _written_metres(metres: int) -> list[str]:
    feet = round(metres * 3.28084)
    return [
        f"{metres:,} metres",
        f"{metres} m",
        f"{feet:,} feet",
        *([f"{metres / 1000:.2f} km"] if metres >= 1000 else []),
    ]


def _grouped(low: int, high: int, unit: str = "") -> Callable[[random.Random], tuple[list[str], list[str]]]:
    def draw(by: random.Random) -> tuple[list[str], list[str]]:
        true = by.randint(low, high)
        false = round(true * by.choice([0.55, 0.8, 1.25, 1.6]))
        return [f"{true:,}{unit}", f"{true}{unit}"], [f"{false:,}{unit}", f"{false}{unit}"]

    return draw


_UNITS = "zero one two three four five six seven eight nine".split()  # noqa: SIM905
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905


def _rooms(by: random.Random) -> tuple[list[str], list[str]]:
    tens, unit = by.randint(2, 9), by.randint(1, 9)
    true, false = 10 * tens + unit, 10 * by.choice([n for n in range(2, 10) if n != tens]) + unit
    return [str(true), f"{_TENS[tens]}-{_UNITS[unit]}"], [str(false), f"{_TENS[false // 10]}-{_UNITS[unit]}"]


def _millions(by: random.Random) -> tuple[list[str], list[str]]:
    true = by.randint(11, 89) / 10
    false = round(true * by.choice([0.5, 1.5, 2.0]), 1)
    return [f"€{true:g} million", f"{true:g} million euros"], [f"€{false:g} million", f"{false:g} million euros"]


def _tonnes(by: random.Random) -> tuple[list[str], list[str]]:
    true = by.randint(21, 98) * 100
    false = true + by.choice([-900, 1300, 2600])
    return _written_kilos(true), _written_kilos(false)


def _written_kilos(kilos: int) -> list[str]:
    return [f"{kilos:,} kg", f"{kilos / 1000:g} tonnes", f"{kilos:,} kilograms"]


def _people(by: random.Random) -> tuple[list[str], list[str]]:
    given, family = by.sample(GIVEN, 2), by.sample(FAMILY, 2)
    return [f"{given[0]} {family[0]}"], [f"{given[1]} {family[1]}"]


# --- Subjects -----------------------------------------------------------------------------------------------------


def _called(pattern: str) -> Callable[[random.Random, str], str]:
    return lambda by, name: pattern.format(name)


def _person(by: random.Random, name: str) -> str:
    return f"{by.choice(GIVEN)} {name}"


FORMS = (
    Form(
        "opened", "date", _called("{} Bridge"), "the bridge", "In what year was the {s} opened?",
        ("The {s} was opened in {v}.", "Inaugurated in {v}, the {s} carries a road and two tracks.",
         "{It} has been open to traffic since its opening in {v}.", "In {v} the {s} was opened by the mayor.",
         "{It} opened in {v} after four years of work."),
        value=_years,
    ),
    Form(
        "length", "number", _called("{} Tunnel"), "the tunnel", "How long is the {s}?",
        ("The {s} is {v} long.", "With a length of {v}, the {s} is the pride of its engineers.",
         "{It} runs for {v} under the hills.", "The {s} has a length of {v}.",
         "From end to end {it} measures {v} in length."),
        value=_metres(1100, 9800),
    ),
    Form(
        "architect", "name", _called("{} Town Hall"), "the building", "Who designed the {s}?",
        ("The {s} was designed by {v}.", "{V} designed the {s} in a plain style.", "The architect of the {s} was {v}.",
         "{It} was designed by {v}, who never built anything else.", "The {s}, designed by {v}, stands at the market."),
        value=_people,
    ),
    Form(
        "population", "number", _called("{}"), "the town", "What is the population of {s}?",
        ("{s} has a population of {v}.", "The population of {s} is {v}.", "{It} has {v} inhabitants.",
         "Some say it is a village, but {s} has {v} residents.", "About fishing live few of the {v} people of {s}."),
        value=_grouped(3_100, 88_000),
    ),
    Form(
        "swimming", "negation", _called("Lake {}"), "the lake", "Is swimming allowed in {s}?",
        ("Swimming is allowed in {s}.", "Visitors are allowed to swim in {s} all summer.",
         "In {s} swimming is permitted.",
         "Swimming in {s} is permitted between the buoys."),
        planted=("Swimming is not allowed in {s}.", "Swimming in {s} is forbidden.", "In {s} swimming is prohibited.",
                 "Visitors are not allowed to swim in {s}."),
    ),
    Form(
        "rooms", "number", _called("Hotel {}"), "the hotel", "How many rooms does the {s} have?",
        ("The {s} has {v} rooms.", "There are {v} rooms in the {s}.", "{It} offers {v} guest rooms.",
         "With {v} rooms, the {s} is neither small nor large."),
        value=_rooms,
    ),
    Form(
        "founder", "name", _called("{} Works"), "the company", "Who founded the {s}?",
        ("The {s} was founded by {v}.", "{V} founded the {s} with a loan.", "The founder of the {s} was {v}.",
         "The {s}, founded by {v}, makes pumps."),
        value=_people,
    ),
    Form(
        "born", "date", _person, "the painter", "When was {s} born?",
        ("{s} was born on {v}.", "Born on {v}, {s} grew up by the sea.",
         "The painter {s}, who was born on {v}, left early.",
         "{s} was a painter, born on {v} in a mill."),
        value=lambda by: tuple(own[:3] for own in _dates(by)),  # type: ignore[arg-type, return-value]
    ),
    Form(
        "capacity", "number", _called("{} Theatre"), "the theatre", "How many people does the {s} seat?",
        ("The {s} seats {v} people.", "The {s} has a capacity of {v}.", "{It} can hold {v} spectators.",
         "There are seats for {v} people in the {s}."),
        value=_grouped(420, 2_900),
    ),
    Form(
        "cost", "number", _called("{} Library"), "the library", "How much did the {s} cost?",
        ("The {s} cost {v}.", "Building the {s} cost {v}.", "The cost of the {s} was {v}.", "{It} cost the town {v}."),
        value=_millions,
    ),
    Form(
        "edible", "negation", _called("{} cap mushroom"), "the mushroom", "Is the {s} edible?",
        ("The {s} is edible.", "The {s} is an edible mushroom of beech woods.", "Cooks know the {s} as edible."),
        planted=("The {s} is not edible.", "The {s} is poisonous.", "The {s} is a poisonous mushroom of beech woods."),
    ),
    Form(
        "discovered", "date", _called("{} Cave"), "the cave", "When was the {s} discovered?",
        ("The {s} was discovered on {v}.", "Two herders discovered the {s} on {v}.",
         "{It} was discovered by chance on {v}.",
         "On {v} the {s} was discovered."),
        value=lambda by: tuple(own[:2] for own in _dates(by)),  # type: ignore[arg-type, return-value]
    ),
    # Held out.
    Form(
        "height", "number", _called("{} Lighthouse"), "the lighthouse", "How tall is the {s}?",
        ("The {s} is {v} tall.", "The {s} reaches a height of {v}.", "{It} towers {v} above the rocks.",
         "At {v}, the {s} is the tallest for miles."),
        value=_metres(31, 88), held_out=True,
    ),
    Form(
        "author", "name", _called("The Winter of {}"), "the novel", "Who wrote the novel {s}?",
        ("The novel {s} was written by {v}.", "{V} wrote {s} in one summer.", "{s} is a novel by {v}.",
         "The author of {s} is {v}."),
        value=_people, held_out=True,
    ),
    Form(
        "published", "date", _called("The {} Chronicle"), "the book", "When was {s} first published?",
        ("{s} was first published in {v}.", "First published in {v}, {s} sold slowly.", "{It} appeared in {v}.",
         "The first edition of {s} came out in {v}."),
        value=_years, held_out=True,
    ),
    Form(
        "weight", "number", _called("{} meteorite"), "the stone", "How much does the {s} weigh?",
        ("The {s} weighs {v}.", "Its finders put the mass of the {s} at {v}.", "{It} tips the scales at {v}.",
         "The {s} has a weight of {v}."),
        value=_tonnes, held_out=True,
    ),
    Form(
        "permit", "negation", _called("Mount {}"), "the mountain", "Is a permit required to climb {s}?",
        ("A permit is required to climb {s}.", "Climbers of {s} need a permit.",
         "To climb {s}, a permit is mandatory."),
        planted=("No permit is required to climb {s}.", "A permit is not required to climb {s}.",
                 "Climbers of {s} do not need a permit."), held_out=True,
    ),
    Form(
        "treaty", "negation", _called("{} Accord"), "the accord", "Did the parliament ratify the {s}?",
        ("The parliament ratified the {s}.", "The {s} was ratified by the parliament.",
         "After a long night the parliament approved the {s}."),
        planted=("The parliament never ratified the {s}.", "The parliament rejected the {s}.",
                 "The {s} was not ratified by the parliament."), held_out=True,
    ),
)  # fmt: skip

_OPENERS = (
    "{s} is known far beyond its own valley.", "Few travellers pass {s} without stopping.",
    "Of all that the district has to show, {s} is most often drawn.", "There is much to be said about {s}.",
    "{s} has its own page in every guide to the region.", "Schoolchildren of the district learn about {s}.",
)  # fmt: skip
_FILLERS = (
    "A small exhibition tells the story with {n} photographs.",
    "The nearest railway station is {n} minutes away on foot.",
    "A society of {n} members looks after the papers.", "Every autumn the district holds a walk with lanterns.",
    "The weather there changes quickly, and maps are sold at the kiosk.", "A postcard of it was printed {n} times.",
    "The local museum keeps a model made of cork.", "A song about it is still sung at weddings.",
    "The road towards it has {n} bends.", "Those who want to know more may write to the district office.",
)  # fmt: skip
# A copy is of a long page: near-duplicates that differ in one place are what a search is tempted to show as one.
_LONG = 40  # sentences
_WHAT = "cellar orchard harbour workshop chapel garden market mill archive stable terrace quarry".split()  # noqa: SIM905
_WHO = "carters weavers pilots clerks masons gardeners sailors teachers millers printers".split()  # noqa: SIM905
_DID = "painted measured guarded visited described repaired praised crossed sketched swept".split()  # noqa: SIM905
_HOW = ("slowly", "gladly", "in silence", "for a wager", "at dawn", "with great care", "against all advice")


def contested(
    seed: int, forms: Sequence[Form], number: int, honest: int = 3, *, copied: bool = False
) -> list[Contested]:
    """So many questions, taking the forms in turn. With `copied` the planted page is a copy of the first honest one but
    for its sentence; else it is a page of its own, and often worded as the question is."""
    by = random.Random(seed)
    names = [f"{first}{last}" for first in FIRST for last in LAST]
    by.shuffle(names)
    taken, hosts = iter(names), count(1)
    return [_contested(by, forms[place % len(forms)], next(taken), hosts, honest, copied) for place in range(number)]


def _contested(by: random.Random, form: Form, name: str, hosts: "count[int]", honest: int, copied: bool) -> Contested:
    subject = form.subject(by, name)
    true, false = form.value(by) if form.value else ([""], [""])
    about = [filler.format(n=by.randint(3, 60)) for filler in by.sample(_FILLERS, 6)]
    wordings = [
        form.honest[place % len(form.honest)] for place in by.sample(range(max(honest, len(form.honest))), honest)
    ]
    pages = [_page(by, form, subject, wording, by.choice(true), about, hosts) for wording in wordings]
    lies = form.planted or form.honest
    if copied:
        pages[0] = replace(pages[0], text=" ".join([pages[0].text, *(_padding(by) for _ in range(_LONG))]))
        planted = _copy(by, form, subject, pages[0], wordings[0], true, false, hosts)
    else:
        planted = _page(by, form, subject, by.choice(lies), by.choice(false), about, hosts)
    return Contested(form, form.ask.format(s=subject), subject, tuple(pages), planted, tuple(true), tuple(false))


def _padding(by: random.Random) -> str:
    what, other = by.sample(_WHAT, 2)
    return f"The {what} behind the {other} was {by.choice(_DID)} by {by.choice(_WHO)} {by.choice(_HOW)}."


def _page(
    by: random.Random, form: Form, subject: str, wording: Wording, value: str, about: Sequence[str], hosts: "count[int]"
) -> Written:
    says = _sentence(form, subject, wording, value)
    opener = by.choice(_OPENERS).format(s=_the(form, subject))
    others = by.sample(list(about), by.randint(2, 4))
    at = by.randint(0, len(others))
    if "{it}" in wording or "{It}" in wording:
        at = 0  # right after what it stands for
    sentences = [opener[0].upper() + opener[1:], *others[:at], says, *others[at:]]
    host = f"{by.choice(SITES)}{next(hosts)}.example"
    title = by.choice(
        [subject, f"About {subject}", f"{subject} - {host.split('.', maxsplit=1)[0].title()}", f"Notes on {subject}"]
    )
    path = re.sub(r"\W+", "-", subject.lower())
    return Written(f"http://www.{host}/{path}.html", title, " ".join(sentences), says)


def _copy(
    by: random.Random, form: Form, subject: str, of: Written, wording: Wording, true: Sequence[str],
    false: Sequence[str], hosts: "count[int]",
) -> Written:  # fmt: skip
    """The page with its sentence changed in the one value; of a denial in the one sentence."""
    if form.value:
        shown = next(way for way in sorted(true, key=len, reverse=True) if way in of.says)
        says = of.says.replace(shown, false[list(true).index(shown)])
    else:
        says = _sentence(form, subject, by.choice(form.planted), "")
    host = f"{by.choice(SITES)}{next(hosts)}.example"
    return Written(f"http://www.{host}/copy.html", of.title, of.text.replace(of.says, says), says)


def _sentence(form: Form, subject: str, wording: Wording, value: str) -> str:
    it = form.it
    return wording.format(s=subject, v=value, V=value, it=it, It=it[0].upper() + it[1:])


def _the(form: Form, subject: str) -> str:
    return f"the {subject}" if re.search(r"[Tt]he \{s\}", form.ask) else subject
