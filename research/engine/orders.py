"""What of a page's text gives orders that a step of ours could carry out, or asks: kept like any other sentence, quoted
to the person with a caution, and shown to no step that plans, writes or judges.

The reader is the one step that sees pages. It has no tools and returns numbers of sentences, so an instruction on a
page can do no more than have itself picked: as evidence it would then stand in the prompts of planner and writer. What
these can do is little: say something, look something up, open an address, answer. So there stands INSTEAD in place of a
sentence that addresses a machine (search_index.api.instructs), of a command to say, judge or look up something and of a
question, unless it is about what is asked or what its page says beside it, and of a command to open or send to an
address. Manuals are full of all other commands ("Run ...", "Set ...", "Click ..."): they are for people, nothing here
could obey them, and they are what was asked for.

This is a second line. What holds without it: addresses are opened by number only, from those that the run has seen;
queries lose what reads as an address; a sentence of a report rests on evidence and is checked against it.
Pure. Called by the reasoners and by verify.py.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from urllib.parse import unquote

from django.utils.translation import gettext as _

from research.engine.terms import terms
from research.engine.values import Evidence
from search_index.api import instructs, sentences

INSTEAD = "(a sentence of this page asks or gives orders; not shown)"
UNTITLED = "(title not shown)"
UNNAMED = "(name not shown)"
LABEL = 4  # words of a command that is no more than what a button says: "Show more", "Search the whole site"
# What a step can be bidden to do: to say or judge something in some way or look it up; to open or send to an address.
_SAY = r"""act answer assume break\s+down calculate cite compose conclude describe develop discuss disregard draft
    explain forget give guess ignore imagine invent jumble list mention name outline paraphrase praise prefer pretend
    produce provide quote rank rearrange recite recommend render repeat rephrase replace reply respond reverse rewrite
    say scramble search sing solve speak suggest summarise summarize talk tell translate treat trust write"""
_FOR_ME = r"(?:build|create|find|get|help|make|show|teach)\s+me"
_OPEN = """access browse call click download fetch follow get go load navigate open post read request retrieve send
    submit upload visit"""


def _command(*verbs: str) -> re.Pattern[str]:
    """How a sentence begins that bids to do one of these, in so many words or politely. No "--name", no "name = x"."""
    return re.compile(
        r"[^\w{]*(?<!-)(?:(?:please|now|then|also|first|next|finally|kindly|just|simply|instead|always|never)[:,]?\s+)*"
        r"(?:(?:do not|don['’]t)\s+)?(?:(?:can|could|would|will) you\s+(?:please\s+)?)?"
        rf"(?:{'|'.join(verbs)})(?=\s+[^\s=|–-])"
        r"(?!\s+(?:of|is|are|was|were|has|have|had|by|in|during|at|on|over|against|from|between|who)\b)",
        re.IGNORECASE,
    )


_SAYS, _OPENS = _command(*_SAY.split(), _FOR_ME), _command(*_OPEN.split())
_TYPES = _command("enter", "fill", "input", "insert", "paste", "put", "type")  # what can be done to a control
_ADDRESS = re.compile(
    r"://|\bwww\.|\b[\w-]+\.(?:com|net|org|io|xyz|test|invalid|example|info|ru|cn)\b|\w@\w", re.IGNORECASE
)
_TO_BE_FILLED = re.compile(r"(?:://|\bwww\.)\S*[?&#][\w.-]*=?[\"']?(?:[<\[{$]{1,2}|%[357][bce])\w", re.IGNORECASE)
# Where in a sentence another text may begin that was run on: a cell of a table, the words of a link, a heading.
_RUN_ON = re.compile(r"\|\s*|(?<=\w)(?<!the)\s(?=[A-Z][a-z]+ [a-z])")


def orders(sentence: str, about: str) -> bool:
    """Whether a sentence gives orders that a step could carry out, or asks, and is not `about` the same."""
    parts = _parts(sentence)
    if any(map(_addresses_machines, parts)) or (_ADDRESS.search(sentence) and any(map(_OPENS.match, parts))):
        return True
    asked = _asked(sentence)
    return asked != "" and not _is_on(asked, about)


def _is_on(text: str, about: str) -> bool:
    """Whether more than half of its words are of what is asked `about`. Where half of them was enough, 11 of 6,480
    orders planted in manuals passed for the manual's own; so, 1."""
    own = set(terms(text))
    return 2 * len(own & set(terms(about))) > len(own)


def _addresses_machines(text: str) -> bool:
    """Whether it is meant for whoever reads by machine: it says so, or has an address in which to fill something in,
    as http://e.org/?d=<the question>."""
    return instructs(text) or _TO_BE_FILLED.search(text) is not None


def _asked(sentence: str) -> str:
    """What of a sentence asks, or bids to say something; empty where nothing does."""
    if sentence.rstrip(" \"'”’)").endswith("?"):
        return sentence
    return next((part for part in _parts(sentence) if _SAYS.match(part)), "")


def _parts(sentence: str) -> list[str]:
    """The sentence, and it from each place on where another text may begin."""
    return [sentence, *(sentence[place.end() :] for place in _RUN_ON.finditer(sentence))]


def shown(known: Sequence[Evidence], about: str) -> list[Evidence]:
    """Evidence as planner, writer and judge see it: with INSTEAD in place of each sentence that gives orders."""
    return [_seen(one, about, INSTEAD) for one in known]


def stated(known: Sequence[Evidence], about: str) -> list[Evidence]:
    """The evidence that states something, without its sentences that give orders."""
    plain = [_seen(one, about, "") for one in known]
    return [one for one in plain if one.quote]


def plain(text: str, about: str) -> str:
    """A text made of what pages say, without its sentences that give orders."""
    return _without(text, about, "")


@lru_cache(maxsize=10_000)  # the same titles and quotations are shown at every turn
def titled(title: str, about: str) -> str:
    """A page's title, unless it gives orders."""
    is_sentence = title.rstrip(" \"'”’)").endswith((".", "?", "!")) and len(title.split()) > 3  # not "Let It Be"
    is_sentence = is_sentence or _ADDRESS.search(title) is not None
    gives_orders = instructs(title) or "://" in title or (is_sentence and orders(title, about))
    return UNTITLED if gives_orders else title


def named(name: str, about: str) -> str:
    """The name of something on a page that can be clicked or filled in, unless it gives orders: buttons are named by
    commands, but by short ones, or by such as have to do with what is asked."""
    bids = len(name.split()) > LABEL and any(_OPENS.match(part) or _TYPES.match(part) for part in _parts(name))
    gives_orders = len(name.split()) > LABEL and orders(name, about)
    if titled(name, about) == UNTITLED or gives_orders or (bids and not _is_on(name, about)):
        return UNNAMED
    return name


def is_plain(address: str) -> bool:
    """Whether an address may be offered: its words, which whoever wrote the page chose, give no orders."""
    return not instructs(re.sub(r"[-_/+?=&.%]+", " ", unquote(address).partition("://")[2]))


def caution(known: Sequence[Evidence], about: str) -> str:
    """What a person has to know of a sentence that rests on this evidence; empty where there is nothing."""
    texts = [one.quote[start:end] for one in known for start, end in [(0, None), *sentences(one.quote)]]
    if any(map(_addresses_machines, texts)):
        return _("The quoted page gives instructions to whoever reads it by machine. They were not followed.")
    masked = any(_seen(one, about, INSTEAD).quote != one.quote for one in known)
    return _("A part of it reads like a command or a question.") if masked else ""


def _seen(one: Evidence, about: str, instead: str) -> Evidence:
    title = titled(one.title, about)
    return replace(one, quote=_without(one.quote, f"{about} {title}", instead), title=title)


@lru_cache(maxsize=10_000)
def _without(text: str, about: str, instead: str) -> str:
    """The text with `instead` in place of what gives orders; as it is, where nothing does. What it says beside a
    command or question is a part of what it is about."""
    said = [text[start:end] for start, end in sentences(text)]
    about = " ".join([about, *(one for one in said if not _asked(one))])
    masked = [orders(one, about) for one in said]
    if not any(masked):
        return instead if instructs(text) else text  # over the ends of sentences
    parts: list[str] = []
    for one, gives_orders in zip(said, masked, strict=True):
        part = instead if gives_orders else one
        if part and parts[-1:] != [INSTEAD if gives_orders else None]:
            parts.append(part)
    return " ".join(parts)
