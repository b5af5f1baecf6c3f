"""A second site to act on, made by another hand than tasks_site.py: pages of many owners with the parts that real web
sites are made of (an application routed by its hash, tables, tabs, filters, a listbox, frames, shadow roots, a mega
menu, a dialog), and the consent banners of real consent tools over nine of them.

`TASKS` are questions with the way a person goes to their answers; the pages are in the folder held/, the banners in
banners/: markup, ids, classes and labels as the tools write them, made anew from what is publicly known of them. What a
visitor chose in a banner is asked for as /consent/TOOL/CHOICE, see `choices`. Used by script/drill acting and the tests
of the banners. Never reaches out.
"""

import html
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.fakes.site import Answer, Request, Served, Site, pdf, serving
from tests.fakes.tasks_site import Act, Task

HERE = Path(__file__).resolve().parent
CHOOSE = """<script>function choose(tool, choice, banner) {
  document.documentElement.dataset.consent = choice; new Image().src = `/consent/${tool}/${choice}`; banner.remove() }
</script>"""
LATE = 600  # milliseconds after the page's own text: consent tools are loaded last

TASKS = {
    "hash routes": Task(
        "On which island was the type of Asplenium torvaldii collected?",
        "/herbarium",
        (Act("click", "Cabinet C: Aspleniaceae"), Act("click", "Asplenium torvaldii")),
        "Skarv Island",
    ),
    "data table": Task(
        "What is the highest water level on record at the gauging station Unterhalm?",
        "/stations",
        (Act("fill", "Search:", "Unterhalm"),),
        "743",
    ),
    "tabs under OneTrust": Task(
        "What is the working distance of the 40x objective of the Lumen 40 microscope?",
        "/devices/lumen-40",
        (Act("click", "Technical data"),),
        "0.62 mm",
    ),
    "accordion under Cookiebot": Task(
        "How many working days ahead must a dig in the Marsh Reserve be applied for?",
        "/permits",
        (Act("click", "How early must I apply for the Marsh Reserve?"),),
        "23 working days",
    ),
    "facets under Didomi": Task(
        "Which bean from the Faroe Islands does the Ostrel Seed Bank keep?",
        "/seeds",
        (Act("click", "Bean (9)"), Act("click", "Faroe Islands (10)")),
        "Svartahnoss",
    ),
    "listbox": Task(
        "In which room does Hedvig Aulestad of the Polar Institute work?",
        "/people",
        (Act("fill", "Name", "Hedvig Aulestad"), Act("click", "Hedvig Aulestad, Glaciology")),
        "N-317",
    ),
    "older posts under Quantcast": Task(
        "When did the Ostrel Seed Bank open its second vault?",
        "/press",
        (Act("click", "Show older posts"), Act("click", "Show older posts")),
        "12 September 2011",
    ),
    "endless logbook": Task(
        "What did the survey vessel Terschel find at the edge of the Norre Bank in June 1974?",
        "/log",
        tuple(Act("scroll") for _time in range(6)),
        "the wreck of a cog",
    ),
    "frame under Sourcepoint": Task(
        "When does the last ferry from Hallig Norre leave in winter?",
        "/timetable",
        (
            Act("select", "From", "Hallig Norre"),
            Act("select", "Season", "Winter"),
            Act("click", "Show departures"),
        ),
        "18:52",
    ),
    "shadow roots": Task(
        "What is the lowest temperature ever measured at the Fjellstova mountain station?",
        "/fjell",
        (Act("click", "Show records"),),
        "41.3 °C",
    ),
    "year and month under TrustArc": Task(
        "What did the council of Brackwater decide about the horse tram in March 1911?",
        "/gazette",
        (Act("click", "1911"), Act("click", "March")),
        "extended to the fish market",
    ),
    "search with result pages": Task(
        "Who translated the Book of Salt into Norn?",
        "/library",
        (
            Act("fill", "Search the catalogue", "Book of Salt Norn"),
            Act("next"),
            Act("click", "The Book of Salt, in Norn"),
        ),
        "Isbel Tait",
    ),
    "document library": Task(
        "How much did the harbour board of Brackwater spend on dredging the inner basin in 2003?",
        "/documents",
        (Act("click", "Accounts for the year 2003 (DOCX)"),),
        "412,600 marks",
    ),
    "new window under Usercentrics": Task(
        "Which pigment did the curator find under the varnish of the Halm altarpiece?",
        "/exhibition",
        (Act("click", "Read the curator's essay"),),
        "a blue of crushed vivianite",
    ),
    "letters": Task(
        "What is a wadlock in peat cutting?",
        "/glossary",
        (Act("click", "W"),),
        "a board of alder",
    ),
    "mega menu": Task(
        "What does the mooring of a houseboat cost a year in Ostwick?",
        "/borough",
        (Act("click", "Living here"), Act("click", "Houseboats and moorings")),
        "84 thalers",
    ),
    "dialog": Task(
        "Who gave the narwhal tusk to the Ostwick Museum?",
        "/museum",
        (Act("click", "Close dialog"), Act("click", "Provenance")),
        "Jorn Fehrenbach",
    ),
    "German banner": Task(
        "Wann wurde die Seilbahn auf den Hornkogel stillgelegt?",
        "/de/seilbahn",
        (Act("click", "Weiterlesen"),),
        "31. Oktober 1978",
    ),
    "French banner": Task(
        "Qui a dessiné le vitrail de la chapelle de Saint-Evroul-le-Vieux ?",
        "/fr/chapelle",
        (Act("click", "Suivant"), Act("click", "Suivant")),
        "Aurèle Tissandier",
    ),
    "calendar": Task(
        "On which day in May 2031 is the open day of the Ostrel Seed Bank?",
        "/events",
        (Act("click", "Next month"), Act("click", "Next month"), Act("click", "Open day")),
        "Saturday 17 May 2031",
    ),
}


@contextmanager
def town() -> Iterator[Site]:
    """The site, for the length of the block."""
    with serving(pages()) as site:
        yield site


def choices(site: Site) -> list[str]:
    """What was chosen in the banners so far, each as tool/choice: declined, saved (nothing was ticked), closed,
    selection, or accepted."""
    return [one.path.removeprefix("/consent/") for one in site.requests if one.path.startswith("/consent/")]


def banner(tool: str) -> str:
    """The banner of a consent tool, to be put into a page."""
    return CHOOSE + (HERE / "banners" / f"{tool}.html").read_text()


def frames() -> dict[str, Served]:
    """What the banners that stand in a frame load into it."""
    inside = {
        "/cmp/trustarc": "trustarc.frame",
        "/cmp/sourcepoint/index.html": "sourcepoint.frame",
        "/cmp/sourcepoint/privacy-manager/index.html": "sourcepoint.manager",
    }
    return {path: (HERE / "banners" / f"{name}.html").read_text() for path, name in inside.items()}


def pages() -> dict[str, Served]:
    """The whole site."""
    made: dict[str, Served] = {
        "/": _page("Pages", "".join(f'<p><a href="{task.path}">{task.path[1:]}</a></p>' for task in TASKS.values())),
        "/herbarium": _file("herbarium"),
        "/herbarium/data.json": _json(_HERBARIUM),
        "/stations": _file("stations"),
        "/devices/lumen-40": _file("lumen"),
        "/devices/lumen-40/specs.html": _SPECIFICATION,
        "/devices/lumen-40/accessories.html": "<p>A heated stage, a dust cover, and a camera port.</p>",
        "/permits": _file("permits"),
        "/seeds": _file("seeds"),
        "/people": _file("people"),
        "/people/suggest": _suggest,
        "/people/card": _card,
        "/press": _file("press"),
        "/press/posts.json": _posts,
        "/log": _file("log"),
        "/timetable": _file("timetable"),
        "/timetable/widget": _file("timetable.widget"),
        "/fjell": _file("fjell"),
        "/fjell/hours.txt": _text("At nine it will be cloudy, at noon bright, at six cloudy again."),
        "/fjell/records.txt": _text(
            "The highest temperature was 27.8 °C on 29 July 1947, the lowest temperature ever measured \N{MINUS SIGN}"
            "41.3 °C on 1 February 1956."
        ),
        "/fjell/station.txt": _text("Two observers live at the station for a month at a time."),
        "/library": _library,
        "/library/search": _library,
        "/documents": _page("Documents of the harbour board", _DOCUMENTS),
        "/files/accounts-2003.docx": Answer(docx(_ACCOUNTS), headers={"Content-Type": _DOCX}),
        "/files/minutes-2003.pdf": Answer(pdf([_MINUTES], "Minutes"), headers={"Content-Type": "application/pdf"}),
        "/files/plan-2004.pdf": Answer(pdf([_PLAN], "Plan"), headers={"Content-Type": "application/pdf"}),
        "/internal/ledger-2003": _page("Ledger", "<p>Dredging of the inner basin: 412,600 marks.</p>"),
        "/exhibition": _file("exhibition"),
        "/exhibition/essay": _page("What the microscope saw", _ESSAY),
        "/glossary": _file("glossary"),
        "/borough": _file("borough"),
        "/borough/moorings": _page("Houseboats and moorings", _MOORINGS),
        "/museum": _file("museum"),
        "/de/seilbahn": _file("seilbahn"),
        "/fr/chapelle": _file("chapelle"),
        "/events": _file("events"),
        "/login": _page(
            "Log in", '<form method="post" action="/did"><input type="password"><button>Go</button></form>'
        ),
        "/robots.txt": _text("User-agent: *\nDisallow: /internal/\nDisallow: /login\n"),
    }
    for tool in ("onetrust", "cookiebot", "didomi", "usercentrics", "quantcast", "trustarc", "sourcepoint"):
        made |= {f"/consent/{tool}/{choice}": _text("") for choice in _CHOICES}
    for tool in ("borlabs", "tarteaucitron"):
        made |= {f"/consent/{tool}/{choice}": _text("") for choice in _CHOICES}
    return made | frames() | _gazette()


def docx(paragraphs: list[str]) -> bytes:
    """A small DOCX: one paragraph for each text."""
    space = "http://schemas.openxmlformats.org"
    body = "".join(f"<w:p><w:r><w:t>{html.escape(text)}</w:t></w:r></w:p>" for text in paragraphs)
    types = (
        f'<Types xmlns="{space}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.'
        'openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="'
        f'{_DOCX}.main+xml"/></Types>'
    )
    relations = (
        f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="r1" Type="{space}/officeDocument/'
        '2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
    )
    document = f'<w:document xmlns:w="{space}/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in (
            ("[Content_Types].xml", types), ("_rels/.rels", relations), ("word/document.xml", document)
        ):  # fmt: skip
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + part)
    return file.getvalue()


# --- What the pages say ----------------------------------------------------------------------------------------------
_CHOICES = ("declined", "saved", "closed", "selection", "accepted")
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HERBARIUM = {
    "cabinets": [
        {"id": "a", "name": "Cabinet A: Lycopodiaceae", "note": "Clubmosses", "sheets": ["T-0012"]},
        {"id": "b", "name": "Cabinet B: Dryopteridaceae", "note": "Wood ferns", "sheets": ["T-0107", "T-0110"]},
        {"id": "c", "name": "Cabinet C: Aspleniaceae", "note": "Spleenworts", "sheets": ["T-0231", "T-0233"]},
        {"id": "d", "name": "Cabinet D: Polypodiaceae", "note": "Polypodies", "sheets": ["T-0302"]},
    ],
    "sheets": {
        "T-0012": {"name": "Huperzia askei", "status": "isotype", "text": "Collected on the Halm ridge in 1871."},
        "T-0107": {"name": "Dryopteris marrowensis", "status": "holotype", "text": "Collected near Dahl in 1888."},
        "T-0110": {"name": "Polystichum vesse", "status": "paratype", "text": "Collected at Vessen Mouth in 1902."},
        "T-0231": {"name": "Asplenium brackii", "status": "holotype", "text": "Collected on the moor wall in 1899."},
        "T-0233": {
            "name": "Asplenium torvaldii",
            "status": "holotype",
            "text": "The type of Asplenium torvaldii was collected on Skarv Island by Ragna Moe on 3 August 1894.",
        },
        "T-0302": {"name": "Polypodium ostrelense", "status": "type", "text": "Collected in Ostrel in 1911."},
    },
}
_SPECIFICATION = """<table><caption>Objectives</caption><tr><th>Objective</th><th>Aperture</th><th>Working distance</th>
</tr><tr><td>4x</td><td>0.10</td><td>17.3 mm</td></tr><tr><td>40x</td><td>0.65</td><td>0.62 mm</td></tr></table>
<p>The working distance of the 40x objective is 0.62 mm, that of the 4x objective 17.3 mm.</p>"""
_PEOPLE = [
    ("Hedvig Aulestad", "Glaciology", "N-317"),
    ("Hedda Aune", "Library", "S-012"),
    ("Jon Aulis", "Sea ice", "N-104"),
    ("Hedwig Brandt", "Workshop", "W-003"),
]
_POSTS = [
    ("3 March 2031", "Volunteers wanted", "We look for people who sort seeds on Saturdays."),
    ("14 January 2031", "A new drying room", "The drying room holds forty trays."),
    ("2 November 2029", "Oats from Shetland", "Nineteen landraces of oats came from Shetland."),
    ("9 May 2027", "The bank in numbers", "The bank keeps 4,400 accessions."),
    ("30 August 2022", "A visit from Tyrol", "Twelve gardeners from Tyrol saw the cold store."),
    ("1 April 2018", "New director", "Sanna Kvist becomes director."),
    ("19 June 2014", "Rye in the field again", "The rye of Ostrel is sown again."),
    ("12 September 2011", "Second vault opened", "The Ostrel Seed Bank opened its second vault on 12 September 2011."),
    ("5 February 2006", "A flood in the cellar", "Nothing was lost when the cellar was flooded."),
    ("8 October 1999", "First vault", "The first vault of the seed bank was opened by the mayor."),
]
_BOOKS = [
    "A history of salt",
    "Salt and trade in the north",
    "The salt pans of Ohme",
    "Norn for beginners",
    "A book of knots",
    "The book of hours of Halm",
    "Salt fish: a cookery book",
    "The Book of Salt, in Norn",
    "The Book of Salt, in Latin",
    "Peat and salt",
]
_NOTES = {
    "The Book of Salt, in Norn": "The Book of Salt was translated into Norn by Isbel Tait and printed in Ohme in 1712.",
    "The Book of Salt, in Latin": "The Latin text of the Book of Salt is by an unknown monk.",
}
_DOCUMENTS = """<p>Minutes, accounts and plans of the harbour board of Brackwater since it was founded.</p>
<table><tr><th>Document</th><th>Size</th></tr>
<tr><td><a href="/files/minutes-2003.pdf">Minutes of the board, 2003 (PDF)</a></td><td>41 KB</td></tr>
<tr><td><a href="/files/accounts-2003.docx">Accounts for the year 2003 (DOCX)</a></td><td>18 KB</td></tr>
<tr><td><a href="/files/plan-2004.pdf">Plan of works, 2004 (PDF)</a></td><td>39 KB</td></tr>
<tr><td><a href="/internal/ledger-2003">Ledger of the harbour board 2003: dredging (staff)</a></td><td></td></tr>
</table>"""
_ACCOUNTS = [
    "Accounts of the harbour board of Brackwater for the year 2003",
    "Repairs of the quays cost 188,200 marks. Dredging the inner basin cost 412,600 marks in 2003.",
    "Harbour dues brought in 903,000 marks.",
]
_MINUTES = "The board met four times in 2003. It spoke of the lamps on the mole and of the price of ice."
_PLAN = "In 2004 the mole is to be made longer by thirty metres."
_ESSAY = """<p>We began with the left wing. Under the varnish lay dirt, and under the dirt colours that no copy
shows.</p><p>The robe of the saint, long taken for black, turned out to be a blue of crushed vivianite, the pigment that
we found under the varnish of the altarpiece in eleven places.</p>"""
_MOORINGS = """<p>A houseboat needs a mooring of the borough.</p><table><tr><th>Kind</th><th>Fee</th></tr>
<tr><td>Visitor, a night</td><td>6 thalers</td></tr><tr><td>Houseboat, a year</td><td>84 thalers</td></tr></table>
<p>The mooring of a houseboat costs 84 thalers a year, electricity not included.</p>"""
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_TRAM = "The council of Brackwater decided on 9 March 1911 that the horse tram be extended to the fish market."


def _gazette() -> dict[str, Served]:
    """The gazette: its years, their months, and what was printed in each."""
    years = range(1880, 1931)
    listed = "".join(f'<li><a href="/gazette/{year}/">{year}</a></li>' for year in years)
    made: dict[str, Served] = {
        "/gazette": _page("The Brackwater Gazette", f"<p>Browse by year.</p><ul>{listed}</ul><!--banner trustarc-->")
    }
    for year in years:
        months = "".join(f'<li><a href="/gazette/{year}/{month.lower()}/">{month}</a></li>' for month in _MONTHS)
        made[f"/gazette/{year}/"] = _page(f"The Brackwater Gazette, {year}", f"<ul>{months}</ul>")
        for month in _MONTHS:
            told = _TRAM if (year, month) == (1911, "March") else f"Little happened in {month} {year}: prices, weather."
            made[f"/gazette/{year}/{month.lower()}/"] = _page(f"{month} {year}", f"<p>{told}</p>")
    return made


def _file(name: str) -> Answer:
    return _finished((HERE / "held" / f"{name}.html").read_text())


def _page(title: str, body: str) -> Answer:
    return _finished(
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{html.escape(title)}</title></head><body>"
        f'<p><a href="/">All pages</a></p><h1>{html.escape(title)}</h1>{body}</body></html>'
    )


def _finished(page: str) -> Answer:
    """The page with its banner, which comes late, as a consent tool's does."""
    before, mark, after = page.partition("<!--banner ")
    if not mark:
        return Answer(page)
    tool, _end, after = after.partition("-->")
    inside = json.dumps(banner(tool)).replace("</", "<\\/")
    late = f"document.body.append(document.createRange().createContextualFragment({inside}))"
    return Answer(f"{before}<script>setTimeout(() => {late}, {LATE})</script>{after}")


def _text(text: str) -> Answer:
    return Answer(text, headers={"Content-Type": "text/plain; charset=utf-8"})


def _json(value: object) -> Answer:
    return Answer(json.dumps(value), headers={"Content-Type": "application/json"})


def _asked(request: Request, name: str, default: str = "") -> str:
    return parse_qs(urlsplit(request.path).query).get(name, [default])[0]


def _suggest(request: Request) -> Answer:
    words = _asked(request, "q").lower().split()
    found = [(at, one) for at, one in enumerate(_PEOPLE) if all(word in one[0].lower() for word in words)]
    return _json([{"id": at, "label": f"{one[0]}, {one[1]}"} for at, one in found])


def _card(request: Request) -> Answer:
    name, group, room = _PEOPLE[int(_asked(request, "id", "0"))]
    return Answer(f"<h2>{name}</h2><p>{name} works in the group {group}, room {room}, telephone 55 {room[-3:]}.</p>")


def _posts(request: Request) -> Answer:
    start = int(_asked(request, "from", "0"))
    told = [dict(zip(("date", "title", "text"), post, strict=True)) for post in _POSTS[start : start + 3]]
    return _json({"posts": told, "more": start + 3 < len(_POSTS)})


def _library(request: Request) -> Answer:
    """The catalogue: a search field, the titles that have any of the words, four a page, and each title's card."""
    asked, number, card = _asked(request, "q"), int(_asked(request, "page", "1")), _asked(request, "card")
    form = (
        '<form role="search" action="/library/search" method="get"><input type="search" name="q" '
        f'placeholder="Search the catalogue" value="{html.escape(asked)}"><button type="submit" '
        'aria-label="Submit search">&#128269;</button></form>'
    )
    if card:
        title = _BOOKS[int(card)]
        return _page(title, f"{form}<p>{_NOTES.get(title, 'One copy, in the reading room.')}</p>")
    words = asked.lower().split()
    found = [at for at, title in enumerate(_BOOKS) if any(word in title.lower() for word in words)]
    shown = "".join(
        f'<li><a href="/library?card={at}">{html.escape(_BOOKS[at])}</a></li>'
        for at in found[4 * number - 4 : 4 * number]
    )
    query = html.escape(asked.replace(" ", "+"))
    last = -(-len(found) // 4)
    onward = (
        f'<li><a href="/library/search?q={query}&page={number + 1}">Next &rsaquo;</a></li>' if number < last else ""
    )
    counted = f"<p>{len(found)} titles, page {number} of {last}</p>" if found else "<p>No titles yet.</p>"
    return _page(
        "Catalogue of the town library", f'{form}{counted}<ol>{shown}</ol><ul class="pagination">{onward}</ul>'
    )
