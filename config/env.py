"""The only module that reads the environment, and the file `.env` at the top of the checkout, which it goes before.

Readers refuse a bad value with one sentence that names the variable, and accept NAME_FILE for secrets kept in files.
Called by config/settings.py and config/endpoints.py; nothing else may use os.environ (tests/test_architecture.py).
"""

import os
from functools import cache
from pathlib import Path
from typing import overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

TOP = Path(__file__).resolve().parent.parent
_secrets: set[str] = set()  # every secret that was read, for config/logs.py to keep out of the logs


class BadEnvironment(Exception):
    """A variable of the environment has a value that cannot be used."""


def choose_settings() -> None:
    """Name Django's settings module, unless the caller's environment names one (the tests do)."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def skip_checks_of_celery() -> None:
    """Celery would run Django's checks at each start, look at none of their results, and import all views for them;
    script/test checks."""
    os.environ["CELERY_SKIP_CHECKS"] = "true"


def with_changes(**changes: str) -> dict[str, str]:
    """This process's environment with some variables changed, to start another process with."""
    return {**os.environ, **changes}


def known_secrets() -> frozenset[str]:
    """The secrets that this process has read so far."""
    return frozenset(_secrets)


def text(name: str, default: str = "") -> str:
    """The value of `name`, or `default` where it is unset or empty. Set but empty in the environment hides `.env`."""
    value = os.environ.get(name)
    if value is None:
        value = _env_file().get(name, "")
    return value.strip() or default


def secret(name: str, default: str = "") -> str:
    """Like text(), but `name`_FILE may name a file that holds the value (Docker and systemd secrets)."""
    file = text(f"{name}_FILE")
    try:
        value = Path(file).read_text().strip() if file else text(name, default)
    except OSError as error:
        raise BadEnvironment(f"{name}_FILE names {file}, which cannot be read: {error.strerror}.") from error
    if value:
        _secrets.add(value)
    return value


def flag(name: str, default: bool = False) -> bool:
    """True for 1/true/yes/on, False for 0/false/no/off; anything else is refused."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise BadEnvironment(f"{name} is {value!r}; use true or false.")


@overload
def number(name: str, default: int, least: int = 0, most: int | None = None) -> int: ...
@overload
def number(name: str, default: float, least: float = 0, most: float | None = None) -> float: ...
def number(name: str, default: float, least: float = 0, most: float | None = None) -> float:
    """A number of the same type as `default`, between `least` and `most`."""
    value = text(name)
    if not value:
        return default
    try:
        result = type(default)(value)
    except ValueError as error:
        raise BadEnvironment(f"{name} is {value!r}; it has to be a number.") from error
    if not (least <= result and (most is None or result <= most)):  # said so that NaN, too, is refused
        limits = f"at least {least}" if most is None else f"between {least} and {most}"
        raise BadEnvironment(f"{name} is {value}; it has to be {limits}.")
    return result


def words(name: str) -> list[str]:
    """A comma-separated list, empty entries dropped."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def path(name: str, default: Path) -> Path:
    """An absolute path; a relative value counts from the working directory."""
    return Path(text(name, str(default))).expanduser().absolute()


def time_zone(name: str, default: str) -> str:
    """The name of a time zone that this machine knows, such as Europe/Paris."""
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadEnvironment(f"{name} is {value!r}; use a time zone's name, such as Europe/Paris.") from error
    return value


@cache
def _env_file() -> dict[str, str]:
    """What `.env` says (ENV_FILE names another file): NAME=value lines, as Docker Compose reads them, without
    substitution; lines that are empty or begin with # are comments."""
    file = Path(os.environ.get("ENV_FILE", "") or TOP / ".env")
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadEnvironment(f"The file {file} cannot be read: {error}.") from error
    found = {}
    for number_, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals or not name.strip().isidentifier():
            raise BadEnvironment(f"{file}, line {number_}: not NAME=value.")
        value = value.strip()
        quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
        found[name.strip()] = value[1:-1] if quoted else value
    return found
