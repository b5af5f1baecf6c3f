"""Sources: locations are checked with a sentence, scopes hold what belongs, documents are found in order."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from search_index import fetch as fetching
from search_index import sitemap, sources
from search_index.errors import BadSource, Refused
from search_index.models import Source
from tests.fakes.site import Answer, Site

Kind = Source.Kind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.md", "a.html", "sub/c.txt", "sub/.hidden.md", ".git/d.md", "picture.png"):
        path = tmp_path / "documents" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# The text of {name}")
    return tmp_path / "documents"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    entries = [{"_id": str(number), "title": f"Title {number}", "text": f"Text {number}."} for number in range(3)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(json.dumps(entry) for entry in entries) + "\n")
    return tmp_path


def scope(location: str, kind: str = Kind.SITE) -> sources.Scope:
    return sources.scope(Source(kind=kind, location=location))


def test_the_kind_is_guessed_from_the_location(folder: Path, tmp_path: Path, dataset: Path) -> None:
    assert sources.guess_kind("https://example.org/docs/") == Kind.SITE
    assert sources.guess_kind("https://example.org/sitemap_index.xml") == Kind.SITEMAP
    assert sources.guess_kind(str(folder)) == Kind.FOLDER
    assert sources.guess_kind(str(folder / "b.md")) == Kind.FILE
    assert sources.guess_kind(str(dataset)) == Kind.BEIR


@pytest.mark.parametrize(
    ("kind", "location", "says"),
    [
        (Kind.SITE, "example.org", "begins with http"),
        (Kind.SITE, "https://user:word@example.org/", "cannot be used"),
        (Kind.SITE, "file:///etc/passwd", "cannot be used"),
        (Kind.SITEMAP, "ftp://example.org/sitemap.xml", "cannot be used"),
        (Kind.FOLDER, "/no/such/folder", "There is no folder /no/such/folder."),
        (Kind.FILE, "/no/such/file.md", "There is no file /no/such/file.md."),
        (Kind.FILE, "/etc/hostname", "no document that can be read"),
        (Kind.BEIR, "/", "no BEIR dataset"),
        (Kind.LIVE, "anything", "makes itself"),
        ("", "no-such-thing", "neither a web address nor a folder"),
    ],
)
@pytest.mark.django_db
def test_a_bad_location_is_refused_with_a_sentence(kind: str, location: str, says: str) -> None:
    with pytest.raises(BadSource, match=says):
        sources.add(location, kind=kind)
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("url", "belongs"),
    [
        ("https://example.org/docs/", True),
        ("https://example.org/docs/a/b.html?page=2", True),
        ("https://www.example.org/docs/a", True),
        ("http://example.org/docs/a", True),
        ("https://example.org/docs/manual.pdf", True),
        ("https://example.org/", False),
        ("https://example.org/documents/", False),
        ("https://example.org:8443/docs/", False),
        ("https://other.example.org/docs/", False),
        ("https://example.org.evil.net/docs/", False),
        ("https://example.org/docs/../private/", False),
        ("https://example.org/docs/logo.PNG", False),
        ("https://example.org/docs/release.tar.gz", False),
        ("mailto:someone@example.org", False),
        ("https://example.org\\@evil.net/docs/", False),
    ],
)
def test_a_site_holds_what_lies_below_its_folder(url: str, belongs: bool) -> None:
    assert scope("https://example.org/docs/index.html").holds(url) is belongs


def test_a_sitemap_holds_its_whole_host() -> None:
    assert scope("https://example.org/maps/sitemap.xml", Kind.SITEMAP).holds("https://example.org/docs/a")


def test_documents_of_a_folder_are_found_in_order_without_hidden_ones(folder: Path) -> None:
    source = Source(name="Papers", kind=Kind.FOLDER, location=str(folder))
    assert [document.url for document in sources.documents(source)] == [
        "file:Papers/a.html",
        "file:Papers/b.md",
        "file:Papers/sub/c.txt",
    ]


def test_a_link_that_leads_out_of_the_folder_is_not_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "leak.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "elsewhere").symlink_to(tmp_path)
    source = Source(name="Papers", kind=Kind.FOLDER, location=str(folder))
    leaks = [document for document in sources.documents(source) if "leak" in document.url or "secret" in document.url]
    assert [document.url for document in leaks] == ["file:Papers/leak.txt"]
    with pytest.raises(Refused) as refusal:
        sources.read(source, leaks[0])
    assert refusal.value.reason == "scope"


def test_a_file_that_is_too_large_is_refused(folder: Path) -> None:
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(sources.DOCUMENT_BYTES + 1)
    source = Source(name="Papers", kind=Kind.FOLDER, location=str(folder))
    (huge,) = [document for document in sources.documents(source) if "huge" in document.url]
    with pytest.raises(Refused) as refusal:
        sources.read(source, huge)
    assert refusal.value.reason == "size"


def test_a_dataset_gives_its_documents_or_says_which_line_is_broken(dataset: Path) -> None:
    source = Source(name="Trivia", kind=Kind.BEIR, location=str(dataset))
    assert [(document.url, document.title) for document in sources.documents(source)][1] == ("beir:Trivia/1", "Title 1")
    with (dataset / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "4"}\n')
    with pytest.raises(BadSource, match="Line 4"):
        list(sources.documents(source))


@pytest.mark.django_db
def test_adding_a_location_again_gives_the_source_that_is_there(folder: Path) -> None:
    first = sources.add(str(folder))
    assert first.name == "documents"
    assert first.max_pages == sources.LOCAL_PAGES
    assert sources.add(f"{folder}/").pk == first.pk
    assert sources.add(str(folder), name="Another").pk != first.pk
    with pytest.raises(BadSource, match="called Another already"):
        sources.add(str(folder / "sub"), name="Another")


@pytest.mark.django_db
def test_names_are_made_from_the_location_and_never_clash() -> None:
    assert sources.add("https://www.example.org/docs/index.html").name == "example.org/docs"
    assert sources.add("https://example.org/docs/other.html").name == "example.org/docs 2"


@pytest.fixture
async def _door(egress: str) -> AsyncIterator[None]:
    yield
    await fetching.close()


def listing(*urls: str, root: str = "urlset") -> str:
    item = "sitemap" if root == "sitemapindex" else "url"
    return f"<{root}>{''.join(f'<{item}><loc>{url}</loc></{item}>' for url in urls)}</{root}>"


@pytest.mark.usefixtures("_door")
async def test_a_sitemap_index_leads_to_packed_and_plain_sitemaps(site: Site) -> None:
    site.pages["/map.xml"] = listing(
        f"{site.url}/1.xml.gz", f"{site.url}/2.txt", f"{site.url}/3.xml", root="sitemapindex"
    )
    site.pages["/1.xml.gz"] = gzip.compress(listing("https://e.org/a", "https://e.org/b").encode())
    site.pages["/2.txt"] = Answer("https://e.org/b\nhttps://e.org/c\nnonsense", headers={"Content-Type": "text/plain"})
    assert await sitemap.urls(f"{site.url}/map.xml", 0) == ["https://e.org/a", "https://e.org/b", "https://e.org/c"]


@pytest.mark.usefixtures("_door")
async def test_a_sitemap_opens_no_files(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("https://e.org/secret")
    site.pages["/map.xml"] = (
        f'<!DOCTYPE urlset [<!ENTITY file SYSTEM "file://{tmp_path}/secret">]>'
        "<urlset><url><loc>&file;</loc></url><url><loc>https://e.org/a</loc></url></urlset>"
    )
    assert await sitemap.urls(f"{site.url}/map.xml", 0) == ["https://e.org/a"]


@pytest.mark.usefixtures("_door")
async def test_a_sitemap_does_not_explode(site: Site) -> None:
    entities = '<!ENTITY a "https://e.org/x">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 20}">' for before, name in zip("abcdefg", "bcdefgh", strict=True)
    )
    site.pages["/map.xml"] = f"<!DOCTYPE urlset [{entities}]><urlset><url><loc>&h;</loc></url></urlset>"
    assert await sitemap.urls(f"{site.url}/map.xml", 0) == []


@pytest.mark.usefixtures("_door")
async def test_what_is_no_sitemap_says_so(site: Site) -> None:
    with pytest.raises(BadSource, match="no sitemap"):
        await sitemap.urls(f"{site.url}/faq.html", 0)
    site.pages["/bomb.xml.gz"] = gzip.compress(b" " * (sitemap.MAX_BYTES + 1))
    with pytest.raises(Refused):
        await sitemap.urls(f"{site.url}/bomb.xml.gz", 0)


@pytest.mark.usefixtures("_door")
async def test_a_sitemap_that_leads_to_itself_ends(site: Site) -> None:
    site.pages["/map.xml"] = listing(f"{site.url}/map.xml", f"{site.url}/map2.xml", root="sitemapindex")
    site.pages["/map2.xml"] = listing(f"{site.url}/map.xml", root="sitemapindex")
    assert await sitemap.urls(f"{site.url}/map.xml", 0) == []


def test_an_address_that_cannot_be_read_is_said_to_be_none() -> None:
    with pytest.raises(BadSource):
        sources.guess_kind("http://[bad")
