"""The drill ssrf can fail: with a wall taken away, its canaries are hit. And the browser looks up no names."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from search_index import browser, fetch, policy
from search_index.egress import Door
from search_index.whose import asking
from tests.drills import ssrf
from tests.drills.ssrf import Attack, Canaries
from tests.fakes.site import Site

pytestmark = pytest.mark.slow

Step = Callable[[Attack], Coroutine[Any, Any, None]]


async def pages(attack: Attack) -> None:
    await ssrf.by_page(attack, lambda line: None, {way: ssrf.WAYS[way] for way in ("image", "fetch", "websocket")})


async def peers(attack: Attack) -> None:
    await ssrf.to_peers(attack, [int(attack.lines[0].rpartition(":")[2])])


def attacked(site: Site, *steps: Step, **choices: Any) -> tuple[Attack, Canaries]:
    """A canary at every address of this machine, and what these steps of the drill do to it."""
    with ssrf.canaries(()) as watched:
        port = watched.ports[-1]
        attack = Attack(site, [f"http://{host}:{port}" for host in ("127.0.0.1", "[::1]", "localhost", "wiki.example")])
        ssrf._furnish(attack)

        async def work() -> None:
            with asking("run-0"):
                for step in steps:
                    await step(attack)
                await asyncio.sleep(ssrf.SETTLING)
            await browser.close()
            await fetch.close()

        with ssrf.opened(attack, **choices):
            asyncio.run(work())
    return attack, watched


@contextmanager
def without_checks() -> Iterator[None]:
    """A door that connects to whatever it is asked for."""
    with (
        mock.patch.object(policy, "check_host"),
        mock.patch.object(policy, "check_address"),
        mock.patch.object(Door, "_check_foreign"),
    ):
        yield


def test_nothing_is_hit_while_all_walls_stand(site: Site) -> None:
    attack, watched = attacked(site, ssrf.over_http, ssrf.led_away, pages, peers)
    assert watched.hits == 0
    assert not attack.opened
    assert not attack.inside


def test_a_door_without_its_checks_is_found_out(site: Site) -> None:
    with without_checks():
        attack, watched = attacked(site, ssrf.over_http, ssrf.led_away, pages)
    assert watched.connections.total() > 20
    assert attack.inside.total() > 20
    assert attack.passages


def test_a_browser_that_goes_to_loopback_by_itself_is_found_out(site: Site) -> None:
    through = browser._through
    with mock.patch.object(browser, "_through", lambda door: {**through(door), "bypass": "127.0.0.1,[::1]"}):
        _attack, watched = attacked(site, pages)
    assert watched.connections.total() > 0


def test_a_browser_with_webrtc_beside_the_door_is_found_out(site: Site) -> None:
    arguments = [one for one in browser.ARGUMENTS if "webrtc" not in one]
    with mock.patch.object(browser, "ARGUMENTS", arguments):
        _attack, watched = attacked(site, peers)
    assert watched.datagrams.total() > 0


NAMES = """<link rel=dns-prefetch href="//a.leak.example"><link rel=preconnect href="https://b.leak.example">
<script>for (const urls of ["stun:c.leak.example:3478", "turn:d.leak.example:80?transport=tcp"]) {
const peer = new RTCPeerConnection({iceServers: [{urls, username: "a", credential: "b"}]}); peer.createDataChannel("x")
peer.createOffer().then(offer => peer.setLocalDescription(offer)) }
fetch("https://e.leak.example/").catch(String); new WebSocket("ws://f.leak.example/")
new WebTransport("https://g.leak.example/").ready.catch(String)</script>"""


@pytest.mark.parametrize("door_has_a_name", [False, True])
def test_the_browser_looks_up_no_names(site: Site, tmp_path: Path, door_has_a_name: bool) -> None:
    """By its own log of the network. Where the door itself has a name, it does: so the log shows look-ups."""
    log = tmp_path / "net.json"
    through = browser._through
    named = {"server": "http://door.example:9"} if door_has_a_name else {}

    async def names(attack: Attack) -> None:
        if not door_has_a_name:
            await ssrf._shown(attack, "page names", 1, NAMES)
            return
        async with browser.fresh_page(ssrf._anywhere) as page:
            with pytest.raises(browser.PlaywrightError):
                await page.goto(site.url)

    with (
        mock.patch.object(browser, "ARGUMENTS", [*browser.ARGUMENTS, f"--log-net-log={log}"]),
        mock.patch.object(browser, "_through", lambda door: {**through(door), **named}),
    ):
        attacked(site, names)
    told = json.loads(log.read_text())
    job = told["constants"]["logEventTypes"]["HOST_RESOLVER_MANAGER_JOB"]
    looked_up = {event.get("params", {}).get("host") for event in told["events"] if event["type"] == job} - {None}
    assert looked_up == ({"door.example:9"} if door_has_a_name else set())
