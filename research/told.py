"""What a step did, in a line for people. Pure; reads no rows. Called by views/picture.py, views/replay.py and
manage.py research."""

from collections.abc import Callable, Sized
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from research.models import Run

Result = dict[str, Any]


def told(kind: str, result: Result, error: str = "") -> str:
    """The line. A step that failed says why; one of a kind that is not known here says its name."""
    if error:
        return _("A step failed: %s") % error
    say = _STEPS.get(kind)
    return say(result) if say else kind


def _effort(result: Result) -> str:
    return str(Run.Effort(result["effort"]).label).lower()


def _hits(hits: Sized) -> str:
    return ngettext("%d hit", "%d hits", len(hits)) % len(hits)


def _passages(passages: Sized) -> str:
    return ngettext("%d passage", "%d passages", len(passages)) % len(passages)


def _addresses(addresses: Sized) -> str:
    return ngettext("%d address", "%d addresses", len(addresses)) % len(addresses)


def _planned(result: Result) -> str:
    n = len(result.get("gaps", []))
    return ngettext("Planned %d sub-question", "Planned %d sub-questions", n) % n


def _revised(result: Result) -> str:
    n = len(result.get("gaps", []))
    if not n:
        return _("Revised the plan: nothing to add")
    return ngettext("Revised the plan: %d sub-question more", "Revised the plan: %d sub-questions more", n) % n


def _acted(result: Result) -> str:
    if result.get("refused"):
        return _("Held back: %s") % str(result["refused"])
    say = _ACTS.get(result["kind"])
    return say(result) if say else str(result["kind"])


def _opened(result: Result) -> str:
    if nothing := result.get("nothing"):
        return _("Opened %(page)s, which shows next to nothing: %(why)s") % {"page": result["url"], "why": nothing}
    return _("Opened %s") % str(result["title"] or result["url"])


def _browsed(result: Result) -> str:
    if result["refused"]:
        return _("Left alone on %(page)s: %(why)s") % {"page": result["address"], "why": result["refused"]}
    if not result["did"]:
        return _("Opened in the browser: %s") % str(result["title"] or result["address"])
    return _("On %(page)s: %(did)s") % {"page": result["title"] or result["address"], "did": result["did"]}


def _noted(result: Result) -> str:
    n = len(result.get("evidence", []))
    if not n:
        return _("Read it, and kept nothing")
    return ngettext("Kept %d piece of evidence", "Kept %d pieces of evidence", n) % n


def _chose(result: Result) -> str:
    n = len(result.get("outcomes", []))
    if not n:
        return str(result.get("outcome") or _("None of the attempts has an answer"))
    said = {"n": n, "outcome": result["outcome"]}
    return ngettext("%(n)d attempt has an answer: %(outcome)s", "%(n)d attempts have an answer: %(outcome)s", n) % said


def _supported(result: Result) -> str:
    n = len(result.get("evidence", []))
    if not n:
        return _("Searched for a sentence once more, and found nothing")
    return ngettext("Found %d piece of evidence for a sentence", "Found %d pieces of evidence for a sentence", n) % n


def _listed(result: Result) -> str:
    n = len(set(result["names"]))
    said = {"n": n, "query": result["query"]}
    return ngettext("Looked through “%(query)s”: %(n)d named", "Looked through “%(query)s”: %(n)d named", n) % said


def _sifted(result: Result) -> str:
    n = len(result.get("aside", []))
    if not n:
        return _("Sifted the evidence: all of it stays")
    return ngettext("Sifted the evidence: %d piece set aside", "Sifted the evidence: %d pieces set aside", n) % n


def _contrasted(result: Result) -> str:
    n = len(result["disagreements"])
    if not n:
        return _("Held the sources against each other: none disagree")
    return ngettext("Sources disagree on %d point", "Sources disagree on %d points", n) % n


def _outlined(result: Result) -> str:
    n = len(result["sections"])
    return ngettext("Outlined %d section", "Outlined %d sections", n) % n


def _reworded(wish: Result) -> str:
    if wish.get("criterion"):
        return _("You reworded sub-question %(gap)d: %(text)s Done when: %(criterion)s") % wish
    return _("You reworded sub-question %(gap)d: %(text)s") % wish


def _wished(result: Result) -> str:
    say = _WISHES.get(result["wish"])
    return say({"gap": 0, "text": "", **result}) if say else str(result["wish"])


_STEPS: dict[str, Callable[[Result], str]] = {
    "plan": _planned,
    "calibrate": lambda made: _("Chose the effort %(effort)s. %(why)s") % {**made, "effort": _effort(made)},
    "revise": _revised,
    "act": _acted,
    "search": lambda made: _("Searched “%(query)s”: %(hits)s") % {**made, "hits": _hits(made["hits"])},
    "more": lambda made: _("Looked further in %(of)s: %(hits)s") % {**made, "hits": _hits(made["hits"])},
    "open": _opened,
    "browse": _browsed,
    "picture": lambda made: _("Took a picture of what E%d cites") % made["evidence"],
    "web": lambda made: (
        _("Asked the web for “%(query)s”: %(addresses)s") % {**made, "addresses": _addresses(made["addresses"])}
    ),
    "find": lambda made: (
        _("Looked for “%(words)s” in %(page)s: %(passages)s")
        % {**made, "page": made["title"] or made["url"], "passages": _passages(made["passages"])}
    ),
    "note": _noted,
    "compute": lambda made: _("Computed %s") % str(made["text"]),
    "choose": _chose,
    "pick": lambda made: _("Compared what there was to choose from"),
    "shape": lambda made: _("Compares each %(item)s by: %(columns)s") % {**made, "columns": ", ".join(made["columns"])},
    "list": _listed,
    "cell": lambda made: _("%(column)s of %(item)s: %(value)s") % {**made, "value": made["value"] or made["why"]},
    "sift": _sifted,
    "confirm": lambda made: _("Looked at %d pairs of sentences that may disagree") % made["asked"],
    "contrast": _contrasted,
    "outline": _outlined,
    "draft": lambda made: _("Wrote: %s") % str(made["section"]),
    "redraft": lambda made: _("Wrote once more: %s") % str(made["section"]),
    "check": lambda made: _("Checked: %s") % str(made["section"]),
    "judge": lambda made: _("Judged a sentence: %s") % str(made.get("verdict", "")),
    "support": _supported,
    "rewrite": lambda made: _("Rewrote a sentence that its passages do not support"),
    "answer": lambda made: _("Answered in a few words: %s") % str(made["answer"] or _("nothing that stands")),
    "report": lambda made: _("Delivered version %d of the report") % made.get("version", 1),
    "end": lambda made: _("Ended: %s") % str(Run.State(made["state"]).label),
    "wish": _wished,
}
_ACTS: dict[str, Callable[[Result], str]] = {
    "search": lambda act: _("Decided to search “%s”") % str(act.get("query", "")),
    "open": lambda act: _("Decided to open %s") % str(act.get("url", "")),
    "find": lambda act: _("Decided to look for “%s” in the page") % str(act.get("query", "")),
    "more": lambda act: _("Decided to look further"),
    "act": lambda act: _("Decided to use %s in the browser") % str(act.get("url", "")),
    "compute": lambda act: _("Decided to compute %s") % str(act.get("query", "")),
    "answer": lambda act: _("Answered: %s") % str(act.get("outcome", "")),
    "give_up": lambda act: _("Given up: %s") % str(act.get("outcome", "")),
}
_WISHES: dict[str, Callable[[Result], str]] = {
    "approve": lambda wish: _("You started the hunt"),
    "continue": lambda wish: _("You let it go on with effort %s") % _effort(wish),
    "retry": lambda wish: _("You had a failed step tried again"),
    "add": lambda wish: _("You added sub-question %(gap)d: %(text)s") % wish,
    "drop": lambda wish: _("You dropped sub-question %(gap)d") % wish,
    "reopen": lambda wish: _("You put sub-question %(gap)d back") % wish,
    "reword": _reworded,
    "order": lambda wish: _("You put the plan into another order"),
    "remark": lambda wish: _("You said: %(text)s") % wish,
}
