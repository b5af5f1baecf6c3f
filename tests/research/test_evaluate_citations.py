"""The figures of `evaluate citations` and `evaluate judge`: of reports that runs wrote, and of rows made by hand."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from research import citations, judging
from research.engine.values import Evidence, Judgement, Sentence
from research.errors import BadReply
from research.judging import measured
from research.models import Claim, Exhibit, Report, Run
from tests.fakes.rows import QUOTE, make_claim, make_evidence, make_report, make_snapshot
from tests.research import test_evaluate_answers

pytestmark = pytest.mark.django_db(transaction=True)

library, file = test_evaluate_answers.library, test_evaluate_answers.file
KEYS = {"runs", "claims", "fabricated", "verbatim_rate", "number_rate", "precision", "recall", "struck", "judge"}
LABELLED = Path(__file__).parent / "labelled" / "claims.jsonl"


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHAT_URL", "CHAT_URL_JUDGE", "CHECK_MODEL"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def report(library: Any) -> Report:
    """A report with a supported sentence, a struck one, and one that says a false number."""
    made = make_report(User.objects.create(username="owner"))
    evidence = made.run.evidence.get()
    make_claim(made, QUOTE, evidence, verdict="quoted", independent=2)
    make_claim(made, "The Board paid him £20,000 in 1765.", evidence, caution="One page alone.")
    make_claim(made, "The following tells more.", verdict="uncheckable")
    return made


def printed(capsys: Any, *arguments: str) -> dict[str, Any]:
    call_command("evaluate", *arguments, "--json")
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_one_document_has_the_figures_of_a_run(report, capsys):
    figures = printed(capsys, "citations", str(report.run_id))
    assert set(figures) >= KEYS
    assert (figures["runs"], figures["claims"], figures["struck"], figures["uncheckable"]) == (1, 3, 1, 1)
    assert (figures["fabricated"], figures["uncited"], figures["verbatim_rate"]) == (0, 0, 1)
    assert figures["number_rate"] == pytest.approx(2 / 3, abs=1e-4)  # £20,000 is nowhere
    assert figures["judge"] == "rules"
    assert figures["judged"]["quoted"] == 1
    assert figures["judged"]["unsupported"] >= 1
    assert figures["recall"] == figures["precision"] == pytest.approx(1 / 3, abs=1e-4)  # "Harrison" is not in the quote
    assert figures["by_verdict"] == {"quoted": 1, "supported": 2, "uncheckable": 1, "unsupported": 1}
    assert (figures["independent_mean"], figures["independent_median"], figures["cautions"]) == (0.6667, 0.0, 1)
    assert (figures["hosts_mean"], figures["hosts_median"]) == (1, 1)


def test_what_was_tampered_with_is_seen(report, capsys):
    Exhibit.objects.update(text="Something else entirely.")
    figures = printed(capsys, "citations", str(report.run_id))
    assert (figures["verbatim_rate"], figures["altered"]) == (0, 3)


def test_citations_of_nothing_that_the_run_keeps_are_fabricated(report, capsys):
    other = make_report(User.objects.create(username="other"), make_snapshot(url="https://clocks.example/other"))
    claim = Claim.objects.get(report=report, verdict="quoted")
    claim.evidence.set(other.run.evidence.all())
    Claim.objects.filter(pk=claim.pk).update(text="It is told at https://made-up.example/page.")
    figures = printed(capsys, "citations", str(report.run_id))
    assert figures["fabricated"] == 0.5  # the citation of another run's evidence, and the address; two are real
    assert figures["uncited"] == 1


def test_a_citation_that_adds_nothing_costs_precision(report, capsys, monkeypatch):
    run = report.run
    maskelyne = "Nevil Maskelyne published the first Nautical Almanac in 1766."
    more = make_evidence(run.gaps.get(), make_snapshot(url="https://clocks.example/b"), maskelyne, number=2)
    Claim.objects.filter(report=report).exclude(verdict="quoted").delete()
    claim = Claim.objects.get(report=report)
    claim.evidence.add(more)
    assert printed(capsys, "citations", str(run.pk))["precision"] == 0.5
    Claim.objects.filter(pk=claim.pk).update(text="He got £10,000 in 1765, a year before 1766.")

    class Both:
        async def judge(self, sentence: Sentence, known: Any) -> Judgement:
            return Judgement("supported" if len(known) == 2 else "unsupported")

    monkeypatch.setattr(citations, "judge", Both)
    assert printed(capsys, "citations", str(run.pk))["precision"] == 1  # each is needed


def test_a_judge_that_fails_is_counted_and_the_words_are_compared(report, capsys, monkeypatch):
    class Failing:
        async def judge(self, *_: Any) -> Judgement:
            raise BadReply("no JSON")

    Claim.objects.filter(text__contains="Harrison").update(text="The Board paid £10,000 to him in 1765.")
    monkeypatch.setattr(citations, "judge", Failing)
    figures = printed(capsys, "citations", str(report.run_id))
    assert figures["judge_failed"] == 1
    assert figures["judged"]["supported"] == 1


def test_a_set_of_questions_is_researched_and_measured(library, file, capsys):
    figures = printed(capsys, "citations", str(file), "--effort", "low")
    assert set(figures) >= KEYS
    assert figures["runs"] == Run.objects.count() == 3
    assert figures["claims"] > 0
    assert (figures["fabricated"], figures["verbatim_rate"], figures["number_rate"]) == (0, 1, 1)
    assert (figures["precision"], figures["recall"]) == (1, 1)  # quotations of rules


@pytest.mark.parametrize("what", ["no-such-run", str(UUID(int=4))])
def test_without_a_report_it_is_bad_usage(library, what):
    with pytest.raises(CommandError) as failure:
        call_command("evaluate", "citations", what)
    assert failure.value.returncode == 2


# --- The judge itself ------------------------------------------------------------------------------------------------
def test_the_rules_are_measured_on_our_own_claims(capsys):
    figures = printed(capsys, "judge", str(LABELLED))
    assert (figures["claims"] >= 100, figures["judge"], figures["failed"]) == (True, "rules", 0)
    assert figures["precision"] >= 0.9
    assert "supported" not in figures["confusion"]["contradicted"]
    assert figures["confusion"]["uncheckable"] == {"uncheckable": 5}
    assert set(figures["alone"]) == {"supported", "precision", "recall", "f1", "balanced_accuracy", "confusion"}


def test_wice_is_read_as_it_is(tmp_path, capsys):
    row = {"claim": "He paid.", "evidence": ["The Board met.", "He paid."], "meta": {"claim_title": "The Board"}}
    path = tmp_path / "dev.jsonl"
    labels = ("supported", "partially_supported", "not_supported")
    path.write_text("".join(json.dumps({**row, "label": label}) + "\n" for label in labels))
    [first, *_rest] = judging.labelled(path)
    assert [(one.title, one.quote) for one in first.evidence] == [
        ("The Board", "The Board met."),
        ("The Board", "He paid."),
    ]
    figures = printed(capsys, "judge", str(path), "--limit", "2")
    assert figures["confusion"] == {"partly": {"quoted": 1}, "supported": {"quoted": 1}}


@pytest.mark.parametrize("line", ["{}", "no json", '{"claim": "a", "evidence": ["b"], "label": "true"}', ""])
def test_a_file_of_something_else_is_bad_usage(tmp_path, line):
    path = tmp_path / "claims.jsonl"
    path.write_text(line)
    with pytest.raises(CommandError) as failure:
        call_command("evaluate", "judge", str(path))
    assert failure.value.returncode == 2


def test_the_measures_by_hand():
    pairs: Any = [
        ("supported", "supported"),
        ("supported", "partly"),
        ("partly", "supported"),
        ("unsupported", "partly"),
    ]
    figures = measured([*pairs, ("contradicted", "contradicted")])
    assert (figures["precision"], figures["recall"], figures["f1"]) == (0.5, 0.5, 0.5)
    assert figures["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2, abs=1e-4)
    assert figures["confusion"]["partly"] == {"supported": 1}
    assert measured([("unsupported", "partly")])["precision"] is None


async def test_the_judge_is_asked_of_the_evidence_that_is_cited():
    asked: list[Any] = []

    class Asked:
        async def judge(self, sentence: Sentence, known: Any) -> Judgement:
            asked.append((sentence.evidence, len(known)))
            return Judgement("supported")

    known = [
        Evidence(3, 1, 1, 0, 4, "It was wet.", 1.0, "Rain", ""),
        Evidence(9, 1, 1, 0, 4, "So wet.", 1.0, "Rain", ""),
    ]
    assert await citations.verdict("Rain made it wet.", known, "", Asked()) == (Judgement("supported"), False)
    assert asked == [((3, 9), 2)]
