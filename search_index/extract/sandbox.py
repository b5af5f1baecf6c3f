"""Runs the extractors in processes of their own (reader.py): what a hostile file breaks there breaks nothing else.

A process that dies (a crash in a parser, too much memory, its time is over) fails its own page only and is replaced.
Called by search_index/indexing.py.
"""

import asyncio
import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from search_index.errors import Crashed, Unreadable
from search_index.extract.document import Extracted
from search_index.judgement.measures import Measures

PROCESSES = min(4, os.cpu_count() or 1)
_ROOT = Path(__file__).resolve().parents[2]
# Each thread owns one process, so that a process that dies takes one page with it, not its neighbours' pages.
_threads = ThreadPoolExecutor(max_workers=PROCESSES, thread_name_prefix="extract")
_own = threading.local()
_readers: set["subprocess.Popen[bytes]"] = set()


async def extracted(body: bytes, content_type: str, url: str) -> Extracted:
    """extract() and measured() in another process. Raises Unreadable, or Crashed where the process did not survive."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _read, body, content_type, url)


def _read(body: bytes, content_type: str, url: str) -> Extracted:
    reader = getattr(_own, "reader", None) or _start()
    _own.reader = reader
    try:
        answer = _ask(reader, body, {"content_type": content_type, "url": url, "length": len(body)})
    except (OSError, ValueError) as error:
        _own.reader = None
        raise Crashed("crash", _obituary(_end(reader))) from error
    if answer.pop("last"):
        _own.reader = None
        _end(reader)
    if "reason" in answer:
        raise Unreadable(answer["reason"], answer["message"])
    published = answer.pop("published_on")
    measures: dict[str, Any] = answer.pop("measures") or {}
    measures = {name: tuple(one) if isinstance(one, list) else one for name, one in measures.items()}
    return Extracted(
        **answer,
        published_on=date.fromisoformat(published) if published else None,
        measures=Measures(**measures) if measures else None,
    )


def _start() -> "subprocess.Popen[bytes]":
    reader = subprocess.Popen(
        [sys.executable, "-m", "search_index.extract.reader"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        # No passwords and keys where hostile files are parsed; and no threads of numpy's, each with memory of its own.
        env={"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
    )
    _readers.add(reader)
    return reader


def _ask(reader: "subprocess.Popen[bytes]", body: bytes, asked: dict[str, Any]) -> dict[str, Any]:
    """Raises OSError or ValueError where the process died before it answered."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(json.dumps(asked).encode() + b"\n" + body)
    reader.stdin.flush()
    answer: dict[str, Any] = json.loads(reader.stdout.readline())  # an empty line, the end, is no JSON: ValueError
    return answer


def _end(reader: "subprocess.Popen[bytes]") -> int:
    """End a process that is no longer wanted, or has died; how it ended."""
    _readers.discard(reader)
    with suppress(subprocess.TimeoutExpired):
        reader.wait(timeout=1)
    reader.kill()
    reader.communicate()
    return reader.returncode


def _obituary(status: int) -> str:
    """How a process ended that should not have, in a sentence."""
    if status in {-signal.SIGALRM, -signal.SIGPROF}:
        return _("It could not be read within the time that one page may take.")
    return _("Its parser broke down over it (signal %(number)d), or it took too much memory.") % {"number": -status}


@atexit.register
def _end_all() -> None:
    for reader in list(_readers):
        reader.kill()
        reader.communicate()
