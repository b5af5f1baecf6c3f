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
    controls, tried = (HOME, FIELD, BRANT), []

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


def test_a_field_that_offers_what_fits_is_searched_and_what_it_offers_is_chosen():
    gap = "In which room does Hedvig Aulestad of the Polar Institute work?"
    field, option = Control(2, "combobox", "Name"), Control(3, "option", "Hedvig Aulestad, Glaciology")
    at = on(field, tried=("fill Hedvig Aulestad of the Polar Institute",))
    at = replace(at, gap=replace(at.gap, question=gap))
    typed = replace(field, value="Hedvig Aulestad of the Polar Institute")
    assert go_on(replace(at, view=replace(at.view, controls=(typed,)))) == Action(
        "act", "Hedvig Aulestad", target=2, deed="fill"
    )
    offered = replace(at.view, controls=(replace(field, value="Hedvig Aulestad"), option))
    assert go_on(replace(at, view=offered)) == Action("act", target=3, deed="click")


def test_the_pages_of_what_a_search_has_found_are_gone_through_before_other_words_are_tried():
    tried = ("fill Brant",)
    assert go_on(on(FIELD, NEXT, tried=tried)) == Action("act", deed="next")
    dead = on(FIELD, NEXT, tried=(*tried, "next"), dead_ends=frozenset({PAGE}))
    assert go_on(dead) == Action("act", "high Brant tower", target=2, deed="fill")


def test_one_word_of_many_that_name_the_thing_is_only_a_hint():
    gap = "Who translated the Book of Salt into Norn?"
    hint, thing = Control(5, "link", "Norn for beginners"), Control(6, "link", "The Book of Salt, in Norn")
    at = on(FIELD, hint, thing, tried=("fill Book of Salt Norn",))
    at = replace(at, gap=replace(at.gap, question=gap))
    assert go_on(at) == Action("act", target=6, deed="click")
    assert go_on(replace(at, view=replace(at.view, controls=(FIELD, hint, NEXT)))) == Action("act", deed="next")


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


def test_of_a_list_that_says_what_it_offers_the_option_of_the_gap_is_chosen_whole():
    harbour = Control(3, "combobox", "From", "Hallig Sude", ("Hallig Sude", "Hallig Norre", "Hallig Ohm"))
    season = Control(4, "combobox", "Season", "Summer", ("Summer", "Winter"))
    at = on(harbour, season)
    asked = replace(at, gap=replace(at.gap, question="When does the boat leave Hallig Norre in winter?"))
    assert go_on(asked) == Action("act", "Hallig Norre", target=3, deed="select")
    chosen = (replace(harbour, value="Hallig Norre"), season)
    asked = replace(asked, view=replace(asked.view, controls=chosen, tried=("select Hallig Norre",)))
    assert go_on(asked) == Action("act", "Winter", target=4, deed="select")


def test_what_is_called_by_words_of_the_gap_alone_is_clicked_before_the_next_page():
    day = Control(5, "button", "Open day")
    at = on(NEXT, day)
    asked = replace(
        at, gap=replace(at.gap, question="On which day in May 2031 is the open day of the Ostrel Seed Bank?")
    )
    assert go_on(asked) == Action("act", target=5, deed="click")


def test_a_document_is_not_looked_at_in_the_browser():
    known = (evidence(1, "Towers are high."),)
    paper = replace(desk(GAP), known=known, view=View(address="http://a.test/towers.pdf?download=1"))
    assert look(paper) == Action("act", target=-1, deed="look")


def test_a_list_is_gone_through_for_some_pages_although_nothing_of_them_was_kept():
    dead, went = frozenset({PAGE}), (Deed("next"),)
    assert go_on(on(NEXT, tried=("next",), deeds=went, dead_ends=dead)) == Action("act", deed="next")
    assert go_on(on(NEXT, tried=("next",) * 3, deeds=went, dead_ends=dead)) == Action("act", deed="scroll")


def test_tabs_are_looked_behind_whatever_they_are_called_but_not_the_one_that_is_shown():
    shown, other = Control(2, "tab", "Overview", "selected"), Control(3, "tab", "Technical data")
    links = [Control(n, "link", f"Page {chr(64 + n)}") for n in range(4, 12)]
    spent = {"tried": ("next",), "dead_ends": frozenset({PAGE})}
    assert go_on(on(*links, shown, other, **spent)) == Action("act", target=3, deed="click")


def test_a_letter_of_an_alphabet_is_clicked_that_begins_what_the_page_does_not_show():
    letters = [Control(n, "button", chr(64 + n)) for n in range(1, 27)]
    text = candidate(text="A glossary of peat cutting. Choose a letter.")
    at = on(*letters, candidates=(text,))
    asked = replace(at, gap=replace(at.gap, question="What is a wadlock in peat cutting?"))
    assert go_on(asked) == Action("act", target=23, deed="click")


def test_what_is_of_the_same_family_as_a_word_is_clicked():
    cabinets = [
        Control(n, "link", f"Cabinet {n}: {name}") for n, name in enumerate(("Polypodiaceae", "Aspleniaceae"), 1)
    ]
    at = on(*cabinets, tried=("next", "scroll"), dead_ends=frozenset({PAGE}))
    asked = replace(at, gap=replace(at.gap, question="Where does Asplenium torvaldii grow?"))
    assert go_on(asked) == Action("act", target=2, deed="click")


def test_a_box_is_ticked_by_its_name_only():
    spent, dead = ("next", "scroll"), frozenset({PAGE})
    tower, other = Control(2, "checkbox", "Towers (9)"), Control(3, "checkbox", "Bridges (4)")
    assert go_on(on(other, tower, tried=spent, dead_ends=dead)) == Action("act", target=2, deed="click")
    assert go_on(on(other, tried=spent, dead_ends=dead)) is None


def test_a_document_is_left_again_at_once():
    at = on(deeds=(Deed("click", 2),), tried=("click link Minutes",))
    shown = replace(at.view, address="http://a.test/minutes.pdf")
    assert go_on(replace(at, view=shown)) == Action("act", deed="back")


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
