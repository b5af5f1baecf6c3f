"""How spent things are written: numbers for people, and numbers for addresses. Called by the templates."""

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

from research.views.picture import Meter

register = template.Library()


@register.filter
def spent(meter: Meter) -> str:
    """What was spent, and of how much: `1:05 of 5:00`, `3 of 30`, `12`."""
    write = {"time": clock, "money": money}.get(meter.unit, whole)
    if not meter.most:
        return write(meter.spent)
    return _("%(spent)s of %(most)s") % {"spent": write(meter.spent), "most": write(meter.most)}


@register.filter
def unlocalized(number: float) -> str:
    """A whole number without separators, for attributes and addresses."""
    return str(int(number))


@register.filter
def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def money(amount: float) -> str:
    """An amount of money: to the hundredth, and a small one to its first two digits."""
    return f"{amount:.2f}" if amount >= 1 else f"{amount:.2g}"


def whole(number: float) -> str:
    """A whole number; a large one in thousands or millions: nobody reads the rest of a token count."""
    if number < 10_000:
        return str(intcomma(int(number)))
    return f"{number / 1_000:.0f}k" if number < 999_500 else f"{number / 1_000_000:.1f}M".replace(".0M", "M")
