"""Parts of API JSON that several kinds share, read leniently: what is not understood is None.

A reader never raises, whatever the JSON: the API server may be newer than this program. Who asks decides
what closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p4fabric.controller.labels import LabelSelector, Requirement
from p4fabric.controller.policy.rules import Direction, Protocol

__all__ = ["LISTS", "as_list", "as_mapping", "as_port", "read_labels", "read_protocol", "read_selector"]

LISTS = {Direction.INGRESS: ("ingress", "from"), Direction.EGRESS: ("egress", "to")}
"""What the rules of a direction, and their peers, are called."""
_OPERATORS = {"In": False, "NotIn": True, "Exists": False, "DoesNotExist": True}


def as_mapping(value: object) -> Mapping[str, Any]:
    """An object; anything else counts as an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> Sequence[Any]:
    """A list; anything else counts as an empty one."""
    return value if isinstance(value, list | tuple) else ()


def as_port(value: object) -> int | None:
    """The number of a port."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535 else None


def read_protocol(value: object) -> Protocol | None:
    """A protocol by its name; TCP if it is left out."""
    if value is None:
        return Protocol.TCP
    return Protocol.__members__.get(value) if isinstance(value, str) else None


def read_labels(body: Mapping[str, Any]) -> dict[str, str]:
    """The labels of an object."""
    labels = as_mapping(as_mapping(body.get("metadata")).get("labels"))
    return {key: value for key, value in labels.items() if isinstance(key, str) and isinstance(value, str)}


def read_selector(value: object) -> LabelSelector | None:
    """A `LabelSelector` (meta/v1), requirements in a fixed order, so that equal ones are one."""
    if not isinstance(value, Mapping) or value.keys() - {"matchLabels", "matchExpressions"}:
        return None
    found: set[Requirement] = set()
    labels, expressions = value.get("matchLabels"), value.get("matchExpressions")
    if not isinstance(labels, Mapping | None) or not isinstance(expressions, list | tuple | None):
        return None
    for key, text in (labels or {}).items():
        if not isinstance(key, str) or not isinstance(text, str):
            return None
        found.add(Requirement(key, frozenset((text,)), False))
    for expression in expressions or ():
        if (requirement := _read_requirement(expression)) is None:
            return None
        found.add(requirement)
    return LabelSelector(tuple(sorted(found, key=_order)))


def _read_requirement(value: object) -> Requirement | None:
    if not isinstance(value, Mapping) or value.keys() - {"key", "operator", "values"}:
        return None
    key, operator, values = value.get("key"), value.get("operator"), value.get("values")
    if not isinstance(key, str) or not isinstance(operator, str) or operator not in _OPERATORS:
        return None
    if operator in ("In", "NotIn"):
        if not isinstance(values, list | tuple) or not values or not all(isinstance(v, str) for v in values):
            return None
        return Requirement(key, frozenset(values), _OPERATORS[operator])
    return Requirement(key, None, _OPERATORS[operator]) if not values else None


def _order(requirement: Requirement) -> tuple[str, bool, list[str]]:
    return requirement.key, requirement.negated, sorted(requirement.values or ())
