"""The inside of the sandbox: runs a calculation under CPython for WebAssembly, and says its result.

build.py makes a component of this file, in the state after its imports; keeper.py calls `run`. None of it is a wall:
the code it runs may change all of it. The walls are that the component imports nothing, so that there is no file, no
clock, no network and no process to be had, and those around the process that runs it.
"""

import builtins
import calendar
import collections
import contextlib
import datetime
import decimal
import fractions
import functools
import io
import itertools
import json
import math
import operator
import statistics
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter
from typing import Any

DAYS_A_YEAR = 365.2425  # of the Gregorian calendar
LONGEST = 4000  # characters of a result
datetime.datetime.strptime("2001", "%Y")  # imports what it needs, which is not to be had later
MODULES = (calendar, collections, datetime, decimal, fractions, functools, itertools, math, operator, statistics)


def days(late: datetime.date, early: datetime.date) -> int:
    """The days between two dates."""
    return (late - early).days


def years(late: datetime.date, early: datetime.date) -> float:
    """The years between two dates."""
    return (late - early).days / DAYS_A_YEAR


def total(first: Any, *others: Any) -> Any:
    """Python's sum, and also the sum of numbers that stand side by side."""
    if isinstance(first, int | float):
        return math.fsum([first, *others]) if others else first
    return sum(first, *others)


NAMES: dict[str, Any] = {
    **{name: value for name, value in vars(math).items() if not hasattr(builtins, name)},  # models write sqrt(2)
    **{name: getattr(statistics, name) for name in ("mean", "median", "stdev")},
    **{module.__name__: module for module in MODULES},
    "Decimal": decimal.Decimal,
    "Fraction": fractions.Fraction,
    "date": datetime.date,
    "days": days,
    "years": years,
    "sum": total,
}


class WitWorld:
    """The world of arithmetic.wit, by the name that componentize-py asks for."""

    def run(self, request: str) -> str:
        """{"code", "inputs"} -> {"result"}, what the code left under that name, or {"error"}; both as JSON."""
        # Else an import of what is not here looked for files, which ends the component instead of raising ImportError.
        sys.path.clear()
        sys.meta_path[:] = [BuiltinImporter, FrozenImporter]
        asked = json.loads(request)
        names = {**NAMES, **{name: list(map(_given, values)) for name, values in asked["inputs"].items()}}
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(asked["code"], "calculation", "exec"), names)  # noqa: S102 - what it is there for
                answer = json.dumps({"result": _plain(names.get("result"))}, allow_nan=False)
            if len(answer) > LONGEST:
                raise ValueError("its result is too long")
        except BaseException as error:  # SystemExit too: there is nothing here that it could end
            said = str(error)[:200]
            return json.dumps({"error": f"{type(error).__name__}: {said}" if said else type(error).__name__})
        return answer


def _given(value: Any) -> Any:
    return datetime.date.fromisoformat(value["date"]) if isinstance(value, dict) else value


def _plain(value: Any) -> Any:
    """Numbers, dates, True and False, and lists of them, as JSON has them; what lies between two dates as days. Raises
    TypeError for all else, ValueError for what is no finite number."""
    if isinstance(value, fractions.Fraction | decimal.Decimal):
        value = float(value)
    if isinstance(value, datetime.timedelta):
        value /= datetime.timedelta(days=1)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("its result is no finite number")
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime.date):
        return {"date": value.isoformat()[:10]}
    if isinstance(value, list | tuple | set):
        if len(value) > LONGEST:
            raise ValueError("its result is too long")
        return [_plain(one) for one in value]
    raise TypeError(f"a result is a number, a date, True or False, or a list of them, not {type(value).__name__}")
