"""More than sixty ways to get out of a Python sandbox, or to take more than it gives: what they do, by name.

`{folder}` holds a file `secret`, whose text no snippet may say; `{port}` is listened on; `{pid}` is the process that
watches; `{marker}` is in the command line of any process that a snippet starts. Called by sandbox.py.
"""
# ruff: noqa: E501 - a snippet reads better in one line

# A walk to a class that has loaded the module `os`, as most escapes of in-process sandboxes begin (CVE-2025-9959).
WALK = """
def module(name):
    for one in ().__class__.__base__.__subclasses__():
        try:
            return one.__init__.__globals__['sys'].modules[name]
        except Exception:
            continue
"""
SAY = "\nresult = [ord(letter) for letter in str(said)[:900]]"  # as numbers, which may come back
READ = "said = open('{folder}/secret').read()" + SAY

READING = {
    "open": READ,
    "open by descriptor": "import os\nsaid = os.read(os.open('{folder}/secret', 0), 99)" + SAY,
    "io.FileIO": "import _io\nsaid = _io.FileIO('{folder}/secret').read()" + SAY,
    "pathlib": "from pathlib import Path\nsaid = Path('{folder}/secret').read_text()" + SAY,
    "walk of the classes": WALK + "said = module('os').listdir('{folder}')\n" + READ,
    "walk from a traceback": "try:\n    1 / 0\nexcept Exception as e:\n    frame = e.__traceback__.tb_frame\n"
    "while frame.f_back:\n    frame = frame.f_back\n"
    "said = frame.f_builtins['open']('{folder}/secret').read()" + SAY,
    "walk from a generator": "frame = (1 for _ in ()).gi_frame\nsaid = frame.f_builtins['open']('{folder}/secret').read()" + SAY,
    "walk with gc": "import gc\nfor one in gc.get_objects():\n    if isinstance(one, dict) and 'open' in one:\n"
    "        said = one['open']('{folder}/secret').read()" + SAY,
    "warnings, linecache": "import linecache\nsaid = linecache.getlines('{folder}/secret')" + SAY,
    "format string": "said = '{{0.__class__.__init__.__globals__}}'.format(lambda: 0)\n" + READ,
    "getattr by parts": "said = getattr(__import__('o' + 's'), 'popen')('cat {folder}/secret').read()" + SAY,
    "eval in eval": "eval('eval(\"exec(chr(112)+chr(97)+chr(115)+chr(115))\")')\n" + READ,
    "builtins restored": "import builtins\n__builtins__ = builtins\n" + READ,
    "code object": "f = (lambda: 0)\nf.__code__ = compile('open(\"{folder}/secret\").read()', 'x', 'eval')\nsaid = f()" + SAY,
    "environment": "import os\nsaid = os.environ.get('SANDBOX_CANARY')" + SAY,
    "own environment in /proc": "said = open('/proc/self/environ').read().partition('SANDBOX_CANARY')[2][:99]" + SAY,
    "memory in /proc": "memory = open('/proc/self/mem', 'rb')\nmemory.seek(4096)\nsaid = memory.read(99)" + SAY,
    "root in /proc": "said = open('/proc/{pid}/root{folder}/secret').read()" + SAY,
    "open files in /proc": "import os\nsaid = [open('/proc/{pid}/fd/' + n).read() for n in os.listdir('/proc/{pid}/fd')]" + SAY,
    "open descriptors": "import os\nsaid = b''\nfor n in range(3, 64):\n    try:\n        said += os.read(n, 99)\n"
    "    except OSError:\n        continue" + SAY,
    "symlink": "import os\nos.symlink('{folder}/secret', 'link')\nsaid = open('link').read()" + SAY,
    "dot dot": "said = open('../../../../../..{folder}/secret').read()" + SAY,
    "mount": "import os\nos.mkdir('x')\nos.chroot('x')\nfor _ in range(9):\n    os.chdir('..')\nos.chroot('.')\n" + READ,
    "input": "import sys\nsaid = sys.stdin.read() or input()" + SAY,
    "import of a file": "import sys\nsys.path.insert(0, '{folder}')\nimport secret\nsaid = secret" + SAY,
    "import hook": "import importlib.machinery as m, sys\nsys.meta_path.append(m.PathFinder)\nsys.path.append('{folder}')\n"
    "said = m.SourceFileLoader('x', '{folder}/secret').get_data('{folder}/secret')" + SAY,
    "zipimport": "import zipimport\nsaid = zipimport.zipimporter('{folder}/secret')" + SAY,
}  # fmt: skip
DOING = {
    "write": "open('{folder}/written', 'w').write('x')",
    "overwrite": "open('{folder}/secret', 'w').write('x')",
    "write to /tmp": "import tempfile\ntempfile.NamedTemporaryFile(dir='{folder}', delete=False).write(b'x')",
    "delete": "import os\nos.remove('{folder}/secret')",
    "link": "import os\nos.link('{folder}/secret', '{folder}/linked')",
    "device": "import os, stat\nos.mknod('{folder}/device', stat.S_IFIFO)",
    "system": "import os\nos.system('touch {folder}/written')",
    "subprocess": "import subprocess\nsubprocess.run(['touch', '{folder}/written'])",
    "posix fork and exec": "import posix\nif posix.fork() == 0:\n    posix.execv('/bin/touch', ['touch', '{folder}/written'])",
    "spawn that stays": "import os\nos.spawnl(os.P_NOWAIT, '/bin/sh', 'sh', '-c', 'sleep 60; :', '{marker}')",
    "popen by walk": WALK + "module('subprocess').Popen(['touch', '{folder}/written'])",
    "ctypes": "import ctypes\nctypes.CDLL(None).system(b'touch {folder}/written')",
    "ctypes by its C part": "import _ctypes\n_ctypes.dlopen('libc.so.6', 2)\n" + "open('{folder}/written', 'w')",
    "pickle": "import pickle\npickle.loads(b\"cos\\nsystem\\n(S'touch {folder}/written'\\ntR.\")",
    "a result that is pickled": "class Evil:\n    def __reduce__(self):\n        import os\n        return os.system, ('touch {folder}/written',)\n"
    "result = Evil()",
    "a result that is no JSON": "class Evil(dict):\n    def items(self):\n        open('{folder}/written', 'w')\nresult = Evil(a=1)",
    "settrace": "import sys\ndef trace(frame, event, arg):\n    frame.f_builtins['open']('{folder}/written', 'w')\nsys.settrace(trace)\n"
    "def f():\n    pass\nf()",
    "audit hook and atexit": "import atexit\natexit.register(lambda: open('{folder}/written', 'w'))\nresult = 1",
    "destructor": "class One:\n    def __del__(self):\n        open('{folder}/written', 'w')\nkept = One()\nresult = 1",
    "socket": "import socket\nsocket.create_connection(('127.0.0.1', {port}))",
    "socket by its C part": "import _socket\n_socket.socket().connect(('127.0.0.1', {port}))",
    "urllib": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/')",
    "asyncio": "import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', {port}))",
    "signal to its watcher": "import os\nos.kill({pid}, 10)",
    "signal to all": "import os\nos.kill(-1, 10)",
    "harness replaced": "import guest, json\njson.dumps = lambda *a, **k: open('{folder}/written', 'w')\nguest.WitWorld.run = None\n"
    "result = 1",
}  # fmt: skip
TAKING = {
    "endless loop": "while True: pass",
    "endless except": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "huge power": "9 ** 9 ** 9",
    "pattern that backtracks": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "memory": "taken = []\nwhile True: taken.append(bytearray(10 ** 6))",
    "memory in one piece": "taken = bytearray(2 ** 31 - 2)",
    "deep recursion": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return f()\nf()",
    "deep nesting for the parser": "eval('(' * 10 ** 6)",
    "prints without end": "while True: print('x' * 10 ** 6)",
    "a result without end": "result = [1] * 10 ** 8",
    "a result within itself": "result = []\nresult.append(result)",
    "fork bomb": "import os\nwhile True: os.fork()",
    "thread bomb": "import _thread\nwhile True: _thread.start_new_thread(lambda: [1 for _ in iter(int, 1)], ())",
    "disk fill": "with open('{folder}/written', 'w') as file:\n    while True: file.write('x' * 10 ** 6)",
}  # fmt: skip
SNIPPETS = {**READING, **DOING, **TAKING}
# What the same snippets do where there is no sandbox: the drill shows with these that it would see them (harmless ones).
TELLING = (
    "open",
    "open descriptors",
    "environment",
    "own environment in /proc",
    "write",
    "overwrite",
    "subprocess",
    "spawn that stays",
    "socket",
    "signal to its watcher",
    "pickle",
    "endless loop",
)
