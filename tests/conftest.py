"""What all tests share: the embedded services, and the cast: owner owns, guest has an account, stranger has none."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config import services
from tests.fakes.door import egress  # noqa: F401 - a fixture
from tests.fakes.embedding_server import embedding_server  # noqa: F401 - a fixture
from tests.fakes.searxng import searxng  # noqa: F401 - a fixture
from tests.fakes.site import certificate, site  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """PostgreSQL and Valkey run as long as the tests do (pytest-django asks for this before it makes its database)."""
    with services.running():
        yield


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner", password="owner-password")


@pytest.fixture
def guest(db: None) -> User:
    return User.objects.create_user("guest", password="guest-password")


@pytest.fixture
def owner_client(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def guest_client(guest: User) -> Client:
    client = Client()
    client.force_login(guest)
    return client


@pytest.fixture
def stranger_client(db: None) -> Client:
    return Client()
