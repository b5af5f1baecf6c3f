"""Which effort Auto settles on, and why."""

import pytest

from config.loop import in_thread
from research import sandbox
from research.engine.budget import BUDGETS
from research.engine.calibrate import calibrate
from research.engine.journal import Journal, claim
from research.engine.kit import Kit
from research.engine.plan import plan
from research.engine.values import Question
from research.reasoning.extractive import ExtractiveReasoner

pytestmark = pytest.mark.django_db(transaction=True)

STRANGE = "How many teapots stand on quantum Mars?"
AT = "http://teapots.test/mars"


async def settled(text: str, new_run, library, listener, *, sealed: bool = False) -> str:
    run = await in_thread(new_run, text, sealed=sealed)
    epoch = await in_thread(claim, str(run.pk))
    question = Question(str(run.pk), text, (), sealed, auto=True)
    kit = Kit(ExtractiveReasoner(library.similarity), library, BUDGETS["medium"], sandbox)
    async with Journal(str(run.pk), epoch, listener) as journal:
        await plan(question, kit, journal)
        budget = (await calibrate(question, kit, journal)).budget
        return next(name for name, one in BUDGETS.items() if one == budget)


@pytest.mark.parametrize(
    ("text", "sealed", "effort"),
    [
        ("Who wrote the first version of Larkspur?", False, "low"),
        (STRANGE, False, "high"),
        (f"{STRANGE} {AT}", False, "medium"),  # where to look is said: that the index has nothing means nothing
        (f"{STRANGE} {AT}", True, "high"),  # a sealed run does not go there
        (f"Compare all teapots of quantum Mars {AT}", False, "high"),
    ],
)
async def test_how_hard_a_question_looks_settles_the_effort(text, sealed, effort, new_run, library, listener):
    assert await settled(text, new_run, library, listener, sealed=sealed) == effort
