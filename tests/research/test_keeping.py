"""A report rests on nothing of the index: its sources may be deleted, and their pages read again with other text."""

import json
import re

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from research.access import digest
from research.engine.markdown import markdown
from research.management.commands.research import as_json
from research.models import Report, Share
from search_index.chunk import Chunk
from search_index.embed import DIMENSIONS
from search_index.extract import Extracted
from search_index.models import Page, Passage, Snapshot, Source
from tests.fakes.index import store
from tests.fakes.rows import QUOTE, TEXT, make_claim, make_evidence, make_report, make_snapshot

pytestmark = pytest.mark.django_db

TOKEN = "token-of-this-test"


@pytest.fixture
def operator(db):
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="operator-password"))
    return client


@pytest.fixture
def report(owner):
    report = make_report(owner)
    other = make_snapshot("Larcum Kendall was paid £450 for his copy.", url="https://clocks.example/kendall")
    cited = make_evidence(report.run.gaps.get(), other, "Larcum Kendall was paid £450", number=2)
    make_claim(report, "Kendall was paid £450.", cited)
    Share.objects.create(report=report, token_sha256=digest(TOKEN))
    return report


def shown(report: Report, client: Client) -> dict[str, str]:
    """All that is shown of the report, to its owner, to whoever has the link, and to scripts."""
    own = [reverse("report", args=[report.run_id, 1]), reverse("download", args=[report.run_id, 1])]
    own += [reverse("report-evidence", args=[report.run_id, 1, number]) for number in (1, 2)]
    own += [reverse("evidence", args=[report.run_id, number]) for number in (1, 2)]
    public = [reverse("shared", args=[TOKEN]), *(reverse("shared-evidence", args=[TOKEN, n]) for n in (1, 2))]
    found = {"markdown": markdown(report), "json": json.dumps(as_json(report.run, report))}
    for visitor, addresses in ((client, own), (Client(), public)):
        for address in addresses:
            answer = visitor.get(address)
            assert answer.status_code == 200
            found[address] = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return found


def test_a_page_that_is_read_again_with_other_text_changes_no_report(owner_client, report):
    before = shown(report, owner_client)
    page = Page.objects.get(url="https://clocks.example/harrison")
    text = TEXT.replace("£10,000", "£20,000")
    vectors = np.eye(1, DIMENSIONS, dtype=np.float32)
    store(page, Extracted(text, "Another title"), [Chunk(0, len(text), "")], vectors)
    page.refresh_from_db()
    assert "£20,000" in page.snapshot.text
    assert shown(report, owner_client) == before


@pytest.mark.parametrize("way", ["page", "action"])
def test_a_source_is_deleted_with_all_of_it_and_no_report_changes(operator, owner_client, report, way):
    before = shown(report, owner_client)
    source = Source.objects.get()
    address, given = reverse("admin:search_index_source_delete", args=[source.pk]), {"post": "yes"}
    if way == "action":
        address = reverse("admin:search_index_source_changelist")
        given = {**given, "action": "delete_selected", "_selected_action": source.pk}
    assert operator.post(address, given).status_code == 302
    for model in (Source, Page, Snapshot, Passage):
        assert not model.objects.exists()
    assert shown(report, owner_client) == before
    assert QUOTE in before[reverse("report-evidence", args=[report.run_id, 1, 1])]


@pytest.mark.parametrize("way", ["page", "action"])
def test_before_a_source_is_deleted_it_is_said_that_reports_keep_what_they_cite(operator, report, way):
    source = Source.objects.get()
    if way == "page":
        asked = operator.get(reverse("admin:search_index_source_delete", args=[source.pk]))
    else:
        given = {"action": "delete_selected", "_selected_action": source.pk}
        asked = operator.post(reverse("admin:search_index_source_changelist"), given)
    page = asked.content.decode()
    assert "Reports keep what they cite" in page
    assert "Pages: 2" in page
    assert "protected" not in page
