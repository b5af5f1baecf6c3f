"""The rules by which a page is used in the browser where search and reading did not bring what is asked for."""

from dataclasses import replace

import pytest

from research.engine.controls import trial
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
    controls, tried = (HOME, FIELD, NEXT, BRANT), []

    def following(**fields: object):
        action = go_on(on(*controls, tried=tuple(tried), **fields))
        tried.append(trial(action, controls))
        return action

    assert following(links=(pdf,)) == Action("act", target=4, deed="click")
    queries = [following(links=(pdf,)) for _n in range(4)]
    assert queries == [
        Action("act", query, target=2, deed="fill") for query in ("Brant", "high Brant tower", "Brant tower", "high")
    ]
    assert go_on(on(*controls, tried=tuple(tried), links=(pdf,))) == Action("open", target=9)
    assert following() == Action("act", deed="next")


def test_what_a_search_of_the_site_found_is_clicked():
    gap = "What colour is the lantern room?"
    found = Control(5, "link", "The lantern room")
    at = on(FIELD, found, tried=("fill lantern room",))
    assert go_on(replace(at, gap=replace(at.gap, question=gap))) == Action("act", target=5, deed="click")


def test_it_goes_on_only_as_long_as_that_brings_something():
    tried = ("click link Home", "next")
    assert go_on(on(HOME, tried=tried)) == Action("act", deed="next")
    assert go_on(on(HOME, tried=tried, dead_ends=frozenset({PAGE}))) == Action("act", deed="scroll")
    assert go_on(on(HOME, tried=(*tried, "scroll"), dead_ends=frozenset({PAGE}))) is None


def test_an_option_that_the_gap_names_is_chosen():
    region = Control(3, "combobox", "Region", "Choose")
    at = on(region, candidates=(candidate(text="Region Choose North South"),))
    asked = replace(at, gap=replace(at.gap, question="Which boat served in the north?"))
    assert go_on(asked) == Action("act", "North", target=3, deed="select")


def test_of_few_things_each_is_tried_and_one_that_led_away_is_left_again():
    spent = ("next", "scroll")
    quarry, dead = Control(2, "button", "The quarry"), frozenset({PAGE})
    assert go_on(on(quarry, tried=spent, dead_ends=dead)) == Action("act", target=2, deed="click")
    many = [Control(n, "link", f"Page {chr(64 + n)}") for n in range(1, 9)]
    assert go_on(on(*many, tried=spent, dead_ends=dead)) is None
    away = replace(on(tried=spent, deeds=(Deed("click", 2),)).view, address="http://a.test/quarry")
    at = on(tried=spent, dead_ends=frozenset({away.address}))
    assert go_on(replace(at, view=away)) == Action("act", deed="back")


@pytest.mark.parametrize("name", ["E-mail address", "Your name", "Comment"])
def test_a_field_that_is_no_search_is_left_alone(name):
    assert go_on(on(Control(2, "textbox", name), tried=("next", "scroll"), dead_ends=frozenset({PAGE}))) is None


def test_it_ends_where_the_thing_is_found_and_after_so_many_deeds():
    assert go_on(on(FIELD, candidates=(candidate(text="The Brant tower is 70 metres high."),))) is None
    assert go_on(on(BRANT, candidates=(candidate(text="Towers that are high: The Brant tower"),))) is not None
    assert go_on(on(FIELD, candidates=(candidate(text="The Alder tower is 70 metres high."),))) is not None
    assert go_on(on(NEXT, tried=("next",) * 10)) is None
