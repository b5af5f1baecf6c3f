"""What a person may ask, and how. Says what is wrong and loses nothing that was typed.

What a question may be is launch.py's to say; the view shows that in this form. Called by views/ask.py.
"""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from research.models import Run
from search_index.api import SourceSummary


class AskForm(forms.Form):
    """A question, its effort, the sources to look in, and whether the live web stays closed."""

    question = forms.CharField(
        label=gettext_lazy("Your question"),
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True, "data-enter-submits": True}),
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
