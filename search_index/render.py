"""Renders one page in Chromium, for pages whose text is made by their scripts.

Each page has a context of its own, which forgets everything. Acts on nothing: that is tabs.py.
Called by indexing.py, on the shared loop (config/loop.py). Returns the same `Fetched` as fetch.py.
"""

import logging

from django.utils.translation import gettext as _

from search_index import browser, policy
from search_index.errors import Unreadable
from search_index.fetch import Fetched, check_status

log = logging.getLogger(__name__)


async def render(url: str) -> Fetched:
    """The page as its scripts have made it: `body` is UTF-8 HTML. A browser that dies is started anew, once.

    Raises Refused ("url", "egress", "redirect", "size", "type"), RetryLater ("timeout", "busy", "status", "egress",
    "connection", "browser"), StatusFailed, and Unreadable("crash") where the page brings its tab or the browser down.
    """
    target = policy.parse(url)
    try:
        return await _rendered(target)
    except Unreadable:
        if browser.alive():
            raise
    return await _rendered(target)


async def _rendered(target: policy.Target) -> Fetched:
    async with browser.in_hand(), browser.fresh_page() as page:
        response = await page.goto(target.url, wait_until="domcontentloaded", timeout=0)  # in_hand() ends it
        if response is None:
            raise Unreadable("crash", _("The browser showed nothing."))
        check_status(response.status, await browser.checked(response))
        await browser.settle(page)
        final = policy.parse(page.url)  # scripts may have led elsewhere, or to an error page of the browser's own
        return Fetched(
            url=target.url,
            final_url=final.url,
            status=response.status,
            content_type="text/html; charset=utf-8",
            body=(await browser.markup(page)).encode(errors="replace"),
            etag="",
            last_modified="",
            not_modified=False,
        )
