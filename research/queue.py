"""The order in which runs are taken by workers: fair between people, whoever asks the most.

A person's next run comes after as many runs as the person has at work already, plus those of its own that wait before
it: whoever asks for fifty things takes turns with whoever asks for one.
A run whose workers died again and again before it made a step is suspected of killing them, with all that they had in
hand: suspects are taken one at a time, so that the culprit is found and the others go on. Reads rows, changes none.
Called by research/tasks.py, which takes the first, and by views/picture.py, which shows the place.
"""

from typing import Any

from django.db import connection

from research.models import Run

SUSPECTED = 2  # takeovers without a step


def in_line(most: int | None = None) -> list[str]:
    """The ids of the runs that no worker has had yet, in turn. Taking the first leaves the order of the rest."""
    return [run_id for (run_id,) in _rows(_LINE, most=most)]


def next_runs(most: int, suspects: int) -> list[tuple[str, bool]]:
    """The runs to take next, at most `most` and so many suspects: id, and whether it is one. First those that were
    begun already, longest waiting first."""
    begun = _rows(_BEGUN, suspected=SUSPECTED)
    found = [(run_id, False) for run_id, suspect in begun if not suspect][:most]
    found += [(run_id, True) for run_id, suspect in begun if suspect][:suspects]
    return found + [(run_id, False) for run_id in in_line(most)]


def place(run: Run) -> int:
    """The place of a waiting run in the line: 1 is next; 0 when it does not wait."""
    line = in_line() if run.state == Run.State.QUEUED else []
    return line.index(str(run.pk)) + 1 if str(run.pk) in line else 0


def overdue(seconds: float) -> int:
    """How many runs wait longer than so many seconds for their first worker, or have lost theirs."""
    ((count,),) = _rows(_OVERDUE, seconds=seconds)
    return int(count)


def _rows(statement: str, **values: float | None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


_LINE = """
SELECT id::text
FROM (
    SELECT id, created_at,
        row_number() OVER (PARTITION BY owner_id ORDER BY created_at, id) + coalesce(at_work.count, 0) AS turn
    FROM research_run
    LEFT JOIN (
        SELECT owner_id, count(*) FROM research_run WHERE state = 'running' GROUP BY owner_id
    ) AS at_work USING (owner_id)
    WHERE state = 'queued'
) AS line
ORDER BY turn, created_at, id
LIMIT %(most)s
"""
_BEGUN = """
SELECT id::text, lease_epoch - coalesce(
    (SELECT epoch FROM research_step WHERE run_id = run.id ORDER BY seq DESC LIMIT 1), 0
) >= %(suspected)s
FROM research_run AS run
WHERE state = 'running' AND lease_until < now()
ORDER BY created_at, id
"""
_OVERDUE = """
SELECT count(*) FROM research_run
WHERE state = 'queued' AND created_at < now() - make_interval(secs => %(seconds)s)
    OR state = 'running' AND lease_until < now()
"""
