import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.urls import reverse

from research.models import Share
from tests.fakes.rows import HOSTILE, TEXT, make_evidence, make_report, make_snapshot

pytestmark = pytest.mark.django_db


@pytest.fixture
def report(owner):
    return make_report(owner, make_snapshot("Private preface.\n" * 400 + TEXT + "\nPrivate appendix." * 400))


def make_link(client, report):
    """The public link's path, as the page shows it this once."""
    page = client.post(reverse("share", args=[report.run_id, report.version])).content.decode()
    return page.split('id="new-link"')[1].split('value="http://testserver')[1].split('"')[0]


def test_a_shared_report_is_read_signed_out_with_its_evidence(owner_client, stranger_client, report):
    link = make_link(owner_client, report)
    page = stranger_client.get(link).content.decode()
    assert "The Board paid Harrison £10,000." in page
    assert f'href="{link}/evidence/1#passage"' in page
    assert "/runs/" not in page  # no way from a public page into the private ones
    evidence = stranger_client.get(f"{link}/evidence/1")
    assert "The Board paid him £10,000 in 1765.</mark>" in evidence.content.decode()


def test_of_a_stored_page_only_the_lines_around_the_passage_are_shared(owner_client, stranger_client, report):
    page = stranger_client.get(make_link(owner_client, report) + "/evidence/1").content.decode()
    assert 0 < page.count("Private preface.") < 150
    assert 0 < page.count("Private appendix.") < 150


def test_evidence_that_the_report_does_not_cite_stays_private(owner_client, stranger_client, report):
    make_evidence(report.run.gaps.get(), make_snapshot(url="https://x.example/"), number=2)
    assert stranger_client.get(make_link(owner_client, report) + "/evidence/2").status_code == 404


def test_no_search_engine_cache_or_next_site_learns_of_a_link(owner_client, stranger_client, report):
    link = make_link(owner_client, report)
    owner_client.post(reverse("revoke", args=[Share.objects.get().pk]))
    other = make_link(owner_client, report)
    for address in (link, other, other + "/evidence/1"):
        answer = stranger_client.get(address)
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert '<meta name="robots" content="noindex' in answer.content.decode()


def test_a_revoked_link_says_so_and_shows_nothing(owner_client, stranger_client, report):
    link = make_link(owner_client, report)
    owner_client.post(reverse("revoke", args=[Share.objects.get().pk]))
    for address in (link, f"{link}/evidence/1"):
        answer = stranger_client.get(address)
        assert answer.status_code == 410
        assert "This link is revoked" in answer.content.decode()
        assert "Harrison" not in answer.content.decode()


def test_revoking_again_does_not_move_the_time(owner_client, report):
    make_link(owner_client, report)
    address = reverse("revoke", args=[Share.objects.get().pk])
    owner_client.post(address)
    revoked_at = Share.objects.get().revoked_at
    owner_client.post(address)
    assert Share.objects.get().revoked_at == revoked_at


def test_a_wrong_token_is_not_found(owner_client, stranger_client, report):
    link = make_link(owner_client, report)
    assert stranger_client.get(link[:-1] + ("A" if link[-1] != "A" else "B")).status_code == 404
    assert stranger_client.get("/shared/" + Share.objects.get().token_sha256).status_code == 404


def test_the_token_is_stored_nowhere_and_shown_once(owner_client, report):
    token = make_link(owner_client, report).removeprefix("/shared/")
    assert len(token) >= 43
    assert token not in owner_client.get(reverse("report", args=[report.run_id, 1])).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(s)::text FROM research_share s")
        assert token not in str(cursor.fetchall())
    assert not any(token in str(session.get_decoded()) for session in Session.objects.all())


def test_the_page_that_shows_a_link_is_kept_by_no_cache(owner_client, report):
    answer = owner_client.post(reverse("share", args=[report.run_id, 1]))
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_two_links_to_a_report_are_revoked_one_by_one(owner_client, stranger_client, report):
    first, second = make_link(owner_client, report), make_link(owner_client, report)
    owner_client.post(reverse("revoke", args=[Share.objects.order_by("pk").first().pk]))
    assert (stranger_client.get(first).status_code, stranger_client.get(second).status_code) == (410, 200)


def test_nothing_shared_is_rendered_as_markup(owner_client, stranger_client, owner):
    report = make_report(owner, make_snapshot(HOSTILE + "\n" + TEXT, title=HOSTILE), answer=HOSTILE)
    link = make_link(owner_client, report)
    for address in (link, f"{link}/evidence/1"):
        page = stranger_client.get(address).content.decode()
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "<img" not in page
