"""manage.py search."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from search_index.models import Snapshot
from tests.fakes.index import new_source, put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def snapshot() -> Snapshot:
    put(new_source("Birds"), "file:Birds/swift", "The swift sleeps while it flies.", title="Swift")
    return put(new_source("Sea"), "file:Sea/octopus", "The octopus has three hearts.", title="Octopus")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("search", *arguments, stdout=out)
    return out.getvalue()


def test_json_has_the_stable_keys_and_verbatim_spans(snapshot: Snapshot) -> None:
    found = json.loads(run("octopus hearts", "--json"))
    assert list(found) == ["query", "hits", "ms"]
    assert found["query"] == "octopus hearts"
    hit = found["hits"][0]
    assert list(hit) == ["rank", "score", "title", "url", "source", "snapshot", "start", "end", "text"]
    assert (hit["rank"], hit["title"], hit["url"], hit["source"]) == (1, "Octopus", "file:Sea/octopus", "Sea")
    assert hit["snapshot"] == snapshot.pk
    assert hit["text"] == snapshot.text[hit["start"] : hit["end"]]


def test_a_source_and_a_limit_narrow_the_search() -> None:
    assert [hit["source"] for hit in json.loads(run("octopus", "--source", "Birds", "--json"))["hits"]] == ["Birds"]
    assert len(json.loads(run("octopus", "--limit", "1", "--json"))["hits"]) == 1


def test_people_see_title_text_and_address() -> None:
    shown = run("octopus")
    assert "Octopus" in shown
    assert "three hearts" in shown
    assert "file:Sea/octopus" in shown
    assert "2 passages in" in shown


def test_nothing_found_is_said() -> None:
    assert run(" ").strip() == "Nothing was found."


def test_an_unknown_source_is_one_sentence_and_bad_usage() -> None:
    with pytest.raises(CommandError, match="no source named Nope; there are: Birds, Sea") as error:
        run("octopus", "--source", "Nope")
    assert error.value.returncode == 2


@pytest.mark.parametrize("limit", ["0", "-1", "many"])
def test_a_limit_that_is_no_number_of_passages_is_bad_usage(limit: str) -> None:
    with pytest.raises(CommandError, match="at least 1"):
        run("octopus", "--limit", limit)
