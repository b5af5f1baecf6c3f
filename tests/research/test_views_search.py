from datetime import date

import pytest
from django.urls import reverse

from research.views import search as view
from research.views.typeset import EXCERPT, WHOLE, around, excerpt, paragraphs, window
from search_index import api
from tests.fakes.rows import HOSTILE, QUOTE, TEXT, make_snapshot


def hit(**changes):
    fields = {
        "rank": 1, "score": 0.91, "dense": 0.8, "lexical": 1.0, "passage": 1, "snapshot": 7, "start": 10, "end": 50,
        "text": QUOTE, "heading": "Guide › Money", "title": "On sea clocks", "url": "https://clocks.example/",
        "host": "clocks.example", "source": "Clocks",
    }  # fmt: skip
    return api.Hit(**(fields | changes))


def test_hits_are_shown_with_the_words_marked_and_lead_to_the_passage(owner_client, monkeypatch):
    monkeypatch.setattr(api, "search", lambda query, **_: [hit()])
    page = owner_client.get("/search?q=boards+paid").content.decode()
    assert "<mark>Board</mark>" in page
    assert "<mark>paid</mark>" in page
    assert "Guide › Money" in page
    assert "score 0.91" in page
    assert "/snapshots/7?start=10&amp;end=50#passage" in page


def test_nothing_of_a_hit_is_rendered_as_markup(owner_client, monkeypatch):
    hostile = hit(text=HOSTILE, title=HOSTILE, heading=HOSTILE, source=HOSTILE, host=HOSTILE)
    monkeypatch.setattr(api, "search", lambda query, **_: [hostile])
    page = owner_client.get("/search", {"q": f"alert {HOSTILE}"}).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page


def test_a_source_narrows_the_search(owner_client, monkeypatch):
    asked = {}
    monkeypatch.setattr(api, "search", lambda query, **limits: asked.update(limits) or [])
    page = owner_client.get("/search?q=clock&source=12").content.decode()
    assert asked["sources"] == [12]
    assert "Look everywhere" in page
    owner_client.get("/search?q=clock&source=no-number")
    assert asked["sources"] == []


@pytest.mark.django_db
def test_a_search_is_narrowed_by_what_the_form_says(owner_client, monkeypatch):
    asked = {}
    monkeypatch.setattr(api, "search", lambda query, **limits: asked.update(limits) or [])
    form = "collection=law&host=example.org&language=de&class=primary&since=2024-02-29&until=2024-02-30"
    page = owner_client.get(f"/search?q=clock&{form}").content.decode()
    assert asked == {
        "limit": view.HITS, "sources": [], "collections": ["law"], "hosts": ["example.org"], "languages": ["de"],
        "classes": ["primary"], "since": date(2024, 2, 29), "until": None,
    }  # fmt: skip
    assert '<details class="narrow-down" open>' in page
    assert 'value="example.org"' in page
    assert '<option value="primary" selected>' in page
    owner_client.get("/search?q=clock&class=liar&since=yesterday")
    assert (asked["classes"], asked["since"]) == ([], None)


def test_a_hit_says_who_speaks_and_when(owner_client, monkeypatch):
    news = hit(source_class="news", published_on=date(2024, 5, 3))
    monkeypatch.setattr(api, "search", lambda query, **_: [news])
    page = owner_client.get("/search?q=boards").content.decode()
    assert "clocks.example · news · " in page
    assert "3 May 2024" in page


def test_a_search_that_fails_says_what_to_do(owner_client, monkeypatch):
    def fail(query, **_):
        raise api.RetryLater("embed", "Install the model.")

    monkeypatch.setattr(api, "search", fail)
    assert "Install the model." in owner_client.get("/search?q=clock").content.decode()


def test_nothing_is_searched_without_words(owner_client, monkeypatch):
    monkeypatch.setattr(view.api, "search", None)
    assert owner_client.get("/search?q=++").status_code == 200


@pytest.mark.django_db
def test_a_stored_page_is_set_in_paragraphs_and_headings(owner_client):
    text = TEXT + "\n" + HOSTILE
    snapshot = make_snapshot(text, title=HOSTILE, headings=[[0, 10, 1], [text.index("Lunar"), 118, 3]])
    page = owner_client.get(reverse("snapshot", args=[snapshot.pk]), {"start": 0, "end": 10}).content.decode()
    assert '<h2><mark id="passage" tabindex="-1">Sea clocks</mark></h2>' in page
    assert "<h3>Lunar distances</h3>" in page
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert owner_client.get(reverse("snapshot", args=[snapshot.pk + 1])).status_code == 404


@pytest.mark.django_db
def test_a_long_page_is_shown_around_the_passage_with_ways_on(owner_client):
    text = "\n".join(f"Line {number} of a long page." for number in range(20_000))
    snapshot = make_snapshot(text)
    start = text.index("Line 10000 ")
    page = owner_client.get(reverse("snapshot", args=[snapshot.pk]), {"start": start, "end": start + 10})
    content = page.content.decode()
    assert 'id="passage"' in content
    assert len(content) < 600_000
    assert "More before" in content
    assert "More after" in content


@pytest.mark.parametrize("place", [0, 1, 150_000, 399_999, 10**9])
@pytest.mark.parametrize("unit", ["word ", "line\n", "x"])
def test_a_window_holds_its_place_and_the_windows_cover_the_text(place, unit):
    text = (unit * 400_000)[:400_000]
    part = window(text, place)
    assert part.start <= min(place, len(text) - 1) < part.end
    reached = window(text, 0)
    while reached.after is not None:
        following = window(text, reached.after)
        assert reached.start < following.start <= reached.end < following.end
        reached = following
    assert reached.end == len(text)


def test_a_text_of_ordinary_length_is_shown_whole():
    assert window("x" * WHOLE, 5) == window("x" * WHOLE, 0)
    assert window("", 0).end == 0


def test_only_the_lines_around_a_shared_passage_are_shown():
    text = "\n".join(f"Line {number}." for number in range(5_000))
    start = text.index("Line 2500.")
    part = around(text, start, start + 10, margin=100)
    shown = text[part.start : part.end]
    assert "Line 2500." in shown
    assert 200 < len(shown) < 400
    assert shown.startswith("Line ")


def test_a_mark_may_span_paragraphs_and_begins_once():
    text = "One two.\nThree four."
    shown = paragraphs(text, [], window(text, 0), (4, 14))
    assert [paragraph.pieces for paragraph in shown] == [
        (("One ", False), ("two.", True)),
        (("Three", True), (" four.", False)),
    ]
    assert [paragraph.first for paragraph in shown] == [True, False]


def test_an_excerpt_begins_near_the_first_word_that_was_sought():
    text = "filler words. " * 60 + "the chronometers were tried " + "more filler. " * 60
    shown = excerpt(text, "chronometer?")
    assert ("chronometers", True) in shown
    assert sum(len(piece) for piece, _ in shown) <= EXCERPT + 6
