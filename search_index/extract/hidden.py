"""What of an HTML page nobody sees, which may be meant for machines alone: it is taken out of the tree before the text
is made, so no span ever has to move, and what is telling of it becomes a flag of the page.

Hidden is what inline styles, the page's own <style> rules for a class, an id or a tag, and attributes say so of: not
displayed, without size, without contrast to its background, off the screen, for scripts only. Style sheets elsewhere
are not fetched. Most of what real pages hide are menus and dialogs; so a page is flagged only where words are hidden in
a way that no menu needs, or where what is hidden (comments too) addresses a machine. Pure. Called by html.py.
"""

import re
from collections.abc import Iterator
from typing import Any

from lxml.etree import XPath

from search_index.extract.document import HIDDEN, INSTRUCTIONS, INVISIBLE, smuggled
from search_index.judgement.instructions import instructs

MOST_CSS = 400_000  # characters of a page's own style rules that are looked at
MOST_HIDDEN = 100_000  # characters of hidden text in which instructions are looked for
WORDS = 4  # hidden without contrast or size: fewer are a spacer, a label or a counter
CONTRAST = 12  # of 255, in each of red, green and blue: nobody sees a smaller difference

# Not the body: a page that scripts uncover is seen.
_BY_ITSELF = "@style or @hidden or @aria-hidden='true' or @color or self::template or self::noscript"
_PERHAPS_HIDDEN = XPath(f"body/descendant::*[{_BY_ITSELF}]")
_STYLED = XPath(f"body/descendant::*[@class or @id or {_BY_ITSELF}]")
_ALL = XPath("body/descendant::*")
_OWN_SIZES = XPath("boolean(descendant::*[@class or @style or self::h1 or self::h2 or self::h3 or self::small])")
_TEXTS = XPath("descendant::text()[not(parent::script or parent::style)]", smart_strings=False)
_SHEETS = XPath("//style/text()")
_LINKED_SHEET = XPath("boolean(//link[contains(@rel, 'stylesheet')])")
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)

_GONE = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|clip:rect\((?:0|1)(?:px)?[, ]"
    r"|clip-path:(?:inset\((?:50|100)%|circle\(0)|(?<![-\w])opacity:0?(?:\.0\d*)?(?![.\d]*[1-9])(?=;|$|!|%)"
)
# How text is hidden that is displayed all the same: interfaces have little need of these.
_CONCEALED = re.compile(
    r"(?<![-\w])(?:font-size:(?:0(?![.\d]*[1-9])|1(?:px|pt)(?![\w.]))|color:transparent"
    r"|(?:text-indent|left|right|top|margin-left|margin-top):-(?:\d{4,}|\d{3,}(?:r?em|vw|vh|%))"
    r"|transform:(?:scale\(0\)|translate[xy]?\(-\d{4,}))"
)
_NO_ROOM = re.compile(r"(?:^|;)(?:max-)?(?:height|width):0(?:px)?(?:;|$|!)")
_INK = re.compile(r"(?:^|;)color:([^;!]+)")
_GROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;!]+)")
_DECLARATION = re.compile(r"([\w-]+):([^;]+)")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SIMPLE = re.compile(r"(?:[\w-]*[.#][\w-]+|[a-z]\w*)")
_COLOUR = re.compile(r"#[0-9a-f]{3,8}|rgba?\([^)]*\)|[a-z]+")
_NAMED = {"white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240)}
_NAMED |= {"whitesmoke": (245, 245, 245), "red": (255, 0, 0), "yellow": (255, 255, 0), "blue": (0, 0, 255)}
_NAMED |= {"gray": (128, 128, 128), "grey": (128, 128, 128), "silver": (192, 192, 192), "green": (0, 128, 0)}
Colour = tuple[int, int, int]


def drop_hidden(tree: Any, page: str) -> tuple[int, list[str]]:
    """Take what nobody sees out of `tree`, which was parsed from `page`; how many pieces with words it was, and the
    flags that a reader of the page needs."""
    styles = _Styles(tree)
    pieces: list[str] = []
    concealed = False
    for element in styles.candidates(tree):
        if element.getparent() is None or not (how := styles.hides(element)):
            continue
        if said := " ".join("".join(element.itertext()).split()):
            pieces.append(said)
            concealed = concealed or (how == "concealed" and len(said.split()) >= WORDS)
        element.drop_tree()
    noted = [*pieces, *(found[1] for found in _COMMENT.finditer(page))] if "<!--" in page else pieces
    instructed = instructs("\n".join(noted)[:MOST_HIDDEN])
    text = "".join(_TEXTS(tree))
    flags = {
        HIDDEN: concealed or instructed,
        INVISIBLE: smuggled(text) > 0,
        INSTRUCTIONS: instructed,
    }
    return len(pieces), [flag for flag, holds in flags.items() if holds]


class _Styles:
    """The page's own rules as far as they hide: by selector, what they declare; and the grounds that they paint."""

    def __init__(self, tree: Any) -> None:
        self.rules: dict[str, str] = {}
        self.grounds: dict[str, str] = {}
        self.is_plain = not _LINKED_SHEET(tree)  # nothing but the page itself says how it looks: its ground is white
        css = "\n".join(_SHEETS(tree))[:MOST_CSS].lower()
        others: list[tuple[str, str]] = []  # rules that hold sometimes, or for more than a name
        for head, declared, is_conditional in _rules(_CSS_COMMENT.sub("", css) if "/*" in css else css):
            paints = "background" in declared
            if is_conditional or not _SIMPLE.fullmatch(head):
                others.append((head, declared))
            for selector in map(str.strip, head.split(",")):
                if is_conditional or not _SIMPLE.fullmatch(selector):
                    self.is_plain = self.is_plain and not paints
                    continue
                if paints:
                    self.grounds[selector] = declared
                if selector in {"html", "body", "div", "p"}:
                    continue
                if _way(declared) or self._is_faint(declared):
                    self.rules[selector] = f"{self.rules.get(selector, '')};{declared}"
                elif selector in self.rules:  # a later rule may show it again
                    self.rules[selector] += f";{declared}"
        self.rules = {each: own for each, own in self.rules.items() if not self._is_shown(each, own, others)}

    def candidates(self, tree: Any) -> Any:
        """The elements that may be hidden, in the page's order."""
        if not self.rules:
            return _PERHAPS_HIDDEN(tree)
        return (_STYLED if all("." in rule or "#" in rule for rule in self.rules) else _ALL)(tree)

    def hides(self, element: Any) -> str:
        """How the element is hidden: "gone", "concealed", or "" where it is seen."""
        if (
            element.tag in {"template", "noscript"}
            or element.get("hidden") is not None
            or element.get("aria-hidden") == "true"
        ):
            return "gone"
        style = self._of(element, self.rules)
        if not style:
            return ""
        if way := _way(style):
            # Without a size of its own a container only closes the gaps between what is in it.
            return "" if way == "concealed" and "font-size" in style and _OWN_SIZES(element) else way
        return "concealed" if _INK.search(style) and self._is_as_its_ground(element, style) else ""

    @staticmethod
    def _of(element: Any, rules: dict[str, str]) -> str:
        """What is declared for an element, each property once: by itself before what is declared by rules."""
        own = "".join((element.get("style") or "").lower().split())
        if colour := element.get("color"):  # <font color>
            own = f"color:{colour.lower()};{own}"
        if ground := element.get("bgcolor"):
            own = f"background:{ground.lower()};{own}"
        if not rules:
            return own
        names = [f".{one}" for one in (element.get("class") or "").lower().split()]
        names += [f"#{own_id.lower()}"] if (own_id := element.get("id")) else []
        names = [element.tag, *names, *(element.tag + name for name in names)]
        ruled = ";".join([rules[name] for name in names if name in rules])
        if not ruled:
            return own
        return ";".join(f"{prop}:{value}" for prop, value in dict(_DECLARATION.findall(f"{ruled};{own}")).items())

    @staticmethod
    def _is_shown(selector: str, own: str, others: list[tuple[str, str]]) -> bool:
        """Whether another rule says otherwise for what hides: on hover, on a wide screen, inside something else."""
        found = _GONE.search(own) or _CONCEALED.search(own)
        if found is None:
            return False
        name, said = selector[max(selector.find("."), selector.find("#"), 0) :], found.group().partition(":")[0] + ":"
        return any(name in head and said in declared and not _way(declared) for head, declared in others)

    def _is_faint(self, declared: str) -> bool:
        """Whether a rule gives words the colour of its own ground, or white where no other ground is known."""
        ink, ground = _INK.search(declared), _GROUND.search(declared)
        colour = _colour(ink[1]) if ink else None
        behind = _colour(ground[1]) if ground else _NAMED["white"]
        return colour is not None and behind is not None and _alike(colour, behind)

    def _is_as_its_ground(self, element: Any, style: str) -> bool:
        """Whether the element's words have the colour of what is behind them, as far as the page itself says."""
        ink = _colour(found[1]) if (found := _INK.search(style)) else None
        if ink is None:
            return False
        at = element
        while at is not None:
            ground = _GROUND.search(self._of(at, self.grounds))
            if ground and not any(word in ground[1] for word in ("transparent", "inherit", "none")):
                behind = None if "(" in ground[1] and "rgb" not in ground[1] else _colour(ground[1])
                return behind is not None and _alike(ink, behind)
            at = at.getparent()
        return self.is_plain and _alike(ink, _NAMED["white"])


def _way(declared: str) -> str:
    """How declarations hide: "gone", "concealed", or ""."""
    if _GONE.search(declared):
        return "gone"
    if _CONCEALED.search(declared) or ("overflow:hidden" in declared and _NO_ROOM.search(declared)):
        return "concealed"
    return ""


def _rules(css: str) -> Iterator[tuple[str, str, bool]]:
    """(selectors, declarations without white space, whether it holds only under a condition) of the rules that tell
    how something is seen."""
    depth = 0
    for piece in css.split("}"):  # "head{declarations", after the "@media ...{" that it may be the first in
        *outer, declared = piece.split("{")
        depth = max(depth + len(outer) - 1, 0)  # a piece without a brace ends what is around it
        if outer and any(word in declared for word in _TELLING):
            head = outer[-1].rpartition(";")[2].strip()
            if not head.startswith("@"):
                yield head, "".join(declared.split()), depth > 0


_TELLING = (
    "display",
    "visib",
    "opacity",
    "font-size",
    "color",
    "background",
    "indent",
    "left",
    "top",
    "clip",
    "height",
)


def _colour(text: str) -> Colour | None:
    """The first colour that a declaration names, as red, green and blue; None where it names none that is known, or
    one that lets something shine through."""
    for found in _COLOUR.findall(text):
        if found.startswith("#") and len(found) == 4:
            return int(found[1] * 2, 16), int(found[2] * 2, 16), int(found[3] * 2, 16)
        if found.startswith("#") and len(found) == 7:
            return int(found[1:3], 16), int(found[3:5], 16), int(found[5:7], 16)
        parts = re.findall(r"[\d.]+", found)
        if found.startswith("rgb") and len(parts) in (3, 4) and all(part.isdecimal() for part in parts):
            solid = len(parts) == 3 or parts[3] == "1"
            return (int(parts[0]), int(parts[1]), int(parts[2])) if solid else None
        if found in _NAMED:
            return _NAMED[found]
    return None


def _alike(one: Colour, other: Colour) -> bool:
    return all(abs(a - b) <= CONTRAST for a, b in zip(one, other, strict=True))
