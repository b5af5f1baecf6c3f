"""manage.py add_source: what it prints and how it exits. The worker is the real one, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from search_index.models import Crawl, Source

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.md").write_text("# Terns\n\nTerns fly from pole to pole.")
    (folder / "b.txt").write_text("Larks do not.")
    (folder / "empty.txt").write_text("")
    return folder


def run(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "manage.py", "add_source", *arguments]
    return subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.slow
def test_a_folder_is_added_and_read_on_an_empty_machine(papers: Path, tmp_path: Path) -> None:
    added = run(tmp_path / "data", str(papers), "--name", "Papers", "--wait", "--json")
    assert added.returncode == 0, added.stderr
    outcome: dict[str, Any] = json.loads(added.stdout)
    assert outcome["name"] == "Papers"
    assert outcome["kind"] == "folder"
    assert outcome["crawl"] == "done"
    assert outcome["pages"] == {"fetched": 2, "unchanged": 0, "refused": 0, "failed": 1, "waiting": 0}
    assert outcome["reasons"] == {"empty": 1}
    assert outcome["passages"] == 2
    assert "2 read" in added.stderr
    again = run(tmp_path / "data", str(papers), "--wait")
    assert again.returncode == 0
    assert "2 unchanged" in again.stdout


@pytest.mark.slow
def test_what_cannot_be_read_exits_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    failed = run(tmp_path / "data", str(tmp_path / "nothing"), "--wait", "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["crawl"] == "failed"
    assert "nothing" in failed.stderr


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["/no/such/folder", "--kind", "folder"], "There is no folder /no/such/folder."),
        (["no-such-place"], "neither a web address nor a folder"),
        (["http://user@example.org/"], "cannot be used"),
    ],
)
def test_a_location_that_is_none_is_bad_usage(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says) as failure:
        call_command("add_source", *arguments)
    assert failure.value.returncode == 2
    assert not Source.objects.exists()


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_limit_that_is_no_number_of_pages_is_bad_usage(number: str) -> None:
    with pytest.raises(CommandError, match="not a whole number of at least 1"):
        call_command("add_source", "no-such-place", "--max-pages", number)


@pytest.mark.django_db
def test_without_waiting_the_source_is_there_and_its_crawl_waits(
    papers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("add_source", str(papers), "--json", "--max-pages", "7")
    outcome = json.loads(capsys.readouterr().out)
    source = Source.objects.get()
    assert (outcome["source"], outcome["crawl"]) == (source.pk, "queued")
    assert source.max_pages == 7
    assert Crawl.objects.get(source=source).state == "queued"
