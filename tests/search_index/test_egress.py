"""The door: who may pass, where to, how often a name is resolved, what is cut, and what it leaves in its log."""

import asyncio
import base64
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from search_index import egress as doorway
from search_index import whose
from search_index.egress import Door
from search_index.errors import RetryLater
from search_index.policy import Address, Allow, Deny
from search_index.rates import Cap, Rates
from search_index.relay import Denied, Limits, Passage
from tests.fakes.door import PASSWORD, door
from tests.fakes.site import Answer, Request, Site, redirect, serving


def authorization(user: str) -> str:
    """The header by which that user gives the right password."""
    return f"Proxy-Authorization: Basic {base64.b64encode(f'{user}:{PASSWORD}'.encode()).decode()}\r\n"


AUTHORIZATION = authorization("site")


def ask(url: str, request: bytes, password: str = AUTHORIZATION) -> bytes:
    """Send the bytes to the door, the password put in after the request line, and read until it hangs up."""
    line, _end, rest = request.partition(b"\r\n")
    with connected(url) as client:
        client.sendall(line + b"\r\n" + password.encode() + rest)
        return everything(client)


def connected(url: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=20)
    client.settimeout(20)
    return client


def everything(client: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := client.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def get(url: str, target: str, more: str = "") -> bytes:
    return ask(url, f"GET {target} HTTP/1.1\r\nHost: ignored.example\r\n{more}\r\n".encode())


def refusal(answer: bytes) -> tuple[int, str]:
    """Status and code of what the door itself answered."""
    head = answer.decode().split("\r\n\r\n")[0]
    code = next(line for line in head.splitlines() if line.startswith("X-Egress-Refused")).split(": ")[1]
    return int(head.split()[1]), code


class Names:
    """A resolver of our own; remembers what it was asked."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = {name.replace("_", "."): found for name, found in addresses.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        if host not in self.addresses:
            raise Denied(502, "no-such-host")
        return [ip_address(address) for address in self.addresses[host]]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where the door tried to connect to; nothing gets there."""
    tried: list[tuple[str, int]] = []

    async def refuse(host: str, port: int, **_more: object) -> None:
        tried.append((host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(doorway.asyncio, "open_connection", refuse)
    return tried


# --- Who may pass ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "challenge"),
        ("Proxy-Authorization: Basic c2l0ZTp3cm9uZw==\r\n", "password"),
        ("Proxy-Authorization: Bearer x\r\n", "password"),
        ("Proxy-Authorization: Basic \r\n", "password"),
        (AUTHORIZATION * 2, "password"),
        *((authorization(user), "password") for user in ("", "you", "run-", "run-1 x", "site.open", "sitesealed")),
    ],
)
def test_nobody_passes_without_the_password_and_a_name(site: Site, egress: str, password: str, code: str) -> None:
    for request in (f"GET {site.url}/ HTTP/1.1", f"CONNECT {site.netloc} HTTP/1.1"):
        answer = ask(egress, f"{request}\r\nHost: x\r\n\r\n".encode(), password)
        assert refusal(answer) == (407, code)
        assert b'Proxy-Authenticate: Basic realm="egress"' in answer
    assert site.requests == []


# --- Where to --------------------------------------------------------------------------------------------------------
def test_an_allowed_host_is_reached_by_a_plain_request(site: Site, egress: str) -> None:
    answer = get(egress, f"{site.url}/retries.html?x=1")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"270 seconds" in answer
    assert site.requests[0].path == "/retries.html?x=1"
    assert site.requests[0].headers["host"] == site.netloc


def test_an_allowed_host_is_reached_through_a_tunnel(site: Site, egress: str) -> None:
    with connected(egress) as client:
        client.sendall(f"CONNECT {site.netloc} HTTP/1.1\r\nHost: {site.netloc}\r\n{AUTHORIZATION}\r\n".encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200 Connected\r\n")
        client.sendall(b"GET /retries.html HTTP/1.1\r\nHost: inside\r\nConnection: close\r\n\r\n")
        assert b"270 seconds" in everything(client)
    assert site.requests[0].headers["host"] == "inside"


def test_loopback_is_refused_plain_and_by_tunnel(egress: str) -> None:
    with serving({"/": "secret"}) as canary:
        for target in (canary.url, f"http://localhost:{canary.port}", f"http://[::ffff:127.0.0.1]:{canary.port}"):
            assert refusal(get(egress, f"{target}/"))[0] == 403
            authority = target.removeprefix("http://")
            assert refusal(ask(egress, f"CONNECT {authority} HTTP/1.1\r\nHost: x\r\n\r\n".encode()))[0] == 403
        assert canary.requests == []


def test_a_redirect_is_handed_back_not_followed(site: Site, egress: str) -> None:
    with serving({"/": "secret"}) as canary:
        site.pages["/go"] = redirect(f"{canary.url}/")
        assert get(egress, f"{site.url}/go").startswith(b"HTTP/1.1 302 ")
        assert canary.requests == []


@pytest.mark.parametrize(
    "target", ["/", "*", "https://example.com/", "ftp://example.com/", "http://u@example.com/", "http://a\\@b/"]
)
def test_what_is_no_plain_request_is_refused(target: str, connections: list[tuple[str, int]]) -> None:
    with door() as url:
        assert refusal(get(url, target))[0] in {400, 403}
    assert connections == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PURGE", "get", "TRACE"])
def test_what_would_change_something_is_refused(method: str, site: Site, egress: str) -> None:
    assert refusal(ask(egress, f"{method} {site.url}/did HTTP/1.1\r\nHost: x\r\n\r\n".encode())) == (403, "method")
    assert site.requests == []


@pytest.mark.parametrize("port", [22, 25, 5432, 6379, 8000, 9200])
def test_other_ports_than_the_webs_are_refused(port: int, connections: list[tuple[str, int]]) -> None:
    with door(resolve=Names(any_example=["1.1.1.1"])) as url:
        assert refusal(get(url, f"http://any.example:{port}/")) == (403, "port")
        assert refusal(ask(url, f"CONNECT any.example:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())) == (403, "port")
    assert connections == []


@pytest.mark.parametrize(
    "answers", [["10.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["1.1.1.1", "::1"], ["64:ff9b::a9fe:a9fe"], ["::ffff:1.1.1.1"]]
)
def test_one_private_answer_among_public_ones_is_enough_to_refuse(
    answers: list[str], connections: list[tuple[str, int]]
) -> None:
    with door(resolve=Names(any_example=answers)) as url:
        assert refusal(get(url, "http://any.example/")) == (403, "address")
    assert connections == []


def test_a_name_is_resolved_once_and_its_address_pinned(connections: list[tuple[str, int]]) -> None:
    names = Names(any_example=["1.1.1.1", "2606:4700::1111"])
    with door(resolve=names) as url:
        assert refusal(get(url, "http://any.example/")) == (502, "connect")
    assert names.asked == ["any.example"]
    assert connections == [("1.1.1.1", 80), ("2606:4700::1111", 80)]


def test_a_name_of_the_operators_own_may_lead_inside(site: Site) -> None:
    names = Names(wiki=["127.0.0.1"])
    with door([f"wiki:{site.port}"], resolve=names) as url:
        assert b"job queue" in get(url, f"http://wiki:{site.port}/")
        assert refusal(get(url, "http://wiki:1/")) == (403, "name")
    assert site.requests[0].headers["host"] == f"wiki:{site.port}"
    assert names.asked == ["wiki"]


def test_names_that_do_not_exist_or_are_never_public(connections: list[tuple[str, int]]) -> None:
    names = Names()
    with door(resolve=names) as url:
        assert refusal(get(url, "http://nowhere.example/")) == (502, "no-such-host")
        assert refusal(get(url, "http://metadata.google.internal/")) == (403, "name")
        assert refusal(get(url, "http://metadata/")) == (403, "name")
    assert names.asked == ["nowhere.example"]
    assert connections == []


async def test_this_machines_own_addresses_are_refused_even_where_they_are_public() -> None:
    own = Door(Allow(), PASSWORD)
    with pytest.raises(Denied):
        own._check_foreign("any.example", ip_address("127.0.0.1"), 80)
    Door(Allow.parse(["127.0.0.1"]), PASSWORD)._check_foreign("any.example", ip_address("127.0.0.1"), 80)


def test_no_packet_leaves_for_any_of_the_collected_attacks(connections: list[tuple[str, int]]) -> None:
    """The attack list lies outside the repository; EVAL_DIR names its folder. Every name leads to this machine."""
    urls = Path(os.environ.get("EVAL_DIR", "nowhere"), "security", "ssrf_urls.txt")
    if not urls.exists():
        pytest.skip("EVAL_DIR names no folder with the attack list")

    async def here(host: str, port: int) -> list[Address]:
        return [ip_address("8.8.8.8"), ip_address("127.0.0.1")]

    with door(resolve=here) as url:
        for attack in urls.read_text().splitlines():
            for target in {attack, quote(attack, safe="%/:=&?~#+!$,;'@()*[]\\")}:
                with connected(url) as client:
                    client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\n".encode())
                    assert refusal(everything(client))[0] in {400, 403}, target
            authority = attack.partition("://")[2].split("/")[0]
            answer = ask(url, f"CONNECT {authority} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert refusal(answer)[0] in {400, 403}, authority
    assert connections == []


def test_what_is_denied_goes_before_what_is_allowed(site: Site, connections: list[tuple[str, int]]) -> None:
    names = Names(
        wiki=["127.0.0.1"], a_b_example=["1.1.1.1"], six_example=["64:ff9b::102:304"], any_example=["1.1.1.1"]
    )
    denied = Deny.parse([site.netloc, "b.example", "1.2.3.0/24", ":443"])
    with door([site.netloc, "any.example"], deny=denied, resolve=names) as url:
        for target in (site.url, "http://a.b.example", "http://six.example"):
            assert refusal(get(url, f"{target}/")) == (403, "denied"), target
        assert refusal(ask(url, b"CONNECT any.example:443 HTTP/1.1\r\nHost: x\r\n\r\n")) == (403, "denied")
        assert refusal(get(url, "http://any.example/")) == (502, "connect")
    assert connections == [("1.1.1.1", 80)]
    assert names.asked == ["six.example", "any.example"]  # a name that is denied is not even looked up


# --- Who asks --------------------------------------------------------------------------------------------------------
def test_nothing_passes_for_a_sealed_run(site: Site, egress: str) -> None:
    sealed = authorization("run-1a2b.sealed")
    for request in (f"GET {site.url}/ HTTP/1.1", f"CONNECT {site.netloc} HTTP/1.1"):
        assert refusal(ask(egress, f"{request}\r\nHost: x\r\n\r\n".encode(), sealed)) == (403, "sealed")
    assert site.requests == []
    assert b"job queue" in ask(
        egress, f"GET {site.url}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode(), authorization("run-1a2b")
    )


async def test_the_door_is_told_who_asks_by_whatever_the_work_starts(egress: str) -> None:
    async def later() -> str:
        await asyncio.sleep(0)
        return urlsplit(doorway.door_url()).username or ""

    assert await later() == "site"
    with whose.asking("run-1", sealed=True):
        sealed = asyncio.create_task(later())
        with whose.asking("source-7"):
            assert await later() == "source-7.sealed"  # what is sealed stays so
    with whose.asking("source-7"):
        assert await later() == "source-7"
    assert await sealed == "run-1.sealed"
    assert await later() == "site"


# --- How often -------------------------------------------------------------------------------------------------------
def from_run(url: str, run: str, target: str) -> bytes:
    return ask(url, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), authorization(run))


def test_a_host_and_a_run_are_asked_only_so_often(connections: list[tuple[str, int]]) -> None:
    names = Names(a_example=["1.1.1.1"], b_example=["1.1.1.1"], c_example=["1.1.1.1"])
    rates = Rates(a_host=(Cap(60, 3, 1000),), a_run=(Cap(60, 4, 1000),))
    with door(rates=rates, resolve=names) as url:
        for _again in range(3):
            assert refusal(from_run(url, "run-1", "http://a.example/")) == (502, "connect")
        answer = from_run(url, "run-2", "http://a.example/")  # whoever asks
        assert refusal(answer) == (429, "rate")
        after = next(line for line in answer.decode().splitlines() if line.startswith("Retry-After: "))
        assert 50 <= int(after.removeprefix("Retry-After: ")) <= 60
        assert refusal(from_run(url, "run-1", "http://b.example/")) == (502, "connect")
        assert refusal(from_run(url, "run-1", "http://c.example/")) == (429, "rate")  # wherever it goes
        assert refusal(from_run(url, "run-2", "http://c.example/")) == (502, "connect")
        assert refusal(from_run(url, "source-1", "http://b.example/")) == (502, "connect")
    assert len(connections) == 6


def test_hosts_of_the_operators_own_are_not_counted(site: Site) -> None:
    nothing = (Cap(60, 0, 0),)
    with door([site.netloc], rates=Rates(nothing, nothing)) as url:
        assert b"job queue" in from_run(url, "run-1", f"{site.url}/")


def test_who_brings_too_much_is_cut_and_then_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages["/large"] = Answer(bytes(100_000))
    monkeypatch.setattr(Allow, "knows", lambda allow, host: False)  # as if it were not our own
    with door([site.netloc], rates=Rates(a_host=(Cap(60, 100, 50_000),), a_run=())) as url:
        assert len(from_run(url, "run-1", f"{site.url}/large")) < 100_000
        assert refusal(from_run(url, "run-1", f"{site.url}/")) == (429, "rate")


def test_a_window_that_is_over_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rates = Rates(a_host=(Cap(60, 1, 100),), a_run=())
    rates.enter("a.example", "site")
    with pytest.raises(Denied) as over:
        rates.enter("a.example", "site")
    assert over.value.retry_after == 60
    now += 60
    rates.enter("a.example", "site")


# --- What is passed on -----------------------------------------------------------------------------------------------
def test_hop_by_hop_headers_end_at_the_door_both_ways(site: Site, egress: str) -> None:
    site.pages["/h"] = Answer(
        "x",
        headers={
            "Connection": "X-Private",
            "X-Private": "1",
            "Keep-Alive": "9",
            "Alt-Svc": 'h3=":443"',
            "X-Egress-Refused": "address",
            "X-Kept": "2",
        },
    )
    more = "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nUpgrade: websocket\r\nTE: trailers\r\nX-Yours: 2\r\n"
    answer = get(egress, f"{site.url}/h", more).lower()
    for gone in (b"x-private", b"keep-alive", b"alt-svc", b"x-egress-refused"):
        assert gone not in answer
    assert b"x-kept: 2" in answer
    seen = site.requests[0].headers
    assert seen["connection"] == "close"
    assert seen["x-yours"] == "2"
    assert not {"x-mine", "upgrade", "te", "keep-alive", "proxy-authorization"} & set(seen)


def test_one_request_a_connection_so_nothing_is_smuggled(site: Site, egress: str) -> None:
    two = f"GET {site.url}/a HTTP/1.1\r\nHost: x\r\n\r\nGET {site.url}/b HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\n"
    answer = ask(egress, two.encode())
    assert answer.count(b"HTTP/1.1 ") == 1
    both = f"POST {site.url}/c HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"
    ask(egress, both.encode())
    assert [request.path for request in site.requests] in (["/a"], ["/a", "/c"])
    for request in site.requests:
        assert not {"content-length", "transfer-encoding"} <= set(request.headers)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x00\x05hello\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n",
        b"GET http://127.0.0.1/\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(egress: str, request_bytes: bytes, connections: list[tuple[str, int]]) -> None:
    assert refusal(ask(egress, request_bytes))[0] in {400, 403, 407}
    assert connections == []


def test_bodies_and_chunks_are_passed_on_whole(site: Site, egress: str) -> None:
    site.pages["/chunked"] = Answer(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"})
    answer = get(egress, f"{site.url}/chunked")
    assert b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" in answer
    head = ask(egress, f"HEAD {site.url}/faq.html HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert head.endswith(b"\r\n\r\n")


def test_a_host_that_does_not_speak_http_is_a_bad_gateway(egress: str, site: Site) -> None:
    site.pages["/x"] = Answer("x", cut=-1)
    assert refusal(get(egress, f"{site.url}/x")) == (502, "protocol")
    site.close()
    assert refusal(get(egress, f"{site.url}/x")) == (502, "connect")


# --- How much and how long -------------------------------------------------------------------------------------------
@pytest.fixture
def tight(site: Site) -> Iterator[str]:
    limits = Limits(down_bytes=10_000, up_bytes=1_000, head_seconds=0.5, idle_seconds=0.5, total_seconds=1.5, a_host=2)
    with door([site.netloc], limits=limits) as url:
        yield url


def test_an_answer_announced_too_large_is_refused(site: Site, tight: str) -> None:
    site.pages["/large"] = Answer(bytes(10_001))
    assert refusal(get(tight, f"{site.url}/large")) == (502, "size")
    site.pages["/large"] = Answer(bytes(10_000))
    assert get(tight, f"{site.url}/large").endswith(bytes(10_000))


def test_an_answer_that_grows_too_large_is_cut_so_that_it_is_seen(site: Site, tight: str) -> None:
    chunk = b"1000\r\n" + bytes(0x1000) + b"\r\n"
    site.pages["/large"] = Answer(chunk * 100 + b"0\r\n\r\n", headers={"Transfer-Encoding": "chunked"})
    answer = get(tight, f"{site.url}/large")
    assert len(answer) < 20_000
    assert not answer.endswith(b"0\r\n\r\n")


def test_a_tunnel_is_cut_at_the_same_limits(site: Site, tight: str) -> None:
    site.pages["/large"] = Answer(bytes(1_000_000))
    for sent in (b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", bytes(100_000)):
        with connected(tight) as client:
            client.sendall(f"CONNECT {site.netloc} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\n".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200 Connected\r\n")
            client.sendall(sent)
            assert len(everything(client)) < 20_000


def test_too_large_a_request_is_cut(site: Site, tight: str) -> None:
    post = f"POST {site.url}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n".encode() + bytes(5000)
    assert refusal(ask(tight, post)) == (502, "size")


def test_what_is_slow_is_ended(site: Site, tight: str) -> None:
    site.pages["/late"] = Answer("late", delay=30)
    site.pages["/drip"] = Answer(bytes(9_000), trickle=0.1)
    started = time.monotonic()
    assert refusal(get(tight, f"{site.url}/late")) == (504, "timeout")
    assert len(get(tight, f"{site.url}/drip")) < 1_000
    with connected(tight) as client:  # a client that does not finish its request
        client.sendall(b"GET http://")
        assert refusal(everything(client)) == (504, "timeout")
    with connected(tight) as client:  # an idle tunnel
        client.sendall(f"CONNECT {site.netloc} HTTP/1.1\r\nHost: x\r\n{AUTHORIZATION}\r\n".encode())
        everything(client)
    assert time.monotonic() - started < 10


async def test_a_host_gets_only_so_many_requests_at_a_time(site: Site, tight: str) -> None:
    inside = most = 0

    def counted(request: Request) -> Answer:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        site.stopping.wait(0.1)
        inside -= 1
        return Answer("done")

    site.pages["/c"] = counted
    answers = await asyncio.gather(*(asyncio.to_thread(get, tight, f"{site.url}/c") for _ in range(5)))
    assert all(answer.endswith(b"done") for answer in answers)
    assert most == 2


# --- Its log, its command --------------------------------------------------------------------------------------------
def test_one_log_line_a_request_without_path_and_query(
    site: Site, egress: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "search_index.egress")
    get(egress, f"{site.url}/faq.html?token=secret")
    get(egress, "http://localhost/?token=secret")
    ask(egress, b"GET http://localhost/ HTTP/1.1\r\nHost: x\r\n\r\n", "")  # Chromium's first word in each context
    with_site, refused = (record.getMessage() for record in caplog.records if record.name == "search_index.egress")
    assert with_site.startswith(f"passed {site.netloc} for site at 127.0.0.1, 0 bytes up, ")
    assert refused.startswith("name localhost:80 for site at -, ")
    assert "secret" not in caplog.text
    assert "faq" not in caplog.text


def test_each_passage_is_handed_over_with_what_became_of_it(site: Site) -> None:
    kept: list[Passage] = []
    with door([site.netloc], keep=kept.append, resolve=Names(any_example=["1.1.1.1", "10.0.0.1"])) as url:
        from_run(url, "run-1", f"{site.url}/faq.html")
        from_run(url, "run-2.sealed", f"{site.url}/faq.html")
        get(url, "http://any.example/")
        ask(url, b"GET http://localhost/ HTTP/1.1\r\nHost: x\r\n\r\n", authorization("x"))
    told = [(one.verdict, one.whose, one.host, one.port, one.address) for one in kept]
    assert told == [
        ("passed", "run-1", "127.0.0.1", site.port, "127.0.0.1"),
        ("sealed", "run-2.sealed", "127.0.0.1", site.port, ""),
        ("address", "site", "any.example", 80, "10.0.0.1"),  # the one that it is refused for
        ("password", "", "", 0, ""),
    ]
    assert kept[0].down > 1000
    assert kept[0].seconds > 0


def test_without_a_door_its_address_is_not_known(tmp_path: Path, settings: object) -> None:
    settings.EGRESS_URL, settings.DATA_DIR = "", tmp_path  # type: ignore[attr-defined]
    with pytest.raises(RetryLater) as closed:
        doorway.door_url()
    assert closed.value.reason == "egress"


@pytest.fixture
def command(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """manage.py egress with a data folder of its own."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    process = subprocess.Popen([sys.executable, "manage.py", "egress"], env=environment)
    yield process
    process.kill()
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_opens_a_door_until_it_is_told_to_stop(
    command: "subprocess.Popen[bytes]", tmp_path: Path, number: signal.Signals
) -> None:
    file = tmp_path / "run" / "egress.json"
    deadline = time.monotonic() + 60
    while not file.exists():
        assert command.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    url = json.loads(file.read_text())["url"]
    assert refusal(ask(url, b"GET http://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n")) == (407, "password")
    command.send_signal(number)
    assert command.wait(10) == 0
    assert not file.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"EGRESS_ALLOW": "http://wiki/"}, "http://wiki/"),
        ({"EGRESS_LISTEN": "127.0.0.1:0"}, "EGRESS_URL"),
        ({"EGRESS_LISTEN": "8.8.8.8:80", "EGRESS_URL": "http://u:p@egress:80"}, "cannot listen"),
    ],
)
def test_the_command_says_in_one_sentence_why_it_cannot(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings", **changes}
    ended = subprocess.run(
        [sys.executable, "manage.py", "egress"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
