"""manage.py egress: run the egress door until SIGTERM or Ctrl-C. Started by script/server and by docker-compose.yml.

Alone on a machine it listens on a free loopback port, makes up a password and leaves both in DATA_DIR/run/egress.json.
With EGRESS_LISTEN (containers) it listens there, and EGRESS_URL carries the password that clients bring. What passes is
written to the database, where it answers; the door stands without it, too.
"""

import asyncio
import json
import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config.services import prepare_folders
from search_index.departures import Keeper
from search_index.egress import Door
from search_index.errors import BadSource
from search_index.policy import Allow, Deny
from search_index.whose import SITE


class Command(BaseCommand):
    help = "Run the egress door, the one way from Scenthound to the network, until it is stopped."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            allow, deny = Allow.parse(settings.EGRESS_ALLOW), Deny.parse(settings.EGRESS_DENY)
        except BadSource as error:
            raise CommandError(str(error)) from error
        password = _given_password() if settings.EGRESS_LISTEN else secrets.token_urlsafe(32)
        try:
            with Keeper() as keeper:
                door = Door(allow, password, deny, keep=keeper.keep)
                asyncio.run(_listen_in_container(door) if settings.EGRESS_LISTEN else _listen_here(door, password))
        except OSError as error:
            raise CommandError(_("The egress door cannot listen: %(error)s.") % {"error": error}) from error


async def _listen_here(door: Door, password: str) -> None:
    """Listen on a free loopback port and say where in DATA_DIR/run/egress.json, for this user only."""
    prepare_folders()
    server = await asyncio.start_server(door, "127.0.0.1", 0)
    file: Path = settings.DATA_DIR / "run" / "egress.json"
    content = json.dumps({"url": f"http://{SITE}:{password}@127.0.0.1:{server.sockets[0].getsockname()[1]}"})
    part = file.with_suffix(f".{os.getpid()}")
    part.touch(mode=0o600)
    part.write_text(content)
    part.replace(file)
    try:
        await _until_stopped(server)
    finally:
        with suppress(FileNotFoundError):
            if file.read_text() == content:  # else another door has taken over
                file.unlink()


async def _listen_in_container(door: Door) -> None:
    host, _colon, port = settings.EGRESS_LISTEN.rpartition(":")
    await _until_stopped(await asyncio.start_server(door, host.strip("[]"), int(port)))


def _given_password() -> str:
    """The password that EGRESS_URL carries; whatever user stands there, clients bring the one who asks."""
    _host, _colon, port = settings.EGRESS_LISTEN.rpartition(":")
    url = urlsplit(settings.EGRESS_URL)
    if not port.isdigit() or not url.username or not url.password:
        raise CommandError(_("EGRESS_LISTEN has to be host:port, and EGRESS_URL http://user:password@host:port."))
    return unquote(url.password)


async def _until_stopped(server: asyncio.Server) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with server:
        await stopped.wait()
