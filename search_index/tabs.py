"""Live tabs: pages that a run acts on in the browser, and what was seen there, kept.

Called through api.py only.
"""

from collections.abc import Sequence

from search_index.values import Browsed, Deed


async def browse(whose: str, url: str, deeds: Sequence[Deed] = (), *, sealed: bool = False) -> Browsed:
    """The page at `url` in the run's browser after these deeds, in order; what can be read there is stored and indexed.

    `whose` names the run: "run-<uuid>". The same call again gives the same: where the run's tab stands at
    (url, deeds[:-1]) only the last deed is done, else the page is opened anew and all of them are. A last deed that is
    not done says so in `refused`, and the page is as it was before it; do not hand it in again with the next.

    Raises Refused ("sealed", "robots", "egress", "url", "type", "size", "deed" where an earlier deed cannot be done any
    more, or what judge() refuses the text for), RetryLater ("timeout", "browser", "busy" ...), Unreadable ("empty",
    "crash") and SourceFailed.
    """
    raise NotImplementedError


async def picture(whose: str, url: str, quote: str, *, sealed: bool = False) -> bytes:
    """A JPEG (640 wide) of the page at `url` as it shows `quote`: of the run's tab where it stands there, else of the
    page opened anew. b"" where the quote is not seen on it. Raises as `browse` does."""
    raise NotImplementedError


async def leave(whose: str) -> None:
    """The run has ended: its tabs and their contexts are closed. Nothing happens where it has none."""
    raise NotImplementedError
