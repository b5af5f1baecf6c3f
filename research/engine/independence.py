"""Independent sources: which of a run's evidence comes from one mouth, how many sources say a sentence, and what a
reader has to know of them.

Pages of one registrable host are one source, and so are copies of one text wherever they stand; files and datasets,
which have no host, count by the source that they were added as. Pure. Called by disagree.py and loop.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from django.utils.translation import gettext as _
from tld import get_fld

from research.engine.agreement import compare, same_words
from research.engine.stated import Statement, stated
from research.engine.values import CheckedClaim, Evidence
from search_index import api

# Who is believed where as many sources say one thing as another.
RANK = {"primary": 3, "reference": 3, "news": 2, "": 1, "vendor": 0, "forum": -1, "user": -1}
SHORT = 20  # words: shorter texts may be the same by chance


@dataclass(frozen=True)
class Origin:
    """Where a piece of evidence stands: what its exhibit says of the page, and the page's text."""

    snapshot: int
    host: str
    source: str
    cluster: int | None
    source_class: str
    author: str
    text: str


@lru_cache(maxsize=10_000)
def registrable(host: str) -> str:
    """The part of a host that somebody has registered: "news.bbc.co.uk" is "bbc.co.uk", "ann.github.io" itself. A host
    that is under no public suffix (an address, an intranet's) stays whole."""
    bare = host.lower().partition(":")[0].removeprefix("www.")
    return get_fld(bare, fix_protocol=True, fail_silently=True, search_private=True) or bare


def independent(
    known: Sequence[Evidence], origins: Mapping[int, Origin], apart: Iterable[tuple[int, int]] = ()
) -> dict[int, int]:
    """For the number of each piece of evidence the number of its source: that of the first piece which the source has.

    `origins` are by snapshot; `apart` are pairs of snapshots that say different things, and so are no copies of each
    other however alike their texts are.
    """
    of: dict[int, int] = {snapshot: snapshot for snapshot in origins}

    def top(snapshot: int) -> int:
        while of[snapshot] != snapshot:
            snapshot = of[snapshot]
        return snapshot

    different = {frozenset(pair) for pair in apart}
    pages = list(origins.values())
    quotes: dict[int, list[str]] = {}
    for one in known:
        quotes.setdefault(one.snapshot, []).append(one.quote)
    for place, page in enumerate(pages):
        for other in pages[:place]:
            if top(page.snapshot) == top(other.snapshot):
                continue
            may_be_copies = frozenset((page.snapshot, other.snapshot)) not in different
            if _one_owner(page, other) or (may_be_copies and _copied(page, other, quotes)):  # texts take the longest
                of[top(page.snapshot)] = top(other.snapshot)
    first: dict[int, int] = {}
    for one in sorted(known, key=lambda one: one.number):
        first.setdefault(top(one.snapshot), one.number)
    return {one.number: first[top(one.snapshot)] for one in known}


def _one_owner(one: Origin, other: Origin) -> bool:
    if one.host or other.host:
        return registrable(one.host) == registrable(other.host)
    return one.source == other.source


def _copied(one: Origin, other: Origin, quotes: Mapping[int, Sequence[str]]) -> bool:
    if one.cluster is not None and one.cluster == other.cluster:
        return True
    said = [(one.text, other.text)]
    said += [(a, b) for a in quotes.get(one.snapshot, ()) for b in quotes.get(other.snapshot, ())]
    return any(min(len(a.split()), len(b.split())) >= SHORT and api.same_text(a, b) for a, b in said)


def supported_by(text: str, cited: Sequence[int], statements: Mapping[int, Sequence[Statement]]) -> list[int]:
    """The numbers of the evidence that says a sentence: what it cites, and what says the same thing or number of it.
    What disagrees with it is not among them."""
    claim = stated(text)
    found = list(dict.fromkeys(cited))
    for number, said in statements.items():
        if number not in found and any(_agree(claim, one) for one in said):
            found.append(number)
    return found


def _agree(claim: Statement, said: Statement) -> bool:
    points = compare(claim, said)
    if any(point.verdict == "disagree" for point in points):
        return False
    return any(point.verdict == "agree" for point in points) or (same_words(claim, said) and not points)


def weighed(
    claim: CheckedClaim,
    *,
    sources: Mapping[int, int],
    origins: Mapping[int, Mapping[str, str]],
    statements: Mapping[int, Sequence[Statement]],
    outvoted: frozenset[int],
) -> CheckedClaim:
    """The claim with the number of independent sources that say it, and what a reader has to know of them. `origins`
    has the host, class and author of the page of each piece of evidence."""
    if claim.is_struck:
        return claim
    says = supported_by(claim.text, claim.evidence, statements)
    count = len({sources[number] for number in says if number in sources})
    cautions = [claim.caution]
    if claim.evidence and outvoted.issuperset(claim.evidence):
        cautions.append(_("More or better sources say otherwise: see where sources disagree."))
    elif count == 1:
        cautions.append(_alone([origins[number] for number in says if number in origins]))
    return replace(claim, independent=count, caution=" ".join(one for one in cautions if one))


def _alone(pages: Sequence[Mapping[str, str]]) -> str:
    """What has to be known of the one source that says it; empty where nothing has."""
    classes = {page["class"] for page in pages}
    said = {
        "vendor": _("One vendor alone says so."),
        "forum": _("One forum alone says so."),
        "user": _("One page that a user wrote alone says so."),
    }
    if len(classes) == 1 and (known := said.get(next(iter(classes)))):
        return known
    if all(page["host"] and not page["author"] and not page["class"] for page in pages):
        return _("One page alone says so, and it does not say who wrote it.")
    return ""
