"""The process that a calculation runs in: `python keeper.py PACKAGES COMPONENT`, with a request on standard input.

It gives up all that it does not need (memory, time, files, processes, root), runs the component of guest/ once, writes
its reply, one line of JSON, and ends. Started by research/sandbox/__init__.py without Django, without an environment
and with no open file but its pipes; where bubblewrap works here, inside it. Its parent kills it by the clock.
"""

import ctypes
import json
import os
import resource
import sys
from contextlib import suppress

PACKAGES, COMPONENT = sys.argv[1:]
sys.path.append(PACKAGES)

from wasmtime import Config, Engine, Store, Trap, WasmtimeError  # noqa: E402
from wasmtime.component import Component, Linker  # noqa: E402

CPU_SECONDS = 5
MEMORY = 256 * 1024**2  # bytes that the calculation may have
ALL_MEMORY = 512 * 1024**2  # bytes that this process may write to, with that; before it begins they are 29 million
LONGEST = 100_000  # characters of a reply; guest.py keeps its own far below
NOBODY = 65534
NO_NEW_PRIVILEGES = 38  # prctl's PR_SET_NO_NEW_PRIVS
NO_COMPUTING = "it asked for something that is not computing (a file, the clock, the network), or it goes too deep"


def main() -> None:
    """Read the request, run it, write the reply."""
    request = sys.stdin.read()
    engine = Engine(Config())
    component = Component.deserialize_file(engine, COMPONENT)
    store = Store(engine)
    store.set_limits(memory_size=MEMORY)
    _give_up()
    try:
        instance = Linker(engine).instantiate(store, component)  # with nothing in the linker: nothing can be called
        run = instance.get_func(store, "run")
        assert run is not None, "arithmetic.wit exports it"
        reply = run(store, request)
    except (Trap, WasmtimeError):
        reply = json.dumps({"error": NO_COMPUTING})
    os.write(1, reply[:LONGEST].encode() + b"\n")
    os._exit(0)


def _give_up() -> None:
    for limit, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_DATA, ALL_MEMORY),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    if os.getuid() == 0:
        with suppress(OSError):  # where this namespace knows nobody
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)


if __name__ == "__main__":
    main()
