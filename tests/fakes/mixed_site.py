"""A mixed site of 200 pages, half of which have their text in their HTML and half of which have it made by scripts, in
the ways in which sites do that; thin, long and misleading ones among both. For the question which of them need the
browser: `needed(number)` is the truth. Used by script/benchmark browser. Never reaches out.
"""

import json
from collections.abc import Callable

import numpy as np

from search_index.benchmark.prose import Prose
from tests.fakes.site import Answer, Request

PAGES = 200


def path(number: int) -> str:
    return f"/mixed/{number}"


def needed(number: int) -> bool:
    """Whether the page has to be rendered to be read."""
    return number % 2 == 1


def mixed(prose: Prose) -> Callable[[Request], Answer]:
    """What answers for all of /mixed/N and for /mixed-text/N, which the scripts of the pages ask for."""

    def answer(request: Request) -> Answer:
        _empty, kind, number = request.path.partition("?")[0].split("/")
        text = _text(prose, int(number))
        if kind == "mixed-text":
            return Answer(json.dumps(text), headers={"Content-Type": "application/json"})
        if kind == "mixed-app.js":
            return Answer(_APP % int(number), headers={"Content-Type": "text/javascript"})
        make = _SCRIPTED if needed(int(number)) else _STATIC
        page = make[int(number) // 2 % len(make)](int(number), text)
        return Answer(f"<!doctype html><html lang=en><head><title>Page {number}</title>{_COUNTER}</head>{page}</html>")

    return answer


def _text(prose: Prose, number: int) -> list[str]:
    """Paragraphs: of a fifth of the pages, of every kind, few, so that they are thin however they are read."""
    by = np.random.default_rng(number)
    words = int(by.choice((25, 45, 60) if number // 10 % 5 == 0 else (120, 300, 700)))
    subject = prose.text(by)
    return [prose.paragraph(subject, min(left, 60)) for left in range(words, 0, -60)]


_COUNTER = "<script async src='https://counter.test/analytics.js'></script><script>window.dataLayer = []</script>"
_AROUND = "".join(f"<li><a href='/mixed/{number}'>Part {number} of the handbook</a></li>" for number in range(20))
_FOOTER = (
    "<footer><p>All pages are free to read. Set in the old fish quay, printed by the tide, and kept dry.</p></footer>"
)
_APP = """fetch("/mixed-text/%d").then(reply => reply.json()).then(text => {
  const place = document.querySelector("#app, #root, #__next, #content, #main, app-root, .page") || document.body
  place.innerHTML = "<article>" + text.map(one => "<p>" + one + "</p>").join("") + "</article>" })"""


def _paragraphs(text: list[str]) -> str:
    return "".join(f"<p>{one}</p>" for one in text)


_STATIC: tuple[Callable[[int, list[str]], str], ...] = (
    lambda number, text: f"<body><main><h1>Page {number}</h1>{_paragraphs(text)}</main></body>",
    lambda number, text: f"<body><nav><ul>{_AROUND}</ul></nav><article>{_paragraphs(text)}</article>{_FOOTER}</body>",
    # Rendered on the server, with an application on top: all its signs, and its text as well.
    lambda number, text: (
        f"<body><div id='__next'><main>{_paragraphs(text)}</main></div>"
        f"<script id='__NEXT_DATA__' type='application/json'>{json.dumps(text)}</script></body>"
    ),
    lambda number, text: (
        f"<body><article>{_paragraphs(text)}</article><div id='comments'>Loading comments ...</div></body>"
    ),
    lambda number, text: (
        f"<body><article>{_paragraphs(text)}</article><noscript>Comments need JavaScript.</noscript></body>"
    ),
)
_SCRIPTED: tuple[Callable[[int, list[str]], str], ...] = (
    lambda number, text: f"<body><div id='root'></div><script src='/mixed-app.js/{number}'></script></body>",
    lambda number, text: (
        "<body><noscript>You need to enable JavaScript to run this app.</noscript><div id='app'></div>"
        f"<script type='module' src='/mixed-app.js/{number}'></script></body>"
    ),
    lambda number, text: (
        f"<body><nav><ul>{_AROUND}</ul></nav><main id='content'><p>Loading ...</p></main>{_FOOTER}"
        f"<script src='/mixed-app.js/{number}'></script></body>"
    ),
    lambda number, text: f"<body><app-root></app-root><script src='/mixed-app.js/{number}'></script></body>",
    # No sign at all but that it is empty.
    lambda number, text: f"<body><div class='page'></div><script src='/mixed-app.js/{number}'></script></body>",
)
