"""What a model may reply at each step: small flat shapes of words, choices and numbers, and their JSON schemas.

A number names something that the model was shown; no field takes an address, a title or a date. Names are short and
plain, because small models get those right. Reads replies leniently at the edges (code fences, thoughts before the
JSON) and strictly inside. Called by reasoning/client.py (schema, read) and reasoning/model.py (the shapes).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

Allowed = Mapping[str, Sequence[int | str]]  # a field's name -> the only values it may take


class Asked(BaseModel):
    ask: str
    done_when: str = ""


class Plan(BaseModel):
    kind: Literal["fact", "chain", "comparison", "survey", "latest", "essay"]
    questions: list[Asked] = Field(json_schema_extra={"minItems": 1, "maxItems": 8})


Done = Literal["look", "click", "fill", "press", "select", "scroll", "next", "back"]  # in the browser


class Act(BaseModel):
    thought: str = ""
    kind: Literal["search", "open", "find", "more", "compute", "answer", "give_up", Done]
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


class Contrast(BaseModel):
    reason: str = ""
    disagree: list[int] = Field(json_schema_extra={"maxItems": 12})


class Judge(BaseModel):
    reason: str = ""
    verdict: Literal["supported", "partly", "contradicted", "unsupported"]


class Rewrite(BaseModel):
    text: str


class Answer(BaseModel):
    thought: str = ""
    answer: str


R = TypeVar("R", bound=BaseModel)
DECODER = json.JSONDecoder(strict=False)  # raw line ends may stand inside a string: small models write them


class Unreadable(ValueError):
    """A reply is not what was asked for; the message says why in words that help a model to correct itself."""


def schema(shape: type[BaseModel], allowed: Allowed) -> dict[str, Any]:
    """The JSON schema of a reply, strict (every field asked for, no other), its `allowed` fields narrowed to their
    values: a server that constrains its decoding then cannot produce a number that was not shown."""
    result: dict[str, Any] = json.loads(_whole(shape))
    for field, values in allowed.items():
        _narrow(result, field, list(values))
    return result


@cache
def _whole(shape: type[BaseModel]) -> str:
    """The schema before it is narrowed, made once: pydantic takes milliseconds for it."""
    return json.dumps(_strict(shape.model_json_schema()))


def read(reply: str, shape: type[R]) -> R:
    """The reply as `shape`: the first JSON object in it that fits, be it all of the reply, in a code fence, among
    prose, or what a tool is called with. Raises Unreadable where there is no JSON object in it or none fits."""
    wrong: Unreadable | None = None
    for found in objects(reply):
        for candidate in [found, *_arguments(found)]:
            try:
                return shape.model_validate(candidate)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(str(part) for part in first["loc"])
                wrong = wrong or Unreadable(f"{place or 'the reply'}: {first['msg']}")
    raise wrong or Unreadable(_trouble(reply))


def objects(reply: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, from the first; not those inside of others."""
    at = reply.find("{")
    while at >= 0:
        try:
            found, end = DECODER.raw_decode(reply, at)
        except (json.JSONDecodeError, RecursionError):
            end = at + 1
        else:
            yield found
        at = reply.find("{", end)


def in_words(schema: Mapping[str, Any]) -> str:
    """The schema as a short pattern of the JSON that it describes, for a model that sees nothing but its prompt."""
    return _pattern(schema, schema.get("$defs", {}))


def _pattern(node: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    if reference := node.get("$ref"):
        return _pattern(parts[reference.rpartition("/")[2]], parts)
    if "properties" in node:
        return "{" + ", ".join(f'"{name}": {_pattern(one, parts)}' for name, one in node["properties"].items()) + "}"
    if values := node.get("enum"):
        shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in values)
        return f"(one of {shown})" if len(values) > 1 else shown
    if node.get("type") == "array":
        return "[]" if node.get("maxItems") == 0 else f"[{_pattern(node['items'], parts)}, ...]"
    return {"string": '"..."', "boolean": "true or false"}.get(str(node.get("type")), "a number")


def _arguments(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a tool is called with, where the object is such a call: some models call the step as if it were one."""
    given = [found.get(name) for name in ("arguments", "parameters", "input")]
    inner = found.get("function")
    if isinstance(inner, dict):
        given += _arguments(inner)
    return [
        one
        for value in given
        for one in ([value] if isinstance(value, dict) else objects(value) if isinstance(value, str) else [])
    ]


def _trouble(reply: str) -> str:
    start, end = reply.find("{"), reply.rfind("}")
    if start < 0:
        return "there is no JSON object in it"
    if end < start:
        return "it breaks off in the middle"
    try:
        DECODER.decode(reply[start : end + 1])
    except (json.JSONDecodeError, RecursionError) as error:
        return f"it is not valid JSON ({error})"
    return "there is no JSON object in it"


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
