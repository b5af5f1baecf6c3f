"""What is not yours does not exist; who is not signed in is asked to sign in. Every address is tried."""

import uuid

import pytest
from django.urls import get_resolver, reverse
from django.utils import timezone

from research.models import Share
from tests.fakes.rows import PIXEL, make_browsed, make_report

pytestmark = pytest.mark.django_db

OPEN = {"sign-in", "healthz", "metrics", "shared", "shared-evidence", "shared-table", "sign-out"}
# Addresses that belong to nobody: every signed-in person has them.
COMMON = {"ask", "indexing", "runs", "search", "snapshot", "password", "password-changed"}


def addresses(report, share):
    """Each of the site's own addresses, for the owner's rows."""
    values = {
        "run_id": report.run_id,
        "version": report.version,
        "number": report.run.evidence.get().exhibit.snapshot,
        "share_id": share.pk,
        "seq": report.run.steps.get(kind="browse").seq,
        "token": "wrong",
    }
    for pattern in get_resolver("research.urls").url_patterns:
        names = pattern.pattern.converters
        number = {"number": 1} if pattern.name in {"evidence", "report-evidence", "cited-shot"} else {}
        yield pattern.name, reverse(pattern.name, kwargs={name: (values | number)[name] for name in names})


@pytest.fixture
def report(owner):
    rows = [{"item": "Harrison", "evidence": [1], "cells": [{"value": "£10,000", "evidence": [1], "why": ""}]}]
    report = make_report(owner, table={"item": "clockmakers", "columns": ["paid"], "rows": rows})
    cited = report.run.evidence.get()
    make_browsed(report.run, cited.gap)
    report.run.shots.create(exhibit=cited.exhibit, key="cited", jpeg=PIXEL, address="", at=timezone.now())
    return report


@pytest.fixture
def share(report):
    return Share.objects.create(report=report, token_sha256="0" * 64)


def test_a_stranger_is_asked_to_sign_in_everywhere_but_at_public_addresses(stranger_client, report, share):
    for name, address in addresses(report, share):
        for send in (stranger_client.get, stranger_client.post):
            answer = send(address)
            if name in OPEN:
                assert answer.status_code in {200, 302, 404, 405}, name
            else:
                asked_to_sign_in = answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?next=")
                assert asked_to_sign_in or answer.status_code == 405, (name, answer.status_code)


@pytest.mark.django_db(transaction=True)  # the stream looks at the session from a thread of its own
def test_a_guest_finds_nothing_of_the_owners(guest_client, report, share):
    seen = set()
    for name, address in addresses(report, share):
        if name in OPEN | COMMON:
            continue
        for send in (guest_client.get, guest_client.post):
            assert send(address).status_code in {404, 405}, name
        seen.add(name)
    assert {
        "run",
        "report",
        "download",
        "evidence",
        "shot",
        "cited-shot",
        "stream",
        "stop",
        "delete",
        "share",
        "revoke",
    } <= seen
    assert report.shares.get().revoked_at is None


def test_the_owner_gets_their_own(owner_client, report, share):
    for name, address in addresses(report, share):
        if name not in OPEN | {"stream"}:
            assert owner_client.get(address).status_code in {200, 302, 405}, name


def test_what_is_not_there_is_not_found_in_the_sites_own_words(owner_client):
    answer = owner_client.get(reverse("run", args=[uuid.uuid4()]))
    assert answer.status_code == 404
    assert "Not here" in answer.content.decode()


def test_signing_in_leads_on_to_where_one_was_going_but_not_off_the_site(client, owner):
    credentials = {"username": "owner", "password": "owner-password"}
    assert client.post("/sign-in?next=/runs", credentials | {"next": "/runs"}).headers["Location"] == "/runs"
    client.logout()
    answer = client.post("/sign-in", credentials | {"next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"


def test_signing_out_takes_a_post(owner_client):
    assert owner_client.get("/sign-out").status_code == 405
    assert owner_client.post("/sign-out").status_code == 302
    assert owner_client.get("/").status_code == 302


def test_a_password_is_changed(owner_client, owner):
    new = "a-longer-password"
    fields = {"old_password": "owner-password", "new_password1": new, "new_password2": new}
    assert owner_client.post("/password", fields, follow=True).status_code == 200
    owner.refresh_from_db()
    assert owner.check_password(new)


def test_health_is_told_to_anybody_and_without_detail(stranger_client, settings):
    answer = stranger_client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "broker": "ok"})
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    answer = stranger_client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "broker": "down"})
