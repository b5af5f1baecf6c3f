"""Lists of sources: what is written comes back as it was, foreign lists are read, hostile ones do no harm."""

from pathlib import Path

import pytest

from search_index import lists
from search_index.errors import BadSource
from search_index.lists import imported
from search_index.models import Source


def some() -> list[Source]:
    return [
        Source(name="News", kind="feed", location="https://e.org/feed.xml", collection="Daily", boost=1, delay=2.5),
        Source(
            name='Docs, "the" guide',
            kind="site",
            location="https://e.org/docs/",
            allow="/docs/*\n*.html",
            deny="/docs/old/",
            max_pages=50,
            max_depth=0,
            source_class="primary",
            keep_fresh=False,
        ),
        Source(name="=cmd|'/c calc'!A1", kind="page", location="https://e.org/a"),
    ]


def as_source(one: lists.Listed) -> tuple[str, str, str, str, str, str, int, int, float, str, int, bool]:
    source = Source(name=one.name, location=one.location, kind=one.kind, **one.settings)
    return values(source)


def values(source: Source) -> tuple[str, str, str, str, str, str, int, int, float, str, int, bool]:
    return (
        source.name,
        source.location,
        source.kind,
        source.collection,
        source.allow,
        source.deny,
        source.max_pages,
        source.max_depth,
        source.delay,
        source.source_class,
        source.boost,
        source.keep_fresh,
    )


@pytest.mark.parametrize("write", [lists.write_csv, lists.write_opml])
def test_what_is_written_comes_back(write: object) -> None:
    rows = imported(write(some()))  # type: ignore[operator]
    assert [one.problem for one in rows] == ["", "", ""]
    assert [as_source(one) for one in rows] == [values(source) for source in some()]


def test_a_table_holds_no_formulas() -> None:
    assert "\n'=cmd" in lists.write_csv(some()).replace("\r\n", "\n")


def test_in_opml_there_is_what_other_readers_can_use() -> None:
    text = lists.write_opml([*some(), Source(name="Papers", kind="folder", location="/srv/papers")])
    assert 'xmlUrl="https://e.org/feed.xml"' in text
    assert 'type="rss"' in text
    assert "/srv/papers" not in text


def test_the_opml_of_a_feed_reader_is_read() -> None:
    rows = imported(
        """<?xml version="1.0" encoding="UTF-8"?>
        <opml version="1.0"><head><title>Subscriptions</title></head><body>
        <outline text="Science"><outline type="rss" text="A &amp; B" xmlUrl="https://e.org/a" htmlUrl="https://e.org/"/>
        </outline><outline text="A site" type="link" url="https://e.org/site/"/>
        <outline text="Twice" xmlUrl="https://e.org/a"/><outline text="Nothing"/></body></opml>"""
    )
    assert [(one.name, one.kind, one.location, one.collection) for one in rows] == [
        ("A & B", "feed", "https://e.org/a", "Science"),
        ("A site", "", "https://e.org/site/", ""),
        ("Twice", "feed", "https://e.org/a", ""),
    ]
    assert [bool(one.problem) for one in rows] == [False, False, True]
    assert "twice" in rows[2].problem


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_table_of_a_table_program_is_read(between: str) -> None:
    text = "\ufeffName,Location,Max_Pages\r\nDocs,https://e.org/docs/,12\r\n,,\r\nMore,https://e.org/more/,\r\n"
    rows = imported(text.replace(",", between))
    assert [(one.name, one.location, dict(one.settings)) for one in rows] == [
        ("Docs", "https://e.org/docs/", {"max_pages": 12}),
        ("More", "https://e.org/more/", {}),
    ]


def test_a_row_that_is_wrong_says_so_and_keeps_no_other_out() -> None:
    rows = imported(
        "location,kind,max_pages,delay,source_class,keep_fresh\n"
        "https://e.org/a,feed,0,nan,gossip,perhaps\n"
        "https://e.org/b,live,,,,\n"
        "https://e.org/c,,many,,,\n"
        "https://e.org/d,page,5,1.5,news,no\n"
    )
    assert rows[0].problem.count("is no value for") == 4
    assert "no sources of the kind" in rows[1].problem
    assert "max_pages" in rows[2].problem
    assert (rows[3].problem, dict(rows[3].settings)) == (
        "",
        {"source_class": "news", "max_pages": 5, "delay": 1.5, "keep_fresh": False},
    )


@pytest.mark.parametrize("text", ["", "no table", "a,b\n1,2", "<html></html>", "<opml", "\x00", "<"])
def test_what_is_no_list_says_so(text: str) -> None:
    with pytest.raises(BadSource):
        imported(text)


def test_a_list_opens_no_files_and_does_not_explode(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 20}">' for before, name in zip("abcdefg", "bcdefgh", strict=True)
    )
    text = (
        f'<!DOCTYPE opml [<!ENTITY file SYSTEM "file://{tmp_path}/secret">{entities}]>'
        '<opml><body><outline text="x&h;" url="https://e.org/a"/><outline text="y" url="https://e.org/b"/></body></opml>'
    )
    try:
        rows = imported(text)
    except BadSource:
        return
    assert all("secret" not in one.name and len(one.name) < 1000 for one in rows)
