"""Django's settings, in headed sections. Every value that a person may change comes through config/env.py."""

import os
from hashlib import sha256
from pathlib import Path

from csp.constants import NONE, SELF
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from config import env, logs

BASE_DIR = env.TOP

# --- Where things are kept -------------------------------------------------------------------------------------------
DATA_DIR = env.path("DATA_DIR", BASE_DIR / "var")
PORT = env.number("PORT", 8000, least=1, most=65535)
HOST = env.text("HOST", "127.0.0.1")

# --- Safety of the site ----------------------------------------------------------------------------------------------
# SECRET_KEY unset: a random one is kept in DATA_DIR/secret-key (config/services.py makes it).
UNSAFE_SECRET_KEY = "unsafe-until-one-is-made"  # noqa: S105 - what it says
try:
    SECRET_KEY = env.secret("SECRET_KEY") or (DATA_DIR / "secret-key").read_text()
except FileNotFoundError:
    SECRET_KEY = UNSAFE_SECRET_KEY
except OSError as _error:
    raise env.BadEnvironment(f"The data folder {DATA_DIR} cannot be used: {_error.strerror}.") from _error
DEBUG = env.flag("DEBUG")
ALLOWED_HOSTS = [*env.words("ALLOWED_HOSTS"), "localhost", "127.0.0.1", "[::1]"]  # these for health checks, too
_https = env.flag("HTTPS")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS] if _https else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# One cookie name a port, so that two copies on one machine do not sign each other out (cookies ignore ports).
SESSION_COOKIE_NAME = f"scenthound-session-{PORT}"
CSRF_COOKIE_NAME = f"scenthound-csrf-{PORT}"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
    }
}

# --- Django ----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config",
    "search_index",
    "research",
    "django.contrib.admin.apps.SimpleAdminConfig",  # config/urls.py registers the classes
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "template_partials",
    "csp",
]
MIDDLEWARE = [
    "config.nul.WithoutNul",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "ask"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = env.time_zone("TZ", "UTC")
USE_TZ = True
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
# Served straight from static/: nothing to collect, a file carries its version in its name or is small.
WHITENOISE_USE_FINDERS = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- PostgreSQL and the broker: embedded (sockets in DATA_DIR) unless a real server is named -------------------------
DATABASE_URL = env.secret("DATABASE_URL")
BROKER_URL = env.secret("BROKER_URL")


def _sockets() -> Path:
    """Where the embedded services put their sockets: DATA_DIR/run, or, as a socket's path may not be longer than
    107 bytes, a folder of our own under /tmp that is named after DATA_DIR."""
    inside = DATA_DIR / "run"
    if len(os.fsencode(inside)) <= 90:
        return inside
    return Path("/tmp") / f"scenthound-{sha256(str(DATA_DIR).encode()).hexdigest()[:16]}"  # noqa: S108


SOCKETS = _sockets()
EMBEDDED_DATABASE = {"host": str(SOCKETS), "user": "scenthound", "dbname": "scenthound"}
try:
    _conninfo = conninfo_to_dict(DATABASE_URL) if DATABASE_URL else dict(EMBEDDED_DATABASE)
except ProgrammingError as error:
    raise env.BadEnvironment("DATABASE_URL cannot be read; use postgresql://user:password@host:5432/name.") from error
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _conninfo.pop("dbname", "scenthound"),
        "USER": _conninfo.pop("user", ""),
        "PASSWORD": _conninfo.pop("password", ""),
        "HOST": _conninfo.pop("host", ""),
        "PORT": _conninfo.pop("port", ""),
        # Prepared plans ignore a later SET LOCAL hnsw.* or enable_* (machine facts, LOG.md): none are kept.
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": 32, "timeout": 20},
            "prepare_threshold": None,
            **_conninfo,
            # A process that is stopped in the middle of a transaction keeps its locks only so long, in ms: others have
            # taken over its runs by then.
            "options": f"{_conninfo.get('options', '')} -c idle_in_transaction_session_timeout=20000".strip(),
        },
    }
}

CELERY_BROKER_URL = BROKER_URL or f"redis+socket://{SOCKETS}/valkey.sock"
REDIS_URL = BROKER_URL or f"unix://{SOCKETS}/valkey.sock"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # the message is a doorbell: the lease in PostgreSQL does the rest
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0.1, "interval_max": 0.5}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "ring-again-runs": {"task": "research.tasks.ring_again", "schedule": 5.0},
    "ring-again-crawls": {"task": "search_index.tasks.ring_again", "schedule": 5.0},
    "start-due-crawls": {"task": "search_index.tasks.start_due", "schedule": 5.0},
    "forget-departures": {"task": "search_index.tasks.forget_departures", "schedule": 3600.0},
    # To one worker at a time: each ring brings one more to help, where there are several.
    "embed": {"task": "search_index.tasks.embed", "schedule": 10.0, "options": {"expires": 10}},
}

# --- The hunt --------------------------------------------------------------------------------------------------------
LEASE_SECONDS = env.number("LEASE_SECONDS", 30, least=3)
RUNS_AT_ONCE = env.number("RUNS_AT_ONCE", 64, least=1, most=500)  # of one worker; a run costs it no thread
# Calls that one worker sends to one model server at the same time, at most; it starts with fewer and learns.
MODEL_CALLS_AT_ONCE = env.number("MODEL_CALLS_AT_ONCE", 64, least=1)
CELERY_WORKER_CONCURRENCY = 24  # threads for what takes one: crawls, and the bells

# --- The index -------------------------------------------------------------------------------------------------------
USER_AGENT = env.text("USER_AGENT", "Scenthound/0.1 (self-hosted research index; +https://github.com/scenthound)")
# Hosts or networks of the operator's own that the egress door opens although they are not public.
EGRESS_ALLOW = env.words("EGRESS_ALLOW")
# Hosts, networks and ports that it never opens, though they be public or allowed.
EGRESS_DENY = env.words("EGRESS_DENY")
# Where the egress door listens; empty: script/server starts one on a free loopback port and keeps it in DATA_DIR/run.
EGRESS_URL = env.secret("EGRESS_URL")
# host:port on which `manage.py egress` listens in a container; EGRESS_URL then carries the user and password.
EGRESS_LISTEN = env.text("EGRESS_LISTEN")
# Whether this process may load an embedding model of the operator's own; config/web.py says no, and asks a worker.
MODELS_IN_PROCESS = True
# Whether robots.txt holds for a page, too, that a person has named in a question; if not, such a page is read once.
ROBOTS_FOR_PEOPLE = env.flag("ROBOTS_FOR_PEOPLE", default=True)
# The browser's executable; empty: config/chromium.py finds one.
CHROMIUM = env.text("CHROMIUM")
# A Playwright server whose browser is used instead (ws://...); empty: each process starts its own.
BROWSER_URL = env.secret("BROWSER_URL")

# --- Watching over it ------------------------------------------------------------------------------------------------
# Who may read /metrics: whoever has this token; without one, this machine only.
METRICS_TOKEN = env.secret("METRICS_TOKEN")

# --- Logs: pretty at a terminal, JSON elsewhere ----------------------------------------------------------------------
LOG_FORMAT = env.text("LOG_FORMAT", "auto").lower()
LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
LOGGING = logs.dictionary(LOG_FORMAT, LOG_LEVEL)
