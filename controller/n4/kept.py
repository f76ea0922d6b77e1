"""Sessions and associations as JSON, to be kept over restarts.

A value of a class is written as its class's name and what it holds; only classes of this package that are
named here are read again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from socket import inet_ntoa
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


def dump(value: object) -> str:
    """JSON in ASCII, which `load` reads once it is parsed. Of a class, what is by default is left out.

    It is written as text at once: a tree of it, for an encoder, would take twice as long.
    """
    return _DUMPERS[type(value)](value)


class _Dumpers(dict[type[Any], Callable[[Any], str]]):
    """By class, made when it is met first."""

    def __missing__(self, kind: type[Any]) -> Callable[[Any], str]:
        made = self[kind] = _dumper(kind)
        return made


_DUMPERS = _Dumpers(
    {type(None): lambda value: "null", bool: lambda value: "true" if value else "false", int: int.__repr__}
)
_DUMPERS[str] = encode_basestring_ascii


def _dumper(kind: type[Any]) -> Callable[[Any], str]:
    dumpers, before = _DUMPERS, f'{{"{kind.__name__}":'
    if issubclass(kind, bytes):
        return lambda value: f'{{"bytes":"{value.hex()}"}}'
    if kind is IPv4Address:
        return lambda value: f'{before}"{inet_ntoa(value.packed)}"}}'
    if kind in _ADDRESSES.values():
        return lambda value: f'{before}"{value}"}}'
    if issubclass(kind, flows.PortRange):
        return lambda value: f"{before}[{value.first},{value.last}]}}"
    if issubclass(kind, int):
        return lambda value: f"{before}{int.__repr__(value)}}}"
    if issubclass(kind, tuple):
        return lambda value: f"[{','.join([dumpers[type(one)](one) for one in value])}]"
    if issubclass(kind, frozenset):
        return lambda value: f'{{"set":[{",".join(sorted([dumpers[type(one)](one) for one in value]))}]}}'
    if issubclass(kind, Mapping):

        def dumped_mapping(value: Any) -> str:
            pairs = [f"[{dumpers[type(key)](key)},{dumpers[type(one)](one)}]" for key, one in value.items()]
            return f'{{"map":[{",".join(pairs)}]}}'

        return dumped_mapping
    if kind.__name__ not in _CLASSES:
        raise TypeError(f"{kind.__name__} is not kept")
    has = fields(kind)
    names, defaults = [f'"{one.name}":' for one in has], [_default(one) for one in has]
    held: Callable[[Any], tuple[Any, ...]] = (
        attrgetter(*[one.name for one in has])
        if len(has) > 1
        else lambda value: (getattr(value, has[0].name),)
    )

    def dumped(value: Any) -> str:
        told = [
            name + dumpers[type(found)](found)
            for found, default, name in zip(held(value), defaults, names, strict=True)
            if found is not default and (found or default is not _EMPTY)
        ]
        return f"{before}{{{','.join(told)}}}}}"

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
