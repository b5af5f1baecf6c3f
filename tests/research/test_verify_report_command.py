"""manage.py verify_report: a report is checked again from what its run keeps, and nothing is changed by it."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.core.serializers import serialize
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.endpoints import ROLES, Endpoint
from research import recheck
from research.management.commands import verify_report as command
from research.models import Claim, Evidence, Exhibit, Gap, Report, Run, Step
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.model import ModelReasoner
from search_index.models import Page, Snapshot, Source
from tests.fakes import model_server as fake
from tests.fakes.rows import QUOTE, make_claim, make_evidence, make_gap, make_run, make_snapshot, make_step

pytestmark = pytest.mark.django_db(transaction=True)

model_server = fake.model_server  # a fixture
MODELS = (Run, Gap, Exhibit, Evidence, Report, Claim, Step, Source, Page, Snapshot)
OTHER = "Nevil Maskelyne published the first Nautical Almanac in 1766."


@pytest.fixture
def report(owner):
    """A report with a quotation, a sentence that a model found supported, and one that was struck."""
    run = make_run(owner, state="done")
    evidence = make_evidence(make_gap(run), make_snapshot())
    report = Report.objects.create(run=run)
    make_claim(report, QUOTE, evidence, verdict="quoted")
    make_claim(report, "Harrison was paid £10,000.", evidence, verdict="supported", judge="model")
    make_claim(report, "Maskelyne was paid £7.", evidence, verdict="unsupported", reason="Not in the cited passages: 7")
    return report


@pytest.fixture
def model(monkeypatch, model_server):
    """The scripted model server is set up as the judge."""
    endpoints = {role: Endpoint(model_server.url, "", "") for role in ROLES}
    monkeypatch.setattr(command, "judge", lambda: ModelReasoner(endpoints, ExtractiveReasoner()))
    monkeypatch.setattr(command, "name_of_judge", lambda: "scripted")
    return model_server


def verified(capsys, *arguments):
    """The exit status, and the document."""
    try:
        call_command("verify_report", *map(str, arguments), json=True)
        status = 0
    except CommandError as error:
        status = error.returncode
    return status, json.loads(capsys.readouterr().out)


def changes(document):
    return [(claim["before"], claim["now"], claim["change"]) for claim in document["claims"]]


def test_a_report_that_is_as_it_was_is_told_so_and_nothing_is_changed(report, model, capsys):
    model.script("judge", {"reason": "", "verdict": "supported"})
    before = [serialize("json", model.objects.order_by("pk")) for model in MODELS]
    status, document = verified(capsys, report.run_id)
    assert status == 0
    assert changes(document) == [
        ("quoted", "quoted", "same"),
        ("supported", "supported", "same"),
        ("unsupported", "unsupported", "same"),
    ]
    assert [page["intact"] for page in document["pages"]] == [True]
    assert [quotation["in_place"] for quotation in document["quotations"]] == [True]
    assert [page["today"] for page in document["pages"]] == ["same"]
    assert (document["troubles"], document["judge"]) == (0, "scripted")
    assert model.steps().count("judge") == 1  # code settles the other two
    assert before == [serialize("json", model.objects.order_by("pk")) for model in MODELS]


def test_it_is_checked_from_what_the_run_keeps_when_the_source_is_gone(report, model, capsys):
    model.script("judge", {"reason": "", "verdict": "supported"})
    Source.objects.all().delete()
    status, document = verified(capsys, report.run_id)
    assert status == 0
    assert [page["today"] for page in document["pages"]] == ["gone"]


def test_a_page_that_says_something_else_today_is_told_and_counts_for_nothing(report, model, capsys):
    model.script("judge", {"reason": "", "verdict": "supported"})
    Snapshot.objects.update(text="Other words.", sha256="1" * 64)
    status, document = verified(capsys, report.run_id)
    assert status == 0
    assert [page["today"] for page in document["pages"]] == ["changed"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: Exhibit.objects.update(text=Exhibit.objects.get().text + " "),
        lambda: Evidence.objects.update(quote=OTHER),
        lambda: Evidence.objects.update(start=1),
    ],
)
def test_a_copy_or_a_quotation_that_was_tampered_with_is_found(report, capsys, spoil):
    spoil()
    status, document = verified(capsys, report.run_id)
    assert status == 1
    assert changes(document)[:2] == [("quoted", "unsupported", "worse"), ("supported", "unsupported", "worse")]
    assert document["quotations"][0]["in_place"] is False
    assert document["troubles"] >= 3


def test_a_fact_that_the_evidence_does_not_have_makes_a_sentence_worse(report, capsys):
    Claim.objects.filter(ordinal=2).update(text="Harrison was paid £20,000.")
    status, document = verified(capsys, report.run_id)
    assert status == 1
    assert changes(document)[1] == ("supported", "unsupported", "worse")
    assert "20,000" in document["claims"][1]["reason"]


def test_what_was_computed_of_the_evidence_counts_as_it_did(report, model, capsys):
    model.script("judge", {"reason": "", "verdict": "supported"})
    make_step(report.run, "compute", {"text": "10000 / 2 = 5000", "evidence": [1], "code": "10000 / 2", "inputs": []})
    Claim.objects.filter(ordinal=2).update(text="The share of each was 5,000.")
    assert verified(capsys, report.run_id)[0] == 0


def test_a_judge_that_says_otherwise_makes_it_worse(report, model, capsys):
    model.script("judge", {"reason": "It names nobody.", "verdict": "unsupported"})
    status, document = verified(capsys, report.run_id)
    assert status == 1
    claim = document["claims"][1]
    assert (claim["change"], claim["judge"], claim["reason"]) == ("worse", "model", "It names nobody.")


def test_rules_that_say_otherwise_than_a_model_did_are_told_and_count_for_nothing(report, capsys, monkeypatch):
    async def judge(self, sentence, known):
        return recheck.Judgement("partly", "No model has checked it.", "rules")

    monkeypatch.setattr(ExtractiveReasoner, "judge", judge)
    status, document = verified(capsys, report.run_id)
    assert status == 0
    assert changes(document)[1] == ("supported", "partly", "other judge")
    Claim.objects.filter(ordinal=2).update(judge="rules")
    status, document = verified(capsys, report.run_id)
    assert (status, changes(document)[1]) == (1, ("supported", "partly", "worse"))


def test_a_sentence_that_no_judge_could_be_asked_about_is_not_called_checked(report, model, capsys):
    model.script("judge", *["no JSON at all"] * 4)
    status, document = verified(capsys, report.run_id)
    assert status == 1
    assert changes(document)[1] == ("supported", "", "unchecked")
    assert document["claims"][1]["reason"]


def test_what_states_nothing_is_not_judged(report, capsys):
    make_claim(report, "Here is what was found.", verdict="uncheckable")
    _status, document = verified(capsys, report.run_id)
    assert changes(document)[3] == ("uncheckable", "uncheckable", "same")


def test_a_struck_sentence_that_holds_now_is_better(report, model, capsys):
    model.script("judge", *[{"reason": "", "verdict": "supported"}] * 2)
    Claim.objects.filter(ordinal=3).update(text="He was paid £10,000.")
    status, document = verified(capsys, report.run_id)
    assert (status, changes(document)[2]) == (0, ("unsupported", "supported", "better"))


def test_the_evidence_of_a_table_is_checked_too(report, capsys):
    other = make_evidence(report.run.gaps.get(), make_snapshot(url="https://x.example/"), OTHER, number=2)
    cells = [{"value": "1766", "evidence": [2], "why": ""}]
    report.table = {"item": "Book", "columns": ["Year"], "rows": [{"item": "Almanac", "evidence": [2], "cells": cells}]}
    report.save()
    Evidence.objects.filter(pk=other.pk).update(start=0)
    status, document = verified(capsys, report.run_id)
    assert status == 1
    assert {one["number"]: one["in_place"] for one in document["quotations"]} == {1: True, 2: False}


def test_a_report_is_found_by_its_run_or_its_number_and_a_version_of_it_by_both(report, capsys):
    later = Report.objects.create(run=report.run, version=2)
    assert verified(capsys, report.run_id)[1]["version"] == 2
    assert verified(capsys, report.run_id, 1)[1]["version"] == 1
    assert verified(capsys, report.pk)[1]["version"] == 1
    assert verified(capsys, report.pk, 2)[1]["version"] == 2
    assert verified(capsys, later.pk)[1]["claims"] == []


@pytest.mark.parametrize("arguments", [["nonsense"], ["00000000-0000-0000-0000-000000000000"], ["999999999"]])
def test_what_names_no_report_is_bad_usage(report, arguments):
    with pytest.raises(CommandError) as error:
        call_command("verify_report", *arguments)
    assert error.value.returncode == 2


def test_a_version_that_there_is_not_is_bad_usage(report):
    with pytest.raises(CommandError, match="There is no version 2") as error:
        call_command("verify_report", str(report.run_id), "2")
    assert error.value.returncode == 2


def test_the_table_says_what_changed_and_why(report, capsys):
    Evidence.objects.update(start=1)
    Source.objects.all().delete()
    with pytest.raises(CommandError, match="are worse than the report says"):
        call_command("verify_report", str(report.run_id))
    output = capsys.readouterr().out
    for said in (
        "Who was paid for the sea clock?",
        "version 1, checked again by rules",
        "quoted → unsupported",
        "A quotation is not in the stored text at its place.",
        "0 of 1 quotations in place",
        "[E1] https://clocks.example/harrison",
        "1 of 1 pages as they were kept",
        "No longer in the index: https://clocks.example/harrison",
    ):
        assert said in output


def test_a_longer_report_costs_no_more_queries(report):
    def queries():
        with CaptureQueriesContext(connection) as asked:
            recheck._kept(Report.objects.select_related("run").get())
        return len(asked)

    few = queries()
    for number in range(2, 12):
        snapshot = make_snapshot(url=f"https://clocks.example/{number}")
        make_claim(report, "More.", make_evidence(report.run.gaps.get(), snapshot, number=number))
    assert queries() == few
