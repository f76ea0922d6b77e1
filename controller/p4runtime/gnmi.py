"""gNMI's messages, as far as a controller subscribes: paths, values, how a stream ends.

This module does not know what is subscribed to.
"""

from __future__ import annotations

import json
import re
from typing import TypeAlias

import grpc
from finsy.proto import gnmi

__all__ = [
    "MOST_INTERFACES",
    "Call",
    "add_path",
    "interface_of",
    "is_up",
    "key_of",
    "number",
    "raise_end",
    "subscribe",
    "text",
]

Call: TypeAlias = "grpc.aio.StreamStreamCall[gnmi.SubscribeRequest, gnmi.SubscribeResponse]"

MOST_INTERFACES = 1024
"""A switch has at most 511 ports; one that names more interfaces than this is not believed."""
_ELEMENT = re.compile(r"([^/\[]+)(?:\[([^=]+)=([^\]]*)\])?")
_JSON, _SCALARS = ("json_val", "json_ietf_val"), ("uint_val", "int_val", "string_val")


def subscribe(request: gnmi.SubscribeRequest, path: str, mode: int, *, interval: float = 0.0) -> None:
    """Add a path, such as `/interfaces/interface[name=*]/state`, to a subscription.

    Args:
        request: added to.
        path: from the root, with at most one key an element.
        mode: `SAMPLE` or `ON_CHANGE`.
        interval: seconds between samples.
    """
    subscription = request.subscribe.subscription.add(mode=mode, sample_interval=int(interval * 1e9))
    add_path(subscription.path, path)


def add_path(message: gnmi.Path, path: str) -> None:
    """Write a path into a message."""
    for name, key, value in _ELEMENT.findall(path):
        message.elem.add(name=name, key={key: value} if key else {})


def interface_of(prefix: gnmi.Path, path: gnmi.Path) -> str:
    """The name of the interface that a path leads through, below `/interfaces` or `/qos`.

    Raises:
        ValueError: it leads through none.
    """
    for key in ("name", "interface-id"):
        if (name := key_of(prefix, path, "interface", key)) is not None:
            return name
    raise ValueError("received a path that names no interface")


def key_of(prefix: gnmi.Path, path: gnmi.Path, element: str, key: str) -> str | None:
    """The value of an element's key, or None where a path does not lead through such an element."""
    for one in (*prefix.elem, *path.elem):
        if one.name == element and key in one.key:
            return str(one.key[key])
    return None


def number(value: gnmi.TypedValue) -> int:
    """An integer, in whatever encoding it came.

    Raises:
        ValueError: it is none.
    """
    kind = value.WhichOneof("value")
    if kind in _JSON:
        return int(json.loads(getattr(value, kind)))
    if kind in _SCALARS:
        return int(getattr(value, kind))
    raise ValueError(f"a number came as {kind}")


def text(value: gnmi.TypedValue) -> str:
    """A string or an identity, without its module, in whatever encoding it came."""
    kind = value.WhichOneof("value")
    found = json.loads(getattr(value, kind)) if kind in _JSON else getattr(value, kind or "string_val")
    return str(found).rpartition(":")[2]


def is_up(value: gnmi.TypedValue) -> bool | None:
    """An `oper-status`: whether the port can send; None where the switch does not know."""
    status = text(value)
    return None if status == "UNKNOWN" else status == "UP"


async def raise_end(call: Call) -> None:
    """Raise what a stream ended with, if it was not well."""
    code = await call.code()
    if code is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            code, await call.initial_metadata(), await call.trailing_metadata(), details=await call.details()
        )
