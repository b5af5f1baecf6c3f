"""Addresses from the operator's SearXNG, over real HTTP: judged by what the index knows; failures are said."""

from datetime import timedelta

import pytest
from django.utils import timezone

from search_index import api
from search_index.models import Host, Page
from tests.fakes.index import new_source, put

pytestmark = pytest.mark.django_db


def test_without_a_server_there_is_no_web_search():
    assert not api.web_search_is_set_up()


def test_addresses_come_in_the_order_of_the_engine(searxng):
    searxng.results = ["https://a.example/1", "https://b.example/2#part", "https://a.example/1"]
    assert api.web_search("sea clocks") == api.Suggested(("https://a.example/1", "https://b.example/2"))
    assert searxng.asked == ["sea clocks"]


def test_who_speaks_there_and_what_the_operator_wants_move_an_address(searxng):
    searxng.results = ["https://x.tumblr.com/a", "https://www.loc.gov/b", "https://c.example/c", "https://d.example/d"]
    assert api.web_search("q").urls[:2] == ("https://www.loc.gov/b", "https://x.tumblr.com/a")
    Host.objects.create(name="d.example", boost=1)
    assert api.web_search("q").urls[0] == "https://d.example/d"


def test_what_is_not_worth_opening_is_left_out_and_counted(searxng):
    Host.objects.create(name="farm.example", standing=Host.Standing.BLOCKED)
    source = new_source("site")
    fresh = put(source, "https://known.example/fresh", "A page that the index has.")
    old = put(source, "https://known.example/old", "A page that it had long ago.")
    Page.objects.filter(pk=fresh.page_id).update(fetched_at=timezone.now())
    Page.objects.filter(pk=old.page_id).update(fetched_at=timezone.now() - timedelta(days=90))
    Page.objects.create(source=source, url="https://thin.example/", state="refused", reason="thin")
    Page.objects.create(source=new_source("feed"), url="https://known.example/fresh", state="queued")  # not yet there
    many = [f"https://many.example/{n}" for n in range(5)]
    searxng.results = [
        "https://www.farm.example/x",
        "https://known.example/fresh",
        "https://known.example/old",
        "https://thin.example/",
        "ftp://old.example/",
        "http://user:password@e.example/",
        *many,
    ]
    found = api.web_search("q")
    assert found.urls == ("https://known.example/old", *many[:3])
    assert found.left_out == {"closed": 1, "known": 1, "refused": 1, "url": 2, "host": 2}


def test_nothing_found_is_an_empty_result(searxng):
    assert api.web_search("q") == api.Suggested(())


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("forbidden", "search.formats"),
        ("broken", "HTTP 500"),
        ("garbage", "not its JSON"),
        ("list", "not its JSON"),
        ("silent", "duckduckgo, brave"),
        ("drop", "cannot be reached"),
    ],
)
def test_a_failure_is_said(searxng, fault, said):
    searxng.results = ["https://a.example/"]
    searxng.fail(fault)
    with pytest.raises(api.IndexFailure, match=said):
        api.web_search("q")
    assert api.web_search("q").urls == ("https://a.example/",)
