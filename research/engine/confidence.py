"""Confidence: how likely a report's short answer is right, what it rests on, and how far a sentence can be trusted.

From the question, the answer and the evidence alone: no model is asked. The likelihood of an answer is a logistic
function of a few signs, fitted on answers of the extractive reasoner whose truth is known (LOG.md has the questions,
the fit and how reliable it is on others). With a model the signs are the same, but it is not calibrated there. What is
said of sentences is an estimate by rule. Pure. Called by loop.py, write.py and views/cited.py.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import astuple, dataclass
from math import exp

from research.engine.names import names, subject
from research.engine.terms import plain, terms
from research.engine.values import CheckedClaim, Evidence, addresses, is_page_of

SURE = -4.48  # of an answer for which nothing speaks, as the logarithm of the odds
LEAST = 0.10  # below which nothing is answered from what is about something else
LONGEST = 12  # words: an answer of more is a sentence that was found instead of one
SPOT = 5  # words of a place that has no name
WHOLE = 0.75  # of the question's words: a passage that has so many answers it by itself
STEPS = 3  # from page to page that are followed

MEASURED = "many|much|long|old|large|often|far|tall|high|big|deep|wide|heavy|fast|thick|hot|cold"  # "how ...": a number
DAYS = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|weekdays?|weekends?"
_OFFERS = re.compile(r"\bor\b", re.I)
_CHOICE = re.compile(
    r"^(?:which|who|whose|what|are|is|was|were|do|does|did)\b|,\s*(?:which|who)\b|\bwh(?:ich|o)\b[^,?]*,", re.I
)
# What a sentence answers rather than a name or a number: how close the best one is decides there, not its form.
_EXPLAINED = re.compile(
    rf"^(?:why|how(?! (?:{MEASURED})\b)|what happens"
    r"|what (?:does|do|did)\b.*\b(?:do|mean|represent|return|say|allow|require|change|cause)\b"
    r"|what (?:is|are) (?!(?:the|its|his|her|their)\b)(?:an? )?\S+(?: \S+)?\?$)",
    re.I | re.S,
)
_TIME = re.compile(
    rf"\d{{3}}|century|\bB\.?C|\b(?:{DAYS}|noon|midnight|dawn"
    r"|dusk|o['’]clock|spring|summer|autumn|winter|every|each)\b|\d ?[ap]\.?m\b|\d[:.]\d\d",
    re.I,
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million)\b", re.I
)


@dataclass(frozen=True)
class Signs:
    """What speaks for a short answer, 0..1 each."""

    form: float  # it is of the kind that the question asks for: a date, a number, a name, one of two
    offered: float  # it is yes or no, or one of what the question offers
    direct: float  # it stands on a page that the question names, or in a passage that has most words of the question
    linked: float  # it stands on a page that such a page leads to, name by name
    named: float  # the share of what the question names that the evidence has word for word
    pages: float  # how many pages the question names, of two
    long: float  # it is a sentence


# Fitted on half of the questions, see LOG.md; in the order of the signs.
WEIGHTS = Signs(form=1.30, offered=2.85, direct=1.01, linked=2.38, named=0.65, pages=0.53, long=-1.25)


# Of a sentence: how likely its evidence says it, by verdict or by who judged it, and how likely a source of a class is
# right in what it says. By hand: nobody has labelled enough sentences as true or false. Only their order is meant.
SAID = {"quoted": 1.0, "partly": 0.5, "model": 0.9, "checker": 0.85, "rules": 0.8, "": 0.8}
TRUE = {"primary": 0.9, "reference": 0.9, "news": 0.8, "": 0.7, "vendor": 0.6, "forum": 0.5, "user": 0.5}
MOST = 0.95  # that sources which agree can make it: they may all have it from one that is wrong


@dataclass(frozen=True)
class Basis:
    """What a short answer rests on: the numbers of the evidence that says it, and of what leads there."""

    said: tuple[int, ...]
    way: tuple[int, ...]

    @property
    def inferred(self) -> bool:
        """Whether it is concluded from several passages, or from what none of them says in these words."""
        return bool(self.way) or not self.said


def confidence(question: str, answer: str, known: Sequence[Evidence]) -> float:
    """The likelihood, 0..1, that the short answer is right; `known` is the evidence that the report cites."""
    found = zip(astuple(WEIGHTS), astuple(signs(question, answer, known)), strict=True)
    return 1 / (1 + exp(-SURE - sum(weight * sign for weight, sign in found)))


def is_estimated(question: str) -> bool:
    """Whether the likelihood of an answer says anything: not where something is to be explained, nor where the question
    has the address of a page, for which it was not fitted: such a question names nothing, as the page does it."""
    return not _is_explained(question) and not addresses(question)


def _is_explained(question: str) -> bool:
    return _EXPLAINED.match(question.strip()) is not None


def withheld(question: str, answer: str, known: Sequence[Evidence]) -> bool:
    """Whether to say "not found" is more honest than this answer: little speaks for it, and it is not even of the kind
    that was asked for, or no page is about anything that the question names; or it was chosen, yes or no or one of what
    the question offers, though not all that the question names occurs in the evidence, and no page is about any of it.
    Not to be said of what is to be explained."""
    if not answer or _is_explained(question):
        return False
    found = signs(question, answer, known)
    if found.offered and not found.pages and not _all_found(question, known):
        return True
    if confidence(question, answer, known) >= LEAST:
        return False
    asked = [plain(name) for name in names(question) if terms(name)]
    given = addresses(question)
    about = any(f" {name} " in f" {plain(one.title)} " for name in asked for one in known)
    about = about or any(is_page_of(one.url, given) for one in known)
    return not fits(question, answer) or (bool(asked) and not about)


def of_claim(claim: CheckedClaim, classes: Collection[str], against: int) -> float | None:
    """How likely a sentence of a report is true, 0..1; None where it states nothing, or was struck.

    It is true where its evidence says it, and what that says is true. A quotation is certain to be said, which makes it
    no truer than its source: so a quotation of a forum has less than a supported sentence with three references.
    `classes` are those of the pages it cites, `against` the number of independent sources that say otherwise.
    Not calibrated.
    """
    if claim.is_struck or claim.verdict == "uncheckable":
        return None
    sources = max(1, claim.independent)
    true = min(MOST, 1 - (1 - max((TRUE.get(one, TRUE[""]) for one in classes), default=TRUE[""])) ** sources)
    said = SAID.get(claim.verdict, SAID.get(claim.judge, SAID[""]))
    return round(said * true * sources / (sources + against), 3)


def signs(question: str, answer: str, known: Sequence[Evidence]) -> Signs:
    """What speaks for the answer."""
    asked = [plain(name) for name in names(question) if terms(name)]
    texts = [_text(one) for one in known]
    steps = _steps(question, known)
    by_words = _is_closed(answer) or _is_offered(question, answer)
    has = [] if _is_closed(answer) else _saying(answer, known)
    least = min((steps.get(one.snapshot, STEPS + 1) for one in has), default=STEPS + 1)
    direct = least == 0 or any(_answers_alone(question, one) for one in has)
    return Signs(
        form=float(fits(question, answer)),
        offered=float(by_words),
        direct=float(direct),
        linked=float(not direct and least <= STEPS),
        named=sum(any(f" {name} " in text for text in texts) for name in asked) / len(asked) if asked else 0.5,
        pages=min(2, sum(step == 0 for step in steps.values())) / 2,
        long=float(len(answer.split()) > LONGEST),
    )


def basis(question: str, answer: str, known: Sequence[Evidence]) -> Basis:
    """What of the evidence an answer rests on. Where no passage says it in these words (yes, no, the older of two), or
    it stands on a page that only another one leads to, the pages that the question names are the way to it."""
    steps = _steps(question, known)
    start = tuple(one.number for one in known if steps.get(one.snapshot) == 0)
    if _is_closed(answer) or _is_offered(question, answer):
        return Basis((), start)
    said = _saying(answer, known)
    alone = [one for one in said if steps.get(one.snapshot) == 0 or _answers_alone(question, one)]
    if alone:
        return Basis(tuple(one.number for one in alone), ())
    numbers = tuple(one.number for one in said)
    return Basis(numbers, tuple(number for number in start if number not in numbers))


def fits(question: str, answer: str) -> bool:
    """Whether an answer has the form that the question asks for, as far as its words tell."""
    if _OFFERS.search(question) and _CHOICE.search(question):
        return _is_offered(question, answer) or _is_closed(answer)
    has = next((has for asks, has in _FORMS if asks.search(question)), None)
    return bool(plain(answer)) and (has is None or has(question, answer))


def _is_news(question: str, answer: str) -> bool:
    """A name, an address or a path that the question does not have."""
    known = set(terms(answer)) <= set(terms(question))
    return not known and bool(re.search(r"[A-Z/_]", answer)) and not re.search(r"\d", answer)


def _is_spot(question: str, answer: str) -> bool:
    """A place in a few plain words: "the old fish quay"."""
    return not set(terms(answer)) <= set(terms(question)) and len(answer.split()) <= SPOT


# What a question asks for, by its words, and what an answer of that form has.
_FORMS: tuple[tuple[re.Pattern[str], Callable[[str, str], bool]], ...] = (
    (
        re.compile(r"^(?:are|is|were|was|do|does|did|have|has|had|can|could)\b", re.I),
        lambda _question, answer: _is_closed(answer) or len(answer.split()) > LONGEST,
    ),
    (
        re.compile(
            r"(?:^|[,;] ?|\band )when\b|\b(?:(?:what|which) (?:year|date|day|century|decade)|(?:date|year) of)\b", re.I
        ),
        lambda _question, answer: bool(_TIME.search(answer)),
    ),
    (
        re.compile(
            rf"\b(?:how (?:{MEASURED})|population|what (?:number|percentage))\b",
            re.I,
        ),
        lambda _question, answer: bool(_NUMBER.search(answer)),
    ),
    (re.compile(r"^where\b", re.I), lambda question, answer: _is_news(question, answer) or _is_spot(question, answer)),
    (re.compile(r"\b(?:who|whom|whose|where|place|country|nationality|city|award)\b", re.I), _is_news),
)


def _is_closed(answer: str) -> bool:
    return plain(answer).split()[:1] in (["yes"], ["no"])


def _is_offered(question: str, answer: str) -> bool:
    return bool(_OFFERS.search(question)) and bool(terms(answer)) and set(terms(answer)) <= set(terms(question))


def _saying(answer: str, known: Sequence[Evidence]) -> list[Evidence]:
    said = plain(answer)
    return [one for one in known if said and f" {said} " in _text(one)]


def _answers_alone(question: str, one: Evidence) -> bool:
    wanted = set(terms(question))
    return len(wanted.intersection(terms(f"{one.title} {one.quote}"))) >= WHOLE * len(wanted) > 0


def _steps(question: str, known: Sequence[Evidence]) -> dict[int, int]:
    """How many steps lead from a page that the question names, or has the address of, to each page, by its snapshot:
    one where the evidence of the page before names it. Pages that no step leads to are left out."""
    asked, given = set(terms(question)), addresses(question)
    pages: dict[int, str] = {}
    titles: dict[int, str] = {}
    for one in known:
        titles[one.snapshot] = subject(one.title)
        pages[one.snapshot] = pages.get(one.snapshot, " ") + plain(one.quote) + " "
    found = {page: 0 for page, title in titles.items() if terms(title) and asked.issuperset(terms(title))}
    found |= {one.snapshot: 0 for one in known if is_page_of(one.url, given)}
    for step in range(1, STEPS + 1):
        before = [pages[page] for page, at in found.items() if at == step - 1]
        for page, title in titles.items():
            if page not in found and terms(title) and any(f" {plain(title)} " in text for text in before):
                found[page] = step
    return found


def _all_found(question: str, known: Sequence[Evidence]) -> bool:
    """Whether the evidence has all that the question names; of "Verdi and Thomas" also each by itself."""
    texts = [_text(one) for one in known]

    def has(name: str) -> bool:
        return any(f" {plain(name)} " in text for text in texts)

    return all(has(name) or (" and " in name and all(map(has, name.split(" and ")))) for name in names(question))


def _text(one: Evidence) -> str:
    return f" {plain(f'{one.title}. {one.quote}')} "
