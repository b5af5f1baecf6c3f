"""What can be used on a page in the browser: which roles can be typed into or chosen from, what leads further on, and
which controls are worth offering.

Pure. Called by browse.py and by the reasoners.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from research.engine.terms import terms
from research.engine.values import Action
from search_index.api import FIELDS, Control

MOST = 30  # controls of a page, that are offered
NAME = 80  # characters of a control's name, and of an option
OPTIONS = 20  # of a list, that are offered
CHOICES = frozenset({"combobox", "listbox", "radiogroup"})  # an option of it can be selected
_ONWARD = re.compile(r"\b(?:next|more|older|continue|show all)\b|[›»→]|^>+$", re.IGNORECASE)


def leads_on(control: Control) -> bool:
    """Whether it says that there is more: the next page of a list, or more of it."""
    return control.role in ("link", "button") and _ONWARD.search(control.name[:NAME]) is not None


def trial(action: Action, controls: Sequence[Control]) -> str:
    """What an action wants of a page, by the names on it, which stay the same from state to state as numbers do not."""
    control = next((one for one in controls if one.number == action.target), None)
    named = f"{control.role} {control.name}" if control and action.deed == "click" else ""
    return " ".join(f"{action.deed} {named} {action.query}".split())


def offered(about: str, controls: Sequence[Control]) -> list[Control]:
    """The controls that are worth using for what is asked, the most fitting words first, and so their options; a field,
    and what leads further on, count as much as three words."""
    wanted = set(terms(about))

    def words(text: str) -> int:
        return len(wanted & set(terms(text[:NAME])))

    def fit(one: Control) -> int:
        return words(one.name) + max(map(words, one.options), default=0) + 3 * (one.role in FIELDS or leads_on(one))

    best = sorted(controls, key=fit, reverse=True)[:MOST]
    return [replace(one, name=_cut(one.name), value=_cut(one.value), options=_best(one.options, words)) for one in best]


def _best(options: Sequence[str], fit: Callable[[str], int]) -> tuple[str, ...]:
    """The options that fit best, in the order of the list. One that would have to be cut could not be selected."""
    short = [one for one in options if len(one) <= NAME]
    best = sorted(range(len(short)), key=lambda place: -fit(short[place]))[:OPTIONS]
    return tuple(short[place] for place in sorted(best))


def _cut(text: str) -> str:
    return " ".join(text.split())[:NAME]
