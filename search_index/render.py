"""Renders one page in Chromium, for pages whose text is made by their scripts.

Each page has a context of its own, which forgets everything, and asks for no document but its own: where it leads on (a
redirect, a meta element, a script), that is said to the caller, as fetch.py says it. Acts on nothing: that is tabs.py.
Called by indexing.py, on the shared loop (config/loop.py). Returns the same `Fetched` as fetch.py.
"""

import asyncio

from django.utils.translation import gettext as _
from playwright.async_api import Error as PlaywrightError

from search_index import browser, policy
from search_index.errors import IndexFailure, Unreadable
from search_index.fetch import Fetched, Redirected, check_status

ASKED = 3  # times that a page may load itself


async def render(url: str) -> Fetched:
    """The page as its scripts have made it: `body` is UTF-8 HTML. A browser that dies is started anew, once.

    Raises Redirected, Refused ("url", "egress", "size", "type"), RetryLater ("timeout", "busy", "status", "egress",
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
    asked = 0
    led: list[IndexFailure] = []

    async def may_ask(url: str) -> bool:
        """Its own document, and that again where a script has set a cookie and wants it seen."""
        nonlocal asked
        try:
            address = policy.parse(url).url
        except IndexFailure as failure:
            led.append(failure)
            return False
        if address != target.url:
            led.append(Redirected(address))
        asked += 1
        return not led and asked <= ASKED

    async with browser.in_hand(), browser.fresh_page(may_ask) as page:
        try:
            response = await page.goto(target.url, wait_until="commit", timeout=0)  # in_hand() ends it
        except PlaywrightError:
            await asyncio.sleep(0)  # what the gate has noted is there by then
            if led:
                raise led[0] from None
            raise
        if response is None:
            raise Unreadable("crash", _("The browser showed nothing."))
        check_status(response.status, await browser.checked(response))
        await browser.parsed(page)
        await browser.settle(page)
        if led:
            raise led[0]
        # Scripts may have given it another address, or led to an error page of the browser's own.
        final = policy.parse(page.url)
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
