"""The one event loop of a worker process, in a thread of its own, on which all its runs and crawls live.

Celery's thread pool runs no `async def` tasks, so a task hands its coroutine over: with `start` it is done at once and
costs no thread (hundreds of runs), with `run` it waits for the result. The work itself shares this loop, its HTTP
clients and its browser. When the worker shuts down, `stop` cancels what is on the loop, so that a coroutine can hand
its lease back on its way out, and `drain` waits for that.
Called by research/tasks.py and search_index/tasks.py; `in_thread` by whatever is async and needs the database;
`in_pool` by search_index/embedding.py; `stop` and `drain` by config/celery.py.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_stopping = threading.Event()
# What `run` and `start` were given, and its task once it has begun.
_at_work: "dict[Coroutine[Any, Any, Any], asyncio.Task[Any] | None]" = {}
# With the pools of engine/journal.py, engine/watch.py, tasks.py and reading.py 24 threads. The database's pool
# (settings.DATABASES) has 32 connections, the rest for Celery's threads: wider pools would only wait there.
_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="database")


class Stopped(Exception):
    """The worker is shutting down; what is unfinished goes on in the next one."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine on this process's loop and wait for its result; what it raises is raised here.

    Raises Stopped when the worker shuts down meanwhile.
    """
    try:
        return _given(work).result()
    except CancelledError as error:
        raise Stopped from error


def start(work: Coroutine[Any, Any, None]) -> None:
    """Let the coroutine run on this process's loop, and do not wait. What it raises is logged. Raises Stopped when the
    worker shuts down: then it has not begun."""
    _given(work).add_done_callback(_complain)


def stop() -> None:
    """Cancel all that `run` and `start` were given, and refuse more. Returns at once; safe in a signal handler."""
    _stopping.set()
    if _loop is not None:
        _loop.call_soon_threadsafe(_cancel_all)


def drain(seconds: float) -> bool:
    """After `stop`: wait, at most so long, until what was cancelled has cleaned up. Whether it has."""
    deadline = time.monotonic() + seconds
    while _at_work and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _at_work


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking code (the database, mostly) in a thread, and give its connection back to the pool afterwards."""
    return await in_pool(_threads, function, *args, **kwargs)


async def in_pool(pool: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same in a thread of another pool, for work that is to wait for its like and not for the database's."""

    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(pool, call)


def _given(work: Coroutine[Any, Any, T]) -> "Future[T]":
    if _stopping.is_set():
        work.close()
        raise Stopped
    _at_work[work] = None
    return asyncio.run_coroutine_threadsafe(_watched(work), _shared_loop())


def _complain(done: "Future[None]") -> None:
    if not done.cancelled() and (error := done.exception()):
        logger.error("what was started on the loop failed", exc_info=error)


async def _watched(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None, "run_coroutine_threadsafe makes a task of every coroutine"
    _at_work[work] = task
    try:
        if _stopping.is_set():  # it came between a look and `_cancel_all`: it cleans up at its first await
            task.cancel()
        return await work
    finally:
        del _at_work[work]


def _cancel_all() -> None:
    for task in list(_at_work.values()):
        if task is not None:
            task.cancel()


def _shared_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - one loop a process is what this module is for
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="loop", daemon=True).start()
        return _loop
