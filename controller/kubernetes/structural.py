"""JSON Schema of pydantic as Kubernetes takes it: a structural schema of OpenAPI 3.0.

What such a schema cannot say is left open; the controller checks all of it again, and better.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["structural"]

_KEPT = (
    "description",
    "enum",
    "format",
    "maximum",
    "minimum",
    "maxItems",
    "minItems",
    "maxLength",
    "minLength",
)
_NOT_IN_GO = re.compile(r"\(\?[=!<]")
"""Look-around, which RE2 does not have."""

Schema = dict[str, Any]


def structural(schema: Mapping[str, Any]) -> Schema:
    """Translate a schema; `$ref` may name its `$defs`.

    Raises:
        ValueError: it refers to itself.
    """
    return _translated(schema, schema.get("$defs", {}), ())


def _translated(schema: Mapping[str, Any], known: Mapping[str, Any], within: tuple[str, ...]) -> Schema:
    if (reference := schema.get("$ref")) is not None:
        if reference in within:
            raise ValueError(f"{reference} refers to itself, which a structural schema cannot")
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        target = known[reference.removeprefix("#/$defs/")]
        return _translated({**target, **beside}, known, (*within, reference))
    if (choices := schema.get("anyOf") or schema.get("oneOf")) is not None:
        return _one_of(schema, choices, known, within)
    found: Schema = {key: schema[key] for key in _KEPT if key in schema}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    for bound in ("Minimum", "Maximum"):
        if (limit := schema.get(f"exclusive{bound}")) is not None:
            found[bound.lower()], found[f"exclusive{bound}"] = limit, True
    if (pattern := schema.get("pattern")) is not None and not _NOT_IN_GO.search(pattern):
        found["pattern"] = pattern
    found["type"] = schema.get("type", "string")
    if found["type"] == "object":
        _add_object(found, schema, known, within)
    elif found["type"] == "array":
        found["items"] = _translated(schema.get("items", {}), known, within)
    return found


def _add_object(
    found: Schema, schema: Mapping[str, Any], known: Mapping[str, Any], within: tuple[str, ...]
) -> None:
    if properties := schema.get("properties"):
        found["properties"] = {
            name: _translated(each, known, within) for name, each in sorted(properties.items())
        }
        if required := schema.get("required"):
            found["required"] = sorted(required)
    elif isinstance(others := schema.get("additionalProperties"), Mapping):
        found["additionalProperties"] = _translated(others, known, within)
    else:
        found["x-kubernetes-preserve-unknown-fields"] = True


def _one_of(
    schema: Mapping[str, Any], choices: list[Any], known: Mapping[str, Any], within: tuple[str, ...]
) -> Schema:
    real = [choice for choice in choices if choice.get("type") != "null"]
    translated = [_translated(choice, known, within) for choice in real]
    if len(translated) == 1:
        found = translated[0]
    elif {choice["type"] for choice in translated} == {"string"}:
        found = {"type": "string"}
    elif {choice["type"] for choice in translated} == {"integer", "string"}:
        found = {"x-kubernetes-int-or-string": True}
    else:
        found = {"x-kubernetes-preserve-unknown-fields": True}
    if len(real) < len(choices):
        found["nullable"] = True
    if (said := schema.get("description")) is not None:
        found["description"] = said
    return found
