"""What has changed between a report and that of the run it repeats: the answer, the sentences, the sources.

Sentences that were only reworded are shown as such, old and new together. Reads rows, changes none. Called by
views/reports.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from research.models import STRUCK, Report
from research.views.cited import SourceShown, source, with_sources

ALIKE = 0.6  # ratio of matching characters (difflib) above which a new sentence is an old one in other words


@dataclass(frozen=True)
class Reworded:
    """A sentence before and after."""

    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """A report against an earlier one. `updated` are sources whose page has changed since: as it was, and as it is."""

    earlier: Report
    answer: Reworded | None
    new: tuple[str, ...]
    gone: tuple[str, ...]
    reworded: tuple[Reworded, ...]
    new_sources: tuple[SourceShown, ...]
    gone_sources: tuple[SourceShown, ...]
    updated: tuple[tuple[SourceShown, SourceShown], ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing at all has changed."""
        sentences = self.new or self.gone or self.reworded
        return not (self.answer or sentences or self.new_sources or self.gone_sources or self.updated)


def changes(report: Report) -> Changes | None:
    """What is different from the last report of the run that this one repeats; None where there is none. A fixed number
    of queries."""
    earlier = report.run.repeats.reports.last() if report.run.repeats else None
    if earlier is None:
        return None
    before, after = _standing(earlier), _standing(report)
    gone, new = [text for text in before if text not in after], [text for text in after if text not in before]
    reworded = []
    for text in list(new):
        closest = max(gone, key=lambda old: SequenceMatcher(None, old, text).ratio(), default="")
        if closest and SequenceMatcher(None, closest, text).ratio() >= ALIKE:
            reworded.append(Reworded(closest, text))
            new.remove(text)
            gone.remove(closest)
    old_sources, sources = _sources(earlier), _sources(report)
    both = old_sources.keys() & sources.keys()
    return Changes(
        earlier=earlier,
        answer=Reworded(earlier.answer, report.answer) if earlier.answer != report.answer else None,
        new=tuple(new),
        gone=tuple(gone),
        reworded=tuple(reworded),
        new_sources=tuple(shown for page, (_text, shown) in sources.items() if page not in both),
        gone_sources=tuple(shown for page, (_text, shown) in old_sources.items() if page not in both),
        updated=tuple(
            (old_sources[page][1], shown)
            for page, (text, shown) in sources.items()
            if page in both and old_sources[page][0] != text
        ),
    )


def _standing(report: Report) -> Sequence[str]:
    claims = report.claims.exclude(verdict__in=STRUCK).values_list("text", flat=True)
    return list(dict.fromkeys(" ".join(text.split()) for text in claims))


def _sources(report: Report) -> dict[str, tuple[str, SourceShown]]:
    """The hash of the text and what is shown of it, by address, of all that the report cites."""
    cited = with_sources().filter(claims__report=report).distinct()
    return {one.exhibit.url: (one.exhibit.sha256, source(one, 0)) for one in cited}
