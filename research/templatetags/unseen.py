"""How text of a page is written where a reader has to see all of it. Called by the templates."""

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from research.views.unseen import parts

register = template.Library()


@register.filter
def visible(text: str) -> SafeString:
    """The text, escaped, with each invisible character as a small marked code."""
    shown = [
        format_html('<span class="unseen" role="img" aria-label="{}" title="{}">{}</span>', label, label, part)
        if label
        else escape(part)
        for part, label in parts(str(text))
    ]
    return mark_safe("".join(shown))  # noqa: S308 - each part is escaped above
