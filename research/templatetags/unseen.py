"""How text of a page is written where a reader has to see all of it. Called by the templates."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from research.views.unseen import parts

register = template.Library()


@register.filter
def visible(text: str) -> SafeString:
    """The text, escaped, with each invisible character as a small marked code."""
    code = '<span class="unseen" role="img" aria-label="{}" title="{}">{}</span>'
    return format_html_join(
        "", "{}", ((format_html(code, label, label, part) if label else part,) for part, label in parts(str(text)))
    )


@register.filter
def spelled(text: str) -> str:
    """The same where only text can stand, as in a title: each invisible character as its code."""
    return "".join(part for part, _label in parts(str(text)))
