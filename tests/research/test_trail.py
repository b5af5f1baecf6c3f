"""The picture of the trail: which nodes and lines are drawn of which steps."""

import pytest

from research.models import Run, Step
from research.views.trail import MOST, trail

RUN = Run()


def step(seq, kind, error="", **result):
    return Step(run=RUN, seq=seq, kind=kind, key=f"gap/1/turn/{seq}/{kind}", result={"gap": 1, **result}, error=error)


def hit(snapshot):
    return {"snapshot": snapshot, "title": f"Page {snapshot}", "url": f"https://x.example/{snapshot}"}


def kept(number, snapshot):
    return {"number": number, "quote": f"Quote {number}", **hit(snapshot)}


def note(seq, *pairs, gap=1):
    return step(seq, "note", gap=gap, evidence=[n for n, _s in pairs], kept=[kept(n, s) for n, s in pairs])


STEPS = [
    step(1, "search", query="sea clock", hits=[hit(7), hit(8)]),
    note(2, (1, 7)),
    step(3, "search", query="sea clock maker", hits=[hit(8), hit(9)]),
    step(4, "open", **hit(8)),
    note(5, (2, 8), (3, 8)),
    step(6, "search", query="nothing of use", hits=[hit(5)]),
]


def lines(band):
    return {line.ends for line in (*band.to_pages, *band.to_evidence)}


def test_lines_lead_from_a_query_to_the_pages_it_brought_and_to_what_was_kept_of_them():
    (band,) = trail(RUN, STEPS, {1: "Who?"}).bands
    assert lines(band) == {"q1-1 p1-7", "p1-7 e1-1", "q1-3 p1-8", "p1-8 e1-2", "p1-8 e1-3"}
    assert [(page.text, page.is_read) for page in band.pages.nodes] == [("Page 7", False), ("Page 8", True)]
    assert [query.text for query in band.queries.nodes] == ["sea clock", "sea clock maker", "nothing of use"]


def test_a_node_knows_all_of_its_path():
    (band,) = trail(RUN, STEPS, {1: "Who?"}).bands
    paths = {node.id: set(node.path.split()) for node in (*band.queries.nodes, *band.evidence.nodes)}
    assert paths["q1-3"] == {"q1-3", "p1-8", "e1-2", "e1-3"}
    assert paths["e1-2"] == {"q1-3", "p1-8", "e1-2"}
    assert paths["q1-6"] == {"q1-6"}


def test_the_numbers_count_what_two_gaps_share_once():
    drawn = trail(RUN, [*STEPS, note(7, (1, 7), gap=2)], {1: "Who?", 2: "When?"})
    assert (len(drawn.bands), drawn.queries, drawn.pages, drawn.evidence, drawn.seq) == (2, 3, 2, 3, 7)


def test_the_step_that_a_replay_stands_at_marks_its_nodes():
    def new(until):
        steps = [one for one in STEPS if one.seq <= until]
        bands = trail(RUN, steps, {1: "Who?"}, until).bands
        columns = [column for band in bands for column in (band.queries, band.pages, band.evidence)]
        return {node.id for column in columns for node in column.nodes if node.is_new}

    assert new(1) == {"q1-1"}
    assert new(4) == {"p1-8"}
    assert new(5) == {"e1-2", "e1-3"}


def test_evidence_that_was_set_aside_last_is_drawn_so():
    sifts = [Step(run=RUN, seq=seq, kind="sift", result={"aside": aside}) for seq, aside in ((7, [1, 2]), (8, [2]))]
    (band,) = trail(RUN, [*STEPS, *sifts], {1: "Who?"}).bands
    assert [node.mark for node in band.evidence.nodes if node.is_aside] == ["E2"]


def test_failed_steps_and_gaps_that_are_not_there_draw_nothing():
    assert trail(RUN, [step(1, "search", error="It failed.")], {1: "Who?"}).bands == ()
    assert trail(RUN, [step(1, "search", query="x", hits=[])], {2: "Who?"}).bands == ()


def test_of_many_nodes_those_with_lines_are_drawn_and_the_rest_is_counted():
    many = [step(seq, "search", query=f"query {seq}", hits=[]) for seq in range(10, 100)]
    (band,) = trail(RUN, [*many, step(100, "search", query="good", hits=[hit(7)]), note(101, (1, 7))], {1: "?"}).bands
    assert len(band.queries.nodes) == MOST
    assert band.queries.more == 91 - MOST
    assert "good" in [node.text for node in band.queries.nodes]
    assert lines(band) == {"q1-100 p1-7", "p1-7 e1-1"}
    assert band.box == f"0 0 100 {(MOST + 1) * 10}"


@pytest.mark.parametrize("kind", ["open", "note", "search"])
def test_older_steps_that_keep_less_are_drawn_as_far_as_they_go(kind):
    trail(RUN, [step(1, kind, query="x", snapshot=None, title="", url="", evidence=[1])], {1: "Who?"})
