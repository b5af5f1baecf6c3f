"""What commands check of their arguments. Called by the commands in commands/."""

from argparse import ArgumentTypeError
from datetime import date

from django.utils.translation import gettext as _


def at_least_one(text: str) -> int:
    """A whole number from 1 on, as an argument's type."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(_("%s is not a whole number of at least 1") % text)
    return int(text)


def day(text: str) -> date:
    """A day such as 2026-01-31, as an argument's type."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(_("%s is no day, such as 2026-01-31") % text) from error
