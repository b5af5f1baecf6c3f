"""Compute: short Python over numbers and dates that the evidence has.

A calculation is an expression (1991 - 1947, years(1991-05-12, 1947-01-01)) or a few lines of which the last one is the
result. Its numbers must stand in what is known or be plain constants: code checks that, not the model. E4 is the list
of the numbers and dates of evidence 4. Numbers, dates, True and False come back, never words. It runs in the sandbox
(research/sandbox) and nowhere else; here it is only parsed. `calculation` and `shown` are pure; `compute` is called by
hunt.py and keeps the result, so that a sentence of the report may rest on it.
"""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from research.engine.facts import missing
from research.engine.journal import Journal, Result
from research.engine.kit import Kit
from research.engine.quantities import quantities
from research.engine.values import Action, Evidence, Workspace
from research.errors import StepFailed

LONGEST = 2000  # characters of a calculation
LONGEST_TOLD = 200  # characters of the expression that is shown before its result
MOST = 20  # numbers of a result
CONSTANTS = frozenset({"0", "1", "2", "7", "10", "12", "24", "60", "100", "365", "1000"})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_BARE_DATE = re.compile(rf"(?<!['\"\w.-]){_DATE.pattern}(?!['\"\w.-])")
_READ_DATE = re.compile(rf"date\.fromisoformat\('({_DATE.pattern})'\)")
_SIGNS = str.maketrans("−×÷", "-*/")  # as pages write them, and models after them
_GROUPED = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?![\w,])")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NAME = re.compile(r"E([1-9]\d*)")


@dataclass(frozen=True)
class Calculation:
    """What is run, with the lists that it takes by name; `says` is its result's expression, for people. `inputs` tells
    of each number, date or list the evidence that has it."""

    code: str
    lists: dict[str, list[Any]]
    says: str
    inputs: tuple[tuple[str, int], ...]


async def compute(desk: Workspace, action: Action, key: str, kit: Kit, journal: Journal) -> Workspace:
    """The workspace with the calculation's result, or with what is wrong with it."""

    async def step() -> Result:
        read = calculation(action.query, desk.known)
        if not kit.sandbox.is_ready():
            await journal.activity(_("Waiting for the sandbox to compute in: it is made once, in about half a minute"))
        value = shown(await kit.sandbox.run(read.code, read.lists))
        return {
            "gap": desk.gap.number,
            "text": f"{read.says} = {value}",
            "evidence": sorted({number for _says, number in read.inputs}),
            "code": action.query.strip(),
            "inputs": read.inputs,
            "value": value,
        }

    try:
        result = await journal.once(key, "compute", [action.query, [one.number for one in desk.known]], step)
    except StepFailed as failure:
        return replace(desk, observation=f"“{action.query}” could not be computed: {failure}")
    text = str(result["text"])
    return replace(desk, computed=(*desk.computed, text), observation=f"Computed: {text}")


def calculation(code: str, known: Sequence[Evidence]) -> Calculation:
    """The calculation, ready to run. Dates are written as 1991-05-12. Raises StepFailed where it is none, or where a
    number of it stands nowhere."""
    if len(code) > LONGEST:
        raise StepFailed("it is too long.")
    try:
        text = _in_python(code.strip(), known)
        tree = ast.parse(_BARE_DATE.sub(lambda found: f"date.fromisoformat('{found.group()}')", text))
        says = _told(tree)
        runs = ast.unparse(ast.fix_missing_locations(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise StepFailed(f"it is no Python: {getattr(error, 'msg', error) or type(error).__name__}.") from error
    named = _named(tree, known)
    inputs = {f"{name}: {', '.join(map(_in_words, _stands_in(one)))}": one.number for name, one in named.items()}
    for fact in _literals(tree):
        has = next((one.number for one in known if not missing(fact, [one.quote])), None)
        if has is None:
            raise StepFailed(f"{fact} is not in what is known.")
        inputs.setdefault(fact, has)
    return Calculation(runs, {name: _stands_in(one) for name, one in named.items()}, says, tuple(inputs.items()))


def _in_python(code: str, known: Sequence[Evidence]) -> str:
    """The code with 48,200 − 9,100 as 48200 - 9100, which Python would take for three numbers. Two numbers side by side
    stay what they are, unless what they make as one is known, or the second of them were 000."""

    def joined(found: re.Match[str]) -> str:
        number = found.group().replace(",", "")
        is_one = number in CONSTANTS or ",000" in found.group() or any(not missing(number, [e.quote]) for e in known)
        return number if is_one else found.group()

    return _GROUPED.sub(joined, code.translate(_SIGNS))


def _told(tree: ast.Module) -> str:
    """What the last line says; that line is changed to leave its value under the name `result`. Raises ValueError."""
    match tree.body[-1:]:
        case [ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[value], keywords=[]))] | [ast.Expr(value=value)]:
            tree.body.pop()
        case [ast.Assign(targets=[ast.Name(id=name)])]:
            value = ast.Name(name, ast.Load())
        case _:
            raise ValueError("its last line has to be its result")
    says = _READ_DATE.sub(r"\1", ast.unparse(value))
    if len(says) > LONGEST_TOLD:
        says = "result"
    tree.body.append(ast.Assign([ast.Name("result", ast.Store())], value))
    return says


def _named(tree: ast.Module, known: Sequence[Evidence]) -> dict[str, Evidence]:
    """The evidence that the code takes by name. Raises StepFailed for one that is not known."""
    numbered = {one.number: one for one in known}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and (match := _NAME.fullmatch(node.id)):
            if int(match[1]) not in numbered:
                raise StepFailed(f"{node.id} is not in what is known.")
            found[node.id] = numbered[int(match[1])]
    return dict(sorted(found.items()))


def _literals(tree: ast.Module) -> list[str]:
    """The numbers and texts in the code that have to be known, as they are written in evidence. Raises StepFailed."""
    places = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and _NAME.fullmatch(node.value.id)
        for part in ast.walk(node.slice)
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in places:
            continue
        match node.value:
            case None | bool():
                continue
            case int() | float() as number:
                fact = f"{Decimal(str(number)):f}".removesuffix(".0")
                if not _NUMBER.fullmatch(fact):
                    raise StepFailed("it has a number that is not finite.")
                if fact not in CONSTANTS:
                    found.append(fact)
            case str() as text:
                if re.search(r"\d", text):  # other words may stand there: none comes back from the sandbox
                    found.append(text)
            case _:
                raise StepFailed(f"{node.value!r} is neither a number nor a date.")
    return found


def _stands_in(one: Evidence) -> list[Any]:
    """The numbers and whole dates of a piece of evidence, in the order of its text, as the sandbox takes them."""
    found: list[Any] = []
    for fact in quantities(one.quote):
        if fact.kind == "date" and fact.year > 0 and fact.month and fact.day:
            found.append({"date": f"{fact.year:04}-{fact.month:02}-{fact.day:02}"})
        elif fact.kind == "date" and fact.year and not fact.day:
            found.append(fact.year)
        elif fact.kind in ("number", "ordinal") and fact.certain:
            found += [_as_number(value) for value in (fact.value, fact.to) if value is not None]
    return found


def _as_number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


def shown(value: Any) -> str:
    """A result of the sandbox in words. Raises StepFailed where it is none."""
    if isinstance(value, list):
        if not 0 < len(value) <= MOST:
            raise StepFailed(f"its result has to be of 1 to {MOST} numbers.")
        return ", ".join(map(_in_words, value))
    return _in_words(value)


def _in_words(value: Any) -> str:
    match value:
        case bool():
            return str(value)
        case int() if abs(value) < 10**15:
            return str(value)
        case int() | float() if abs(value) < 10**300:  # neither is an infinity, nor what is no number
            return f"{value:.10g}"
        case {"date": str() as day} if _DATE.fullmatch(day):
            return day
    raise StepFailed("its result is no finite number, date, True or False, nor a list of them.")
