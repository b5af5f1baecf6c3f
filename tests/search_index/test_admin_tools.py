"""The operator's pages that belong to no single row: why (not), copies, refusals, blocklist, search taken apart,
statistics, uploads, lists of sources; and the larger deeds: reading from scratch, taking out, taking anyway."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from search_index import blocklist, crawl, explain, rerank
from search_index.admin.charts import bars
from search_index.admin.exchange import proposals
from search_index.figures import figures
from search_index.lease import claim
from search_index.lists import read_csv, read_opml, write_csv, write_opml
from search_index.models import Crawl, EmbeddingModel, Host, Page, Passage, Snapshot, Source, Vector
from search_index.query import search
from tests.fakes.embedding_server import EmbeddingServer
from tests.fakes.filled import FIRST, Filled, counts, depart, filled, past_crawl, put, refuse
from tests.fakes.rows import HOSTILE

TOOLS = ("why", "search", "copies", "refused", "blocklist", "egress", "statistics", "uploads", "exchange")


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password="operator-password"))
    return client


@pytest.fixture
def index(db: None) -> Filled:
    return filled()


def text_of(client: Client, address: str, **asked: Any) -> str:
    answer = client.get(address, asked)
    assert answer.status_code == 200, address
    return answer.content.decode()


def source_url(name: str, source: Source, *more: str) -> str:
    return reverse(f"admin:search_index_source_{name}", args=[source.pk, *more])


# --- who may, how dear, how safe ---


@pytest.mark.parametrize("name", TOOLS)
def test_a_page_is_for_staff_with_the_right_to_it(name: str, operator: Client, owner_client: Client) -> None:
    address = reverse(f"index:{name}")
    text_of(operator, address)
    assert owner_client.get(address).status_code == 302
    assert Client().get(address).status_code == 302
    staff = Client()
    staff.force_login(User.objects.create_user("staff", password="staff-password", is_staff=True))
    assert staff.get(address).status_code == 403


def test_who_may_only_look_changes_nothing(operator: Client, index: Filled) -> None:
    looking = User.objects.create_user("looking", password="looking-password", is_staff=True)
    looking.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = Client()
    client.force_login(looking)
    before = counts()
    for address, given in (
        (reverse("index:page-do", args=[index.refused.pk, "take"]), {}),
        (reverse("index:blocklist-do", args=["block"]), {"host": "docs.example"}),
        (reverse("index:uploads"), {"name": "Mine"}),
        (reverse("index:exchange"), {"text": "location\nhttps://a.example/", "add": "yes"}),
        (source_url("do", index.docs, "reindex"), {}),
        (reverse("admin:search_index_source_delete", args=[index.docs.pk]), {"post": "yes"}),
    ):
        assert client.post(address, given).status_code == 403, address
    assert counts() == before
    assert "Take it anyway" not in text_of(client, reverse("index:refused"))
    assert "Block docs.example" not in text_of(client, reverse("index:copies"))


@pytest.mark.parametrize(
    "address",
    [
        "/admin/index/why?url=https://docs.example/guide",
        "/admin/index/copies",
        "/admin/index/copies?only=conflicts",
        "/admin/index/refused",
        "/admin/index/blocklist",
        "/admin/index/blocklist?host=docs.example&host=spam.example",
        "/admin/index/egress",
        "/admin/index/statistics",
        "/admin/index/uploads",
        "/admin/index/search?q=jobs+in+rows",
        "/admin/search_index/host/",
        "/admin/search_index/source/",
    ],
)
def test_more_rows_take_no_more_queries(operator: Client, address: str) -> None:
    filled(1)
    depart(whose="source-1", verdict="address")

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            text_of(operator, address)
        return len(caught)

    queries()  # content types and the like are remembered from here on
    few = queries()
    for number in range(4):
        source = Source.objects.create(name=f"More {number}", kind="site", location=f"https://more{number}.example/")
        past_crawl(source, 2, reasons={"robots": 3})
        past_crawl(source, 1, reasons={"robots": 5})
        first = put(source, f"https://more{number}.example/a")
        Page.objects.filter(pk=first.pk).update(cluster=first.pk)
        put(source, f"https://more{number}.example/b", cluster=first.pk, conflict="5 here")
        put(
            source,
            f"https://more{number}.example/d",
            conflict=f"https://more{number}.example/e says “5” instead of “3”",
        )
        put(
            source,
            f"https://more{number}.example/e",
            conflict=f"https://more{number}.example/d says “3” instead of “5”",
        )
        refuse(source, f"https://more{number}.example/c", "spam", signals={"words": 3})
        Host.objects.create(name=f"more{number}.example", standing="blocked")
        for verdict in ("passed", "address"):
            depart(whose=f"source-{source.pk}", host=f"more{number}.example", verdict=verdict)
    assert queries() == few


def test_no_page_needs_an_inline_script_or_style_and_all_text_is_escaped(operator: Client) -> None:
    source = Source.objects.create(name=HOSTILE, kind="site", location="https://x.example/", collection=HOSTILE)
    first = put(source, f"https://x.example/{HOSTILE}", title=HOSTILE)
    Page.objects.filter(pk=first.pk).update(cluster=first.pk)
    put(source, "https://x.example/b", cluster=first.pk, conflict=HOSTILE)
    refused = refuse(source, "https://x.example/c", "spam", detail=HOSTILE, signals={HOSTILE: HOSTILE})
    past_crawl(source, 2, reasons={HOSTILE: 3})
    past_crawl(source, 1, reasons={HOSTILE: 4})
    Host.objects.create(name="x.example", standing="poison", reason=HOSTILE)
    depart(whose=HOSTILE[:60], host=HOSTILE, address=HOSTILE[:45], verdict=HOSTILE[:20])
    addresses = [
        *(reverse(f"index:{name}") for name in TOOLS),
        f"/admin/index/why?url={HOSTILE}",
        "/admin/index/why?url=https://x.example/c",
        f"/admin/index/search?q={HOSTILE}+jobs",
        "/admin/index/blocklist?host=x.example",
        "/admin/search_index/host/",
        "/admin/search_index/source/",
        "/admin/",
        source_url("change", source),
        source_url("reindex", source),
        source_url("delete", source),
        reverse("admin:search_index_page_change", args=[refused.pk]),
    ]
    for address in addresses:
        shown = text_of(operator, address)
        for unsafe in ("<style", " style=", " onclick=", "<script>", "<img src=x"):
            assert unsafe not in shown, (address, unsafe)


# --- why (not) ---


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://docs.example/guide", "It is in the index with 2 passages"),
        ("docs.example/guide/", "It is in the index with 2 passages"),  # as a person types it
        ("http://docs.example/guide", "It is in the index with 2 passages"),
        ("https://docs.example/private/0", "it was refused: forbidden by robots.txt"),
        ("https://docs.example/slow/0", "it failed: no answer in time"),
        ("https://docs.example/never-linked", "but Docs of the example project would take it"),
        ("https://elsewhere.example/", "no source would take it"),
        ("https://calendar.example/2031", "calendar.example: a crawler trap</span> Of 50 pages"),
        ("https://user:secret@docs.example/", "The address"),
        ("ftp://docs.example/", "Only addresses that begin with"),
        ("file:Papers/none.pdf", "No page of the index has this address,"),
    ],
)
def test_any_address_is_told_why_it_is_in_the_index_or_not(
    operator: Client, index: Filled, url: str, said: str
) -> None:
    assert said in text_of(operator, reverse("index:why"), url=url)


def test_the_search_in_the_pages_leads_to_the_answer(operator: Client, index: Filled) -> None:
    shown = text_of(operator, reverse("admin:search_index_page_changelist"), q="docs.example/nowhere")
    assert f"{reverse('index:why')}?url=docs.example/nowhere" in shown


# --- copies and refusals ---


def test_a_cluster_shows_the_one_that_stands_for_all_and_what_contradicts_it(operator: Client, index: Filled) -> None:
    shown = text_of(operator, reverse("index:copies"))
    assert shown.index("the one shown") < shown.index("contradicts it") < shown.index("a copy")
    assert "keeps 5 jobs" in shown
    assert "3 pages" in shown
    assert "1 contradiction" in shown
    assert "keeps 5 jobs" in text_of(operator, reverse("index:copies"), only="conflicts")
    assert "keeps 5 jobs" in text_of(operator, reverse("index:copies"), page=str(index.copy.pk))
    assert "No page is a copy" in text_of(operator, reverse("index:copies"), page=str(index.refused.pk))
    assert "No page is a copy" in text_of(operator, reverse("index:copies"), cluster="999999")


def test_two_pages_that_contradict_each_other_are_shown_with_what_each_says(operator: Client, index: Filled) -> None:
    """Such pages are not merged: they have no cluster."""
    one, other = put(index.docs, "https://docs.example/jobs"), put(index.docs, "https://spam.example/jobs")
    Page.objects.filter(pk=one.pk).update(conflict=f"{other.url} says “5 jobs” instead of “3 jobs” (… keeps …)")
    Page.objects.filter(pk=other.pk).update(
        conflict=f"{one.url} says “3 jobs” instead of “5 jobs” (… keeps …)\n"
        "https://gone.example/ says “9” instead of “5” (… jobs …)"
    )
    answer = operator.get(reverse("index:copies"), {"only": "conflicts"})
    told = {tuple((side.url, side.says) for side in one.sides) for one in answer.context["contradictions"]}
    assert (
        (one.url, "“3 jobs” instead of “5 jobs” (… keeps …)"),
        (other.url, "“5 jobs” instead of “3 jobs” (… keeps …)"),
    ) in told
    assert len(told) == 3  # those two once, the one that is gone, and the one that the index was filled with
    shown = answer.content.decode()
    assert "“3 jobs” instead of “5 jobs”" in shown
    assert "“5 jobs” instead of “3 jobs”" in shown
    assert "not in the index any more" in shown
    assert "3 contradictions" in shown
    assert "Block spam.example" in shown


def test_what_is_refused_for_its_text_is_shown_with_what_was_measured(operator: Client, index: Filled) -> None:
    shown = text_of(operator, reverse("index:refused"))
    for said in ("cheap-pills", "0.213", "top word", "48 were days of one calendar"):
        assert said in shown
    assert "private/0" not in shown  # robots.txt is not about its text
    assert "tags/0" not in text_of(operator, reverse("index:refused"), reason="spam")
    robots = Page.objects.get(url__endswith="private/0")
    assert "Take it anyway" not in text_of(operator, reverse("admin:search_index_page_change", args=[robots.pk]))
    assert "Take it anyway" in text_of(operator, reverse("admin:search_index_page_change", args=[index.refused.pk]))


def test_a_refused_page_is_taken_by_the_operators_word_and_judged_again_by_another(
    operator: Client, index: Filled
) -> None:
    answer = operator.post(
        reverse("index:page-do", args=[index.refused.pk, "take"]), {"back": reverse("index:refused")}
    )
    assert answer.headers["Location"] == reverse("index:refused")
    index.refused.refresh_from_db()
    assert (index.refused.override, index.refused.state) == (True, "queued")
    assert index.docs.crawls.filter(state="queued").exists()
    assert "Taken by your word" in text_of(operator, reverse("index:refused"))
    operator.post(reverse("index:page-do", args=[index.refused.pk, "judge"]), {"back": "https://evil.example/"})
    index.refused.refresh_from_db()
    assert not index.refused.override
    assert operator.post(reverse("index:page-do", args=[index.refused.pk, "explode"])).status_code == 404


def test_nobody_is_sent_to_another_site(operator: Client, index: Filled) -> None:
    for back in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = operator.post(reverse("index:page-do", args=[index.refused.pk, "judge"]), {"back": back})
        assert answer.headers["Location"] == reverse("admin:search_index_page_change", args=[index.refused.pk])


# --- the blocklist ---


def test_a_pasted_list_is_shown_with_its_consequences_before_anything_happens(operator: Client, index: Filled) -> None:
    given = {"hosts": "docs.example # the docs\nhttps://Mirror.example/x\n\nnot a host\n", "why": "Copies us."}
    shown = operator.post(reverse("index:blocklist"), given).content.decode()
    pages = Passage.objects.filter(host="docs.example").values("snapshot").distinct().count()
    assert f"Pages that leave the search at once: {pages + 1}, with {2 * (pages + 1)} passages." in shown
    assert "These lines name no host: not a host" in shown
    assert "Block these 2 hosts" in shown
    assert not Host.objects.filter(name="mirror.example").exists()


def test_blocking_takes_a_host_out_of_the_search_at_once_and_undo_brings_it_back(
    operator: Client, index: Filled
) -> None:
    assert any(hit.host == "mirror.example" for hit in search("mirror", hosts=["mirror.example"]))
    operator.post(reverse("index:blocklist-do", args=["block"]), {"host": "mirror.example", "why": "Copies us."})
    assert search("mirror", hosts=["mirror.example"]) == []
    index.copy.refresh_from_db()
    assert (index.copy.state, index.copy.reason, index.copy.detail) == ("refused", "blocked", "Copies us.")
    assert index.copy.snapshots.count() == 1  # reports may cite it
    assert Passage.objects.filter(host="docs.example").exists()
    shown = text_of(operator, reverse("index:blocklist"))
    assert "Just blocked: mirror.example" in shown
    operator.post(reverse("index:blocklist-do", args=["unblock"]), {"host": "mirror.example"})
    index.copy.refresh_from_db()
    assert (index.copy.state, index.copy.reason) == ("queued", "")
    assert Host.objects.get(name="mirror.example").standing == ""
    assert index.docs.crawls.filter(state="queued").exists()
    assert "Just blocked" not in text_of(operator, reverse("index:blocklist"))


def test_hosts_below_a_blocked_one_go_with_it_and_namesakes_stay(db: None) -> None:
    source = Source.objects.create(name="S", kind="site", location="https://pills.example/")
    gone = [put(source, f"https://{host}/") for host in ("pills.example", "www.pills.example", "pills.example:8080")]
    stays = [put(source, f"https://{host}/") for host in ("notpills.example", "pills.example.org")]
    (told,) = blocklist.consequences(["pills.example"])
    assert (told.pages, told.passages, told.below) == (3, 6, ("www.pills.example",))
    assert blocklist.block(["pills.example"]) == 3
    assert {page.pk for page in Page.objects.filter(state="refused")} == {page.pk for page in gone}
    assert {page.pk for page in Page.objects.filter(state="indexed")} == {page.pk for page in stays}
    assert blocklist.unblock(["pills.example"]) == 3


def test_what_was_cut_off_as_a_trap_can_be_opened(operator: Client, index: Filled) -> None:
    page = refuse(index.docs, "https://calendar.example/2031", "trap")
    host = Host.objects.get(name="calendar.example")
    assert "Open it again" in text_of(operator, reverse("admin:search_index_host_change", args=[host.pk]))
    operator.post(reverse("index:blocklist-do", args=["unblock"]), {"host": host.name})
    host.refresh_from_db()
    page.refresh_from_db()
    assert (host.standing, page.state) == ("trusted", "queued")


def test_a_hosts_page_tells_its_manners(operator: Client, index: Filled) -> None:
    host = Host.objects.get(name="docs.example")
    address = reverse("admin:search_index_host_change", args=[host.pk])
    assert "within 0.2 s of late" in operator.get(address).content.decode()
    Host.objects.filter(pk=host.pk).update(busy=3, free_at=timezone.now() + timedelta(minutes=20))
    said = operator.get(address).content.decode()
    assert "3 times in a row that it is busy" in said
    assert "left alone until" in said


def test_hosts_and_sources_are_boosted_and_buried(operator: Client, index: Filled) -> None:
    for model, row in (("host", Host.objects.get(name="spam.example")), ("source", index.broken)):
        for action, boost in (("boost_selected", 1), ("bury_selected", -1), ("neutral_selected", 0)):
            given = {"action": action, "_selected_action": [row.pk]}
            assert operator.post(reverse(f"admin:search_index_{model}_changelist"), given).status_code == 302
            row.refresh_from_db()
            assert row.boost == boost


def test_the_action_on_hosts_shows_what_blocking_means_first(operator: Client, index: Filled) -> None:
    given = {"action": "block_selected", "_selected_action": [Host.objects.get(name="docs.example").pk]}
    answer = operator.post(reverse("admin:search_index_host_changelist"), given)
    assert "What blocking them means" in answer.content.decode()
    assert Host.objects.get(name="docs.example").standing == ""


# --- the search taken apart ---


def test_a_hit_is_explained_by_its_terms_its_parts_and_the_operators_weights(operator: Client, index: Filled) -> None:
    shown = text_of(operator, reverse("index:search"), q="jobs unicorns", mode="hybrid")
    assert "Explain this result" in shown
    for said in ("job", "unicorn", "meaning", "words", "weight", "Docs of the example project: boost", "primary"):
        assert said in shown
    assert FIRST in shown


def test_the_preview_is_narrowed_as_the_search_is(operator: Client, index: Filled) -> None:
    def hits(**asked: str) -> set[str]:
        answer = operator.get(reverse("index:search"), {"q": "jobs in rows", **asked})
        return {shown.hit.url for shown in answer.context["hits"]}

    assert hits(host="mirror.example") == {index.copy.url}
    assert hits(collection="Manuals")
    assert hits(source=str(index.broken.pk)) == set()
    assert hits(since="2020-01-01") == set()  # none of them has a date
    assert hits(mode="lexical")
    assert "Select a valid choice" in text_of(operator, reverse("index:search"), q="jobs", mode="magic")


def test_what_the_reranker_says_is_shown_where_there_is_one(
    operator: Client, index: Filled, embedding_server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "reranker" not in text_of(operator, reverse("index:search"), q="jobs in rows")
    monkeypatch.setattr(rerank, "_silent_until", {})
    monkeypatch.setattr(rerank, "_troubles", {})
    monkeypatch.setenv("RERANK_URL", embedding_server.url)
    shown = text_of(operator, reverse("index:search"), q="jobs in rows")
    assert "reranker" in shown
    assert "not reranked" not in shown
    embedding_server.fail("unauthorised")
    shown = text_of(operator, reverse("index:search"), q="jobs in rows")
    assert FIRST in shown
    assert "not reranked" in shown
    assert "refused the key" in shown


# --- statistics ---


def test_the_statistics_count_what_there_is(operator: Client, index: Filled) -> None:
    shown = figures()
    assert [table.rows for table in shown.counts] == [
        Source.objects.count(), Page.objects.count(), Snapshot.objects.count(), Passage.objects.count(),
        Passage.objects.count(),
    ]  # fmt: skip
    assert shown.hosts[0].label == "docs.example"
    assert shown.hosts[0].count == Passage.objects.filter(host="docs.example").count()
    assert sum(one.count for one in shown.states) == Page.objects.count()
    assert all(table.total > 0 for table in shown.tables)
    assert shown.days[-1] == (timezone.localdate(), Snapshot.objects.count())
    assert sum(model.made for model in shown.models) == Passage.objects.count()
    assert "docs.example" in text_of(operator, reverse("index:statistics"))


def test_the_statistics_say_how_far_another_model_is_and_what_keeps_it(operator: Client, index: Filled) -> None:
    shown = text_of(operator, reverse("index:statistics"))
    assert "Searches use bge-small-en-v1.5." in shown
    assert "trouble" not in shown
    model = EmbeddingModel.objects.create(name="other/model", dimensions=0, trouble="The server <x> refused the key.")
    assert "other/model takes over when it is filled; it has not answered yet." in text_of(
        operator, reverse("index:statistics")
    )
    EmbeddingModel.objects.filter(pk=model.pk).update(dimensions=32)
    passages = list(Passage.objects.all())
    Vector.objects.bulk_create(Vector(passage=passage, model=model) for passage in passages)
    shown = text_of(operator, reverse("index:statistics"))
    assert f"other/model takes over when it is filled: 0 of {len(passages)} passages so far." in shown
    assert "The server &lt;x&gt; refused the key." in shown
    assert "trouble" in shown
    EmbeddingModel.objects.filter(pk=model.pk).update(state="retired", trouble="")
    assert "other/model is replaced; its vectors are being deleted." in text_of(operator, reverse("index:statistics"))


def test_of_a_large_table_the_estimate_is_shown_and_called_one(
    operator: Client, index: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE search_index_passage")
    monkeypatch.setattr("search_index.figures.EXACT_ROWS", 0)
    shown = figures()
    assert shown.about
    assert shown.rows(Passage).rows == Passage.objects.count()
    assert "docs.example" in [host.label for host in shown.hosts]
    assert "about" in text_of(operator, reverse("index:statistics"))


def test_vectors_that_wait_are_counted(db: None, index: Filled) -> None:
    Vector.objects.filter(passage__source=index.docs).update(embedding=None)
    assert figures().models[0].waiting == Passage.objects.count()
    assert explain.progress(index.docs).vectors == Passage.objects.count()


# --- a source: refusals over time, live crawl, freshness, from scratch, out ---


def test_the_refusals_of_a_source_are_drawn_crawl_by_crawl(operator: Client, index: Filled) -> None:
    shown = text_of(operator, source_url("change", index.docs))
    assert "forbidden by robots.txt: 2, 2, 5, 5, 14, 4" in shown
    assert "too little text: 9, 7, 7, 3, 3, 3" in shown
    courses = explain.reasons_over_time(index.docs)
    assert [course.last for course in courses] == [4, 3, 1]
    assert explain.reasons_over_time(index.broken) == []


def test_bars_are_drawn_to_one_scale_and_what_is_not_nothing_is_seen() -> None:
    drawn = bars("Of something", [0, 1, 1000], ["a", "b", "c"])
    assert [bar.height for bar in drawn.bars] == [0, 2, 40]
    assert bars("Lower", [500], ["a"], 1000).bars[0].height == 20
    assert bars("Nothing", [], []).width >= 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_crawl_notes_its_reasons_and_when_each_page_was_tried(tmp_path: Path) -> None:
    links = "".join(f'<li><a href="https://a.example/{n}">Section number {n} of the list</a></li>' for n in range(40))
    (tmp_path / "good.md").write_text("# Good\n\n" + "A sentence that says something. " * 20)
    (tmp_path / "list.html").write_text(f"<title>List</title><main><ul>{links}</ul></main>")
    source = Source.objects.create(name="Notes", kind="folder", location=str(tmp_path), delay=0)
    begun = crawl.start(source)
    asyncio.run(crawl.crawl(begun.pk))
    begun.refresh_from_db()
    assert (begun.state, begun.reasons) == ("done", {"links": 1})
    assert source.pages.filter(tried_at__isnull=False).count() == 2


def test_the_live_view_shows_the_pace_the_work_and_the_latest_pages(operator: Client, index: Filled) -> None:
    now = timezone.now()
    Crawl.objects.create(
        source=index.docs,
        state="running",
        started_at=now - timedelta(minutes=5),
        lease_until=now + timedelta(minutes=1),
        seconds={"embed": 90.0, "fetch": 10.0},
    )
    shown = text_of(operator, source_url("progress", index.docs))
    for said in ("pages a second", "Looked at last", "embedding", "90.0", "wait for vectors", "tags/5"):
        assert said in shown
    lately = Page.objects.filter(source=index.docs, tried_at__isnull=False).count()
    progress = explain.progress(index.docs)
    assert progress.lately == lately
    assert progress.rate == pytest.approx(lately / 60)
    assert [stage.share for stage in progress.stages] == [0.1, 0.9]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Not planned yet."),
        ({"keep_fresh": False}, "Only when it is told to."),
        ({"paused": True}, "Not while it is paused."),
        ({"kind": "live"}, "when a run opens them"),
        ({"next_crawl_at": timezone.now()}, "Next at"),
        ({"next_crawl_at": timezone.now(), "crawl_every": timedelta(days=3, hours=4)}, "every 3 days 4 h (learned"),
    ],
)
def test_freshness_is_said_in_words(fields: dict[str, Any], said: str) -> None:
    assert said in explain.freshness(Source(**{"kind": "site", **fields}))


def test_keeping_fresh_is_switched_from_the_list_and_from_the_page(operator: Client, index: Filled) -> None:
    listed = reverse("admin:search_index_source_changelist")
    answer = operator.post(source_url("do", index.docs, "fresh"), {"action": ""})
    assert answer.headers["Location"] == listed
    assert not Source.objects.get(pk=index.docs.pk).keep_fresh
    answer = operator.post(source_url("do", index.docs, "fresh"))
    assert answer.headers["Location"] == source_url("change", index.docs)
    assert Source.objects.get(pk=index.docs.pk).keep_fresh


def test_the_list_counts_what_is_wrong_and_shows_coverage(operator: Client, index: Filled) -> None:
    shown = text_of(operator, reverse("admin:search_index_source_changelist"))
    known, indexed = index.docs.pages.count(), index.docs.pages.filter(snapshot__isnull=False).count()
    for said in ("1 failed at its last crawl", "1 paused", f"{indexed} of {known}", "Manuals", "<svg"):
        assert said in shown


def test_reading_from_scratch_says_what_it_means_and_then_forgets_what_was_known(
    operator: Client, index: Filled
) -> None:
    Page.objects.filter(pk=index.shown.pk).update(etag="e", last_modified="m", body_sha256="b", crashes=2)
    old = crawl.start(index.docs)
    shown = text_of(operator, source_url("reindex", index.docs))
    for said in (
        f"fetch {index.docs.pages.count()} pages anew",
        "takes at least",
        "whose text is still the same",
    ):
        assert said in shown
    assert Page.objects.get(pk=index.shown.pk).etag == "e"
    operator.post(source_url("reindex", index.docs))
    page = Page.objects.get(pk=index.shown.pk)
    assert (page.etag, page.last_modified, page.body_sha256, page.crashes) == ("", "", "", 0)
    assert page.snapshot_id is not None
    old.refresh_from_db()
    assert old.state == "stopped"
    assert claim(old.pk) is None
    assert index.docs.crawls.filter(state="queued").exists()


def test_patterns_collection_and_class_are_set_with_the_source(operator: Client) -> None:
    given = {"location": "https://docs.example/", "kind": "site", "allow": "/guide/*", "deny": "*.html",
             "collection": "Manuals", "source_class": "primary"}  # fmt: skip
    operator.post(reverse("admin:search_index_source_add"), given)
    source = Source.objects.get()
    assert (source.allow, source.deny, source.collection, source.source_class, source.keep_fresh) == (
        "/guide/*", "*.html", "Manuals", "primary", True,
    )  # fmt: skip


# --- uploads ---


@pytest.fixture
def kept(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path / "uploads"


def a_file(name: str = "a.md", text: bytes = b"# A\n\ntext") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text)


def test_many_files_at_once_become_an_upload_and_its_crawl_begins(operator: Client, kept: Path) -> None:
    given = {"name": "Papers", "files": [a_file("a.md"), a_file("b.txt"), a_file("c.pdf")]}
    answer = operator.post(reverse("index:uploads"), given)
    source = Source.objects.get()
    assert answer.headers["Location"] == source_url("change", source)
    assert (source.kind, source.name) == ("upload", "Papers")
    assert sorted(path.name for path in Path(source.location).iterdir()) == ["a.md", "b.txt", "c.pdf"]
    assert source.crawls.get().state == "queued"
    operator.post(reverse("index:uploads"), {"name": "Papers", "files": [a_file("d.md")]})
    assert (Path(source.location) / "d.md").exists()
    assert Source.objects.count() == 1


def test_each_file_that_is_not_taken_is_told_why_and_keeps_no_other_out(operator: Client, kept: Path) -> None:
    given = {"name": "Papers", "files": [a_file("a.md"), a_file("virus.exe"), a_file("empty.md", b"")]}
    shown = operator.post(reverse("index:uploads"), given).content.decode()
    assert shown.count("not taken</span>") == 2
    for said in ("virus.exe", "Documents of this type cannot be read.", "It is empty."):
        assert said in shown
    assert Source.objects.get().crawls.exists()


def test_the_script_gets_the_line_of_its_file_alone(operator: Client, kept: Path) -> None:
    given = {"name": "Papers", "files": [a_file("a.md")]}
    answer = operator.post(reverse("index:uploads"), given, headers={"X-One-By-One": "yes"})
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in shown
    assert "a.md" in shown
    refused = operator.post(
        reverse("index:uploads"), {"name": "New", "files": [a_file("a.exe")]}, headers={"X-One-By-One": "yes"}
    ).content.decode()
    assert "not taken" in refused
    assert "Documents of this type cannot be read." in refused


def test_mailboxes_and_web_archives_are_offered_and_taken(operator: Client, kept: Path) -> None:
    assert ".mbox,.mbx,.warc,.warc.gz" in text_of(operator, reverse("index:uploads"))
    operator.post(reverse("index:uploads"), {"name": "Mail", "files": [a_file("old.mbox", b"From a@b\n\nx\n")]})
    assert Source.objects.get().crawls.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["page", "action"])
def test_with_an_upload_its_documents_are_deleted(operator: Client, kept: Path, way: str) -> None:
    operator.post(reverse("index:uploads"), {"name": "Papers", "files": [a_file("a.md")]})
    source = Source.objects.get()
    address, given = source_url("delete", source), {"post": "yes"}
    if way == "action":
        address = reverse("admin:search_index_source_changelist")
        given |= {"action": "delete_selected", "_selected_action": str(source.pk)}
    operator.post(address, given)
    assert not Source.objects.exists()
    assert not Path(source.location).exists()


def test_an_upload_without_files_or_with_the_name_of_another_source_is_refused(operator: Client, kept: Path) -> None:
    Source.objects.create(name="Docs", kind="site", location="https://docs.example/")
    assert "Choose at least one file." in operator.post(reverse("index:uploads"), {"name": "X"}).content.decode()
    shown = operator.post(reverse("index:uploads"), {"name": "Docs", "files": [a_file()]}).content.decode()
    assert "There is a source called Docs already" in shown
    assert not kept.exists()


# --- lists of sources ---

OPML = """<?xml version="1.0"?><opml version="2.0"><head/><body>
<outline text="News"><outline text="The example news" xmlUrl="https://docs.example/feed.xml"/></outline>
<outline text="A site" htmlUrl="https://site.example/"/></body></opml>"""
CSV = """name,location,kind,collection
Guide,https://docs.example/guide/,site,Manuals
,https://docs.example/guide/,site,
,no idea,,
"""


def test_a_list_is_looked_at_before_anything_is_added(operator: Client) -> None:
    Source.objects.create(name="Known", kind="site", location="https://known.example/")
    text = CSV + "Known,https://known.example/,site,\n"
    shown = operator.post(reverse("index:exchange"), {"text": text}).content.decode()
    for said in ("1 of 4 would be added", "It is in the list twice.", "neither a web address", "known already"):
        assert said in shown
    assert Source.objects.count() == 1
    operator.post(reverse("index:exchange"), {"text": text, "add": "yes"})
    added = Source.objects.exclude(name="Known").get()
    assert (added.name, added.collection, added.location) == ("Guide", "Manuals", "https://docs.example/guide/")
    assert added.crawls.get().state == "queued"


def test_a_list_that_was_added_is_known_the_next_time(operator: Client) -> None:
    for _time in range(2):
        operator.post(reverse("index:exchange"), {"text": CSV, "add": "yes"})
    assert Source.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Choose a file, or paste a list."),
        ("name\nx", "one of them “location”"),
        ("location\n", "The list names no source."),
        ("<html></html>", "It is XML, but no OPML"),
        ("location\n" + "https://a.example/\n" * 1001, "more than 1000 sources"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_the_reason(operator: Client, text: str, said: str) -> None:
    assert said in operator.post(reverse("index:exchange"), {"text": text}).content.decode()


def test_a_list_comes_as_a_file_too(operator: Client) -> None:
    file = SimpleUploadedFile("feeds.opml", OPML.encode())
    shown = operator.post(reverse("index:exchange"), {"file": file}).content.decode()
    assert "https://site.example/" in shown
    assert "The example news" in shown


@pytest.mark.parametrize(("form", "read"), [("opml", lambda text: read_opml(text.encode())), ("csv", read_csv)])
def test_what_is_exported_can_be_imported(operator: Client, form: str, read: Callable[[str], Any]) -> None:
    Source.objects.create(name="A & B <x>", kind="site", location="https://docs.example/?a=1&b=2", collection="Ü")
    Source.objects.create(name="Live", kind="live", location="live")
    answer = operator.get(reverse("index:export", args=[form]))
    assert "attachment" in answer.headers["Content-Disposition"]
    (listed,) = read(answer.content.decode())
    assert (listed.name, listed.location, listed.collection) == ("A & B <x>", "https://docs.example/?a=1&b=2", "Ü")
    (proposed,) = proposals([listed])
    assert proposed.known is not None
    assert operator.get(reverse("index:export", args=["exe"])).status_code == 404


def test_the_pure_functions_write_what_they_read() -> None:
    sources = [Source(name="One", kind="feed", location="https://a.example/feed", collection="C")]
    assert read_opml(write_opml(sources).encode())[0].kind == "feed"
    assert read_csv(write_csv(sources))[0].collection == "C"
