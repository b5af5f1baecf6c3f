import pytest
from django.utils import timezone
from lxml.html import fromstring
from markdown_it import MarkdownIt

from research.engine.exhibits import exhibit
from research.engine.markdown import markdown
from research.models import Claim, Evidence, Exhibit, Gap, Report, Run, Step
from search_index.models import Page, Snapshot, Source
from tests.drills.xss import lines

pytestmark = pytest.mark.django_db


@pytest.fixture
def report(owner):
    run = Run.objects.create(owner=owner, question="Who wrote *Larkspur*?", state="done")
    gap = Gap.objects.create(run=run, number=1, question=run.question)
    source = Source.objects.create(name="docs", kind="site", location="http://a.test/")
    report = Report.objects.create(run=run, answer="Tor Vikdal", not_found=["Why?"])
    for number, (url, title) in enumerate([("http://a.test/x", "People"), ("file:docs/y.md", "Notes")], start=1):
        page = Page.objects.create(source=source, url=url)
        snapshot = Snapshot.objects.create(
            page=page, text="Tor wrote it.", sha256=url, title=title, fetched_at=timezone.now()
        )
        page = exhibit(str(run.pk), snapshot.pk)
        Evidence.objects.create(
            run=run,
            number=number,
            gap=gap,
            exhibit=page,
            start=0,
            end=13,
            quote="Tor wrote it.",
        )
    return report


def claim(report: Report, text: str, verdict: str, *numbers: int, section: str = "The beginning") -> None:
    ordinal = report.claims.count() + 1
    made = Claim.objects.create(report=report, ordinal=ordinal, section=section, text=text, verdict=verdict)
    made.evidence.set(Evidence.objects.filter(number__in=numbers))


def test_sentences_carry_the_numbers_of_their_sources(report):
    claim(report, "Tor wrote it.", "supported", 2)
    claim(report, "It was morning.", "partly", 1, 2)
    claim(report, "It was Anna.", "unsupported", 1)
    text = markdown(report)
    assert "# Who wrote \\*Larkspur\\*?\n\n**Tor Vikdal**\n\n## The beginning" in text
    assert "Tor wrote it. \\[1\\] It was morning. \\[2\\]\\[1\\]" in text
    assert "Anna" not in text
    assert "1 sentence was left out" in text
    assert "## Not found\n\n- Why?" in text
    assert "1. Notes, docs\n2. People, <http://a.test/x>" in text


def test_quotations_stand_by_themselves(report):
    claim(report, "def f():\n    pass", "quoted", 1)
    assert "> def f():\n>     pass \\[1\\]" in markdown(report)


def test_nothing_of_a_page_becomes_markup(report):
    claim(report, "![x](http://evil.test/?q) <img src=x> [a](b) # & `c`\n- item", "quoted", 1)
    quoted = [line for line in markdown(report).splitlines() if line.startswith(">")]
    assert quoted == [r"> \!\[x\](http\://evil.test/?q) \<img src=x\> \[a\](b) \# \& \`c\`", r"> \- item \[1\]"]


def test_quotations_that_answer_nothing_are_called_what_they_are(report):
    claim(report, "Tor wrote it.", "quoted", 1)
    assert "does not answer the question" not in markdown(report)
    report.answer = ""
    assert "No answer was found. What came nearest does not answer the question:\n\n## The beginning" in markdown(
        report
    )
    claim(report, "It was morning.", "supported", 2)
    assert "does not answer the question" not in markdown(report)


def test_what_was_tried_stands_under_what_was_not_found(report):
    def step(seq: int, kind: str, **result: object) -> None:
        Step.objects.create(
            run=report.run, seq=seq, key=str(seq), kind=kind, result=result, epoch=1, started_at=timezone.now()
        )

    hit = {"snapshot": 1, "start": 0}
    step(1, "search", query="Larkspur", hits=[hit, {"snapshot": 2, "start": 0}])
    step(2, "search", query="Larkspur [author]", hits=[hit])
    step(3, "open", title="People", url="http://a.test/x", passages=[{"start": 90}], snapshot=2)
    Report.objects.filter(pk=report.pk).update(created_at=timezone.now())
    report.refresh_from_db()
    text = markdown(report)
    assert (
        "- 3 passages were looked at.\n- Searched: “Larkspur”; “Larkspur \\[author\\]”.\n- Read in full: “People”."
        in text
    )


def test_what_could_not_be_opened_is_told_and_of_the_persons_own_addresses_first(report):
    def step(seq: int, kind: str, error: str = "", key: str = "", **result: object) -> None:
        Step.objects.create(
            run=report.run,
            seq=seq,
            key=key or str(seq),
            kind=kind,
            result=result,
            error=error,
            epoch=1,
            started_at=timezone.now(),
        )

    report.run.question = "Who wrote it? http://own.test/a http://own.test/again"
    step(1, "open", "http://own.test/a could not be opened: nobody answers there.")
    step(2, "open", "http://b.test/ could not be opened: it is closed.")
    step(3, "open", "http://own.test/again could not be opened: nobody answers there.", key="gap/1/turn/3/open")
    step(4, "open", key="gap/1/turn/3/open/again/1", title="Again", url="http://own.test/again", snapshot=1)
    step(5, "open", url="http://thin.test/", nothing="it has four words.", **{"from": "web"})
    step(6, "browse", title="A form", url="http://thin.test/", snapshot=2, passages=[{"start": 0}])
    Report.objects.filter(pk=report.pk).update(created_at=timezone.now())
    report.refresh_from_db(fields=["created_at"])
    head, _heading, end = markdown(report).partition("## Not found")
    assert head.count("could not be opened") == 1
    assert r"http\://own.test/a could not be opened: nobody answers there." in head
    assert "Read in full: “Again”; “A form”." in end
    assert r"- http\://b.test/ could not be opened: it is closed." in end
    assert "own.test/again could" not in end


def test_no_reader_of_markdown_finds_script_a_picture_or_a_foreign_link_in_a_report(report):
    """The lines of the xss drill (all of DRILL_XSS where it names them), through a renderer that lets HTML pass."""
    every = lines()
    for start in range(0, len(every), 40):
        report.claims.all().delete()
        report.run.question = report.answer = every[start]
        report.not_found = own = list(every[start : start + 40])
        for place, line in enumerate(own):
            claim(report, line, ("quoted", "supported")[place % 2], 1, section=line)
        page = fromstring(MarkdownIt("commonmark", {"html": True}).render(markdown(report)))
        assert {element.tag for element in page.iter()} <= {
            *("div", "h1", "h2", "p", "strong", "blockquote", "ul", "ol", "li", "a", "pre", "code", "em", "hr", "br")
        }
        assert {link for _element, _attribute, link, _place in page.iterlinks()} <= {"http://a.test/x"}


def test_sources_that_disagree_stand_side_by_side_with_date_and_class(report):
    Exhibit.objects.filter(url="http://a.test/x").update(published_on="2024-05-06", source_class="forum")
    claim(report, "Tor wrote it.", "supported", 1)
    report.disagreements = [
        {
            "about": "Who wrote *it*?",
            "sides": [
                {"says": "Tor_Vikdal", "sources": 1, "evidence": [1]},
                {"says": "Ines", "sources": 1, "evidence": [2]},
            ],
        }
    ]
    text = markdown(report)
    _before, _heading, after = text.partition("## Where sources disagree")
    told = after.partition("## ")[0]
    assert r"Who wrote \*it\*?" in told
    assert r"- **Tor\_Vikdal**" in told
    assert r"\[1\] “Tor wrote it.” (a.test, 2024-05-06, forum)" in told
    assert r"\[2\] “Tor wrote it.” (docs, no date)" in told
    assert "2. Notes, docs" in text


def test_a_doubt_stands_behind_its_sentence(report):
    claim(report, "Tor wrote it.", "supported", 1)
    report.claims.update(caution="One forum alone says so.")
    assert r"Tor wrote it. \[1\] *(One forum alone says so.)*" in markdown(report)


def test_where_no_sources_disagree_nothing_is_said_of_it(report):
    claim(report, "Tor wrote it.", "supported", 1)
    assert "disagree" not in markdown(report)
