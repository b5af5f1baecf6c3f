"""What a model may reply at each step: small flat shapes of words, choices and numbers, and their JSON schemas.

A number names something that the model was shown; no field takes an address, a title or a date. Names are short and
plain, because small models get those right. Reads replies leniently at the edges (code fences, thoughts before the
JSON) and strictly inside. Called by reasoning/client.py (schema, read) and reasoning/model.py (the shapes).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

Allowed = Mapping[str, Sequence[int | str]]  # a field's name -> the only values it may take


class Asked(BaseModel):
    ask: str
    done_when: str = ""


class Plan(BaseModel):
    kind: Literal["fact", "chain", "comparison", "survey", "latest", "essay"]
    questions: list[Asked] = Field(json_schema_extra={"minItems": 1, "maxItems": 8})


class Act(BaseModel):
    thought: str = ""
    kind: Literal["search", "open", "find", "more", "compute", "answer", "give_up"]
    query: str = ""
    number: int = 0
    outcome: str = ""


class Note(BaseModel):
    keep: list[int] = Field(json_schema_extra={"maxItems": 8})


class Revise(BaseModel):
    thought: str = ""
    complete: bool
    questions: list[Asked] = Field(default=[], json_schema_extra={"maxItems": 8})


class Choose(BaseModel):
    reason: str = ""
    number: int


class Shape(BaseModel):
    item: str
    columns: list[str] = Field(json_schema_extra={"minItems": 1, "maxItems": 6})
    queries: list[str] = Field(json_schema_extra={"minItems": 1, "maxItems": 6})


class Items(BaseModel):
    class Item(BaseModel):
        name: str
        sentence: int

    items: list[Item] = Field(json_schema_extra={"maxItems": 20})


class Cell(BaseModel):
    sentence: int
    value: str


class Draft(BaseModel):
    class Sentence(BaseModel):
        text: str
        evidence: list[int] = Field(json_schema_extra={"minItems": 1, "maxItems": 4})

    sentences: list[Sentence] = Field(json_schema_extra={"maxItems": 12})


class Judge(BaseModel):
    reason: str = ""
    verdict: Literal["supported", "partly", "unsupported"]


class Rewrite(BaseModel):
    text: str


class Answer(BaseModel):
    thought: str = ""
    answer: str


R = TypeVar("R", bound=BaseModel)


class Unreadable(ValueError):
    """A reply is not what was asked for; the message says why in words that help a model to correct itself."""


def schema(shape: type[BaseModel], allowed: Allowed) -> dict[str, Any]:
    """The JSON schema of a reply, strict (every field asked for, no other), its `allowed` fields narrowed to their
    values: a server that constrains its decoding then cannot produce a number that was not shown."""
    result: dict[str, Any] = _strict(shape.model_json_schema())
    for field, values in allowed.items():
        _narrow(result, field, list(values))
    return result


def read(reply: str, shape: type[R]) -> R:
    """The reply as `shape`. Raises Unreadable where there is no JSON object in it or it does not fit."""
    start, end = reply.find("{"), reply.rfind("}")
    if start < 0:
        raise Unreadable("there is no JSON object in it")
    if end < start:
        raise Unreadable("it breaks off in the middle")
    try:
        # strict=False lets raw line ends stand inside a string: small models write them.
        return shape.model_validate(json.loads(reply[start : end + 1], strict=False))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"{place or 'the reply'}: {first['msg']}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise Unreadable(f"it is not valid JSON ({error})") from error


def _strict(node: Any) -> Any:
    """Every object of the schema requires all its fields and forbids others; titles and defaults only cost tokens."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {
        key: _strict(value) for key, value in node.items() if not (key in {"title", "default"} and _is_note(value))
    }
    if "properties" in plain:
        plain |= {"required": list(plain["properties"]), "additionalProperties": False}
    return plain


def _is_note(value: object) -> bool:
    """Whether `title` or `default` is the schema's own remark and not a property of that name."""
    return not isinstance(value, dict)


def _narrow(node: Any, field: str, values: list[int | str]) -> None:
    for part in [node, *node.get("$defs", {}).values()]:
        found = part.get("properties", {}).get(field)
        if found is None:
            continue
        if not values:  # an empty enum is no valid schema: an empty list is what is left
            found["maxItems"] = 0
        elif found.get("type") == "array":
            found["items"] = {**found["items"], "enum": values}
        else:
            found["enum"] = values
