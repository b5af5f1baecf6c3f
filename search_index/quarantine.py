"""A page whose reading ends the process that reads it is tried a second time, and then left alone until it changes.

Once may be chance: the machine was out of memory, the process was ended for another one's sake. Twice is the page.
Page.crashes counts; Page.body_sha256 says which body it was. Fetches nothing.
Called by visit.py, ingest.py and reading.py.
"""

from collections.abc import Awaitable
from hashlib import sha256
from typing import TypeVar

from django.utils.translation import gettext as _

from config.loop import in_thread
from search_index.errors import Crashed, IndexFailure, Refused
from search_index.models import Page, Source

TRIES = 2
T = TypeVar("T")


def check(page: Page, body: bytes) -> None:
    """Raise Refused("quarantine") where this very body has brought its process down twice: it is not read again."""
    if page.crashes >= TRIES and page.body_sha256 == sha256(body).hexdigest():
        raise _quarantine()


async def watched(page: Page, body: bytes, reading: Awaitable[T]) -> T:
    """What `reading` the page's body comes to. Raises Crashed where it ended its process the first time, to be tried
    again later, and Refused("quarantine") the second time."""
    try:
        result = await reading
    except Crashed as crash:
        raise await in_thread(_counted, page, sha256(body).hexdigest(), crash) from crash
    if page.crashes:
        await in_thread(_note, page, 0, page.body_sha256)
    return result


def waits(source: Source) -> bool:
    """Whether pages of the source wait to be tried a second time."""
    return Page.objects.filter(source=source, state=Page.State.QUEUED, crashes__gt=0).exists()


def _counted(page: Page, body_sha256: str, crash: Crashed) -> IndexFailure:
    known = Page.objects.filter(pk=page.pk).values_list("crashes", "body_sha256").first() or (0, "")
    _note(page, known[0] + 1 if known[1] in {"", body_sha256} else 1, body_sha256)
    return crash if page.crashes < TRIES else _quarantine()


def _note(page: Page, crashes: int, body_sha256: str) -> None:
    page.crashes, page.body_sha256 = crashes, body_sha256
    Page.objects.filter(pk=page.pk).update(crashes=crashes, body_sha256=body_sha256)


def _quarantine() -> Refused:
    return Refused("quarantine", _("It broke its parser twice: it is not read again until it changes."))
