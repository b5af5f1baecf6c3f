"""Vectors made as a stage of their own: nothing is lost or made twice, and one model follows another unnoticed."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import uuid4

import numpy as np
import pytest
from django.db import OperationalError, connection, connections
from pytest_django import Settings

from search_index import embedding, query, served, succession, tasks
from search_index.chunk import chunk
from search_index.embed_by_worker import ByWorker
from search_index.embedders import BuiltIn, embedder
from search_index.errors import IndexFailure, RetryLater
from search_index.extract import Extracted
from search_index.figures import figures
from search_index.models import EmbeddingModel, Page, Passage, Snapshot, Source, Vector
from search_index.query import search
from tests.fakes import index
from tests.fakes.embedding_server import EmbeddingServer, serving
from tests.fakes.index import new_source

pytestmark = pytest.mark.django_db(transaction=True)

ANIMALS = {
    "octopus": "The octopus has three hearts. Two of them pump blood through the gills.",
    "camel": "A camel stores fat in its hump and can go for weeks without drinking.",
    "swift": "The common swift sleeps while it flies and stays in the air for ten months.",
    "salmon": "Salmon return to the river in which they were born to lay their eggs.",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "PAUSE", 0.001)
    monkeypatch.setattr(embedding, "BACK_OFF_SECONDS", 0.01)
    monkeypatch.setattr(embedding, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(embedding, "_silent_until", {})


@pytest.fixture
def animals() -> Source:
    source = new_source("Animals")
    for name, text in ANIMALS.items():
        store(source, name, text)
    return source


@pytest.fixture
def other(embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> EmbeddingServer:
    """A server with another model, which the settings name from now on."""
    choose(monkeypatch, embedding_server)
    return embedding_server


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def store(source: Source, name: str, text: str) -> Snapshot:
    """A page as a crawl stores it: its vectors are still to be made."""
    page, _made = Page.objects.get_or_create(source=source, url=f"file:{source.name}/{name}")
    return index.store(page, Extracted(text, name.capitalize()), chunk(text, []))


def choose(monkeypatch: pytest.MonkeyPatch, server: EmbeddingServer, model: str = "other") -> None:
    monkeypatch.setenv("EMBED_URL", server.url)
    monkeypatch.setenv("EMBED_MODEL", model)


def go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMBED_URL")
    monkeypatch.delenv("EMBED_MODEL")


def work() -> None:
    asyncio.run(embedding.work())


def told() -> str:
    """What an operator reads of the models on the statistics page."""
    return " ".join(f"{model.sentence} {model.trouble}".strip() for model in figures().models)


def begin() -> EmbeddingModel:
    """The settings' model begins to fill up."""
    succession.begin()
    return EmbeddingModel.objects.get(state="filling")


def in_thread(threads: ThreadPoolExecutor, function: Callable[[], object]) -> "Future[object]":
    def call() -> object:
        try:
            return function()
        finally:
            connections.close_all()

    return threads.submit(call)


def until(condition: Callable[[], object]) -> None:
    for _look in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


def url(text: str) -> str:
    return search(text)[0].url.rpartition("/")[2]


def indexes() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'search_index_vector'::regclass"
            " AND indisvalid AND indexrelid::regclass::text LIKE 'vector%%of_model%%'"
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.fixture(autouse=True)
def _indexes_as_migrated() -> Iterator[None]:
    """A test's rows are taken away by pytest-django, its indexes are not."""
    yield
    with connection.cursor() as cursor:
        for name in indexes() - {"vector_of_model_1"}:
            cursor.execute(f"DROP INDEX {name}")
        if "vector_of_model_1" not in indexes():
            cursor.execute(
                "CREATE INDEX vector_of_model_1 ON search_index_vector"
                " USING hnsw ((embedding::halfvec(384)) halfvec_ip_ops) WITH (m = 16, ef_construction = 128)"
                " WHERE model_id = 1"
            )


# --- Filling ---------------------------------------------------------------------------------------------------------
def test_a_passage_is_found_by_its_words_at_once_and_by_its_meaning_when_it_is_embedded(animals: Source) -> None:
    assert embedding.waiting() == embedding.waiting(animals.pk) == 4
    assert url("octopus hearts") == "octopus"
    assert search("Where do fish breed?", mode="dense") == []
    assert embedding.fill(embedding.serving()).passages == 4
    assert embedding.waiting() == 0
    assert url("Where do fish breed?") == "salmon"


def test_what_is_embedded_is_the_title_and_the_very_text(animals: Source, other: EmbeddingServer) -> None:
    begin()
    embedding.fill(begin())
    assert sorted(other.texts[1:]) == sorted(f"{name.capitalize()}\n{text}" for name, text in ANIMALS.items())


def test_only_the_rows_of_the_source_asked_for_are_filled(animals: Source) -> None:
    plants = new_source("Plants")
    store(plants, "oak", "An oak bears acorns.")
    assert (embedding.waiting(animals.pk), embedding.waiting(plants.pk)) == (4, 1)
    assert embedding.fill(embedding.serving(), source=plants.pk).passages == 1
    assert (embedding.waiting(animals.pk), embedding.waiting(plants.pk)) == (4, 0)


def test_a_passage_that_stays_keeps_its_vector(animals: Source) -> None:
    work()
    before = set(Vector.objects.values_list("pk", flat=True))
    store(animals, "camel", ANIMALS["camel"])
    assert embedding.waiting() == 0
    assert before == set(Vector.objects.values_list("pk", flat=True))


def test_two_workers_never_make_the_same_vector(
    animals: Source, other: EmbeddingServer, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = begin()
    other.asked.clear()
    other.hold = threading.Event()
    first = in_thread(threads, lambda: embedding.fill(model))
    until(lambda: other.asked)
    store(animals, "bat", "Bats find their way by the echo of their own calls.")
    second = in_thread(threads, lambda: embedding.fill(model))
    until(lambda: len(other.asked) == 2)
    assert embedding.fill(model).passages == 0  # all are taken
    other.hold.set()
    assert {first.result().passages, second.result().passages} == {4, 1}  # type: ignore[attr-defined]
    assert len(other.texts) == len(set(other.texts)) == 5
    assert not Vector.objects.filter(model=model, embedding=None).exists()


def test_a_worker_killed_in_the_middle_loses_nothing(
    animals: Source, other: EmbeddingServer, threads: ThreadPoolExecutor
) -> None:
    model = begin()
    other.asked.clear()
    other.hold = threading.Event()
    killed = in_thread(threads, lambda: embedding.fill(model))
    until(lambda: other.asked)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE state = 'idle in transaction' AND query LIKE '%SKIP LOCKED%' AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone() == (1,)
    other.hold.set()
    with pytest.raises(OperationalError):
        killed.result()
    assert Vector.objects.filter(model=model, embedding=None).count() == 4
    assert embedding.fill(model).passages == 4


def test_a_page_that_goes_while_it_is_embedded_does_no_harm(
    animals: Source, other: EmbeddingServer, threads: ThreadPoolExecutor
) -> None:
    model = begin()
    other.asked.clear()
    other.hold = threading.Event()
    filling = in_thread(threads, lambda: embedding.fill(model))
    until(lambda: other.asked)
    going = in_thread(threads, lambda: Passage.objects.filter(snapshot__title="Camel").delete())
    time.sleep(0.1)
    other.hold.set()
    filling.result()
    going.result()
    assert Vector.objects.filter(model=model).count() == 3


def test_a_batch_that_fails_waits_as_before_and_the_model_says_why(animals: Source, other: EmbeddingServer) -> None:
    model = begin()
    other.fail("unauthorised")
    with pytest.raises(IndexFailure, match="refused the key"):
        embedding.fill(model)
    model.refresh_from_db()
    assert "refused the key" in model.trouble
    assert "refused the key" in told()
    assert embedding.fill(model).passages == 4
    model.refresh_from_db()
    assert model.trouble == ""


def test_a_server_that_has_another_model_by_that_name_now_is_noticed(animals: Source, other: EmbeddingServer) -> None:
    model = begin()
    other.dimensions = 16
    with pytest.raises(IndexFailure, match="16 dimensions, the index has 32"):
        embedding.fill(model)


def test_a_live_page_is_embedded_at_once_and_kept_where_that_fails(
    animals: Source, other: EmbeddingServer, caplog: pytest.LogCaptureFixture
) -> None:
    work()
    camel = store(animals, "dromedary", "The dromedary has one hump.")
    embedding.fill_snapshot(camel.pk)
    assert embedding.waiting() == 0
    other.fail("unauthorised")
    later = store(animals, "llama", "The llama has none at all.")
    with caplog.at_level(logging.WARNING, "search_index.embedding"):
        embedding.fill_snapshot(later.pk)
    assert "made later" in caplog.text
    assert embedding.waiting() == 1
    assert url("llama") == "llama"


# --- Beside a crawl --------------------------------------------------------------------------------------------------
def test_a_source_is_kept_up_with_until_all_is_read_and_embedded(animals: Source) -> None:
    seconds: list[float] = []

    async def crawl() -> None:
        read = asyncio.Event()
        keeping = asyncio.create_task(embedding.keep_up(animals.pk, read, seconds.append))
        while await asyncio.to_thread(_closing(embedding.waiting), animals.pk):
            await asyncio.sleep(0.02)
        assert not keeping.done()
        await asyncio.to_thread(_closing(store), animals, "bat", "Bats find their way by echo.")
        read.set()
        await asyncio.wait_for(keeping, 20)

    asyncio.run(crawl())
    assert embedding.waiting(animals.pk) == 0
    assert len(seconds) == 2
    assert min(seconds) > 0


def test_a_server_that_is_busy_for_a_while_does_not_fail_a_crawl(animals: Source, other: EmbeddingServer) -> None:
    work()
    store(animals, "bat", "Bats find their way by echo.")
    other.fail("broken", times=7)
    keep_up(animals)
    assert embedding.waiting() == 0


def test_what_cannot_be_embedded_fails_a_crawl_only_when_all_is_read(animals: Source, other: EmbeddingServer) -> None:
    work()
    store(animals, "bat", "Bats find their way by echo.")
    other.fail("unauthorised", times=50)

    async def crawl() -> None:
        read = asyncio.Event()
        keeping = asyncio.create_task(embedding.keep_up(animals.pk, read, lambda _seconds: None))
        await asyncio.sleep(0.3)
        assert not keeping.done()
        read.set()
        with pytest.raises(IndexFailure, match="refused the key"):
            await asyncio.wait_for(keeping, 20)

    asyncio.run(crawl())
    assert embedding.waiting() == 1


def test_the_patience_with_a_server_ends(
    animals: Source, other: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    work()
    store(animals, "bat", "Bats find their way by echo.")
    monkeypatch.setattr(embedding, "PATIENCE_SECONDS", 0.2)
    other.fail("broken", times=10_000)
    with pytest.raises(RetryLater):
        keep_up(animals)


def keep_up(source: Source) -> None:
    async def all_is_read() -> None:
        read = asyncio.Event()
        read.set()
        await asyncio.wait_for(embedding.keep_up(source.pk, read, lambda _seconds: None), 20)

    asyncio.run(all_is_read())


def _closing(function: Callable[..., object]) -> Callable[..., object]:
    def call(*args: object) -> object:
        try:
            return function(*args)
        finally:
            connections.close_all()

    return call


# --- The task --------------------------------------------------------------------------------------------------------
def test_the_bell_makes_what_waits(animals: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.loop.run", asyncio.run)
    assert embedding.due()
    tasks.embed()
    assert embedding.waiting() == 0
    assert not embedding.due()


def test_a_worker_works_at_one_bell_at_a_time(animals: Source) -> None:
    with embedding._at_work:
        work()
    assert embedding.waiting() == 4


# --- Another model ---------------------------------------------------------------------------------------------------
def test_a_new_model_is_filled_while_the_old_one_serves_and_then_takes_over(
    animals: Source, other: EmbeddingServer
) -> None:
    embedding.fill(embedding.serving())
    assert embedding.due()
    model = begin()
    assert (model.name, model.dimensions, model.url) == ("other", 32, other.url)
    store(animals, "bat", "Bats find their way in the dark by the echo of their own calls.")
    assert Vector.objects.filter(model=model, embedding=None).count() == 5  # old passages and new ones
    embedding.fill(embedding.serving())
    assert embedding.serving().name == "bge-small-en-v1.5"
    assert url("Where do fish breed?") == "salmon"  # which the other model, counting words, could not tell
    assert "other takes over when it is filled: 0 of 5" in told()
    work()
    assert embedding.serving() == model
    assert set(Vector.objects.values_list("model", flat=True)) == {model.pk}
    assert list(EmbeddingModel.objects.all()) == [model]
    assert indexes() == {f"vector_of_model_{model.pk}"}
    assert url("hearts of the octopus") == "octopus"
    assert told() == "Searches use other."
    assert not embedding.due()


def test_the_new_model_finds_by_its_own_index(
    animals: Source, other: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    work()
    monkeypatch.setattr(query, "EXACT_PASSAGES", 0)
    for text in ANIMALS.values():
        best = search(text, mode="dense")[0]
        assert best.text == text
        assert best.dense > 0.5


def test_passages_that_were_stored_while_the_model_began_are_not_forgotten(
    animals: Source, other: EmbeddingServer
) -> None:
    model = begin()
    late = Passage.objects.filter(snapshot__title="Camel")
    Vector.objects.filter(model=model, passage__in=late).delete()  # stored by who did not see the model yet
    work()
    assert Vector.objects.filter(model=model, passage__in=late, embedding=None).count() == 1
    assert embedding.serving().name == "bge-small-en-v1.5"
    work()
    assert embedding.serving() == model
    assert not Vector.objects.filter(embedding=None).exists()


def test_who_goes_back_to_the_old_model_has_it_as_it_was(
    animals: Source, other: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedding.fill(embedding.serving())
    begin()
    go_back(monkeypatch)
    work()
    assert [model.name for model in EmbeddingModel.objects.all()] == ["bge-small-en-v1.5"]
    assert Vector.objects.count() == 4
    assert not embedding.due()


def test_the_settings_may_name_yet_another_model_meanwhile(
    animals: Source, other: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin()
    choose(monkeypatch, other, "third")
    work()
    assert embedding.serving().name == "third"
    assert [model.name for model in EmbeddingModel.objects.all()] == ["third"]


def test_the_same_model_under_another_address_is_not_embedded_again(
    animals: Source, other: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    work()
    count = len(other.texts)
    with serving() as moved:
        choose(monkeypatch, moved)
        work()
        assert url("hearts of the octopus") == "octopus"
        assert moved.texts == ["hearts of the octopus"]
    assert len(other.texts) == count
    assert embedding.serving().url == moved.url


def test_the_old_model_is_asked_where_it_was_and_never_shown_the_new_key(
    animals: Source, other: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    work()
    with serving() as newest:
        choose(monkeypatch, newest, "newest")
        monkeypatch.setenv("EMBED_KEY", "of-the-newest")
        other.headers.clear()
        begin()
        assert url("hearts of the octopus") == "octopus"
        assert other.texts[-1] == "hearts of the octopus"
        assert all("authorization" not in headers for headers in other.headers)
        assert newest.headers[0]["authorization"] == "Bearer of-the-newest"


def test_with_the_old_server_gone_searches_go_by_words_until_the_new_model_is_filled(
    animals: Source, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as gone:
        choose(monkeypatch, gone)
        work()
    go_back(monkeypatch)
    served.close()
    with caplog.at_level(logging.WARNING, "search_index.embedding"):
        assert url("octopus") == "octopus"
        assert url("camel") == "camel"
    assert caplog.text.count("go by words alone") == 1  # the second query did not wait for the server at all
    store(animals, "bat", "Bats find their way by echo.")
    begin()
    keep_up(animals)  # a crawl is not held up by it either
    assert embedding.counting().name == "bge-small-en-v1.5"
    monkeypatch.setattr(embedding, "_silent_until", {})
    work()
    assert embedding.serving().name == "bge-small-en-v1.5"
    assert url("Where do fish breed?") == "salmon"


def test_a_model_that_cannot_be_had_leaves_all_as_it_is_and_says_why(animals: Source, other: EmbeddingServer) -> None:
    other.fail("unknown", times=50)
    work()
    assert embedding.waiting() == 0  # the serving model's were made
    assert embedding.serving().name == "bge-small-en-v1.5"
    assert "has no model other" in EmbeddingModel.objects.get(name="other").trouble


def test_more_dimensions_than_an_index_takes_are_refused(animals: Source, other: EmbeddingServer) -> None:
    other.dimensions = 4096
    work()
    assert "4096 dimensions, and an index takes 4000 at most" in EmbeddingModel.objects.get(name="other").trouble
    assert not Vector.objects.filter(model__name="other").exists()


def test_a_worker_killed_after_the_change_leaves_the_rest_to_the_next(animals: Source, other: EmbeddingServer) -> None:
    embedding.fill(embedding.serving())
    model = begin()
    embedding.fill(model)
    succession._make_index(model)
    succession._take_over(model)
    assert url("hearts of the octopus") == "octopus"
    store(animals, "bat", "Bats find their way by echo.")
    assert Vector.objects.filter(embedding=None).count() == 1  # none by the model that goes
    work()
    assert set(Vector.objects.values_list("model", flat=True)) == {model.pk}


def test_an_index_whose_making_was_cut_short_is_made_again(animals: Source, other: EmbeddingServer) -> None:
    model = begin()
    succession._make_index(model)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [f"vector_of_model_{model.pk}"]
        )
    work()
    assert indexes() == {f"vector_of_model_{model.pk}"}


def test_one_worker_changes_the_model_and_the_others_pass_by(
    animals: Source, other: EmbeddingServer, threads: ThreadPoolExecutor
) -> None:
    model = begin()
    embedding.fill(model)
    with succession._alone() as ours:
        assert ours
        in_thread(threads, succession.finish).result()
    assert embedding.serving() != model
    succession.finish()
    assert embedding.serving() == model


def test_very_many_vectors_of_many_dimensions_are_found_by_their_bits(
    animals: Source, other: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.dimensions = 64
    work()
    model = embedding.serving()
    assert not model.by_bits
    monkeypatch.setattr(succession, "BITS_DIMENSIONS", 64)
    monkeypatch.setattr(succession, "BITS_VECTORS", 3)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE search_index_vector")
    assert embedding.due()
    work()
    model.refresh_from_db()
    assert model.by_bits
    assert indexes() == {f"vector_bits_of_model_{model.pk}"}
    assert not embedding.due()
    monkeypatch.setattr(query, "EXACT_PASSAGES", 0)
    monkeypatch.setattr(query, "CANDIDATES", 2)
    for text in ANIMALS.values():
        assert search(text, limit=1, mode="dense")[0].text == text


def test_a_model_is_loaded_once_a_process() -> None:
    first = embedder(embedding.serving())
    assert isinstance(first, BuiltIn)
    assert embedder(embedding.serving()) is first


# --- The web server loads no model -----------------------------------------------------------------------------------
@pytest.fixture
def own_model(animals: Source, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> EmbeddingModel:
    """A model in process that serves, seen from the web server."""
    settings.MODELS_IN_PROCESS = False
    monkeypatch.setenv("EMBED_MODEL", f"own/{uuid4().hex}")  # an embedder is kept for each name
    EmbeddingModel.objects.filter(state="serving").update(name=os.environ["EMBED_MODEL"])
    return embedding.serving()


def test_the_web_server_has_its_queries_embedded_by_a_worker(
    own_model: EmbeddingModel, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Future[object]] = []

    def worker(name: str, args: list[str], **_options: object) -> None:
        assert name == "search_index.tasks.embed_query"
        sent.append(in_thread(threads, lambda: tasks.embed_query(*args)))

    asked = embedder(own_model)
    assert isinstance(asked, ByWorker)
    monkeypatch.setattr("search_index.embed_by_worker.app.send_task", worker)
    monkeypatch.setattr(embedding, "embedder", lambda _model: BuiltIn())  # what the worker has
    assert np.allclose(asked.query("whales"), BuiltIn().query("whales"), atol=1e-2)
    sent.pop().result()
    with pytest.raises(RetryLater, match="wait for a worker"):
        asked.passages(["whales"])


def test_the_web_server_searches_by_words_where_no_worker_answers(
    own_model: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_index.embed_by_worker.SECONDS", 1)
    monkeypatch.setattr("search_index.embed_by_worker.app.send_task", lambda *_args, **_options: None)
    assert not embedding.query("octopus").known
    assert url("octopus") == "octopus"
