"""How logs look: one short line a record at a terminal, one JSON object a line elsewhere; always on standard error.

Nothing secret leaves in a log: the token of a shared page, the password in a URL and every secret of the environment
are struck out of the finished line, tracebacks included, whoever wrote it.
Called by config/settings.py; Celery (config/celery.py) and uvicorn (config/web.py) log through the same dictionary.
"""

import logging
import re
import sys
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from config import env

FORMATS = ("auto", "pretty", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# These tell of every request or of a task every five seconds: only their troubles are news.
CHATTY = ("celery.app.trace", "celery.worker.strategy", "celery.beat", "httpx2", "httpcore2", "pypdfium2", "asyncio")
# These complain about pages; the crawl records on the page itself what came of it.
GRUMBLING = ("trafilatura", "htmldate", "courlan", "charset_normalizer")
_SHARE = re.compile(r"(/shared/)[A-Za-z0-9_-]+")
_PASSWORD = re.compile(r"(?<=://)[^/@\s\"']+@")
_SECRET_LENGTH = 8  # a shorter secret would strike out ordinary words


def redacted(line: str) -> str:
    """The line without share tokens, passwords in URLs and secrets of the environment."""
    for secret in sorted(env.known_secrets(), key=len, reverse=True):  # one may be a part of another
        if len(secret) >= _SECRET_LENGTH:
            line = line.replace(secret, "***")
    return _PASSWORD.sub("***@", _SHARE.sub(r"\1***", line))


class Pretty(logging.Formatter):
    """`12:30:59 WARNING search_index.crawl: message`, the level only where it is not INFO."""

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        self._style._fmt = f"%(asctime)s {level}%(name)s: %(message)s"
        return redacted(super().format(record))


class Json(JsonFormatter):
    """One object a line: time, level, name, message, the record's extras, exc_info."""

    def __init__(self) -> None:
        names = {"asctime": "time", "levelname": "level"}
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields=names,
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's message again, with colours
        )

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def is_pretty(form: str) -> bool:
    """Whether `form` (one of FORMATS) means the short lines here."""
    return form == "pretty" or (form == "auto" and sys.stderr.isatty())


def dictionary(form: str, level: str) -> dict[str, Any]:
    """settings.LOGGING. Values that are not in FORMATS or LEVELS count as auto and INFO: config/checks.py complains."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"pretty": {"()": Pretty, "datefmt": "%H:%M:%S"}, "json": {"()": Json}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "pretty" if is_pretty(form) else "json"},
        },
        "root": {"handlers": ["stderr"], "level": level if level in LEVELS else "INFO"},
        "loggers": {
            **{name: {"level": "WARNING"} for name in CHATTY},
            **{name: {"level": "CRITICAL"} for name in GRUMBLING},
            # Django's own handlers would write, and mail, every record a second time.
            "django": {"handlers": [], "level": "INFO"},
            "django.server": {"handlers": [], "propagate": True},
        },
    }
