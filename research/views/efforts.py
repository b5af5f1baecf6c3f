"""The efforts in words: what each may spend. Called by views/ask.py (to choose one) and views/picture.py (to go on)."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from research.engine.budget import BUDGETS, Budget, budget
from research.models import Run


@dataclass(frozen=True)
class EffortShown:
    """An effort with what it may spend, in words."""

    value: str
    label: str
    spends: str


def efforts(limits: Mapping[str, int], *, has_model: bool) -> list[EffortShown]:
    """Every effort with what it may spend within a person's own `limits`."""
    auto = _("looks at the question and at a first search, then takes one of these")
    return [
        EffortShown("auto", str(Run.Effort.AUTO.label), auto),
        *(
            EffortShown(value, str(Run.Effort(value).label), spends(budget(value, limits), has_model=has_model))
            for value in BUDGETS
        ),
    ]


def spends(most: Budget, *, has_model: bool) -> str:
    """What a budget allows: pages, minutes, rounds and, where a model spends them, tokens."""
    n = {
        "rounds": ngettext("%d round", "%d rounds", most.rounds) % most.rounds,
        "pages": ngettext("%d page", "%d pages", most.pages) % most.pages,
        "minutes": ngettext("%d minute", "%d minutes", most.seconds // 60) % (most.seconds // 60),
        "tokens": _("%dk tokens") % (most.tokens // 1000),
    }
    if has_model:
        return _("up to %(pages)s, %(minutes)s, %(rounds)s, %(tokens)s") % n
    return _("up to %(pages)s, %(minutes)s, %(rounds)s") % n
