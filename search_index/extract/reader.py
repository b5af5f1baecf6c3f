"""The process that reads pages for sandbox.py: one page in on standard input, what it says out on standard output.

Started as `python -m search_index.extract.reader` without Django and without secrets in its environment. Answers are
JSON: nothing that a hostile page made of this process is unpickled or run by its parent. It ends with its input, so
with the parent, however that one dies; a page that takes too long or too much memory ends it. After a page that made
it large it ends by itself ("last" in its answer), so that the next page has all the room there is.
"""

import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

from search_index.errors import Unreadable
from search_index.extract.extractors import extract
from search_index.judgement.measured import measured

CPU_SECONDS = 30  # for one page; the largest of Python's documentation, 2.5 MB of links, takes 16
SECONDS = 55  # by the clock
MEMORY = 768 * 1024**2  # bytes of address space, of which the libraries take 180 MB: two together stay under 1.5 GB
GROWN = 400 * 1024  # kilobytes resident: whoever has once needed as much makes room for a fresh process


def main() -> None:
    """Read pages until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for sign in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(sign, signal.SIG_DFL)  # ends the process even inside a parser written in C
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the terminal is the parent's to handle
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a parser that prints must not garble the answers
    while (line := sys.stdin.buffer.readline()).strip():
        asked = json.loads(line)
        answer = _answer(sys.stdin.buffer.read(asked["length"]), asked["content_type"], asked["url"])
        answer["last"] = _grown() > GROWN
        _send(answers, answer)
        if answer["last"]:
            return


def _grown() -> int:
    """The most memory that this process has had resident, in kilobytes. Where Linux says it: ru_maxrss there begins at
    what the parent has, and a worker with a model loaded is large itself."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _answer(body: bytes, content_type: str, url: str) -> dict[str, Any]:
    signal.alarm(SECONDS)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        return asdict(measured(extract(body, content_type, url), url))
    except Unreadable as error:
        return {"reason": error.reason, "message": str(error)}
    except MemoryError:
        return {"reason": "size", "message": "It takes more memory than one page may have."}
    except RecursionError:
        return {"reason": "nested", "message": "It is nested too deep to be read."}
    except Exception as error:  # one page's parser error must not end a crawl: it is recorded on the page
        return {"reason": "parser", "message": f"It could not be read ({type(error).__name__}: {error})."}
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _send(answers: BinaryIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer, default=str).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
