import pytest
from django.urls import reverse

from research.models import Report
from research.views.cited import cited
from tests.fakes.rows import (
    HOSTILE,
    QUOTE,
    TEXT,
    make_claim,
    make_evidence,
    make_gap,
    make_report,
    make_run,
    make_snapshot,
    make_step,
)

pytestmark = pytest.mark.django_db


def page_of(client, report):
    return client.get(reverse("report", args=[report.run_id, report.version])).content.decode()


def test_a_report_shows_answer_claims_sources_and_what_was_not_found(owner_client, owner):
    page = page_of(owner_client, make_report(owner))
    for shown in (
        "John Harrison",
        "The Board paid Harrison £10,000.",
        "What the clock weighed",
        "On sea clocks",
        "clocks.example",
        "3 May 2019",
        "<del>Maskelyne was paid as well.</del>",
        "The passage does not say so.",
        "2 sentences were checked",
        "1 was struck",
        'href="https://clocks.example/harrison" rel="noopener noreferrer nofollow ugc"',
    ):
        assert shown in page


def test_sources_are_numbered_in_the_order_they_are_cited_and_their_passages_lettered(owner_client, owner):
    run = make_run(owner, state="done")
    gap = make_gap(run)
    one, two = make_snapshot(), make_snapshot(title="Another", url="https://other.example/")
    first = make_evidence(gap, two, number=1)
    second = make_evidence(gap, one, QUOTE, number=2)
    third = make_evidence(gap, one, "Sea clocks", number=3)
    report = Report.objects.create(run=run)
    make_claim(report, "Struck.", first, verdict="unsupported")
    make_claim(report, "A.", third)
    make_claim(report, "B.", second, first)
    page = page_of(owner_client, report)
    marks = [part.split("<")[0] for part in page.split('<span class="hidden">Source </span>')[1:]]
    assert marks == ["1a", "2", "1b"]
    assert page.index('id="source-1"') < page.index("On sea clocks", page.index('id="source-1"'))


def test_a_file_is_cited_by_its_source_and_has_no_address_to_open(owner_client, owner):
    report = make_report(owner, make_snapshot(url="file:Clocks/papers.pdf"))
    page = page_of(owner_client, report)
    assert "live page" not in page
    assert 'href="file:' not in page


def test_an_address_that_is_no_web_address_never_becomes_a_link(owner_client, owner):
    page = page_of(owner_client, make_report(owner, make_snapshot(url="javascript:alert(1)")))
    assert "javascript:" not in page


def test_nothing_of_a_report_is_rendered_as_markup(owner_client, owner):
    snapshot = make_snapshot(TEXT + HOSTILE, title=HOSTILE, author=HOSTILE)
    report = make_report(owner, snapshot, answer=HOSTILE, not_found=[HOSTILE])
    make_claim(report, HOSTILE, make_evidence(report.run.gaps.get(), snapshot, HOSTILE, 2), section=HOSTILE,
               verdict="partly", reason=HOSTILE)  # fmt: skip
    page = page_of(owner_client, report)
    assert page.count("&lt;script&gt;") >= 7
    assert "<script>alert" not in page
    assert "<img" not in page


def test_a_report_costs_no_more_queries_with_more_claims(owner_client, owner, django_assert_max_num_queries):
    report = make_report(owner)
    for number in range(2, 12):
        snapshot = make_snapshot(url=f"https://clocks.example/{number}")
        make_claim(report, "More.", make_evidence(report.run.gaps.get(), snapshot, number=number))
    with django_assert_max_num_queries(10):
        page_of(owner_client, report)


def with_calculation(owner, code="half = 10_000 / 2\nhalf", text="half = 5000"):
    """A report of which a sentence says what was computed."""
    report = make_report(owner)
    evidence = report.claims.first().evidence.get()
    inputs = [["10000", evidence.number]]
    result = {"text": text, "evidence": [evidence.number], "code": code, "inputs": inputs, "value": "5000"}
    make_step(report.run, "compute", result)
    make_step(report.run, "compute", {**result, "text": "10000 * 3 = 30000"})  # which no sentence says
    make_claim(report, "Half of it is 5,000.", evidence)
    return report


def test_what_was_computed_can_be_unfolded_with_its_code_and_where_its_numbers_are_from(owner_client, owner):
    page = page_of(owner_client, with_calculation(owner))
    assert page.count('href="#calculation-1"') == 1
    shown = page[page.index('id="calculation-1"') :].partition("</section>")[0]
    assert "half = 5000" in shown
    assert "<code>half = 10_000 / 2\nhalf</code>" in shown
    assert "10000 <a" in shown
    assert "/evidence/1" in shown
    assert 'id="calculation-2"' not in page
    assert "30000" not in page


def test_the_code_of_a_calculation_is_shown_as_text(owner_client, owner):
    report = with_calculation(owner, f"{HOSTILE}\n```\n<b>x</b>", f"{HOSTILE} = 5000")
    page = page_of(owner_client, report)
    assert HOSTILE not in page
    assert "<b>x</b>" not in page
    file = owner_client.get(reverse("download", args=[report.run_id, 1])).content.decode()
    assert all("<script>" not in line or line.startswith("    ") for line in file.splitlines())


def test_a_report_as_markdown_has_the_calculation(owner_client, owner):
    report = with_calculation(owner)
    file = owner_client.get(reverse("download", args=[report.run_id, 1])).content.decode()
    assert "## Calculations\n\nhalf = 5000 \\[1\\]\n\n    half = 10_000 / 2\n    half\n" in file


def test_the_latest_report_leads_to_its_version(owner_client, owner):
    report = make_report(owner)
    Report.objects.create(run=report.run, version=2)
    answer = owner_client.get(reverse("latest-report", args=[report.run_id]))
    assert answer.headers["Location"] == reverse("report", args=[report.run_id, 2])
    assert owner_client.get(reverse("latest-report", args=[make_run(owner).pk])).status_code == 404


def test_a_report_is_downloaded_as_markdown(owner_client, owner):
    report = make_report(owner)
    answer = owner_client.get(reverse("download", args=[report.run_id, 1]))
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert "The Board paid Harrison £10,000." in answer.content.decode()


def test_the_sides_of_a_disagreement_have_their_sources_with_dates_and_classes(owner):
    run = make_run(owner, state="done")
    gap = make_gap(run)
    one, two = make_snapshot(source_class="forum"), make_snapshot(title="Another", url="https://other.example/")
    first, second = make_evidence(gap, one, number=1), make_evidence(gap, two, QUOTE, number=2)
    sides = [{"says": "4 kg", "sources": 1, "evidence": [2]}, {"says": "5 kg", "sources": 1, "evidence": [1]}]
    report = Report.objects.create(run=run, disagreements=[{"about": "How heavy?", "sides": sides}])
    make_claim(report, "A.", second)
    [shown] = cited(report, lambda number: f"/{number}").disagreements
    assert shown.about == "How heavy?"
    assert [(side.says, side.sources) for side in shown.sides] == [("4 kg", 1), ("5 kg", 1)]
    assert [[mark.evidence for mark in side.citations] for side in shown.sides] == [[2], [1]]
    [weak] = shown.sides[1].citations
    assert (weak.source.source_class, weak.source.number) == ("forum", 2)  # cited first by the disagreement
    assert weak.quote == first.quote
