import pytest
from django.utils import timezone

from research.engine.exhibits import exhibit
from research.engine.markdown import markdown
from research.models import Claim, Evidence, Exhibit, Gap, Report, Run
from search_index.models import Page, Snapshot, Source

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


def test_where_no_sources_disagree_nothing_is_said_of_it(report):
    claim(report, "Tor wrote it.", "supported", 1)
    assert "disagree" not in markdown(report)
