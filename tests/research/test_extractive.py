from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from research.engine.terms import terms
from research.engine.values import Candidate, Evidence, Gap, Question, Section, Workspace
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.shortest import shortest
from search_index.api import sentences

TEXT = (
    "Larkspur keeps its jobs in one file. A job that raises an exception is tried again. Larkspur tries a job five "
    "times before it gives up. The first wait is 10 seconds. Queues have names. Schedules are written as sentences."
)


async def similarity(query: str, texts: Sequence[str]) -> list[float]:
    wanted = set(terms(query))
    return [0.5 + 0.5 * len(wanted & set(terms(text))) / max(1, len(wanted)) for text in texts]


def candidate(number: int = 1, text: str = TEXT, **fields: Any) -> Candidate:
    spans = tuple((100 + start, 100 + end) for start, end in sentences(text))
    made = Candidate(
        number, number, 100, 100 + len(text), text, "", "Retries", f"http://a.test/{number}", "a", 1.0, spans
    )
    return replace(made, **fields)


def evidence(number: int, quote: str, score: float = 0.5, gap: int = 1) -> Evidence:
    return Evidence(number, gap, number, 0, len(quote), quote, score, "Retries", f"http://a.test/{number}")


def desk(gap: str = "How many times does Larkspur try a job?", **fields: Any) -> Workspace:
    question = Question("run", gap, (), sealed=False)
    empty = Workspace(question, Gap(1, gap), (), (), (), (), (), "", 3, may_answer=False)
    return replace(empty, **fields)


@pytest.fixture
def reasoner() -> ExtractiveReasoner:
    return ExtractiveReasoner(similarity)


@pytest.mark.parametrize(
    ("question", "gaps"),
    [
        ("Who wrote Larkspur?", ["Who wrote Larkspur?"]),
        ("Who wrote Larkspur? When was it released?", ["Who wrote Larkspur?", "When was it released?"]),
        ("Who wrote Larkspur and when was it released?", ["Who wrote Larkspur", "when was it released?"]),
        ("How do salt and pepper differ in use", ["How do salt and pepper differ in use"]),
        (
            "What is the difference between a queue and a schedule?",
            ["What is the difference between a queue and a schedule?", "a queue", "a schedule"],
        ),
        ("a? b? c? d? e?", ["a?", "b?", "c? d? e?"]),
    ],
)
async def test_a_plan_is_the_questions_that_were_asked(reasoner, question, gaps):
    made = await reasoner.plan(Question("run", question, (), sealed=False), 3)
    assert [gap.question for gap in made.gaps] == gaps


async def test_what_is_kept_is_verbatim_best_first_and_does_not_overlap(reasoner):
    seen = [candidate(), candidate(2, "Nothing of the kind. At all.", score=0.1)]
    kept = await reasoner.note(desk(), seen)
    assert "tries a job five times" in kept[0].quote
    assert [one.score for one in kept] == sorted((one.score for one in kept), reverse=True)
    for one in kept:
        text = next(passage.text for passage in seen if passage.snapshot == one.snapshot)
        assert text[one.start - 100 : one.end - 100] == one.quote
        assert len(one.quote) <= 500
    spans = sorted((one.snapshot, one.start, one.end) for one in kept)
    assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(spans))


async def test_noting_nothing_keeps_nothing(reasoner):
    assert await reasoner.note(desk(), []) == ()
    assert await reasoner.note(desk(), [candidate(1, "", sentences=())]) == ()


async def test_the_same_passages_are_noted_the_same_way_every_time(reasoner):
    seen = [candidate(number) for number in range(1, 5)]
    assert await reasoner.note(desk(), seen) == await reasoner.note(desk(), seen)


async def test_the_first_action_is_to_search_for_the_gap(reasoner):
    action = await reasoner.act(desk())
    assert (action.kind, action.query) == ("search", "How many times does Larkspur try a job?")


async def test_good_evidence_is_answered_from_once_that_is_allowed(reasoner):
    known = (evidence(1, "Larkspur may try a job five times.", score=0.9),)
    tried = ("How many times does Larkspur try a job?",)
    assert (await reasoner.act(desk(known=known, queries=tried, may_answer=True))).kind == "answer"
    assert (await reasoner.act(desk(known=known, queries=tried, may_answer=False))).kind != "answer"


async def test_the_page_of_weak_evidence_is_read_then_other_words_are_tried(reasoner):
    known = (evidence(2, "Larkspur is a job queue for mornings.", score=0.3),)
    view = (candidate(1), candidate(2))
    at = desk(known=known, queries=("How many times does Larkspur try a job?",), candidates=view)
    action = await reasoner.act(at)
    assert (action.kind, action.target) == ("open", 2)
    again = replace(at, opened=("http://a.test/2",))
    action = await reasoner.act(again)
    assert action.kind == "search"
    assert action.query not in again.queries


@pytest.mark.parametrize("known", [(), (evidence(3, "Nothing much.", 0.2),)])
async def test_a_gap_without_good_evidence_is_given_up(reasoner, known):
    at = desk(may_answer=True, known=known)
    for _ in range(6):
        action = await reasoner.act(at)
        if action.kind != "search":
            break
        assert action.query not in at.queries
        at = replace(at, queries=(*at.queries, action.query))
    assert action.kind == "give_up"


async def test_a_link_whose_address_shares_words_is_followed(reasoner):
    words = "How many times does Larkspur try a job?", "times Larkspur try job", "many times Larkspur try job"
    links = ((7, "http://a.test/imprint"), (8, "http://a.test/larkspur-job-times"))
    at = desk(queries=words, links=links, may_answer=False)
    while (action := await reasoner.act(at)).kind == "search":
        at = replace(at, queries=(*at.queries, action.query))
    assert (action.kind, action.target) == ("open", 8)


async def test_a_section_is_made_of_quotations_only(reasoner):
    known = [evidence(1, "One."), evidence(2, "Two.", 0.9), evidence(3, "Three.", gap=2)]
    gaps = [Gap(1, "First?"), Gap(2, "Second?"), Gap(3, "Third?")]
    question = Question("run", "First? Second?", (), sealed=False)
    sections = await reasoner.outline(question, gaps, known)
    assert sections == (Section("First?", (2, 1)), Section("Second?", (3,)))
    pieces: list[str] = []

    async def delta(text: str) -> None:
        pieces.append(text)

    sentences = await reasoner.draft(question, sections[0], known, (), delta)
    assert [(one.text, one.evidence) for one in sentences] == [("Two.", (2,)), ("One.", (1,))]
    assert "".join(pieces).split() == ["Two.", "One."]
    assert (await reasoner.judge(sentences[0], known)).verdict == "quoted"
    assert (await reasoner.judge(replace(sentences[0], text="Three."), known)).verdict == "unsupported"


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("Who wrote the first version?", "Tor Vikdal wrote the first version.", "Tor Vikdal"),
        ("Who leads Larkspur?", "Since 2020 Larkspur is led by Ines Aldana.", "Ines Aldana"),
        ("When was version 1.0 released?", "Version 1.0 was released on 12 May 2016.", "12 May 2016"),
        ("When did Larkspur begin?", "Larkspur began in March 2014 as a script.", "March 2014"),
        ("How many times is a job tried?", "Larkspur tries a job five times before it gives up.", "five times"),
        ("How long is the first wait?", "The first wait is 10 seconds.", "10 seconds"),
        ("Where does Tor Vikdal live?", "Tor Vikdal lives in Bergen.", "Bergen"),
        ("What is a queue?", "A queue is a name.", ""),
        ("Who is it?", "nobody knows.", ""),
        ("Who created it?", "Each has been recast.", ""),
        ("How many rooms does it have?", "The hotel has eighty-three rooms.", "eighty-three rooms"),
    ],
)
def test_the_shortest_span_that_answers_is_found(question, sentence, answer):
    assert shortest(question, [sentence]) == answer


async def test_the_answer_comes_from_the_best_evidence(reasoner):
    known = [evidence(1, "The first wait is short.", 0.6), evidence(2, "A job is a function. It is tried.", 0.9)]
    question = Question("run", "What is a job?", (), sealed=False)
    assert await reasoner.answer(question, [], known) == "A job is a function."


async def test_weak_evidence_is_no_answer(reasoner):
    question = Question("run", "What is a job?", (), sealed=False)
    assert await reasoner.answer(question, [], [evidence(1, "Nothing of the kind.", 0.9)]) == ""
    assert await reasoner.answer(question, [], []) == ""


async def test_a_name_or_number_of_the_given_page_that_is_not_said_to_be_the_answer_is_none(reasoner):
    asked = Question("run", "How long is the Larkspur rope? http://a.test/1", (), sealed=False)
    beside = evidence(1, "The shop sells 31,000 hooks a year. A Larkspur rope is sold with each.")
    assert await reasoner.answer(asked, (), [beside]) == ""
    outright = evidence(2, "The rope is 12 metres long.")
    there = replace(outright, url="http://a.test/1")
    assert await reasoner.answer(asked, (), [beside, there]) == "12 metres"


async def test_what_a_control_is_called_is_no_answer(reasoner):
    labels = evidence(1, "The Archive Members\n\nThe queue of Larkspur is kept by its users.", 0.9)
    asked = Question("run", "Who keeps the queue of Larkspur?", (), sealed=False)
    assert await reasoner.answer(asked, (), [labels]) == "The queue of Larkspur is kept by its users."


async def test_a_run_that_was_told_where_to_look_answers_from_there_as_soon_as_it_may(reasoner):
    asked = Question("run", "How long is the Larkspur rope? http://a.test/1", (), sealed=False)
    known = (evidence(1, "The rope is 12 metres long."),)
    fields = {"question": asked, "known": known, "opened": ("http://a.test/1",)}
    early = desk("How long is the Larkspur rope?", **fields)
    assert (await reasoner.act(early)).kind == "search"
    assert (await reasoner.act(replace(early, may_answer=True))).kind == "answer"
