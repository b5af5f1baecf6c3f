"""Finds a Chromium that really starts here, and makes the one executable that is handed to Playwright.

In this order: the setting CHROMIUM, what was found before, Playwright's own (downloaded already, or now), a browser on
the machine, Debian's package where we are root. A candidate counts only when it has shown an empty page, with its own
sandbox on where the system allows that. What was found is kept in DATA_DIR/chromium.json.
`ensure` is called by config/supervisor.py, and by script/ask and script/test as `python -m config.chromium`; `launcher`
by search_index/browser.py and the tests.
"""

import json
import logging
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from config import env
from config.embedded import as_ordinary_user, root_can_pose
from config.errors import CannotStart
from config.services import prepare_folders

log = logging.getLogger(__name__)

# Programs come before the shell scripts that start them: those do not exec, so that killing one leaves the browser.
ON_THE_MACHINE = (
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/lib/chromium/chromium",
    "/opt/google/chrome/chrome",
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
PLAYWRIGHT_PROGRAMS = ("headless_shell", "chrome-headless-shell", "chrome")
TRIAL_SECONDS = 60
DOWNLOAD_SECONDS = 300
DEBIAN_PACKAGES = ("chromium-headless-shell", "fonts-liberation")
MISSING = (
    "No Chromium was found, and none could be installed: install one (on Debian, as root:"
    " apt-get install chromium-headless-shell), or name one in CHROMIUM."
)


@dataclass(frozen=True)
class Browser:
    """A program that showed a page here, and whether it did so inside its sandbox."""

    program: str
    sandbox: bool


def find() -> Path | None:
    """The browser that is used, or would be, without installing or recording anything; None where there is none."""
    known = _recorded()
    if known is not None:
        return Path(known.program)
    here = [settings.CHROMIUM] if settings.CHROMIUM else [*_playwrights(), *_on_the_machine()]
    return next(map(Path, here), None)


def ensure() -> Path:
    """Find a browser that starts, install one where there is none, and record it. Raises CannotStart."""
    return Path(_ensure().program)


def launcher() -> Path:
    """The executable to hand to Playwright, with chromium_sandbox=True: a script that starts the browser as an ordinary
    user where we are root. Where the system blocks the sandbox it is left out, and the log says so. Raises CannotStart.
    """
    browser = _ensure()
    if not browser.sandbox:
        log.warning("Chromium runs without its sandbox: this system blocks user namespaces.")
    script = settings.DATA_DIR / "run" / "chromium"
    text = f'#!/bin/sh\nexec {shlex.join(_command(browser))} "$@"\n'
    if not script.exists() or script.read_text() != text:
        part = script.with_suffix(f".{os.getpid()}")
        part.write_text(text)
        part.chmod(0o700)
        part.rename(script)
    return Path(script)


def _command(browser: Browser) -> list[str]:
    if not browser.sandbox:
        return [browser.program, "--no-sandbox"]
    return as_ordinary_user([browser.program])


def _ensure() -> Browser:
    browser = _recorded()
    if browser is None:
        browser = _first_that_starts(_ladder())
        if browser is None:
            raise CannotStart(
                f"CHROMIUM is {settings.CHROMIUM}, which does not start." if settings.CHROMIUM else MISSING
            )
        _record(browser)
    return browser


def _ladder() -> Iterator[str]:
    """Programs to try, the best first. A step that installs something is taken only when nothing before it started."""
    if settings.CHROMIUM:
        yield settings.CHROMIUM
        return
    yield from _playwrights()
    if _download():
        yield from _playwrights()
    yield from _on_the_machine()
    if _install_package():
        yield from _on_the_machine()


def _on_the_machine() -> list[str]:
    return [found for name in ON_THE_MACHINE if (found := shutil.which(name))]


def _playwrights() -> list[str]:
    """Browsers that Playwright has downloaded, the newest first."""
    folder = env.text("PLAYWRIGHT_BROWSERS_PATH")
    downloads = Path(folder) if folder else Path.home() / ".cache" / "ms-playwright"
    found = [
        program
        for name in PLAYWRIGHT_PROGRAMS
        for program in downloads.glob(f"chromium*/chrom*/{name}")
        if os.access(program, os.X_OK)
    ]
    return [str(program) for program in sorted(found, key=lambda it: it.stat().st_mtime, reverse=True)]


def _first_that_starts(programs: Iterator[str]) -> Browser | None:
    for program in programs:
        for sandbox in (True, False):
            if sandbox and os.geteuid() == 0 and not root_can_pose():
                continue
            browser = Browser(program, sandbox)
            if _starts(browser):
                return browser
    return None


def _starts(browser: Browser) -> bool:
    """Whether the browser shows an empty page."""
    with tempfile.TemporaryDirectory(prefix="scenthound-", ignore_cleanup_errors=True) as profile:
        command = [*_command(browser), "--headless", "--disable-gpu", f"--user-data-dir={profile}", "--dump-dom"]
        with suppress(OSError, subprocess.TimeoutExpired):
            shown = subprocess.run(
                [*command, "about:blank"], capture_output=True, timeout=TRIAL_SECONDS, check=False, cwd="/"
            )
            return b"<html>" in shown.stdout
    return False


def _download() -> bool:
    """Let Playwright download the browser it was tested with. Where its server is out of reach that fails at once."""
    print("Looking for Playwright's Chromium ...", file=sys.stderr)
    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    return _run(command, DOWNLOAD_SECONDS, PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT="10000")


def _install_package() -> bool:
    """Let Debian's package manager bring a browser, where we may."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    print(f"Installing Debian's {DEBIAN_PACKAGES[0]} ...", file=sys.stderr)
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *DEBIAN_PACKAGES]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    return _run(["apt-get", "update"], DOWNLOAD_SECONDS, **quiet) and _run(install, DOWNLOAD_SECONDS, **quiet)


def _run(command: list[str], seconds: float, **environment: str) -> bool:
    """Whether the command ended well within the time; what it said is in DATA_DIR/logs/chromium.log."""
    with (settings.DATA_DIR / "logs" / "chromium.log").open("ab") as output:
        try:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=seconds,
                check=False,
                env=env.with_changes(**environment),
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return ended.returncode == 0


def _recorded() -> Browser | None:
    """What was found before, while it is still there and CHROMIUM names no other."""
    try:
        browser = Browser(**json.loads(_record_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None
    fits = not settings.CHROMIUM or browser.program == settings.CHROMIUM
    return browser if fits and os.access(browser.program, os.X_OK) else None


def _record(browser: Browser) -> None:
    part = _record_file().with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(asdict(browser)))
    part.rename(_record_file())


def _record_file() -> Path:
    return Path(settings.DATA_DIR) / "chromium.json"


def main() -> None:
    env.choose_settings()
    try:
        prepare_folders()
        ensure()
    except (env.BadEnvironment, CannotStart) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
