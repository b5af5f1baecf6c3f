"""What of a query leaves for the web: the person's words, and names from public pages; nothing of what is private."""

import pytest
from pytest_django import Settings

from research.engine.outward import strange, to_ask
from research.engine.values import Evidence, Gap, Question, Workspace

PUBLIC = "https://lights.example/orrin"


def kept(url, quote, title="A page"):
    return Evidence(1, 1, 1, 0, len(quote), quote, 1.0, title, url)


def desk(*known, gap="Who built it?", queries=(), remarks=()):
    question = Question("r", "Who built the lighthouse of Orrin?", (), sealed=False)
    return Workspace(
        question=question,
        gap=Gap(1, gap),
        known=known,
        queries=queries,
        opened=(),
        candidates=(),
        links=(),
        observation="",
        turns_left=5,
        may_answer=True,
        remarks=remarks,
    )


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("lighthouse Orrin built", "lighthouse Orrin built"),
        ("builders of lighthouses at Orrin", "of lighthouse Orrin"),  # as the person wrote them
        ("Orrin zebra4711 lighthouse", "Orrin lighthouse"),
        ("!!g lighthouse site:evil.example :de", "lighthouse"),  # signs are a search engine's commands
        ("orrin Orrin ORRIN", "Orrin"),
        ("zebra4711", ""),
    ],
)
def test_only_the_person_s_words_go_out(query, asked):
    assert to_ask(desk(), query) == asked


def test_remarks_and_the_sub_question_count_too():
    assert to_ask(desk(gap="When was Edda Marrow born?", remarks=("Try the census",)), "census Edda Marrow zebra") == (
        "census Edda Marrow"
    )


def test_names_of_kept_evidence_go_out_where_they_stand_on_public_pages():
    built = "The lighthouse was built by Edda Marrow for a fee that was never paid."
    assert to_ask(desk(kept(PUBLIC, built)), "Edda Marrow fee") == "Edda Marrow"
    assert to_ask(desk(kept("file:notes/plan.txt", built)), "Edda Marrow lighthouse") == "lighthouse"


def test_names_from_a_host_of_the_operator_s_own_do_not(settings: Settings):
    settings.EGRESS_ALLOW = ["intranet.example"]
    secret = kept("https://intranet.example/plan", "We buy the works of Edda Marrow.")
    assert to_ask(desk(secret), "Edda Marrow") == ""


def test_what_is_private_stays_here_where_a_sub_question_names_it_too():
    private = kept("file:notes/plan.txt", "The buyer is Globex, led by Tam Ferrier.", "The buyer")
    asking = desk(private, gap="Who leads Globex at Orrin?")
    assert to_ask(asking, "Globex Orrin leads") == "Orrin leads"
    assert strange(asking, "Globex Orrin") == ["Globex"]
    named = kept(PUBLIC, "Globex is a company at Orrin.")
    assert to_ask(desk(private, named, gap="Who leads Globex at Orrin?"), "Globex Orrin") == "Globex Orrin"


def test_what_was_asked_so_before_is_not_asked_again():
    before = desk(queries=("lighthouse of Orrin zebra",))
    assert to_ask(before, "Orrin of lighthouse giraffe") == ""
    assert to_ask(before, "Orrin built") == "Orrin built"
