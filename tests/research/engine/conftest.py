"""What the engine's tests share: a claimed run, a small index over real snapshots, and a listener."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from research.engine.journal import claim
from research.models import Run
from tests.research.engine.library import Library

Message = tuple[str, dict[str, Any]]


class Listener:
    """A publish function that remembers what it was given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, run_id: str, message: dict[str, Any]) -> None:
        self.messages.append((run_id, message))

    def seqs(self) -> list[int]:
        return [message["seq"] for _run, message in self.messages if "seq" in message]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def new_run(transactional_db: None) -> Callable[..., Run]:
    """Makes runs that wait for a worker."""

    def make(question: str = "Who wrote the first version of Larkspur?", **fields: Any) -> Run:
        owner, _made = User.objects.get_or_create(username="owner")
        return Run.objects.create(owner=owner, question=question, effort="low", **fields)

    return make


@pytest.fixture
def claimed(new_run: Callable[..., Run]) -> tuple[str, int]:
    """A run and the epoch of its lease."""
    run = new_run()
    epoch = claim(str(run.pk))
    assert epoch == 1
    return str(run.pk), epoch


@pytest.fixture
def library(transactional_db: None) -> Library:
    return Library()
