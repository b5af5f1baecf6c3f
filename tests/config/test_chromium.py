import json
import os
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from config import chromium
from config.errors import CannotStart

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _data(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.CHROMIUM = str(chromium.find() or "")  # what is there: a test downloads nothing
    for name in ("run", "logs"):
        (tmp_path / name).mkdir()


def test_playwright_starts_the_browser_with_its_sandbox_also_as_root():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.launcher(), chromium_sandbox=True)
        page = browser.new_page()
        page.set_content("<h1>Scenthound</h1>")
        assert page.inner_text("h1") == "Scenthound"
        browser.close()
    assert "--no-sandbox" not in chromium.launcher().read_text()


def test_what_was_found_is_kept_and_not_tried_again(settings, monkeypatch):
    found = chromium.ensure()
    settings.CHROMIUM = ""
    monkeypatch.setattr(chromium, "_starts", lambda browser: pytest.fail("tried again"))
    assert chromium.ensure() == found
    assert chromium.find() == found


def test_a_browser_that_is_gone_is_looked_for_again(settings, tmp_path):
    record = tmp_path / "chromium.json"
    record.write_text(json.dumps({"program": "/no/longer/there", "sandbox": True}))
    assert chromium.ensure() == Path(settings.CHROMIUM)
    assert json.loads(record.read_text())["program"] == settings.CHROMIUM


def test_another_setting_goes_before_what_was_found(settings, tmp_path):
    first = chromium.ensure()
    other = tmp_path / "another chromium"
    other.symlink_to(first)
    settings.CHROMIUM = str(other)
    assert chromium.ensure() == other
    shown = subprocess.run([chromium.launcher(), "--version"], capture_output=True, text=True, check=True)
    assert "Chrom" in shown.stdout


def test_a_program_that_is_no_browser_is_refused(settings):
    settings.CHROMIUM = "/bin/true"
    with pytest.raises(CannotStart, match="CHROMIUM is /bin/true, which does not start"):
        chromium.ensure()


def test_a_browser_whose_sandbox_is_blocked_runs_without_it(settings, tmp_path, caplog):
    """As where user namespaces are blocked: it starts only with --no-sandbox, and the log says so."""
    program = tmp_path / "browser"
    program.write_text('#!/bin/sh\ncase "$*" in *--no-sandbox*) echo "<html>";; *) exit 1;; esac\n')
    program.chmod(0o755)
    settings.CHROMIUM = str(program)
    assert "--no-sandbox" in chromium.launcher().read_text()
    assert "without its sandbox" in caplog.text


def test_without_any_browser_the_sentence_says_what_to_do(settings, monkeypatch, tmp_path):
    """Playwright's download is out of reach, nothing is on the machine, and we may install nothing."""
    settings.CHROMIUM = ""
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    monkeypatch.setattr(chromium, "ON_THE_MACHINE", ())
    monkeypatch.setattr(chromium, "_run", lambda command, seconds, **environment: False)
    assert chromium.find() is None
    with pytest.raises(CannotStart, match="apt-get install chromium-headless-shell"):
        chromium.ensure()


def test_a_download_comes_before_the_browser_on_the_machine(settings, monkeypatch, tmp_path):
    on_the_machine = settings.CHROMIUM
    downloaded = tmp_path / "downloads" / "chromium_headless_shell-1" / "chrome-linux" / "headless_shell"

    def download(command, seconds, **environment):
        assert command[-2:] == ["install", "chromium-headless-shell"]
        downloaded.parent.mkdir(parents=True)
        os.symlink(on_the_machine, downloaded)
        return True

    settings.CHROMIUM = ""
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "downloads"))
    monkeypatch.setattr(chromium, "_run", download)
    assert chromium.ensure() == downloaded
