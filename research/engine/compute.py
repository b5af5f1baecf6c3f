"""Compute: arithmetic and spans of time, from numbers and dates that the evidence has.

A calculation is a small expression: + - * / ( ), min, max, abs, round, sum, and days(), years() of two dates. Its
numbers must stand in what is known or be plain constants: code checks that, not the model. `evaluate` is pure;
`compute` is called by hunt.py and keeps the result, so that a sentence of the report may rest on it.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from research.engine.facts import missing
from research.engine.journal import Journal, Result
from research.engine.values import Action, Evidence, Workspace
from research.errors import StepFailed

LONGEST = 200  # characters of a calculation
CONSTANTS = frozenset({"0", "1", "2", "7", "10", "12", "24", "60", "100", "365", "1000"})
DAYS_A_YEAR = 365.2425  # of the Gregorian calendar
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": round,
    "sum": lambda *numbers: math.fsum(numbers),
    "days": lambda late, early: (late - early).days,
    "years": lambda late, early: (late - early).days / DAYS_A_YEAR,
}


async def compute(desk: Workspace, action: Action, key: str, journal: Journal) -> Workspace:
    """The workspace with the calculation's result, or with what is wrong with it."""

    async def step() -> Result:
        expression = action.query.strip()
        value = evaluate(expression)
        rests_on = _grounds(expression, desk.known)
        return {"gap": desk.gap.number, "text": f"{expression} = {value:.10g}", "evidence": rests_on}

    try:
        result = await journal.once(key, "compute", [action.query, [one.number for one in desk.known]], step)
    except StepFailed as failure:
        return replace(desk, observation=f"“{action.query}” could not be computed: {failure}")
    text = str(result["text"])
    return replace(desk, computed=(*desk.computed, text), observation=f"Computed: {text}")


def evaluate(expression: str) -> float:
    """The value of a calculation. Dates are written as 1991-05-12. Raises StepFailed where it is none."""
    if len(expression) > LONGEST:
        raise StepFailed("it is too long.")
    text = _DATE.sub(lambda found: f"date('{found.group()}')", expression)
    try:
        value = float(_value(ast.parse(text, mode="eval").body))
    except (SyntaxError, TypeError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise StepFailed(f"{error or type(error).__name__}.") from error
    if not math.isfinite(value):
        raise StepFailed("it has no finite value.")
    return value


def _value(node: ast.AST) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand))
        case ast.Call(func=ast.Name(id="date"), args=[ast.Constant(value=str() as day)]):
            return date.fromisoformat(day)  # type: ignore[return-value]  # only days() and years() take one
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(_value, args))
    raise ValueError("only numbers, dates, + - * /, brackets and " + ", ".join(_FUNCTIONS) + " can be computed")


def _grounds(expression: str, known: Sequence[Evidence]) -> list[int]:
    """The evidence that has the numbers of the expression. Raises StepFailed where one stands nowhere."""
    wanted: list[str] = _DATE.findall(expression)
    wanted += [number for number in _NUMBER.findall(_DATE.sub(" ", expression)) if number not in CONSTANTS]
    rests_on: list[int] = []
    for fact in wanted:
        has = [one.number for one in known if not missing(fact, [one.quote])]
        if not has:
            raise StepFailed(f"{fact} is not in what is known.")
        rests_on.append(has[0])
    return sorted(set(rests_on))
