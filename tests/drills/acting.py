"""acting: questions about a local site whose answers lie behind scripts, clicks, searches and documents, researched
with the real browser through the real door: by a scripted model that goes the way a person would go, and by the rules
alone. How many of the answers were kept as evidence.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

from research.launch import launch
from research.models import Evidence, Run
from tests.drills.stage import Stage
from tests.fakes.door import door
from tests.fakes.model_server import Asked, ModelServer, serving
from tests.fakes.tasks_site import TASKS, Act, Task, archive

Document = dict[str, Any]
SECONDS = 1_500
SHARE = 0.75  # of the questions, that the rules have to find


@dataclass
class Guide(ModelServer):
    """A model that knows the way to the answer of each task, and goes it by what its prompts show: it opens the address
    in the question, has it shown in the browser, and uses the controls by their names."""

    done: dict[str, int] = field(default_factory=dict)  # of the acts of a task, by its question

    def reply(self, asked: Asked) -> str:
        if asked.step == "act" and not self._scripts["act"]:
            prompt = next(str(one["content"]) for one in asked.body["messages"] if one["role"] == "user")
            task = next((one for one in TASKS.values() if one.question in prompt), None)
            if task is not None and (action := self._next(task, prompt)):
                self.script("act", {"thought": "", "query": "", "number": 0, "outcome": "", **action})
        return super().reply(asked)

    def _next(self, task: Task, prompt: str) -> Document:
        kinds = prompt.rpartition("Allowed kinds: ")[2].split(".")[0].split(", ")
        if link := re.search(rf"^Link (\d+): http://[^/]+{re.escape(task.path)}$", prompt, re.MULTILINE):
            return {"kind": "open", "number": int(link[1])}
        acts = way(task)
        at = self.done.get(task.question, 0)
        if "scroll" not in kinds:
            return {"kind": "look"} if "look" in kinds else {}
        if at == len(acts):
            return {}
        self.done[task.question] = at + 1
        act = acts[at]
        number = re.search(rf"^Control (\d+): \w+ {re.escape(act.name)}(?: = .*)?$", prompt, re.MULTILINE)
        return {"kind": act.kind, "query": act.text, "number": int(number[1]) if number and act.name else 0}


def way(task: Task) -> Sequence[Act]:
    """The acts of a task as a run does them: what is filled in is sent off by itself."""
    acts: list[Act] = []
    for act in task.acts:
        is_sending = act.kind == "press" or act.name == "Search"
        if not (is_sending and acts and acts[-1].kind == "fill"):
            acts.append(act)
    return acts


def is_kept(run: Run, task: Task) -> bool:
    """Whether the answer is in the evidence of the run, word for word."""
    quotes = " ".join(" ".join(one.quote.split()) for one in Evidence.objects.filter(run=run))
    return task.answer in quotes


def acting(stage: Stage, runs: int) -> Document:
    """The acceptance of the acting browser: every answer by the scripted model's way, three of four by the rules."""
    tasks = list(TASKS.items())[:runs]
    person, _made = User.objects.get_or_create(username="owner")
    document: Document = {"questions": len(tasks)}
    with archive() as site, door([site.netloc]) as egress, serving(models=Guide()) as guide:
        for name in ("model", "extractive"):
            asked = {
                label: launch(person, f"{task.question} {site.url}{task.path}", "medium", [], False)
                for label, task in tasks
            }
            Run.objects.filter(pk__in=[run.pk for run in asked.values()]).update(reasoner=name)
            worker = stage.worker(EGRESS_URL=egress, EGRESS_ALLOW=site.netloc, CHAT_URL=guide.url, RUNS_AT_ONCE="4")
            stage.wait(list(asked.values()), SECONDS)
            worker.terminate()
            missed = [label for label, task in tasks if not is_kept(asked[label], task)]
            document[name] = {"found": len(tasks) - len(missed), "missed": missed}
        document["written"] = [request.path for request in site.requests if request.method != "GET"]
    document["passed"] = (
        document["model"]["found"] == len(tasks)
        and document["extractive"]["found"] >= SHARE * len(tasks)
        and not document["written"]
    )
    return document


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {"acting": (acting, len(TASKS))}
