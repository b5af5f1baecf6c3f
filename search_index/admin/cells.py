"""The small pieces of HTML that the lists are made of; all in them is escaped. Called by sources.py and stored.py."""

from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

STYLES = {"all": ["css/index-admin.css"]}


def badge(state: str, label: str) -> SafeString:
    """A state as a sign and a word: never told by colour alone (the sign is the style sheet's)."""
    return format_html('<span class="state is-{}">{}</span>', state, label)


def page_link(row: Model, text: object) -> SafeString:
    """A link to a row's own page."""
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{row._meta.db_table}_change", args=[row.pk]), text)


def list_link(model: type[Model], text: object, **filters: Any) -> SafeString:
    """A link to the model's list, filtered."""
    address = reverse(f"admin:{model._meta.db_table}_changelist")
    return format_html('<a href="{}?{}">{}</a>', address, urlencode(filters), text)
