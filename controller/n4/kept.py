"""Sessions and associations as JSON, to be kept over restarts.

A value of a class is written as its class's name and what it holds; only classes of this package that are
named here are read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from types import ModuleType
from typing import Any, TypeVar

from p4fabric.controller.n4 import flows, plane, prepared, usage
from p4fabric.controller.n4.pfcp import flags, rules, schema
from p4fabric.controller.n4.pfcp import values as pfcp_values
from p4fabric.controller.n4.sessions import values as session_values

__all__ = ["dump", "load"]

T = TypeVar("T")


def _classes(*modules: ModuleType) -> dict[str, type[Any]]:
    found = (kind for module in modules for kind in vars(module).values() if isinstance(kind, type))
    return {
        kind.__name__: kind
        for kind in found
        if kind.__module__ in {module.__name__ for module in modules}
        and (is_dataclass(kind) or issubclass(kind, int | flows.PortRange))
    }


_ADDRESSES = {kind.__name__: kind for kind in (IPv4Address, IPv6Address, IPv4Network, IPv6Network)}
_CLASSES = _classes(flows, plane, prepared, usage, flags, rules, schema, pfcp_values, session_values)


def dump(value: object) -> Any:
    """What `load` reads: text, numbers, lists and mappings."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    name = kind.__name__
    match value:
        case bytes():
            return {"bytes": value.hex()}
        case IPv4Address() | IPv6Address() | IPv4Network() | IPv6Network():
            return {name: str(value)}
        case flows.PortRange():
            return {name: list(value)}
        case int():
            return {name: int(value)}
        case tuple():
            return [dump(one) for one in value]
        case frozenset():
            return {"set": sorted((dump(one) for one in value), key=str)}
        case Mapping():
            return {"map": [[dump(key), dump(one)] for key, one in value.items()]}
    if name not in _CLASSES:
        raise TypeError(f"{name} is not kept")
    return {name: {one.name: dump(getattr(value, one.name)) for one in fields(value)}}  # type: ignore[arg-type]


def load(document: Any, kind: type[T]) -> T:
    """The value that was written.

    Raises:
        ValueError: it is none, or not of the kind.
    """
    try:
        found = _load(document)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"it is not understood: {error}") from error
    if not isinstance(found, kind):
        raise ValueError(f"it is no {kind.__name__}")
    return found


def _load(document: Any) -> Any:
    if document is None or isinstance(document, bool | int | str):
        return document
    if isinstance(document, list):
        return tuple(_load(one) for one in document)
    ((name, held),) = document.items()
    if name == "bytes":
        return bytes.fromhex(held)
    if name == "set":
        return frozenset(_load(one) for one in held)
    if name == "map":
        return {_load(key): _load(one) for key, one in held}
    if name in _ADDRESSES:
        return _ADDRESSES[name](held)
    kind = _CLASSES[name]
    if kind is flows.PortRange:
        return flows.PortRange(*held)
    if issubclass(kind, Enum | int):
        return kind(held)
    return kind(**{key: _load(one) for key, one in held.items()})
