"""What keeping evidence writes, and what it gives back: the row that counts."""

import pytest

from research.engine.note import store
from research.engine.values import Evidence
from tests.fakes.rows import QUOTE, make_evidence, make_gap, make_run, make_snapshot

pytestmark = pytest.mark.django_db


def found(snapshot, quote=QUOTE):
    start = snapshot.text.index(quote)
    return Evidence(0, 2, snapshot.pk, start, start + len(quote), quote, 0.9, snapshot.title, snapshot.page.url)


@pytest.fixture
def run(owner):
    run = make_run(owner)
    make_evidence(make_gap(run), make_snapshot(title="The first page"))
    make_gap(run, 2)
    return run


def test_words_that_another_page_said_before_are_given_back_as_that_pages(run):
    other = make_snapshot(title="A copy of it", url="https://copies.example/harrison")
    (kept,) = store(str(run.pk), 2, [found(other)])
    row = run.evidence.get()
    assert (kept.number, kept.snapshot, kept.quote) == (1, row.exhibit.snapshot, row.quote)
    assert (kept.title, kept.url) == ("The first page", "https://clocks.example/harrison")
    assert row.exhibit.text[kept.start : kept.end] == kept.quote
    assert row.score == 0.9


def test_what_is_new_is_given_back_as_it_was_found(run):
    other = make_snapshot(title="Almanacs", url="https://almanacs.example/")
    (kept,) = store(str(run.pk), 2, [found(other, "Nevil Maskelyne published")])
    assert (kept.number, kept.title, kept.url) == (2, "Almanacs", "https://almanacs.example/")
    assert run.evidence.get(number=2).exhibit.snapshot == other.pk
