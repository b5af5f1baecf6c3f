"""Makes the component that keeper.py runs: `python build.py OUT`, without Django and without an environment.

componentize-py carries CPython for WebAssembly; with --stub-wasi the component it makes of guest/ imports nothing at
all, which is looked at here and not believed. wasmtime then translates it into machine code for this machine, once.
Called by research/sandbox/__init__.py. Raises what goes wrong as it is: the last line that it says is kept.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import componentize_py
from wasmtime import Engine
from wasmtime.component import Component

GUEST = Path(__file__).with_name("guest")


def main() -> None:
    """Make the component in the file that the command line names."""
    os.nice(10)  # it takes half a minute of a processor, while runs may already be under way
    with tempfile.TemporaryDirectory(prefix="scenthound-") as folder:
        source, made, out = Path(folder) / "guest", Path(folder) / "guest.wasm", Path(sys.argv[1])
        shutil.copytree(GUEST, source)  # where its bytecode may be written
        sys.argv = ["componentize-py", "--quiet", "--wit-path", str(source), "--world", "arithmetic"]
        sys.argv += ["componentize", "--stub-wasi", "--python-path", str(source), "--output", str(made), "guest"]
        if status := componentize_py.script():
            sys.exit(status)
        engine = Engine()
        component = Component.from_file(engine, str(made))
        if wanted := list(component.type.imports(engine)):
            sys.exit(f"The component asks its host for {', '.join(wanted)}: it is not used.")
        out.write_bytes(component.serialize())


if __name__ == "__main__":
    main()
