"""Rendering in a real Chromium: what scripts make is read, and nothing that a page asks for gets past the door."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytest_django import Settings

from config.chromium import launcher
from search_index import browser
from search_index.errors import Refused, RetryLater, SourceFailed, Unreadable
from search_index.fetch import StatusFailed
from search_index.render import render
from search_index.whose import asking
from tests.fakes.door import door
from tests.fakes.site import Answer, Request, Site, redirect, serving

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
async def _close(egress: str) -> AsyncIterator[None]:
    yield
    await browser.close()


async def test_what_a_script_makes_is_read(site: Site) -> None:
    page = await render(f"{site.url}/live.html#top")
    assert "with a lantern beside its name" in page.body.decode()
    assert page.url == page.final_url == f"{site.url}/live.html"
    assert page.status == 200
    assert page.content_type == "text/html; charset=utf-8"


async def test_it_says_who_it_is_and_follows_redirects(site: Site, settings: Settings) -> None:
    page = await render(f"{site.url}/moved.html")
    assert page.final_url == f"{site.url}/quickstart.html"
    agent = site.requests[0].headers["user-agent"]
    assert agent.endswith(settings.USER_AGENT)
    assert "Headless" not in agent


async def test_images_are_not_loaded_and_no_storage_outlives_a_page(site: Site) -> None:
    site.pages["/p"] = Answer(
        "<img src=i.png><script>document.title = document.cookie + localStorage.length;"
        "document.cookie = 'a=1'; localStorage.x = 1</script>",
    )
    for _again in range(2):
        assert b"<title></title>" not in (body := (await render(f"{site.url}/p")).body)
        assert b"<title>0</title>" in body
    assert site.hits("/i.png") == 0


async def test_statuses_are_raised_as_in_fetch(site: Site) -> None:
    with pytest.raises(StatusFailed) as failed:
        await render(f"{site.url}/missing.html")
    assert failed.value.status == 404
    site.pages["/busy"] = Answer("later", status=503, headers={"Retry-After": "9"})
    with pytest.raises(RetryLater) as busy:
        await render(f"{site.url}/busy")
    assert busy.value.after == 9


async def test_a_download_is_refused(site: Site) -> None:
    site.pages["/d"] = Answer("x", headers={"Content-Disposition": "attachment", "Content-Type": "text/html"})
    with pytest.raises(Refused) as refused:
        await render(f"{site.url}/d")
    assert refused.value.reason == "type"


HOSTILE = """<!doctype html><link rel=dns-prefetch href="{http}"><link rel=preconnect href="{http}">
<link rel=prefetch href="{http}/prefetch"><link rel=stylesheet href="{http}/css"><script src="{http}/js"></script>
<img src="{http}/img"><iframe src="{http}/iframe"></iframe><iframe src="/hop/frame"></iframe><img src="/hop/img">
<video src="{http}/video"></video><object data="{http}/object"></object><embed src="{http}/embed">
<form id=f method=post action="{http}/form" target=inner></form><iframe name=inner></iframe>
<a id=a href="{http}/a" ping="{http}/ping" target=inner>go</a>
<script>
const swallow = () => undefined
fetch("{http}/fetch").catch(swallow); fetch("/hop/fetch").catch(swallow)
fetch("{http}/nocors", {{mode: "no-cors", method: "POST", body: "x"}}).catch(swallow)
fetch("https://{host}/tls").catch(swallow); fetch("http://localhost:{port}/name").catch(swallow)
fetch("http://[::ffff:127.0.0.1]:{port}/six").catch(swallow); fetch("http://2130706433:{port}/number").catch(swallow)
navigator.sendBeacon("{http}/beacon", "x")
new WebSocket("ws://{host}/ws"); new WebSocket("wss://{host}/wss"); new EventSource("{http}/events")
new Worker(URL.createObjectURL(new Blob(['fetch("{http}/worker")'])))
try {{ importScripts }} catch {{ import("{http}/module").catch(swallow) }}
navigator.serviceWorker?.register("/worker.js").catch(swallow)
try {{ new WebTransport("https://{host}/transport").ready.catch(swallow) }} catch {{ }}
try {{
  const ice = [{{urls: "stun:127.0.0.1:{udp}"}}, {{urls: "turn:127.0.0.1:{udp}", username: "a", credential: "b"}},
    {{urls: "turn:{host}?transport=tcp", username: "a", credential: "b"}}]
  const peer = new RTCPeerConnection({{iceServers: ice}})
  peer.createDataChannel("x"); peer.createOffer().then(offer => peer.setLocalDescription(offer))
}} catch {{ }}
document.getElementById("f").submit(); document.getElementById("a").click(); open("{http}/open")
document.title = "ran to the end"
</script>"""


async def test_no_request_of_a_hostile_page_gets_past_the_door(site: Site) -> None:
    with serving() as canary, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        datagrams.setblocking(False)
        page = HOSTILE.format(http=canary.url, host=canary.netloc, port=canary.port, udp=datagrams.getsockname()[1])
        site.pages["/hostile"] = page
        site.pages |= {f"/hop/{kind}": redirect(f"{canary.url}/hop-{kind}") for kind in ("frame", "img", "fetch")}
        site.pages["/worker.js"] = Answer(f"fetch('{canary.url}/sw')", headers={"Content-Type": "text/javascript"})
        body = (await render(f"{site.url}/hostile")).body
        assert b"<title>ran to the end</title>" in body
        assert site.hits("/hop/frame") == 1
        assert [request.path for request in canary.requests] == []
        with pytest.raises(BlockingIOError):
            datagrams.recv(1)


@pytest.mark.parametrize(
    "way", ["redirect", "<meta http-equiv=refresh content='0; url={url}'>", "<script>location = '{url}'</script>"]
)
async def test_a_page_cannot_lead_the_browser_to_a_private_host(site: Site, way: str) -> None:
    with serving({"/": "secret"}) as canary:
        site.pages["/p"] = redirect(f"{canary.url}/") if way == "redirect" else way.format(url=f"{canary.url}/")
        try:
            body = (await render(f"{site.url}/p")).body
        except (Refused, RetryLater):
            body = b""
        assert b"secret" not in body
        assert canary.requests == []


async def test_a_private_host_is_refused_outright(site: Site) -> None:
    with serving({"/": "secret"}) as canary:
        with pytest.raises(Refused) as refused:
            await render(f"{canary.url}/")
        assert refused.value.reason == "egress"
        assert canary.requests == []


async def test_a_tunnel_that_the_door_refuses_is_explained_as_over_http(site: Site) -> None:
    site.pages["/go"] = redirect("https://metadata.google.internal/")
    for url, words in (
        ("https://127.0.0.1/", "private or local address"),
        (f"{site.url}/go", "none of the public internet's"),  # of where it ended, not of where it began
    ):
        with pytest.raises(Refused) as refused:
            await render(url)
        assert refused.value.reason == "egress"
        assert words in str(refused.value)
        assert "EGRESS_ALLOW" in str(refused.value)


async def test_nothing_is_rendered_for_a_sealed_run(site: Site) -> None:
    with asking("run-1", sealed=True):
        for url in (site.url, "https://example.com/"):
            with pytest.raises(Refused) as refused:
                await render(url)
            assert refused.value.reason == "sealed"
    assert site.requests == []


async def test_https_passes_the_door_and_certificates_are_checked(certificate: Path, settings: Settings) -> None:
    with serving({"/": "hello"}, certificate) as secure, door([secure.netloc]) as url:
        settings.EGRESS_URL = url
        with pytest.raises(SourceFailed) as untrusted:
            await render(f"{secure.url}/")
    assert untrusted.value.reason == "tls"  # it got as far as the host's certificate


async def test_a_page_cannot_change_what_is_read_of_it(site: Site) -> None:
    site.pages["/liar"] = """<p>the truth</p><script>
        Object.defineProperty(Element.prototype, "outerHTML", { get: () => "a lie" })
        String.prototype.toString = () => "a lie"
    </script>"""
    body = (await render(f"{site.url}/liar")).body
    assert b"<p>the truth</p>" in body


async def test_a_page_that_grows_without_end_is_refused(site: Site) -> None:
    site.pages["/large"] = "<p></p><script>document.body.dataset.x = 'x'.repeat(11e6)</script>"
    with pytest.raises(Refused) as refused:
        await render(f"{site.url}/large")
    assert refused.value.reason == "size"


async def test_a_page_that_never_rests_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "SECONDS", 2)
    monkeypatch.setattr(browser, "SETTLE_SECONDS", 0.5)
    site.pages["/loop"] = "<p>x</p><script>while (true) { }</script>"
    site.pages["/late"] = Answer("late", delay=30)
    site.pages["/poll"] = "<p>read</p><script>setInterval(() => fetch('/robots.txt'), 50)</script>"
    for path in ("/loop", "/late"):
        with pytest.raises(RetryLater) as late:
            await render(site.url + path)
        assert late.value.reason == "timeout"
    assert b"<p>read</p>" in (await render(f"{site.url}/poll")).body


async def test_pages_are_rendered_three_at_a_time(site: Site) -> None:
    inside = most = 0

    def counted(request: Request) -> Answer:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        site.stopping.wait(0.3)
        inside -= 1
        return Answer("<p>done</p>")

    site.pages["/p"] = counted
    pages = await asyncio.gather(*(render(f"{site.url}/p") for _ in range(7)))
    assert all(b"<p>done</p>" in page.body for page in pages)
    assert most == browser.PAGES_AT_ONCE


async def test_a_browser_that_dies_is_started_anew(site: Site) -> None:
    def deadly_once(request: Request) -> Answer:
        if site.hits("/deadly") == 1:
            os.kill(_browser_pids()[0], signal.SIGKILL)
        return Answer("<p>alive</p>")

    site.pages["/deadly"] = deadly_once
    assert b"<p>alive</p>" in (await render(f"{site.url}/deadly")).body
    assert site.hits("/deadly") == 2


async def test_a_page_that_kills_the_browser_twice_is_unreadable(site: Site) -> None:
    def deadly(request: Request) -> Answer:
        os.kill(_browser_pids()[0], signal.SIGKILL)
        return Answer("<p>never seen</p>")

    site.pages["/deadly"] = deadly
    with pytest.raises(Unreadable) as crashed:
        await render(f"{site.url}/deadly")
    assert crashed.value.reason == "crash"
    assert (await render(f"{site.url}/live.html")).status == 200


async def test_the_sandbox_is_on_and_nothing_of_our_environment_is_inside(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--no-sandbox" in launcher().read_text():
        pytest.skip("this system lets no ordinary user make namespaces, so Chromium cannot sandbox itself")
    monkeypatch.setenv("CHAT_KEY", "a-secret")
    await render(f"{site.url}/live.html")
    pids = _browser_pids()
    assert pids
    for pid in pids:
        assert "--no-sandbox" not in Path(f"/proc/{pid}/cmdline").read_text()
        assert "a-secret" not in Path(f"/proc/{pid}/environ").read_text()


async def test_without_a_door_nothing_is_rendered(site: Site, settings: Settings) -> None:
    settings.EGRESS_URL = "http://a:b@127.0.0.1:9"
    with pytest.raises(RetryLater) as closed:
        await render(f"{site.url}/")
    assert closed.value.reason == "egress"
    assert site.requests == []


def _browser_pids() -> list[int]:
    """The browser processes below this one, the main one first."""
    parents, commands = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(process.name)] = (process / "cmdline").read_text()
        except OSError:  # it has ended meanwhile
            continue
    below, found = {os.getpid()}, []
    while new := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= new
        found += sorted(new)
    return [pid for pid in found if "--remote-debugging-pipe" in commands.get(pid, "")]


async def test_a_page_that_takes_all_memory_loses_its_process_and_others_go_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "PROCESS_MEMORY", 400_000_000)
    site.pages["/huge"] = "<script>h = []; setInterval(() => h.push(new Uint8Array(50e6).fill(1)), 30)</script>" + (
        "<script>setInterval(() => fetch('/robots.txt'), 50)</script>"  # it does not come to rest before
    )
    huge, other = await asyncio.gather(
        render(f"{site.url}/huge"), render(f"{site.url}/live.html"), return_exceptions=True
    )
    assert isinstance(huge, Unreadable)
    assert not isinstance(other, BaseException)
    assert (await render(f"{site.url}/live.html")).status == 200


async def test_a_browser_that_hangs_is_ended_and_nothing_of_any_is_left_after_close(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "SECONDS", 5)
    monkeypatch.setattr(browser, "CLOSING_SECONDS", 2)
    await render(f"{site.url}/live.html")
    first = browser._tree(browser._here().mark)
    os.kill(first[0].pid, signal.SIGSTOP)
    with pytest.raises(RetryLater) as late:
        await render(f"{site.url}/live.html")
    assert late.value.reason == "timeout"
    monkeypatch.setattr(browser, "SECONDS", 20)
    assert (await render(f"{site.url}/live.html")).status == 200
    second = browser._tree(browser._here().mark)
    assert len(second) > 1
    await browser.close()
    await asyncio.sleep(0.5)
    for process in (*first, *second):
        now = browser._process(process.pid)
        assert now is None or now.born != process.born or now.memory == 0  # gone, or a zombie that nobody has reaped


async def test_the_browser_of_a_playwright_server_is_used(site: Site, settings: Settings, tmp_path: Path) -> None:
    choices = {"executablePath": str(launcher()), "chromiumSandbox": True, "args": browser.ARGUMENTS, "port": 0}
    (tmp_path / "choices.json").write_text(json.dumps({**choices, "wsPath": "/browser"}))
    command = ["-m", "playwright", "launch-server", "--browser=chromium", f"--config={tmp_path / 'choices.json'}"]
    server = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        assert server.stdout is not None
        settings.BROWSER_URL = (await asyncio.wait_for(server.stdout.readline(), 60)).decode().strip()
        assert b"with a lantern beside its name" in (await render(f"{site.url}/live.html")).body
        assert browser._tree(browser._here().mark) == []  # none of our own
        await browser.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # the server itself is a child of what was started
        await server.wait()
