"""Measures the judge itself on sentences that people have labelled: the figures of `manage.py evaluate judge`.

A file has one JSON object a line: `claim`, `evidence` (a list of texts, or of {"title", "quote"}), `label` (a verdict,
or WiCE's supported, partially_supported, not_supported), and `question` where it is known. Two things are measured: the
whole way of a report's sentence (the gates of code and then the judge), and the judge alone, which is what published
figures are of. Called by the command `evaluate`.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from django.utils.translation import gettext as _

from research.citations import SUPPORTING, Progress, asked, few, verdict
from research.engine.values import Evidence, Verdict
from research.errors import BadQuestion
from research.reasoning import Judge, judge, name_of_judge, server

WICE: dict[str, Verdict] = {"partially_supported": "partly", "not_supported": "unsupported"}
SAID_EVERY = 50


@dataclass(frozen=True)
class Labelled:
    """A sentence, its evidence, and what a person says of it."""

    claim: str
    evidence: tuple[Evidence, ...]
    label: Verdict
    question: str


def labelled(path: Path) -> list[Labelled]:
    """The sentences of a file. Raises BadQuestion with the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadQuestion(_("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}) from error
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(_labelled(json.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                what = {"path": path, "line": number, "error": repr(error)}
                raise BadQuestion(_("Line %(line)d of %(path)s is no labelled claim: %(error)s.") % what) from error
    if not found:
        raise BadQuestion(_("There is no labelled claim in %s.") % path)
    return found


def figures(path: Path, limit: int | None, say: Progress) -> dict[str, Any]:
    """The figures over the first `limit` (None: all) sentences of the file. Raises BadQuestion."""
    sentences = labelled(path)[:limit]
    whole, alone = asyncio.run(_judged(sentences, judge(), say))
    return {
        "claims": len(sentences),
        "judge": name_of_judge(),
        **measured([(one.label, found) for one, (found, _failed) in zip(sentences, whole, strict=True)]),
        "alone": measured([(one.label, found) for one, (found, _failed) in zip(sentences, alone, strict=True)]),
        "failed": sum(failed for _found, failed in alone),
    }


def measured(pairs: Sequence[tuple[Verdict, Verdict]]) -> dict[str, Any]:
    """Of (label, verdict) pairs: how well "supported" is told from the rest, and each label's verdicts."""
    yes = [(label in SUPPORTING, found in SUPPORTING) for label, found in pairs]
    both = sum(label and found for label, found in yes)
    said, true = sum(found for _label, found in yes), sum(label for label, _found in yes)
    false = len(yes) - true
    precision, recall = _ratio(both, said), _ratio(both, true)
    refused = _ratio(sum(not label and not found for label, found in yes), false)
    return {
        "supported": said,
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * both, said + true),
        "balanced_accuracy": round((recall + refused) / 2, 4) if recall is not None and refused is not None else None,
        "confusion": {
            label: dict(sorted(Counter(found for own, found in pairs if own == label).items()))
            for label in sorted({label for label, _found in pairs})
        },
    }


Verdicts = list[tuple[Verdict, bool]]


async def _judged(sentences: Sequence[Labelled], judging: Judge, say: Progress) -> tuple[Verdicts, Verdicts]:
    """(verdict, whether the judge failed) of each: after the gates, and without them."""
    done = 0

    async def one(sentence: Labelled) -> tuple[tuple[Verdict, bool], tuple[Verdict, bool]]:
        nonlocal done
        alone, failed = await asked(sentence.claim, sentence.evidence, judging)
        whole, _again = await verdict(sentence.claim, sentence.evidence, sentence.question, _Said(alone))
        done += 1
        if done % SAID_EVERY == 0:
            say(_("%(done)d of %(all)d sentences") % {"done": done, "all": len(sentences)})
        return (whole.verdict, failed), (alone.verdict, failed)

    try:
        both = await few([lambda sentence=sentence: one(sentence) for sentence in sentences])  # type: ignore[misc]
    finally:
        await server.close()
    return [whole for whole, _alone in both], [alone for _whole, alone in both]


class _Said:
    """A judge that has said it already."""

    def __init__(self, said: Any) -> None:
        self._said = said

    async def judge(self, *_: Any) -> Any:
        return self._said


def _labelled(row: dict[str, Any]) -> Labelled:
    label = WICE.get(row["label"], row["label"])
    if label not in get_args(Verdict):
        raise ValueError(f"{label} is no verdict")
    title = (row.get("meta") or {}).get("claim_title", "")
    pieces = [one if isinstance(one, dict) else {"title": title, "quote": one} for one in row["evidence"]]
    evidence = tuple(
        Evidence(number, 0, 0, 0, len(piece["quote"]), piece["quote"], 1.0, piece["title"], "")
        for number, piece in enumerate(pieces, start=1)
    )
    return Labelled(str(row["claim"]), evidence, label, str(row.get("question", "")))


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
