"""Sessions and associations as JSON, to be kept over restarts.

A value of a class is written as its class's name and what it holds; only classes of this package that are
named here are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
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
    """What `load` reads: text, numbers, lists and mappings. Of a class, what is by default is left out."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    dumper = _DUMPERS.get(kind)
    if dumper is None:
        dumper = _DUMPERS[kind] = _dumper(kind)
    return dumper(value)


_AS_IT_IS = frozenset((type(None), bool, int, str))
_DUMPERS: dict[type[Any], Callable[[Any], Any]] = {}
"""By class, made when it is met first."""


def _dumper(kind: type[Any]) -> Callable[[Any], Any]:
    name = kind.__name__
    if issubclass(kind, bytes):
        return lambda value: {"bytes": value.hex()}
    if kind in _ADDRESSES.values():
        return lambda value: {name: str(value)}
    if issubclass(kind, flows.PortRange):
        return lambda value: {name: list(value)}
    if issubclass(kind, int):
        return lambda value: {name: int(value)}
    if issubclass(kind, tuple):
        return lambda value: [dump(one) for one in value]
    if issubclass(kind, frozenset):
        return lambda value: {"set": sorted((dump(one) for one in value), key=str)}
    if issubclass(kind, Mapping):
        return lambda value: {"map": [[dump(key), dump(one)] for key, one in value.items()]}
    if name not in _CLASSES:
        raise TypeError(f"{name} is not kept")
    has = tuple((one.name, _default(one)) for one in fields(kind))

    def dumped(value: Any) -> Any:
        told = {}
        for field, default in has:
            found = getattr(value, field)
            if found is not default and (found or default is not _EMPTY):
                told[field] = dump(found)
        return {name: told}

    return dumped


_EMPTY = object()
"""Stands for something empty that is made anew for each value."""


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else _EMPTY


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
