"""The gates that a sentence goes through, with a reasoner that drafts what the test wants and judges by words."""

import asyncio
from typing import Any

import pytest

from config.loop import in_thread
from research.engine.cost import spend
from research.engine.values import Judgement, Sentence
from research.errors import BadReply
from research.models import Claim, Evidence, Gap, Report, Run, Step
from research.reasoning.extractive import ExtractiveReasoner
from tests.research.engine.test_loop import researched, rows

pytestmark = pytest.mark.django_db(transaction=True)

RELEASED = "Version 1.0 was released on May 12, 2016."


class Drafting(ExtractiveReasoner):
    """Writes these sentences, each resting on the first piece of evidence, and never rewrites one."""

    def __init__(self, library: Any, *texts: str) -> None:
        super().__init__(library.similarity)
        self.texts = texts

    async def draft(self, question: Any, section: Any, known: Any, computed: Any, delta: Any) -> Any:
        return tuple(Sentence(text, section.evidence[:1]) for text in self.texts)


async def claims_of(new_run: Any, library: Any, listener: Any, reasoner: Any) -> tuple[list[Claim], Run]:
    run = await researched(await in_thread(new_run), library, listener, reasoner)
    return await rows(Claim, run), run


async def cited(claim: Claim) -> list[Evidence]:
    return await in_thread(lambda: list(claim.evidence.select_related("exhibit", "gap")))


async def test_a_sentence_that_its_evidence_does_not_carry_is_searched_for_once(new_run, library, listener):
    class Overlooking(Drafting):
        """Keeps only what the people page says while it hunts."""

        async def note(self, workspace: Any, candidates: Any) -> Any:
            kept = await super().note(workspace, candidates)
            people = {one.snapshot for one in candidates if one.title == "People"}
            return kept if "2016" in workspace.gap.question else [one for one in kept if one.snapshot in people]

    [claim], run = await claims_of(new_run, library, listener, Overlooking(library, RELEASED))
    assert (claim.text, claim.verdict, claim.judge) == (RELEASED, "supported", "rules")
    assert library.queries.count(RELEASED) == 1
    evidence = await cited(claim)
    assert "12 May 2016" in " ".join(one.quote for one in evidence)
    assert {one.exhibit.title for one in evidence} != {"People"}
    assert [one.gap.number for one in evidence] == [1] * len(evidence)
    assert not any(one.aside for one in evidence)
    [support] = await rows(Step, run, kind="support")
    assert {one.number for one in evidence} < set(support.result["evidence"])  # what it cited before is not new


async def test_what_nothing_supports_is_struck_after_one_search(new_run, library, listener):
    false = "Version 1.0 of Larkspur was released on 13 May 2016."
    claims, run = await claims_of(new_run, library, listener, Drafting(library, false))
    assert (claims[0].verdict, claims[0].judge) == ("unsupported", "")
    assert "13 May 2016" in claims[0].reason
    assert {claim.verdict for claim in claims[1:]} == {"quoted"}  # nothing was left to say
    assert library.queries.count(false) == 1
    assert [gap.state for gap in await rows(Gap, run)] == ["closed"]


async def test_nothing_is_searched_for_when_the_budget_is_spent(new_run, library, listener):
    class Costly(Drafting):
        async def draft(self, *args: Any) -> Any:
            spend(prompt_tokens=10**9)
            return await super().draft(*args)

    false = "Version 1.0 of Larkspur was released on 13 May 2016."
    claims, _run = await claims_of(new_run, library, listener, Costly(library, false))
    assert claims[0].verdict == "unsupported"
    assert false not in library.queries


async def test_prose_that_states_nothing_is_marked_and_cites_nothing(new_run, library, listener):
    class Convinced(Drafting):
        async def judge(self, *_: Any) -> Judgement:
            return Judgement("supported", judge="model")

    texts = ("The following sources tell who wrote Larkspur.", "Tor Vikdal wrote the first version of it.")
    [said, stated], run = await claims_of(new_run, library, listener, Convinced(library, *texts))
    assert (said.verdict, said.is_struck, await cited(said)) == ("uncheckable", False, [])
    assert (stated.verdict, stated.judge) == ("supported", "model")
    assert (await rows(Report, run))[0].answer == "Tor Vikdal"


async def test_a_section_of_nothing_but_announcements_shows_its_evidence(new_run, library, listener):
    reasoner = Drafting(library, "The following sources tell who wrote Larkspur.")
    claims, _run = await claims_of(new_run, library, listener, reasoner)
    assert claims[0].verdict == "uncheckable"
    assert {claim.verdict for claim in claims[1:]} == {"quoted"}


async def test_where_the_judge_fails_the_words_are_compared(new_run, library, listener):
    class Speechless(Drafting):
        async def judge(self, *_: Any) -> Judgement:
            raise BadReply("no JSON")

    texts = ("Tor Vikdal wrote the first version.", "Tor Vikdal did not write the first version.")
    [said, denied, *_rest], _run = await claims_of(new_run, library, listener, Speechless(library, *texts))
    assert (said.verdict, said.judge) == ("supported", "rules")
    assert "Not checked by a model" in said.reason
    assert (denied.verdict, denied.judge) == ("contradicted", "rules")


async def test_a_run_that_dies_while_it_checks_comes_to_the_same_end(new_run, library, listener):
    texts = (RELEASED, "Each wait is three times as long as the one before it.", "Ines Aldana wrote it in 1999.")
    undisturbed, first = await claims_of(new_run, library, listener, Drafting(library, *texts))
    queries = sorted(library.queries)
    library.queries.clear()
    run = await in_thread(new_run)
    for _death in range(80):
        seen = asyncio.Event()

        async def publish(run_id: str, message: dict[str, Any], seen: asyncio.Event = seen) -> None:
            if "seq" in message:
                seen.set()

        work = asyncio.create_task(researched(run, library, publish, Drafting(library, *texts)))
        death = asyncio.create_task(seen.wait())
        await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, death):
            task.cancel()
        await asyncio.gather(work, death, return_exceptions=True)
        running = Run.objects.filter(pk=run.pk, state="running")
        if not await in_thread(running.update, lease_until="2020-01-01T00:00Z"):
            break
    assert (await in_thread(Run.objects.get, pk=run.pk)).state == "done"
    claims = await rows(Claim, run)
    assert [(one.text, one.verdict) for one in claims] == [(one.text, one.verdict) for one in undisturbed]
    assert sorted(library.queries) == queries
    keys = [sorted(step.key for step in await rows(Step, one)) for one in (run, first)]
    assert keys[0] == keys[1]
