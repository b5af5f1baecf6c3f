"""Makes the component that keeper.py runs: `python build.py OUT`, without Django and without an environment.

componentize-py carries CPython for WebAssembly; with --stub-wasi the component it makes of guest/ imports nothing at
all, which is looked at here and not believed. wasmtime then translates it into machine code, for any processor of this
kind: an image made on one machine has it for others. Of the 22 seconds of a processor that this takes, 12 are
componentize-py's, on one thread, and 10 wasmtime's, on all.
Called by research/sandbox/component.py. Raises what goes wrong as it is: the last line that it says is kept.
"""

import os
import platform
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import componentize_py
from wasmtime import Config, Engine  # leaves its bytecode, which uv does not: it halves what each calculation costs
from wasmtime.component import Component

GUEST = Path(__file__).with_name("guest")
HUMBLE = 5  # of 19; with 10, on two cores with seven others at work, it took 321 seconds, and a run may wait for it


def main() -> None:
    """Make the component in the file that the command line names: it is moved there when it is whole."""
    _be_humble()
    out = Path(sys.argv[1])
    part = out.with_name("part")
    shutil.rmtree(part, ignore_errors=True)  # of one who was killed
    part.mkdir()
    try:
        (part / "out").write_bytes(_translated(_component(part)))
        (part / "out").replace(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _component(part: Path) -> Path:
    source, made = part / "guest", part / "guest.wasm"
    shutil.copytree(GUEST, source)  # where its bytecode may be written
    sys.argv = ["componentize-py", "--quiet", "--wit-path", str(source), "--world", "arithmetic"]
    sys.argv += ["componentize", "--stub-wasi", "--python-path", str(source), "--output", str(made), "guest"]
    if status := componentize_py.script():
        sys.exit(status)
    return made


def _translated(made: Path) -> bytes:
    config = Config()
    if sys.platform == "linux":  # named, it is the least processor of its kind; else it would be this very one
        config.target = f"{platform.machine()}-unknown-linux-gnu"
    engine = Engine(config)
    component = Component.from_file(engine, str(made))
    if wanted := list(component.type.imports(engine)):
        sys.exit(f"The component asks its host for {', '.join(wanted)}: it is not used.")
    return bytes(component.serialize())


def _be_humble() -> None:
    """Let everything else on this machine go first. Linux shares a processor out among sessions before it looks at how
    nice a process is: this one, which has a session of its own, has to be nice as a whole."""
    os.nice(HUMBLE)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(HUMBLE))


if __name__ == "__main__":
    main()
