from typing import Any

import pytest

from research.engine.names import all_named, mentions, names, subject
from research.engine.terms import rarity, terms
from research.engine.values import Candidate, Evidence, Gap, Question, Workspace
from research.reasoning.sieve import best_documents
from research.reasoning.trail import CORE, Bridge, bridges, chances, found_by_bridge, woven

QUESTION = "What language is used by the director of Tiffany Memorandum?"
FILM = "Tiffany Memorandum is a 1967 film. Its director was Sergio Grieco. It was shown in Berlin."


def evidence(number: int, title: str, quote: str, score: float = 0.9, gap: int = 1) -> Evidence:
    return Evidence(number, gap, number, 0, len(quote), quote, score, title, f"beir:a/{number}")


def candidate(number: int, title: str, text: str, score: float = 0.5, snapshot: int = 0) -> Candidate:
    return Candidate(number, snapshot or 50 + number, 0, len(text), text, "", title, "beir:a/x", "a", score)


def desk(known: tuple[Evidence, ...], *queries: str, candidates: Any = ()) -> Workspace:
    asked = Question("run", QUESTION, (), sealed=True)
    return Workspace(asked, Gap(1, QUESTION), known, queries, (), candidates, (), "", 3, may_answer=True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Directed by Sergio Grieco in May, in Rome.", ["Directed", "Sergio Grieco", "Rome"]),
        ("The War of the Worlds was read by H. G. Wells.", ["War of the Worlds", "H. G. Wells"]),
        ("It is Yale's Divinity School.", ["Yale's Divinity School"]),
        ("In March it was these. No.", []),
        ("nothing here", []),
    ],
)
def test_names_are_runs_of_capitals_without_the_words_that_only_begin_a_sentence(text: str, found: list[str]) -> None:
    assert list(names(text)) == found


def test_a_name_is_mentioned_whole_or_not_at_all() -> None:
    assert mentions("a film by SERGIO GRIECO, 1956", "Sergio Grieco")
    assert not mentions("a film by Sergio Griecos", "Sergio Grieco")
    assert subject("The Game (1997 film)") == "The Game"


def test_what_a_question_names_has_to_be_in_what_was_found() -> None:
    found = ["Tor Vikdal lives in Bergen.", "Larkspur is a film."]
    assert all_named("Did Tor Vikdal make Larkspur?", found)
    assert not all_named("Did Tor Vikdal or Ines Aldana make it?", found)
    assert not all_named("Who made it?", found)


def test_a_bridge_is_a_name_that_the_question_does_not_have_with_what_its_passage_leaves_open() -> None:
    found = bridges(QUESTION, [evidence(1, "Tiffany Memorandum", FILM)])
    assert found[0].query == "Sergio Grieco language"
    assert "Tiffany Memorandum" not in {bridge.name for bridge in found}
    assert [bridge.weight for bridge in found] == sorted((bridge.weight for bridge in found), reverse=True)


def test_the_page_itself_is_a_bridge_where_the_question_describes_it() -> None:
    found = bridges("Who wrote about the most remarkable creation of MTV?", [evidence(1, "Madonna", "MTV's creation.")])
    assert "Madonna" in {bridge.name for bridge in found}


def test_a_passage_that_leaves_nothing_open_ends_the_trail() -> None:
    whole = evidence(1, "Tiffany Memorandum", "The director of it, Sergio Grieco, speaks the language Italian.")
    assert bridges(QUESTION, [whole]) == []
    assert bridges(QUESTION, []) == []


def test_bridges_of_a_likelier_passage_come_first() -> None:
    known = [evidence(1, "A", "A film of Ann Berg.", 0.2), evidence(2, "B", "A film of Bo Lund.", 0.8)]
    assert next(bridge.name for bridge in bridges("Whose film won?", known)) in ("B", "Bo Lund")


def test_what_names_the_bridge_is_likelier_than_what_does_not_and_no_likelier_than_the_way_to_it() -> None:
    bridge = Bridge("Sergio Grieco", "Sergio Grieco language", frozenset(terms("language")), 1, 0.6, 0.5)
    weights = rarity([terms("language")])
    named = found_by_bridge(bridge, candidate(1, "Patriot", "A film by Sergio Grieco."), 2, weights)
    other = found_by_bridge(bridge, candidate(1, "Patriot", "A film by somebody."), 2, weights)
    titled = found_by_bridge(bridge, candidate(1, "Sergio Grieco", "A director."), 2, weights)
    assert other < named < titled < bridge.chance


def test_passages_in_view_have_the_chance_of_the_way_that_led_to_them() -> None:
    known = (evidence(1, "Tiffany Memorandum", FILM, 0.6),)
    view = (candidate(1, "The Violent Patriot", "An Italian film directed by Sergio Grieco."), candidate(2, "X", "No."))
    crossed = chances(desk(known, QUESTION, "Sergio Grieco language", candidates=view))
    assert crossed[2] < crossed[1] < 0.6
    asked = chances(desk((), QUESTION, candidates=view))
    assert asked[1] > asked[2]


def test_the_passages_of_an_opened_page_are_ranked_by_their_words() -> None:
    view = (
        candidate(1, "Grieco", "Nothing.", 1.0, snapshot=7),
        candidate(2, "Grieco", "The language of the director of Tiffany Memorandum.", 1.0, snapshot=7),
    )
    at = desk((evidence(7, "Grieco", "He.", 0.9),), QUESTION, candidates=view)
    found = chances(Workspace(**(vars(at) | {"opened": ("beir:a/x",)})))
    assert found[1] < found[2] < 0.9


def test_evidence_that_shares_names_with_the_likeliest_is_likelier_than_other_evidence() -> None:
    core = [evidence(number, "Film", "Made by Sergio Grieco.", 0.9) for number in range(1, CORE + 1)]
    far, near = evidence(20, "A", "A film of Ann Berg.", 0.3), evidence(21, "B", "Sergio Grieco was Italian.", 0.2)
    asked = evidence(22, "C", "The Tiffany Memorandum again.", 0.1)
    ranked = sorted(woven(QUESTION, [far, near, asked, *core]), key=lambda one: -one.score)
    assert [one.number for one in ranked][CORE:] == [21, 20, 22]
    assert {one.number for one in ranked[:CORE]} == {one.number for one in core}
    assert woven(QUESTION, []) == []


def test_sifting_takes_turns_between_gaps_and_counts_documents() -> None:
    known = [evidence(number, "T", "q", 1 - number / 100, gap=1) for number in range(1, 6)]
    known += [evidence(9, "U", "q", 0.1, gap=2), Evidence(10, 1, 1, 5, 6, "r", 0.01, "T", "u")]
    assert best_documents([Gap(1, "a"), Gap(2, "b")], known, 3) == (1, 2, 9, 10)
    assert best_documents([Gap(1, "a")], [], 3) == ()
