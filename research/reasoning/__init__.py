"""What thinks, behind one interface (research.engine.kit.Reasoner): `model` where a model server is configured,
`extractive` where none is."""

from collections.abc import Sequence

from config.endpoints import endpoints
from research.engine.kit import Reasoner
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.model import ModelReasoner


async def all_alike(query: str, texts: Sequence[str]) -> list[float]:
    """No text closer to the query than another: beside a model the rules go by words alone, as comparing by meaning
    takes the processor's time at every look, and the model reads what they show anyway."""
    return [0.5] * len(texts)


def reasoner(name: str) -> Reasoner:
    """The reasoner of a run, by the name that launch.py stored with it."""
    return ModelReasoner(endpoints(), ExtractiveReasoner(all_alike)) if name == "model" else ExtractiveReasoner()
