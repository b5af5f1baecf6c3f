"""The rules by which a page is used in the browser where search and reading did not bring what is asked for."""

from dataclasses import replace

import pytest

from research.engine.values import Action, View
from research.reasoning.acting import go_on, look
from search_index.api import Control, Deed
from tests.research.test_extractive import candidate, desk, evidence

GAP = "How high is the Brant tower?"
PAGE = "http://a.test/list"
HOME = Control(1, "link", "Home")
FIELD = Control(2, "searchbox", "Search")
NEXT = Control(3, "link", "Next page")
BRANT = Control(4, "link", "The Brant tower")


def on(*controls: Control, tried: tuple[str, ...] = (), deeds: tuple[Deed, ...] = (), **fields: object):
    view = View(address=PAGE, tab=PAGE, controls=controls, deeds=deeds, tried=tried)
    return replace(desk(GAP), view=view, looked=(PAGE,), **fields)


def test_the_page_in_view_is_looked_at_and_else_the_likeliest():
    assert look(replace(desk(GAP), view=View(address=PAGE))) == Action("act", deed="look")
    known = (evidence(1, "Towers are high.", 0.2), evidence(2, "A tower of Alder.", 0.9))
    assert look(replace(desk(GAP), known=known)) == Action("act", target=-2, deed="look")
    assert look(replace(desk(GAP), known=known, looked=("http://a.test/2",))) == Action("act", target=-1, deed="look")
    assert look(replace(desk(GAP), known=known, looked=("http://a.test/2", "http://a.test/1"))) is None
    assert look(replace(desk(GAP), known=(replace(known[0], url="beir:x/1"),))) is None
    assert look(replace(desk(GAP), known=(evidence(1, "Nothing much."),))) is None


def test_a_sealed_run_looks_at_nothing():
    one = desk(GAP)
    sealed = replace(one, question=replace(one.question, sealed=True), view=View(address=PAGE))
    assert look(sealed) is None


def test_what_is_named_like_the_thing_goes_first_then_the_search_then_documents_then_the_next_page():
    pdf = (9, "http://a.test/tower-report.pdf")
    act = go_on(on(HOME, FIELD, NEXT, BRANT, links=(pdf,)))
    assert act == Action("act", target=4, deed="click")
    tried = ("click link The Brant tower",)
    assert go_on(on(HOME, FIELD, NEXT, BRANT, links=(pdf,), tried=tried)) == Action(
        "act", "Brant", target=2, deed="fill"
    )
    tried = (*tried, "fill Brant")
    second = go_on(on(HOME, FIELD, NEXT, BRANT, links=(pdf,), tried=tried))
    assert second == Action("act", "high Brant tower", target=2, deed="fill")
    tried = (*tried, "fill high Brant tower")
    assert go_on(on(HOME, FIELD, NEXT, BRANT, links=(pdf,), tried=tried)) == Action("open", target=9)
    assert go_on(on(HOME, FIELD, NEXT, BRANT, tried=tried)) == Action("act", target=3, deed="click")


def test_without_anything_else_it_scrolls_a_few_times():
    assert go_on(on(HOME)) == Action("act", deed="scroll")
    assert go_on(on(HOME, tried=("scroll",) * 3)) is None


@pytest.mark.parametrize("name", ["E-mail address", "Your name", "Comment"])
def test_a_field_that_is_no_search_is_left_alone(name):
    assert go_on(on(Control(2, "textbox", name), tried=("scroll",) * 3)) is None


def test_it_ends_where_the_thing_is_found_and_after_so_many_deeds():
    assert go_on(on(FIELD, candidates=(candidate(text="The Brant tower is 70 metres high."),))) is None
    assert go_on(on(FIELD, candidates=(candidate(text="The Alder tower is 70 metres high."),))) is not None
    assert go_on(on(NEXT, tried=("click link Next page",) * 10)) is None
