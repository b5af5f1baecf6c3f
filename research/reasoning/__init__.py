"""What thinks, behind one interface (research.engine.kit.Reasoner): `model` where a model server is configured,
`extractive` where none is. And what judges, where no run does: a checker, the model or the rules."""

from collections.abc import Sequence
from typing import Protocol

from config.endpoints import check_model, endpoints
from research.engine.kit import Reasoner
from research.engine.values import Evidence, Judgement, Sentence
from research.reasoning.checker import checker_of
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.model import ModelReasoner


class Judge(Protocol):
    """Who says whether evidence supports a sentence."""

    async def judge(self, sentence: Sentence, known: Sequence[Evidence]) -> Judgement:
        """As Reasoner.judge: entailment only; code checks quotes and facts before (engine/verify.py)."""


async def all_alike(query: str, texts: Sequence[str]) -> list[float]:
    """No text closer to the query than another: beside a model the rules go by words alone, as comparing by meaning
    takes the processor's time at every look, and the model reads what they show anyway."""
    return [0.5] * len(texts)


def reasoner(name: str) -> Reasoner:
    """The reasoner of a run, by the name that launch.py stored with it."""
    if name != "model":
        return ExtractiveReasoner()
    own = check_model()
    return ModelReasoner(endpoints(), ExtractiveReasoner(all_alike), checker_of(own) if own else None)


def judge() -> Judge:
    """Who judges, as configured: the checker; else the model of the role judge; else the rules."""
    if own := check_model():
        return checker_of(own)
    return reasoner("model" if "judge" in endpoints() else "extractive")


def name_of_judge() -> str:
    """The same in a word or two, for reports of figures."""
    found = endpoints().get("judge")
    return check_model() or (found.model if found else "rules")
