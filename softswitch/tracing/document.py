"""A trace as a JSON document, whose form is promised: docs/how-to/trace-a-packet.md describes it.

Numbers of up to 32 bits are numbers; wider ones are strings like 0x0a, since JSON readers round them. A value
that is known to be an address has its `format`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from p4fabric.softswitch.engine.trace import events as e
from p4fabric.softswitch.engine.trace.decode import VALID
from p4fabric.softswitch.tracing.formats import UNKNOWN, Format, Formats

Document: TypeAlias = dict[str, Any]
_LARGEST = (1 << 32) - 1


def trace_document(trace: e.PacketTrace, formats: Formats | None = None) -> Document:
    """All of a trace; `formats` are the program's."""
    form = _Document(formats)
    return {
        "trace": trace.number,
        "truncated": trace.truncated,
        "events": [
            {"copy": one.copy, "after_ns": one.after_ns, **form.step(one.step)} for one in trace.events
        ],
    }


class _Document:
    """The steps of one trace."""

    def __init__(self, formats: Formats | None) -> None:
        self._formats = formats or UNKNOWN

    def step(self, step: e.Step) -> Document:
        match step:
            case e.Table():
                return self._applied(step)
            case e.Action():
                return {
                    "event": "action",
                    "action": step.action,
                    "hidden": step.hidden,
                    "parameters": [
                        _value(
                            one,
                            self._formats.parameter(step.action, one.name, one.bitwidth),
                        )
                        for one in step.parameters
                    ],
                }
            case e.Fields():
                return {"event": "fields", "changes": [self._change(one) for one in step.changes]}
        return _plain(step)

    def _applied(self, step: e.Table) -> Document:
        forms = [self._formats.key(step.table, one.name, one.bitwidth) for one in step.key]
        entry: Document | None = None
        if step.entry is not None:
            matched = [_matched(one, form) for one, form in zip(step.entry, forms, strict=True)]
            entry = {"match": matched, "priority": step.priority}
            if step.member is not None:
                entry["member"] = step.member
            if step.group is not None:
                entry["group"] = step.group
        return {
            "event": "table",
            "table": step.table,
            "hidden": step.hidden,
            "source": step.place,
            "key": [_value(one, form) for one, form in zip(step.key, forms, strict=True)],
            "hit": step.entry is not None,
            "entry": entry,
        }

    def _change(self, one: e.Change) -> Document:
        if one.field == VALID:
            return {"header": one.header, "valid": bool(one.new)}
        form = self._formats.field(one.header, one.field, one.bitwidth)
        return {
            "header": one.header,
            "field": one.field,
            "bits": one.bitwidth,
            **_form(form),
            **({"hidden": True} if one.temporary else {}),
            "old": None if one.old is None else _number(one.old),
            "new": _number(one.new),
        }


def _plain(step: e.Step) -> Document:
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
        case e.Logged():
            return {"event": "log", "text": step.text, "source": step.place}
        case e.AssertFailed():
            return {"event": "assert_failed", "expression": step.expression, "source": step.place}
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
    raise AssertionError(f"{step} is written elsewhere")


def _form(form: Format | None) -> Document:
    return {"format": str(form)} if form is not None else {}


def _value(one: e.Value, form: Format | None) -> Document:
    return {"name": one.name, "bits": one.bitwidth, **_form(form), "value": _number(one.value)}


def _matched(one: e.Matched, form: Format | None) -> Document:
    found = {"name": one.name, "bits": one.bitwidth, **_form(form), "value": _number(one.value)}
    if one.last is not None:
        return {**found, "last": _number(one.last)}
    return {**found, "mask": _number(one.mask)}


def _number(value: int) -> int | str:
    return value if abs(value) <= _LARGEST else f"{value:#x}"
