"""Uploads: safe names, checked types and sizes, nothing replaced, nothing kept of what is refused."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from search_index import sources, uploads
from search_index.errors import BadSource
from search_index.models import Source

SUFFIXES = (".md", ".txt", ".pdf")


def sent(name: str, body: bytes = b"Some text.") -> SimpleUploadedFile:
    """A file on its way in, under a name that is not made harmless before it arrives."""
    file = SimpleUploadedFile("harmless", body)
    file._name = name
    return file


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return uploads.new_folder("Papers")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("paper.pdf", "paper.pdf"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\ada\\paper.pdf", "paper.pdf"),
        ("/etc/cron.d/x.txt", "x.txt"),
        (".hidden.md", "hidden.md"),
        ("...", ""),
        ("folder/", ""),
        ("a\x00b\nc.txt", "a_b_c.txt"),
        ("a#1.md", "a_1.md"),  # a number sign would look like a part of a file
        ("Cafe\u0301.md", "Café.md"),
        ("no-ending", ""),
        ("", ""),
    ],
)
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert uploads.safe_name(name) == safe


def test_a_long_name_keeps_its_ending() -> None:
    name = uploads.safe_name("ü" * 300 + ".pdf")
    assert name.endswith(".pdf")
    assert len(name.encode()) <= uploads.NAME_BYTES


def test_files_are_kept_and_the_others_say_why(folder: Path) -> None:
    received = uploads.receive(
        folder, [sent("a.md"), sent("b.exe"), sent("c.txt", b""), sent("../d.txt", b"D"), sent("")], SUFFIXES
    )
    assert [(one.stored, bool(one.why)) for one in received] == [
        ("a.md", False),
        ("", True),
        ("", True),
        ("d.txt", False),
        ("", True),
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["a.md", "d.txt"]
    assert (folder / "d.txt").read_bytes() == b"D"


def test_a_name_that_is_taken_is_numbered_and_the_same_file_is_not_kept_twice(folder: Path) -> None:
    names = [uploads.receive(folder, [sent("a.md", body)], SUFFIXES)[0] for body in (b"one", b"two", b"one", b"two")]
    assert [one.stored for one in names] == ["a.md", "a 2.md", "a.md", "a 2.md"]
    assert "kept as a 2.md" in names[1].why
    assert "there already" in names[2].why
    assert (folder / "a.md").read_bytes() == b"one"
    archive = [uploads.receive(folder, [sent("w.warc.gz", body)], SUFFIXES)[0].stored for body in (b"1", b"2")]
    assert archive == ["w.warc.gz", "w 2.warc.gz"]


def test_a_file_that_lies_about_its_size_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "DOCUMENT_BYTES", 10)
    liar = sent("a.md", b"x" * 100)
    liar.size = 5
    (one,) = uploads.receive(folder, [liar], SUFFIXES)
    assert one.stored == ""
    assert "larger than" in one.why
    assert list(folder.iterdir()) == []


def test_only_folders_of_uploads_are_ever_deleted(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    for place in (precious, tmp_path / "uploads", folder / ".." / ".." / "precious"):
        uploads.discard(place)
        assert place.resolve().exists()
    link = tmp_path / "uploads" / "link"
    link.symlink_to(precious)
    uploads.discard(link)
    assert precious.exists()
    uploads.discard(folder)
    assert not folder.exists()


@pytest.mark.django_db
def test_an_upload_becomes_a_source(folder: Path) -> None:
    source, received = sources.add_upload("My papers", [sent("a.md"), sent("b.png")])
    assert (source.kind, source.name) == ("upload", "My papers")
    assert [one.stored for one in received] == ["a.md", ""]
    assert [document.url for document in sources.documents(source)] == ["file:My papers/a.md"]
    assert sources.add_files(source, [sent("c.txt")])[0].stored == "c.txt"
    assert len(list(sources.documents(source))) == 2


@pytest.mark.django_db
def test_of_an_upload_without_a_document_nothing_stays(folder: Path) -> None:
    with pytest.raises(BadSource, match="cannot be read"):
        sources.add_upload("Pictures", [sent("b.png")])
    assert not Source.objects.exists()
    assert not (folder.parent / "pictures").exists()
    Source.objects.create(name="Taken", kind="folder", location="/tmp")
    with pytest.raises(BadSource, match="called Taken already"):
        sources.add_upload("Taken", [sent("a.md")])


@pytest.mark.django_db(transaction=True)
def test_with_the_source_its_documents_are_deleted(folder: Path) -> None:
    source, _received = sources.add_upload("Mine", [sent("a.md")])
    kept = Path(source.location)
    assert kept.exists()
    sources.delete(source)
    assert not kept.exists()
    assert not Source.objects.exists()


def test_a_path_cannot_be_added_as_an_upload(folder: Path) -> None:
    with pytest.raises(BadSource, match="uploaded in the admin"):
        sources.add(str(folder), kind="upload")
