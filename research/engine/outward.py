"""Which words may leave with a search on the web, or be typed into a page: those that a person said, for the most part.

A model that reads pages writes the queries, and a page can talk it into writing what it read elsewhere: an upload, an
intranet. So nothing of a query goes out as the model wrote it. Words of the question, of the person's remarks and of
the sub-question go, as they are written there; in a search, names from kept evidence of public pages, too, since one
hop leads to the next by them. What only evidence that is not public has stays here, also where a sub-question names
it. Pure. Called by search.py and browse.py.
"""

import re
from collections.abc import Iterable

from research.engine.names import names
from research.engine.terms import stem, unordered, words
from research.engine.values import Workspace
from search_index.api import is_public


def strange(desk: Workspace, text: str) -> list[str]:
    """The words of what is to be typed that the person did not say, nor the sub-question with its findings."""
    own = _parts(_said(desk))
    return [word for word in words(text) if word.casefold() not in own]


def to_ask(desk: Workspace, query: str) -> str:
    """The query as it may go out: without the words that may not, and without signs, which would be commands to a
    search engine. "" where nothing is left, or where it was asked so before."""
    spelt = {stem(word.casefold()): word for word in (*_public_names(desk), *_said(desk))}
    asked = _asked(spelt, query)
    return "" if unordered(asked) in {unordered(_asked(spelt, one)) for one in desk.queries} else asked


def _asked(spelt: dict[str, str], query: str) -> str:
    stems = (stem(word.casefold()) for word in words(query))
    return " ".join(dict.fromkeys(spelt[one] for one in stems if one in spelt))


def _said(desk: Workspace) -> list[str]:
    """The words of the question and the remarks, and those of the sub-question that no private evidence gave it."""
    persons = words(" ".join([desk.question.text, *desk.remarks]))
    private = _parts(word for one in desk.known if not is_public(one.url) for word in words(f"{one.title} {one.quote}"))
    private -= _parts([*persons, *_public_names(desk)])
    return [*persons, *(word for word in words(desk.gap.question) if not _parts([word]) & private)]


def _public_names(desk: Workspace) -> list[str]:
    public = [one for one in desk.known if is_public(one.url)]
    return [word for one in public for name in names(f"{one.title}. {one.quote}") for word in words(name)]


def _parts(found: Iterable[str]) -> set[str]:
    """The words in lower case, and their parts: of "well-known" both, too."""
    return {part for word in found for part in (word.casefold(), *re.findall(r"\w+", word.casefold()))}
