"""Which controls of a page are offered, and what of them."""

from research.engine.controls import MOST, NAME, OPTIONS, offered
from search_index.api import Control


def test_what_fits_comes_first_and_what_leads_on_is_not_crowded_out():
    links = [Control(n, "link", f"Page {n}") for n in range(1, 100)]
    onward, tower = Control(100, "link", "Next"), Control(101, "link", "The Brant tower")
    year = Control(102, "combobox", "Show", "All", ("All", "Towers", "Bridges"))
    found = offered("How high is the Brant tower?", [*links, onward, tower, year])
    assert len(found) == MOST
    assert {onward, tower, year} <= set(found[:3])


def test_of_a_long_list_the_options_that_fit_are_offered_in_its_order():
    places = [f"Place {n}" for n in range(100)]
    harbour = Control(1, "combobox", "From", "", (*places, "Hallig Norre", "x" * (NAME + 1), "Hallig Sude"))
    (found,) = offered("When does the boat leave Hallig Sude?", [harbour])
    assert len(found.options) == OPTIONS
    assert found.options == (*places[: OPTIONS - 2], "Hallig Norre", "Hallig Sude")
