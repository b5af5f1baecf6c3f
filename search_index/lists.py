"""Lists of sources as text, in and out: OPML, which feed readers exchange, and CSV, which table programs write.

Pure: sources are handed in, rows handed out; what is wrong with a row stands in it, so that one bad row keeps no other
out. Whether a row is a source already, and whether its location can be used, sources.py says. Called by the admin.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from lxml import etree

from search_index.errors import BadSource
from search_index.models import Boost, Source, SourceClass

# Settings of a source that are no text, and how each is read from one. Booleans as table programs write them.
_NUMBERS: dict[str, Callable[[str], float]] = {"max_pages": int, "max_depth": int, "delay": float, "boost": int}
_YES, _NO = frozenset({"true", "yes", "1", "wahr", "vrai"}), frozenset({"false", "no", "0", "falsch", "faux"})
_TEXTS = ("collection", "source_class", "allow", "deny")
SETTINGS = (*_TEXTS, *_NUMBERS, "keep_fresh")
COLUMNS = ("name", "location", "kind", *SETTINGS)
# A name, not a place: of our own attributes, which other readers ignore.
_NAMESPACE = "https://github.com/scenthound/opml"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is run by table programs


@dataclass(frozen=True)
class Listed:
    """One row of a list: what sources.add() wants to know, the source's settings as far as they are given, and what is
    wrong with it, in a sentence."""

    location: str
    name: str = ""
    kind: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def collection(self) -> str:
        return str(self.settings.get("collection", ""))


def imported(text: str) -> list[Listed]:
    """The sources of a list, whichever of the two it is, each location once: a second one has the problem that it is
    in the list twice. Raises BadSource where it is neither, or empty."""
    listed = (
        read_opml(text.encode("utf-8", "surrogatepass")) if text.lstrip("\ufeff \t\r\n")[:1] == "<" else read_csv(text)
    )
    if not listed:
        raise BadSource("empty", _("The list names no source."))
    seen: set[tuple[str, str]] = set()
    rows = []
    for one in listed:
        known = (one.kind, one.location) in seen
        seen.add((one.kind, one.location))
        twice = _("It is in the list twice.") if known and not one.problem else one.problem
        rows.append(Listed(one.location, one.name, one.kind, one.settings, twice))
    return rows


def read_opml(text: bytes) -> list[Listed]:
    """The feeds and sites of an OPML file; the outline around one is its collection. Raises BadSource("format")."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(text.removeprefix(b"\xef\xbb\xbf").strip(), parser)
    except etree.XMLSyntaxError as error:
        raise BadSource("format", _("It is no OPML: %s.") % error) from error
    if root is None or etree.QName(root).localname.lower() != "opml":
        raise BadSource("format", _("It is XML, but no OPML."))
    return [_outline(outline) for outline in root.iter("{*}outline") if _location(outline)]


def read_csv(text: str) -> list[Listed]:
    """The rows of a table whose head line names a column `location`; commas, semicolons or tabs between its cells.

    Raises BadSource("format").
    """
    text = text.removeprefix("\ufeff")
    head = text.lstrip().partition("\n")[0]
    between = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text.lstrip(), newline=""), delimiter=between)
    try:
        columns = {name: (name or "").strip().lower() for name in rows.fieldnames or []}
        if "location" not in columns.values():
            raise BadSource("format", _("Its first line has to name the columns, one of them “location”."))
        cells = [{columns.get(name, ""): value for name, value in row.items()} for row in rows]
    except csv.Error as error:
        raise BadSource("format", _("It cannot be read as a table: %s.") % error) from error
    given = [{name: _plain(value) for name, value in row.items() if isinstance(value, str)} for row in cells]
    return [_listed(row) for row in given if row.get("location")]


def write_opml(sources: Iterable[Source]) -> str:
    """Those of the sources that have a web address, by collection; other readers find the feeds among them."""
    root = etree.Element("opml", version="2.0", nsmap={"scenthound": _NAMESPACE})
    etree.SubElement(etree.SubElement(root, "head"), "title").text = "Scenthound"
    body = etree.SubElement(root, "body")
    groups = {"": body}
    for source in sources:
        if not source.location.startswith(("http://", "https://")):
            continue
        if source.collection not in groups:
            groups[source.collection] = etree.SubElement(body, "outline", text=source.collection)
        feed = source.kind == Source.Kind.FEED
        given = {"text": source.name, "title": source.name, "type": "rss" if feed else "link"}
        given["xmlUrl" if feed else "url"] = source.location
        own = {"kind": source.kind, **{name: value for name, value in _settings(source) if name != "collection"}}
        given |= {f"{{{_NAMESPACE}}}{name}": value for name, value in own.items()}
        etree.SubElement(groups[source.collection], "outline", given)
    return str(etree.tostring(root, encoding="unicode", pretty_print=True))


def write_csv(sources: Iterable[Source]) -> str:
    """The sources as a table that read_csv takes back as it was."""
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    for source in sources:
        cells = {"name": source.name, "location": source.location, "kind": source.kind, **dict(_settings(source))}
        rows.writerow([_safe(cells.get(name, "")) for name in COLUMNS])
    return out.getvalue()


def _outline(outline: "etree._Element") -> Listed:
    own = {name: outline.get(f"{{{_NAMESPACE}}}{name}", "") for name in ("kind", *SETTINGS)}
    above = outline.getparent()
    inside = above is not None and etree.QName(above).localname == "outline"
    group = (above.get("text") or above.get("title") or "") if inside and above is not None else ""
    feed = Source.Kind.FEED if outline.get("xmlUrl") else ""
    name = outline.get("title") or outline.get("text") or ""
    given = {"location": _location(outline), "name": name, "collection": group, **_given(own)}
    return _listed({"kind": feed, **given})


def _location(outline: "etree._Element") -> str:
    return (outline.get("xmlUrl") or outline.get("url") or outline.get("htmlUrl") or "").strip()


def _listed(row: Mapping[str, str]) -> Listed:
    settings: dict[str, Any] = {}
    problems = []
    for name, text in _given({name: row.get(name, "") for name in SETTINGS}).items():
        try:
            settings[name] = _setting(name, text)
        except ValueError:
            problems.append(_("“%(text)s” is no value for %(name)s.") % {"text": text[:40], "name": name})
    kind = row.get("kind", "").lower()
    if kind and (kind not in Source.Kind.values or kind == Source.Kind.LIVE):
        problems.append(_("There are no sources of the kind “%s”.") % kind[:40])
    return Listed(row["location"], " ".join(row.get("name", "").split())[:90], kind, settings, " ".join(problems))


def _given(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: text.strip() for name, text in texts.items() if text.strip()}


def _setting(name: str, text: str) -> Any:
    """The value that a text stands for. Raises ValueError where the source could not have it."""
    if name in _NUMBERS:
        number = _NUMBERS[name](text)
        least, most = {"max_pages": (1, 2**31 - 1), "max_depth": (0, 32_767), "delay": (0, 120)}.get(name, (-1, 1))
        if not least <= number <= most:
            raise ValueError(text)
        return number
    if name == "keep_fresh":
        if text.lower() not in _YES | _NO:
            raise ValueError(text)
        return text.lower() in _YES
    if name == "source_class" and text not in SourceClass.values:
        raise ValueError(text)
    return text[:100] if name == "collection" else text


def _settings(source: Source) -> Iterator[tuple[str, str]]:
    """The source's settings as texts; those that say nothing are left out."""
    for name in SETTINGS:
        value = getattr(source, name)
        if name not in {*_TEXTS, "boost"} or value not in {"", Boost.NEUTRAL}:
            yield name, str(value).lower() if name == "keep_fresh" else str(value)


def _safe(cell: str) -> str:
    """A cell that no table program takes for a formula. Numbers are none."""
    if not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _plain(cell: str) -> str:
    """What a cell says, without the sign that _safe may have set before it."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
