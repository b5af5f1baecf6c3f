"""The ask page: a question, its effort, where to look. Launches a run, shows how far indexing is; researches nothing.

Called by research/urls.py.
"""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from config.endpoints import endpoints
from research.access import run_read
from research.engine.budget import BUDGETS
from research.errors import BadQuestion
from research.forms import AskForm
from research.launch import launch
from research.models import Run
from search_index import api


@dataclass(frozen=True)
class EffortShown:
    """An effort with what it may spend, in words."""

    value: str
    label: str
    spends: str


@login_required
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Show the form, filled with `?again=RUN` or `?q=`; a good question becomes a run."""
    sources = list(api.sources())
    form = AskForm(request.POST or None, sources=sources, initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        asked = form.cleaned_data
        try:
            run = launch(request.user, asked["question"], asked["effort"], asked["sources"], asked["sealed"])
        except BadQuestion as error:
            form.add_error("question", str(error))
        else:
            return redirect("run", run_id=run.pk)
    chosen = {int(value) for value in form["sources"].value() or [] if str(value).isdigit()}
    context = {
        "form": form,
        "efforts": efforts(),
        "sources": [(source, source.id in chosen) for source in sources],
        "passages": sum(source.passages for source in sources),
        "busy": [source for source in sources if source.activity],
        "suggestions": api.suggestions(),
        "has_model": bool(endpoints()),
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


def efforts() -> list[EffortShown]:
    """Every effort with what it may spend."""
    shown = [EffortShown("auto", str(Run.Effort.AUTO.label), _("low for a short question, else medium"))]
    for value, most in BUDGETS.items():
        minutes = ngettext("%(n)d minute", "%(n)d minutes", most.seconds // 60) % {"n": most.seconds // 60}
        pages = ngettext("%(n)d page", "%(n)d pages", most.pages) % {"n": most.pages}
        spends = _("up to %(pages)s, %(minutes)s") % {"pages": pages, "minutes": minutes}
        shown.append(EffortShown(value, str(Run.Effort(value).label), spends))
    return shown


def _initial(request: HttpRequest) -> dict[str, object]:
    """What the form starts with: a run to be asked again, or a question from a link."""
    if again := request.GET.get("again"):
        run = run_read(request, UUID(again)) if _is_uuid(again) else None
        if run:
            chosen = list(run.sources.values_list("pk", flat=True))
            initial: dict[str, object] = {"question": run.question, "effort": run.effort, "sealed": run.sealed}
            return initial | ({"sources": chosen} if chosen else {})
    return {"question": request.GET.get("q", "")}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
