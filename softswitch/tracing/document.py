"""A trace as a JSON document, whose form is promised: docs/how-to/trace-a-packet.md describes it.

Numbers of up to 32 bits are numbers; wider ones are strings like 0x0a, since JSON readers round them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from softswitch.engine.trace import events as e
from softswitch.engine.trace.decode import VALID

Document: TypeAlias = dict[str, Any]
_LARGEST = (1 << 32) - 1


def trace_document(trace: e.PacketTrace) -> Document:
    """All of a trace."""
    return {
        "trace": trace.number,
        "truncated": trace.truncated,
        "events": [{"copy": one.copy, "after_ns": one.after_ns, **_step(one.step)} for one in trace.events],
    }


def _step(step: e.Step) -> Document:
    match step:
        case e.Received():
            return {"event": "received", "port": step.port, "frame": step.frame.hex()}
        case e.State():
            return {"event": "parser_state", "state": step.state}
        case e.Parsed():
            return {"event": "parsed", "error": step.error}
        case e.Condition():
            return {
                "event": "condition",
                "expression": step.expression,
                "source": step.place,
                "result": step.truth,
            }
        case e.Table():
            return _table(step)
        case e.Action():
            return {
                "event": "action",
                "action": step.action,
                "parameters": [_value(one) for one in step.parameters],
            }
        case e.Fields():
            return {"event": "fields", "changes": [_change(one) for one in step.changes]}
        case e.Cloned():
            return {"event": "cloned", "session": step.session}
        case e.Multicast():
            return {"event": "multicast", "group": step.group}
        case e.Copied():
            return {"event": "copied", "of": step.of}
        case e.Digested():
            return {"event": "digest", "digest": step.digest}
        case e.Queued():
            return {"event": "queued", "port": step.port, "priority": step.priority, "depth": step.depth}
        case e.Dequeued():
            return {
                "event": "dequeued",
                "port": step.port,
                "depth": step.depth,
                "microseconds": step.microseconds,
            }
        case e.Deparsed():
            return {"event": "deparsed", "frame": step.frame.hex()}
        case e.Again():
            return {"event": step.how}
        case e.Sent():
            return {"event": "sent", "port": step.port}
        case e.Dropped():
            return {"event": "dropped", "reason": step.reason, "by": step.by}


def _table(step: e.Table) -> Document:
    entry: Document | None = None
    if step.entry is not None:
        entry = {"match": [_matched(one) for one in step.entry], "priority": step.priority}
        if step.member is not None:
            entry["member"] = step.member
        if step.group is not None:
            entry["group"] = step.group
    return {
        "event": "table",
        "table": step.table,
        "hidden": step.hidden,
        "source": step.place,
        "key": [_value(one) for one in step.key],
        "hit": step.entry is not None,
        "entry": entry,
    }


def _value(one: e.Value) -> Document:
    return {"name": one.name, "bits": one.bitwidth, "value": _number(one.value)}


def _matched(one: e.Matched) -> Document:
    found = {"name": one.name, "bits": one.bitwidth, "value": _number(one.value)}
    if one.last is not None:
        return {**found, "last": _number(one.last)}
    return {**found, "mask": _number(one.mask)}


def _change(one: e.Change) -> Document:
    if one.field == VALID:
        return {"header": one.header, "valid": bool(one.new)}
    return {
        "header": one.header,
        "field": one.field,
        "bits": one.bitwidth,
        "old": None if one.old is None else _number(one.old),
        "new": _number(one.new),
    }


def _number(value: int) -> int | str:
    return value if value <= _LARGEST else f"{value:#x}"
