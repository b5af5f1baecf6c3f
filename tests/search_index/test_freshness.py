"""How often sources are crawled again: what is learned, its bounds, and what the clock begins."""

import math
import os
import random
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from search_index import crawl, freshness, sources
from search_index.freshness import interval, rate
from search_index.models import Crawl, Page, Source
from search_index.tasks import start_due
from tests.fakes.index import put

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize("per_day", [0.05, 0.3, 1.0, 2.5])
def test_the_rate_of_a_page_is_estimated_without_bias(per_day: float) -> None:
    """Looked at once a day, a page that changes 2.5 times a day is seen changed nine times of ten."""
    chance = random.Random(7)
    looks = 400
    changes = sum(chance.random() < 1 - math.exp(-per_day) for _look in range(looks))
    assert rate(looks, changes, DAY) * DAY.total_seconds() == pytest.approx(per_day, rel=0.25)


def test_the_estimate_is_finite_at_its_ends() -> None:
    assert rate(10, 0, DAY) == 0
    assert 0 < rate(1, 1, DAY) < rate(10, 10, DAY) < 1e-3


def test_a_source_that_was_crawled_once_gets_the_first_interval() -> None:
    assert interval("site", None, 0, 0, timedelta()) == DAY
    assert interval("feed", None, 0, 0, timedelta()) == HOUR
    assert interval("page", DAY * 3, 0, 0, timedelta()) == DAY * 3


def test_a_source_that_never_changes_is_asked_less_and_less_down_to_once_a_month() -> None:
    every, seen = None, []
    for passes in range(1, 12):
        every = interval("site", every, 50 * passes, 0, DAY)
        seen.append(every)
    assert seen[:3] == [DAY * 2, DAY * 4, DAY * 8]
    assert seen[-1] == timedelta(days=30)


def test_a_source_that_always_changes_is_asked_more_and_more_but_not_all_the_time() -> None:
    every: timedelta | None = None
    for _pass in range(6):
        every = interval("site", every, 50, 50, HOUR * 6)
    assert every == HOUR * 6
    for _pass in range(6):
        every = interval("feed", every, 50, 50, timedelta(minutes=15))
    assert every == timedelta(minutes=15)


def test_between_its_bounds_the_interval_keeps_pages_fresh_nine_tenths_of_the_time() -> None:
    """Pages that change about once in ten days: looked at every two days."""
    n, x = 1000, round(1000 * (1 - math.exp(-0.1)))
    every = interval("site", DAY * 2, n, x, DAY)
    assert every.total_seconds() == pytest.approx(DAY.total_seconds() * 2.15, rel=0.05)
    due = every / DAY * 0.1
    assert (1 - math.exp(-due)) / due == pytest.approx(0.9, abs=0.01)


@pytest.mark.django_db
def test_looks_and_changes_of_a_page_are_counted() -> None:
    source = Source.objects.create(name="S", kind="folder", location="/tmp")
    for text in ("One text.", "One text.", "Another text.", "One text."):
        put(source, "file:S/a.md", text)
    page = Page.objects.get()
    assert (page.looks, page.changes) == (4, 2)


def known(kind: str = "site", **values: object) -> Source:
    defaults = {"name": kind, "kind": kind, "location": f"https://e.org/{kind}", "delay": 0}
    return Source.objects.create(**{**defaults, **values})


def due(source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(next_crawl_at=Now() - timedelta(seconds=1))


@pytest.mark.django_db
def test_a_pass_sets_the_time_of_the_next_one() -> None:
    source = known()
    week_ago = timezone.now() - timedelta(days=7)
    for number in range(20):  # looked at eight times a day apart, never changed
        page = Page.objects.create(source=source, url=f"https://e.org/{number}", looks=8, fetched_at=timezone.now())
        Page.objects.filter(pk=page.pk).update(first_seen_at=week_ago)
    freshness.plan(source)
    source.refresh_from_db()
    assert source.crawl_every == DAY * 2
    assert source.next_crawl_at is not None
    assert DAY * 1.7 < source.next_crawl_at - timezone.now() < DAY * 2.3
    Page.objects.update(changes=6)
    freshness.plan(source)
    source.refresh_from_db()
    assert source.crawl_every == DAY / 2


@pytest.mark.django_db
def test_a_source_that_fails_is_asked_less_often_and_forgets_nothing() -> None:
    source = known(crawl_every=DAY)
    for number in range(1, 4):
        Crawl.objects.create(source=source, state="failed", finished_at=timezone.now())
        freshness.plan(source, failed=True)
        source.refresh_from_db()
        assert source.crawl_every == DAY
        assert source.next_crawl_at is not None
        wait = source.next_crawl_at - timezone.now()
        assert DAY * 2**number * 0.85 < wait < DAY * 2**number * 1.15
    freshness.plan(source, failed=True, after=40 * DAY.total_seconds())
    source.refresh_from_db()
    assert source.next_crawl_at is not None
    assert source.next_crawl_at - timezone.now() > DAY * 35


@pytest.mark.django_db
def test_the_clock_begins_what_is_due_once() -> None:
    source, later, never = known(), known("page", next_crawl_at=timezone.now() + HOUR), known("sitemap")
    due(source)
    start_due()
    start_due()
    assert list(Crawl.objects.values_list("source__name", "state")) == [("site", "queued")]
    source.refresh_from_db()
    assert source.next_crawl_at is not None
    assert source.next_crawl_at > timezone.now()
    assert not Crawl.objects.filter(source__in=[later, never]).exists()


@pytest.mark.django_db
def test_what_is_paused_under_way_or_not_kept_fresh_is_left_alone() -> None:
    for number, values in enumerate([{"paused": True}, {"keep_fresh": False}, {}]):
        due(known(name=f"{number}", **values))
    Crawl.objects.create(source=Source.objects.get(name="2"), state="running")
    due(known("live", location=""))
    start_due()
    assert Crawl.objects.count() == 1


@pytest.mark.django_db
def test_the_clock_begins_no_more_than_there_is_room_for() -> None:
    for number in range(crawl.DUE_AT_ONCE + 5):
        due(known(name=f"{number}", location=f"https://e.org/{number}/"))
    start_due()
    assert Crawl.objects.count() == crawl.DUE_AT_ONCE
    Crawl.objects.update(state="done", finished_at=timezone.now())
    start_due()
    assert Crawl.objects.count() == crawl.DUE_AT_ONCE + 5


@pytest.mark.django_db
def test_two_clocks_never_get_the_same_source() -> None:
    due(known())
    assert [source.name for source in freshness.due(5)] == ["site"]
    assert freshness.due(5) == []


@pytest.mark.django_db
def test_a_folder_is_crawled_when_its_files_have_changed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A")
    source = sources.add(str(tmp_path), name="Papers")
    Source.objects.filter(pk=source.pk).update(stamp=sources.stamp(source))

    def begun() -> int:
        Crawl.objects.all().delete()
        due(source)
        start_due()
        return Crawl.objects.count()

    assert begun() == 0
    (tmp_path / "notes.xyz").write_text("no document")
    assert begun() == 0
    (tmp_path / "b.md").write_text("# B")
    assert begun() == 1
    Source.objects.filter(pk=source.pk).update(stamp=sources.stamp(source))
    os.utime(tmp_path / "a.md", ns=(1, 1))
    assert begun() == 1
    Source.objects.filter(pk=source.pk).update(stamp=sources.stamp(source))
    (tmp_path / "a.md").unlink()
    assert begun() == 1
    source.refresh_from_db()
    least, most = freshness.WATCH_BOUNDS
    assert source.crawl_every is not None
    assert least <= source.crawl_every <= most


@pytest.mark.django_db
def test_a_folder_that_is_taken_away_is_watched_on(tmp_path: Path) -> None:
    source = known("folder", location=str(tmp_path / "nowhere"))
    due(source)
    start_due()
    assert not Crawl.objects.exists()
    source.refresh_from_db()
    assert source.next_crawl_at is not None
    assert source.next_crawl_at > timezone.now()


@pytest.mark.django_db
def test_passes_that_found_nothing_to_do_are_forgotten() -> None:
    source = known()
    long_ago = timezone.now() - DAY * 3
    for fetched in (0, 5):
        Crawl.objects.create(source=source, state="done", finished_at=long_ago, fetched=fetched)
    freshness.plan(source)
    assert [one.fetched for one in Crawl.objects.all()] == [5]
