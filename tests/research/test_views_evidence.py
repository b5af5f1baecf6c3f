"""What a citation opens, for the owner and for whoever has the link."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from research.access import digest
from research.models import Exhibit, Report, Share
from tests.fakes.rows import (
    HOSTILE,
    PIXEL,
    QUOTE,
    TEXT,
    make_claim,
    make_evidence,
    make_gap,
    make_report,
    make_run,
    make_snapshot,
)

pytestmark = pytest.mark.django_db

TOKEN = "token-of-this-test"


@pytest.fixture
def report(owner):
    report = make_report(owner, make_snapshot(source_class="primary", author="H. Clockmaker"))
    Share.objects.create(report=report, token_sha256=digest(TOKEN))
    return report


def page_of(client, report, number=1, **query):
    address = reverse("report-evidence", args=[report.run_id, report.version, number])
    return client.get(address, query).content.decode()


def shared_page(client, number=1):
    return client.get(reverse("shared-evidence", args=[TOKEN, number])).content.decode()


def test_a_citation_leads_to_the_passage_highlighted_in_the_kept_page(owner_client, report):
    address = reverse("report-evidence", args=[report.run_id, 1, 1])
    assert f'href="{address}#passage"' in owner_client.get(reverse("report", args=[report.run_id, 1])).content.decode()
    page = owner_client.get(address).content.decode()
    assert f'<mark id="passage" tabindex="-1">{QUOTE}</mark>' in page
    assert "John Harrison finished his first sea clock in 1735. <mark" in page


def test_where_a_passage_is_from_is_said_to_owner_and_stranger_alike(owner_client, stranger_client, report):
    exhibit = Exhibit.objects.get()
    for page in (page_of(owner_client, report), shared_page(stranger_client)):
        for said in (
            "On sea clocks",
            "clocks.example",
            "H. Clockmaker",
            "3 May 2019",
            f"{exhibit.fetched_at:%Y}",
            "Who speaks</dt><dd>primary</dd>",
            f'title="{exhibit.sha256}"',
            f"<code>{exhibit.sha256[:12]}…</code>",
            f"<code>{exhibit.sha256}</code>",
            'href="https://clocks.example/harrison#:~:text=The%20Board%20paid%20him%20%C2%A310%2C000%20in%201765."'
            ' rel="noopener noreferrer nofollow ugc" target="_blank"',
        ):
            assert said in page


def test_what_rests_on_a_passage_is_said_and_what_was_struck_is_not(owner_client, stranger_client, report):
    for page, back in (
        (page_of(owner_client, report), reverse("report", args=[report.run_id, 1])),
        (shared_page(stranger_client), reverse("shared", args=[TOKEN])),
    ):
        assert f'<a href="{back}#claim-1">The Board paid Harrison £10,000.</a>' in page
        assert "Maskelyne was paid as well." not in page
    assert 'id="claim-1"' in owner_client.get(reverse("report", args=[report.run_id, 1])).content.decode()


def test_a_cell_of_the_table_rests_on_its_passage(owner_client, report):
    cells = [{"value": "£10,000", "evidence": [1], "why": ""}, {"value": "", "evidence": [], "why": "not found"}]
    rows = [{"item": "H4", "evidence": [1], "cells": cells}]
    report.table = {"item": "Clock", "columns": ["Paid", "Mass"], "rows": rows}
    report.save()
    page = page_of(owner_client, report)
    assert "H4, Paid: £10,000" in page
    assert "Mass" not in page


def neighbours(page):
    links = {}
    for way in ("prev", "next"):
        _before, found, after = page.partition(f'rel="{way}" href="')
        links[way] = after.split('"')[0] if found else ""
    return links


def test_evidence_is_walked_in_the_order_of_the_marks(owner_client, stranger_client, report):
    gap, other = report.run.gaps.get(), make_snapshot(url="https://other.example/")
    same_page = Exhibit.objects.get()
    make_claim(report, "B.", make_evidence(gap, other, number=2))
    third = report.run.evidence.create(
        gap=gap, number=3, exhibit=same_page, start=0, end=10, quote=same_page.text[:10]
    )  # 1b: it comes before the 2 that is cited earlier
    make_claim(report, "C.", third)
    make_evidence(gap, make_snapshot(url="https://kept.example/"), number=4)  # cited nowhere

    def address(number):
        return reverse("report-evidence", args=[report.run_id, 1, number]) + "#passage"

    def shared(number):
        return reverse("shared-evidence", args=[TOKEN, number]) + "#passage"

    assert neighbours(page_of(owner_client, report, 1)) == {"prev": "", "next": address(3)}
    assert neighbours(page_of(owner_client, report, 3)) == {"prev": address(1), "next": address(2)}
    assert neighbours(page_of(owner_client, report, 2)) == {"prev": address(3), "next": ""}
    assert neighbours(shared_page(stranger_client, 3)) == {"prev": shared(1), "next": shared(2)}
    assert "Rests on passage 1b" in page_of(owner_client, report, 3)
    assert "passage 2 of 3" in page_of(owner_client, report, 3)
    uncited = page_of(owner_client, report, 4)
    assert neighbours(uncited) == {"prev": "", "next": ""}
    assert "No sentence of the report rests on it." in uncited


def test_evidence_that_only_disagrees_is_opened_too_and_says_so(owner_client, stranger_client, report):
    make_evidence(report.run.gaps.get(), make_snapshot(url="https://other.example/"), number=2)
    report.disagreements = [{"about": "How much?", "sides": [{"evidence": [1]}, {"evidence": [2]}]}]
    report.save()
    for page in (page_of(owner_client, report, 2), shared_page(stranger_client, 2)):
        assert "Other sources of this report say otherwise:" in page
        assert "How much?" in page
        assert "passage 2 of 2" in page
        assert "No sentence of the report rests on it." not in page
    assert "How much?" in page_of(owner_client, report, 1)


def test_each_version_shows_what_rests_on_the_passage_in_it(owner_client, report):
    later = Report.objects.create(run=report.run, version=2)
    make_claim(later, "A later sentence.", report.run.evidence.get())
    assert "A later sentence." not in page_of(owner_client, report)
    assert "A later sentence." in page_of(owner_client, later)
    from_the_run = owner_client.get(reverse("evidence", args=[report.run_id, 1])).content.decode()
    assert "A later sentence." in from_the_run
    assert owner_client.get(reverse("report-evidence", args=[report.run_id, 3, 1])).status_code == 404


def test_evidence_of_a_run_without_a_report_is_opened(owner_client, owner):
    run = make_run(owner, state="running")
    make_evidence(make_gap(run), make_snapshot())
    page = owner_client.get(reverse("evidence", args=[run.pk, 1])).content.decode()
    assert QUOTE in page
    assert "Rests on" not in page


def test_evidence_is_its_owners(guest_client, stranger_client, report):
    address = reverse("report-evidence", args=[report.run_id, 1, 1])
    assert guest_client.get(address).status_code == 404
    assert stranger_client.get(address).status_code == 302


def test_a_public_page_has_no_way_into_the_private_ones(stranger_client, report):
    page = shared_page(stranger_client)
    assert "/runs/" not in page
    assert "/snapshots/" not in page


def test_opening_evidence_costs_no_more_queries_in_a_longer_report(owner_client, stranger_client, report):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as owners:
            page_of(owner_client, report)
        with CaptureQueriesContext(connection) as strangers:
            shared_page(stranger_client)
        return len(owners), len(strangers)

    few = queries()
    for number in range(2, 12):
        snapshot = make_snapshot(url=f"https://clocks.example/{number}")
        made = make_evidence(report.run.gaps.get(), snapshot, number=number)
        make_claim(report, "More.", made, report.run.evidence.get(number=1))
    assert queries() == few
    assert max(few) <= 9


def test_another_part_of_a_long_page_is_the_runs_own_copy_too(owner_client, owner):
    text = "\n".join(f"Line {number} of a long page." for number in range(20_000))
    report = make_report(owner, make_snapshot(text.replace("Line 10000 ", f"{QUOTE} ")))
    page = page_of(owner_client, report)
    assert 'id="passage"' in page
    assert "/snapshots/" not in page
    at = page.split('href="?at=')[1].split('"')[0]
    earlier = page_of(owner_client, report, at=at)
    assert 'id="passage"' not in earlier
    assert "To the passage" in earlier
    assert f"Line {19_000} " not in earlier


def test_a_file_has_no_live_page_and_says_which_document_it_is(owner_client, owner):
    page = page_of(owner_client, make_report(owner, make_snapshot(url="file:Clocks/papers.pdf")))
    assert "live page" not in page
    assert "file:Clocks/papers.pdf</dd>" in page


def test_what_a_reader_has_to_know_of_a_page_is_said_in_words(owner_client, stranger_client, report):
    Exhibit.objects.update(flags=["hidden", "invisible", "instructions"])
    for page in (page_of(owner_client, report), shared_page(stranger_client)):
        assert "has text that its readers are not shown" in page
        assert "tells machines that read it what to do" in page
        assert "has invisible characters. They were left out." in page
    Exhibit.objects.update(flags=[])
    assert "cautions" not in page_of(owner_client, report)


def test_invisible_characters_are_shown_counted_and_named(owner_client, stranger_client, owner):
    quote = "The Bo\u200bard paid him\u202e £10,000 in 1765."
    report = make_report(owner)
    Share.objects.create(report=report, token_sha256=digest(TOKEN))
    text = TEXT.replace(QUOTE, quote) + "\U000e0048\U000e0069"
    exhibit = Exhibit.objects.get()
    Exhibit.objects.update(text=text, flags=["invisible"])
    report.run.evidence.update(quote=quote, end=exhibit.text.index(QUOTE) + len(quote))
    for page in (page_of(owner_client, report), shared_page(stranger_client)):
        assert 'aria-label="invisible character: zero width space"' in page
        assert page.count('id="passage"') == page.count("<mark") == 1
        for shown in (">U+200B</span>", ">U+202E</span>", ">U+E0048 U+E0069 “Hi”</span>"):
            assert shown in page
        assert "4 invisible characters of this text are shown as codes" in page
        assert "They were left out" not in page
        assert not {"\u200b", "\u202e", "\U000e0048"} & set(page)
    cited = owner_client.get(reverse("report", args=[report.run_id, 1])).content.decode()
    assert cited.count(">U+200B</span>") == 2  # in the quotation that a mark shows, and in the list of sources
    assert "\u200b" not in cited


def test_nothing_of_an_opened_page_is_rendered_as_markup(owner_client, owner):
    snapshot = make_snapshot(
        HOSTILE + "\n\u200b" + TEXT, title=HOSTILE, author=HOSTILE, url=f"https://x.example/{HOSTILE}"
    )
    report = make_report(owner, snapshot)
    Exhibit.objects.update(flags=[HOSTILE], source=HOSTILE)
    make_claim(report, HOSTILE, report.run.evidence.get())
    page = page_of(owner_client, report)
    assert page.count("&lt;script&gt;") >= 6
    assert "<script>alert" not in page
    assert "<img" not in page


def test_the_cited_part_is_pictured_where_the_browser_showed_it(owner_client, guest_client, owner):
    run = make_run(owner)
    evidence = make_evidence(make_gap(run), make_snapshot())
    page, picture = reverse("evidence", args=[run.pk, 1]), reverse("cited-shot", args=[run.pk, 1])
    assert picture not in owner_client.get(page).content.decode()
    assert owner_client.get(picture).status_code == 404
    run.shots.create(exhibit=evidence.exhibit, key="x", jpeg=PIXEL, address="https://x.example/", at=timezone.now())
    assert picture in owner_client.get(page).content.decode()
    assert owner_client.get(picture).content == PIXEL
    assert guest_client.get(picture).status_code == 404
