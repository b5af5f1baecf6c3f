"""The scripted model server, and the connections to it closed after each test: each test has a loop of its own."""

from collections.abc import AsyncIterator

import pytest

from config.endpoints import ROLES, Endpoint
from research.engine import cost
from research.engine.values import Cost
from research.reasoning import server
from research.reasoning.probe import ready
from tests.fakes.model_server import ModelServer, model_server  # noqa: F401 - a fixture


@pytest.fixture
async def endpoints(model_server: ModelServer) -> AsyncIterator[dict[str, Endpoint]]:  # noqa: F811
    yield {role: Endpoint(model_server.url, "", "") for role in ROLES}
    await server.close()


@pytest.fixture
async def spent(endpoints: dict[str, Endpoint]) -> Cost:
    """What the test's calls cost, without the one that found out what the server can do."""
    await ready(endpoints["reader"])
    fresh = Cost()
    cost.current.set(fresh)
    return fresh
