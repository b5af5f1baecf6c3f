"""What a person may ask, and how. Says what is wrong and loses nothing that was typed.

What a question may be is launch.py's to say; the view shows that in this form. Called by views/ask.py.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from research.models import Run
from search_index.api import SourceSummary


class Limit(forms.IntegerField):
    """A limit of the person's own, counted in `unit` of what the budget counts; empty leaves it to the effort."""

    def __init__(self, label: Any, most: int, unit: int = 1) -> None:
        say = {
            "invalid": gettext_lazy("Write a whole number, or leave it empty."),
            "min_value": gettext_lazy("At least %(limit_value)s, or leave it empty."),
            "max_value": gettext_lazy("At most %(limit_value)s."),
        }
        super().__init__(label=label, required=False, min_value=1, max_value=most, error_messages=say)
        self.unit = unit
        self.widget.attrs["inputmode"] = "numeric"


class AskForm(forms.Form):
    """A question, its effort, the sources to look in, whether the live web stays closed, and how far it may go."""

    question = forms.CharField(
        label=gettext_lazy("Your question"),
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True, "data-enter-submits": ""}),
        error_messages={"required": gettext_lazy("Write a question first.")},
    )
    effort = forms.ChoiceField(label=gettext_lazy("Effort"), choices=Run.Effort.choices, initial=Run.Effort.AUTO)
    sources = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Where to look"),
        coerce=int,
        required=False,
        error_messages={"invalid_choice": gettext_lazy("One of these sources is gone; look through the list again.")},
    )
    sealed = forms.BooleanField(label=gettext_lazy("Sealed: open nothing on the live web"), required=False)

    review_plan = forms.BooleanField(label=gettext_lazy("Review the plan first"), required=False)
    rounds = Limit(gettext_lazy("Rounds"), most=50)
    pages = Limit(gettext_lazy("Pages"), most=2_000)
    tokens = Limit(gettext_lazy("Thousand tokens"), most=100_000, unit=1_000)
    seconds = Limit(gettext_lazy("Minutes"), most=1_440, unit=60)

    def __init__(self, *args: Any, sources: list[SourceSummary], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = [source.id for source in sources]
        field = self.fields["sources"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(source.id, source.name) for source in sources]
        field.initial = self.known

    def clean_sources(self) -> list[int]:
        """The chosen ids; empty for all of them, so that a source added later is not left out by accident."""
        chosen: list[int] = self.cleaned_data["sources"]
        if self.known and not chosen:
            raise forms.ValidationError(_("Choose at least one source to look in."))
        return [] if set(chosen) == set(self.known) else chosen

    @property
    def limits(self) -> dict[str, int]:
        """The limits that were set, as launch.py takes them. Of a form that is valid."""
        set_ones = ((name, field, self.cleaned_data[name]) for name, field in self.fields.items())
        return {name: value * field.unit for name, field, value in set_ones if isinstance(field, Limit) and value}

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        """The fields for limits, as the page shows them."""
        return [self[name] for name, field in self.fields.items() if isinstance(field, Limit)]

    @property
    def is_limited(self) -> bool:
        """Whether anything stands in those fields: then they are not folded away."""
        return any(field.value() not in (None, "") for field in self.limit_fields)


def typed(limits: Mapping[str, int]) -> dict[str, int]:
    """The limits of a run, as they are typed into an AskForm."""
    fields = AskForm.base_fields
    return {name: most // field.unit for name, most in limits.items() if isinstance(field := fields[name], Limit)}
