"""The one door of the index: what research may import from it, and all it may import.

Values in, frozen values out; no model object of Django's crosses it. Most are blocking (call them in a thread from
async code); `open_page`, `browse`, `picture` and `leave` are coroutines for the shared loop. Never decides what to
search for.
"""

from search_index.controls import FIELDS, KEYED
from search_index.deeds import KEYS
from search_index.errors import BadSource, IndexFailure, Refused, RetryLater, SourceFailed, Unreadable
from search_index.evaluate import document_id, retrieval
from search_index.figures import Table, sizes
from search_index.hosts import is_public
from search_index.judgement.copies import same_text
from search_index.judgement.instructions import instructs
from search_index.models.source import SourceClass
from search_index.query import languages, search, similarity
from search_index.reading import around, current, known, named, open_page, passages, snapshot, sources
from search_index.sample import suggestions
from search_index.searxng import Suggested, web_search, web_search_is_set_up
from search_index.sentences import sentences
from search_index.tabs import browse, leave, picture
from search_index.values import Browsed, Control, Deed, Hit, Opened, SourceSummary, Span
from search_index.whose import asking

CLASSES = {value: label for value, label in SourceClass.choices if value}  # who may speak on a page, in words

__all__ = [
    "CLASSES",
    "FIELDS",
    "KEYED",
    "KEYS",
    "BadSource",
    "Browsed",
    "Control",
    "Deed",
    "Hit",
    "IndexFailure",
    "Opened",
    "Refused",
    "RetryLater",
    "SourceFailed",
    "SourceSummary",
    "Span",
    "Suggested",
    "Table",
    "Unreadable",
    "around",
    "asking",
    "browse",
    "current",
    "document_id",
    "instructs",
    "is_public",
    "known",
    "languages",
    "leave",
    "named",
    "open_page",
    "passages",
    "picture",
    "retrieval",
    "same_text",
    "search",
    "sentences",
    "similarity",
    "sizes",
    "snapshot",
    "sources",
    "suggestions",
    "web_search",
    "web_search_is_set_up",
]
