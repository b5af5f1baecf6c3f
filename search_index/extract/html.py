"""The text of an HTML page: trafilatura finds the main part and the metadata, the walk below sets it as text.

Headings stand alone, list items begin with "- ", code is indented by four spaces, a table's row is one line; links and
images leave only their words. Addresses are collected from the whole page. Pure: no Django, no I/O.
Called by extractors.py, and for what is all text by epub.py and mail.py.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urldefrag, urljoin

from lxml.etree import ParserError
from lxml.html import HTMLParser, document_fromstring
from trafilatura import bare_extraction
from trafilatura.settings import Document

from search_index.errors import Unreadable
from search_index.extract.charset import decoded
from search_index.extract.document import MAX_LINKS, Extracted, Writer, name_of, normalised, one_line
from search_index.extract.hidden import drop_hidden
from search_index.extract.kinds import kinds
from search_index.extract.markup import set_whole

MANY_LINKS = 2000  # on a page that names no main part: of an article, a few hundred
LINKS_SHARE = 0.8  # of Python's documentation, tables of contents have 0.85 to 1.0, pages of prose up to 0.7
_EARLIEST = date(1990, 1, 1)  # an older "date of publication" is that of the subject, not of the page
# The sign beside a heading that links to itself: part of no text.
_PERMALINKS = "//a[contains(@class, 'headerlink') or contains(@class, 'anchor-link') or contains(@class, 'anchorjs')]"
# Ids made from headings ("multiple-unrelated-exceptions", "how-to-share"): trafilatura would take the section for a
# list of related pages or for share buttons, and drop it. Measured on Python's documentation: LOG.md.
_SLUGGED = (
    "//*[self::section or self::dt or self::dl or self::span or self::h1 or self::h2 or self::h3 or self::h4"
    " or self::h5 or self::h6 or self::div[contains(concat(' ', @class, ' '), ' section ')]][@id]"
)
# Links in the running text of documentation made by docutils: lists full of them are content here, not navigation.
_REFERENCES = "//*[@role='main']//a[contains(concat(' ', @class, ' '), ' reference ')]"
_BLOCKS = frozenset({"p", "head", "list", "item", "table", "row", "cell", "quote", "div", "body"})


def extract_html(body: bytes, content_type: str, url: str) -> Extracted:
    """What an HTML page says. Raises Unreadable where there is no HTML at all."""
    page = decoded(body, content_type)
    tree = _parsed(page)
    links = list(_links(tree, url))
    wishes = _wishes(tree, url)
    said = kinds(tree)
    hidden, flags = drop_hidden(tree, page)
    title = one_line(tree.findtext(".//title") or "")
    language = (tree.get("lang") or "").partition("-")[0].lower()[:10]
    if _only_links(tree):
        return Extracted(
            text="",
            title=title or name_of(url),
            language=language,
            links=links,
            kinds=said,
            only_links=True,
            hidden=hidden,
            flags=flags,
            **wishes,
        )
    for permalink in tree.xpath(_PERMALINKS):
        permalink.drop_tree()
    for section in tree.xpath(_SLUGGED):
        del section.attrib["id"]
    for reference in tree.xpath(_REFERENCES):
        reference.drop_tag()
    found = bare_extraction(
        tree,
        url=url if url.startswith("http") else None,
        include_comments=False,
        include_formatting=True,  # or the walk below would not know code from prose
        with_metadata=True,
        date_extraction_params={"extensive_search": False, "original_date": True},  # no guessing from the text
    )
    if not isinstance(found, Document) or found.body is None:
        named = title or name_of(url)
        return Extracted(
            text="",
            title=named,
            language=language,
            links=links,
            kinds=said,
            hidden=hidden,
            flags=flags,
            **wishes,
        )
    writer = Writer()
    _walk(found.body, writer)
    return Extracted(
        text=writer.text,
        title=one_line(found.title or "") or title or name_of(url),
        author=one_line(found.author or "", 200),
        published_on=_day(found.date),
        language=language,
        headings=writer.headings,
        links=links,
        kinds=said,
        hidden=hidden,
        flags=flags,
        **wishes,
    )


def extract_whole(body: bytes, content_type: str, url: str) -> Extracted:
    """What HTML says that is all text and nothing around it: a chapter of a book, a mail."""
    page = decoded(body, content_type)
    tree = _parsed(page)
    hidden, flags = drop_hidden(tree, page)
    writer = Writer()
    set_whole(tree.find("body"), writer)
    return Extracted(
        text=writer.text,
        title=one_line(tree.findtext(".//title") or ""),
        headings=writer.headings,
        links=list(_links(tree, url)),
        hidden=hidden,
        flags=flags,
    )


def _parsed(text: str) -> Any:
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False)
    try:
        return document_fromstring(text.encode("utf-8", "replace"), parser=parser, ensure_head_body=True)
    except (ParserError, ValueError) as error:
        raise Unreadable("empty", "The page is empty.") from error


def _links(tree: Any, url: str) -> Iterator[str]:
    """The absolute http(s) addresses that the page links to, without fragments, each once, in the page's order."""
    base = next((href for href in tree.xpath("//base/@href") if href.strip()), "")
    seen: set[str] = set()
    for href in tree.xpath("//a/@href | //area/@href"):
        try:
            address = urldefrag(urljoin(urljoin(url, base.strip()), href.strip())).url
        except ValueError:  # "http://[half"
            continue
        if address.startswith(("http://", "https://")) and address not in seen:
            seen.add(address)
            yield address
        if len(seen) >= MAX_LINKS:
            return


def _wishes(tree: Any, url: str) -> dict[str, Any]:
    """What the page asks of whoever indexes it: by which address to know it, and whether to index it and follow it."""
    asked = " ".join(tree.xpath("//meta[translate(@name, 'ROBTS', 'robts') = 'robots']/@content")).lower()
    words = set(re.split(r"[\s,]+", asked))
    try:
        named = [urldefrag(urljoin(url, href.strip())).url for href in tree.xpath("//link[@rel='canonical']/@href")]
    except ValueError:
        named = []
    canonical = named[0] if named and named[0].startswith(("http://", "https://")) else ""
    return {
        "canonical": canonical,
        "noindex": not words.isdisjoint({"noindex", "none"}),
        "nofollow": not words.isdisjoint({"nofollow", "none"}),
    }


def _only_links(tree: Any) -> bool:
    """Whether the main part, where the page names one, or the whole page, is a list of links and nothing else."""
    parts = tree.xpath("//main | //*[@role='main']")
    if not parts and tree.xpath("count(descendant::a)") > MANY_LINKS:
        parts = tree.xpath("//body")
    for main in parts:
        size = _size(main)
        return size > 500 and sum(_size(link) for link in main.iter("a")) > LINKS_SHARE * size
    return False


def _size(element: Any) -> int:
    return sum(len(text.strip()) for text in element.itertext())


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
    return day if _EARLIEST <= day <= datetime.now(UTC).date() else None


def _walk(element: Any, writer: Writer) -> None:
    """Append a container's content: its own words and inline children as paragraphs, its blocks as blocks."""
    loose: list[str] = [element.text or ""]
    for child in element:
        if child.tag in _BLOCKS or _is_code_block(child):
            writer.block(_inline("".join(loose)))
            loose = [child.tail or ""]
            _SETTERS.get(child.tag, _walk)(child, writer)
        else:
            loose.append(_words(child) + (child.tail or ""))
    writer.block(_inline("".join(loose)))


def _head(element: Any, writer: Writer) -> None:
    level = (element.get("rend") or "h2")[1:]
    writer.heading(_inline(_words(element)), int(level) if level in "123456" else 2)


def _paragraph(element: Any, writer: Writer) -> None:
    if any(_is_code_block(child) or child.tag in _BLOCKS for child in element):
        _walk(element, writer)
    else:
        writer.block(_inline(_words(element)))


def _list(element: Any, writer: Writer) -> None:
    """Items on lines of their own; of a definition list, the term above its definition."""
    tight = False
    for item in element:
        term, definition = (item.get("rend") or "").startswith("dt"), (item.get("rend") or "").startswith("dd")
        inner = Writer()
        _walk(item, inner)
        mark = "" if term or definition else "- "
        writer.nest(inner, mark, gap="\n" if tight or definition else "\n\n")
        tight = not term and not definition


def _code(element: Any, writer: Writer) -> None:
    lines = normalised("".join(element.itertext())).strip("\n").split("\n")
    writer.block("\n".join("    " + line if line else "" for line in lines))


def _quote(element: Any, writer: Writer) -> None:
    """A block quotation; trafilatura also makes one of preformatted text that it does not take for code."""
    text = "".join(element.itertext())
    if len(element) == 0 and re.search(r"\n[ \t]+\S", text):
        _code(element, writer)
    else:
        _walk(element, writer)


def _table(element: Any, writer: Writer) -> None:
    rows = [([_inline(_words(cell)) for cell in row.iter("cell")], _is_head(row)) for row in element.iter("row")]
    rows = [(cells, head) for cells, head in rows if any(cells)]
    writer.table([cells for cells, _head in rows], header=(rows[0][1] or None) if rows else None)


def _is_head(row: Any) -> bool:
    return all(cell.get("role") == "head" for cell in row.iter("cell"))


def _is_code_block(element: Any) -> bool:
    return element.tag == "code" and "\n" in "".join(element.itertext()).strip()


def _words(element: Any) -> str:
    """All words of an element in their order; a line break leaves a space."""
    parts = [element.text or ""]
    for child in element:
        parts += [" " if child.tag == "lb" or child.tag in _BLOCKS else "", _words(child), child.tail or ""]
    return "".join(parts)


def _inline(text: str) -> str:
    return " ".join(normalised(text).replace("¶", "").split())


_SETTERS: dict[str, Callable[[Any, Writer], None]] = {
    "head": _head,
    "p": _paragraph,
    "list": _list,
    "code": _code,
    "quote": _quote,
    "table": _table,
}
