"""kill -9 of a real worker, at random moments: the run goes on by itself, repeats nothing, and ends the same way."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from redis import Redis

from research import tasks
from research.models import Claim, Report, Run, Step
from search_index.chunk import Chunk
from search_index.embed import embed_passages, passage_text
from search_index.extract import Extracted
from search_index.models import Page, Source
from tests.fakes.index import store
from tests.fakes.model_server import ModelServer, model_server  # noqa: F401 - a fixture
from tests.research.engine.library import PAGES

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

QUESTION = "Who wrote the first version of Larkspur, and how long is the first wait of a job?"
TOP = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds for a run: a worker needs some to load its model


def until(holds: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `holds` says once it says something. Rings for runs that wait, as the periodic task would."""
    deadline = time.monotonic() + seconds
    rung = 0.0
    while not (found := holds()):
        assert time.monotonic() < deadline, list(Step.objects.values_list("key", "error"))
        if time.monotonic() - rung > 1:
            tasks.ring_again()
            rung = time.monotonic()
        time.sleep(0.02)
    return found


@pytest.fixture
def index(transactional_db: None) -> None:
    """The library's pages, really indexed."""
    source = Source.objects.create(name="larkspur", kind="site", location="http://larkspur.test/")
    for name, (title, text) in PAGES.items():
        page = Page.objects.create(source=source, url=f"http://larkspur.test/{name}.html")
        extracted, chunks = Extracted(text, title=title), [Chunk(0, len(text), "")]
        vectors = embed_passages([passage_text(title, "", text)])
        store(page, extracted, chunks, vectors)


@contextmanager
def worker(model: ModelServer, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process on the tests' database and broker, as script/server starts it."""
    Redis.from_url(settings.REDIS_URL).flushdb()  # F-7 as well: what was rung before is lost
    database = connection.settings_dict
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATA_DIR": str(settings.DATA_DIR),
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}",
        "CHAT_URL": model.url,
        "CHAT_MODEL": "scripted",
        "LEASE_SECONDS": "3",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", "worker"],
            stdout=output,
            stderr=output,
            env=environment,
            cwd=TOP,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def new_run(owner: User) -> Run:
    return Run.objects.create(owner=owner, question=QUESTION, effort="medium", reasoner="model")


def over(run: Run) -> Run | None:
    run.refresh_from_db()
    return run if run.state in ("done", "stopped", "failed") else None


def outcome(run: Run) -> tuple[Any, ...]:
    """What a person gets: the answer, and the sentences with their verdicts and the quotations that they rest on."""
    report = Report.objects.get(run=run)
    claims = Claim.objects.filter(report=report).prefetch_related("evidence")
    sentences = [
        (claim.section, claim.text, claim.verdict, sorted(one.quote for one in claim.evidence.all()))
        for claim in claims
    ]
    return report.answer, report.not_found, sentences


def test_a_run_whose_worker_is_killed_twice_ends_as_if_nothing_had_happened(index, model_server, tmp_path):  # noqa: F811
    seed = random.randrange(10_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    log = tmp_path / "worker.log"
    model_server.pause = 0.02
    owner = User.objects.create_user("owner")

    with worker(model_server, log):
        undisturbed = new_run(owner)
        until(lambda: over(undisturbed))
    assert undisturbed.state == "done", log.read_text()
    assert outcome(undisturbed)[2]
    calls = Counter(asked.digest for asked in model_server.asked)
    model_server.asked.clear()

    run = new_run(owner)
    steps = Step.objects.filter(run=undisturbed).count()
    moments = sorted(chance.sample(range(1, steps - 1), 2))
    for moment in moments:
        with worker(model_server, log) as process:
            until(lambda moment=moment: Step.objects.filter(run=run).count() >= moment)
            time.sleep(chance.random() * 0.3)
            process.kill()
            process.wait()
    with worker(model_server, log):
        until(lambda: over(run))

    assert run.state == "done", log.read_text()
    assert run.lease_epoch >= 2
    assert outcome(run) == outcome(undisturbed)
    keys = Step.objects.filter(run=run).values_list("key", flat=True)
    assert sorted(keys) == sorted(Step.objects.filter(run=undisturbed).values_list("key", flat=True))
    assert list(Step.objects.filter(run=run).values_list("seq", flat=True)) == list(range(1, run.last_seq + 1))
    again = Counter(asked.digest for asked in model_server.asked) - calls
    # A call that was under way when its worker died has left nothing behind and is asked again; no other is.
    assert sum(again.values()) <= len(moments) * model_server.at_once


def test_a_broker_that_forgets_everything_loses_no_run(index, model_server, tmp_path):  # noqa: F811
    model_server.pause = 0.02
    run = new_run(User.objects.create_user("owner"))
    with worker(model_server, tmp_path / "worker.log"):
        until(lambda: Step.objects.filter(run=run).count() >= 2)
        Redis.from_url(settings.REDIS_URL).flushall()
        until(lambda: over(run))
    assert run.state == "done"
