"""What the egress door says, in words: for each code of Denied a sentence that says what to do, and the error it makes.

A client in a tunnel's place is told no more than a status, and Chromium not even that ("the tunnel failed"): `why` asks
the door once more, by a CONNECT of our own, so that a person reads the same reason as over plain HTTP.
Called by fetch.py and browser.py; the operator's page of egress (admin/egress.py) has SHORT.
"""

import asyncio
import base64
from urllib.parse import unquote, urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from search_index import policy
from search_index.egress import door_url
from search_index.errors import IndexFailure, Refused, RetryLater, SourceFailed

ANSWER_SECONDS = 8  # a refusal comes at once, or after a look-up; nobody waits long for a mere explanation

# The door's code: the kind of error, its reason, and the sentence.
_SENTENCES: dict[str, tuple[type[IndexFailure], str, Promise]] = {
    "address": (
        Refused,
        "egress",
        gettext_lazy(
            "It leads to a private or local address, which the egress door does not open. "
            "If the host is your own, name it in EGRESS_ALLOW."
        ),
    ),
    "name": (
        Refused,
        "egress",
        gettext_lazy(
            "Its name is none of the public internet's, so the egress door does not look it up. "
            "If the host is your own, name it in EGRESS_ALLOW."
        ),
    ),
    "port": (
        Refused,
        "egress",
        gettext_lazy(
            "The egress door opens the ports 80 and 443 only. If the host is your own, name it in EGRESS_ALLOW, "
            "as host:port."
        ),
    ),
    "denied": (
        Refused,
        "egress",
        gettext_lazy("EGRESS_DENY forbids this host, address or port. Take it off that list to have it opened."),
    ),
    "url": (
        Refused,
        "egress",
        gettext_lazy("The egress door does not open an address that can be read in two ways. Give it in plain form."),
    ),
    "method": (
        Refused,
        "egress",
        gettext_lazy("The egress door passes what asks for something (GET, HEAD, OPTIONS, POST), and nothing else."),
    ),
    "sealed": (
        Refused,
        "sealed",
        gettext_lazy("The run is sealed: the egress door passes nothing for it. Ask without the seal to read the web."),
    ),
    "rate": (
        RetryLater,
        "rate",
        gettext_lazy(
            "Too much has passed the egress door in a short time, to this host or for this run. It goes on by itself, "
            "within the hour at the latest."
        ),
    ),
    "busy": (
        RetryLater,
        "busy",
        gettext_lazy("Too many requests wait at the egress door for this host. It is tried again later."),
    ),
    "timeout": (RetryLater, "timeout", gettext_lazy("The host did not answer in time. It is tried again later.")),
    "dns": (
        RetryLater,
        "dns",
        gettext_lazy("The name server did not answer. It is tried again later; see to it where it stays so."),
    ),
    "connect": (
        RetryLater,
        "connection",
        gettext_lazy("The host could not be reached: nothing answers there now. It is tried again later."),
    ),
    "protocol": (
        RetryLater,
        "connection",
        gettext_lazy("The host could not be reached: what answers there does not speak HTTP."),
    ),
    "no-such-host": (SourceFailed, "dns", gettext_lazy("There is no host of this name. Look at how it is spelt.")),
    "size": (Refused, "size", gettext_lazy("It is larger than the egress door lets through.")),
    "challenge": (RetryLater, "egress", gettext_lazy("The egress door wants a password, and EGRESS_URL gives none.")),
    "password": (
        RetryLater,
        "egress",
        gettext_lazy("The egress door does not accept the password of EGRESS_URL. Give both sides the same one."),
    ),
}

# What an operator reads of many of them at once.
SHORT: dict[str, Promise] = {
    "passed": gettext_lazy("passed"),
    "address": gettext_lazy("leads to a private or local address"),
    "name": gettext_lazy("not a public name"),
    "port": gettext_lazy("a port that is not opened"),
    "denied": gettext_lazy("denied by EGRESS_DENY"),
    "url": gettext_lazy("an address that can be read in two ways"),
    "method": gettext_lazy("a method that changes something"),
    "sealed": gettext_lazy("asked for by a sealed run"),
    "rate": gettext_lazy("too much in a short time"),
    "busy": gettext_lazy("too many at once"),
    "timeout": gettext_lazy("no answer in time"),
    "dns": gettext_lazy("the name server did not answer"),
    "connect": gettext_lazy("nobody answers there"),
    "protocol": gettext_lazy("does not speak HTTP"),
    "no-such-host": gettext_lazy("no such host"),
    "size": gettext_lazy("too large"),
    "password": gettext_lazy("a wrong password"),
    "cut": gettext_lazy("cut by either side"),
}


def failure(code: str, retry_after: float | None = None) -> IndexFailure:
    """The error for what the door has said; a code of a newer door is told as it is."""
    unknown = (RetryLater, "connection", gettext_lazy("The egress door did not pass it."))
    kind, reason, sentence = _SENTENCES.get(code, unknown)
    if issubclass(kind, RetryLater):
        return kind(reason, str(sentence), retry_after)
    return kind(reason, str(sentence))


async def why(host: str, port: int) -> IndexFailure | None:
    """What the door says of a tunnel to that host and port, asked by whoever asks here; None where it would pass one,
    or does not answer. Raises RetryLater("egress") when no door is open."""
    door = urlsplit(door_url())
    user, password = unquote(door.username or ""), unquote(door.password or "")
    authority = f"{policy.bracketed(host)}:{port}"
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    asked = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic {credentials}\r\n\r\n"
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(door.hostname, door.port)
            try:
                writer.write(asked.encode())
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            finally:
                writer.transport.abort()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):  # a TimeoutError is an OSError
        return None
    said = {name.lower(): value for name, _colon, value in (line.partition(": ") for line in head.split("\r\n"))}
    if "x-egress-refused" not in said:
        return None
    after = said.get("retry-after", "")
    return failure(said["x-egress-refused"], float(after) if after.isdigit() else None)
