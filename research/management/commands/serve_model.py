"""manage.py serve_model NAME_OR_PATH: serve a model with `transformers serve`, for those who have no model server.

NAME_OR_PATH is a folder with a model, a .gguf file, or a name on the model hub. transformers and torch are no part of
the installation (they are large): where they are missing, the command to install them is said. A .gguf is turned into a
folder once, in DATA_DIR/models, as transformers only serves it so. Says what to set so that it is used, and gives the
process over to the server. Slow without a GPU: for that, llama.cpp is the better server.
"""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.utils.translation import gettext as _

from config import env

NEEDED = ("torch", "transformers", "fastapi", "uvicorn", "accelerate")
INSTALL = 'pip install torch "transformers[serving]"'
HOST = "127.0.0.1"
# Run in a process of its own: nothing of torch is to stay in memory beside the server. A model read from a .gguf has no
# architecture in its configuration, without which it is not served, and is said to be quantised, which forbids saving.
CONVERT = """
import sys
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer
file, folder = Path(sys.argv[1]), sys.argv[2]
model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name)
tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
model.config.architectures = [type(model).__name__]
if hasattr(model.config, "quantization_config"):
    del model.config.quantization_config
model.hf_quantizer = None
model.save_pretrained(folder)
tokenizer.save_pretrained(folder)
"""


class Command(BaseCommand):
    help = _("Serve a model with `transformers serve`, for those who have no model server.")
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "model", metavar="NAME_OR_PATH", help=_("a folder, a .gguf file, or a name on the model hub")
        )
        parser.add_argument("--port", type=int, default=8099)

    def handle(self, **options: Any) -> None:
        _look_for(NEEDED)
        model = _servable(options["model"], self.stderr.write)
        url = f"http://{HOST}:{options['port']}/v1"
        self.stdout.write(_("Serving %s. To use it, set in .env or the environment:") % model)
        self.stdout.write(f"CHAT_URL={url}\nCHAT_MODEL={model}")
        self.stdout.flush()
        _become(model, options["port"])


def _look_for(packages: tuple[str, ...]) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        message = _("serve_model needs %(missing)s, which are not installed by default: %(python)s -m %(install)s")
        what = {"missing": ", ".join(missing), "python": sys.executable, "install": INSTALL}
        raise CommandError(message % what)


def _servable(named: str, say: Any) -> str:
    """The name by which it is served: a folder's path, or a name on the hub as it stands."""
    path = Path(named).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return str(_converted(path.absolute(), say))
    if path.is_dir():
        _check_folder(path)
        return str(path.absolute())
    if named.startswith((".", "/", "~")) or path.suffix == ".gguf":
        raise CommandError(_("There is no model at %s.") % path)
    return named


def _check_folder(folder: Path) -> None:
    """A folder that transformers cannot serve would only fail at the first question."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise CommandError(
            _("%(folder)s is no model's folder: its config.json cannot be read (%(why)s).")
            % {"folder": folder, "why": error}
        ) from error
    if not config.get("architectures"):
        raise CommandError(
            _("%s/config.json names no architectures; transformers serves no model without them.") % folder
        )


def _converted(file: Path, say: Any) -> Path:
    """The folder that a .gguf was turned into. Takes half a minute and, in 32 bits, several times its size on disk."""
    if find_spec("gguf") is None:
        raise CommandError(
            _("To read %(file)s the package gguf is needed: %(python)s -m pip install gguf")
            % {"file": file.name, "python": sys.executable}
        )
    folder = Path(settings.DATA_DIR) / "models" / f"{file.stem}-{file.stat().st_size}"
    if not (folder / "config.json").is_file():
        what = {"file": file, "folder": folder}
        say(_("Turning %(file)s into a folder that transformers can serve, once: %(folder)s") % what)
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = folder.with_suffix(".partial")
        done = subprocess.run([sys.executable, "-c", CONVERT, str(file), str(partial)], env=_environment(), check=False)
        if done.returncode:
            raise CommandError(_("%s cannot be turned into a model that transformers serves.") % file)
        partial.rename(folder)
    return folder


def _environment() -> dict[str, str]:
    """transformers lists the models in its cache at the start, and fails where there is no such folder."""
    home = Path(env.text("HF_HOME") or "~/.cache/huggingface").expanduser()
    (home / "hub").mkdir(parents=True, exist_ok=True)
    return env.with_changes(HF_HOME=str(home))


def _become(model: str, port: int) -> NoReturn:
    """This process becomes the server: Ctrl-C and signals reach it, and nothing stays behind."""
    environment = _environment()
    if Path(model).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"  # nothing is to be looked up for a model that is here
    program = [sys.executable, "-m", "transformers.cli.transformers", "serve", model]
    program += ["--host", HOST, "--port", str(port)]
    os.execve(sys.executable, program, environment)  # noqa: S606 - no shell is wanted
