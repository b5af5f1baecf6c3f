"""Whether the site can do its work; asked by whoever watches over it, signed in or not. Called by research/urls.py."""

import logging

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from redis import Redis, RedisError

log = logging.getLogger(__name__)


@never_cache
@require_GET
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the database and the broker answer, else 503; each by name, without any detail for strangers."""
    states = {"database": _database(), "broker": _broker()}
    return JsonResponse(
        {name: "ok" if is_well else "down" for name, is_well in states.items()},
        status=200 if all(states.values()) else 503,
    )


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        log.exception("The database does not answer.")
        return False
    return True


def _broker() -> bool:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as broker:
            broker.ping()
    except RedisError:
        log.exception("The broker does not answer.")
        return False
    return True
