"""A survey by rules: what is to be listed, which things a passage names, and what it says of one of them.

Right where the text says "X is a ..." or the question is put plainly; a model does better. Pure. Called by
reasoning/extractive.py.
"""

import re
from collections.abc import Sequence

from research.engine.terms import overlap, rarity, stem, terms
from research.engine.values import Candidate, Filled, Kept, Listed, Shape
from research.reasoning.shortest import shortest

COLUMNS = 6
LONGEST_CELL = 160  # characters
_ASKS = re.compile(
    r"^(?:please\s+)?(?:compare|list|survey|name|enumerate|give me|what are|which are|what|which|overview of|survey of)"
    r"\s+(?:and compare\s+)?(?:an overview of\s+)?(?:all|every|each|the different|the various|the)?"
    r"\s*(?:of the|known)?\s*",
    re.I,
)
_RESPECTS = re.compile(
    r"\s*(?::|,?\s+\b(?:by|with their|with its|and their|in terms of|according to|with)\b)\s+(.+)$", re.I
)
_TAIL = re.compile(
    r"\s+(?:that (?:are|is) out there|(?:are|is) there|there (?:are|is)|exist|are known|out there|in this index)\b.*$",
    re.I,
)
_AND = re.compile(r"\s*(?:,|;|\band\b|\bas well as\b)\s*", re.I)
_NAME = re.compile(r"[A-Z][\w'’.-]*(?:\s+(?:of|the|de|van|von|der|la|du|[A-Z0-9][\w'’.-]*))*")
_IS_A = re.compile(
    r"^\W*(?:The\s+)?(?P<name>[^.;:]{2,80}?)(?:\s*\([^)]*\))?,?\s+(?:is|was|are|were)\s+(?:an?|the|one of the)\s+"
    r"(?P<what>[^.;:]{3,120})"
)
_PRONOUNS = ("it", "this", "he", "she", "they", "the", "these", "there")


def shape(question: str) -> Shape:
    """The kind of thing that the question wants listed, and in which respects."""
    plain = " ".join(question.split()).rstrip("?.! ")
    asked = _RESPECTS.search(plain)
    columns = (
        tuple(dict.fromkeys(part.strip(" .") for part in _AND.split(asked[1]) if part.strip(" ."))) if asked else ()
    )
    item = _TAIL.sub("", _ASKS.sub("", plain[: asked.start()] if asked else plain)).strip(" ,")
    item = item or plain
    queries = dict.fromkeys([item, f"{item} {' '.join(columns)}".strip(), f"list of {item}", f"is a {_singular(item)}"])
    return Shape(item, columns[:COLUMNS], tuple(queries))


def items(sought: Shape, candidates: Sequence[Candidate]) -> tuple[Listed, ...]:
    """The things that a sentence of these passages says to be of the kind ("Kestrel is a falcon ...")."""
    wanted = {stem(word) for word in terms(sought.item)}
    found: list[Listed] = []
    for candidate in candidates:
        for start, end in candidate.sentences:
            sentence = candidate.text[start - candidate.start : end - candidate.start]
            said = _IS_A.match(sentence)
            if said is None or not wanted or not wanted <= set(terms(said["what"])) | set(terms(candidate.heading)):
                continue
            name = _named(said["name"], candidate.title)
            if name:
                found.append(Listed(name, Kept(0, candidate.snapshot, start, end, sentence, candidate.score)))
    return tuple(found)


def cell(item: str, column: str, candidates: Sequence[Candidate]) -> Filled:
    """The sentence about the thing that has most of the column's words, cut to what the column asks for."""
    about, wanted = set(terms(item)), terms(column)
    sentences = [
        (candidate, start, end, candidate.text[start - candidate.start : end - candidate.start])
        for candidate in candidates
        if about <= set(terms(f"{candidate.title} {candidate.text}"))
        for start, end in candidate.sentences
    ]
    weights = rarity([terms(text) for *_span, text in sentences])
    scored = [
        (overlap(wanted, terms(text), weights) + 0.2 * (about <= set(terms(text))), -place)
        for place, (*_span, text) in enumerate(sentences)
    ]
    best, place = max(scored, default=(0.0, 0))
    if best < 0.5:
        return Filled("", None)
    candidate, start, end, text = sentences[-place]
    kept = Kept(0, candidate.snapshot, start, end, text, candidate.score)
    value = shortest(_question(column, item), [text]) or " ".join(text.split())
    return Filled(value if len(value) <= LONGEST_CELL else value[: value.rfind(" ", 0, LONGEST_CELL)], kept)


def _question(column: str, item: str) -> str:
    """The column as a question, so that a date is looked for where a date is meant."""
    asked = column.casefold()
    if re.search(r"\b(?:year|date|when|released?|founded|born|first)\b", asked):
        return f"When {column} {item}"
    if re.search(r"\b(?:number|how many|size|count|height|length|speed|population|price|cost|weight)\b", asked):
        return f"How many {column} {item}"
    if re.search(r"\b(?:who|author|founder|creator|designer|director|leader|maintainer)\b", asked):
        return f"Who {column} {item}"
    if re.search(r"\b(?:where|place|country|city|location)\b", asked):
        return f"Where {column} {item}"
    return ""


def _named(subject: str, title: str) -> str:
    """The name in a sentence's subject; the page's title where the subject is only a pronoun or a common word."""
    names = [found.group() for found in _NAME.finditer(subject)]
    names = [
        name for name in names if name.casefold() not in ("it", "this", "he", "she", "they", "the", "these", "there")
    ]
    return max(names, key=len) if names else (title if subject.casefold() in ("it", "this") else "")


def _singular(noun: str) -> str:
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun
