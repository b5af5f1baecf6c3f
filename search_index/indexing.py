"""From what was fetched to what is stored: extract (rendered by the browser where scripts make the text), judge, chunk.

Asks no robots.txt, keeps no frontier. Called by visit.py, ingest.py and reading.py.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from django.utils.translation import gettext as _

from config.loop import in_thread
from search_index import policy, scripted
from search_index.chunk import Chunk, chunk
from search_index.errors import IndexFailure, Refused, Unreadable
from search_index.extract import Extracted
from search_index.extract.sandbox import extracted
from search_index.fetch import Fetched, Redirected
from search_index.hosts import Resting, Turn
from search_index.judgement.measured import measured
from search_index.judgement.quality import verdict
from search_index.models import Page
from search_index.render import render
from search_index.store import Prepared

# Where a page is refused for one of these, its links lead to more of the kind: they are not followed.
LEAD_NOWHERE = frozenset({"spam", "gibberish", "linkfarm"})
# What judge() refuses a page for: by its text alone, so while that stays the same, so does the verdict.
JUDGED = frozenset({"boilerplate", "empty", "gibberish", "linkfarm", "links", "noindex", "repeated", "spam", "thin"})

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ready:
    """A page read and divided."""

    page: Page
    fetched: Fetched | None
    extracted: Extracted
    chunks: Sequence[Chunk]


async def read(
    fetched: Fetched, turn: Callable[[], AbstractAsyncContextManager[Turn]]
) -> tuple[Fetched, Extracted, bool]:
    """The text of a fetched page, which may be empty, and whether the browser had to make it: that asks for the page
    once more, in another of its host's turns. Raises Unreadable, Redirected where its scripts lead elsewhere, and
    Resting where the turn is far away."""
    text = await extracted(fetched.body, fetched.content_type, fetched.final_url)
    sign, host = scripted.sign(fetched.body, text), policy.parse(fetched.final_url).host
    if not sign or not await in_thread(scripted.worth_it, host, sign):
        return fetched, text, False
    try:
        async with turn() as held:
            rendered = await render(fetched.final_url)
            held.took = 0.0  # its scripts' time: how long its host takes was seen when it was fetched
        more = await extracted(rendered.body, rendered.content_type, rendered.final_url)
    except (Redirected, Resting):
        raise
    except IndexFailure as failure:  # no browser, or the page breaks it: what there is without it has to do
        log.info("%s could not be rendered: %s", fetched.final_url, failure)
        return fetched, text, False
    gained = more.words > text.words
    if sign == scripted.Sign.WEAK:
        await in_thread(scripted.learn, host, gained=gained)
    return (fetched, more, True) if gained else (fetched, text, False)


def judge(page: Page, text: Extracted, *, chosen: bool = False) -> tuple[Extracted, IndexFailure | None]:
    """The text with its language, and why the page is not to be indexed, if it is not: by what it is (judgement/).
    What was measured is put on the page, to be stored with whatever comes of it; so is how many pieces of text were
    hidden from its readers (and left out) and its flags, where there were any.

    `chosen`: somebody put this very text into the index, and no crawler; it is refused only where it is empty, and so
    is what the operator wants all the same (Page.override). A text that comes without its measures is measured here,
    which takes some milliseconds of a processor: async code calls it in a thread.
    """
    page.signals = _seen(text)
    if text.only_links:
        return text, Refused("links", _("It is a list of links: they are followed, it is not indexed itself."))
    if not text.text.strip():
        return text, Unreadable("empty", _("There is no text on it."))
    text = text if text.measures else measured(text, page.url)
    assert text.measures is not None, "it is not empty"
    told = verdict(text.text, text.title, text.language, text.measures)
    page.signals = told.signals | _seen(text)
    if told.keep or chosen or page.override:
        return text, None
    return text, Refused(told.reason, told.sentence)


def _seen(text: Extracted) -> dict[str, object]:
    """What of the page its readers do not see, or what they have to know of it, where there is any."""
    return ({"hidden": text.hidden} if text.hidden else {}) | ({"flags": text.flags} if text.flags else {})


def divided(page: Page, fetched: Fetched | None, text: Extracted) -> Ready:
    """The page's passages to be. Takes time in proportion to the text."""
    chunks = chunk(text.text, text.headings)
    # A page's first heading is its title most of the time: the title stands above every passage anyway.
    above = f"{text.title} › "
    return Ready(page, fetched, text, [Chunk(c.start, c.end, _below(c.heading, text.title, above)) for c in chunks])


def prepared(ready: Sequence[Ready]) -> list[Prepared]:
    """The pages as they are stored: embedding.py makes their vectors afterwards."""
    return [Prepared(one.page, one.fetched, one.extracted, one.chunks) for one in ready]


def _below(heading: str, title: str, above: str) -> str:
    return "" if heading == title else heading.removeprefix(above)
