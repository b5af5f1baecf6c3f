"""What can be used on a page in the browser: which roles can be typed into or chosen from, what leads further on, and
which controls are worth offering.

Pure. Called by browse.py and by the reasoners.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from research.engine.terms import terms
from research.engine.values import Action
from search_index.api import FIELDS, Control

MOST = 30  # controls of a page, that are offered
NAME = 80  # characters of a control's name
CHOICES = frozenset({"combobox", "listbox", "radiogroup"})  # an option of it can be selected
KEYS = (
    "Enter",
    "Escape",
    "Tab",
    "ArrowDown",
    "ArrowUp",
    "ArrowLeft",
    "ArrowRight",
    "PageDown",
    "PageUp",
    "Home",
    "End",
)
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
    """The controls that are worth using for what is asked, the most fitting words first; a field, and what leads
    further on, count as much as three words."""
    wanted = set(terms(about))

    def fit(one: Control) -> int:
        return len(wanted & set(terms(one.name[:NAME]))) + 3 * (one.role in FIELDS or leads_on(one))

    best = sorted(controls, key=fit, reverse=True)[:MOST]
    return [replace(one, name=_cut(one.name), value=_cut(one.value)) for one in best]


def _cut(text: str) -> str:
    return " ".join(text.split())[:NAME]
