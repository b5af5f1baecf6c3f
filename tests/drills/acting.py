"""acting: questions about two local sites whose answers lie behind scripts, clicks, searches, consent banners and
documents, researched with the real browser through the real door: by the rules alone, and by a scripted model that goes
the way a person would go. How many of the answers were kept as evidence, on each site.

DRILL_MODEL names the address of a real model's server (http://127.0.0.1:8099/v1), which then tries alone.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

from research.launch import launch
from research.models import Evidence, Run
from tests.drills.stage import Stage, empty
from tests.fakes import held_site, tasks_site
from tests.fakes.door import door
from tests.fakes.held_site import choices, town
from tests.fakes.model_server import Asked, ModelServer, serving
from tests.fakes.tasks_site import Act, Task, archive

Document = dict[str, Any]
SECONDS = 1_500
SECONDS_OF_MODEL = 1_200  # for one question: two cores take half a minute for one reply
SHARE = 0.75  # of the questions, that the rules have to find, or a real model
SITES = {"archive": (archive, tasks_site.TASKS), "town": (town, held_site.TASKS)}
TASKS = [task for _serve, tasks in SITES.values() for task in tasks.values()]
REASONERS = ("model", "extractive")
UNSHOWN = {
    "accordion under Cookiebot"
}  # what to click there is named by questions, which no model is shown (orders.py)
CLOSED = ("/closed", "/internal/", "/login")  # what the two robots.txt disallow


@dataclass
class Guide(ModelServer):
    """A model that knows the way to the answer of each task, and goes it by what its prompts show: it has the page that
    the question names shown in the browser, and uses the controls by their names."""

    done: dict[str, int] = field(default_factory=dict)  # of the acts of a task, by its question

    def reply(self, asked: Asked) -> str:
        if asked.step == "act" and not self._scripts["act"]:
            prompt = next(str(one["content"]) for one in asked.body["messages"] if one["role"] == "user")
            task = next((one for one in TASKS if one.question in prompt), None)
            if task is not None and (action := self._next(task, prompt)):
                self.script("act", {"thought": "", "query": "", "number": 0, "outcome": "", **action})
        return super().reply(asked)

    def _next(self, task: Task, prompt: str) -> Document:
        kinds = prompt.rpartition("Allowed kinds: ")[2].split(".")[0].split(", ")
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
    """The acceptance of the acting browser: every answer by the scripted model's way, but for what it is not shown,
    three of four by the rules on each site, or by a real model; nothing written, consented to, or read that robots.txt
    closes."""
    real = os.environ.get("DRILL_MODEL")
    person, _made = User.objects.get_or_create(username="owner")
    with ExitStack() as stack:
        sites = {name: (stack.enter_context(serve()), tasks) for name, (serve, tasks) in SITES.items()}
        allowed = [site.netloc for site, _tasks in sites.values()]
        egress = stack.enter_context(door(allowed))
        guide = stack.enter_context(serving(models=Guide()))
        document: Document = {"questions": {name: len(asked(tasks, runs)) for name, (_site, tasks) in sites.items()}}
        for reasoner in REASONERS[:1] if real else REASONERS:
            empty()  # what the one has opened would be found by the other
            launched = {
                (name, label): launch(person, f"{task.question} {site.url}{task.path}", "medium", [], False)
                for name, (site, tasks) in sites.items()
                for label, task in asked(tasks, runs).items()
            }
            Run.objects.filter(pk__in=[run.pk for run in launched.values()]).update(reasoner=reasoner)
            door_open = {"EGRESS_URL": egress, "EGRESS_ALLOW": ",".join(allowed)}
            worker = stage.worker(CHAT_URL=real or guide.url, RUNS_AT_ONCE="2" if real else "4", **door_open)
            stage.wait(list(launched.values()), SECONDS_OF_MODEL * len(launched) if real else SECONDS)
            worker.terminate()
            document[reasoner] = {
                name: _score(asked(tasks, runs), {label: launched[name, label] for label in asked(tasks, runs)})
                for name, (_site, tasks) in sites.items()
            }
        requests = [request for site, _tasks in sites.values() for request in site.requests]
        document["written"] = [request.path for request in requests if request.method != "GET"]
        document["closed"] = [request.path for request in requests if request.path.startswith(CLOSED)]
        document["consent"] = dict(Counter(choices(sites["town"][0])))
    by = "model" if real else "extractive"
    document["passed"] = (
        (bool(real) or all(UNSHOWN.issuperset(found["missed"]) for found in document["model"].values()))
        and all(document[by][name]["found"] >= SHARE * n for name, n in document["questions"].items())
        and not (document["written"] or document["closed"])
        and not any(choice.endswith(("/accepted", "/selection")) for choice in document["consent"])
    )
    return document


def asked(tasks: Mapping[str, Task], runs: int) -> dict[str, Task]:
    """The first so many tasks of a site."""
    return dict(list(tasks.items())[:runs])


def _score(tasks: Mapping[str, Task], launched: Mapping[str, Run]) -> Document:
    missed = [label for label, task in tasks.items() if not is_kept(launched[label], task)]
    return {"found": len(tasks) - len(missed), "missed": missed}


DRILLS: dict[str, tuple[Callable[[Stage, int], Document], int]] = {
    "acting": (acting, max(len(tasks) for _serve, tasks in SITES.values()))
}
