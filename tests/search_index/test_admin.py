"""The operator's pages: what is wrong with a source, why, one click; and what is stored stays as it is."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from search_index import crawl
from search_index.chunk import Chunk
from search_index.embed import DIMENSIONS
from search_index.extract import Extracted
from search_index.models import Crawl, Page, Passage, Snapshot, Source
from tests.fakes.index import store
from tests.fakes.rows import HOSTILE

FIRST, SECOND = "Alpha keeps jobs in rows.", "Beta tries them again."
TEXT = f"Preface\n\n{FIRST}\n\n{SECOND}\n"
SETTINGS = {"name": "Renamed", "max_pages": "5", "max_depth": "1", "delay": "3", "boost": "0"}


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="operator-password"))
    return client


def make_source(
    name: str = "Docs", kind: str = "site", location: str = "https://docs.example/", **fields: Any
) -> Source:
    return Source.objects.create(name=name, kind=kind, location=location, **fields)


def refuse(source: Source, path: str, reason: str = "robots", state: str = "refused", **fields: Any) -> Page:
    detail = fields.pop("detail", f"Why {path} is not there.")
    return Page.objects.create(
        source=source, url=f"https://docs.example/{path}", state=state, reason=reason, detail=detail, **fields
    )


def put(source: Source, path: str, text: str = TEXT, title: str = "A page") -> Page:
    """A page that is in the index with two passages."""
    page = Page.objects.create(source=source, url=f"https://docs.example/{path}")
    starts = [text.index(FIRST), text.index(SECOND)]
    chunks = [Chunk(starts[0], starts[0] + len(FIRST), "Guide"), Chunk(starts[1], starts[1] + len(SECOND), "")]
    vectors = np.eye(2, DIMENSIONS, dtype=np.float32)
    store(page, Extracted(text, title), chunks, vectors)
    page.refresh_from_db()
    return page


def url(name: str, *args: object) -> str:
    return reverse(f"admin:search_index_{name}", args=args)


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


# --- adding a source ---


def test_a_location_is_enough_to_add_a_source_and_its_crawl_begins(operator: Client, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n\ntext")
    answer = operator.post(url("source_add"), {"location": str(tmp_path)})
    source = Source.objects.get()
    assert (source.kind, source.name, source.location) == ("folder", tmp_path.name, str(tmp_path))
    assert source.crawls.get().state == Crawl.State.QUEUED
    assert answer.headers["Location"] == url("source_change", source.pk)


def test_what_was_set_by_hand_is_kept(operator: Client) -> None:
    given = {"location": "https://docs.example/guide/", "kind": "site", "name": "Guide"}
    operator.post(url("source_add"), {**given, "max_pages": "7", "max_depth": "0", "delay": "2.5"})
    source = Source.objects.get()
    assert (source.name, source.max_pages, source.max_depth, source.delay) == ("Guide", 7, 0, 2.5)


@pytest.mark.parametrize(
    ("kind", "location", "said"),
    [
        ("folder", "/no/such/folder", "There is no folder /no/such/folder."),
        ("site", "docs.example", "A web address begins with http"),
        ("", "no idea", "neither a web address nor a folder"),
        ("live", "https://docs.example/", "Select a valid choice"),
    ],
)
def test_a_location_that_cannot_be_used_is_refused_with_the_reason(
    operator: Client, kind: str, location: str, said: str
) -> None:
    answer = operator.post(url("source_add"), {"location": location, "kind": kind})
    assert said in answer.content.decode()
    assert not Source.objects.exists()


def test_a_place_that_is_a_source_already_is_pointed_to(operator: Client) -> None:
    known = make_source()
    answer = operator.post(url("source_add"), {"location": "https://docs.example/", "name": "Other"})
    assert url("source_change", known.pk) in answer.content.decode()
    assert Source.objects.count() == 1


def test_the_live_web_is_not_offered(operator: Client) -> None:
    assert 'value="live"' not in text_of(operator, url("source_add"))


# --- a source's page ---


def test_settings_change_and_place_and_kind_do_not(operator: Client) -> None:
    source = make_source()
    given = {
        "name": "Renamed",
        "kind": "folder",
        "location": "/etc",
        "max_pages": "5",
        "max_depth": "1",
        "delay": "3",
        "boost": "0",
    }
    operator.post(url("source_change", source.pk), given)
    source.refresh_from_db()
    assert (source.name, source.max_pages, source.delay) == ("Renamed", 5, 3.0)
    assert (source.kind, source.location) == ("site", "https://docs.example/")


def test_a_source_that_reaches_further_is_read_in_full_again(operator: Client) -> None:
    source = make_source()
    page = Page.objects.create(source=source, url="https://docs.example/", etag='"1"', body_sha256="ab")
    given = {"name": "Docs", "max_pages": "7", "max_depth": str(source.max_depth), "delay": "1.0", "boost": "0"}
    operator.post(url("source_change", source.pk), given)
    page.refresh_from_db()
    assert page.etag == '"1"'
    operator.post(url("source_change", source.pk), given | {"max_depth": "20"})
    page.refresh_from_db()
    assert (page.etag, page.body_sha256) == ("", "")


def test_saving_settings_does_not_undo_a_pause_of_another_tab(operator: Client) -> None:
    source = make_source()
    operator.get(url("source_change", source.pk))
    Source.objects.update(paused=True)
    operator.post(
        url("source_change", source.pk),
        {"name": "Docs", "max_pages": "5", "max_depth": "1", "delay": "3", "boost": "0"},
    )
    assert Source.objects.get().paused


def test_the_name_of_a_folder_is_fixed_because_its_addresses_carry_it(operator: Client, tmp_path: Path) -> None:
    source = make_source(kind="folder", location=str(tmp_path))
    operator.post(url("source_change", source.pk), {"name": "Renamed", "max_pages": "5", "boost": "0"})
    source.refresh_from_db()
    assert (source.name, source.max_pages) == ("Docs", 5)


def test_a_running_crawl_shows_its_figures_and_asks_again(operator: Client) -> None:
    source = make_source()
    now = timezone.now()
    Crawl.objects.create(
        source=source,
        state="running",
        fetched=1234,
        started_at=now - timedelta(minutes=2, seconds=5),
        lease_until=now + timedelta(minutes=1),
    )
    Page.objects.create(source=source, url="https://docs.example/next")
    put(source, "there")
    for number in range(5):
        refuse(source, f"private/{number}")
    shown = text_of(operator, url("source_progress", source.pk))
    assert f'hx-get="{url("source_progress", source.pk)}"' in shown
    assert "<dd>1,234</dd>" in shown
    assert "2 min " in shown
    assert "5 · forbidden by robots.txt" in shown
    assert shown.count("Why private/") == 3
    assert "In the index: 1 page, 2 passages." in shown
    assert "hx-get" in text_of(operator, url("source_change", source.pk))


@pytest.mark.parametrize("state", ["done", "failed", "stopped"])
def test_a_crawl_that_is_over_is_not_asked_for_again(operator: Client, state: str) -> None:
    source = make_source()
    Crawl.objects.create(source=source, state=state, error="It broke.", finished_at=timezone.now())
    shown = text_of(operator, url("source_progress", source.pk))
    assert "hx-get" not in shown
    assert "Crawl now" in shown
    assert "It broke." in shown


@pytest.mark.parametrize(
    ("crawled", "said"),
    [
        ({"state": "queued"}, "Waiting for a worker."),
        ({"state": "queued", "late": True}, "Does the worker run?"),
        ({"state": "running", "lease_until": timezone.now() - timedelta(minutes=1)}, "Its worker is gone"),
        ({"state": "done", "finished_at": timezone.now()}, "at its limit of 1000 pages"),
    ],
)
def test_the_panel_says_what_is_the_matter(operator: Client, crawled: dict[str, Any], said: str) -> None:
    source = make_source()
    late = crawled.get("late")
    made = Crawl.objects.create(source=source, **{key: value for key, value in crawled.items() if key != "late"})
    if late:
        Crawl.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(minutes=2))
    Page.objects.create(source=source, url="https://docs.example/never-reached")
    assert said in text_of(operator, url("source_progress", source.pk))


def test_the_buttons_crawl_pause_resume_and_stop(operator: Client) -> None:
    source = make_source()

    def press(deed: str) -> None:
        assert operator.post(url("source_do", source.pk, deed)).status_code == 302
        source.refresh_from_db()

    press("crawl")
    assert source.crawls.get().state == Crawl.State.QUEUED
    press("pause")
    assert source.paused
    press("crawl")
    assert source.crawls.count() == 1
    press("resume")
    assert not source.paused
    press("stop")
    assert source.crawls.get().state == Crawl.State.STOPPED
    press("crawl")
    assert source.crawls.count() == 2


def test_a_button_needs_a_post_a_known_deed_and_the_right(operator: Client, owner_client: Client) -> None:
    source = make_source()
    assert operator.get(url("source_do", source.pk, "crawl")).status_code == 405
    assert operator.post(url("source_do", source.pk, "explode")).status_code == 404
    assert owner_client.post(url("source_do", source.pk, "crawl")).status_code == 302
    assert owner_client.get(url("source_progress", source.pk)).status_code == 302
    staff = Client()
    staff.force_login(User.objects.create_user("staff", password="staff-password", is_staff=True))
    assert staff.post(url("source_do", source.pk, "crawl")).status_code == 403
    assert staff.get(url("source_progress", source.pk)).status_code == 403
    assert not Crawl.objects.exists()


def test_the_live_web_can_be_looked_at_but_not_set_or_crawled(operator: Client) -> None:
    live = make_source("Live web", "live", "live")
    assert "Crawl now" not in text_of(operator, url("source_change", live.pk))
    assert operator.post(url("source_do", live.pk, "crawl")).status_code == 403
    operator.post(url("source_changelist"), {"action": "crawl_selected", "_selected_action": [live.pk]})
    assert not Crawl.objects.exists()


# --- the list of sources ---


def test_the_list_says_what_is_wrong(operator: Client) -> None:
    source = make_source(paused=True)
    Crawl.objects.create(source=source, state="done", finished_at=timezone.now())
    Crawl.objects.create(
        source=source, state="failed", error=f"No sitemap there. {HOSTILE}", finished_at=timezone.now()
    )
    put(source, "there")
    refuse(source, "no")
    refuse(source, "slow", "timeout", "failed")
    shown = text_of(operator, url("source_changelist"))
    for said in ("No sitemap there.", "is-failed", "is-paused", "1 refused", "1 failed"):
        assert said in shown
    assert HOSTILE not in shown
    assert f"source__id__exact={source.pk}&amp;state__exact=refused" in shown


def test_actions_work_on_all_that_are_chosen(operator: Client) -> None:
    chosen = [make_source(f"S{number}", location=f"https://s{number}.example/").pk for number in range(3)]
    for action, paused in (("pause_selected", 3), ("resume_selected", 0)):
        operator.post(url("source_changelist"), {"action": action, "_selected_action": chosen})
        assert Source.objects.filter(paused=True).count() == paused
    operator.post(url("source_changelist"), {"action": "crawl_selected", "_selected_action": chosen})
    assert Crawl.objects.filter(state="queued").count() == 3


@pytest.mark.parametrize(("state", "found"), [("failed", "Broken"), ("never", "Fresh"), ("done", "Fine")])
def test_sources_are_filtered_by_their_last_crawl(operator: Client, state: str, found: str) -> None:
    for name, states in (("Broken", ["done", "failed"]), ("Fine", ["failed", "done"]), ("Fresh", [])):
        source = make_source(name, location=f"https://{name}.example/")
        for one in states:
            Crawl.objects.create(source=source, state=one)
    shown = operator.get(url("source_changelist"), {"crawl": state}).context["cl"].result_list
    assert [source.name for source in shown] == [found]


@pytest.mark.parametrize("model", ["source", "page", "snapshot", "passage", "crawl"])
def test_a_longer_list_takes_no_more_queries(operator: Client, model: str) -> None:
    def fill(start: int, end: int) -> None:
        for number in range(start, end):
            source = make_source(f"S{number}", location=f"https://s{number}.example/")
            Crawl.objects.create(source=source, state="done", finished_at=timezone.now())
            put(source, f"{number}")
            refuse(source, f"no-{number}")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            text_of(operator, url(f"{model}_changelist"))
        return len(caught)

    fill(0, 2)
    queries()  # content types and the like are remembered from here on
    few = queries()
    fill(2, 9)
    assert queries() == few


# --- deleting ---


def test_deleting_a_source_takes_all_of_it(operator: Client) -> None:
    source = make_source()
    put(source, "there")
    Crawl.objects.create(source=source)
    asked = text_of(operator, url("source_delete", source.pk))
    assert "Passages: 2" in asked
    assert "Pages: 1" in asked
    operator.post(url("source_delete", source.pk), {"post": "yes"})
    for model in (Source, Page, Snapshot, Passage, Crawl):
        assert not model.objects.exists()


# --- pages, snapshots, passages, crawls ---


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda source: put(source, "x"), "It is in the index with 2 passages"),
        (lambda source: refuse(source, "x"), "refused: forbidden by robots.txt. Why x is not there."),
        (lambda source: refuse(source, "x", "timeout", "failed"), "it failed: no answer in time."),
        (lambda source: refuse(source, "x", "status", "gone"), "It is no longer in the index because it is gone."),
        (
            lambda source: refuse(source, "x", "", "queued", detail=""),
            "It is not in the index yet: it waits to be read.",
        ),
        (lambda source: refuse(source, "x", "busy", "queued", attempts=1), "The next attempt is due"),
        (lambda source: refuse(source, "x", "new-code", "refused"), "it was refused: new-code."),
    ],
)
def test_a_page_says_why_it_is_in_the_index_or_not(operator: Client, make: Callable[[Source], Page], said: str) -> None:
    page = make(make_source())
    assert said in text_of(operator, url("page_change", page.pk))
    assert said in text_of(operator, url("page_changelist"))


def test_a_page_that_failed_again_is_still_in_the_index(operator: Client) -> None:
    page = put(make_source(), "x")
    Page.objects.update(state="failed", reason="timeout", detail="No answer.")
    assert "It is in the index with 2 passages as it was read" in text_of(operator, url("page_change", page.pk))


def test_pages_are_found_by_state_reason_source_and_address(operator: Client) -> None:
    source, other = make_source(), make_source("Other", location="https://other.example/")
    wanted = refuse(source, "wanted")
    refuse(source, "slow", "timeout", "failed")
    refuse(other, "elsewhere")
    put(source, "there")
    for filters in (
        {"state__exact": "refused", "source__id__exact": source.pk},
        {"reason": "robots", "source__id__exact": source.pk},
        {"q": "/want"},
    ):
        shown = operator.get(url("page_changelist"), filters).context["cl"].result_list
        assert list(shown) == [wanted]


def test_the_preview_marks_the_passages_and_escapes_the_text(operator: Client) -> None:
    page = put(make_source(), "x", f"{HOSTILE}\n{TEXT}", title=HOSTILE)
    for address in (url("page_change", page.pk), url("snapshot_change", page.snapshot_id)):
        shown = text_of(operator, address)
        assert shown.count('class="passage"') == 2
        assert f"<div>{FIRST}</div>" in shown
        assert "1 · Guide" in shown
        assert "&lt;script&gt;alert(" in shown
        assert "<script>alert(" not in shown
        assert "<img src=x" not in shown


def test_a_very_long_text_is_cut_and_says_so(operator: Client) -> None:
    page = put(make_source(), "x", TEXT + "word " * 30_000)
    assert "more characters are stored" in text_of(operator, url("page_change", page.pk))


def test_snapshots_and_passages_are_reached_from_the_page(operator: Client) -> None:
    page = put(make_source(), "x")
    assert f"{url('snapshot_changelist')}?page__id__exact={page.pk}" in text_of(operator, url("page_change", page.pk))
    assert f"{url('passage_changelist')}?snapshot__id__exact={page.snapshot_id}" in text_of(
        operator, url("snapshot_change", page.snapshot_id)
    )
    listed = text_of(operator, f"{url('passage_changelist')}?snapshot__id__exact={page.snapshot_id}")
    assert FIRST in listed
    first = Passage.objects.order_by("ordinal")[0]
    assert "alpha" in text_of(operator, url("passage_change", first.pk))  # one of its terms
    assert url("passage_changelist") not in text_of(operator, reverse("admin:index"))


@pytest.mark.parametrize("model", ["page", "snapshot", "passage", "crawl"])
def test_nothing_stored_can_be_added_edited_or_deleted(operator: Client, model: str) -> None:
    source = make_source()
    page = put(source, "x")
    rows = {
        "page": page.pk,
        "snapshot": page.snapshot_id,
        "passage": Passage.objects.order_by("pk")[0].pk,
        "crawl": Crawl.objects.create(source=source).pk,
    }
    assert operator.get(url(f"{model}_add")).status_code == 403
    assert operator.post(url(f"{model}_change", rows[model]), {"text": "forged"}).status_code == 403
    assert operator.post(url(f"{model}_delete", rows[model]), {"post": "yes"}).status_code == 403
    assert "forged" not in Snapshot.objects.get().text


def test_no_page_needs_an_inline_script_or_style(operator: Client) -> None:
    source = make_source()
    page = put(source, "x")
    crawl.start(source)
    for address in (
        url("source_changelist"),
        url("source_add"),
        url("source_change", source.pk),
        url("page_change", page.pk),
    ):
        shown = text_of(operator, address)
        assert "<style" not in shown
        assert " style=" not in shown
        assert " onclick=" not in shown
        assert "<script>" not in shown
