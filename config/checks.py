"""System checks of the settings: every mistake that can be seen before the first request has an id here.

Values that cannot even be read (a number that is none) are refused by config/env.py already. Each message is one
sentence that names the variable. Run by `manage.py check`, by every command, and by config/supervisor.py at the start.
"""

import ipaddress
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from config import env, logs
from config.endpoints import Endpoint, check_model, embedding, endpoints, reranker, searxng

SETTINGS_TAG = "settings"
SECRET_KEY_LENGTH = 32
_HOST = re.compile(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
_PORT = re.compile(r":[1-9][0-9]{0,4}$")


def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """All that is wrong with the settings, in the order of .env.example."""
    return [
        *_site(),
        *_folders(),
        *_services(),
        *_models(),
        *_network(),
        *_logging(),
    ]


def _site() -> Iterator[CheckMessage]:
    key = settings.SECRET_KEY
    if not settings.DEBUG and key != settings.UNSAFE_SECRET_KEY and len(key) < SECRET_KEY_LENGTH:
        yield Error(f"SECRET_KEY is shorter than {SECRET_KEY_LENGTH} characters.", id="scenthound.E001")
    for host in settings.ALLOWED_HOSTS:
        if host != "*" and not _HOST.fullmatch(host):
            yield Error(f"ALLOWED_HOSTS: {host} is no host name; leave scheme and port out.", id="scenthound.E002")
    if "*" in settings.ALLOWED_HOSTS and not settings.DEBUG:
        yield Warning("ALLOWED_HOSTS accepts any host name; name the ones people use.", id="scenthound.W003")
    if settings.DEBUG and settings.HOST not in {"127.0.0.1", "localhost", "::1"}:
        yield Warning("DEBUG shows settings and code to everybody who can reach HOST.", id="scenthound.W004")
    if settings.SESSION_COOKIE_SECURE and set(settings.ALLOWED_HOSTS) <= {"localhost", "127.0.0.1", "[::1]"}:
        yield Warning("HTTPS is on, but ALLOWED_HOSTS names no host beyond this machine.", id="scenthound.W005")
    if settings.HOST != "localhost" and not _is_address(settings.HOST):
        yield Error(f"HOST is {settings.HOST}; it has to be an address of this machine.", id="scenthound.E006")


def _folders() -> Iterator[CheckMessage]:
    data = settings.DATA_DIR
    parent = next(folder for folder in (data, *data.parents) if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        yield Error(f"DATA_DIR is {data}, where this user cannot write.", id="scenthound.E007")


def _services() -> Iterator[CheckMessage]:
    database, broker = urlsplit(settings.DATABASE_URL), urlsplit(settings.BROKER_URL)
    if settings.DATABASE_URL and database.scheme not in {"postgresql", "postgres", ""}:
        yield Error("DATABASE_URL has to begin with postgresql://.", id="scenthound.E008")
    if settings.BROKER_URL and (broker.scheme not in {"redis", "rediss"} or not broker.hostname):
        yield Error("BROKER_URL has to be redis://host:6379/0, or rediss:// with TLS.", id="scenthound.E009")
    if settings.BROKER_URL and not settings.DATABASE_URL:
        yield Warning("BROKER_URL is set, but DATABASE_URL is not: the database is embedded.", id="scenthound.W010")


def _models() -> Iterator[CheckMessage]:
    roles: dict[Endpoint, str] = {}
    for role, found in endpoints().items():
        roles[found] = f"{roles[found]}, {role}" if found in roles else role
    for found, names in roles.items():
        if not _is_server(found.url):
            shown = logs.redacted(found.url)
            yield Error(f"CHAT_URL ({names}) is {shown}; it has to be like http://host:port/v1.", id="scenthound.E011")
        if not found.model:
            yield Error(f"CHAT_MODEL names no model for {names}, although CHAT_URL is set.", id="scenthound.E012")
    if (own := check_model()) and not _has_torch():
        message = f"CHECK_MODEL is {own}, which runs in process: pip install torch transformers."
        yield Error(message, id="scenthound.E025")
    yield from _index_models()


def _index_models() -> Iterator[CheckMessage]:
    chosen, ranking = embedding(), reranker()
    if chosen and chosen.at.url and not _is_server(chosen.at.url):
        shown = logs.redacted(chosen.at.url)
        yield Error(f"EMBED_URL is {shown}; it has to be like http://host:port/v1.", id="scenthound.E021")
    if chosen is None and env.text("EMBED_URL"):
        yield Error("EMBED_MODEL names no model, although EMBED_URL is set.", id="scenthound.E022")
    if chosen and not chosen.at.url and not _has_torch():
        message = f"EMBED_MODEL is {chosen.at.model}, which runs in process: pip install torch transformers."
        yield Error(f"{message} Or set EMBED_URL to a server that has it.", id="scenthound.E023")
    if ranking and not _is_server(ranking.url):
        shown = logs.redacted(ranking.url)
        yield Error(f"RERANK_URL is {shown}; it has to be like http://host:port/v1.", id="scenthound.E024")


def _has_torch() -> bool:
    return bool(find_spec("torch") and find_spec("transformers"))


def _network() -> Iterator[CheckMessage]:
    yield from _egress_lists()
    if settings.EGRESS_URL:
        door = _split(settings.EGRESS_URL)
        if door is None or door.scheme != "http" or not door.hostname or not door.password:
            yield Error("EGRESS_URL has to be http://user:password@host:port.", id="scenthound.E014")
    if settings.EGRESS_LISTEN and not _PORT.search(settings.EGRESS_LISTEN):
        yield Error(f"EGRESS_LISTEN is {settings.EGRESS_LISTEN}; use host:port.", id="scenthound.E015")
    if settings.EGRESS_LISTEN and not settings.EGRESS_URL:
        yield Error("EGRESS_LISTEN needs EGRESS_URL, which carries the password.", id="scenthound.E016")
    if settings.CHROMIUM and shutil.which(settings.CHROMIUM) is None:
        yield Error(f"CHROMIUM is {settings.CHROMIUM}, which is no program that can be run.", id="scenthound.E017")
    if not settings.USER_AGENT.isprintable() or not settings.USER_AGENT.isascii():
        yield Error("USER_AGENT may hold only plain ASCII characters: it is sent as a header.", id="scenthound.E018")
    if searxng() and not _is_server(searxng()):
        yield Error(f"SEARXNG_URL is {searxng()}; it has to be like http://host:8080.", id="scenthound.E027")


def _egress_lists() -> Iterator[CheckMessage]:
    for entry in settings.EGRESS_ALLOW:
        if not _can_be_allowed(entry):
            message = f"EGRESS_ALLOW: {entry} is no host, address or network; use intranet.lan:8080 or 10.0.0.0/8."
            yield Error(message, id="scenthound.E013")
    for entry in settings.EGRESS_DENY:
        if not _can_be_allowed(entry) and not _PORT.fullmatch(entry):
            message = f"EGRESS_DENY: {entry} is no host, network or port; use example.org, 10.0.0.0/8 or :25."
            yield Error(message, id="scenthound.E026")


def _logging() -> Iterator[CheckMessage]:
    if settings.LOG_FORMAT not in logs.FORMATS:
        yield Error(f"LOG_FORMAT is {settings.LOG_FORMAT}; use {', '.join(logs.FORMATS)}.", id="scenthound.E019")
    if settings.LOG_LEVEL not in logs.LEVELS:
        yield Error(f"LOG_LEVEL is {settings.LOG_LEVEL}; use {', '.join(logs.LEVELS)}.", id="scenthound.E020")


def _can_be_allowed(entry: str) -> bool:
    """host, host:port, address, address:port, [IPv6]:port or network: the forms that search_index/policy.py reads."""
    if _is_network(entry):
        return True
    host = _PORT.sub("", entry)
    return _is_network(host.strip("[]")) or bool(_HOST.fullmatch(host))


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    return "/" not in text and _is_network(text)


def _is_server(url: str) -> bool:
    """Whether it can be the address of a model server."""
    parts = _split(url)
    return bool(
        parts and parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment
    )


def _split(url: str) -> Any:
    """The parts of the URL, or None where it cannot be taken apart (a port that is no number)."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
