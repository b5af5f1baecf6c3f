"""Which hosts nothing is asked of: those that the operator has blocked, and those that were found to be traps.

Blocking: async code calls it in a thread. Never fetches, never changes a host's standing.
Called by visit.py and reading.py, before robots.txt is asked.
"""

from django.utils.translation import gettext as _

from search_index.errors import Refused
from search_index.models import Host


def check(name: str) -> None:
    """Let a host pass that is open; raise Refused, by its standing, for one that is closed itself or lies below one."""
    parts = name.split(".")
    above = [".".join(parts[start:]) for start in range(len(parts))]
    closed = Host.objects.filter(name__in=above).exclude(standing=Host.Standing.OPEN).first()
    if closed is not None:
        said = {"host": closed.name, "standing": closed.get_standing_display(), "why": closed.reason}
        raise Refused(closed.standing, (_("Nothing is read from %(host)s: %(standing)s. %(why)s") % said).strip())
