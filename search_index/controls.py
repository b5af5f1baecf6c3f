"""What can be acted upon on a page: its accessibility snapshot (Playwright's, in the form made for models) as controls.

Pure: text in, values out. Called by tabs.py, doing.py and consent.py.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from search_index.values import Control

MOST = 400  # controls of one page: links beyond that are left out, which are in the page's links as well
NAME_LENGTH = 200  # characters
OPTIONS = 1000  # of one list
ROLES = frozenset(
    {"link", "button", "tab", "treeitem", "option", "textbox", "searchbox", "combobox", "spinbutton", "listbox"}
    | {"checkbox", "radio", "switch", "slider", "menuitem", "menuitemcheckbox", "menuitemradio"}
)
FIELDS = frozenset({"textbox", "searchbox", "combobox", "spinbutton"})  # what can be filled in
# What keys do something to that a click does not; of the others, Enter is a click.
KEYED = ROLES - {"link", "button", "checkbox", "switch"}
# One line: its depth, the role, the name, what is known of it in brackets, and its text.
_LINE = re.compile(
    r'(?P<role>[a-z/]+)(?: "(?P<name>(?:[^"\\]|\\.)*)")?(?P<states>(?: \[[^\]]*\])*)(?::(?: (?P<text>.*))?)?'
)
_REF = re.compile(r"\[ref=(\w+)\]")


@dataclass(frozen=True)
class Node:
    """One line of the snapshot. `parent` is the place of the line that it belongs to, -1 at the top."""

    parent: int
    role: str
    name: str
    ref: str  # what Playwright finds the element by: "aria-ref=<ref>"; empty where it has none
    states: str  # "[checked] [cursor=pointer]"
    text: str


def nodes(snapshot: str) -> list[Node]:
    """The lines of the snapshot, in their order."""
    found: list[Node] = []
    above: list[tuple[int, int]] = []  # depths and places of the lines that the next one may belong to
    for line in snapshot.splitlines():
        depth = len(line) - len(line.lstrip(" "))
        match = _LINE.fullmatch(_unquoted(line.strip().removeprefix("- ")))
        if match is None:
            continue
        while above and above[-1][0] >= depth:
            above.pop()
        ref = _REF.search(match["states"])
        text = match["text"] or ""
        found.append(
            Node(
                parent=above[-1][1] if above else -1,
                role=match["role"],
                name=_string(match["name"] or ""),
                ref=ref[1] if ref else "",
                states=match["states"],
                text=_string(text[1:-1]) if text[:1] == text[-1:] == '"' else text,
            )
        )
        above.append((depth, len(found) - 1))
    return found


def acted_on(page: Sequence[Node]) -> list[tuple[Control, Node]]:
    """The controls of a page, numbered from 1, each with its line. What is disabled is none, nor is an option, which is
    chosen by its combobox; something clickable without a role counts as a button."""
    inside = [list[int]() for _node in page]
    for place, node in enumerate(page):
        if node.parent >= 0:
            inside[node.parent].append(place)
    kept = [place for place, node in enumerate(page) if _is_control(page, place)]
    others = sum(page[place].role != "link" for place in kept)
    links = max(MOST - others, 0)
    found: list[tuple[Control, Node]] = []
    for place in kept:
        node = page[place]
        if node.role == "link":
            links -= 1
        if len(found) == MOST or (node.role == "link" and links < 0):
            continue
        name = (node.name or " ".join(_words(page, inside, place)))[:NAME_LENGTH]
        role = node.role if node.role in ROLES else "button"
        value = _value(page, inside, place)
        if name or role in FIELDS:
            options = tuple(_options(page, inside, place))[:OPTIONS] if role in {"combobox", "listbox"} else ()
            found.append((Control(len(found) + 1, role, name, value, options), node))
    return found


def around(page: Sequence[Node], place: int) -> Iterator[int]:
    """The places of the lines that a line belongs to, from the nearest outwards."""
    while (place := page[place].parent) >= 0:
        yield place


def _is_control(page: Sequence[Node], place: int) -> bool:
    node = page[place]
    if not node.ref or "[disabled]" in node.states:
        return False
    if node.role in ROLES:
        return node.role != "option" or all(page[one].role != "combobox" for one in around(page, place))
    # Of what is clickable inside something clickable, the outermost is the control.
    clickable = "[cursor=pointer]" in node.states and node.role in {"generic", "img", "listitem", "row", "cell"}
    return clickable and not any(
        "[cursor=pointer]" in page[one].states or page[one].role in ROLES for one in around(page, place)
    )


def _value(page: Sequence[Node], inside: Sequence[Sequence[int]], place: int) -> str:
    node = page[place]
    if node.role == "combobox" and inside[place]:
        options = [page[one] for one in inside[place] if page[one].role == "option"]
        return next((one.name for one in options if "[selected]" in one.states), "")[:NAME_LENGTH]
    if node.role in FIELDS:
        return node.text[:NAME_LENGTH]
    states = [state for state in ("checked", "selected", "expanded", "pressed") if f"[{state}]" in node.states]
    return ", ".join(states)


def _words(page: Sequence[Node], inside: Sequence[Sequence[int]], place: int) -> Iterator[str]:
    node = page[place]
    if node.text and node.role not in FIELDS and not node.role.startswith("/"):
        yield node.text
    for one in inside[place]:
        if page[one].name:
            yield page[one].name
        else:
            yield from _words(page, inside, one)


def _options(page: Sequence[Node], inside: Sequence[Sequence[int]], place: int) -> Iterator[str]:
    """What a list offers, groups of it included."""
    for one in inside[place]:
        if page[one].role == "option":
            yield page[one].name or page[one].text
        else:
            yield from _options(page, inside, one)


def _unquoted(line: str) -> str:
    """A line that YAML wants quoted as a whole ('link "a: b" [ref=e1]': text), as if it did not."""
    if not line.startswith("'"):
        return line
    match = re.match(r"'((?:[^']|'')*)'(.*)", line)
    return match[1].replace("''", "'") + match[2] if match else line


def _string(text: str) -> str:
    try:
        return " ".join(str(json.loads(f'"{text}"')).split())
    except ValueError:
        return text
