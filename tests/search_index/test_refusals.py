"""What the door says, in words: a sentence for each of its codes, and the same one where a tunnel is refused."""

import re
from pathlib import Path

import pytest
from pytest_django import Settings

from search_index import refusals
from search_index.errors import Refused, RetryLater
from search_index.explain import REASONS
from search_index.whose import asking
from tests.fakes.door import door
from tests.fakes.site import Site

ROOM = Path(refusals.__file__).parent


def codes() -> set[str]:
    """The codes that the door can answer with, as they stand in its code: its own, and the reasons of its policy."""
    door = "".join((ROOM / name).read_text() for name in ("egress.py", "relay.py", "rates.py"))
    denied = re.findall(r"Denied\(\d+[^\n]*?\)", door) + re.findall(r"__init__\(429[^\n]*", door)
    said = {code for call in denied for code in re.findall(r'"([a-z-]+)"', call)}
    return said | set(re.findall(r'Refused\("(\w+)"', (ROOM / "policy.py").read_text()))


def test_every_code_has_a_sentence_that_says_what_to_do() -> None:
    assert {"password", "sealed", "denied", "address", "rate", "size", "busy", "no-such-host"} <= codes()
    for code in codes():
        told = str(refusals.failure(code))
        assert told != str(refusals.failure("unheard-of")), code
        assert told.endswith("."), code
    assert codes() - {"challenge"} <= set(refusals.SHORT)


def test_every_reason_has_words_where_pages_are_listed() -> None:
    assert {refusals.failure(code).reason for code in codes()} - {"sealed"} <= set(REASONS)


async def test_a_tunnel_is_explained_as_a_plain_request_would_be(site: Site, settings: Settings) -> None:
    with door([site.netloc]) as settings.EGRESS_URL:
        why = await refusals.why("10.0.0.1", 443)
        assert isinstance(why, Refused)
        assert str(why) == str(refusals.failure("address"))
        assert str(await refusals.why("metadata", 443)) == str(refusals.failure("name"))
        assert await refusals.why("127.0.0.1", site.port) is None  # it would pass
        with asking("run-1", sealed=True):
            why = await refusals.why("127.0.0.1", site.port)
        assert why is not None
        assert why.reason == "sealed"
    assert site.requests == []


async def test_a_door_that_does_not_answer_explains_nothing(settings: Settings) -> None:
    settings.EGRESS_URL = "http://a:b@127.0.0.1:9"
    assert await refusals.why("10.0.0.1", 443) is None


def test_when_to_ask_again_is_passed_on() -> None:
    later = refusals.failure("rate", 37.0)
    assert isinstance(later, RetryLater)
    assert later.after == pytest.approx(37.0)
