"""What the code promises about itself: where the environment is read, what is documented, what may not be committed."""

import ast
import re
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from search_index.explain import REASONS

TOP = Path(__file__).resolve().parent.parent
ROOMS = ("config", "research", "search_index")
READERS = {"text", "secret", "flag", "number", "words", "path", "time_zone"}
# A place of this machine or of a registry in a committed file would be somebody's accident.
FORBIDDEN = re.compile(
    r"/work/(?:main|shared)|/root/\.|/opt/(?:wheels|pypi)|/tmp/(?:h-|parts|brief)"
    r"|pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org|\.internal:\d|index-url\s*[=:]\s*http"
)


def sources() -> list[Path]:
    return [TOP / "manage.py", *(path for room in ROOMS for path in (TOP / room).rglob("*.py"))]


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, check=True).stdout.decode()
    return [TOP / name for name in listing.split("\0") if name]


def variables() -> set[str]:
    """The names that config/ reads from the environment; a name built per role counts as its CHAT_ stem."""
    return {name for path in (TOP / "config").glob("*.py") for name in read_names(ast.parse(path.read_text()))}


def read_names(tree: ast.AST) -> Iterator[str]:
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in READERS:
            of_env = isinstance(call.func.value, ast.Name) and call.func.value.id == "env"
            if of_env and call.args and isinstance(call.args[0], ast.Constant):
                yield call.args[0].value


def test_the_environment_is_read_in_one_module_only():
    readers = [
        str(path.relative_to(TOP))
        for path in sources()
        if path != TOP / "config" / "env.py"
        and re.search(r"os\.(environ|getenv)|from os import.*environ", path.read_text())
    ]
    assert readers == []


def test_every_reason_for_which_a_page_is_left_out_has_words():
    raised = re.compile(r"(?:Refused|Unreadable|SourceFailed|RetryLater)\(\s*\"(\w+)\"")
    # Of opening a page, of what is done on it, of measuring and embedding: on no page of the index.
    elsewhere = {"sealed", "deed", "closed", "method", "paused", "crawl", "server"}
    codes = {code for path in (TOP / "search_index").rglob("*.py") for code in raised.findall(path.read_text())}
    assert len(codes) > 20
    assert codes - elsewhere - set(REASONS) == set()


def test_nothing_is_imported_inside_a_function():
    found = [
        f"{path.relative_to(TOP)}:{statement.lineno}"
        for path in sources()
        if "migrations" not in path.parts
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    assert found == []


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(TOP))
        for path in sources()
        if "migrations" not in path.parts
        and path.name != "apps.py"  # Django's own boilerplate
        and path.read_text().strip()
        and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


def test_the_search_for_variables_finds_them():
    assert {"DATA_DIR", "PORT", "CHAT_URL", "SECRET_KEY", "EGRESS_ALLOW", "DEBUG", "TZ"} <= variables()


def test_every_variable_is_in_the_example():
    example = set(re.findall(r"^#?([A-Z_]+)=", (TOP / ".env.example").read_text(), re.MULTILINE))
    assert variables() - example == set()


def test_every_variable_is_in_the_readme():
    readme = (TOP / "README.md").read_text()
    missing = {name for name in variables() if f"`{name}`" not in readme and f"`{name}=" not in readme}
    assert missing == set()


def test_no_committed_file_names_a_machine_or_a_registry():
    found = []
    for path in tracked():
        if path == Path(__file__).resolve() or not path.is_file():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(TOP)}: {match.group()}" for match in FORBIDDEN.finditer(text)]
    assert found == []


def test_no_data_or_secret_is_committed():
    assert [
        path.name for path in tracked() if path.name in {".env", "secret-key", "egress.json"} or "var" in path.parts
    ] == []


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration():
    output = StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=output)
    except SystemExit:
        pytest.fail(output.getvalue())


def test_no_text_that_is_stored_is_called_safe():
    """All text is escaped where it is set: reports have a form of their own, and no HTML of anybody else is rendered,
    so there is nothing to sanitise. The one exception is Django's own help text for a password."""
    escapes = re.compile(r"\|\s*safe(?:seq)?\b|autoescape off|\bmark_safe\b|\bSafeString\(|\bSafeText\b|__html__")
    found = []
    for path in tracked():
        parts = path.relative_to(TOP).parts
        if parts[0] not in {"templates", "research", "search_index", "config"} or path.suffix not in {".py", ".html"}:
            continue
        found += [f"{'/'.join(parts)}: {match.group()}" for match in escapes.finditer(path.read_text())]
    assert found == ["templates/password.html: |safe"]


def test_no_script_and_no_style_stands_in_a_page():
    inline = re.compile(r"<script(?![^>]*\bsrc=)|<style\b|\son[a-z]+=|\sstyle=|javascript:")
    pages = [path for path in tracked() if path.suffix == ".html" and path.relative_to(TOP).parts[0] != "tests"]
    assert [f"{path.name}: {match.group()}" for path in pages for match in inline.finditer(path.read_text())] == []
