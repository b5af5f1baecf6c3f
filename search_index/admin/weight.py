"""The operator's own weight in the ranking: how it is shown, and the actions that give it. Called by hosts.py and
sources.py, whose rows have one each.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from search_index.admin.cells import badge
from search_index.models import Boost

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = object

WEIGHING = ("boost_selected", "bury_selected", "neutral_selected")


def weight(boost: int, label: str) -> SafeString | str:
    """The operator's weight as a badge; nothing where there is none."""
    return badge({Boost.BOOST: "boost", Boost.BURY: "bury"}[Boost(boost)], label) if boost else "–"


class Weighed(Base):
    """The actions WEIGHING, for the list of a model that has a `boost`."""

    @admin.action(description=gettext_lazy("Boost in the ranking"), permissions=["change"])
    def boost_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._weigh(request, queryset, Boost.BOOST)

    @admin.action(description=gettext_lazy("Bury in the ranking"), permissions=["change"])
    def bury_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._weigh(request, queryset, Boost.BURY)

    @admin.action(description=gettext_lazy("Rank as it is"), permissions=["change"])
    def neutral_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._weigh(request, queryset, Boost.NEUTRAL)

    def _weigh(self, request: HttpRequest, queryset: QuerySet[Any], boost: Boost) -> None:
        """Give all the chosen rows this weight."""
        chosen = list(queryset)
        queryset.model._default_manager.filter(pk__in=[row.pk for row in chosen]).update(boost=boost)
        for row in chosen:
            self.log_change(request, row, str(boost.label))
        told = ngettext("%(count)d: %(label)s.", "%(count)d: %(label)s.", len(chosen))
        self.message_user(request, told % {"count": len(chosen), "label": boost.label}, messages.SUCCESS)
