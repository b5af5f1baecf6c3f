import pytest
from django.urls import reverse

from research.models import Run
from search_index.models import Source
from tests.fakes.rows import HOSTILE, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def sources():
    return [Source.objects.create(name=name, kind="site", location="https://x.example/") for name in ("A", "B")]


def asking(**changes):
    return {"question": "Who made the first sea clock?", "effort": "auto", **changes}


def test_a_question_becomes_a_run_of_the_person_who_asked(owner_client, owner, sources):
    answer = owner_client.post("/", asking(sources=[source.pk for source in sources]))
    run = Run.objects.get()
    assert answer.headers["Location"] == reverse("run", args=[run.pk])
    assert (run.owner, run.question, run.effort, run.sealed) == (owner, "Who made the first sea clock?", "auto", False)
    assert not run.sources.exists()  # all of them, later ones included


def test_some_of_the_sources_and_a_seal_are_kept(owner_client, sources):
    owner_client.post("/", asking(sources=[sources[1].pk], sealed="on", effort="high"))
    run = Run.objects.get()
    assert (list(run.sources.all()), run.sealed, run.effort) == ([sources[1]], True, "high")


@pytest.mark.parametrize("question", ["", "   ", "x" * 2001])
def test_a_question_that_cannot_be_asked_is_shown_again_with_the_reason(owner_client, sources, question):
    answer = owner_client.post("/", asking(question=question, sources=[sources[0].pk], effort="high"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'role="alert"' in page
    assert question.strip() in page
    assert f'value="{sources[0].pk}" checked' in page
    assert f'value="{sources[1].pk}" checked' not in page
    assert 'value="high" checked' in page
    assert not Run.objects.exists()


def test_asking_nowhere_is_refused(owner_client, sources):
    answer = owner_client.post("/", asking())
    assert answer.status_code == 422
    assert "Choose at least one source" in answer.content.decode()


def test_an_empty_index_says_what_to_do(owner_client, owner):
    page = owner_client.get("/").content.decode()
    assert "The index is empty" in page
    assert "Add a source</a>" not in page
    owner.is_staff = owner.is_superuser = True
    owner.save()
    assert reverse("admin:search_index_source_add") in owner_client.get("/").content.decode()


def test_it_is_said_that_no_model_is_configured(owner_client, monkeypatch):
    assert "No reasoning model is configured" in owner_client.get("/").content.decode()
    monkeypatch.setenv("CHAT_URL", "http://model.example/v1")
    assert "No reasoning model is configured" not in owner_client.get("/").content.decode()


def test_asking_again_starts_from_the_old_run(owner_client, guest, owner):
    run = make_run(owner, question=f"Again? {HOSTILE}", effort="high", sealed=True)
    page = owner_client.get(f"/?again={run.pk}").content.decode()
    assert "Again? &lt;script&gt;" in page
    assert 'value="high" checked' in page
    assert owner_client.get(f"/?again={make_run(guest).pk}").status_code == 404
    assert owner_client.get("/?again=nonsense").status_code == 200


def test_the_page_costs_no_more_queries_with_more_sources(owner_client, sources, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        owner_client.get("/")
    for number in range(20):
        Source.objects.create(name=f"S{number}", kind="site", location="https://x.example/")
    with django_assert_max_num_queries(12):
        owner_client.get("/")


def test_limits_of_ones_own_and_a_review_are_kept(owner_client, sources):
    form = asking(sources=[source.pk for source in sources], review_plan="on", pages="5", tokens="40", seconds="3")
    owner_client.post("/", form)
    run = Run.objects.get()
    assert run.review_plan
    assert run.limits == {"pages": 5, "tokens": 40_000, "seconds": 180}
    assert (run.budget["pages"], run.budget["seconds"], run.budget["rounds"]) == (5, 180, 3)


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [("rounds", "0", "At least 1"), ("pages", "many", "a whole number"), ("seconds", "99999", "At most 1440")],
)
def test_a_limit_that_is_none_is_shown_again_with_the_reason(owner_client, sources, limit, value, reason):
    answer = owner_client.post("/", asking(sources=[sources[0].pk], review_plan="on", **{limit: value}))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert reason in page
    assert f'value="{value}"' in page
    assert '<details class="limits" open>' in page
    assert 'name="review_plan" checked' in page
    assert "Who made the first sea clock?" in page
    assert not Run.objects.exists()


def test_what_each_effort_may_spend_is_said(owner_client):
    page = owner_client.get("/").content.decode()
    for shown in ("up to 8 pages, 5 minutes, 1 round", "up to 100 pages, 60 minutes", "looks at the question and at a"):
        assert shown in page
    assert "k tokens" not in page  # without a model there are none


def test_a_follow_up_says_what_it_follows_and_starts_from_it(owner_client, owner, guest, sources):
    before = make_run(owner, question=f"The first {HOSTILE}", sealed=True, effort="high")
    page = owner_client.get(f"/?follows={before.pk}").content.decode()
    assert "The first &lt;script&gt;" in page
    assert "Ask without it" in page
    assert 'name="sealed" checked' in page
    owner_client.post(f"/?follows={before.pk}", asking(sources=[sources[0].pk]))
    assert Run.objects.exclude(pk=before.pk).get().follows == before
    others = make_run(guest).pk
    assert owner_client.get(f"/?follows={others}").status_code == 404
    assert owner_client.post(f"/?follows={others}", asking(sources=[sources[0].pk])).status_code == 404


def test_asking_again_takes_the_limits_along(owner_client, owner):
    run = make_run(owner, limits={"seconds": 600, "pages": 7}, review_plan=True)
    page = owner_client.get(f"/?again={run.pk}").content.decode()
    assert 'name="seconds" value="10"' in page
    assert 'name="pages" value="7"' in page
    assert 'name="review_plan" checked' in page
