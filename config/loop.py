"""The one event loop of a worker process, in a thread of its own, on which all its runs and crawls live.

Celery's thread pool runs no `async def` tasks, so a task hands its coroutine over with `run` and waits; hundreds of
waiting tasks cost a thread each, the work itself shares this loop, its HTTP clients and its browser. When the worker
shuts down, `stop` cancels what is on the loop, so that a coroutine can hand its lease back on its way out.
Called by research/tasks.py and search_index/tasks.py; `in_thread` by whatever is async and needs the database;
`in_pool` by search_index/embedding.py; `stop` by config/celery.py.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_stopping = threading.Event()
_at_work: "set[asyncio.Task[Any]]" = set()  # what `run` was given; touched on the loop only
# One thread a pooled database connection (settings.DATABASES: max_size 20): a wider pool would only wait there.
_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="database")


class Stopped(Exception):
    """The worker is shutting down; what is unfinished goes on in the next one."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine on this process's loop and wait for its result; what it raises is raised here.

    Raises Stopped when the worker shuts down meanwhile.
    """
    if _stopping.is_set():
        work.close()
        raise Stopped
    try:
        return asyncio.run_coroutine_threadsafe(_watched(work), _shared_loop()).result()
    except CancelledError as error:
        raise Stopped from error


def stop() -> None:
    """Cancel all that `run` waits for, and refuse more. Returns at once; safe in a signal handler."""
    _stopping.set()
    if _loop is not None:
        _loop.call_soon_threadsafe(_cancel_all)


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


async def _watched(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None, "run_coroutine_threadsafe makes a task of every coroutine"
    _at_work.add(task)
    try:
        if _stopping.is_set():  # it came between `run`'s look and `_cancel_all`
            work.close()
            raise asyncio.CancelledError
        return await work
    finally:
        _at_work.discard(task)


def _cancel_all() -> None:
    for task in _at_work:
        task.cancel()


def _shared_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603 - one loop a process is what this module is for
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="loop", daemon=True).start()
        return _loop
