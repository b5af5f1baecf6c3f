"""What all tests share: the embedded services, and the cast: owner owns, guest has an account, stranger has none."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client, TransactionTestCase

from config import services
from search_index.apps import know_the_built_in_model
from tests.fakes.door import egress  # noqa: F401 - a fixture
from tests.fakes.embedding_server import embedding_server  # noqa: F401 - a fixture
from tests.fakes.searxng import searxng  # noqa: F401 - a fixture
from tests.fakes.site import certificate, site  # noqa: F401 - fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The one test that takes two minutes comes first: at the end the other processes would wait for it."""
    items.sort(key=lambda item: item.name != "test_drill[browser-1]")


@pytest.fixture(scope="session", autouse=True)
def _folders() -> None:
    """Those of DATA_DIR, which tests without services use as well."""
    services.prepare_folders()


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """PostgreSQL and Valkey run as long as the tests do (pytest-django asks for this before it makes its database)."""
    with services.running():
        yield


def _empty_tables(_case: TransactionTestCase) -> None:
    """Delete what a test has committed. Django's own way truncates every table and makes all permissions anew, which
    takes twenty times as long for the few rows of a test. Vectors are truncated: deleted ones stay in their index."""
    kept = {model._meta.db_table for model in (ContentType, Permission)}
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - kept
    vectors = "search_index_vector"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {vectors})")
        filled = cursor.fetchone() == (True,)
        deletions = [f"DELETE FROM {table}" for table in sorted(tables - {vectors})]
        last = [f"TRUNCATE {vectors}"] if filled else []
        # As a replica no foreign key is looked after: all of the rows go.
        only_rows = ["SET session_replication_role = replica", *deletions, "SET session_replication_role = DEFAULT"]
        cursor.execute("; ".join(only_rows + last))
    know_the_built_in_model(apps.get_app_config("search_index"), connection.alias)


TransactionTestCase._fixture_teardown = _empty_tables  # type: ignore[method-assign]


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
