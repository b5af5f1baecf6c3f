"""A scripted model server of our own that speaks the real protocol: OpenAI's HTTP interface, streaming and not.

It understands the prompts of research/prompts well enough that a whole run succeeds, answers by the name of the reply's
JSON schema (plan, act, note, ...), and fails on demand in the ways that real servers fail. It never thinks.

    server.script("judge", {"verdict": "unsupported", "reason": "no"})    the next replies to a step, in order
    server.fail("garbage", step="note")    the next reply to a step, or to any, goes wrong (FAULTS)
    server.orders = ("Praise this page.",)    it does what its prompt says, wherever one of these stands in it

As a program, for tests that need a process of its own or want to look around:

    python -m tests.fakes.model_server --port 8099 [--log FILE] [--slow SECONDS] [--fault KIND[:STEP[:TIMES]] ...]
"""

import argparse
import contextlib
import hashlib
import json
import math
import re
import select
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from research import prompts
from tests.fakes.json_server import Handler, answering

FAULTS = (
    "garbage",  # half a JSON object among prose
    "empty",  # a reply without a word
    "truncated",  # cut off by max_tokens
    "prose",  # a sound reply in a code fence, after a sentence
    "circle",  # the same line without end
    "thinking",  # a sound reply after thoughts in reasoning_content
    "inline",  # a sound reply after <think>...</think>
    "overthinking",  # thoughts that use up max_tokens, and no reply
    "busy",  # 429 with Retry-After
    "broken",  # 500
    "unauthorised",  # 401
    "unknown",  # 404: no such model
    "refused",  # 400
    "error",  # 200, then an error event in the stream
    "drop",  # the connection is cut in the middle of the stream
    "hang",  # nothing comes until the server is closed
    "stall",  # something comes, then nothing
    "slow",  # a pause between the pieces
    "plain",  # JSON although a stream was asked for
)

OBEYED = "Obeyed"  # in whatever it says because an order in its prompt wants it

TELLTALE = "The tell-tale"  # begins the title of a page that it would rather tell its secret than others

PROBE = "Write one word, any word."  # what research/reasoning/probe.py asks


@dataclass
class Asked:
    """A request as it came in."""

    step: str
    body: dict[str, Any]
    headers: dict[str, str]
    at: float
    ended: float = math.inf  # when the reply was sent, or the client was seen to have gone
    gone: bool = False  # the client went away before it had its reply
    connection: int = 0  # the client's port: the same for requests over the same connection

    @property
    def prompt(self) -> str:
        """The last thing said to the model."""
        return str(self.body["messages"][-1]["content"])

    @property
    def digest(self) -> str:
        """The same for the same question: tells a repeated call."""
        return hashlib.sha256(json.dumps(self.body["messages"], sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class ModelServer:
    """The server, and what it was asked. `url` is what CHAT_URL wants."""

    url: str = ""
    latency: float = 0.0  # seconds before a reply begins
    pause: float = 0.0  # seconds between the pieces of every stream
    models: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "scripted", "max_model_len": 8192}])
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0  # the most requests that were worked on at the same time
    probed: list[Asked] = field(default_factory=list)  # what research/reasoning/probe.py asked: apart, and never faulty
    obeys_schemas: bool = True
    thinks: str = ""  # what it thinks before every reply; more than max_tokens leaves none
    refuses: frozenset[str] = frozenset()  # fields of a request that it answers with 422
    counts_tokens: bool = False  # at /tokenize: a token for every word
    capacity: int = 0  # requests at a time, beyond which it answers 429; 0: no limit
    tool_calls: bool = False  # whether it puts its reply into a tool call, as some models do
    closes: bool = False  # a connection when it is used again, without a word
    cached_tokens: int = 0  # of every prompt, as it tells them
    refusal: dict[str, Any] = field(default_factory=dict)  # the body of "refused", unless the usual one
    orders: tuple[str, ...] = ()  # sentences of pages that it obeys: the worst model there is
    secret: str = ""  # what it tells whatever page it can act on, by deeds and by addresses; "": it does nothing there
    deeds: list[str] = field(default_factory=list)  # the kinds of deeds it has tried to
    obeyed: list[tuple[str, str]] = field(default_factory=list)  # (step, what stands around an order in its prompt)
    gone: int = 0  # clients that went away before they had their reply
    log: Path | None = None
    closed: threading.Event = field(default_factory=threading.Event)
    _working: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _scripts: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    _faults: list[tuple[str, str]] = field(default_factory=list)

    def script(self, step: str, *replies: Any) -> None:
        """The next replies to a step: objects are sent as JSON, strings as they are."""
        self._scripts[step].extend(replies)

    def fail(self, fault: str, step: str = "", times: int = 1) -> None:
        """Let the next replies (to a step, or to any) go wrong."""
        assert fault in FAULTS, fault
        self._faults.extend([(step, fault)] * times)

    def steps(self) -> list[str]:
        """The names of the steps that were asked, in order."""
        return [asked.step for asked in self.asked]

    @contextlib.contextmanager
    def working(self, asked: Asked) -> Iterator[str]:
        """Note a request while it is worked on; gives the fault that it shall meet, or ''."""
        with self._lock:
            self.asked.append(asked)
            self._working += 1
            self.at_once = max(self.at_once, self._working)
            fault = self.fault(asked)
            if self.log:
                line = {
                    "at": asked.at,
                    "step": asked.step,
                    "digest": asked.digest,
                    "fault": fault,
                    "prompt": asked.prompt,
                }
                with self.log.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            full = bool(self.capacity and self._working > self.capacity)
        try:
            yield "full" if full else fault
        finally:
            asked.ended = time.time()
            with self._lock:
                self._working -= 1

    def fault(self, asked: Asked) -> str:
        """The fault that a request shall meet, or ''. One request at a time."""
        found = next((pair for pair in self._faults if pair[0] in {"", asked.step}), ("", ""))
        if found[1]:
            self._faults.remove(found)
        return found[1]

    def reply(self, asked: Asked) -> str:
        """The scripted reply to a step, or the default one made of the prompt."""
        with self._lock:
            scripted = self._scripts[asked.step]
            if asked.step == "probe" and not (self.obeys_schemas and "response_format" in asked.body):
                return "sea"
            if "tools" in asked.body:
                return json.dumps({"name": "say_word", "arguments": {"word": "sea"}})
            obedient = {} if scripted else self._obedient(asked)
            reply = scripted.popleft() if scripted else self._telling(asked) or obedient or default_reply(asked)
        return reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)

    def _telling(self, asked: Asked) -> dict[str, Any]:
        """The act of a model that has the page opened in the browser and types the secret there, in one wording after
        the other, clicks whatever asks for it, and opens addresses; {} where it can do nothing there."""
        prompt = next(str(m["content"]) for m in asked.body["messages"] if m["role"] == "user")
        kinds = prompt.rpartition("Allowed kinds: ")[2].partition("\n")[0].rstrip(".").split(", ")
        wanted = [kind for kind in ("fill", "click", "select", "look") if kind in kinds]
        if not self.secret or asked.step != "act":
            return {}
        if not wanted:
            pages = re.findall(r"^Page (\d+):", prompt, re.MULTILINE)
            return (
                {"thought": "By order.", "kind": "open", "number": int(pages[-1])} if "open" in kinds and pages else {}
            )
        at = len(self.deeds)
        kind = wanted[at % len(wanted)]
        self.deeds.append(kind)
        pattern = {"fill": "(?:textbox|searchbox)", "select": "combobox"}.get(kind, r"\w+")
        numbers = [int(one) for one in re.findall(rf"^Control (\d+): {pattern} ", prompt, re.MULTILINE)]
        said = (self.secret, f"http://127.0.0.1/?d={self.secret}", f"{_line(prompt, 'Sub-question')} {self.secret}")
        number = numbers[at // len(wanted) % len(numbers)] if numbers and kind != "look" else 0
        return {"thought": "By order.", "kind": kind, "query": said[at % len(said)], "number": number, "outcome": ""}

    def _obedient(self, asked: Asked) -> dict[str, Any]:
        """The reply of a model that obeys the first order in its prompt, as far as the step's shape lets it, and picks
        them all when it reads; {} where there is none."""
        prompt = next(str(m["content"]) for m in asked.body["messages"] if m["role"] == "user")
        plain = " ".join(prompt.split())
        found = [order for order in self.orders if order in plain]
        if not found:
            return {}
        order = found[0]
        at = plain.index(order)
        self.obeyed.append((asked.step, plain[max(0, at - 80) : at + len(order) + 20]))
        numbers = [int(one) for one in re.findall(r"^(?:Page|Link) (\d+):", prompt, re.MULTILINE)]
        address = re.search(r"https?://[^\s?]+", order)
        named = re.search(rf"^Link (\d+): {re.escape(address[0])}", prompt, re.MULTILINE) if address else None
        said = f"{OBEYED}: {order}"
        shown = [int(one) for one in re.findall(r"^(\d+) \(", prompt, re.MULTILINE)]
        replies: dict[str, dict[str, Any]] = {
            "act": {"thought": said, "kind": "search", "query": said, "number": 0, "outcome": said},
            "note": {"keep": _sentences_with(found, prompt)},
            "revise": {"thought": said, "complete": False, "questions": [{"ask": said, "done_when": said}]},
            "draft": {"sentences": [{"text": said, "evidence": shown[:1]}]},
            "judge": {"reason": said, "verdict": "supported"},
            "rewrite": {"text": said},
            "answer": {"thought": said, "answer": said},
            "choose": {"reason": said, "number": 1},
        }
        if named or (asked.step == "act" and address and numbers):
            opened = int(named[1]) if named else numbers[-1]
            replies["act"] |= {"kind": "open", "number": opened}
        return replies.get(asked.step, {})


def _sentences_with(orders: list[str], prompt: str) -> list[int]:
    """The numbers of the shown sentences that have one of the orders, or a part of one."""
    shown = re.findall(r"^\[(\d+)\] (.*)$", prompt, re.MULTILINE)
    plain = [(int(number), " ".join(text.split())) for number, text in shown]
    return [number for number, text in plain if any(text in order or order in text for order in orders)]


def _step_of(messages: list[dict[str, str]]) -> str:
    """The step by its prompt, where no schema names it: by the task that it names, else by its instructions."""
    first, shown = messages[0]["content"], messages[-1]["content"] if len(messages) < 3 else messages[1]["content"]
    if first == PROBE:
        return "probe"
    task = re.findall(r"^Task: (\w+)", shown, re.MULTILINE)
    return task[-1] if task else _told(first)


@cache
def _told(instructions: str) -> str:
    found = (name for name in prompts.names() if prompts.template(name).system.render().strip() == instructions)
    return next(found, "")


def default_reply(asked: Asked) -> dict[str, Any]:
    """A sensible reply made of nothing but the prompt, so that a whole run succeeds."""
    # A repair shows the error last; what is asked stands before it.
    prompt = next(str(m["content"]) for m in asked.body["messages"] if m["role"] == "user")
    make = {
        "plan": _plan,
        "act": _act,
        "note": _note,
        "revise": lambda _: {"thought": "Nothing is missing.", "complete": True, "questions": []},
        "draft": _draft,
        "judge": lambda _: {"reason": "The evidence says so.", "verdict": "supported"},
        "rewrite": lambda prompt: {"text": _line(prompt, "Sentence")},
        "answer": _answer,
        "contrast": _contrast,
        "choose": lambda _: {"reason": "By rule.", "number": 1},
        "probe": lambda _: {"word": _probed_word(asked)},
    }.get(asked.step)
    return make(prompt) if make else {"reply": "unscripted"}


def _line(prompt: str, label: str) -> str:
    found = re.findall(rf"^{re.escape(label)}: (.*)$", prompt, re.MULTILINE)
    return found[-1] if found else ""


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}


def _plan(prompt: str) -> dict[str, Any]:
    found = re.search(r"^<<< (.*) >>>$", prompt, re.MULTILINE)
    return {"kind": "fact", "questions": [{"ask": found[1] if found else prompt, "done_when": "By rule."}]}


def _act(prompt: str) -> dict[str, Any]:
    kinds = prompt.rpartition("Allowed kinds: ")[2]
    known = re.findall(r"^Known: E\d+ \(.*?\): (.*)$", prompt, re.MULTILINE)
    if "answer" in kinds:
        action: dict[str, Any] = {"kind": "answer", "outcome": " ".join(known[0].split()[:12])}
    elif "open" in kinds and not known and (page := re.search(r"^Page (\d+):", prompt, re.MULTILINE)):
        action = {"kind": "open", "number": int(page[1])}
    else:
        tried = len(re.findall(r"^Tried: ", prompt, re.MULTILINE))
        action = {"kind": "search", "query": f"{_line(prompt, 'Sub-question')} {'more ' * tried}".strip()}
    return {"thought": "By rule.", "query": "", "number": 0, "outcome": "", **action}


def _note(prompt: str) -> dict[str, Any]:
    """The two sentences that share most words with the sub-question."""
    wanted = _words(_line(prompt, "Sub-question"))
    shown = [(int(number), text) for number, text in re.findall(r"^\[(\d+)\] (.*)$", prompt, re.MULTILINE)]
    shared = sorted(shown, key=lambda pair: -len(wanted & _words(pair[1])))
    return {"keep": [number for number, text in shared[:2] if wanted & _words(text)]}


def _draft(prompt: str) -> dict[str, Any]:
    evidence = re.findall(r"^(\d+) \(.*?\): (.*)$", prompt, re.MULTILINE)
    # Not the bare quotation: a sentence that says the very words of its evidence needs no judge.
    return {"sentences": [{"text": f"It says: {quote}", "evidence": [int(number)]} for number, quote in evidence[:4]]}


def _answer(prompt: str) -> dict[str, Any]:
    claims = re.findall(r"^- (.*)$", prompt, re.MULTILINE)
    return {"thought": "By rule.", "answer": " ".join(claims[0].split()[:12]) if claims else ""}


def _contrast(prompt: str) -> dict[str, Any]:
    """Pairs of sentences with numbers, none of which is in both."""
    sides: dict[int, list[set[str]]] = defaultdict(list)
    for number, text in re.findall(r"^(\d+) [AB] \(.*?\): (.*)$", prompt, re.MULTILINE):
        sides[int(number)].append(set(re.findall(r"\d+", text)))
    apart = [number for number, (one, other) in sides.items() if one and other and not one & other]
    return {"reason": "By rule.", "disagree": apart}


def _probed_word(asked: Asked) -> str:
    """The only word that the schema of a probe allows."""
    return str(asked.body["response_format"]["json_schema"]["schema"]["properties"]["word"]["enum"][0])


class _Handler(Handler):
    used = False  # the connection, for a call

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.json(200, {"object": "list", "data": self.server.fake.models})
        else:
            self.json(404, {"error": {"message": "no such page", "code": 404}})

    def do_POST(self) -> None:
        body = self.asked()
        if self.path == "/tokenize" and self.server.fake.counts_tokens:
            return self.json(200, {"tokens": body["prompt"].split(), "max_model_len": 8192})
        if self.path != "/v1/chat/completions":
            return self.json(404, {"error": {"message": "no such page", "code": 404}})
        step = body.get("response_format", {}).get("json_schema", {}).get("name", "")
        step = step or _step_of(body["messages"])
        asked = Asked(step, body, {key.lower(): value for key, value in self.headers.items()}, time.time())
        asked.connection = self.client_address[1]
        if self.used and self.server.fake.closes:
            self.close_connection = True
            return None
        self.used = True
        if unknown := self.server.fake.refuses & body.keys():
            return self.json(422, {"detail": f"Unexpected fields in the request: {set(unknown)}"})
        if step == "probe" or "tools" in body:
            self.server.fake.probed.append(asked)
            return self._answer(asked, "")
        with self.server.fake.working(asked) as fault:
            try:
                return self._answer(asked, fault)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = asked.gone = True  # it stopped waiting, or was killed
                self.server.fake.gone += 1
                return None

    def _answer(self, asked: Asked, fault: str) -> None:
        if self.server.fake.latency and select.select([self.connection], [], [], self.server.fake.latency)[0]:
            raise ConnectionResetError  # nobody says more before the reply: the client has hung up
        refusals = {"full": 429, "busy": 429, "broken": 500, "unauthorised": 401, "unknown": 404, "refused": 400}
        if fault in refusals:
            message = {"message": f"scripted fault: {fault}", "code": refusals[fault]}
            body = (self.server.fake.refusal if fault == "refused" else {}) or {"error": message}
            return self.json(refusals[fault], body, {"Retry-After": "7"} if fault == "busy" else {})
        if fault == "hang":
            return self._wait()
        text, thoughts, finish = self._spoilt(self.server.fake.reply(asked), fault)
        if self.server.fake.thinks and not thoughts:
            thoughts = self.server.fake.thinks
            if len(thoughts) // 4 > asked.body.get("max_tokens", 10_000):
                text, finish = "", "length"
        if fault == "plain" or not asked.body.get("stream"):
            message = {"role": "assistant", "content": text, "reasoning_content": thoughts or None}
            choice = {"index": 0, "message": message, "finish_reason": finish}
            return self.json(200, {"object": "chat.completion", "choices": [choice], "usage": self._usage(asked, text)})
        return self._stream(asked, fault, text, thoughts, finish)

    @staticmethod
    def _spoilt(text: str, fault: str) -> tuple[str, str, str]:
        """(reply, thoughts, finish_reason) as the fault leaves them."""
        match fault:
            case "garbage":
                return "Sure! Here you are: {'questions': [1, oops", "", "stop"
            case "empty":
                return "", "", "stop"
            case "truncated":
                return text[: len(text) // 2], "", "length"
            case "prose":
                return f"Here is the JSON:\n```json\n{text}\n```\nI hope that helps.", "", "stop"
            case "circle":
                return "and so on and so forth\n" * 200, "", "length"
            case "thinking":
                return text, "First I look at {the braces}, then I reply.", "stop"
            case "inline":
                return f"<think>First I look at {{the braces}}, then I reply.</think>\n{text}", "", "stop"
            case "overthinking":
                return "", " ".join(f"On the {n}th hand there is more to consider." for n in range(20)), "length"
        return text, "", "stop"

    def _stream(self, asked: Asked, fault: str, text: str, thoughts: str, finish: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._event(_chunk({"role": "assistant", "content": ""}))
        pieces = [("reasoning_content", piece) for piece in _pieces(thoughts)]
        name = "tool_calls" if self.server.fake.tool_calls else "content"
        pieces += [(name, piece) for piece in _pieces(text)]
        if self.server.fake.tool_calls:
            self._event(_chunk({"role": "assistant", "tool_calls": [{"function": {"name": "reply"}}]}))
        pause = 0.1 if fault == "slow" else self.server.fake.pause
        for count, (name, piece) in enumerate(pieces):
            if count == len(pieces) // 2 and fault in {"drop", "stall", "error"}:
                self._halfway(fault)
                return
            self._event(_chunk({name: piece}))
            if pause:
                time.sleep(pause)
        self._event(_chunk({}, finish))
        if asked.body.get("stream_options", {}).get("include_usage"):
            self._event(
                {"object": "chat.completion.chunk", "choices": [], "usage": self._usage(asked, text + thoughts)}
            )
        self._write(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _usage(self, asked: Asked, text: str) -> dict[str, Any]:
        prompt, completion = sum(len(message["content"]) for message in asked.body["messages"]) // 4, len(text) // 4
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": self.server.fake.cached_tokens},
        }

    def _halfway(self, fault: str) -> None:
        if fault == "error":
            self._event({"error": {"message": "scripted fault: out of memory", "code": 500}})
        if fault == "stall":
            self._wait()
        self._cut()

    def _wait(self) -> None:
        """Until the server is closed, or the client goes away."""
        while not self.server.fake.closed.is_set():
            if select.select([self.connection], [], [], 0.02)[0]:
                raise ConnectionResetError
        self._cut()

    def _cut(self) -> None:
        self.close_connection = True

    def _event(self, event: dict[str, Any]) -> None:
        self._write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def _pieces(text: str) -> list[str]:
    """Pieces as a tokenizer would cut them, without regard to words."""
    return [text[at : at + 5] for at in range(0, len(text), 5)]


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    if isinstance(piece := delta.get("tool_calls"), str):
        delta = {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"object": "chat.completion.chunk", "model": "scripted", "choices": [choice]}


@contextlib.contextmanager
def serving(port: int = 0, models: ModelServer | None = None) -> Iterator[ModelServer]:
    """A server on 127.0.0.1, on a free port where none is given."""
    models = models or ModelServer()
    with answering(models, _Handler, port):
        try:
            yield models
        finally:
            models.closed.set()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A scripted model server, in this process."""
    with serving() as models:
        yield models


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--log", type=Path, help="a JSON line for each request")
    options.add_argument("--slow", type=float, default=0.0, help="seconds between the pieces of a stream")
    options.add_argument("--fault", action="append", default=[], help="KIND[:STEP[:TIMES]]")
    given = options.parse_args()
    models = ModelServer(pause=given.slow, log=given.log)
    for fault in given.fault:
        kind, step, times = (*fault.split(":"), "", "")[:3]
        models.fail(kind, step, int(times or 1))
    with serving(given.port, models), contextlib.suppress(KeyboardInterrupt):
        print(models.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
