"""The order in which runs are taken by workers: fair between people, whoever asks the most.

A person's next run comes after as many runs as the person has at work already, plus those of its own that wait before
it: whoever asks for fifty things takes turns with whoever asks for one.
A run whose workers died again and again before it made a step is suspected of killing them, with all that they had in
hand: suspects are taken one at a time, so that the culprit is found and the others go on. Reads rows, changes none.
Called by research/tasks.py, which takes the first, and by views/picture.py, which shows the place.
"""

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Window
from django.db.models.functions import Coalesce, Now, RowNumber

from research.models import Run, Step

SUSPECTED = 2  # takeovers without a step
ABANDONED = Q(state=Run.State.RUNNING, lease_until__lt=Now())  # their worker is gone, or has handed them back


def in_line() -> QuerySet[Run]:
    """The runs that no worker has had yet, first who is next. Taking the first one leaves the order of the rest."""
    at_work = Run.objects.filter(owner=OuterRef("owner"), state=Run.State.RUNNING).order_by()
    count = at_work.values("owner").annotate(count=Count("pk")).values("count")
    before = Window(RowNumber(), partition_by=[F("owner")], order_by=["created_at", "pk"])
    return (
        Run.objects.filter(state=Run.State.QUEUED)
        .annotate(turn=Coalesce(Subquery(count), 0, output_field=IntegerField()) + before)
        .order_by("turn", "created_at", "pk")
    )


def next_runs(most: int, suspects: int) -> list[tuple[str, bool]]:
    """The runs to take next, at most `most` and so many suspects: id, and whether it is one. First those that were
    begun already, longest waiting first."""
    last_step = Step.objects.filter(run=OuterRef("pk")).order_by("-seq").values("epoch")[:1]
    fruitless = F("lease_epoch") - Coalesce(Subquery(last_step), 0)
    begun = Run.objects.filter(ABANDONED).annotate(fruitless=fruitless).order_by("created_at", "pk")
    free = begun.filter(fruitless__lt=SUSPECTED).values_list("pk", flat=True)[:most]
    suspected = begun.filter(fruitless__gte=SUSPECTED).values_list("pk", flat=True)[:suspects]
    found = [(str(pk), False) for pk in free] + [(str(pk), True) for pk in suspected]
    return found + [(str(pk), False) for pk in in_line().values_list("pk", flat=True)[:most]]


def place(run: Run) -> int:
    """The place of a waiting run in the line: 1 is next; 0 when it does not wait."""
    if run.state != Run.State.QUEUED:
        return 0
    line = list(in_line().values_list("pk", flat=True))
    return line.index(run.pk) + 1 if run.pk in line else 0
