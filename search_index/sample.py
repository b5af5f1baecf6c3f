"""The sample source: something to ask at once, made without any network from what is installed already.

Writes the documentation of the libraries that Scenthound stands on as Markdown into DATA_DIR/sample: each package's own
description (its metadata) and the docstrings of its most telling modules, read with `ast`, never imported. They
become a folder source like any other. Made once: who deletes it does not get it back.
Called by `manage.py add_sample` on the first start; `suggestions` by research through api.py.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from search_index import crawl
from search_index.models import Source

NAME = "Libraries"
MOST_WORDS = 2_500  # of a description: some packages append their whole change log
_DECORATION = re.compile(r"^\s*(<.*|\[?!\[.*|\.\. (image|\|).*|:(target|alt|width|height):.*)$")  # badges, logos, HTML
# Each package, and the modules of it whose docstrings say how it behaves. About 400 passages in all: a minute's
# indexing on two cores.
PACKAGES: dict[str, tuple[str, ...]] = {
    "celery": ("celery/app/task.py", "celery/canvas.py", "celery/schedules.py", "celery/exceptions.py"),
    "django": (
        "django/core/signing.py",
        "django/core/paginator.py",
        "django/db/transaction.py",
        "django/db/models/query.py",
        "django/http/response.py",
        "django/utils/crypto.py",
        "django/utils/html.py",
    ),
    "h11": (),
    "httpx2": ("httpx2/_client.py", "httpx2/_config.py", "httpx2/_exceptions.py"),
    "jinja2": (),
    "pgvector": (),
    "playwright": (),
    "protego": (),
    "psycopg": ("psycopg/connection.py", "psycopg/rows.py", "psycopg/sql.py"),
    "psycopg-pool": ("psycopg_pool/pool.py", "psycopg_pool/errors.py"),
    "pydantic": ("pydantic/main.py", "pydantic/fields.py", "pydantic/config.py"),
    "pypdfium2": (),
    "tokenizers": (),
    "trafilatura": ("trafilatura/core.py", "trafilatura/settings.py", "trafilatura/baseline.py"),
    "uvicorn": (),
    "whitenoise": (),
}
SUGGESTED = (
    "Why does pydantic's model_construct raise no error when extra fields are forbidden?",
    "What does psycopg's sql.Identifier represent?",
    "What happens to a Celery task when it raises Reject?",
)


def ensure() -> Source | None:
    """Write the sample and start indexing it, if this DATA_DIR never had it and nothing is indexed yet; the source, or
    None where there is nothing to do."""
    folder = settings.DATA_DIR / "sample"
    if folder.exists() or Source.objects.exists():
        return None
    for name, text in pages():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    source = Source.objects.create(name=NAME, kind=Source.Kind.FOLDER, location=str(folder))
    crawl.start(source)
    return source


def suggestions() -> tuple[str, ...]:
    """Questions that the sample answers well; none where there is no sample (any more)."""
    return SUGGESTED if Source.objects.filter(name=NAME, kind=Source.Kind.FOLDER).exists() else ()


def pages() -> Iterator[tuple[str, str]]:
    """(path, Markdown) of every page of the sample."""
    for package, modules in PACKAGES.items():
        try:
            found = distribution(package)
        except PackageNotFoundError:
            continue
        yield f"{package}/{package}.md", _description(found)
        for module in modules:
            path = Path(str(found.locate_file(module)))
            if path.exists():
                dotted = module.removesuffix(".py").replace("/", ".")
                yield f"{package}/{dotted}.md", _reference(dotted, path.read_text(encoding="utf-8"))


def _description(found: Distribution) -> str:
    metadata = found.metadata.json
    lead = _("%(summary)s Version %(version)s, licence %(licence)s.") % {
        "summary": str(metadata.get("summary", "")).rstrip(".") + ".",
        "version": found.version,
        "licence": str(metadata.get("license_expression") or metadata.get("license", ""))[:60] or _("not stated"),
    }
    lines, words = [f"# {metadata['name']}", "", lead, ""], 0
    for line in str(metadata.get("description", "")).splitlines():
        words += len(line.split())
        if words > MOST_WORDS:
            break
        if not _DECORATION.match(line):
            lines.append(line)
    return "\n".join(lines).strip() + "\n"


def _reference(module: str, code: str) -> str:
    """A module's public classes and functions that say what they do, as Markdown."""
    tree = ast.parse(code)
    parts = [f"# {module}", _docstring(tree)]
    for node in tree.body:
        parts += _entry(node, module)
    return "\n\n".join(part for part in parts if part) + "\n"


def _entry(node: ast.stmt, inside: str) -> list[str]:
    if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
        return []
    name = f"{inside}.{node.name}"
    members = [part for member in node.body for part in _entry(member, name)] if isinstance(node, ast.ClassDef) else []
    said = _docstring(node)
    return [f"## {name}", said, *members] if said or members else []


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return inspect.cleandoc(ast.get_docstring(node) or "")
