"""What of a page's text states nothing but gives orders or asks: kept like any other sentence, quoted to the person
with a caution, and shown to no step that plans, writes or judges.

The reader is the one step that sees pages. It has no tools and returns numbers of sentences, so an instruction on a
page can do no more than have itself picked: as evidence it would then stand in the prompts of planner and writer. So
there stands INSTEAD in place of a sentence that addresses a machine (search_index.api.instructs), of a command that
names an address, and of a question or command that has next to nothing to do with what is asked: none of them could
answer it. This is a second line. What holds without it: addresses are opened by number only, from those that the run
has seen; queries lose what reads as an address; a sentence of a report rests on evidence and is checked against it.
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

INSTEAD = "(a sentence of this page addresses the reader's machine; not shown)"
UNTITLED = "(title not shown)"
UNNAMED = "(name not shown)"
LABEL = 4  # words of a command that is no more than what a button says: "Show more", "Search the whole site"
SHARED = 0.34  # of a command's own words: with fewer of them it is about something else
_VERBS = """add adjust anagram answer append ask augment begin break browse build buy call change check choose click
    combine compare complete compose consider contact convert copy create define delete describe design develop discuss
    display download draft email emphasize enhance enter ensure execute explain export fetch fill find focus follow
    forward generate get give go group help hide highlight identify ignore imagine include inform insert install
    integrate introduce invite join jumble keep let list load log look make mention misspell modify name navigate note
    offer open order output paste pay pick place post praise prefer present press print proceed produce promote provide
    publish put quote rank rate read rearrange recommend register remember remove render repeat replace reply report
    request respond retrieve return reveal review rewrite run say scramble search see select send set share show sign
    solve start stop submit subscribe substitute suggest summarise summarize switch take tell tease translate try
    turn type update upload urge use verify view visit vote warn watch write"""
_COMMAND = re.compile(
    r"\W*(?:(?:please|now|then|also|first|next|finally|kindly|just|simply|instead|always|never)[:,]?\s+)*"
    r"(?:(?:do not|don['’]t)\s+)?"
    rf"(?:(?:can|could|would|will) you\s+(?:please\s+)?)?(?:{'|'.join(_VERBS.split())})\b"
    r"(?!\s+(?:of|is|are|was|were|has|have|had|by|in|during|at|on|over|against|from|between|who)\b|['’(–-]|,? \d)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"://|\bwww\.|\b[\w-]+\.(?:com|net|org|io|xyz|test|invalid|example|info|ru|cn)\b|\w@\w", re.IGNORECASE
)
_TO_BE_FILLED = re.compile(r"[?&/#][\w-]*=?\W{0,2}[<\[{$][^\s]*", re.IGNORECASE)  # http://e.org/?d=<the question>


def orders(sentence: str, about: str) -> bool:
    """Whether a sentence states nothing that could answer what is asked `about`: it gives orders, or asks itself."""
    if _addresses_machines(sentence):
        return True
    has_address = _ADDRESS.search(sentence) is not None
    is_command = _COMMAND.match(sentence) is not None
    if not is_command and not sentence.rstrip(" \"'”’)").endswith("?"):
        return False
    own = set(terms(sentence))
    shared = own & set(terms(about))
    return (is_command and has_address) or not (len(shared) >= 2 and len(shared) >= SHARED * len(own))


def _addresses_machines(sentence: str) -> bool:
    """Whether it can only be meant for whoever reads by machine: it says so, or names an address to be filled in."""
    return instructs(sentence) or bool(_ADDRESS.search(sentence) and _TO_BE_FILLED.search(sentence))


def shown(known: Sequence[Evidence], about: str) -> list[Evidence]:
    """Evidence as planner, writer and judge see it: with INSTEAD in place of each sentence that gives orders."""
    return [replace(one, quote=_without(one.quote, about, INSTEAD), title=titled(one.title)) for one in known]


def stated(known: Sequence[Evidence], about: str) -> list[Evidence]:
    """The evidence that states something, without its sentences that give orders."""
    plain = [replace(one, quote=_without(one.quote, about, ""), title=titled(one.title)) for one in known]
    return [one for one in plain if one.quote]


def plain(text: str, about: str) -> str:
    """A text made of what pages say, without its sentences that give orders."""
    return _without(text, about, "")


def titled(title: str) -> str:
    """A page's title, unless it gives orders."""
    is_sentence = title.rstrip(" \"'”’)").endswith((".", "?", "!")) and len(title.split()) > 3  # not "Let It Be"
    is_sentence = is_sentence or _ADDRESS.search(title) is not None
    gives_orders = instructs(title) or "://" in title or (is_sentence and orders(title, ""))
    return UNTITLED if gives_orders else title


def named(name: str, about: str) -> str:
    """The name of something on a page that can be clicked or filled in, unless it gives orders: buttons are named by
    commands, but by short ones, or by such as have to do with what is asked."""
    gives_orders = titled(name) == UNTITLED or (len(name.split()) > LABEL and orders(name, about))
    return UNNAMED if gives_orders else name


def is_plain(address: str) -> bool:
    """Whether an address may be offered: its words, which whoever wrote the page chose, give no orders."""
    return not instructs(re.sub(r"[-_/+?=&.%]+", " ", unquote(address).partition("://")[2]))


def caution(quotes: Sequence[str], about: str) -> str:
    """What a person has to know of a sentence that rests on these quotations; empty where there is nothing. Manuals are
    full of commands to their readers, so a command or a question alone is called no more than that."""
    masked = [quote for quote in quotes if _without(quote, about, INSTEAD) != quote]
    if any(_addresses_machines(quote[start:end]) for quote in masked for start, end in sentences(quote)) or any(
        map(instructs, masked)
    ):
        return _("The quoted page gives instructions to whoever reads it by machine. They were not followed.")
    return _("A part of it reads like a command or a question.") if masked else ""


@lru_cache(maxsize=10_000)  # the same quotations are shown at every turn
def _without(text: str, about: str, instead: str) -> str:
    """The text with `instead` in place of what gives orders; as it is, where nothing does."""
    parts: list[str] = []
    found = False
    for start, end in sentences(text):
        gives_orders = orders(text[start:end], about)
        found = found or gives_orders
        part = instead if gives_orders else text[start:end]
        if part and parts[-1:] != [INSTEAD if gives_orders else None]:
            parts.append(part)
    if not found and instructs(text):  # over the ends of sentences
        return instead
    return " ".join(parts) if found else text
