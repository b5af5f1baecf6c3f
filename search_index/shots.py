"""Small pictures of a live page: of what its window shows, and of the place where a quotation stands.

Called by tabs.py.
"""

import base64
import json
import logging
from contextlib import suppress

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from search_index.browser import HEIGHT, WIDTH, in_own_world

SHOT_WIDTH = 640  # pixels
QUALITIES = (50, 25, 10)  # of the JPEG: the first with which it is not larger than
SHOT_BYTES = 40_000

log = logging.getLogger(__name__)


async def of_quote(page: Page, quote: str) -> bytes:
    """A picture of the window with the quotation in its middle, marked; b"" where it is not seen on the page."""
    if not await in_own_world(page, f"{_MARK}({json.dumps(quote)}, {json.dumps(_MARK_ID)})"):
        return b""
    shown = await shot(page)
    await in_own_world(page, f"document.getElementById({json.dumps(_MARK_ID)})?.remove()")
    return shown


async def shot(page: Page) -> bytes:
    """A small picture of what the window shows; b"" where the browser makes none."""
    session = await page.context.new_cdp_session(page)
    try:
        seen = (await session.send("Page.getLayoutMetrics"))["cssVisualViewport"]
        clip = {
            "x": seen["pageX"],
            "y": seen["pageY"],
            "width": WIDTH,
            "height": HEIGHT,
            "scale": SHOT_WIDTH / WIDTH,
        }
        for quality in QUALITIES:
            wanted = {"format": "jpeg", "quality": quality, "clip": clip}
            made = base64.b64decode((await session.send("Page.captureScreenshot", wanted))["data"])
            if len(made) <= SHOT_BYTES:
                return made
    except PlaywrightError as error:
        log.debug("No picture of %s: %s", page.url, error)
    finally:
        with suppress(PlaywrightError):
            await session.detach()
    return b""


_MARK_ID = "scenthound-mark"
# Shows the place of a quotation in the middle of the window and marks it; whether it was found. Texts are compared
# without their white space, for the page's line breaks are not the extraction's; where the whole is not found as one
# (list signs, cells of a table), its longest line is looked for.
_MARK = r"""((quote, id) => {
  const bare = text => text.replace(/\s+/g, "")
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const places = []
  let text = ""
  for (let node; (node = walker.nextNode()) && text.length < 2e6;) {
    if (/^(script|style|noscript|template|textarea)$/i.test(node.parentElement?.localName || "script")) continue
    for (let at = 0; at < node.data.length; at++)
      if (/\S/.test(node.data[at])) { text += node.data[at]; places.push([node, at]) }
  }
  const lines = quote.split("\n").map(line => line.replace(/^\s*- /, "")).sort((a, b) => b.length - a.length)
  for (const wanted of [bare(quote), bare(lines[0]), bare(lines[0]).slice(0, 60)]) {
    const start = wanted ? text.indexOf(wanted) : -1
    if (start < 0) continue
    const range = document.createRange()
    range.setStart(...places[start])
    const [last, at] = places[start + wanted.length - 1]
    range.setEnd(last, at + 1)
    places[start][0].parentElement.scrollIntoView({ block: "center", behavior: "instant" })
    const marks = document.createElement("div")
    marks.id = id
    for (const box of range.getClientRects()) {
      const mark = marks.appendChild(document.createElement("div"))
      mark.style.cssText = "position:absolute;pointer-events:none;background:#ffe45c;mix-blend-mode:multiply;" +
        `z-index:2147483647;left:${box.left + scrollX}px;top:${box.top + scrollY}px;` +
        `width:${box.width}px;height:${box.height}px`
    }
    document.documentElement.append(marks)
    return true
  }
  return false
})"""
