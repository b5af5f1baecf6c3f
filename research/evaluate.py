"""Measures runs on questions with known answers and gold documents: the figures of `manage.py evaluate answers`.

Every question is a run like any other, launched for a user of its own and done by the worker, several side by side.
Which run asks which question is written down, in a file under DATA_DIR, as each is launched: an evaluation that is
killed goes on where it was when it is started again with the same file, sources and effort. Once its figures are out
that file is gone, and the next evaluation asks anew; the runs stay, to be looked at in the admin.
Called by the command `evaluate`, and by citations.py for its runs. Never judges with a model.
"""

import fcntl
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from config.endpoints import endpoints
from research.errors import BadQuestion
from research.launch import launch
from research.models import Claim, Run, Step
from research.score import RIGHT, calibration_error, exact, f1, recall, reliability
from search_index import api

LOOK_SECONDS = 0.3
PROGRESS_SECONDS = 10.0
BASELINE = 20  # passages of the one query that runs are compared with

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """A line of a questions file. `gold` are documents' ids or addresses; `hops` is their number where it is not said,
    and 0 where nothing is."""

    id: str
    question: str
    answers: tuple[str, ...]
    gold: tuple[str, ...]
    hops: int


@dataclass(frozen=True)
class Outcome:
    """What a run made of a question. `kept` and `seen` are documents by their addresses and ids."""

    asked: Asked
    failed: str  # why, where it did
    answer: str
    confidence: float | None
    unsupported: int  # sentences that the report kept though nothing supports them
    kept: frozenset[str]
    kept_count: int
    seen: frozenset[str]
    searches: int
    pages: int
    model_calls: int
    tokens: int
    seconds: float
    one_query: frozenset[str]  # documents that one query of the question itself finds


def questions(path: Path) -> list[Asked]:
    """The questions of a file, one JSON object a line. Raises BadQuestion with the line that is none."""
    asked: dict[str, Asked] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadQuestion(_("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}) from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                one = _asked(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                what = {"path": path, "line": number, "error": repr(error)}
                raise BadQuestion(_("Line %(line)d of %(path)s is no question: %(error)s.") % what) from error
            if one.id in asked:
                raise BadQuestion(_("Two questions of %(path)s have the id %(id)s.") % {"path": path, "id": one.id})
            asked[one.id] = one
    if not asked:
        raise BadQuestion(_("There is no question in %s.") % path)
    return list(asked.values())


def _asked(row: dict[str, Any]) -> Asked:
    if not str(row["question"]).strip():
        raise ValueError("the question is empty")
    answers = row.get("answers", [])
    gold = row.get("gold", [])
    if not isinstance(answers, list) or not isinstance(gold, list):
        raise TypeError("answers and gold are lists")
    return Asked(
        id=str(row["id"]),
        question=str(row["question"]),
        answers=tuple(map(str, answers)),
        gold=tuple(map(str, gold)),
        hops=int(row.get("hops", len(gold))),
    )


def answers(path: Path, sources: Sequence[int], effort: str, limit: int | None, say: Progress) -> dict[str, Any]:
    """The figures of `evaluate answers --json`, over the first `limit` questions (None: all) of the file, asked of the
    sources (ids; none: all). A worker has to be up. Raises BadQuestion, also where another command is at it."""
    began = time.monotonic()
    asked = questions(path)[:limit]
    with ledger(path, sources, effort) as runs:
        figures = summary(researched(asked, sources, effort, runs, say))
        runs.forget()
    return figures | {"seconds": round(time.monotonic() - began, 1)}


@dataclass
class Ledger:
    """Which run asks which question of an evaluation that is under way: a file with a line for each."""

    path: Path
    runs: dict[str, str] = field(default_factory=dict)  # id of the question -> id of the run

    def add(self, question: str, run: str) -> None:
        """Write down a run that was launched."""
        with self.path.open("a") as file:
            file.write(json.dumps([question, run]) + "\n")
        self.runs[question] = run

    def forget(self) -> None:
        """The evaluation is done: the next one begins anew."""
        self.path.unlink(missing_ok=True)


@contextmanager
def ledger(questions_file: Path, sources: Sequence[int], effort: str) -> Iterator[Ledger]:
    """The ledger of this evaluation, as far as it got, for this command alone. Runs that are gone are left out. Raises
    BadQuestion where another command holds it."""
    options = json.dumps([sorted(sources), effort, bool(endpoints())])
    name = sha256(questions_file.read_bytes() + options.encode()).hexdigest()[:16]
    path = settings.DATA_DIR / "evaluations" / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadQuestion(_("Another command measures these questions already.")) from error
        held.seek(0)
        asked: dict[str, str] = {}
        for line in held.read().splitlines():
            with suppress(ValueError):  # of a line that a kill cut short
                question, run = json.loads(line)
                asked[question] = run
        there = {str(pk) for pk in Run.objects.filter(pk__in=asked.values()).values_list("pk", flat=True)}
        yield Ledger(path, {question: run for question, run in asked.items() if run in there})


def researched(
    asked: Sequence[Asked], sources: Sequence[int], effort: str, runs: Ledger, say: Progress
) -> list[Outcome]:
    """Have every question researched, as many at once as the worker takes, and look on until all are."""
    owner, _made = User.objects.get_or_create(username="evaluation", defaults={"password": "!"})
    of_run = {runs.runs[one.id]: one for one in asked if one.id in runs.runs}
    if of_run:
        say(_("Going on: %(count)d of %(all)d were asked before.") % {"count": len(of_run), "all": len(asked)})
    waiting = [one for one in asked if one.id not in runs.runs]
    under_way, outcomes, shown = dict(of_run), list[Outcome](), time.monotonic()
    while waiting or under_way:
        while waiting and len(under_way) < settings.RUNS_AT_ONCE:
            one = waiting.pop(0)
            run = launch(owner, one.question, effort, sources, sealed=True)
            runs.add(one.id, str(run.pk))
            under_way[str(run.pk)] = one
        for run in Run.objects.filter(pk__in=under_way, state__in=Run.OVER):
            outcomes.append(outcome(under_way.pop(str(run.pk)), run, sources))
        if time.monotonic() - shown > PROGRESS_SECONDS:
            shown = time.monotonic()
            say(_so_far(outcomes, len(asked)))
        if under_way:
            time.sleep(LOOK_SECONDS)
    say(_so_far(outcomes, len(asked)))
    return outcomes


def _so_far(outcomes: Sequence[Outcome], count: int) -> str:
    line = _("%(done)d of %(all)d questions") % {"done": len(outcomes), "all": count}
    if not outcomes:
        return line
    figures = summary(outcomes)
    names = ("em", "f1", "gold_recall_kept", "gold_recall_opened")
    return f"{line}: " + ", ".join(f"{name} {figures[name]}" for name in names if figures[name] is not None)


def outcome(asked: Asked, run: Run, sources: Sequence[int]) -> Outcome:
    """What a run that is over made of its question, from its journal and its evidence."""
    steps = list(run.steps.filter(error=""))
    report = run.reports.last()
    pages = list(run.exhibits.filter(evidence__aside=False).distinct().values_list("url", flat=True))
    spent = {name: sum(step.cost.get(name, 0) for step in steps) for name in _SPENT}
    began, ended = run.started_at, run.finished_at
    return Outcome(
        asked=asked,
        failed=run.error if run.state == Run.State.FAILED else "",
        answer=report.answer if report else "",
        confidence=report.confidence if report else None,
        unsupported=sum(map(_is_unsupported, report.claims.prefetch_related("evidence"))) if report else 0,
        kept=_documents(pages),
        kept_count=len(pages),
        seen=_documents(url for step in steps for url in _addresses(step)),
        searches=sum(step.kind == "search" for step in steps),
        pages=spent["pages"],
        model_calls=spent["model_calls"],
        tokens=spent["prompt_tokens"] + spent["completion_tokens"],
        seconds=(ended - began).total_seconds() if began and ended else 0.0,
        one_query=_documents(hit.url for hit in api.search(asked.question, limit=BASELINE, sources=sources)),
    )


_SPENT = ("pages", "model_calls", "prompt_tokens", "completion_tokens")


def _is_unsupported(claim: Claim) -> bool:
    """Whether the report keeps a sentence that states something, and cites nothing."""
    return not claim.is_struck and claim.verdict != Claim.Verdict.UNCHECKABLE and not claim.evidence.all()


def _addresses(step: Step) -> list[str]:
    """The addresses of what a step showed: of each hit of a search, and of a page that was opened."""
    match step.kind:
        case "search":
            return [hit["url"] for hit in step.result["hits"]]
        case "open":
            return [step.result["url"]]
    return []


def _documents(urls: Iterable[str]) -> frozenset[str]:
    """The addresses, and the ids that a dataset gives the documents at them: gold names either."""
    found = set(urls)
    return frozenset(found | {api.document_id(url) for url in found if url.startswith("beir:")})


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures over all outcomes, and by the number of hops. What no question can say (EM without known answers) is
    null."""
    hops = sorted({one.asked.hops for one in outcomes if one.asked.hops})
    return {
        **_quality(outcomes),
        "by_hops": {str(number): _quality([one for one in outcomes if one.asked.hops == number]) for number in hops},
        "failed": sum(bool(one.failed) for one in outcomes),
        "reliability": [
            {name: round(value, 4) for name, value in asdict(one).items()} for one in reliability(_judged(outcomes))
        ],
        "errors": sorted({one.failed for one in outcomes if one.failed}),
    }


def _quality(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    known = [one for one in outcomes if one.asked.answers]
    judged = [one for one in outcomes if one.asked.gold]
    answered = sum(bool(one.answer) for one in outcomes)
    right = [f1(one.answer, one.asked.answers) >= RIGHT for one in known if one.answer]
    sure = _judged(outcomes)
    return {
        "questions": len(outcomes),
        "answered": answered,
        "abstained": len(outcomes) - answered,
        "em": _mean(exact(one.answer, one.asked.answers) for one in known),
        "f1": _mean(f1(one.answer, one.asked.answers) for one in known),
        "right": sum(right),
        "wrong": len(right) - sum(right),
        "confidence_mean": _mean(one.confidence for one in outcomes if one.confidence is not None),
        "calibration_error": round(calibration_error(sure), 4) if sure else None,
        "not_found_share": _mean(float(not one.answer) for one in outcomes if not one.asked.answers),
        "unsupported_kept": sum(one.unsupported for one in outcomes),
        "gold_recall_kept": _mean(recall(one.kept, one.asked.gold) for one in judged),
        "gold_recall_opened": _mean(recall(one.seen, one.asked.gold) for one in judged),
        "all_gold_kept": _mean(float(recall(one.kept, one.asked.gold) == 1) for one in judged),
        "kept_mean": _mean(one.kept_count for one in outcomes),
        "model_calls_mean": _mean(one.model_calls for one in outcomes),
        "tokens_mean": _mean(one.tokens for one in outcomes),
        "seconds_mean": _mean(one.seconds for one in outcomes),
        "searches_mean": _mean(one.searches for one in outcomes),
        "pages_mean": _mean(one.pages for one in outcomes),
        "one_query_recall": _mean(recall(one.one_query, one.asked.gold) for one in judged),
        "one_query_all_gold": _mean(float(recall(one.one_query, one.asked.gold) == 1) for one in judged),
    }


def _judged(outcomes: Iterable[Outcome]) -> list[tuple[float, bool]]:
    """(confidence, whether it was right) of the answers that can be judged."""
    answered = (one for one in outcomes if one.answer and one.asked.answers and one.confidence is not None)
    return [(one.confidence or 0.0, f1(one.answer, one.asked.answers) >= RIGHT) for one in answered]


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(fmean(found), 4) if found else None
