"""The judge without a model: whether passages say a sentence, by its words alone, and cautiously.

It calls supported only what stands in the passages nearly word for word: the same words, near each other, the numbers
beside the same words, the names in the same order and beside the same words, and denied where it is denied. What shares
much of its words is "partly": it may well be supported, but no model has checked it. Its limits were found on half of
wice-dev (LOG.md). Its little words are English; in other languages they are words like others, and it is stricter.
Pure. Called by verify.py where no judge answers, and by the reasoner without a model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from django.utils.translation import gettext as _

from research.engine.facts import digits, missing, names
from research.engine.terms import STOP_WORDS, stem
from research.engine.values import Judgement, Verdict

SAID = 0.85  # share of the sentence's words that the passages have to have
TOGETHER = 0.4  # share of its neighbouring words that are near each other there
NEAR = 6  # words
ELSEWHERE = 1 / 2  # of its words may stand beside other names only
SHARED = 0.5  # share of its words from which it is "partly"
ONE = 0.7  # share of its words that one passage has which says the contrary

_WORD = re.compile(r"[^\W_]+(?:[.:]\d+)*(?:['’]\w+)?")
_POSSESSIVE = re.compile(r"['’]s?$")
_DENIAL = re.compile(
    r"\b(?:not|never|no|none|neither|nor|without|cannot|nobody|nothing|unable|\w+n['’]t)\b", re.IGNORECASE
)
_OPPOSITES = [
    frozenset(map(stem, pair.split()))
    for pair in (
        "first last", "before after", "more fewer", "more less", "least most", "maximum minimum", "increase decrease",
        "increased decreased", "rose fell", "higher lower", "highest lowest", "largest smallest", "above below",
        "longer shorter", "longest shortest", "older younger", "oldest newest", "earlier later", "enabled disabled",
        "open closed", "optional required", "north south", "east west", "faster slower", "accepts refuses",
        "allowed forbidden", "all some", "always sometimes", "before during",
    )
]  # fmt: skip


@dataclass(frozen=True)
class _Word:
    stem: str
    is_name: bool
    is_number: bool
    counts: bool  # carries meaning

    @property
    def is_plain(self) -> bool:
        return self.counts and not self.is_name and not self.is_number


Words = Sequence[_Word]


def judged(claim: str, spans: Sequence[str], titles: Sequence[str] = ()) -> Judgement:
    """Whether the `spans`, of pages with these `titles`, say the claim, as far as words can tell. Who is judged by it
    should be told that no model was asked: the reason says so."""
    said, passages = _words(claim), [_words(span) for span in spans]
    known = {word.stem for word in chain(*passages)} | {word.stem for title in titles for word in _words(title)}
    own = {word.stem for word in said if word.counts}
    share = len(own & known) / len(own) if own else 0.0
    if lacking := missing(claim, spans, titles):
        return _judgement("unsupported", _("Not in the cited passages: %s.") % ", ".join(lacking))
    if passages and _denied(claim, said, spans, passages):
        return _judgement("contradicted", _("The passage says the contrary."))
    if share < SHARED:
        return _judgement("unsupported", _("The passages have few of its words."))
    near = {pair for words in passages for pair in _pairs(words)}
    if share < SAID or _together(said, near) < TOGETHER:
        return _judgement("partly", _("The passages say it in other words, or not all of it."))
    if not _numbers_stand(said, near) or not _names_stand(said, passages, titles):
        return _judgement("partly", _("Its words stand in the passages, but beside other ones."))
    return _judgement("supported", "")


def _judgement(verdict: Verdict, reason: str) -> Judgement:
    return Judgement(verdict, f"{reason} {_('Not checked by a model.')}".strip(), "rules")


def _words(text: str) -> list[_Word]:
    text = digits(text)
    named = set(names(text))
    found = []
    for match in _WORD.finditer(text):
        word = _POSSESSIVE.sub("", match.group())
        is_number = word[:1].isdigit()
        counts = word.casefold() not in STOP_WORDS
        found.append(_Word(stem(word.casefold()), word in named and not is_number, is_number, counts))
    return found


def _pairs(words: Words) -> set[tuple[str, str]]:
    """The words that are near each other, in both orders."""
    found = set()
    for place, one in enumerate(words):
        for other in words[place + 1 : place + 1 + NEAR]:
            found |= {(one.stem, other.stem), (other.stem, one.stem)}
    return found


def _together(said: Words, near: set[tuple[str, str]]) -> float:
    """The share of the sentence's neighbouring words that are near each other in a passage."""
    own = [word.stem for word in said if word.counts]
    pairs = [pair for pair in pairwise(own) if pair[0] != pair[1]]
    return sum(pair in near for pair in pairs) / len(pairs) if pairs else 1.0


def _numbers_stand(said: Words, near: set[tuple[str, str]]) -> bool:
    """Whether each number is near one of the words that it stands beside in the sentence."""
    own = [word for word in said if word.counts]
    for place, word in enumerate(own):
        beside = [one.stem for one in (*own[max(0, place - 2) : place], *own[place + 1 : place + 3])]
        if word.is_number and beside and not any((word.stem, one) in near for one in beside):
            return False
    return True


def _names_stand(said: Words, passages: Sequence[Words], titles: Sequence[str]) -> bool:
    """Whether its names come in the same order, and most of its words stand beside its own names: those before them in
    the passage, or after them where none is before."""
    named = [word.stem for word in said if word.is_name]
    for one, other in pairwise(named):
        places = [[word.stem for word in words] for words in passages]
        orders = [order.index(one) <= order.index(other) for order in places if one in order and other in order]
        if orders and not any(orders):
            return False
    own = {*named, *(word.stem for title in titles for word in _words(title))}
    plain = [word.stem for word in said if word.is_plain]
    beside = [names for one in plain if (names := _beside(one, passages))]
    elsewhere = sum(own.isdisjoint(names) for names in beside)
    return not named or elsewhere <= ELSEWHERE * len(beside)


def _beside(stemmed: str, passages: Sequence[Words]) -> set[str]:
    """The names that a word stands beside in the passages; "" where there is none in one of them."""
    found = set()
    for words in passages:
        for place, word in enumerate(words):
            if word.stem == stemmed and not word.is_name:
                before = next((one.stem for one in reversed(words[:place]) if one.is_name), None)
                found.add(before or next((one.stem for one in words[place + 1 :] if one.is_name), ""))
    return found


def _denied(claim: str, said: Words, spans: Sequence[str], passages: Sequence[Words]) -> bool:
    """Whether the passage that has most of the sentence's words denies it, is denied by it, or has the opposite of one
    of its words in place of it."""
    own = {word.stem for word in said if word.counts}
    shares = [len(own & {word.stem for word in words}) / max(1, len(own)) for words in passages]
    best = max(range(len(shares)), key=lambda place: shares[place])
    if shares[best] < ONE:
        return False
    if len(_DENIAL.findall(claim)) % 2 != len(_DENIAL.findall(spans[best])) % 2:
        return True
    mine, theirs = {word.stem for word in said}, {word.stem for word in passages[best]}
    return any(
        len(pair & mine) == 1 and len(pair & theirs) == 1 and pair & mine != pair & theirs for pair in _OPPOSITES
    )
