"""The judge without a model: whether passages say a sentence, by its words alone, and cautiously.

It calls supported only what stands in the passages nearly word for word. A short sentence, in which one word is half of
what it says, has to stand within one of theirs: all its words in the same order, its numbers at the same words, denied
where it is denied. Of a longer one nearly all words have to be there, near each other, and its numbers and names beside
the same words. What shares much of its words is "partly": it may well be supported, but no model has checked it.
The limits come from half of wice-dev and from the claims in tests/research/labelled (LOG.md). The little words are
English; in other languages they are words like others, and it is stricter.
Pure. Called by verify.py where no judge answers, and by the reasoner without a model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from django.utils.translation import gettext as _

from research.engine.facts import missing, names
from research.engine.quantities import digits
from research.engine.terms import STOP_WORDS, stem
from research.engine.values import Judgement, Verdict
from search_index.api import sentences

SHORT = 8  # words that carry meaning: a sentence of fewer is short
SAID = 0.85  # share of a longer sentence's words that the passages have to have
TOGETHER = 0.4  # share of its neighbouring words that are near each other there
NEAR = 6  # words
ELSEWHERE = 1 / 2  # of its words may stand beside other names only
IN_ORDER = 0.9  # share of a short sentence's words that one sentence has in the same order
SHARED = 0.5  # share of its words from which it is "partly"
CONTRARY = 0.7  # share of its words that a clause has which says the contrary

_WORD = re.compile(r"[^\W_]+(?:[.:]\d+)*(?:['’]\w+)?")
_POSSESSIVE = re.compile(r"['’]s?$")
_DENIAL = re.compile(
    r"\b(?:not|never|no|none|neither|nor|without|cannot|nobody|nothing|unable|\w+n['’]t)\b", re.IGNORECASE
)
_CLAUSE = re.compile(r";|,\s+(?:and|but|so|since|because|although|while|where|which|who)\b|\s+[–—]\s+")
# Words without which a sentence says something else, although they are not what it is about.
_TELLING = frozenset(
    """once twice only first last all every each none most least more less must may might because although unless until
    except both before after again never always not no""".split()  # noqa: SIM905 - a list of words
)
_OPPOSITES = [
    frozenset(map(stem, pair.split()))
    for pair in (
        "first last", "before after", "more fewer", "more less", "least most", "maximum minimum", "increase decrease",
        "increased decreased", "rises falls", "rose fell", "higher lower", "highest lowest", "largest smallest",
        "above below", "longer shorter", "longest shortest", "older younger", "oldest newest", "earlier later",
        "enabled disabled", "open closed", "optional required", "north south", "east west", "faster slower",
        "accepts refuses", "allowed forbidden", "head end", "awake asleep",
    )
]  # fmt: skip


@dataclass(frozen=True)
class _Word:
    text: str  # in small letters
    stem: str
    is_name: bool
    is_number: bool
    counts: bool  # carries meaning


Words = Sequence[_Word]


def judged(claim: str, spans: Sequence[str], titles: Sequence[str] = ()) -> Judgement:
    """Whether the `spans`, of pages with these `titles`, say the claim, as far as words can tell. The reason says what
    is wanting, and that no model has checked it."""
    said = _words(claim)
    passages = [_words(span) for span in spans]
    titled = {word.stem for title in titles for word in _words(title)}
    known = titled | {word.stem for word in chain(*passages)}
    own = {word.stem for word in said if word.counts}
    share = len(own & known) / len(own) if own else 0.0
    if lacking := missing(claim, spans, titles):
        return _judgement("unsupported", _("Not in the cited passages: %s.") % ", ".join(lacking))
    parts = [part for span in spans for part in _sentences(span)]
    if any(_contrary(said, clause, titled) for part in parts for clause in _CLAUSE.split(part)):
        return _judgement("contradicted", _("The passage says the contrary."))
    plain = {word.stem for word in said if word.counts and not word.is_number}  # the facts are there, in some form
    if len(plain & known) < SHARED * len(plain):
        return _judgement("unsupported", _("The passages have few of its words."))
    if len(own) < SHORT:
        stands = any(_within(said, part, titled) for part in parts)
    else:
        stands = share >= SAID and _scattered(said, passages, titled) and _denied_alike(said, _closest(said, parts))
    if not stands or not _names_stand(said, passages, titled) or not _numbers_in_order(said, parts):
        return _judgement("partly", _("The passages say it in other words, or not all of it."))
    return _judgement("supported", "")


def _judgement(verdict: Verdict, reason: str) -> Judgement:
    return Judgement(verdict, f"{reason} {_('Not checked by a model.')}".strip(), "rules")


def _sentences(span: str) -> Iterator[str]:
    return (span[start:end] for start, end in sentences(span))


def _words(text: str) -> list[_Word]:
    text = digits(text)
    named = set(names(text))
    found = []
    for match in _WORD.finditer(text):
        word = _POSSESSIVE.sub("", match.group())
        small, is_number = word.casefold(), word[:1].isdigit()
        found.append(_Word(small, stem(small), word in named and not is_number, is_number, small not in STOP_WORDS))
    return found


# --- A short sentence: within one of the passages' sentences ---------------------------------------------------------
def _within(said: Words, sentence: str, titled: set[str]) -> bool:
    """Whether one sentence says it: with all its words, in the same order, its numbers at the same words."""
    there = _words(sentence)
    stems, texts = {word.stem for word in there} | titled, {word.text for word in there}
    telling = {word.text for word in said} & _TELLING
    return (
        stems.issuperset(word.stem for word in said if word.counts)
        and texts.issuperset(telling)
        and _in_order(said, there) >= IN_ORDER
        and _numbers_bound(said, there)
        and _denied_alike(said, sentence)
    )


def _in_order(said: Words, there: Words) -> float:
    """The share of its words that a sentence has in the same order."""
    wanted, given = (
        [word.stem for word in words if word.counts or _DENIAL.match(word.text)] for words in (said, there)
    )
    row = [0] * (len(given) + 1)  # the longest common subsequence
    for one in wanted:
        before, row = row, [0]
        for place, other in enumerate(given):
            row.append(before[place] + 1 if one == other else max(before[place + 1], row[place]))
    return row[-1] / len(wanted) if wanted else 0.0


def _numbers_bound(said: Words, there: Words) -> bool:
    """Whether between each number and the word beside it stands no other number in the sentence."""
    for one, other in pairwise([word for word in said if word.counts]):
        if one.is_number == other.is_number:
            continue
        number, word = (one, other) if one.is_number else (other, one)
        places = [place for place, each in enumerate(there) if each.stem == word.stem]
        sides = [reversed(there[:place]) if one.is_number else there[place + 1 :] for place in places]
        closest = [next((each.stem for each in side if each.is_number), number.stem) for side in sides]
        if closest and number.stem not in closest:
            return False
    return True


def _denied_alike(said: Words, sentence: str) -> bool:
    """Whether it is denied as often as the sentence is, or the clause of it that is closest."""
    denials = sum(bool(_DENIAL.fullmatch(word.text)) for word in said)
    clause = _closest(said, _CLAUSE.split(sentence))
    return denials in (len(_DENIAL.findall(sentence)), len(_DENIAL.findall(clause)))


def _closest(said: Words, texts: Sequence[str]) -> str:
    return max(texts, key=lambda text: _in_order(said, _words(text)), default="")


def _contrary(said: Words, clause: str, titled: set[str]) -> bool:
    """Whether a clause that has most of its words denies it, is denied by it, or has the opposite of one of them."""
    there = _words(clause)
    own, stems = {word.stem for word in said if word.counts}, {word.stem for word in there}
    if len(own & (stems | titled)) < CONTRARY * len(own):
        return False
    if any(_DENIAL.fullmatch(word.text) for word in said) != bool(_DENIAL.search(clause)):
        return True
    mine = {word.stem for word in said}
    return any(len(pair & mine) == len(pair & stems) == 1 and pair & mine != pair & stems for pair in _OPPOSITES)


# --- A longer sentence: its words may be scattered over the passages -------------------------------------------------
def _scattered(said: Words, passages: Sequence[Words], titled: set[str]) -> bool:
    """Whether neighbouring words are near each other in the passages, and each number near a word beside it."""
    near = {pair for words in passages for pair in _pairs(words)}
    own = [word for word in said if word.counts]
    pairs = [(one.stem, other.stem) for one, other in pairwise(own) if one.stem != other.stem]
    if pairs and sum(pair in near for pair in pairs) < TOGETHER * len(pairs):
        return False
    for place, word in enumerate(own):
        beside = [*own[max(0, place - 2) : place], *own[place + 1 : place + 3]]
        if word.is_number and beside and not any((word.stem, one.stem) in near for one in beside):
            return False
    return True


def _pairs(words: Words) -> Iterator[tuple[str, str]]:
    """The words that are near each other, in both orders."""
    for place, one in enumerate(words):
        for other in words[place + 1 : place + 1 + NEAR]:
            yield one.stem, other.stem
            yield other.stem, one.stem


# --- Any sentence ----------------------------------------------------------------------------------------------------
def _numbers_in_order(said: Words, parts: Sequence[str]) -> bool:
    """Whether numbers that follow each other do so in a sentence of the passages, if both are in one."""
    numbers = [word.stem for word in said if word.is_number]
    return _ordered(numbers, [[word.stem for word in _words(part)] for part in parts])


def _names_stand(said: Words, passages: Sequence[Words], titled: set[str]) -> bool:
    """Whether its names come in the same order, and most of its words stand beside its own names: those before them in
    the passage, or after them where none is before."""
    named = [word.stem for word in said if word.is_name]
    if not _ordered(named, [[word.stem for word in words] for words in passages]):
        return False
    own = {*named, *titled}
    plain = [word.stem for word in said if word.counts and not word.is_name and not word.is_number]
    beside = [found for one in plain if (found := _beside(one, passages))]
    elsewhere = sum(own.isdisjoint(found) for found in beside)
    return not named or elsewhere <= ELSEWHERE * len(beside)


def _ordered(stems: Sequence[str], texts: Sequence[Sequence[str]]) -> bool:
    for one, other in pairwise(stems):
        orders = [text.index(one) <= text.index(other) for text in texts if one in text and other in text]
        if orders and not any(orders):
            return False
    return True


def _beside(stemmed: str, passages: Sequence[Words]) -> set[str]:
    """The names that a word stands beside in the passages; "" where there is none in one of them."""
    found = set()
    for words in passages:
        for place, word in enumerate(words):
            if word.stem == stemmed and not word.is_name:
                before = next((one.stem for one in reversed(words[:place]) if one.is_name), None)
                found.add(before or next((one.stem for one in words[place + 1 :] if one.is_name), ""))
    return found
