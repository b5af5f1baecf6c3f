"""A text with its language, the figures by which quality.py judges it, and whether it addresses machines.

That takes some milliseconds of a processor, so it is done in the process that has read the text (extract/reader.py): a
crawl's own process has enough to do. Pure: no Django, no I/O.
Called by extract/reader.py, and by search_index/indexing.py for what needed no reading.
"""

from dataclasses import replace
from urllib.parse import urlsplit

from search_index.extract.document import INSTRUCTIONS, Extracted
from search_index.judgement.instructions import instructs
from search_index.judgement.language import language, senseless
from search_index.judgement.measures import measure
from search_index.judgement.words import Words


def measured(text: Extracted, url: str) -> Extracted:
    """The text with its language, measures and flags; without, where there is no text. `url` is where it was found."""
    if not text.text.strip():
        return text
    host = urlsplit(url).hostname or "" if url.startswith(("http://", "https://")) else ""
    measures = measure(Words(text.text), text.links, host, senseless(text.text))
    flags = list(dict.fromkeys([*text.flags, *[INSTRUCTIONS] * instructs(f"{text.title}\n{text.text}")]))
    return replace(text, language=language(text.text, text.language), measures=measures, flags=flags)
