"""The stage of a drill: real PostgreSQL and Valkey in a DATA_DIR of the drill's own, real worker, beat and web
processes, the scripted model server, a local web site and the door to it.

Run number n is about a project of its own, "Larkspur<n>": three pages of it are in the index, as a source of their own,
and link to a fourth one on the site. So every model call and every fetch is one run's alone, and one that is made twice
is seen in the server's and the site's own logs.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from redis import Redis

from config import env, services
from research.launch import launch
from research.models import Run
from search_index.benchmark.prose import Prose
from search_index.chunk import chunk
from search_index.embed import embed_passages, passage_text
from search_index.extract import Extracted
from search_index.models import Page, Source
from tests.drills.model import Model
from tests.fakes import model_server
from tests.fakes.door import door
from tests.fakes.index import store
from tests.fakes.site import Answer, Request, Site, serving

LEASE_SECONDS = 3  # a short one, so that many takeovers fit into a drill
OVER = Run.OVER
PEOPLE = ("Tor Vikdal", "Ines Aldana", "Wren Okafor", "Mira Holt", "Jun Sato", "Ada Brandt", "Luis Carmo", "Ruth Abel")
TOWNS = ("Bergen", "Porto", "Leeds", "Turku", "Ghent", "Graz", "Cork", "Lyon", "Basel", "Aarhus")


class Failed(Exception):
    """The drill could not be carried out, or did not end in time."""


def until(holds: Callable[[], Any], seconds: float, what: str) -> Any:
    """What `holds` says once it says something. Raises Failed."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise Failed(f"Not within {seconds:.0f} s: {what}.")
        time.sleep(0.02)
    return found


@dataclass
class Worker:
    """A worker process; `began` and `ended` are times of this machine's clock."""

    process: "subprocess.Popen[bytes]"
    began: float
    ended: float = 0.0

    def kill(self) -> None:
        """kill -9, this moment."""
        self.ended = time.time()
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds: float = 20) -> float:
        """SIGTERM; the seconds until it has gone."""
        self.ended = time.time()
        self.process.terminate()
        self.process.wait(seconds)
        return time.time() - self.ended

    def freeze(self) -> None:
        self.ended = time.time()
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@dataclass
class Stage:
    """What a drill works with."""

    chance: random.Random
    model: Model
    site: Site
    egress: str
    say: Callable[[str], None]
    model_stack: ExitStack
    workers: list[Worker] = field(default_factory=list)
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    prose: Prose = field(default_factory=Prose)

    # --- Runs ------------------------------------------------------------------------------------------------------

    def furnish(self, numbers: Sequence[int]) -> None:
        """Put the pages of these runs' projects into the index."""
        pages = [(number, *page) for number in numbers for page in self._pages(number)]
        texts = [passage_text(title, "", text) for _number, _name, title, text in pages]
        vectors = embed_passages(texts)  # one passage a page
        sources = {
            number: Source.objects.create(
                name=f"larkspur{number}", kind="site", location=f"http://larkspur{number}.test/"
            )
            for number in numbers
        }
        for at, (number, name, title, text) in enumerate(pages):
            page = Page.objects.create(source=sources[number], url=f"http://larkspur{number}.test/{name}.html")
            chunks = chunk(text, ())
            links = (f"{self.site.url}/{number}/diary.html",)
            store(page, Extracted(text, title=title, links=links), chunks, vectors[[at] * len(chunks)])

    def ask(self, number: int, effort: str = "medium", owner: str = "owner") -> Run:
        """Ask the question of a run, as the site does."""
        person, _made = User.objects.get_or_create(username=owner)
        question = f"Who wrote the first version of Larkspur{number}, and how long is the first wait of a job?"
        return launch(person, question, effort, [self.source(number)], False)

    def source(self, number: int) -> int:
        """The id of the source with the pages of a run's project."""
        return Source.objects.get(name=f"larkspur{number}").pk

    def number(self, run: Run) -> int:
        """The number of a run."""
        return int(run.sources.get().name.removeprefix("larkspur"))

    def ask_all(self, count: int, effort: str = "medium") -> list[Run]:
        """Furnish the index for so many runs, numbered from 1, and ask their questions."""
        self.furnish(range(1, count + 1))
        return [self.ask(number, effort) for number in range(1, count + 1)]

    def wait(self, runs: Sequence[Run], seconds: float) -> None:
        """Wait until all the runs are over."""
        ids = [run.pk for run in runs]
        over = Run.objects.filter(pk__in=ids, state__in=OVER)
        until(lambda: over.count() == len(ids), seconds, f"the end of {len(ids)} runs ({over.count()} are over)")

    # --- Processes -------------------------------------------------------------------------------------------------

    def worker(self, *patches: str, **changes: str) -> Worker:
        """Start a worker, as the supervisor does; with patches (worker.py) or other settings where they are given."""
        program = ("tests.drills.worker", *patches, "--") if patches else ("celery", "-A", "config")
        alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        process = self._start("worker", "-m", *program, "worker", *alone, **changes)
        worker = Worker(process, time.time())
        self.workers.append(worker)
        return worker

    def beat(self) -> None:
        """Start the periodic tasks."""
        self._start("beat", "-m", "celery", "-A", "config", "beat", "--pidfile=")

    def web(self) -> str:
        """Start the web server; its address."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        descriptor = listener.fileno()
        self._start("web", "-m", "config.web", "--fd", str(descriptor), files=(descriptor,))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def cookie(self, owner: str = "owner") -> dict[str, str]:
        """What a person's browser has after signing in."""
        person, _made = User.objects.get_or_create(username=owner)
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session["_auth_user_id"] = str(person.pk)
        session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        session["_auth_user_hash"] = person.get_session_auth_hash()
        session.save()
        return {settings.SESSION_COOKIE_NAME: session.session_key}

    def log(self, name: str) -> bytes:
        """What the processes of that name have said."""
        return (Path(settings.DATA_DIR) / "logs" / f"{name}.log").read_bytes()

    def stop_all(self) -> None:
        """End what was started here."""
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.processes:
            process.wait()
        self.processes.clear()

    def _start(self, name: str, *command: str, files: Sequence[int] = (), **changes: str) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            "DATA_DIR": str(settings.DATA_DIR),
            "EGRESS_URL": self.egress,
            "EGRESS_ALLOW": self.site.netloc,
            "CHAT_URL": self.model.url,
            "CHAT_MODEL": "scripted",
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "RUNS_AT_ONCE": "500",
            "LOG_LEVEL": "INFO",
            **changes,
        }
        with (settings.DATA_DIR / "logs" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command], stdout=log, stderr=log, env=environment, cwd=env.TOP, pass_fds=files
            )
        self.processes.append(process)
        return process

    def model_down(self) -> None:
        """Kill the model server: what is under way breaks off, and nobody listens any more."""
        self.model.share, self.model.faults = 1.0, ("drop",)
        self.model_stack.close()

    def model_up(self) -> None:
        """Start it again, at the same address."""
        self.model.share, self.model.closed = 0.0, threading.Event()
        port = int(self.model.url.rpartition(":")[2].partition("/")[0])
        self.model_stack.enter_context(model_server.serving(port, self.model))

    # --- The projects ----------------------------------------------------------------------------------------------

    def _pages(self, number: int) -> Iterator[tuple[str, str, str]]:
        """Name, title and text of the three pages in the index. Each sentence names the project."""
        by = random.Random(number)
        name, person = f"Larkspur{number}", by.choice(PEOPLE)
        wrote = f"{person} wrote the first version of {name} and looks after its job file."
        sits = f"The office of {name} is in {by.choice(TOWNS)}."
        yield "people", f"People of {name}", f"{wrote} {sits}"
        again = f"A job of {name} that fails is tried again."
        waits = f"The first wait of a job of {name} is {by.randint(2, 90)} seconds."
        yield "retries", f"Retries in {name}", f"{again} {waits}"
        began = f"{name} began in {by.randint(1990, 2020)} as a script of a library in {by.choice(TOWNS)}."
        yield "history", f"History of {name}", began


def diary(prose: Prose, request: Request) -> Answer:
    """The page of the site that a run's question names: enough text to be worth keeping, unlike all others."""
    number = int(request.path.split("/")[1])
    name, by = f"Larkspur{number}", import_module("numpy").random.default_rng(number)
    about = prose.text(by)
    told = f"The diary of {name} says that its first version was written in the winter of {1990 + number % 30}."
    paragraphs = "".join(f"<p>{prose.paragraph(about, 90)} {told}</p>" for _ in range(2))
    return Answer(f"<html><head><title>Diary of {name}</title></head><body><h1>Diary</h1>{paragraphs}</body></html>")


@contextmanager
def stage(seed: int, say: Callable[[str], None]) -> Iterator[Stage]:
    """Set everything up, empty, and take it down again."""
    marker = settings.DATA_DIR / "drill"
    if (settings.DATA_DIR / "postgres").exists() and not marker.exists():
        raise Failed(f"{settings.DATA_DIR} is not a drill's: drills delete what they find. Name another DATA_DIR.")
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    marker.touch()
    prose = Prose()
    pages: dict[str, Any] = {"*": lambda request: diary(prose, request), "/robots.txt": Answer(status=404)}
    with ExitStack() as stack:
        stack.enter_context(services.running())
        services.migrate()
        empty()
        site = stack.enter_context(serving(pages))
        model = Model(chance=random.Random(seed))
        model_stack = stack.enter_context(ExitStack())
        model_stack.enter_context(model_server.serving(models=model))
        egress = stack.enter_context(door([site.netloc]))
        found = Stage(random.Random(seed), model, site, egress, say, model_stack, prose=prose)
        stack.callback(found.stop_all)
        yield found


def empty() -> None:
    """Delete what a drill before this one has left, logs included."""
    tables = [
        name for name in connection.introspection.table_names() if name.startswith(("research_", "search_index_"))
    ]
    kept = {"search_index_embeddingmodel"}
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(sorted(set(tables) - kept))} CASCADE")
    Redis.from_url(settings.REDIS_URL).flushall()
    for name in ("worker", "beat", "web"):
        (Path(settings.DATA_DIR) / "logs" / f"{name}.log").unlink(missing_ok=True)
