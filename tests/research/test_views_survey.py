"""A survey's table on its page, as a file, and behind a public link; and a report against the one that it repeats."""

import csv
import io

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from research.engine.exhibits import exhibit
from research.engine.markdown import markdown
from research.models import Claim, Evidence, Gap, Report, Run
from search_index.models import Page, Snapshot, Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("ada", password="hound-and-scent-1")


@pytest.fixture
def client(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def report(owner: User, name: str = "Merlin", value: str = "53 to 69 cm", **fields: object) -> Report:
    run = Run.objects.create(owner=owner, question="Compare all falcons by wingspan", state="done", **fields)
    gap = Gap.objects.create(run=run, number=1, question=run.question, state="closed")
    source, _made = Source.objects.get_or_create(name="birds", kind="site", location="http://birds.test/")
    page, _made = Page.objects.get_or_create(source=source, url=f"http://birds.test/{name}.html", state="indexed")
    text = f"The {name} is a falcon. Its wings span {value}."
    about = {"text": text, "title": name, "fetched_at": "2026-01-01T00:00Z"}
    snapshot, _made = Snapshot.objects.get_or_create(page=page, sha256=f"{name}{value}", defaults=about)
    first = text.index(" Its")
    for number, (start, end) in enumerate([(0, first), (first + 1, len(text))], start=1):
        page = exhibit(str(run.pk), snapshot.pk)
        Evidence.objects.create(
            run=run,
            number=number,
            gap=gap,
            exhibit=page,
            start=start,
            end=end,
            quote=text[start:end],
        )
    rows = [
        {"item": name, "evidence": [1], "cells": [{"value": value, "evidence": [2], "why": ""}]},
        {
            "item": "=Kestrel",
            "evidence": [1],
            "cells": [{"value": "", "evidence": [], "why": "No passage was found for it."}],
        },
    ]
    table = {"item": "falcons", "columns": ["wingspan"], "rows": rows}
    made = Report.objects.create(run=run, answer=f"{name} first", table=table)
    claim = Claim.objects.create(report=made, ordinal=1, section="", text=f"The {name} is a falcon.", verdict="quoted")
    claim.evidence.set([run.evidence.get(number=1)])
    return made


def test_the_table_says_where_each_cell_is_from_and_why_one_is_empty(client, owner, django_assert_max_num_queries):
    made = report(owner)
    with django_assert_max_num_queries(20):
        page = client.get(reverse("report", args=[made.run_id, 1])).content.decode()
    assert "53 to 69 cm" in page
    assert reverse("report-evidence", args=[made.run_id, 1, 2]) + "#passage" in page
    assert "1 cell is empty" in page
    assert "No passage was found for it." in page


def test_the_table_is_a_file_that_no_spreadsheet_takes_for_a_formula(client, owner):
    made = report(owner)
    response = client.get(reverse("table", args=[made.run_id, 1]))
    lines = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert lines == [
        ["falcons", "wingspan", "wingspan: source"],
        ["Merlin", "53 to 69 cm", "http://birds.test/Merlin.html"],
        ["'=Kestrel", "", ""],
    ]


def test_a_report_without_a_table_has_no_such_file_and_another_person_none_at_all(client, owner):
    made = report(owner)
    stranger = Client()
    stranger.force_login(User.objects.create_user("bob"))
    assert stranger.get(reverse("table", args=[made.run_id, 1])).status_code == 404
    Report.objects.update(table={})
    assert client.get(reverse("table", args=[made.run_id, 1])).status_code == 404


def test_a_public_link_shows_the_table_with_its_passages(client, owner):
    made = report(owner)
    page = client.post(reverse("share", args=[made.run_id, 1])).content.decode()
    address = (
        page.split('id="new-link" type="text" readonly value="')[1].split('"')[0].removeprefix("http://testserver")
    )
    everybody = Client()
    assert "53 to 69 cm" in everybody.get(address).content.decode()
    assert everybody.get(f"{address}/evidence/2").status_code == 200
    assert everybody.get(f"{address}/evidence/3").status_code == 404
    assert b"Merlin" in everybody.get(f"{address}/table.csv").content
    made.shares.update(revoked_at="2026-01-01T00:00Z")
    assert everybody.get(f"{address}/table.csv").status_code == 410


def test_the_table_stands_in_the_markdown_with_numbered_sources(owner):
    text = markdown(report(owner))
    assert "| falcons | wingspan |" in text
    assert "| Merlin \\[1\\] | 53 to 69 cm \\[1\\] |" in text
    assert "1. Merlin, <http://birds.test/Merlin.html>" in text


def test_a_repeated_run_says_what_has_changed_since(client, owner):
    earlier = report(owner)
    later = report(owner, "Merlin", "53 to 73 cm", repeats=earlier.run)
    Report.objects.filter(pk=later.pk).update(answer="Merlin, the small one")
    page = client.get(reverse("report", args=[later.run_id, 1])).content.decode()
    assert "Merlin, the small one</ins>" in page
    assert "The page has changed:" in page
    other = report(owner, "Hobby", repeats=earlier.run)
    page = client.get(reverse("report", args=[other.run_id, 1])).content.decode()
    assert "New source:" in page
    assert "No longer cited:" in page
    assert "The Hobby is a falcon." in page.split('class="changes"')[1]


def test_a_repeated_run_that_found_the_same_says_so(client, owner):
    earlier = report(owner)
    later = report(owner, repeats=earlier.run)
    assert "Nothing has changed" in client.get(reverse("report", args=[later.run_id, 1])).content.decode()
