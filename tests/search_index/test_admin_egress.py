"""The operator's page of egress: figures, reasons in words, hosts, askers with links, filters, and when it is empty."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from search_index.models import Source
from search_index.refusals import SHORT
from tests.fakes.filled import depart

RUN = "3f2a9c1e-0000-4000-8000-000000000001"


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="operator-password"))
    return client


def shown(client: Client, **asked: str) -> tuple[dict[str, Any], str]:
    """What the page was made of, and its text."""
    answer = client.get(reverse("index:egress"), asked)
    assert answer.status_code == 200
    return answer.context, answer.content.decode()  # type: ignore[return-value]


def test_a_day_in_figures_with_its_hosts_reasons_and_askers(operator: Client) -> None:
    source = Source.objects.create(name="Docs", kind="site", location="https://docs.example/")
    for _number in range(3):
        depart(whose=f"source-{source.pk}")
    depart(whose=f"run-{RUN}", host="large.example", down=9_000_000)
    depart(whose=f"run-{RUN}.sealed", host="other.example", verdict="sealed", down=0)
    depart(host="bank.example", address="10.0.0.1", verdict="address", down=0)
    depart(host="old.example", at=timezone.now() - timedelta(hours=2))
    depart(host="older.example", at=timezone.now() - timedelta(days=2))
    made, text = shown(operator)
    assert (made["requests"], made["refused"]) == (7, 2)
    assert made["down"] == 9_000_000 + 4 * 20_000
    assert [row.label for row in made["hosts"]][:2] == ["large.example", "docs.example"]
    assert {row.label: row.requests for row in made["reasons"]} == {
        str(SHORT["address"]): 1,
        str(SHORT["sealed"]): 1,
    }
    assert f'<a class="when" href="{reverse("admin:research_run_change", args=[RUN])}">' in text
    assert f'<a class="when" href="{reverse("admin:search_index_source_change", args=[source.pk])}">' in text
    assert "sealed run 3f2a9c1e" in text
    assert "bank.example:443 (10.0.0.1)" in text
    assert sum(bar.height > 0 for bar in made["chart"].bars) == 2
    hour, _text = shown(operator, span="hour")
    assert hour["requests"] == 6


def test_it_is_narrowed_to_a_host_an_asker_and_a_verdict(operator: Client) -> None:
    depart(whose=f"run-{RUN}")
    depart(whose=f"run-{RUN}.sealed", verdict="sealed")
    depart(whose="run-2", host="other.example", verdict="rate")
    for asked, count in (
        ({"host": "Docs.example "}, 2),
        ({"whose": f"run-{RUN}"}, 2),  # with what it asked when it was sealed
        ({"verdict": "refused"}, 2),
        ({"verdict": "rate"}, 1),
        ({"verdict": "nonsense", "span": "year"}, 3),
        ({"host": "docs.example", "verdict": "rate"}, 0),
    ):
        made, text = shown(operator, **asked)
        assert made["requests"] == count, asked
        assert ("Nothing like that came to the door" in text) == (count == 0)


def test_an_empty_page_says_what_will_stand_there(operator: Client) -> None:
    _made, text = shown(operator)
    assert "Nothing has come to the door yet." in text
    depart(at=timezone.now() - timedelta(days=3))
    assert "Nothing came to the door in this time." in shown(operator)[1]


def test_each_figure_is_one_query_however_much_there_is(operator: Client) -> None:
    depart(verdict="address")
    shown(operator)
    with CaptureQueriesContext(connection) as caught:
        shown(operator)
    asked = [query["sql"] for query in caught if "search_index_departure" in query["sql"]]
    assert len(asked) == 5
    assert all("LIMIT" in sql or "GROUP BY" in sql or "COUNT" in sql for sql in asked)
