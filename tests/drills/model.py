"""The scripted model server as the drills use it: with faults by chance, and knowing which run asks.

Each run of a drill is about a project of its own (stage.py), whose name is in all that the model is asked for it.
"""

import json
import random
import re
from dataclasses import dataclass, field

from tests.fakes.model_server import Asked, ModelServer

NAME = re.compile(r"\bLarkspur(\d+)\b")
PAGE = re.compile(r"^Page (\d+):", re.MULTILINE)
ADDRESS = re.compile(r"^\w+ (\d+): (http://127\.0\.0\.1:\d+/\S+)", re.MULTILINE)


def number_of(asked: Asked) -> int:
    """The number of the run that asks."""
    for message in reversed(asked.body["messages"]):
        if found := NAME.search(str(message["content"])):
            return int(found[1])
    raise AssertionError(f"a request of no run: {asked.prompt[:300]}")


@dataclass
class Model(ModelServer):
    """`share` of all replies go wrong, by one of `faults`, as `chance` wills."""

    opens: bool = True  # whether runs open pages
    share: float = 0.0
    faults: tuple[str, ...] = ()
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    met: list[str] = field(default_factory=list)  # the faults that were met

    def fault(self, asked: Asked) -> str:
        """By chance, where none was set."""
        fault = super().fault(asked)
        if not fault and self.chance.random() < self.share:
            fault = self.chance.choice(self.faults)
        if fault:
            self.met.append(fault)
        return fault

    def reply(self, asked: Asked) -> str:
        """What the scripted server replies; but a run opens the first page that it finds, and then the one on the site
        that this one links to."""
        target = _wanted(asked.prompt) if asked.step == "act" and self.opens else 0
        if target:
            return json.dumps({"thought": "", "kind": "open", "query": "", "number": target, "outcome": ""})
        return super().reply(asked)


def _wanted(prompt: str) -> int:
    """The number of the page or link to open; 0 where it was opened already."""
    found = ADDRESS.search(prompt) or (PAGE.search(prompt) if "Read in full:" not in prompt else None)
    return int(found[1]) if found and f"full: {found[0].split()[-1]}" not in prompt else 0
