"""Texts that are worth indexing and texts that are not, made the way they are made on the web."""

import random
from collections import defaultdict
from itertools import pairwise

ARTICLE = (
    "The harbour of Larkspur was closed for 12 days after the storm of January. The harbour master, Ida"
    " Brandt, said that"
    " 340 boats had lost their moorings, and that not one of the boats had been insured against it.\n\n"
    "Repairs to the breakwater cost 2.4 million crowns. The council had set aside 1.5 million for the"
    " breakwater in the"
    " year before, so that the town had to borrow the rest. The loan will never be repaid from harbour fees alone, the"
    " council wrote, because the fees bring in 90,000 crowns a year.\n\n"
    "Fishermen were asked to land their catch at Osterby, 35 kilometres to the north. Most of the"
    " fishermen did so, although"
    " the road to Osterby was without lights for 6 nights. The harbour master expects that the storms"
    " will come back, and"
    " wants the breakwater to be 3 metres higher than it was. The council has not decided about the height of the"
    " breakwater. It will meet the fishermen and the harbour master in the spring, when the repairs to"
    " the moorings have"
    " been paid for and the boats are back in the harbour."
)
POEM = (
    "Nine geese went over the water\nand none of them looked down.\nThe river carried their shadows\nas"
    " far as the edge of"
    " town.\n\nI counted them going over,\nI counted them in the stream,\nnine that were made of"
    " feathers\nand nine that were"
    " made of dream."
)
REFERENCE = "os.path\n\n" + "\n\n".join(
    f"os.path.{name}(path)\n    >>> os.path.{name}('/srv/data')\n    {result}"
    for name, result in [
        ("exists", True),
        ("isdir", True),
        ("basename", "'data'"),
        ("dirname", "'/srv'"),
        ("isabs", True),
    ]
)
TABLE = "Rainfall in millimetres\n\n" + "\n".join(
    f"| {year} | {year % 97} | {year % 89} |" for year in range(1960, 2020)
)
GERMAN = (
    "Der Hafen war nach dem Sturm zwölf Tage lang geschlossen. Die Hafenmeisterin sagte, dass sich 340"
    " Boote losgerissen"
    " hatten und dass keines davon versichert gewesen sei. Der Rat der Stadt hat über die Höhe der neuen"
    " Mole noch nicht"
    " entschieden; im Frühjahr will er mit den Fischern sprechen."
)
JAPANESE = (
    "港は嵐のあと十二日間閉鎖された。港長によると、三百四十隻の船が流された。"
    "町議会は新しい防波堤の高さをまだ決めていない。"
)
NOTE = "The ferry does not run on Sundays in winter. Tickets are sold at the kiosk."

_PLACES = (
    "Norway", "Bolivia", "Dublin", "Kyoto", "Ghana", "Ohio", "Perth",
    "Lisbon", "Tibet", "Malta", "Quebec", "Cairo", "Oslo", "Delhi",
)  # fmt: skip


def markov(seed: int, words: int = 500) -> str:
    """A chain of order 1 over sentences that have nothing to do with each other."""
    chance = random.Random(seed)
    source: list[str] = []
    for _number in range(900):
        rare = [_rare(chance) for _place in range(5)]
        source += ["the", rare[0], "of", rare[1], "was", "in", "a", rare[2], "that", rare[3], "the", rare[4] + "."]
    follows = defaultdict(list)
    for one, other in pairwise(source):
        follows[one].append(other)
    chain = ["the"]
    while len(chain) < words:
        chain.append(chance.choice(follows[chain[-1]]))
    return "\n\n".join(" ".join(chain[start : start + 100]) for start in range(0, words, 100))


def _rare(chance: random.Random) -> str:
    """A word that can be said and is seldom met."""
    return "".join(chance.choice("bdfgklmnprstv") + chance.choice("aeiou") for _syllable in range(4))


def noise(seed: int, words: int = 200) -> str:
    chance = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(chance.choices(letters, k=chance.randint(3, 11))) for _number in range(words)) + "."


def stuffed(phrase: str = "cheap car insurance") -> str:
    lines = [f"If you need {phrase} in {town}, ask our {phrase} team in {town} for {phrase}." for town in _PLACES]
    return "\n\n".join(lines)


def keywords() -> str:
    return ", ".join(f"{word} car insurance {place}" for word in ("cheap", "best", "buy") for place in _PLACES)


def lorem() -> str:
    return (
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore"
        " magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip"
        " ex ea commodo"
        " consequat."
    )
