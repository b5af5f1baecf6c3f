"""A site whose answers lie behind scripts, clicks, searches and documents: the archive of the lighthouse of Orrin.

`TASKS` are questions with the way to their answers, each on a page of its own; `HOSTILE` are pages that break, hang or
want to be written to. The ways name controls as a person would, since numbers differ. Used by the tests of the live
tabs and of the engine that acts, by script/drill browser and script/benchmark browser. Never reaches out.
"""

import html
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from tests.fakes.site import Answer, Request, Served, Site, pdf, redirect, serving


@dataclass(frozen=True)
class Act:
    """A deed as a person would say it: `name` is the control's, empty where it is done to the page."""

    kind: str
    name: str = ""
    text: str = ""
    role: str = ""


@dataclass(frozen=True)
class Task:
    """A question, where its answer is looked for, the acts that lead to it, and the words that have to be read then."""

    question: str
    path: str
    acts: tuple[Act, ...]
    answer: str


TASKS = {
    "script": Task("How high is the lighthouse of Orrin?", "/script", (), "41 metres"),
    "late script": Task("Who built the lighthouse of Orrin?", "/late", (), "Edda Marrow"),
    "next link": Task("Who kept the light in 1931?", "/keepers", (Act("next"), Act("next")), "Tam Ferrier"),
    "next button": Task("Which ship ran aground in 1899?", "/wrecks", (Act("next"),), "the Halcyon"),
    "numbered pages": Task("When was the foghorn made silent?", "/chronicle", (Act("next"), Act("next")), "4 May 1987"),
    "infinite list": Task("Which bird was ringed as number 57?", "/birds", (Act("scroll"),), "57: a storm petrel"),
    "load more": Task("What did the light cost in 1890?", "/accounts", (Act("next"), Act("next")), "1,260 crowns"),
    "site search": Task(
        "What colour is the lantern room?",
        "/search",
        (Act("fill", "Search the archive", "lantern room"), Act("click", "Search"), Act("click", "The lantern room")),
        "ochre",
    ),
    "search by script": Task(
        "How many steps has the tower?",
        "/find",
        (Act("fill", "Find", "steps"), Act("press", "Find", "Enter")),
        "197 steps",
    ),
    "filter": Task("Which boat served in the north?", "/boats", (Act("select", "Region", "North"),), "the Kittiwake"),
    "PDF behind a link": Task("What oil did the lamp burn?", "/papers", (Act("click", "The manual"),), "colza oil"),
    "table to load": Task(
        "How much rain fell in March?", "/weather", (Act("click", "Load the table"),), "Rain in mm: 83"
    ),
    "new window": Task("Who painted the tower?", "/gallery", (Act("click", "The painter"),), "Ilse Brandt"),
    "window by script": Task("What is the light's range?", "/range", (Act("click", "Show the chart"),), "22 miles"),
    "consent": Task("When may one visit?", "/visit", (), "Saturdays from ten to four"),
    "consent wall": Task("Where does the ferry leave?", "/ferry", (), "the old fish quay"),
    "tab": Task("What does the light's character say?", "/light", (Act("click", "Character"),), "two flashes in ten"),
    "opened part": Task("Who may stay overnight?", "/stay", (Act("click", "Who may stay?"),), "ornithologists only"),
    "frame": Task("How deep is the water at the pier?", "/pier", (), "nine fathoms"),
    "control in a frame": Task("What is the tide at noon?", "/tide", (Act("click", "At noon"),), "3.4 metres at noon"),
    "clickable box": Task("Which stone was used?", "/stone", (Act("click", "The quarry"),), "pink granite"),
    "way back": Task(
        "Who wrote the log of 1912?",
        "/logs",
        (Act("click", "Log of 1911"), Act("back"), Act("click", "Log of 1912")),
        "Perrin Dow",
    ),
}

# Pages that want to be written to, and the control that would do it.
WRITING = {
    "/delete": "Delete the archive",
    "/login": "Log in",
    "/order": "Buy the print",
    "/guestbook": "Post your comment",
    "/posted-search": "Search",
    "/newsletter": "Subscribe",
    "/program": "Get the viewer",
    "/remove-link": "Delete",
}


@contextmanager
def archive() -> Iterator[Site]:
    """The archive, for the length of the block. What was sent to it by another method than GET is in `requests`."""
    with serving(pages()) as site:
        yield site


def act_on(controls: Mapping[str, tuple[int, str]], act: Act) -> tuple[int, str]:
    """The number and the whole name of the control that the act means, out of names to numbers. Raises KeyError."""
    return controls[act.name] if act.name else (0, "")


def pages() -> dict[str, Served]:
    """The whole site."""
    made: dict[str, Served] = {
        "/": _page("The archive", "".join(f'<p><a href="{task.path}">{task.path}</a></p>' for task in TASKS.values())),
        "/script": _page("Height", '<div id="app"></div>', _FETCHED.replace("FILE", "/height.txt")),
        "/height.txt": _text("The tower is 41 metres high, counted from the rock to the vane."),
        "/late": _page("Builder", "", "setTimeout(() => document.body.append('It was built by Edda Marrow.'), 900)"),
        "/keepers": _keepers,
        "/wrecks": _page("Wrecks", '<p id="p"></p><button id="b">Next</button>', _WRECKS),
        "/chronicle": _chronicle,
        "/birds": _page("Birds", '<ul id="l"></ul>', _BIRDS),
        "/accounts": _page("Accounts", '<ul id="l"></ul><button id="b">Load more</button>', _ACCOUNTS),
        "/search": _search,
        "/lantern": _page("The lantern room", "<p>The lantern room is painted in ochre, inside and outside.</p>"),
        "/find": _page("Find", '<input aria-label="Find" id="q"><div id="r"></div>', _FIND),
        "/find.json": _text(json.dumps({"steps": "There are 197 steps to the gallery."})),
        "/boats": _page("Boats", _BOATS, "s.onchange = () => { p.textContent = 'Serving: ' + s.value }"),
        "/papers": _page("Papers", '<p><a href="/manual.pdf">The manual</a></p>'),
        "/manual.pdf": Answer(pdf(["The lamp burns colza oil, which is kept in the cellar."], "Manual"), headers=_PDF),
        "/weather": _page("Weather", '<p><a href="/rain.csv" download>Load the table</a></p>'),
        "/rain.csv": Answer("Month,Rain in mm\nFebruary,61\nMarch,83\n", headers={"Content-Type": "text/csv"}),
        "/gallery": _page("Gallery", '<p><a href="/painter" target="_blank">The painter</a></p>'),
        "/painter": _page("The painter", "<p>The tower was painted by Ilse Brandt in the summer of 1904.</p>"),
        "/range": _page("Range", "<button onclick=\"window.open('/chart')\">Show the chart</button>"),
        "/chart": _page("Chart", "<p>The light is seen at a range of 22 miles in clear weather.</p>"),
        "/visit": _page("Visits", _BANNER + '<p id="p"></p>', _DECLINED),
        "/ferry": _page("The ferry", _WALL + "<p>The ferry leaves from the old fish quay at seven.</p>"),
        "/light": _page("The light", _PANELS, "t2.onclick = () => { p1.hidden = true; p2.hidden = false }"),
        "/stay": _page("Staying", _PART, "b.onclick = () => { d.hidden = false; b.ariaExpanded = 'true' }"),
        "/pier": _page("The pier", '<iframe src="/depth" width="400" height="200"></iframe>'),
        "/depth": _page("Depth", "<p>At low tide the water at the pier is nine fathoms deep.</p>"),
        "/tide": _page("Tides", '<iframe src="/tide-inside" width="400" height="200"></iframe>'),
        "/tide-inside": _page("Tide", '<button id="b">At noon</button><p id="p"></p>', _TIDE),
        "/stone": _page("Stone", '<div id="b" style="cursor:pointer">The quarry</div><p id="p"></p>', _QUARRY),
        "/logs": _page("Logs", "".join(f'<p><a href="/log-{year}">Log of {year}</a></p>' for year in (1911, 1912))),
        "/log-1911": _page("Log of 1911", "<p>The log of this year is lost.</p>"),
        "/log-1912": _page("Log of 1912", "<p>This log was written by Perrin Dow, in green ink.</p>"),
        "/robots.txt": Answer("User-agent: *\nDisallow: /closed\n", headers={"Content-Type": "text/plain"}),
        "/closed": _page("Closed", "<p>Nobody who obeys robots.txt reads this.</p>"),
        "/to-closed": _page("Ways", '<a href="/closed">The closed part</a> <a href="/gone">Gone</a>'),
    }
    return made | _writing() | _breaking()


def _writing() -> dict[str, Served]:
    return {
        "/delete": _page("Delete", '<form method="post" action="/did"><button>Delete the archive</button></form>'),
        "/login": _page(
            "Log in",
            '<form action="/did"><input aria-label="Name" name="n"><input type="password" aria-label="Word" name="p">'
            "<button>Log in</button></form>",
        ),
        "/order": _page("Shop", '<button onclick="fetch(\'/did\', {method: \'POST\'})">Buy the print</button>'),
        "/guestbook": _page("Guests", '<form action="/did"><textarea aria-label="Text" name="t"></textarea>'
                            "<button>Post your comment</button></form>"),
        "/posted-search": _page("Search", '<form method="post" action="/did"><input type="search" aria-label="Words"'
                                ' name="q"><button>Search</button></form>'),
        "/newsletter": _page("News", '<form action="/did"><input aria-label="Where to" type="email" name="e">'
                             "<button>Subscribe</button></form>"),
        "/program": _page("Viewer", '<a href="/viewer.exe">Get the viewer</a>'),
        "/remove-link": _page("Page", '<a href="/did?what=all">Delete</a>'),
        "/scripted-post": _page("Sly", '<form id="f" method="post" action="/did"></form>'
                                '<button onclick="f.submit()">Show the answer</button>'),
        "/scripted-delete": _page("Sly", "<button onclick=\"fetch('/did', {method: 'DELETE'})\">Show it</button>"),
        "/asking": _page("Asking", '<button id="b">Ask</button><p id="p">nothing</p>', _ASKING),
        "/staying": _page("Stay", '<p><a href="/painter">The painter</a></p><button>Stay</button>',
                          "onbeforeunload = event => { event.preventDefault(); return 'stay' }"),
    }  # fmt: skip


def _breaking() -> dict[str, Served]:
    return {
        "/hang": _page("Hang", "<p>It hangs.</p><button id='b'>Think</button>", "b.onclick = () => { for (;;); }"),
        "/spin": "<p>It never comes to rest.</p><script>for (;;);</script>",
        "/huge": _page("Huge", "<p>Huge.</p>", _HUGE),
        "/redirect": _endless,
        "/never": Answer("<p>drop by drop</p>" + "x" * 10_000, trickle=1.0),
        "/silent": Answer("late", delay=600),
        "/sent-round": redirect("/painter"),
    }


# --- How the pages are made ------------------------------------------------------------------------------------------
_PDF = {"Content-Type": "application/pdf"}
_FETCHED = """fetch("FILE").then(reply => reply.text()).then(text => {
  document.getElementById("app").innerHTML = "<article><p>" + text + "</p></article>" })"""
_WRECKS = """const wrecks = ["In 1870 nothing happened.", "In 1899 it was the Halcyon that ran aground."]
let at = 0; const show = () => { p.textContent = wrecks[at] }; show(); b.onclick = () => { at++; show() }"""
_BIRDS = """let count = 0; const more = () => { if (count < 80) for (let i = 0; i < 20; i++) {
  const item = document.createElement("li"); item.style.height = "60px"; count++
  item.textContent = count + (count == 57 ? ": a storm petrel" : ": a gull"); l.append(item) } }
more(); onscroll = () => { if (scrollY + innerHeight > document.body.scrollHeight - 50) setTimeout(more, 100) }"""
_ACCOUNTS = """const years = [["1870: 900 crowns", "1880: 1,100 crowns"], ["1885: 1,180 crowns"],
  ["1890: 1,260 crowns"]]
const show = () => { for (const year of years.shift() || []) {
  const item = document.createElement("li"); item.textContent = year; l.append(item) } }
show(); b.onclick = () => setTimeout(show, 50)"""
_FIND = """q.onkeydown = event => { if (event.key == "Enter") fetch("/find.json").then(it => it.json()).then(found => {
  r.textContent = found[q.value] || "No such word." }) }"""
_BOATS = """<label>Region <select id="s"><option value="">Choose</option><option value="the Kittiwake">North</option>
<option value="the Dunlin">South</option></select></label><p id="p"></p>"""
_BANNER = """<div id="c" role="dialog" aria-label="Your privacy" style="position:fixed;inset:0;background:#fff">
<p>We and our 412 partners use cookies.</p><button onclick="done(true)">Accept all</button>
<button onclick="done(false)">Reject all</button></div>"""
_DECLINED = """function done(all) { c.remove(); p.textContent = all ? "You have consented to everything."
  : "The tower may be visited on Saturdays from ten to four." }"""
_WALL = """<div style="position:fixed;inset:0;background:#fff"><p>This site uses cookies, and you have to agree.</p>
<button>I agree</button></div>"""
_PANELS = """<ul role="tablist"><li role="tab" id="t1" tabindex="0">Lamp</li><li role="tab" id="t2" tabindex="0">
Character</li></ul><div id="p1"><p>A lamp of 400 watts.</p></div>
<div id="p2" hidden><p>It shows two flashes in ten seconds.</p>
</div>"""
_PART = """<button id="b" aria-expanded="false">Who may stay?</button><div id="d" hidden><p>The house is open to
ornithologists only, for a week at most.</p></div>"""
_TIDE = "b.onclick = () => { p.textContent = 'It stands at 3.4 metres at noon.' }"
_QUARRY = "b.onclick = () => { p.textContent = 'The tower is of pink granite.' }"
_ASKING = """b.onclick = () => { const yes = confirm("Really?"); const word = prompt("Your name?")
  p.textContent = yes || word ? "it was answered" : "it was dismissed"; window.print() }"""
_HUGE = "const held = []; setInterval(() => held.push(new Uint8Array(100e6).fill(1)), 50)"


def _page(title: str, body: str, script: str = "") -> Answer:
    run = f"<script>{script}</script>" if script else ""
    return Answer(
        f"<!doctype html><html lang=en><head><title>{html.escape(title)}</title></head>"
        f"<body><main><h1>{html.escape(title)}</h1>{body}</main>{run}</body></html>"
    )


def _text(text: str) -> Answer:
    return Answer(text, headers={"Content-Type": "text/plain; charset=utf-8"})


def _asked(request: Request, name: str, default: str) -> str:
    return parse_qs(urlsplit(request.path).query).get(name, [default])[0]


def _keepers(request: Request) -> Answer:
    number = int(_asked(request, "page", "1"))
    kept = ["Until 1900 it was Olaf Reed.", "Then came Nils Reed, his son.", "In 1931 Tam Ferrier kept the light."]
    onward = f'<a rel="next" href="/keepers?page={number + 1}">Onward</a>' if number < len(kept) else ""
    return _page(f"Keepers, page {number}", f"<p>{kept[number - 1]}</p><nav>{onward}</nav>")


def _chronicle(request: Request) -> Answer:
    now = int(_asked(request, "p", "1"))
    told = ["1850: the first stone.", "1921: electric light.", "4 May 1987: the foghorn is made silent."]
    numbers = "".join(
        f'<a href="/chronicle?p={one}"{" aria-current=page" if one == now else ""}>{one}</a> ' for one in (1, 2, 3)
    )
    return _page("Chronicle", f"<p>{told[now - 1]}</p><nav>{numbers}</nav>")


def _search(request: Request) -> Answer:
    wanted = _asked(request, "q", "")
    found = '<p><a href="/lantern">The lantern room</a></p>' if wanted == "lantern room" else "<p>Nothing yet.</p>"
    form = (
        '<form action="/search"><input type="search" name="q" aria-label="Search the archive"><button>Search</button>'
    )
    return _page("Search", f"{form}</form>{found}")


def _endless(request: Request) -> Answer:
    return redirect(f"/redirect?n={int(_asked(request, 'n', '0')) + 1}")
