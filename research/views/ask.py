"""The ask page: a question, its effort and limits, where to look, what it follows. Launches a run, shows how far
indexing is; researches nothing.

Called by research/urls.py.
"""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from config.endpoints import endpoints
from research import sandbox
from research.access import run_read
from research.errors import BadQuestion
from research.forms import AskForm, typed
from research.launch import launch
from research.models import Run
from research.views.efforts import efforts
from search_index import api


@login_required
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Show the form, filled with `?again=RUN`, `?follows=RUN` or `?q=`; a good question becomes a run."""
    sources = list(api.sources())
    follows = _run(request, "follows")
    form = AskForm(request.POST or None, sources=sources, initial=_initial(request, follows))
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        asked = form.cleaned_data
        try:
            run = launch(
                request.user,
                asked["question"],
                asked["effort"],
                asked["sources"],
                asked["sealed"],
                limits=form.limits,
                review_plan=asked["review_plan"],
                follows=follows,
            )
        except BadQuestion as error:
            form.add_error("question", str(error))
        else:
            return redirect("run", run_id=run.pk)
    chosen = {int(value) for value in form["sources"].value() or [] if str(value).isdigit()}
    context = {
        "form": form,
        "follows": follows,
        "efforts": efforts({}, has_model=bool(endpoints())),
        "sources": [(source, source.id in chosen) for source in sources],
        "passages": sum(source.passages for source in sources),
        "busy": [source for source in sources if source.activity],
        "suggestions": api.suggestions(),
        "has_model": bool(endpoints()),
        "no_computing": sandbox.trouble() if endpoints() else "",
        "recent": Run.objects.filter(owner=request.user.pk)[:3],
    }
    return render(request, "ask.html", context, status=422 if form.errors else 200)


@login_required
@require_GET
def indexing(request: HttpRequest) -> HttpResponse:
    """The strip that says what is being indexed; the ask page asks for it again while there is something to say."""
    sources = list(api.sources())
    context = {
        "busy": [source for source in sources if source.activity],
        "passages": sum(source.passages for source in sources),
    }
    return render(request, "ask.html#indexing", context)


def _initial(request: HttpRequest, follows: Run | None) -> dict[str, object]:
    """What the form starts with: a run to be asked again or to be followed, or a question from a link."""
    again = _run(request, "again")
    if again is None and follows is None:
        return {"question": request.GET.get("q", "")}
    like = again or follows
    assert like is not None
    initial: dict[str, object] = {"effort": like.effort, "sealed": like.sealed}
    if again is not None:
        initial |= {"question": again.question, "review_plan": again.review_plan, **typed(again.limits)}
    chosen = list(like.sources.values_list("pk", flat=True))
    return initial | ({"sources": chosen} if chosen else {})


def _run(request: HttpRequest, name: str) -> Run | None:
    """The run that the address names with `?name=`; None where it names none. Raises Http404."""
    try:
        run_id = UUID(request.GET.get(name, ""))
    except ValueError:
        return None
    return run_read(request, run_id)
