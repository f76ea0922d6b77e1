"""Nodes as gNMI updates, in the three encodings. Must not know where the values come from.

A leaf in JSON is a native scalar, a container is JSON. JSON is what protobuf makes of an encoding that the
client has not set, so it cannot be told from no wish at all; clients that set none (finsy's subscriptions,
Stratum's) expect scalars, as Stratum answers, and those that ask for JSON (gnmic, pygnmi) read both.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from finsy.proto import gnmi

from p4fabric.softswitch.gnmi.paths import Path, message
from p4fabric.softswitch.gnmi.tree import INTERFACE, QOS, REPORTS, SYSTEM, Node, Scalar
from p4fabric.softswitch.server.errors import unimplemented

JSON, PROTO, JSON_IETF = gnmi.Encoding.JSON, gnmi.Encoding.PROTO, gnmi.Encoding.JSON_IETF
ENCODINGS = (JSON_IETF, JSON, PROTO)


_TOPS = {"interfaces": INTERFACE, "qos": QOS, "system": SYSTEM, "queues": REPORTS}


def check_encoding(encoding: int) -> None:
    """`Refusal` (UNIMPLEMENTED) for one that this server has not."""
    if encoding not in ENCODINGS:
        known = ", ".join(gnmi.Encoding.Name(one) for one in ENCODINGS)
        raise unimplemented(f"encoding {encoding} is none of {known}")


def leaf_update(path: Path, node: Node, encoding: int) -> gnmi.Update:
    """One leaf."""
    update = gnmi.Update(path=message(path))
    value = update.val
    if encoding == JSON_IETF:
        value.json_ietf_val = _dump(_ietf(node))
    else:
        _set_scalar(value, node.content)
    return update


def tree_update(root: Path, nodes: Mapping[Path, Node], encoding: int) -> gnmi.Update:
    """All leaves below a node as one JSON value."""
    if list(nodes) == [root]:
        return leaf_update(root, nodes[root], encoding)
    update = gnmi.Update(path=message(root))
    ietf = encoding == JSON_IETF
    content = _dump(_nested(root, nodes, ietf))
    if ietf:
        update.val.json_ietf_val = content
    else:
        update.val.json_val = content
    return update


def _set_scalar(value: gnmi.TypedValue, scalar: Scalar) -> None:
    if isinstance(scalar, bool):
        value.bool_val = scalar
    elif isinstance(scalar, int):
        value.uint_val = scalar
    elif isinstance(scalar, bytes):
        value.bytes_val = scalar
    else:
        value.string_val = scalar


def _ietf(node: Node) -> Scalar:
    """RFC 7951: 64-bit numbers are strings, identities carry their module."""
    if node.leaf.identity:
        return f"{node.leaf.identity}:{node.value!s}"
    return str(node.value) if node.leaf.wide else _plain(node)


def _plain(node: Node) -> Scalar:
    """As JSON has it: bytes are text, in base64."""
    content = node.content
    return base64.b64encode(content).decode() if isinstance(content, bytes) else content


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _nested(root: Path, nodes: Mapping[Path, Node], ietf: bool) -> dict[str, Any]:
    top: dict[str, Any] = {}
    lists: dict[Path, dict[str, Any]] = {}
    for path, node in nodes.items():
        place = top
        above = _module(path[: len(root)], node) if len(root) > 1 else ""
        for at in range(len(root), len(path)):
            step, module = path[at], _module(path[: at + 1], node)
            # A member carries its module's name where that is another than its parent's, and at the top.
            named = f"{module}:{step.name}" if ietf and (module != above or at == len(root)) else step.name
            above = module
            if at == len(path) - 1:
                place[named] = _ietf(node) if ietf else _plain(node)
            elif step.keys:
                entry = lists.get(path[: at + 1])
                if entry is None:
                    entry = lists[path[: at + 1]] = {}
                    place.setdefault(named, []).append(entry)
                place = entry
            else:
                place = place.setdefault(named, {})
    return top


def _module(path: Path, node: Node) -> str:
    """The module that a node on the way to a leaf belongs to."""
    names = [step.name for step in path]
    if "ethernet" in names or names[-1] == node.leaf.path.rpartition("/")[2]:
        return node.leaf.module
    return _TOPS[names[0]]
