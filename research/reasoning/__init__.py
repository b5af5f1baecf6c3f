"""What thinks, behind one interface (research.engine.kit.Reasoner): `model` where a model server is configured,
`extractive` where none is."""

from config.endpoints import endpoints
from research.engine.kit import Reasoner
from research.reasoning.extractive import ExtractiveReasoner
from research.reasoning.model import ModelReasoner


def reasoner(name: str) -> Reasoner:
    """The reasoner of a run, by the name that launch.py stored with it."""
    rules = ExtractiveReasoner()
    return ModelReasoner(endpoints(), rules) if name == "model" else rules
