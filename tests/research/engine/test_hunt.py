"""How a gap is hunted: what is carried out, what is held back, and what several attempts come to."""

from typing import Any

import pytest

from config.loop import in_thread
from research import sandbox
from research.engine.budget import BUDGETS
from research.engine.values import Action, Plan, Planned, Workspace
from research.models import Gap, Step
from research.reasoning.extractive import ExtractiveReasoner
from search_index.models import Source
from tests.research.engine.test_loop import researched, rows

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "Who wrote the first version of Larkspur?"
PEOPLE = "http://larkspur.test/people.html"


class Scripted(ExtractiveReasoner):
    """Takes the given actions, one after the other, and then gives up. `seen` are the workspaces it decided on."""

    def __init__(self, similarity: Any, *actions: Action) -> None:
        super().__init__(similarity)
        self.actions = list(actions)
        self.seen: list[Workspace] = []

    async def plan(self, question: Any, most: int) -> Plan:
        return Plan("fact", (Planned(question.text),))

    async def act(self, workspace: Workspace) -> Action:
        self.seen.append(workspace)
        return self.actions.pop(0) if self.actions else Action("give_up", outcome="That is all.")


async def test_an_answer_counts_only_after_its_page_was_read_in_full(new_run, library, listener):
    reasoner = Scripted(
        library.similarity,
        Action("search", query="Larkspur first version"),
        Action("answer", outcome="Tor Vikdal"),
        Action("search", query="who maintains Larkspur"),
        Action("answer", outcome="Tor Vikdal"),
        Action("answer", outcome="Tor Vikdal"),
    )
    run = await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
    acts = [step.result for step in await rows(Step, run, kind="act")]
    assert [(act["kind"], bool(act["refused"])) for act in acts] == [
        ("search", False),
        ("open", False),  # it is read before it counts as an answer
        ("search", False),
        ("answer", False),
    ]
    assert library.opened == [acts[1]["url"]]


async def test_a_page_is_looked_through_for_words_and_read_on(new_run, library, listener):
    reasoner = Scripted(
        library.similarity,
        Action("search", query="maintain schedules observatory"),
        Action("find", query="observatory Chile", target=1),
        Action("find", query="zebra", target=1),
        Action("find", query="Zebra?", target=1),
        Action("open", target=1),
        Action("more"),
    )
    run = await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
    found = [step.result for step in await rows(Step, run, kind="find")]
    assert ["observatory" in one["passages"][0]["text"] for one in found[:1]] == [True]
    assert found[1]["passages"] == []
    assert "is not in" in reasoner.seen[3].observation
    assert reasoner.seen[4].observation == "That was looked for there already."
    assert reasoner.seen[6].observation == "There is no more of it."


async def test_the_next_hits_of_a_search_are_those_not_seen_yet(new_run, library, listener, monkeypatch):
    monkeypatch.setattr("research.reasoning.extractive.ExtractiveReasoner.hits", 1)
    reasoner = Scripted(library.similarity, Action("search", query="Larkspur job version"), Action("more"))
    await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
    first, second = reasoner.seen[1].candidates, reasoner.seen[2].candidates
    assert [one.number for one in (*first, *second)] == [1, 1]
    assert first[0].snapshot != second[0].snapshot


async def test_a_calculation_may_stand_in_the_report_and_its_numbers_must_be_known(new_run, library, listener):
    reasoner = Scripted(
        library.similarity,
        Action("search", query="Larkspur began version 2.0 was released"),
        Action("compute", query="2019 - 2014"),
        Action("compute", query="2019 - 1999"),
    )
    question = "When did Larkspur begin, and when was version 2.0 of it released?"
    run = await researched(await in_thread(new_run, question), library, listener, reasoner, effort="medium")
    computed = await rows(Step, run, kind="compute")
    assert computed[0].result["text"] == "2019 - 2014 = 5"
    assert computed[0].result["evidence"]
    assert "1999 is not in what is known" in computed[1].error
    assert reasoner.seen[2].computed == ("2019 - 2014 = 5",)


async def test_a_calculation_that_waits_for_the_sandbox_says_so(new_run, library, listener, monkeypatch):
    monkeypatch.setattr(sandbox, "is_ready", lambda: False)
    search = Action("search", query="Larkspur began version 2.0 was released")
    reasoner = Scripted(library.similarity, search, Action("compute", query="2019 - 2014"))
    run = await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
    assert [step.result["value"] for step in await rows(Step, run, kind="compute")] == ["5"]
    said = [message["activity"] for _run, message in listener.messages if "activity" in message]
    waiting = next(place for place, text in enumerate(said) if text.startswith("Waiting for the sandbox"))
    assert said[waiting + 1 :]


async def test_where_there_is_no_sandbox_computing_is_refused_and_the_hunt_goes_on(
    new_run, library, listener, monkeypatch
):
    monkeypatch.setattr(sandbox, "trouble", lambda: "No space left.")
    search = Action("search", query="Larkspur began version 2.0 was released")
    reasoner = Scripted(library.similarity, search, Action("compute", query="2019 - 2014"))
    run = await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
    assert run.state == "done"
    assert not await rows(Step, run, kind="compute")
    assert reasoner.seen[2].observation == "Nothing can be computed here."
    assert not reasoner.seen[2].may_compute


async def test_a_query_that_brought_nothing_is_remembered_as_a_dead_end(new_run, library, listener):
    queries = ("quantum teapots", "first version", "the first version")
    reasoner = Scripted(library.similarity, *(Action("search", query=query) for query in queries))
    await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
    assert reasoner.seen[1].dead_ends == {"quantum teapots"}
    assert reasoner.seen[3].dead_ends == {"quantum teapots", "the first version"}


async def test_a_hard_gap_is_attempted_again_and_the_best_answer_is_taken(new_run, library, listener):
    class Attempts(ExtractiveReasoner):
        """Answers nothing at first; of the independent attempts each finds something else."""

        varies = True

        async def plan(self, question: Any, most: int) -> Plan:
            return Plan("fact", (Planned(QUESTION, "a person's name"),))

        async def act(self, workspace: Workspace) -> Action:
            if not workspace.approach:
                return Action("search", query=f"Larkspur {'again ' * workspace.turn}")
            if len(workspace.queries) < 3:
                return Action("search", query=f"{workspace.approach} {len(workspace.queries)} Larkspur version")
            if len(workspace.opened) < 2 and (unread := self._unread(workspace)):
                return Action("open", target=unread)
            return Action("answer", outcome="Tor Vikdal" if "rarest" in workspace.approach else "In March 2014")

        def _unread(self, workspace: Workspace) -> int:
            return next((one.number for one in workspace.candidates if one.url not in workspace.opened), 0)

        async def choose(self, task: str, criteria: Any, options: Any) -> int:
            assert criteria == ["a person's name"] or len(options) > 1
            return next((place for place, option in enumerate(options) if option.startswith("Tor")), 0)

    run = await researched(await in_thread(new_run), library, listener, Attempts(library.similarity), effort="high")
    [chosen] = await rows(Step, run, kind="choose")
    assert chosen.result["outcomes"] == ["Tor Vikdal", "In March 2014", "In March 2014"]
    assert [(gap.state, gap.outcome) for gap in await rows(Gap, run)] == [("closed", "Tor Vikdal")]
    attempts = {step.result["attempt"] for step in await rows(Step, run, kind="act")}
    assert attempts == {0, 1, 2, 3}
    assert len(await rows(Step, run, kind="redraft")) == BUDGETS["high"].drafts - 1


async def test_rounds_that_bring_nothing_end_the_hunt(new_run, library, listener):
    class Restless(ExtractiveReasoner):
        async def act(self, workspace: Workspace) -> Action:
            return Action("search", query=f"Larkspur {workspace.turn} {'again ' * workspace.turn}")

    run = await researched(await in_thread(new_run), library, listener, Restless(library.similarity), effort="high")
    revised = [step.result["evidence"] for step in await rows(Step, run, kind="revise")]
    assert len(revised) == 3
    assert len(set(revised)) == 1


async def test_a_source_that_is_deleted_while_its_pages_are_read_costs_a_step_and_not_the_run(
    new_run, library, listener
):
    class Late(Scripted):
        async def note(self, workspace, candidates):
            kept = await super().note(workspace, candidates)
            await in_thread(Source.objects.all().delete)
            return kept

    reasoner = Late(library.similarity, Action("search", query="who wrote the first version of Larkspur"))
    run = await researched(await in_thread(new_run), library, listener, reasoner, effort="medium")
    assert [step.error for step in await rows(Step, run, kind="note")][:1] == ["The page is no longer in the index."]
    assert run.state == "done"
    assert not await in_thread(run.evidence.exists)


async def test_what_a_person_named_is_opened_first_and_counts_as_a_query_does(new_run, library, listener):
    history, answer = "http://larkspur.test/history.html", Action("answer", outcome="Tor Vikdal")
    expected = {
        f"{QUESTION} {PEOPLE}": [
            ("open", ""),
            ("answer", "Not yet: 0 distinct queries were tried. Search with other words first."),
            ("search", ""),
            ("answer", ""),
        ],
        f"{QUESTION} {PEOPLE} {history}": [("open", ""), ("open", ""), ("answer", "")],
    }
    for question, acts in expected.items():
        after = [answer, Action("search", query="first version"), answer] if len(acts) == 4 else [answer]
        asked = await in_thread(new_run, question)
        run = await researched(asked, library, listener, Scripted(library.similarity, *after), effort="medium")
        done = [step.result for step in await rows(Step, run, kind="act")]
        assert [(one["kind"], one["refused"]) for one in done] == acts


@pytest.mark.parametrize("gone", ["http://larkspur.test/gone.html", "http://[half", "http://[::1/x.pdf"])
async def test_an_address_that_cannot_be_opened_does_not_hide_the_next(new_run, library, listener, gone):
    asked = await in_thread(new_run, f"{QUESTION} {gone} {PEOPLE}")
    run = await researched(asked, library, listener, Scripted(library.similarity), effort="low")
    acts = [step.result["url"] for step in await rows(Step, run, kind="act") if step.result["kind"] == "open"]
    assert acts[:2] == [gone, PEOPLE]
    assert run.state == "done"


@pytest.mark.parametrize(
    ("outcome", "is_taken"),
    [
        ("Tor Vikdal", True),
        ("Tor Vikdal wrote it.", True),
        ("the Titanic", False),
        ("in 1912", False),
        ("yes", True),
    ],
)
async def test_an_answer_is_made_of_what_is_known(outcome, is_taken, new_run, library, listener):
    acts = [Action("search", query="who wrote the first version of Larkspur"), Action("search", query="Tor Vikdal")]
    reasoner = Scripted(library.similarity, *acts, Action("answer", outcome=outcome))
    run = await researched(await in_thread(new_run), library, listener, reasoner, effort="low")
    (answer,) = [step.result for step in await rows(Step, run, kind="act") if step.result["kind"] == "answer"]
    assert ("no known sentence" not in answer["refused"]) is is_taken


async def test_turns_that_come_to_nothing_are_counted_until_one_does_not(new_run, library, listener):
    wasted = []

    class Slow(ExtractiveReasoner):
        async def act(self, workspace: Workspace) -> Action:
            wasted.append(workspace.wasted)
            words = {1: "first version", 2: "first version", 3: ""}
            return Action("search", query=words.get(workspace.turn, f"version {workspace.turn}"))

    await researched(await in_thread(new_run), library, listener, Slow(library.similarity), effort="medium")
    assert wasted[:5] == [0, 0, 1, 2, 0]


async def test_a_reasoner_that_would_do_the_same_again_makes_no_attempts_and_one_draft(new_run, library, listener):
    class Stuck(ExtractiveReasoner):
        async def act(self, workspace: Workspace) -> Action:
            return Action("search", query=f"Larkspur {workspace.turn} {'version ' * workspace.turn}")

    run = await researched(await in_thread(new_run), library, listener, Stuck(library.similarity), effort="high")
    assert {step.result["attempt"] for step in await rows(Step, run, kind="act")} == {0}
    assert not await rows(Step, run, kind="redraft")
