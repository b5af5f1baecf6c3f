from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.checks import run_checks

from config.checks import check_settings

# setting, value, the id of the complaint
MISTAKES = [
    ("SECRET_KEY", "short", "E001"),
    ("ALLOWED_HOSTS", ["https://example.org"], "E002"),
    ("ALLOWED_HOSTS", ["example.org:8000"], "E002"),
    ("ALLOWED_HOSTS", ["*"], "W003"),
    ("SESSION_COOKIE_SECURE", True, "W005"),
    ("HOST", "example.org", "E006"),
    ("HOST", "10.0.0.0/8", "E006"),
    ("DATA_DIR", Path(__file__) / "below-a-file", "E007"),
    ("DATABASE_URL", "mysql://localhost/x", "E008"),
    ("BROKER_URL", "amqp://localhost", "E009"),
    ("BROKER_URL", "redis://", "E009"),
    ("BROKER_URL", "redis://localhost:6379/0", "W010"),
    ("EGRESS_ALLOW", ["http://intranet"], "E013"),
    ("EGRESS_ALLOW", ["10.0.0.1/8"], "E013"),
    ("EGRESS_ALLOW", ["two words"], "E013"),
    ("EGRESS_DENY", ["http://tracker.example"], "E026"),
    ("EGRESS_DENY", [":0"], "E026"),
    ("EGRESS_URL", "http://egress:3128", "E014"),
    ("EGRESS_URL", "http://user:password@egress:port", "E014"),
    ("EGRESS_LISTEN", "0.0.0.0", "E015"),
    ("EGRESS_LISTEN", "0.0.0.0:3128", "E016"),
    ("CHROMIUM", "/no/such/browser", "E017"),
    ("USER_AGENT", "Scenthound\nX-Header: 1", "E018"),
    ("LOG_FORMAT", "xml", "E019"),
    ("LOG_LEVEL", "LOUD", "E020"),
]


def ids():
    return {message.id.removeprefix("scenthound.") for message in check_settings(None)}


@pytest.fixture(autouse=True)
def _sound(settings, tmp_path, monkeypatch):
    """Settings without a mistake, whatever the tests run with."""
    settings.SECRET_KEY = "k" * 50
    settings.DATA_DIR = tmp_path
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
    for name in (
        "CHECK_MODEL",
        "CHAT_URL",
        "CHAT_MODEL",
        "CHAT_KEY",
        "EMBED_URL",
        "EMBED_MODEL",
        "RERANK_URL",
        "SEARXNG_URL",
    ):
        monkeypatch.setenv(name, "")


def test_sound_settings_have_no_complaint():
    assert ids() == set()


@pytest.mark.parametrize(("name", "value", "complaint"), MISTAKES)
def test_each_mistake_has_its_complaint(settings, name, value, complaint):
    setattr(settings, name, value)
    assert complaint in ids()


def test_showing_errors_to_the_network_is_a_mistake(settings):
    settings.DEBUG, settings.HOST = True, "0.0.0.0"
    assert ids() == {"W004"}


@pytest.mark.parametrize(
    "entry",
    ["intranet", "docs.lan:8080", "10.0.0.0/8", "127.0.0.1:9000", "[::1]:80", "::1", "fd00::/8", "10.0.0.0/8:80"],
)
def test_every_form_the_door_reads_is_accepted(settings, entry):
    settings.EGRESS_ALLOW = [entry]
    assert ids() == set()


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "localhost:8080", "http://", "http://host:port/v1", "http://host/v1?key=1"]
)
def test_a_malformed_chat_url_is_a_mistake(monkeypatch, url):
    monkeypatch.setenv("CHAT_URL", url)
    monkeypatch.setenv("CHAT_MODEL", "small")
    assert ids() == {"E011"}


@pytest.mark.parametrize(("name", "complaint"), [("EMBED_URL", "E021"), ("RERANK_URL", "E024")])
def test_a_malformed_url_of_the_index_models_is_a_mistake(monkeypatch, name, complaint):
    monkeypatch.setenv("EMBED_URL", "http://localhost:8081/v1")
    monkeypatch.setenv("EMBED_MODEL", "small")
    monkeypatch.setenv(name, "ftp://somebody:very-secret@host")
    (message,) = check_settings(None)
    assert message.id == f"scenthound.{complaint}"
    assert "very-secret" not in message.msg


def test_an_embed_url_without_a_model_is_a_mistake(monkeypatch):
    monkeypatch.setenv("EMBED_URL", "http://localhost:8081/v1")
    assert ids() == {"E022"}


def test_a_model_in_process_needs_its_libraries(monkeypatch):
    monkeypatch.setenv("EMBED_MODEL", "BAAI/bge-m3")
    monkeypatch.setenv("CHECK_MODEL", "cross-encoder/nli-deberta-v3-base")
    monkeypatch.setattr("config.checks.find_spec", lambda _name: None)
    assert ids() == {"E023", "E025"}
    monkeypatch.setattr("config.checks.find_spec", lambda _name: object())
    assert ids() == set()


def test_a_chat_url_without_a_model_is_a_mistake(monkeypatch):
    monkeypatch.setenv("CHAT_URL", "http://localhost:8080/v1")
    assert ids() == {"E012"}


def test_a_mistake_in_one_role_names_it_once(monkeypatch):
    monkeypatch.setenv("CHAT_URL", "http://localhost:8080/v1")
    monkeypatch.setenv("CHAT_MODEL", "small")
    monkeypatch.setenv("CHAT_URL_JUDGE", "judge:8080")
    (message,) = check_settings(None)
    assert "(judge)" in message.msg


def test_a_complaint_shows_no_password(monkeypatch):
    monkeypatch.setenv("CHAT_URL", "ftp://somebody:very-secret@host")
    monkeypatch.setenv("CHAT_MODEL", "small")
    (message,) = check_settings(None)
    assert "very-secret" not in message.msg


def test_an_address_of_searxng_that_is_none_has_its_complaint(monkeypatch):
    monkeypatch.setenv("SEARXNG_URL", "searxng:8888")
    assert ids() == {"E027"}


def test_nothing_is_wrong_with_the_site_and_its_admin():
    """`manage.py check` may look at the admin before the addresses are read that register its classes."""
    import_module(settings.ROOT_URLCONF)
    assert admin.site._registry
    assert [str(message) for message in run_checks()] == []
