"""Words that say the same of a thing, and their opposites: "inaugurated" and "opened", "permitted" and "forbidden".

A small table of English, for comparing two sentences without a model. What is not in it is compared by its stem, and
two sentences have to be more alike before they are held against each other (stated.py). Pure.
"""

from functools import lru_cache
from typing import Literal, NamedTuple

from research.engine.terms import STOP_WORDS, stem

Kind = Literal["event", "measure", "state", "other"]

# A line: the concept, the words for it, and after ";" their opposites. A word with * stands for all that begin so.
_EVENTS = """
opened: opened opening inaugurat*
founded: founded founding foundation founder establish* creat* formed instituted
began: began begun begin* start* launch* commenc* outset ; ended ceas* discontinu* dissolv* abolish*
built: built build erect* construct*
completed: complet* finish*
born: born birth
died: died death dead killed
designed: design* architect*
written: wrote written writes writer author* penned
directed: directed director directs
invented: invent* devised inventor
discovered: discover*
published: publish* released release printed appeared
won: won winner victory victorious defeated beat triumphed prevailed ; lost loser defeat
married: married wed marriage
acquired: acquired bought purchased purchase acquisition takeover
moved: moved relocated
destroyed: destroyed demolish* burned burnt razed
held: held hosted
elected: elected
granted: granted awarded award received
signed: signed signing
led: led leads leader headed heads chaired manages managed
composed: composed composer
owned: owns owned owner belongs
"""
_MEASURES = """
length: long length span spans spanning spanned stretch* runs
height: tall high height rises rising towers reaches
width: wide width breadth broad
depth: deep depth depths
weight: weigh* weight mass heavy
area: area covers covering extent acreage
population: population inhabit* residents populace townspeople people live
capacity: capacity seat seats seating hold holds accommodat* room
cost: cost costs costing price priced budget expense expensive sum spent
speed: speed fast velocity
elevation: elevation altitude
staff: employ* staff workers workforce personnel
age: age aged old
duration: lasts lasted duration takes
temperature: temperature
"""
_STATES = """
open: open opens accessible ; closed shut closes
allowed: allow* permit* may lawful legal welcome ; forbid* prohibit* ban banned bans illegal outlawed barred
safe: safe harmless nontoxic ; unsafe dangerous hazardous harmful
edible: edible eatable ; inedible poisonous toxic
accepted: accept* approv* adopt* ratif* passed agreed endors* ; reject* refus* declin* veto* denied dismissed
increased: increas* rise rose risen grew grow* gain* climb* ; decreas* fell fall fallen drop* shrink* shrank reduc*
required: requir* mandatory compulsory obligatory must needs ; optional voluntary
included: includ* contain* comprises ; exclud* lacks lack lacking omit*
succeeded: succeed* success* ; fail* unsuccessful*
survived: surviv* ; perish*
supported: support* backs backed favour* favor* ; oppos* resist*
enabled: enabled enables ; disabled disables
true: true correct ; false incorrect untrue
possible: possible able ; impossible unable
inhabited: inhabited ; uninhabited deserted
related: linked associat* relat* ; unrelated
effective: effective ; ineffective useless
public: public ; private
active: active ; inactive extinct dormant
native: native indigenous ; introduced alien
evergreen: evergreen ; deciduous
drinkable: drinkable potable ; undrinkable
navigable: navigable ; unnavigable
frozen: freez* frozen froze ; ice-free
electrified: electrified electric ; unelectrified diesel
located: located lies lie situated stands sits found base based headquarter*
"""


class Concept(NamedTuple):
    """What a word is of. `sign` is -1 for an opposite."""

    name: str
    sign: int
    kind: Kind


def _table() -> tuple[dict[str, Concept], dict[str, Concept]]:
    whole: dict[str, Concept] = {}
    begun: dict[str, Concept] = {}
    kinds: tuple[tuple[Kind, str], ...] = (("event", _EVENTS), ("measure", _MEASURES), ("state", _STATES))
    for kind, lines in kinds:
        for line in lines.strip().splitlines():
            name, _colon, said = line.partition(":")
            for sign, words in zip((1, -1), said.split(" ; "), strict=False):
                for word in words.split():
                    table = begun if word.endswith("*") else whole
                    table.setdefault(word.rstrip("*"), Concept(name, sign, kind))
    return whole, begun


_WHOLE, _BEGUN = _table()
MEASURES = frozenset(found.name for table in (_WHOLE, _BEGUN) for found in table.values() if found.kind == "measure")


@lru_cache(maxsize=50_000)
def concept(word: str) -> Concept | None:
    """What the word (in lower case) is of; None for a word of grammar. A word that the table lacks is its stem."""
    if found := _WHOLE.get(word):
        return found
    for length in range(len(word), 2, -1):
        if found := _BEGUN.get(word[:length]):
            return found
    if word in STOP_WORDS:
        return None
    for prefix in ("un", "non", "in", "im"):  # "unfinished": the opposite of what is left, where that is in the table
        if word.startswith(prefix) and (found := _WHOLE.get(word.removeprefix(prefix))):
            return found._replace(sign=-found.sign)
    root = stem(word)
    if root != word and len(root) > 3 and root[-1] == root[-2] and root[-1] not in "aeiouls":
        root = root[:-1]  # "swimming"
    return Concept(root, 1, "other")
